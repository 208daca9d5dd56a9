package fs

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"matterfs/crypto"
)

// Open implements fuse.RawFileSystem.
func (f *front) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if errno := f.turn(&in.InHeader, cancel); errno != 0 {
		return fuse.Status(errno)
	}
	if !isOwn(in.NodeId) {
		return f.fileSystem.Open(cancel, in, out)
	}
	r, errno := f.enterOwn(mOpen, &in.InHeader)
	want := openingOf(in.Flags)
	if errno == 0 && (want.write || want.trunc) {
		errno = r.fixedOwn()
	}
	if errno != 0 {
		return fuse.Status(errno)
	}
	id := f.handles.reserve()
	rec := r.record("ok")
	rec.H, rec.Flags = id, want.String()
	if errno = r.commit(rec, nil); errno == 0 {
		errno = r.lasting(cancel)
	}
	if errno != 0 {
		return fuse.Status(errno)
	}
	text, _ := f.refusedText(in.Uid)
	f.mu.Lock()
	f.open[id] = ownHandle{in.NodeId, text}
	f.mu.Unlock()
	out.Fh, out.OpenFlags = id, fuse.FOPEN_DIRECT_IO|fuse.FOPEN_NOFLUSH
	return fuse.OK
}

// Read implements fuse.RawFileSystem. A mapping is refused: its pages would stay.
func (f *front) Read(cancel <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	if errno := f.turnToRead(in, cancel); errno != 0 {
		return nil, fuse.Status(errno)
	}
	if !isOwn(in.NodeId) {
		return f.fileSystem.Read(cancel, in, buf)
	}
	r, errno := f.enterOwn(mRead, &in.InHeader)
	if errno == 0 && in.ReadFlags&fuse.READ_LOCKOWNER == 0 {
		errno = r.refuse("level.mapping", "an own folder is not mapped", syscall.EACCES)
	}
	f.mu.Lock()
	h, ok := f.open[in.Fh]
	f.mu.Unlock()
	if errno == 0 && (!ok || h.node != in.NodeId) {
		errno = syscall.EBADF
	}
	if errno != 0 {
		return nil, fuse.Status(errno)
	}
	n := copy(buf[:min(int(in.Size), len(buf))], h.text[min(in.Offset, uint64(len(h.text))):])
	rec := r.record("ok")
	rec.H, rec.Off, rec.Len, rec.HasRange = in.Fh, int64(in.Offset), int64(n), true
	if errno = r.commit(rec, nil); errno != 0 {
		return nil, fuse.Status(errno)
	}
	return fuse.ReadResultData(buf[:n]), fuse.OK
}

// Lseek implements fuse.RawFileSystem: a list has no holes to look for.
func (f *front) Lseek(cancel <-chan struct{}, in *fuse.LseekIn, out *fuse.LseekOut) fuse.Status {
	if !isOwn(in.NodeId) {
		return f.fileSystem.Lseek(cancel, in, out)
	}
	_, errno := f.enterOwn(mLseek, &in.InHeader)
	if errno == 0 {
		errno = syscall.EINVAL
	}
	return fuse.Status(errno)
}

// Flush implements fuse.RawFileSystem.
func (f *front) Flush(cancel <-chan struct{}, in *fuse.FlushIn) fuse.Status {
	if isOwn(in.NodeId) {
		return fuse.OK
	}
	return f.fileSystem.Flush(cancel, in)
}

// Release implements fuse.RawFileSystem.
func (f *front) Release(cancel <-chan struct{}, in *fuse.ReleaseIn) {
	if !isOwn(in.NodeId) {
		f.fileSystem.Release(cancel, in)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, in.Fh)
}

// OpenDir implements fuse.RawFileSystem.
func (f *front) OpenDir(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if errno := f.turn(&in.InHeader, cancel); errno != 0 {
		return fuse.Status(errno)
	}
	if !isOwn(in.NodeId) {
		return f.fileSystem.OpenDir(cancel, in, out)
	}
	r, errno := f.enterOwn(mOpenDir, &in.InHeader)
	if errno == 0 {
		errno = r.commit(r.record("ok"), nil)
	}
	if errno == 0 {
		errno = r.lasting(cancel)
	}
	return fuse.Status(errno)
}

// ReleaseDir implements fuse.RawFileSystem.
func (f *front) ReleaseDir(in *fuse.ReleaseIn) {
	if !isOwn(in.NodeId) {
		f.fileSystem.ReleaseDir(in)
	}
}

// ReadDir implements fuse.RawFileSystem.
func (f *front) ReadDir(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	if !isOwn(in.NodeId) {
		return f.fileSystem.ReadDir(cancel, in, out)
	}
	return f.listOwn(mReadDir, in, out.AddDirEntry)
}

// ReadDirPlus implements fuse.RawFileSystem. The names come without attributes, which the
// kernel is not to keep.
func (f *front) ReadDirPlus(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	if !isOwn(in.NodeId) {
		return f.fileSystem.ReadDirPlus(cancel, in, out)
	}
	return f.listOwn(mReadDirPlus, in, func(de fuse.DirEntry) bool { return out.AddDirLookupEntry(de) != nil })
}

// listOwn lists an own folder from in.Offset on.
func (f *front) listOwn(m method, in *fuse.ReadIn, add func(fuse.DirEntry) bool) fuse.Status {
	if _, errno := f.enterOwn(m, &in.InHeader); errno != 0 {
		return fuse.Status(errno)
	}
	list := []fuse.DirEntry{
		{Name: ".", Mode: typeBits(crypto.Dir), Ino: in.NodeId},
		{Name: "..", Mode: typeBits(crypto.Dir), Ino: fuse.FUSE_ROOT_ID},
		{Name: refusedFile, Mode: typeBits(crypto.File), Ino: ownRefused | uint64(in.Uid)},
	}
	for i := in.Offset; i < uint64(len(list)); i++ {
		list[i].Off = i + 1
		if !add(list[i]) {
			break
		}
	}
	return fuse.OK
}
