package fs

import (
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"matterfs/crypto"
	"matterfs/crypto/store"
	"matterfs/policy"
)

// cacheFor is how long the kernel may keep names and attributes inside a matter. Every
// change goes through this mount, so the kernel learns of each.
const cacheFor = time.Hour

// typeBits are the file type bits of a kind.
func typeBits(k crypto.Kind) uint32 {
	switch k {
	case crypto.Dir:
		return syscall.S_IFDIR
	case crypto.Symlink:
		return syscall.S_IFLNK
	}
	return syscall.S_IFREG
}

// fillAttr writes an object's attributes in the kernel's form.
func fillAttr(out *fuse.Attr, o *store.Object, a *store.Attr) {
	*out = fuse.Attr{
		Ino: o.Ino(), Size: a.Size, Blocks: a.Blocks, Blksize: crypto.BlockSize,
		Mode: typeBits(a.Kind) | a.Mode&07777, Nlink: a.Nlink, Owner: fuse.Owner{Uid: a.UID, Gid: a.GID},
	}
	out.Atime, out.Atimensec = stamp(a.Atime)
	out.Mtime, out.Mtimensec = stamp(a.Mtime)
	out.Ctime, out.Ctimensec = stamp(a.Ctime)
}

// stamp splits a time as the kernel wants it.
func stamp(t time.Time) (sec uint64, nsec uint32) {
	return uint64(t.Unix()), uint32(t.Nanosecond())
}

// rootAttr is the same for everybody and for ever: neither size, links nor times tell how
// many matters there are or when one was made.
func (f *fileSystem) rootAttr(out *fuse.Attr) {
	*out = fuse.Attr{Ino: fuse.FUSE_ROOT_ID, Mode: syscall.S_IFDIR | 0o755, Nlink: 1, Size: crypto.BlockSize, Blksize: crypto.BlockSize}
	out.Atime, out.Atimensec = stamp(f.started)
	out.Mtime, out.Mtimensec = stamp(f.started)
	out.Ctime, out.Ctimensec = stamp(f.started)
}

// boundary reports whether a name must be looked up on each walk: a matter's root, a folder
// that carries a level of its own, and whatever stands where a rule of the policy points,
// differ by caller.
func (f *fileSystem) boundary(o *store.Object) bool {
	if f.state.Load().policy.Pinned(o.Matter(), o.Path()) {
		return true
	}
	if o.Kind() != crypto.Dir {
		return false
	}
	parent, _ := o.Location()
	if parent == nil {
		return true // a matter's root, or a folder that has no name any more
	}
	defer parent.Release()
	return len(o.Levels()) > len(parent.Levels())
}

// attrTimeout is how long the kernel may keep the attributes of o.
func (f *fileSystem) attrTimeout(o *store.Object) time.Duration {
	if f.boundary(o) && f.off.on(checkBoundary) {
		return 0
	}
	return cacheFor
}

// fillEntry learns a node for o (taking over the reference) and describes it.
func (f *fileSystem) fillEntry(out *fuse.EntryOut, o *store.Object) (*node, error) {
	a, err := o.Attr()
	if err != nil {
		o.Release()
		return nil, err
	}
	timeout := f.attrTimeout(o)
	fillAttr(&out.Attr, o, &a)
	n := f.nodes.learn(o, a.UID)
	out.NodeId, out.Generation = n.id, 1
	out.SetEntryTimeout(timeout)
	out.SetAttrTimeout(timeout)
	return n, nil
}

// GetAttr implements fuse.RawFileSystem.
func (f *fileSystem) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	r, errno := f.enter(mGetAttr, &in.InHeader)
	if errno == 0 {
		errno = r.allowNode(policy.OpGetattr)
	}
	if errno != 0 {
		return fuse.Status(errno)
	}
	if _, err := f.attrOut(r.node, out); err != nil {
		return status(err)
	}
	return fuse.Status(r.still())
}

// attrOut answers with the attributes of a node, and tells when it was born.
func (f *fileSystem) attrOut(n *node, out *fuse.AttrOut) (birth time.Time, err error) {
	if n.isRoot() {
		f.rootAttr(&out.Attr)
		return f.started, nil
	}
	a, err := n.obj.Attr()
	if err != nil {
		return time.Time{}, err
	}
	fillAttr(&out.Attr, n.obj, &a)
	out.SetTimeout(f.attrTimeout(n.obj))
	return a.Birth, nil
}

// Statx implements fuse.RawFileSystem. It adds the birth time to what GetAttr tells.
func (f *fileSystem) Statx(_ <-chan struct{}, in *fuse.StatxIn, out *fuse.StatxOut) fuse.Status {
	r, errno := f.enter(mStatx, &in.InHeader)
	if errno == 0 {
		errno = r.allowNode(policy.OpGetattr)
	}
	if errno != 0 {
		return fuse.Status(errno)
	}
	var attr fuse.AttrOut
	birth, err := f.attrOut(r.node, &attr)
	if err != nil {
		return status(err)
	}
	out.AttrValid, out.AttrValidNsec = attr.AttrValid, attr.AttrValidNsec
	fillStatx(&out.Statx, &attr.Attr, birth)
	return fuse.Status(r.still())
}

// Bits of statx(2)'s mask: all basic fields, and the birth time.
const statxBasicAndBirth = 0x7ff | 0x800

func fillStatx(out *fuse.Statx, a *fuse.Attr, birth time.Time) {
	out.Mask = statxBasicAndBirth
	out.Blksize, out.Nlink, out.Uid, out.Gid, out.Mode = a.Blksize, a.Nlink, a.Uid, a.Gid, uint16(a.Mode)
	out.Ino, out.Size, out.Blocks = a.Ino, a.Size, a.Blocks
	out.Atime = fuse.SxTime{Sec: a.Atime, Nsec: a.Atimensec}
	out.Mtime = fuse.SxTime{Sec: a.Mtime, Nsec: a.Mtimensec}
	out.Ctime = fuse.SxTime{Sec: a.Ctime, Nsec: a.Ctimensec}
	out.Btime.Sec, out.Btime.Nsec = stamp(birth)
}

// Access implements fuse.RawFileSystem: access(2) and chdir(2) ask the policy, not the mode
// bits, except that a file without an x bit is not executable.
func (f *fileSystem) Access(_ <-chan struct{}, in *fuse.AccessIn) fuse.Status {
	r, errno := f.enter(mAccess, &in.InHeader)
	if errno != 0 {
		return fuse.Status(errno)
	}
	if r.node.isRoot() {
		if errno = r.allowRoot(); errno == 0 && in.Mask&2 != 0 {
			errno = syscall.EACCES
		}
		return fuse.Status(errno)
	}
	op := policy.OpGetattr
	if in.Mask&2 != 0 {
		op = policy.OpWrite
	}
	if errno = r.allowNode(op); errno != 0 || in.Mask&1 == 0 || r.node.obj.Kind() != crypto.File {
		return fuse.Status(errno)
	}
	a, err := r.node.obj.Attr()
	if err == nil && a.Mode&0o111 == 0 {
		return fuse.EACCES
	}
	return status(err)
}

// StatFs implements fuse.RawFileSystem.
func (f *fileSystem) StatFs(_ <-chan struct{}, in *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	r, errno := f.enter(mStatFs, in)
	if errno == 0 {
		errno = r.allowRoot()
	}
	if errno != 0 {
		return fuse.Status(errno)
	}
	s, err := f.opts.Store.StatFS()
	if err != nil {
		return status(err)
	}
	*out = fuse.StatfsOut{
		Blocks: s.Blocks, Bfree: s.Free, Bavail: s.Avail, Files: s.Files, Ffree: s.FilesFree,
		Bsize: uint32(s.BlockSize), Frsize: uint32(s.BlockSize), NameLen: 255,
	}
	return fuse.OK
}
