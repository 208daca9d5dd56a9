package store

import (
	"errors"
	"syscall"

	"matterfs/crypto"
)

// A failed fsync is not repeated: the kernel takes the pages that it could not
// write for clean, and the next fsync would say that all is well. So the content
// stays failed: nothing of it is written, synced or brought into place any more,
// and its journal stays. It is read, and it can be unlinked. When it is next
// opened or loaded, without a handle on it, the kernel is made to forget it, and
// recovery looks at what is on the disk, as after a power cut.

// SyncError says that an fsync of a file failed earlier, or that a change of it
// panicked, and that the file has been open since: what was written to it after
// the last fsync that worked may be lost, however often fsync is repeated. It is
// an EIO.
type SyncError struct {
	Err error // what failed, the first time
}

func (e *SyncError) Error() string {
	return "store: refused since an earlier failure: " + e.Err.Error()
}

// errPanicked: what a file is in memory is not what it should be.
var errPanicked = errors.New("a change of the file panicked")

// Is reports whether target is EIO, whatever the first error was.
func (e *SyncError) Is(target error) bool { return target == syscall.EIO }

// sound returns a *SyncError if an fsync failed since the file was last read from
// the disk.
func (c *content) sound() error {
	if e := c.failed.Load(); e != nil {
		return e
	}
	return nil
}

// fsync is f.Sync for the file or its journal.
func (c *content) fsync(f File, full bool) error {
	if err := c.sound(); err != nil {
		return err
	}
	err := f.Sync(full)
	if err != nil && !c.o.s.opts.breaks.syncAgain {
		c.fail(err)
	}
	return err
}

// fail refuses changes of the file until it was closed and read again.
func (c *content) fail(err error) {
	if c.failed.CompareAndSwap(nil, &SyncError{err}) {
		c.o.s.suspect(c.o.id)
		c.o.s.log("a file is not written to until it was closed", "object", c.o.id.String(), "err", err)
	}
}

// poison is deferred by what changes a file. When that panics, half a change may
// be in memory: nothing of it may reach the disk.
func (c *content) poison(whole *bool) {
	if !*whole {
		c.fail(errPanicked)
	}
}

// suspect remembers that an object is not as durable as the kernel says. What
// was never durable may be missing, as after a power cut.
func (s *Store) suspect(id crypto.ID) {
	s.freshMu.Lock()
	defer s.freshMu.Unlock()
	s.suspects[id] = struct{}{}
	s.syncFailed = true
	s.unclean.Store(true)
}

func (s *Store) isSuspect(id crypto.ID) bool {
	s.freshMu.Lock()
	defer s.freshMu.Unlock()
	_, ok := s.suspects[id]
	return ok
}

func (s *Store) unsuspect(id crypto.ID) {
	s.freshMu.Lock()
	defer s.freshMu.Unlock()
	delete(s.suspects, id)
}

// leaveLive reports whether the mark of an open store is to stay after Close, so
// that the next Open takes headers that were never written for what they are.
func (s *Store) leaveLive() bool {
	s.freshMu.Lock()
	defer s.freshMu.Unlock()
	return s.syncFailed
}

// fromDisk reads the header again, from the disk, where the kernel may show what
// is not there: after a failed fsync, of this process or of one that died since.
func (d *Object) fromDisk(dir Dir, stored string, f File, h *header, b []byte) (*header, error) {
	s := h.slot()
	inUse := d.s.unclean.Load() && (s.Flags&flagTail != 0 || hasJournal(dir, stored))
	if !inUse && !d.s.isSuspect(s.Object) {
		return h, nil
	}
	if err := f.DropCache(); err != nil {
		return nil, err
	}
	n, err := f.ReadAt(b, 0)
	if err != nil {
		return nil, err
	}
	if d.s.neverWritten(b[:n]) {
		return nil, errNeverWritten
	}
	return openHeader(d.m, b[:n])
}

func hasJournal(dir Dir, stored string) bool {
	_, err := dir.StatAt(journalName(stored))
	return !isGone(err)
}

// reread ends the failure of a file that nobody has open: it is loaded anew. What
// somebody has open others may open too, and read.
func (c *content) reread(f File) error {
	c.freeze()
	defer c.thaw()
	c.mu.Lock()
	defer c.mu.Unlock()
	failed := c.sound()
	if failed == nil || c.f != nil {
		return nil
	}
	dir, stored, done, err := c.o.place()
	if err != nil {
		return err
	}
	defer done()
	if c.o.Unlinked() {
		return failed
	}
	c.closeJournal()
	did, err := c.reload(dir, stored, f)
	if err != nil {
		return err
	}
	for _, r := range did {
		r.Path = c.o.Path()
		c.o.s.recovered(r)
	}
	return nil
}

// reload is load for a content that is live. mu is held.
func (c *content) reload(dir Dir, stored string, f File) ([]Recovery, error) {
	parent, _ := c.o.at()
	b := make([]byte, crypto.HeaderSize)
	if _, err := f.ReadAt(b, 0); err != nil {
		return nil, err
	}
	h, err := openHeader(c.o.m, b)
	if err == nil {
		h, err = parent.fromDisk(dir, stored, f, h, b)
	}
	if isDiskError(err) {
		return nil, err
	}
	if err != nil {
		return nil, c.o.corrupt(err, "header after a failed fsync")
	}
	if h.slot().Object != c.o.id || !h.isIn(parent.id) {
		return nil, c.o.corrupt(nil, "it is not what it was before a failed fsync")
	}
	old := c.failed.Swap(nil)
	c.begin(*h.slot(), h.at)
	did, err := c.repair(dir, stored, f, h, parent.id)
	if err != nil {
		c.failed.CompareAndSwap(nil, old)
		return nil, parent.repairError(c.o.name, err)
	}
	c.o.s.unsuspect(c.o.id)
	return did, nil
}
