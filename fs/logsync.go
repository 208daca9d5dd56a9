package fs

import (
	"errors"
	"syscall"

	"matterfs/audit"
)

// Where a level or the firm asks for it, nothing is opened before the record of it is on the medium: a power cut then takes no
// record that is the only trace of somebody who read. OPEN and OPENDIR (which stands for the listing) wait for it. A waiting
// CREATE would hold the folder for everybody, and gives nothing away: what it made is empty. So it is the first READ of a handle
// that came from CREATE that waits.

// wantsLasting tells whether the record of what was last decided is to be on the medium before an answer.
func (r *request) wantsLasting() bool { return r.fs.opts.SyncOpens || r.dec.LogSync }

// lasting waits, where that is asked for, until the record last committed is on the medium.
func (r *request) lasting(cancel <-chan struct{}) syscall.Errno {
	if !r.wantsLasting() {
		return 0
	}
	return r.fs.onMedium(r.got.Seq, cancel)
}

// lastingHandle waits until the record of the CREATE that a handle came from is on the medium.
func (f *fileSystem) lastingHandle(h *handle, cancel <-chan struct{}) syscall.Errno {
	seq := h.unsynced.Load()
	if seq == 0 {
		return 0
	}
	errno := f.onMedium(seq, cancel)
	if errno == 0 {
		h.unsynced.Store(0)
	}
	return errno
}

// onMedium waits, without any lock, for what others wait for too. The record stands in the log also when that fails.
func (f *fileSystem) onMedium(seq uint64, cancel <-chan struct{}) syscall.Errno {
	switch err := f.opts.Audit.Durable(seq, cancel); {
	case err == nil:
		return 0
	case errors.Is(err, audit.ErrInterrupted):
		return syscall.EINTR
	}
	return syscall.EIO
}
