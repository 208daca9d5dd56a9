package fs

import (
	"slices"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"matterfs/crypto"
	"matterfs/crypto/store"
	"matterfs/policy"
)

// entry is one name of a listing. A folder carries its levels, which decide who sees it.
type entry struct {
	name   string
	kind   crypto.Kind
	ino    uint64
	sealed []string
	matter string // set at the root
	own    bool   // the caller's own folder
}

// listing is one person's view of a directory: what they may know of, in the order that the
// offsets of their stream count. What others may see leaves no gap in it.
type listing struct {
	gen     uint64 // of the policy that it was last decided under
	entries []entry
}

// OpenDir implements fuse.RawFileSystem.
func (f *fileSystem) OpenDir(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
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
	if errno = r.commit(rec, nil); errno == 0 {
		errno = r.lasting(cancel)
	}
	if errno != 0 {
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
		if e.kind != crypto.Dir && e.ino == 0 { // only the file itself knows
			if o, err := r.node.obj.Lookup(e.name); err == nil {
				e.ino, e.kind = o.Ino(), o.Kind()
				de.Ino, de.Mode = e.ino, typeBits(e.kind)
				o.Release()
			}
		}
		return out.AddDirEntry(de)
	})
}

// ReadDirPlus implements fuse.RawFileSystem.
func (f *fileSystem) ReadDirPlus(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return f.readDir(mReadDirPlus, in, out, func(r *request, e *entry, de fuse.DirEntry) bool {
		o := r.plus(e)
		if o != nil {
			de.Ino, de.Mode = o.Ino(), typeBits(o.Kind())
		}
		eo := out.AddDirLookupEntry(de)
		if eo == nil || o == nil {
			if o != nil {
				o.Release()
			}
			return eo != nil
		}
		n, err := r.fs.fillEntry(eo, o)
		if err != nil {
			*eo = fuse.EntryOut{}
			return true
		}
		r.learned = append(r.learned, n.id)
		return true
	})
}

// plus finds the object of an entry, when its attributes can be had and the kernel may keep
// them. An entry without is a name alone; the kernel looks it up when someone walks it.
func (r *request) plus(e *entry) *store.Object {
	if r.node.isRoot() || e.name == "." || e.name == ".." {
		return nil
	}
	o, err := r.node.obj.Lookup(e.name)
	if err != nil {
		return nil
	}
	if r.fs.boundary(o) {
		e.ino = o.Ino()
		o.Release()
		return nil
	}
	return o
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

// emitAll emits the caller's listing from in.Offset on.
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
	l := h.listings[in.Uid]
	if l == nil || in.Offset == 0 {
		var err error
		if l, err = r.list(); err != nil {
			return r.done(err)
		}
		if h.listings == nil {
			h.listings = map[uint32]*listing{}
		}
		h.listings[in.Uid] = l
	}
	for i := in.Offset; i < uint64(len(l.entries)); i++ {
		e := &l.entries[i]
		if l.gen != r.st.gen && !r.shows(e) {
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

// list takes the caller's listing of the node.
func (r *request) list() (*listing, error) {
	found, err := r.entries()
	if err != nil {
		return nil, err
	}
	l := &listing{gen: r.st.gen, entries: []entry{{name: ".", kind: crypto.Dir}, {name: "..", kind: crypto.Dir}}}
	for i := range found {
		if r.shows(&found[i]) {
			l.entries = append(l.entries, found[i])
		}
	}
	return l, nil
}

// entries lists all that is in the node.
func (r *request) entries() ([]entry, error) {
	if r.node.isRoot() {
		return r.matters(), nil
	}
	names, err := r.node.obj.ReadDir()
	if err != nil {
		return nil, err
	}
	here := r.node.obj.Levels()
	es := make([]entry, 0, len(names))
	for _, n := range names {
		e := entry{name: n.Name, kind: n.Kind, ino: n.Ino, sealed: here}
		if n.Kind == crypto.Dir && !r.openFolder(&e) {
			continue
		}
		es = append(es, e)
	}
	return es, nil
}

// openFolder takes a folder's own level, which is sealed in it. One that cannot be opened
// counts as the highest level; one that has gone meanwhile is left out.
func (r *request) openFolder(e *entry) bool {
	o, err := r.node.obj.Lookup(e.name)
	if err == syscall.ENOENT {
		return false
	}
	if err != nil {
		e.sealed = append([]string{r.st.policy.TopLevel()}, e.sealed...)
		return true
	}
	defer o.Release()
	e.sealed, e.ino = o.Levels(), o.Ino()
	return true
}

// rootNames are the matters that have a folder, by name, as one policy and one set of folders make them. To sort a
// firm's 10,000 matters costs more than to decide about them.
type rootNames struct {
	policy  *policy.Policy
	roots   *map[string]*store.Object
	entries []entry // never changed
}

// matters lists every matter of the policy that has a folder, and the caller's own folder.
func (r *request) matters() []entry {
	es := r.fs.rootNames(r.st.policy).entries
	u, ok := r.st.policy.UserByUID(r.hdr.Uid)
	if !ok || !r.fs.opts.OwnFolders {
		return es
	}
	own := entry{name: ownName(u.Name), kind: crypto.Dir, ino: ownFolder | uint64(r.hdr.Uid), own: true}
	at, _ := slices.BinarySearchFunc(es, own.name, func(e entry, name string) int { return strings.Compare(e.name, name) })
	return slices.Insert(slices.Clip(es), at, own)
}

func (f *fileSystem) rootNames(p *policy.Policy) *rootNames {
	roots := f.roots.Load()
	if n := f.names.Load(); n != nil && n.policy == p && n.roots == roots {
		return n
	}
	n := &rootNames{policy: p, roots: roots}
	for _, m := range p.Matters() {
		if root := (*roots)[m.ID]; root != nil {
			n.entries = append(n.entries, entry{name: m.Folder, kind: crypto.Dir, ino: root.Ino(), matter: m.ID})
		}
	}
	slices.SortFunc(n.entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	f.names.Store(n)
	return n
}

// shows decides whether the caller may know of an entry.
func (r *request) shows(e *entry) bool {
	if e.name == "." || e.name == ".." || e.own {
		return true
	}
	if e.matter != "" {
		d := r.decide(policy.OpLookup, target{matter: e.matter})
		return d.Allow || d.Shown == policy.Refused
	}
	t := child(r.node, e.name, false)
	t.sealed = e.sealed
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
