package fs

import (
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"matterfs/crypto"
	"matterfs/policy"
)

// refusedFile is the list of a person's last refusals, in their own folder.
const refusedFile = "被拒绝.txt"

// Node ids of people's own folders and of the file in each: they follow from the uid, so no
// table holds them. They are far above those that nodeTable gives out.
const (
	ownFolder  = 1 << 62
	ownRefused = ownFolder | 1<<61
)

func isOwn(id uint64) bool     { return id >= ownFolder }
func isRefused(id uint64) bool { return id&ownRefused == ownRefused }
func ownUID(id uint64) uint32  { return uint32(id) }

// front answers for people's own folders, and leaves all else to the file system. A request on
// an own folder that it does not answer is refused at the gate.
type front struct {
	*fileSystem
	mu   sync.Mutex // guards open
	open map[uint64]ownHandle
}

// ownHandle is an open list: what it said when it was opened.
type ownHandle struct {
	node uint64
	text string
}

var _ fuse.RawFileSystem = (*front)(nil)

func newFront(f *fileSystem) *front { return &front{fileSystem: f, open: map[uint64]ownHandle{}} }

// ownName is the name of a user's own folder.
func ownName(user string) string { return policy.PersonalPrefix + user }

// enterOwn decides a request on somebody's own folder: it is theirs alone, while they may use
// the drive at all.
func (f *front) enterOwn(m method, hdr *fuse.InHeader) (*request, syscall.Errno) {
	r := &request{fs: f.fileSystem, m: m, hdr: hdr, st: f.state.Load()}
	r.dec = r.st.policy.SeesRoot(hdr.Uid, f.now(), r.st.env)
	owner, known := r.st.policy.UserByUID(ownUID(hdr.NodeId))
	if known {
		r.on.path = ownName(owner.Name)
	}
	if isRefused(hdr.NodeId) {
		r.on.path += "/" + refusedFile
	}
	switch {
	case !r.dec.Allow:
		return r, r.denied()
	case !known || ownUID(hdr.NodeId) != hdr.Uid:
		r.dec = policy.Decision{Rule: "own.other", Shown: policy.Hidden, User: r.dec.User}
		return r, r.denied()
	}
	r.dec.Rule = "own.folder"
	return r, 0
}

// fixedOwn refuses what would change an own folder.
func (r *request) fixedOwn() syscall.Errno {
	return r.refuse("own.fixed", "an own folder can only be read", syscall.EACCES)
}

// ownEntry answers the lookup of a person's own folder at the root.
func (f *fileSystem) ownEntry(uid uint32, out *fuse.EntryOut) {
	out.NodeId, out.Generation = ownFolder|uint64(uid), 1
	f.ownAttr(out.NodeId, &out.Attr)
}

// hasOwn reports whether a name at the root is the caller's own folder.
func (f *fileSystem) hasOwn(user, name string) bool {
	return f.opts.OwnFolders && user != "" && name == ownName(user)
}

// ownAttr describes an own folder or its file; the kernel keeps none of it.
func (f *fileSystem) ownAttr(id uint64, out *fuse.Attr) {
	uid := ownUID(id)
	*out = fuse.Attr{
		Ino: id, Mode: syscall.S_IFDIR | 0o500, Nlink: 2, Size: crypto.BlockSize, Blksize: crypto.BlockSize,
		Owner: fuse.Owner{Uid: uid, Gid: uid},
	}
	at := f.started
	if isRefused(id) {
		text, last := f.refusedText(uid)
		out.Mode, out.Nlink, out.Size = syscall.S_IFREG|0o400, 1, uint64(len(text))
		out.Blocks = (out.Size + 511) / 512
		if !last.IsZero() {
			at = last
		}
	}
	out.Atime, out.Atimensec = stamp(at)
	out.Mtime, out.Mtimensec = stamp(at)
	out.Ctime, out.Ctimensec = stamp(at)
}

const refusedHead = "我最近被拒绝的操作,最新的在前(最多 200 条,30 天内)。\n" +
	"What I was refused lately, newest first (at most 200, of 30 days).\n\n"

// refusedText is a person's list, and when its newest entry is from.
func (f *fileSystem) refusedText(uid uint32) (text string, last time.Time) {
	p := f.state.Load().policy
	u, ok := p.UserByUID(uid)
	if !ok {
		return "", last
	}
	var b strings.Builder
	b.WriteString(refusedHead)
	list := f.reasons(uid, u.Name)
	for i := range list {
		b.WriteString(list[i].Text(p.Zone()) + "\n")
	}
	if len(list) > 0 {
		last = list[0].At
	} else {
		b.WriteString("没有。\nNothing.\n")
	}
	return b.String(), last
}

// Lookup implements fuse.RawFileSystem.
func (f *front) Lookup(cancel <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if !isOwn(in.NodeId) {
		return f.fileSystem.Lookup(cancel, in, name, out)
	}
	_, errno := f.enterOwn(mLookup, in)
	if errno == 0 && (isRefused(in.NodeId) || name != refusedFile) {
		errno = syscall.ENOENT
	}
	if errno == 0 {
		out.NodeId, out.Generation = ownRefused|uint64(in.Uid), 1
		f.ownAttr(out.NodeId, &out.Attr)
	}
	return fuse.Status(errno)
}

// GetAttr implements fuse.RawFileSystem.
func (f *front) GetAttr(cancel <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	if !isOwn(in.NodeId) {
		return f.fileSystem.GetAttr(cancel, in, out)
	}
	_, errno := f.enterOwn(mGetAttr, &in.InHeader)
	if errno == 0 {
		f.ownAttr(in.NodeId, &out.Attr)
	}
	return fuse.Status(errno)
}

// Statx implements fuse.RawFileSystem.
func (f *front) Statx(cancel <-chan struct{}, in *fuse.StatxIn, out *fuse.StatxOut) fuse.Status {
	if !isOwn(in.NodeId) {
		return f.fileSystem.Statx(cancel, in, out)
	}
	_, errno := f.enterOwn(mStatx, &in.InHeader)
	if errno == 0 {
		var a fuse.Attr
		f.ownAttr(in.NodeId, &a)
		fillStatx(&out.Statx, &a, f.started)
	}
	return fuse.Status(errno)
}

// Access implements fuse.RawFileSystem.
func (f *front) Access(cancel <-chan struct{}, in *fuse.AccessIn) fuse.Status {
	if !isOwn(in.NodeId) {
		return f.fileSystem.Access(cancel, in)
	}
	r, errno := f.enterOwn(mAccess, &in.InHeader)
	if errno == 0 && (in.Mask&2 != 0 || in.Mask&1 != 0 && isRefused(in.NodeId)) {
		errno = r.fixedOwn()
	}
	return fuse.Status(errno)
}

// GetXAttr implements fuse.RawFileSystem: there are none, which programs take better than a refusal.
func (f *front) GetXAttr(cancel <-chan struct{}, in *fuse.InHeader, attr string, dest []byte) (uint32, fuse.Status) {
	if strings.HasPrefix(attr, userPrefix) { // those that the kernel asks for by itself, with locks, are refused without a record
		if errno := f.turn(in, cancel); errno != 0 {
			return 0, fuse.Status(errno)
		}
	}
	if !isOwn(in.NodeId) {
		return f.fileSystem.GetXAttr(cancel, in, attr, dest)
	}
	_, errno := f.enterOwn(mGetXAttr, in)
	if errno == 0 {
		errno = syscall.ENODATA
	}
	return 0, fuse.Status(errno)
}

// ListXAttr implements fuse.RawFileSystem.
func (f *front) ListXAttr(cancel <-chan struct{}, in *fuse.InHeader, dest []byte) (uint32, fuse.Status) {
	if !isOwn(in.NodeId) {
		return f.fileSystem.ListXAttr(cancel, in, dest)
	}
	_, errno := f.enterOwn(mListXAttr, in)
	return 0, fuse.Status(errno)
}

// StatFs implements fuse.RawFileSystem.
func (f *front) StatFs(cancel <-chan struct{}, in *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	if isOwn(in.NodeId) {
		root := *in
		root.NodeId = fuse.FUSE_ROOT_ID
		in = &root
	}
	return f.fileSystem.StatFs(cancel, in, out)
}
