package fs

import (
	"fmt"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"matterfs/audit"
	"matterfs/crypto"
	"matterfs/crypto/store"
	"matterfs/policy"
)

// fixedRoot refuses every change at the root, whatever the name: the matters are the
// policy's, and an answer that depended on the name would tell which exist.
func (r *request) fixedRoot() syscall.Errno {
	if errno := r.allowRoot(); errno != 0 {
		return errno
	}
	return r.refuse("root.fixed", "the drive's root holds matters only", syscall.EACCES)
}

// making enters a request that makes a name in a directory.
func (f *fileSystem) making(m method, hdr *fuse.InHeader, name string, op policy.Op) (*request, syscall.Errno) {
	r, errno := f.enter(m, hdr)
	if errno != 0 {
		return r, errno
	}
	if r.node.isRoot() {
		return r, r.fixedRoot()
	}
	return r, r.allow(op, child(r.node, name, true))
}

// newAttr is what a new object gets: its creator is the caller.
func newAttr(hdr *fuse.InHeader, mode uint32) store.NewAttr {
	return store.NewAttr{UID: hdr.Uid, GID: hdr.Gid, Mode: mode & 07777}
}

// made records what was made and answers with its entry.
func (r *request) made(o *store.Object, err error, out *fuse.EntryOut) fuse.Status {
	if err == nil {
		r.on.fid = o.ID().String()
		err = r.sealLevel(o)
	}
	rec := r.record("ok")
	if o != nil {
		rec.Ver = o.Version()
	}
	if err != nil {
		if o != nil {
			o.Release()
		}
		return fuse.Status(r.commit(rec, err))
	}
	if errno := r.commit(rec, nil); errno != 0 {
		o.Release()
		return fuse.Status(errno)
	}
	_, err = r.fs.fillEntry(out, o)
	return status(err)
}

// sealLevel seals the level into a folder that the policy names, so that it keeps the level
// wherever it goes.
func (r *request) sealLevel(o *store.Object) error {
	if o.Kind() != crypto.Dir {
		return nil
	}
	return SealLevels(r.st.policy, o, func(f *store.Object, level string) error {
		rec := r.record("ok")
		rec.Ev, rec.Path, rec.FID, rec.Level = "relabel", f.Path(), f.ID().String(), level
		_, err := r.fs.append(audit.Change, rec)
		return err
	})
}

// Mkdir implements fuse.RawFileSystem.
func (f *fileSystem) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	r, errno := f.making(mMkdir, &in.InHeader, name, policy.OpMkdir)
	if errno != 0 {
		return fuse.Status(errno)
	}
	o, err := r.node.obj.Mkdir(name, newAttr(&in.InHeader, in.Mode))
	return r.made(o, err, out)
}

// Symlink implements fuse.RawFileSystem.
func (f *fileSystem) Symlink(_ <-chan struct{}, in *fuse.InHeader, pointedTo, name string, out *fuse.EntryOut) fuse.Status {
	r, errno := f.making(mSymlink, in, name, policy.OpSymlink)
	if errno != 0 {
		return fuse.Status(errno)
	}
	o, err := r.node.obj.Symlink(name, pointedTo, newAttr(in, 0o777))
	return r.made(o, err, out)
}

// Mknod implements fuse.RawFileSystem: a regular file is made, anything else is refused.
func (f *fileSystem) Mknod(_ <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	r, errno := f.making(mMknod, &in.InHeader, name, policy.OpCreate)
	if errno != 0 {
		return fuse.Status(errno)
	}
	if in.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return fuse.Status(r.refuse("op.mknod", "the drive holds files, folders and links only", syscall.EPERM))
	}
	o, h, _, err := r.node.obj.Create(name, newAttr(&in.InHeader, in.Mode), true)
	if err == nil {
		err = h.Close()
	}
	return r.made(o, err, out)
}

// Unlink implements fuse.RawFileSystem.
func (f *fileSystem) Unlink(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return f.remove(mUnlink, in, name, policy.OpUnlink)
}

// Rmdir implements fuse.RawFileSystem.
func (f *fileSystem) Rmdir(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return f.remove(mRmdir, in, name, policy.OpRmdir)
}

// remove takes a name away. Whose object it is decides which right that needs.
func (f *fileSystem) remove(m method, in *fuse.InHeader, name string, op policy.Op) fuse.Status {
	r, errno := f.enter(m, in)
	if errno != 0 {
		return fuse.Status(errno)
	}
	if r.node.isRoot() {
		return fuse.Status(r.fixedRoot())
	}
	victim, errno := r.resolve(r.node, name, op)
	if errno != 0 {
		return fuse.Status(errno)
	}
	defer victim.Release()
	var err error
	if op == policy.OpRmdir {
		err = r.node.obj.Rmdir(name)
	} else {
		err = r.node.obj.Unlink(name)
	}
	return fuse.Status(r.done(err))
}

// resolve finds the object that a name stands for, and decides op on it. When there is no
// such object, the decision is made on the bare name first, so that absence is told only to
// those who may look.
func (r *request) resolve(dir *node, name string, op policy.Op) (*store.Object, syscall.Errno) {
	if errno := r.allow(policy.OpLookup, child(dir, name, false)); errno != 0 {
		return nil, errno
	}
	o, err := dir.obj.Lookup(name)
	if err != nil {
		if err == syscall.ENOENT {
			return nil, syscall.ENOENT
		}
		return nil, r.done(err)
	}
	t, err := r.objectTarget(o)
	if err != nil {
		o.Release()
		return nil, r.done(err)
	}
	if errno := r.allow(op, t); errno != 0 {
		o.Release()
		return nil, errno
	}
	return o, 0
}

// objectTarget describes an object together with whether the caller created it.
func (r *request) objectTarget(o *store.Object) (target, error) {
	a, err := o.Attr()
	return target{matter: o.Matter(), path: o.Path(), sealed: o.Levels(), fid: o.ID().String(), own: a.UID == r.hdr.Uid}, err
}

// SetAttr implements fuse.RawFileSystem: size, mode and times. The owner of an object is who
// created it, for ever.
func (f *fileSystem) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	r, errno := f.enter(mSetAttr, &in.InHeader)
	if errno != 0 {
		return fuse.Status(errno)
	}
	if r.node.isRoot() {
		return fuse.Status(r.fixedRoot())
	}
	op := policy.OpSetattr
	if in.Valid&fuse.FATTR_SIZE != 0 {
		op = policy.OpTruncate
	}
	if errno = r.allowNode(op); errno != 0 {
		return fuse.Status(errno)
	}
	if errno = r.keepsOwner(in); errno != 0 {
		return fuse.Status(errno)
	}
	a, what := r.fs.attrChanges(in)
	attr, err := r.node.obj.SetAttr(a)
	rec := r.record("ok")
	rec.Flags, rec.Ver = what, r.node.obj.Version()
	if errno = r.commit(rec, err); errno != 0 {
		return fuse.Status(errno)
	}
	fillAttr(&out.Attr, r.node.obj, &attr)
	out.SetTimeout(f.attrTimeout(r.node.obj))
	return fuse.OK
}

// keepsOwner lets a chown that changes nothing pass (rsync and tar ask for those).
func (r *request) keepsOwner(in *fuse.SetAttrIn) syscall.Errno {
	if in.Valid&(fuse.FATTR_UID|fuse.FATTR_GID) == 0 {
		return 0
	}
	a, err := r.node.obj.Attr()
	if err != nil {
		return r.done(err)
	}
	if in.Valid&fuse.FATTR_UID != 0 && in.Owner.Uid != a.UID || in.Valid&fuse.FATTR_GID != 0 && in.Owner.Gid != a.GID {
		return r.refuse("op.chown", "the owner of a file is who created it", syscall.EPERM)
	}
	return 0
}

// attrChanges turns the kernel's request into the store's, with a word on each for the log.
func (f *fileSystem) attrChanges(in *fuse.SetAttrIn) (a store.SetAttr, what string) {
	now := f.now()
	add := func(s string) {
		if what != "" {
			what += ","
		}
		what += s
	}
	if mode, ok := in.GetMode(); ok {
		mode &= 07777
		a.Mode = &mode
		add(fmt.Sprintf("mode=%04o", mode))
	}
	if size, ok := in.GetSize(); ok {
		a.Size = &size
		add(fmt.Sprintf("size=%d", size))
	}
	if in.Valid&fuse.FATTR_ATIME != 0 {
		at := when(in.Valid&fuse.FATTR_ATIME_NOW != 0, now, in.Atime, in.Atimensec)
		a.Atime = &at
		add("atime")
	}
	if in.Valid&fuse.FATTR_MTIME != 0 {
		mt := when(in.Valid&fuse.FATTR_MTIME_NOW != 0, now, in.Mtime, in.Mtimensec)
		a.Mtime = &mt
		add("mtime")
	}
	return a, what
}

// when is the time that a request names, or now.
func when(isNow bool, now time.Time, sec uint64, nsec uint32) time.Time {
	if isNow {
		return now
	}
	return time.Unix(int64(sec), int64(nsec))
}
