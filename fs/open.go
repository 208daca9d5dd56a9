package fs

import (
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"matterfs/crypto/store"
	"matterfs/policy"
)

// opening is what the flags of an open ask for.
type opening struct {
	read, write, append, trunc, excl bool
}

func openingOf(flags uint32) opening {
	acc := flags & syscall.O_ACCMODE
	return opening{
		read:   acc == syscall.O_RDONLY || acc == syscall.O_RDWR,
		write:  acc == syscall.O_WRONLY || acc == syscall.O_RDWR,
		append: flags&syscall.O_APPEND != 0,
		trunc:  flags&syscall.O_TRUNC != 0,
		excl:   flags&syscall.O_EXCL != 0,
	}
}

// String is how records show an opening: r, w, rw, with a for append and t for truncate.
func (o opening) String() string {
	s := ""
	for _, f := range []struct {
		on bool
		c  string
	}{{o.read, "r"}, {o.write, "w"}, {o.append, "a"}, {o.trunc, "t"}} {
		if f.on {
			s += f.c
		}
	}
	return s
}

// openFlags are the flags of every answer to an open: direct I/O, so that each read comes
// here; no FLUSH for handles that have nothing to flush.
func (f *fileSystem) openFlags(o opening) uint32 {
	var flags uint32 = fuse.FOPEN_NOFLUSH
	if o.write {
		flags = 0
	}
	if f.off.on(checkDirect) {
		flags |= fuse.FOPEN_DIRECT_IO
	}
	return flags
}

// Open implements fuse.RawFileSystem.
func (f *fileSystem) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	r, errno := f.enter(mOpen, &in.InHeader)
	if errno != 0 {
		return fuse.Status(errno)
	}
	if r.node.isRoot() {
		return fuse.Status(syscall.EISDIR)
	}
	want := openingOf(in.Flags)
	h, errno := r.open(r.node, want, cancel)
	if errno != 0 {
		return fuse.Status(errno)
	}
	out.Fh, out.OpenFlags = h.id, f.openFlags(want)
	return fuse.OK
}

// open decides, records and only then opens the store's file.
func (r *request) open(n *node, want opening, cancel <-chan struct{}) (*handle, syscall.Errno) {
	t := r.asked(n)
	if errno := r.allowOpening(t, want); errno != 0 {
		return nil, errno
	}
	if !r.fs.handles.room(r.hdr.Uid) {
		return nil, syscall.EMFILE
	}
	id := r.fs.handles.reserve()
	rec := r.record("ok")
	rec.H, rec.Flags, r.opens = id, want.String(), true
	if errno := r.commit(rec, nil); errno != 0 {
		return nil, errno
	}
	if r.m == mOpen {
		if errno := r.lasting(cancel); errno != 0 {
			return nil, errno
		}
		if !r.current() || r.moved() { // while it waited: what was recorded is not what would be opened
			return r.open(n, want, cancel)
		}
	}
	file, err := n.obj.Open(want.write || want.trunc)
	if err == nil && want.trunc {
		if err = file.Truncate(0); err != nil {
			file.Close()
		}
	}
	if err != nil {
		return nil, r.done(err)
	}
	return r.register(id, n, file, want), 0
}

// allowOpening decides the rights that an open asks for.
func (r *request) allowOpening(t target, want opening) syscall.Errno {
	if want.trunc {
		if errno := r.allow(policy.OpTruncate, t); errno != 0 {
			return errno
		}
	}
	if want.write {
		if errno := r.allow(policy.OpOpenWrite, t); errno != 0 {
			return errno
		}
	}
	if want.read || !want.write {
		return r.allow(policy.OpOpenRead, t)
	}
	return 0
}

// register enters an opened file into the handle table.
func (r *request) register(id uint64, n *node, file *store.Handle, want opening) *handle {
	h := &handle{id: id, node: n, file: file, uid: r.hdr.Uid, write: want.write}
	if r.m == mCreate && r.wantsLasting() {
		h.unsynced.Store(r.got.Seq)
	}
	h.standing.judge(r.dec, r.fs.now())
	n.addHandle(h)
	r.fs.handles.add(h)
	return h
}

// Create implements fuse.RawFileSystem. A file that exists already is never opened here
// without a decision of its own.
func (f *fileSystem) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	r, errno := f.making(mCreate, &in.InHeader, name, policy.OpCreate)
	if errno != 0 {
		return fuse.Status(errno)
	}
	if !f.handles.room(in.Uid) {
		return fuse.Status(syscall.EMFILE)
	}
	want := openingOf(in.Flags)
	o, file, _, err := r.node.obj.Create(name, newAttr(&in.InHeader, in.Mode), true)
	if err == syscall.EEXIST && !want.excl {
		return r.createExisting(name, want, out)
	}
	id := f.handles.reserve()
	rec := r.record("ok")
	rec.H, rec.Flags = id, want.String()
	if err == nil {
		rec.FID, rec.Ver = o.ID().String(), o.Version()
	}
	if errno = r.commit(rec, err); errno != 0 {
		closeBoth(o, file)
		return fuse.Status(errno)
	}
	n, err := f.fillEntry(&out.EntryOut, o)
	if err != nil {
		file.Close()
		return fuse.Status(r.done(err))
	}
	r.register(id, n, file, want)
	out.Fh, out.OpenFlags = id, f.openFlags(want)
	return fuse.OK
}

// closeBoth gives back what a failed create holds.
func closeBoth(o *store.Object, file *store.Handle) {
	if file != nil {
		file.Close()
	}
	if o != nil {
		o.Release()
	}
}

// createExisting opens the file that another creator made first.
func (r *request) createExisting(name string, want opening, out *fuse.CreateOut) fuse.Status {
	o, err := r.node.obj.Lookup(name)
	if err != nil {
		return fuse.Status(r.done(err))
	}
	if s := r.found(name, o, &out.EntryOut); s != fuse.OK {
		return s
	}
	n := r.fs.nodes.get(out.NodeId)
	h, errno := r.open(n, want, nil)
	if errno != 0 {
		r.fs.nodes.forget(n.id, 1)
		return fuse.Status(errno)
	}
	out.Fh, out.OpenFlags = h.id, r.fs.openFlags(want)
	return fuse.OK
}

// Release implements fuse.RawFileSystem. It always passes; the record tells the totals.
func (f *fileSystem) Release(_ <-chan struct{}, in *fuse.ReleaseIn) {
	h := f.handles.remove(in.Fh)
	if h == nil || h.file == nil {
		return
	}
	r, _ := f.enter(mRelease, &in.InHeader)
	r.on = targetOf(h.node)
	f.closeHandle(r, h)
}

// closeHandle closes the store's file and records it in the opener's name.
func (f *fileSystem) closeHandle(r *request, h *handle) {
	h.node.dropHandle(h)
	if err := f.settleAll(h, time.Time{}); err != nil {
		f.log.Error().Err(err).Uint64("h", h.id).Msg("counted writes are not in the audit log")
	}
	err := h.file.Close()
	if h.write {
		f.dropper.stale(h.node.id) // the last close may move ctime
	}
	if u, ok := r.st.policy.UserByUID(h.uid); ok {
		r.dec.User = u.Name
	}
	if m, ok := r.st.policy.Matter(r.on.matter); ok {
		r.dec.Client, r.dec.Level = m.Client, r.st.policy.EffectiveLevel(m.ID, r.on.path, r.on.sealed)
	}
	rec := r.record("ok")
	rec.UID, rec.H = h.uid, h.id
	if h.write {
		rec.Ver = h.node.obj.Version()
	}
	lost := r.recordTotals(h, rec)
	if errno := r.commit(rec, err); errno != 0 || lost != 0 {
		f.log.Error().Err(err).Uint64("h", h.id).Str("fid", r.on.fid).Msg("close of a file failed")
	}
}
