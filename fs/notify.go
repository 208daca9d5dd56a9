package fs

import (
	"encoding/binary"
	"sync"
	"time"

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

// notify sends a message that answers no request: fuse_out_header (length, code in the place
// of the error, unique 0) and a body.
func notify(fd int, code uint32, body []byte) error {
	msg := make([]byte, 16, 16+len(body))
	binary.NativeEndian.PutUint32(msg[0:], uint32(16+len(body)))
	binary.NativeEndian.PutUint32(msg[4:], code)
	_, err := unix.Write(fd, append(msg, body...))
	return err
}

// incEpoch voids all names in the kernel's cache. It is one write and safe from any
// goroutine. An older kernel answers EINVAL.
func incEpoch(fd int) error { return notify(fd, notifyIncEpoch, nil) }

// expireEntry makes the kernel look one name up again. It may wait for a handler that works
// in the same directory. The kernel answers ENOENT when it does not cache the name.
func expireEntry(fd int, dir uint64, name string) error {
	body := binary.NativeEndian.AppendUint64(nil, dir)
	body = binary.NativeEndian.AppendUint32(body, uint32(len(name)))
	body = binary.NativeEndian.AppendUint32(body, expireOnly)
	return notify(fd, notifyInvalEntry, append(append(body, name...), 0))
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
// by name.
func (s *Server) voidNames() {
	if !s.withoutEpoch && incEpoch(s.notifyFD) == nil {
		return
	}
	for _, n := range s.fs.nodes.snapshot() {
		if dir, name, ok := s.entryOf(n.obj); ok {
			if err := expireEntry(s.notifyFD, dir, name); err != nil && err != unix.ENOENT {
				s.fs.log.Warn().Err(err).Msg("a cached name could not be voided")
			}
		}
	}
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

// fillDelay is how long filled pages stay before they are dropped.
const fillDelay = 100 * time.Millisecond

// dropper drops the pages of files that were filled (mapped, executed, sent), so that a
// later use is a READ again.
type dropper struct {
	mu   sync.Mutex // guards due
	due  map[uint64]time.Time
	wake chan struct{}
}

func newDropper() *dropper {
	return &dropper{due: map[uint64]time.Time{}, wake: make(chan struct{}, 1)}
}

// add asks for the pages of a node to be dropped soon.
func (d *dropper) add(id uint64) {
	d.mu.Lock()
	if _, ok := d.due[id]; !ok {
		d.due[id] = time.Now().Add(fillDelay)
	}
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// take returns the nodes that are due and how long to wait for the next, 0 when none waits.
func (d *dropper) take(now time.Time) (ids []uint64, next time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, at := range d.due {
		if wait := at.Sub(now); wait > 0 {
			if next == 0 || wait < next {
				next = wait
			}
			continue
		}
		ids = append(ids, id)
		delete(d.due, id)
	}
	return ids, next
}

// run drops pages until stop is closed.
func (d *dropper) run(stop <-chan struct{}, drop func([]uint64)) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-stop:
			return
		case <-d.wake:
		case <-timer.C:
		}
		ids, next := d.take(time.Now())
		if len(ids) > 0 {
			drop(ids)
		}
		if next > 0 {
			timer.Reset(next)
		}
	}
}
