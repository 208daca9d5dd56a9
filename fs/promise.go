package fs

import "github.com/hanwen/go-fuse/v2/fuse"

// changes are the methods that change something. The log holds room for the record of each that is under way, so that nothing is
// changed whose record does not fit. The methods below say when one begins and ends; a test compares them with this table.
var changes = [methods]bool{
	mSetAttr: true, mMknod: true, mMkdir: true, mUnlink: true, mRmdir: true, mRename: true, mSymlink: true, mSetXAttr: true,
	mRemoveXAttr: true, mCreate: true, mWrite: true, mCopyFileRange: true, mFallocate: true,
}

// changing begins a change; the returned function ends it.
func (f *front) changing() (end func()) {
	f.opts.Audit.Begin()
	return f.opts.Audit.End
}

// SetAttr implements fuse.RawFileSystem.
func (f *front) SetAttr(cancel <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	defer f.changing()()
	return f.fileSystem.SetAttr(cancel, in, out)
}

// Mknod implements fuse.RawFileSystem.
func (f *front) Mknod(cancel <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	defer f.changing()()
	return f.fileSystem.Mknod(cancel, in, name, out)
}

// Mkdir implements fuse.RawFileSystem.
func (f *front) Mkdir(cancel <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	defer f.changing()()
	return f.fileSystem.Mkdir(cancel, in, name, out)
}

// Unlink implements fuse.RawFileSystem.
func (f *front) Unlink(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	defer f.changing()()
	return f.fileSystem.Unlink(cancel, in, name)
}

// Rmdir implements fuse.RawFileSystem.
func (f *front) Rmdir(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	defer f.changing()()
	return f.fileSystem.Rmdir(cancel, in, name)
}

// Rename implements fuse.RawFileSystem.
func (f *front) Rename(cancel <-chan struct{}, in *fuse.RenameIn, oldName, newName string) fuse.Status {
	defer f.changing()()
	return f.fileSystem.Rename(cancel, in, oldName, newName)
}

// Symlink implements fuse.RawFileSystem.
func (f *front) Symlink(cancel <-chan struct{}, in *fuse.InHeader, pointedTo, name string, out *fuse.EntryOut) fuse.Status {
	defer f.changing()()
	return f.fileSystem.Symlink(cancel, in, pointedTo, name, out)
}

// SetXAttr implements fuse.RawFileSystem.
func (f *front) SetXAttr(cancel <-chan struct{}, in *fuse.SetXAttrIn, name string, data []byte) fuse.Status {
	defer f.changing()()
	return f.fileSystem.SetXAttr(cancel, in, name, data)
}

// RemoveXAttr implements fuse.RawFileSystem.
func (f *front) RemoveXAttr(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	defer f.changing()()
	return f.fileSystem.RemoveXAttr(cancel, in, name)
}

// Create implements fuse.RawFileSystem.
func (f *front) Create(cancel <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	defer f.changing()()
	return f.fileSystem.Create(cancel, in, name, out)
}

// Write implements fuse.RawFileSystem.
func (f *front) Write(cancel <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	defer f.changing()()
	return f.fileSystem.Write(cancel, in, data)
}

// CopyFileRange implements fuse.RawFileSystem.
func (f *front) CopyFileRange(cancel <-chan struct{}, in *fuse.CopyFileRangeIn) (uint32, fuse.Status) {
	defer f.changing()()
	return f.fileSystem.CopyFileRange(cancel, in)
}

// Fallocate implements fuse.RawFileSystem.
func (f *front) Fallocate(cancel <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	defer f.changing()()
	return f.fileSystem.Fallocate(cancel, in)
}
