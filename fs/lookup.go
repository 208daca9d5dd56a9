package fs

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"matterfs/crypto"
	"matterfs/crypto/store"
	"matterfs/policy"
)

// Lookup implements fuse.RawFileSystem.
func (f *fileSystem) Lookup(_ <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if f.mender.asks(in) {
		return f.mender.lookup(in, name, out)
	}
	r, errno := f.enter(mLookup, in)
	if errno != 0 {
		return fuse.Status(errno)
	}
	if r.node.isRoot() {
		return r.lookupMatter(name, out)
	}
	t := child(r.node, name, false)
	if errno = r.allow(policy.OpLookup, t); errno != 0 {
		f.mender.add(r.node, name)
		return fuse.Status(errno)
	}
	o, err := r.node.obj.Lookup(name)
	if err == syscall.ENOENT {
		// An absent name is the same for everyone who may look here: the kernel may keep that.
		out.NodeId = 0
		out.SetEntryTimeout(cacheFor)
		return fuse.OK
	}
	if err != nil {
		return fuse.Status(r.broken(name, err))
	}
	return r.found(name, o, out)
}

// broken answers for an object that does not open. When it is a folder, nobody can tell its
// level any more: to those who might not be to see it, it does not exist.
func (r *request) broken(name string, err error) syscall.Errno {
	names, lerr := r.node.obj.ReadDir()
	if lerr != nil {
		return r.done(err)
	}
	for _, n := range names {
		if n.Name == name && n.Kind == crypto.Dir {
			t := child(r.node, name, false)
			t.sealed = append([]string{r.st.policy.TopLevel()}, t.sealed...)
			if errno := r.allow(policy.OpLookup, t); errno != 0 {
				return errno
			}
		}
	}
	return r.done(err)
}

// found decides about the object itself (its own folder may carry a higher level than the
// name alone told) and answers with its entry.
func (r *request) found(name string, o *store.Object, out *fuse.EntryOut) fuse.Status {
	t := target{matter: o.Matter(), path: o.Path(), sealed: o.Levels(), fid: o.ID().String()}
	if errno := r.allow(policy.OpLookup, t); errno != 0 {
		o.Release()
		r.fs.mender.add(r.node, name)
		return fuse.Status(errno)
	}
	return r.entry(o, out)
}

// entry answers with an object's entry (taking over the reference), unless the policy that
// allowed it has ended meanwhile.
func (r *request) entry(o *store.Object, out *fuse.EntryOut) fuse.Status {
	n, err := r.fs.fillEntry(out, o)
	if err != nil {
		return fuse.Status(r.done(err))
	}
	if errno := r.still(); errno != 0 {
		r.fs.nodes.forget(n.id, 1)
		return fuse.Status(errno)
	}
	return fuse.OK
}

// lookupMatter looks up a name at the root. A matter that the caller may not see, and a
// name that no matter has, are answered alike; a caller who is nobody is refused all names.
func (r *request) lookupMatter(name string, out *fuse.EntryOut) fuse.Status {
	came := r.fs.misses.begin()
	m, known := r.st.policy.MatterByFolder(name)
	r.on = target{path: name}
	r.dec = r.st.policy.SeesRoot(r.hdr.Uid, r.fs.now(), r.st.env)
	switch {
	case !r.dec.Allow:
	case r.fs.hasOwn(r.dec.User, name):
		r.fs.misses.entered(name, came)
		r.fs.ownEntry(r.hdr.Uid, out)
		return fuse.OK
	case !known:
		r.dec = absent(r.dec.User)
	default:
		r.weigh(policy.OpLookup, target{matter: m.ID})
	}
	if !r.dec.Allow {
		return r.refuseName(name, known)
	}
	root := r.fs.matterRoot(m.ID)
	if root == nil {
		return fuse.EIO
	}
	root.Retain()
	s := r.entry(root, out)
	if s == fuse.OK {
		r.fs.misses.entered(name, came)
	}
	return s
}

// matterRoot is the folder of a matter, nil when the store has none that opens.
func (f *fileSystem) matterRoot(matter string) *store.Object {
	return (*f.roots.Load())[matter]
}

// loadRoots takes the matters' folders from the store.
func (f *fileSystem) loadRoots() {
	roots := map[string]*store.Object{}
	for _, m := range f.opts.Store.Matters() {
		if m.Err == nil {
			roots[m.Matter] = m.Root
		}
	}
	f.roots.Store(&roots)
}

// Forget implements fuse.RawFileSystem.
func (f *fileSystem) Forget(nodeid, nlookup uint64) { f.nodes.forget(nodeid, nlookup) }
