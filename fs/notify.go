package fs

import (
	"encoding/binary"
	"sync"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"matterfs/crypto/store"
)

// Codes of notifications on the wire (fuse.h) that go-fuse does not send, or not this way.
const (
	notifyInvalEntry = 3
	notifyIncEpoch   = 8 // kernel 6.16: every cached name becomes void at once
	expireOnly       = 1 // look the name up again, but keep what hangs on it: a cwd, a mount
)

// channel sends notifications to the kernel over a duplicate of the /dev/fuse descriptor.
type channel struct {
	mu sync.RWMutex // held for reading while fd is used, so that its number is not another file's
	fd int          // -1 once closed
}

// send sends a message that answers no request: fuse_out_header (length, code in the place
// of the error, unique 0) and a body. The error is EBADF once the channel is closed.
func (c *channel) send(code uint32, body []byte) error {
	msg := make([]byte, 16, 16+len(body))
	binary.NativeEndian.PutUint32(msg[0:], uint32(16+len(body)))
	binary.NativeEndian.PutUint32(msg[4:], code)
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.fd < 0 {
		return unix.EBADF
	}
	_, err := unix.Write(c.fd, append(msg, body...))
	return err
}

// incEpoch voids all names in the kernel's cache. It is one write and safe from any
// goroutine. An older kernel answers EINVAL.
func (c *channel) incEpoch() error { return c.send(notifyIncEpoch, nil) }

// expireEntry makes the kernel look one name up again. It may wait for a handler that works
// in the same directory. The kernel answers ENOENT when it does not cache the name.
func (c *channel) expireEntry(dir uint64, name string) error {
	body := binary.NativeEndian.AppendUint64(nil, dir)
	body = binary.NativeEndian.AppendUint32(body, uint32(len(name)))
	body = binary.NativeEndian.AppendUint32(body, expireOnly)
	return c.send(notifyInvalEntry, append(append(body, name...), 0))
}

func (c *channel) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd >= 0 {
		unix.Close(c.fd)
	}
	c.fd = -1
}

// invalidators is how many goroutines send invalidations. The kernel may hold one up behind
// a page that is being filled.
const invalidators = 8

// invalidate drops what the kernel caches of the nodes: attributes and pages. It is called
// with no lock held that a handler needs, since the kernel may send dirty pages first.
func (s *Server) invalidate(ids []uint64) {
	work := make(chan uint64)
	var wg sync.WaitGroup
	for range min(invalidators, len(ids)) {
		wg.Go(func() {
			for id := range work {
				s.fuse.InodeNotify(id, 0, 0)
			}
		})
	}
	for _, id := range ids {
		work <- id
	}
	close(work)
	wg.Wait()
}

// voidNames voids every cached name: with one message where the kernel knows it, else name
// by name. The latter may not be done inside a handler.
func (s *Server) voidNames() {
	if s.voidByEpoch() {
		return
	}
	for _, n := range s.fs.nodes.snapshot() {
		dir, name, ok := s.entryOf(n.obj)
		if !ok {
			continue
		}
		if err := s.kernel.expireEntry(dir, name); err != nil && err != unix.ENOENT && err != unix.EBADF {
			s.fs.log.Warn().Err(err).Msg("a cached name could not be voided")
		}
	}
}

// voidByEpoch voids all names with one message, and reports whether the kernel knows it.
func (s *Server) voidByEpoch() bool {
	if s.withoutEpoch || s.kernel.incEpoch() != nil {
		return false
	}
	s.fs.misses.voided()
	return true
}

// voidInHandler is voidNames for a handler: before its answer leaves with epochs, as soon
// as can be without.
func (s *Server) voidInHandler() {
	if s.voidByEpoch() {
		return
	}
	go s.voidNames()
}

// voidAll makes the kernel forget all names and attributes, when what it believes may be
// wrong: a change was answered with an error and may be done.
func (s *Server) voidAll() {
	go func() {
		s.voidNames()
		for _, id := range s.fs.nodes.live() {
			s.fuse.InodeNotify(id, -1, 0)
		}
	}()
}

// entryOf finds the directory node and the name under which the kernel may cache an object.
func (s *Server) entryOf(o *store.Object) (dir uint64, name string, ok bool) {
	if o.Unlinked() {
		return 0, "", false
	}
	parent, name := o.Location()
	if parent == nil {
		m, ok := s.Policy().Matter(o.Matter())
		return fuse.FUSE_ROOT_ID, m.Folder, ok
	}
	defer parent.Release()
	if p := s.fs.nodes.byObject(parent.ID()); p != nil {
		return p.id, name, true
	}
	return 0, "", false
}
