package store

import (
	"sync/atomic"
	"syscall"

	"matterfs/crypto"
)

// Handle is an open file. All handles of an object share one state: what one
// writes the others read. Handles live on when the file is renamed or unlinked.
type Handle struct {
	o        *Object
	writable bool
	closed   atomic.Bool
}

// Open opens the file; EMFILE when as many are open as [Options].Descriptors
// allows. Its length and its last block are authenticated now, the
// others when they are read; *[CorruptError] when they are not as they should
// be, EISDIR and ELOOP for what is no file.
func (o *Object) Open(write bool) (*Handle, error) {
	switch o.kind {
	case kindDir:
		return nil, syscall.EISDIR
	case kindSymlink:
		return nil, syscall.ELOOP
	}
	return o.open(write)
}

// open is Open for symlinks too.
func (o *Object) open(write bool) (*Handle, error) {
	node, err := o.pin()
	if err != nil {
		return nil, err
	}
	c := o.file
	if c.sound() != nil {
		if err := c.reread(node.(File)); err != nil {
			o.unpin()
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.f == nil {
		if o.kind == kindFile && !o.s.mayOpen(1) {
			o.unpin()
			return nil, syscall.EMFILE
		}
		c.f = node.(File)
		if err := c.checkEnd(); err != nil {
			c.f = nil
			o.unpin()
			return nil, err
		}
	} else {
		o.unpin() // pinned by the first handle, or still
	}
	c.handles++
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	o.refs++
	o.s.handles[c] = struct{}{}
	return &Handle{o: o, writable: write}, nil
}

// Object returns the object that is open. It is referenced as long as the
// handle is not closed.
func (h *Handle) Object() *Object { return h.o }

// Close closes the handle. With the last one of an object its state is written
// back; an error says that it was not, and that recovery will look at the file
// when it is next loaded. EBADF when it was closed before.
func (h *Handle) Close() error {
	if h.closed.Swap(true) {
		return syscall.EBADF
	}
	err := h.o.file.close()
	h.o.Release()
	return err
}

func (c *content) close() error {
	c.freeze()
	defer c.thaw()
	c.mu.Lock()
	c.handles--
	last := c.handles == 0 && c.f != nil && !c.park()
	c.mu.Unlock()
	if !last {
		return nil
	}
	return c.shut()
}

// shut brings a file in order that no handle is open of, and lets go of its
// backing node. The file is frozen.
func (c *content) shut() error {
	whole := false
	defer c.poison(&whole)
	err := c.finish()
	whole = true
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.handles > 0 {
		return err // opened again meanwhile
	}
	if c.j != nil {
		c.stopTimer() // the next open and close try again
	}
	c.f = nil
	c.o.unpin()
	c.o.s.mu.Lock()
	delete(c.o.s.handles, c)
	c.o.s.mu.Unlock()
	return err
}

// isClosed reports whether the handle, or the store, is closed; mu is held.
func (h *Handle) isClosed() bool { return h.closed.Load() || h.o.file.f == nil }

func (h *Handle) canWrite() error {
	if !h.writable || h.isClosed() {
		return syscall.EBADF
	}
	return nil
}

// setSize is truncate(2).
func (o *Object) setSize(size uint64) (err error) {
	h, err := o.openForSize()
	if err != nil {
		return err
	}
	defer func() {
		if cerr := h.Close(); err == nil {
			err = cerr
		}
	}()
	return h.Truncate(size)
}

func (o *Object) openForSize() (*Handle, error) {
	if o.kind == kindSymlink {
		return nil, syscall.EINVAL
	}
	return o.Open(true)
}

// Readlink returns the target of a symlink; EINVAL for what is none.
func (o *Object) Readlink() (string, error) {
	if o.kind != kindSymlink {
		return "", syscall.EINVAL
	}
	h, err := o.open(false)
	if err != nil {
		return "", err
	}
	defer h.Close()
	b := make([]byte, crypto.BlockSize)
	n, err := h.ReadAt(b, 0)
	if err != nil {
		return "", err
	}
	return string(b[:n]), nil
}
