package fs

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"matterfs/crypto/store"
	"matterfs/policy"
)

// Rename implements fuse.RawFileSystem. It moves within one matter; across matters the
// answer is EXDEV, so that programs copy: two operations under two policies.
func (f *fileSystem) Rename(_ <-chan struct{}, in *fuse.RenameIn, oldName, newName string) fuse.Status {
	r, errno := f.enter(mRename, &in.InHeader)
	if errno != 0 {
		return fuse.Status(errno)
	}
	to := f.nodes.get(in.Newdir)
	switch {
	case isOwn(in.Newdir):
		return fuse.Status(r.fixedOwn())
	case to == nil:
		return fuse.Status(syscall.ESTALE)
	case r.node.isRoot() || to.isRoot():
		return fuse.Status(r.fixedRoot())
	case in.Flags&^unix.RENAME_NOREPLACE != 0:
		return fuse.EINVAL
	}
	src, errno := r.resolve(r.node, oldName, policy.OpRenameFrom)
	if errno != 0 {
		return fuse.Status(errno)
	}
	defer src.Release()
	replaced, errno := r.mayMove(src, to, newName)
	if errno != 0 {
		return fuse.Status(errno)
	}
	return fuse.Status(r.move(src, to, oldName, newName, replaced, in.Flags&unix.RENAME_NOREPLACE != 0))
}

// mayMove decides the far end of a rename: the same right there, nothing replaced that may
// not be, and nothing ends at a lower level than it had. It returns the id of the object
// that the rename replaces, "" when there is none.
func (r *request) mayMove(src *store.Object, to *node, newName string) (replaced string, errno syscall.Errno) {
	if src.Matter() != to.obj.Matter() {
		return "", syscall.EXDEV
	}
	from, fromLevel := r.on, r.dec.Level
	there := child(to, newName, from.own)
	there.fid = from.fid
	there.sealed = append(ownLevels(src, r.node), there.sealed...)
	if errno := r.allow(policy.OpRenameTo, there); errno != 0 {
		return "", errno
	}
	if r.st.policy.HigherLevel(fromLevel, r.dec.Level) {
		return "", r.refuse("level.lower", "the target folder has a lower level", syscall.EACCES)
	}
	victim, err := to.obj.Lookup(newName)
	if err == syscall.ENOENT {
		return "", 0
	}
	if err != nil {
		return "", r.done(err)
	}
	defer victim.Release()
	t, err := r.objectTarget(victim)
	if err != nil {
		return "", r.done(err)
	}
	if victim != src {
		replaced = t.fid
	}
	return replaced, r.allow(policy.OpRenameReplace, t)
}

// ownLevels are the levels that a folder carries itself, beyond those of its parent.
func ownLevels(o *store.Object, parent *node) []string {
	all := o.Levels()
	return append([]string(nil), all[:max(0, len(all)-len(parent.obj.Levels()))]...)
}

// move renames and records it with both object ids, so that history follows the document.
func (r *request) move(src *store.Object, to *node, oldName, newName, replaced string, noReplace bool) syscall.Errno {
	from, there := child(r.node, oldName, false), child(to, newName, false)
	levels := len(src.Levels())
	err := r.node.obj.Rename(oldName, to.obj, newName, noReplace)
	if err == nil {
		err = r.sealLevel(src)
		if len(src.Levels()) != levels || r.fs.boundary(src) {
			// The kernel moved the name with its long life, and keeps attributes and pages below.
			r.fs.void()
			go r.fs.forgetPages()
		}
	}
	r.on = target{matter: src.Matter(), path: from.path, fid: src.ID().String()}
	rec := r.record("ok")
	rec.To, rec.FID2, rec.Ver = there.path, replaced, src.Version()
	return r.commit(rec, err)
}
