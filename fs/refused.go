package fs

import "github.com/hanwen/go-fuse/v2/fuse"

// The requests that the drive does not serve, whoever asks; table says why.

// Link implements fuse.RawFileSystem: one name, one object, so that history can follow it.
func (f *fileSystem) Link(_ <-chan struct{}, in *fuse.LinkIn, _ string, _ *fuse.EntryOut) fuse.Status {
	return f.refused(mLink, &in.InHeader)
}

// Tmpfile implements fuse.RawFileSystem.
func (f *fileSystem) Tmpfile(_ <-chan struct{}, in *fuse.CreateIn, _ *fuse.CreateOut) fuse.Status {
	return f.refused(mTmpfile, &in.InHeader)
}

// Ioctl implements fuse.RawFileSystem.
func (f *fileSystem) Ioctl(_ <-chan struct{}, in *fuse.IoctlIn, _ []byte, _ *fuse.IoctlOut, _ []byte) fuse.Status {
	return f.refused(mIoctl, &in.InHeader)
}

// GetLk implements fuse.RawFileSystem: locks stay with the kernel, which never asks.
func (f *fileSystem) GetLk(_ <-chan struct{}, in *fuse.LkIn, _ *fuse.LkOut) fuse.Status {
	return f.refused(mGetLk, &in.InHeader)
}

// SetLk implements fuse.RawFileSystem.
func (f *fileSystem) SetLk(_ <-chan struct{}, in *fuse.LkIn) fuse.Status {
	return f.refused(mSetLk, &in.InHeader)
}

// SetLkw implements fuse.RawFileSystem.
func (f *fileSystem) SetLkw(_ <-chan struct{}, in *fuse.LkIn) fuse.Status {
	return f.refused(mSetLkw, &in.InHeader)
}

func (f *fileSystem) refused(m method, hdr *fuse.InHeader) fuse.Status {
	_, errno := f.enter(m, hdr)
	if errno == 0 { // a row that is not classRefused: still not served
		return fuse.EPERM
	}
	return fuse.Status(errno)
}

// String implements fuse.RawFileSystem.
func (f *fileSystem) String() string { return "matterfs" }

// SetDebug implements fuse.RawFileSystem; go-fuse's debug output would show names.
func (f *fileSystem) SetDebug(bool) {}

// Init implements fuse.RawFileSystem.
func (f *fileSystem) Init(*fuse.Server) {}

// OnUnmount implements fuse.RawFileSystem.
func (f *fileSystem) OnUnmount() {}
