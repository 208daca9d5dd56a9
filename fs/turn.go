package fs

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// turn lets a request of a uid that is over its budget of records wait. It is asked before anything is decided, so that what is
// decided is not old when it is answered. The methods that come here are OPEN, OPENDIR, READ, GETXATTR and READLINK: the kernel
// holds no lock for them that others need, but that of a page for a READ which fills one.
func (f *fileSystem) turn(hdr *fuse.InHeader, cancel <-chan struct{}) syscall.Errno {
	return f.budgets.wait(hdr.Uid, budgetSaved, cancel)
}

// turnToRead is turn for READ.
func (f *fileSystem) turnToRead(in *fuse.ReadIn, cancel <-chan struct{}) syscall.Errno {
	if in.ReadFlags&fuse.READ_LOCKOWNER == 0 {
		return f.budgets.wait(in.Uid, fillWaits, cancel)
	}
	return f.turn(&in.InHeader, cancel)
}

// Readlink implements fuse.RawFileSystem.
func (f *front) Readlink(cancel <-chan struct{}, hdr *fuse.InHeader) ([]byte, fuse.Status) {
	if errno := f.turn(hdr, cancel); errno != 0 {
		return nil, fuse.Status(errno)
	}
	return f.fileSystem.Readlink(cancel, hdr)
}
