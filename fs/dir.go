package fs

import (
	"sort"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"matterfs/crypto"
	"matterfs/policy"
)

// entry is one name of a directory stream. kind is 0 when only opening the file would tell.
type entry struct {
	name   string
	kind   crypto.Kind
	ino    uint64
	matter string // set at the root
}

// OpenDir implements fuse.RawFileSystem.
func (f *fileSystem) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	r, errno := f.enter(mOpenDir, &in.InHeader)
	if errno == 0 {
		errno = r.allowNode(policy.OpList)
	}
	if errno != 0 {
		return fuse.Status(errno)
	}
	h := &handle{id: f.handles.reserve(), node: r.node, uid: in.Uid}
	rec := r.record("ok")
	rec.H = h.id
	if errno = r.commit(rec, nil); errno != 0 {
		return fuse.Status(errno)
	}
	f.handles.add(h)
	out.Fh = h.id
	return fuse.OK
}

// ReleaseDir implements fuse.RawFileSystem.
func (f *fileSystem) ReleaseDir(in *fuse.ReleaseIn) { f.handles.remove(in.Fh) }

// ReadDir implements fuse.RawFileSystem.
func (f *fileSystem) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return f.readDir(mReadDir, in, out, func(r *request, e *entry, de fuse.DirEntry) bool {
		return out.AddDirEntry(de)
	})
}

// ReadDirPlus implements fuse.RawFileSystem.
func (f *fileSystem) ReadDirPlus(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return f.readDir(mReadDirPlus, in, out, func(r *request, e *entry, de fuse.DirEntry) bool {
		eo := out.AddDirLookupEntry(de)
		if eo == nil {
			return false
		}
		r.plus(e, eo, out)
		return true
	})
}

// plus adds the attributes to an entry, when they can be had and the kernel may keep them.
// An entry without a node id is a name alone; the kernel looks it up when someone walks it.
func (r *request) plus(e *entry, eo *fuse.EntryOut, out *fuse.DirEntryList) {
	if e.matter != "" || e.name == "." || e.name == ".." || r.node.isRoot() {
		return
	}
	o, err := r.node.obj.Lookup(e.name)
	if err != nil {
		return
	}
	if r.fs.boundary(o) {
		o.Release()
		return
	}
	n, err := r.fs.fillEntry(eo, o)
	if err != nil {
		*eo = fuse.EntryOut{}
		return
	}
	r.learned = append(r.learned, n.id)
	out.FixMode(eo.Attr.Mode)
}

// emitter writes one entry into an answer and reports whether it fitted.
type emitter func(r *request, e *entry, de fuse.DirEntry) bool

// readDir answers from in.Offset on, each entry decided for the caller of this very request:
// a passed descriptor shows its reader's view, not its opener's. When the policy changes
// meanwhile, what was emitted is taken back and decided anew.
func (f *fileSystem) readDir(m method, in *fuse.ReadIn, out *fuse.DirEntryList, emit emitter) fuse.Status {
	empty := *out
	for {
		r, errno := f.enter(m, &in.InHeader)
		if errno == 0 {
			errno = r.allowNode(policy.OpList)
		}
		if errno == 0 {
			errno = r.emitAll(in, emit)
		}
		if errno == 0 && r.current() {
			return fuse.OK
		}
		for _, id := range r.learned {
			f.nodes.forget(id, 1)
		}
		if errno != 0 {
			return fuse.Status(errno)
		}
		*out = empty
	}
}

// emitAll emits the entries of the stream that the caller may know of.
func (r *request) emitAll(in *fuse.ReadIn, emit emitter) syscall.Errno {
	h := r.fs.handles.get(in.Fh)
	if h == nil || h.node != r.node {
		return syscall.EBADF
	}
	if errno := r.recordForeign(h); errno != 0 {
		return errno
	}
	h.dirMu.Lock()
	defer h.dirMu.Unlock()
	if in.Offset == 0 || h.entries == nil {
		if err := r.snapshot(h); err != nil {
			return r.done(err)
		}
	}
	for i := in.Offset; i < uint64(len(h.entries)); i++ {
		e := &h.entries[i]
		if !r.shows(e) {
			continue
		}
		de := fuse.DirEntry{Name: e.name, Ino: e.ino, Off: i + 1}
		if e.kind != 0 {
			de.Mode = typeBits(e.kind)
		}
		if !emit(r, e, de) {
			break
		}
	}
	return 0
}

// recordForeign records a listing by someone who is not the opener of the stream.
func (r *request) recordForeign(h *handle) syscall.Errno {
	if h.uid == r.hdr.Uid {
		return 0
	}
	rec := r.record("ok")
	rec.H, rec.OUID = h.id, int64(h.uid)
	return r.commit(rec, nil)
}

// snapshot takes the listing that the stream's offsets count.
func (r *request) snapshot(h *handle) error {
	h.entries = append(h.entries[:0], entry{name: ".", kind: crypto.Dir}, entry{name: "..", kind: crypto.Dir})
	if r.node.isRoot() {
		h.entries = append(h.entries, r.matters()...)
		return nil
	}
	names, err := r.node.obj.ReadDir()
	if err != nil {
		h.entries = nil
		return err
	}
	for _, n := range names {
		h.entries = append(h.entries, entry{name: n.Name, kind: n.Kind, ino: n.Ino})
	}
	return nil
}

// matters lists every matter of the policy that has a folder; shows filters per caller.
func (r *request) matters() []entry {
	var es []entry
	for _, m := range r.st.policy.Matters() {
		if root := r.fs.matterRoot(m.ID); root != nil {
			es = append(es, entry{name: m.Folder, kind: crypto.Dir, ino: root.Ino(), matter: m.ID})
		}
	}
	sort.Slice(es, func(i, j int) bool { return es[i].name < es[j].name })
	return es
}

// shows decides whether the caller may know of an entry. A folder's own level is sealed in
// it, so folders are opened to be decided.
func (r *request) shows(e *entry) bool {
	if e.name == "." || e.name == ".." {
		return true
	}
	if e.matter != "" {
		d := r.decide(policy.OpLookup, target{matter: e.matter})
		return d.Allow || d.Shown == policy.Refused
	}
	t := child(r.node, e.name, false)
	if e.kind == crypto.Dir {
		o, err := r.node.obj.Lookup(e.name)
		if err != nil {
			return err != syscall.ENOENT
		}
		t.sealed = o.Levels()
		o.Release()
	}
	return r.decide(policy.OpLookup, t).Allow
}

// FsyncDir implements fuse.RawFileSystem.
func (f *fileSystem) FsyncDir(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	r, errno := f.enter(mFsyncDir, &in.InHeader)
	if errno == 0 {
		errno = r.allowNode(policy.OpFsync)
	}
	if errno != 0 || r.node.isRoot() {
		return fuse.Status(errno)
	}
	return status(r.node.obj.SyncDir())
}
