package fs

import (
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"matterfs/policy"
)

// The level of a file can be read as an attribute (R28) and never written.
const (
	userPrefix = "user."
	ownPrefix  = "user.matterfs."
	levelXattr = "user.matterfs.level"

	// smbd keeps what Windows sees of a file (read-only, hidden, birth time) in one small attribute, and reads it
	// for every entry of a listing. It tells what a stat tells, and like a stat it is decided and not recorded.
	dosXattr      = "user.DOSATTRIB"
	dosXattrLimit = 128 // bytes; more is something else
)

// xattrRequest enters a request about an extended attribute. Only user.* exists: capability
// labels and ACLs are declined at once, without a look at the disk.
func (f *fileSystem) xattrRequest(m method, hdr *fuse.InHeader, name string, op policy.Op) (*request, syscall.Errno) {
	r, errno := f.enter(m, hdr)
	switch {
	case errno != 0:
		return r, errno
	case r.node.isRoot() || !strings.HasPrefix(name, userPrefix):
		return r, syscall.EOPNOTSUPP
	}
	if errno = r.allowNode(op); errno != 0 {
		return r, errno
	}
	if op.Modifies() && strings.HasPrefix(name, ownPrefix) {
		return r, r.refuse("op.xattr", "the level of a file is the policy's", syscall.EPERM)
	}
	return r, 0
}

// sized copies a value into dest as getxattr(2) wants it.
func sized(v, dest []byte) (uint32, fuse.Status) {
	if len(dest) < len(v) {
		return uint32(len(v)), fuse.ERANGE
	}
	return uint32(copy(dest, v)), fuse.OK
}

// GetXAttr implements fuse.RawFileSystem.
func (f *fileSystem) GetXAttr(_ <-chan struct{}, hdr *fuse.InHeader, name string, dest []byte) (uint32, fuse.Status) {
	r, errno := f.xattrRequest(mGetXAttr, hdr, name, policy.OpGetxattr)
	if errno != 0 {
		return 0, fuse.Status(errno)
	}
	if name == levelXattr {
		return sized([]byte(r.dec.Level), dest)
	}
	v, err := r.node.obj.GetXattr(name)
	if err == syscall.ENODATA {
		return 0, fuse.ENODATA
	}
	errno = r.still()
	if likeStat := err == nil && name == dosXattr && len(v) <= dosXattrLimit; errno == 0 && !likeStat {
		errno = r.done(err)
	}
	if errno != 0 {
		return 0, fuse.Status(errno)
	}
	return sized(v, dest)
}

// ListXAttr implements fuse.RawFileSystem. The level is not listed: programs that copy all
// attributes would then fail to set it.
func (f *fileSystem) ListXAttr(_ <-chan struct{}, hdr *fuse.InHeader, dest []byte) (uint32, fuse.Status) {
	r, errno := f.enter(mListXAttr, hdr)
	if errno == 0 {
		errno = r.allowNode(policy.OpGetxattr)
	}
	if errno != 0 || r.node.isRoot() {
		return 0, fuse.Status(errno)
	}
	names, err := r.node.obj.ListXattr()
	if err != nil {
		return 0, fuse.Status(r.done(err))
	}
	if errno = r.still(); errno != 0 {
		return 0, fuse.Status(errno)
	}
	var list []byte
	for _, n := range names {
		list = append(append(list, n...), 0)
	}
	return sized(list, dest)
}

// SetXAttr implements fuse.RawFileSystem.
func (f *fileSystem) SetXAttr(_ <-chan struct{}, in *fuse.SetXAttrIn, name string, data []byte) fuse.Status {
	r, errno := f.xattrRequest(mSetXAttr, &in.InHeader, name, policy.OpSetxattr)
	if errno != 0 {
		return fuse.Status(errno)
	}
	return fuse.Status(r.done(r.node.obj.SetXattr(name, data, int(in.Flags))))
}

// RemoveXAttr implements fuse.RawFileSystem.
func (f *fileSystem) RemoveXAttr(_ <-chan struct{}, hdr *fuse.InHeader, name string) fuse.Status {
	r, errno := f.xattrRequest(mRemoveXAttr, hdr, name, policy.OpSetxattr)
	if errno != 0 {
		return fuse.Status(errno)
	}
	err := r.node.obj.RemoveXattr(name)
	if err == syscall.ENODATA {
		return fuse.ENODATA
	}
	return fuse.Status(r.done(err))
}

// Readlink implements fuse.RawFileSystem. The daemon answers the target; it never follows it.
func (f *fileSystem) Readlink(_ <-chan struct{}, hdr *fuse.InHeader) ([]byte, fuse.Status) {
	r, errno := f.enter(mReadlink, hdr)
	if errno == 0 {
		errno = r.allowNode(policy.OpReadlink)
	}
	switch {
	case errno != 0:
		return nil, fuse.Status(errno)
	case r.node.isRoot():
		return nil, fuse.EINVAL
	}
	to, err := r.node.obj.Readlink()
	if errno = r.still(); errno == 0 {
		errno = r.done(err)
	}
	if errno != 0 {
		return nil, fuse.Status(errno)
	}
	return []byte(to), fuse.OK
}
