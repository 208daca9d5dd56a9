package store

import (
	"errors"
	"sync"
	"syscall"
)

// fdCache holds the open backing nodes of live objects, and the derived keys
// with them, and closes the ones used longest ago when there are more than limit. A pinned node stays open: while a
// call uses it, while a handle is open, while a rename or unlink is under way
// (so that nobody looks for a name that is just changing), and for good once
// the object has no name any more.
type fdCache struct {
	mu    sync.Mutex // a leaf lock; guards all fields, every Object.fd and its keys
	limit int
	may   func() int // how many the process may have; nil: any number
	open  int
	idle  fdEntry // ring of unpinned entries, idle.next the latest used
}

type fdEntry struct {
	node       Node
	owner      *Object
	pins       int
	prev, next *fdEntry
}

func newFDCache(limit int) *fdCache {
	c := &fdCache{limit: limit}
	c.idle.prev, c.idle.next = &c.idle, &c.idle
	return c
}

func (e *fdEntry) unlink() {
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = nil, nil
}

// get pins the node of o if it is open.
func (c *fdCache) get(o *Object) Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := o.fd
	if e == nil {
		return nil
	}
	if e.pins == 0 {
		e.unlink()
	}
	e.pins++
	return e.node
}

// put makes node the open node of o, pinned once.
func (c *fdCache) put(o *Object, node Node) {
	limit := c.idleLimit()
	c.mu.Lock()
	o.fd = &fdEntry{node: node, owner: o, pins: 1}
	c.open++
	old := c.evict(limit)
	c.mu.Unlock()
	closeAll(old)
}

func (c *fdCache) unpin(o *Object) {
	limit := c.idleLimit()
	c.mu.Lock()
	e := o.fd
	if e.pins--; e.pins == 0 {
		e.prev, e.next = &c.idle, c.idle.next
		e.prev.next, e.next.prev = e, e
	}
	old := c.evict(limit)
	c.mu.Unlock()
	closeAll(old)
}

// spareDescriptors are those that are not for backing files: the log, the control
// socket, requests that are looking something up.
const spareDescriptors = 256

// idleLimit keeps what nobody uses from taking the descriptors of the rest.
func (c *fdCache) idleLimit() int {
	if c.may == nil {
		return c.limit
	}
	return min(c.limit, c.may()/4)
}

// openLimit is how many files may be open: each may need a journal too.
func (c *fdCache) openLimit() int {
	if c.may == nil {
		return 1 << 30
	}
	n := c.may()
	return max((n-n/4-spareDescriptors)/2, 16)
}

// mayOpen reports whether one more file may be open; some are left for a time
// after their last close, which is not done when there are many.
func (s *Store) mayOpen(part int) bool {
	s.mu.Lock()
	n := len(s.handles)
	s.mu.Unlock()
	return n < s.fds.openLimit()/part
}

// forget closes the node of an object that nobody holds any more.
func (c *fdCache) forget(o *Object) {
	c.mu.Lock()
	e := o.fd
	if e != nil {
		if e.pins == 0 {
			e.unlink()
		}
		o.fd = nil
		c.open--
	}
	c.mu.Unlock()
	if e != nil {
		e.node.Close()
	}
}

// relieve closes half of the nodes and keeps fewer from now on: the process has
// run out of descriptors.
func (c *fdCache) relieve() {
	c.mu.Lock()
	c.limit = max(c.open/2, 8)
	old := c.evict(c.limit)
	c.mu.Unlock()
	closeAll(old)
}

func (c *fdCache) evict(want int) (old []Node) {
	for c.open > want && c.idle.prev != &c.idle {
		e := c.idle.prev
		e.unlink()
		e.owner.fd = nil
		e.owner.dropKeys()
		c.open--
		old = append(old, e.node)
	}
	return old
}

func closeAll(nodes []Node) {
	for _, n := range nodes {
		n.Close()
	}
}

// opening runs open, and again after making room when descriptors run out.
func opening[T any](s *Store, open func() (T, error)) (T, error) {
	v, err := open()
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		s.log("out of descriptors", "err", err)
		s.fds.relieve()
		v, err = open()
	}
	return v, err
}

// pin returns the open node of o, opening it again if need be; unpin it after
// use. It may be called with any lock held but fdMu of o or an ancestor.
func (o *Object) pin() (Node, error) {
	s := o.s
	if n := s.fds.get(o); n != nil {
		return n, nil
	}
	o.fdMu.Lock()
	defer o.fdMu.Unlock()
	if n := s.fds.get(o); n != nil {
		return n, nil
	}
	if s.closed.Load() {
		return nil, ErrClosed
	}
	node, err := opening(s, o.reopen)
	if err != nil {
		return nil, err
	}
	s.fds.put(o, node)
	return node, nil
}

func (o *Object) unpin() { o.s.fds.unpin(o) }

// pinDir is pin for what is known to be a directory.
func (o *Object) pinDir() (Dir, error) {
	n, err := o.pin()
	if err != nil {
		return nil, err
	}
	return n.(Dir), nil
}

// reopen opens the backing node of o by its place and makes sure that it is
// still the inode that was authenticated when o became live.
func (o *Object) reopen() (Node, error) {
	dir, stored, done, err := o.place()
	if err != nil {
		return nil, err
	}
	defer done()
	var node Node
	if o.kind == kindDir {
		node, err = dir.OpenDir(stored)
	} else {
		node, err = dir.OpenFile(stored)
	}
	switch {
	case isGone(err):
		return nil, o.corrupt(err, "its backing file is gone or replaced")
	case err != nil:
		return nil, err
	}
	st, err := node.Stat()
	if err == nil && (st.Dev != o.dev || st.Ino != o.ino) {
		err = o.corrupt(nil, "another backing file has taken its place")
	}
	if err == nil {
		err = o.deriveKeys()
	}
	if err != nil {
		node.Close()
		return nil, err
	}
	return node, nil
}

// deriveKeys brings back what dropKeys let go. A thousand keys of files in use
// cost little, those of a million files that the kernel merely remembers do not.
func (o *Object) deriveKeys() (err error) {
	if o.dir != nil {
		o.dir.keys, err = o.dir.prefix.Keys(o.m.content)
	} else {
		o.file.keys, err = o.file.prefix.Keys(o.m.content)
	}
	return err
}

func (o *Object) dropKeys() {
	if o.dir != nil {
		o.dir.keys = nil
	} else {
		o.file.keys = nil
	}
}

// isGone reports errors that say: that name no longer leads to what we left.
func isGone(err error) bool {
	for _, e := range []error{syscall.ENOENT, syscall.ELOOP, syscall.ENOTDIR, syscall.EISDIR, syscall.ENXIO} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// place returns the pinned parent directory of o and its stored name there.
func (o *Object) place() (dir Dir, stored string, done func(), err error) {
	parent, name := o.at()
	if parent == nil {
		return o.s.root, o.m.stored, func() {}, nil
	}
	stored, _, err = o.m.names.Seal(parent.id, name)
	if err != nil {
		return nil, "", nil, err
	}
	dir, err = parent.pinDir()
	return dir, stored, parent.unpin, err
}
