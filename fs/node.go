package fs

import (
	"sync"

	"github.com/hanwen/go-fuse/v2/fuse"

	"matterfs/crypto"
	"matterfs/crypto/store"
)

// node is one inode that the kernel knows: the root (obj nil) or an object of the store.
type node struct {
	id  uint64
	obj *store.Object
	fid string // the object id as records show it

	creator uint32 // uid of who made the object; it never changes

	lookups uint64 // guarded by nodeTable.mu: references that the kernel holds

	mu      sync.Mutex           // guards handles; held for no call of the store or the kernel
	handles map[*handle]struct{} // open files of this node
}

// isRoot reports whether n is the mount's root, which holds the matters.
func (n *node) isRoot() bool { return n.id == fuse.FUSE_ROOT_ID }

// createdBy reports whether uid made the object; the root is nobody's.
func (n *node) createdBy(uid uint32) bool { return !n.isRoot() && n.creator == uid }

// addHandle and dropHandle keep the set of the node's open files. Its writers answer for
// the write-back of mapped pages.
func (n *node) addHandle(h *handle) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.handles == nil {
		n.handles = make(map[*handle]struct{})
	}
	n.handles[h] = struct{}{}
}

func (n *node) dropHandle(h *handle) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.handles, h)
}

// openHandles is a snapshot of the node's open files.
func (n *node) openHandles() []*handle {
	n.mu.Lock()
	defer n.mu.Unlock()
	hs := make([]*handle, 0, len(n.handles))
	for h := range n.handles {
		hs = append(hs, h)
	}
	return hs
}

// nodeTable is the only table of node ids. An id is learned wherever one is handed to the
// kernel, dropped at FORGET and never used again.
//
// Its lock is taken last: nothing is called with it held but Release of an object.
type nodeTable struct {
	mu   sync.RWMutex
	last uint64
	ids  map[uint64]*node
	objs map[crypto.ID]*node
	root *node
}

func newNodeTable() *nodeTable {
	t := &nodeTable{last: fuse.FUSE_ROOT_ID, ids: map[uint64]*node{}, objs: map[crypto.ID]*node{}}
	t.root = &node{id: fuse.FUSE_ROOT_ID, lookups: 1}
	t.ids[fuse.FUSE_ROOT_ID] = t.root
	return t
}

// get returns the node with an id, nil when the kernel was never given it.
func (t *nodeTable) get(id uint64) *node {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.ids[id]
}

// learn returns the node of an object that creator made and counts one reference of the
// kernel. It takes over the caller's reference to the object.
func (t *nodeTable) learn(o *store.Object, creator uint32) *node {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.objs[o.ID()]; n != nil {
		n.lookups++
		o.Release()
		return n
	}
	t.last++
	n := &node{id: t.last, obj: o, fid: o.ID().String(), creator: creator, lookups: 1}
	t.ids[n.id], t.objs[o.ID()] = n, n
	return n
}

// forget drops n references that the kernel held.
func (t *nodeTable) forget(id, count uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.ids[id]
	if n == nil || n == t.root {
		return
	}
	if n.lookups > count {
		n.lookups -= count
		return
	}
	delete(t.ids, id)
	delete(t.objs, n.obj.ID())
	n.obj.Release()
}

// live lists the ids of all nodes but the root.
func (t *nodeTable) live() []uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	ids := make([]uint64, 0, len(t.ids))
	for id, n := range t.ids {
		if n != t.root {
			ids = append(ids, id)
		}
	}
	return ids
}

// close releases every object; the kernel asks nothing any more.
func (t *nodeTable) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, n := range t.ids {
		if n != t.root {
			delete(t.ids, id)
			n.obj.Release()
		}
	}
	t.objs = map[crypto.ID]*node{}
}

// byObject returns the node of an object, nil when the kernel knows none.
func (t *nodeTable) byObject(id crypto.ID) *node {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.objs[id]
}

// snapshot lists all nodes but the root.
func (t *nodeTable) snapshot() []*node {
	t.mu.RLock()
	defer t.mu.RUnlock()
	ns := make([]*node, 0, len(t.objs))
	for _, n := range t.objs {
		ns = append(ns, n)
	}
	return ns
}
