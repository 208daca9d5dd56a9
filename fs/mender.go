package fs

import (
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"matterfs/crypto/store"
)

// mender walks to folders whose entry the kernel dropped because somebody was refused there.
// The kernel then enters the folder under its name again, and getcwd works for those whose
// working directory it is. The lookups of its walker are answered without a decision: nothing
// of them goes to anybody.
type mender struct {
	fs     *fileSystem
	thread atomic.Uint32 // thread id of its walker; 0 while there is none

	mu   sync.Mutex // guards due, done and busy
	due  map[string]struct{}
	wake chan struct{}
	done bool
	busy bool // one that was due is not done yet

	walking chan struct{} // holds a token while it walks, or while it may not
	ended   sync.WaitGroup
}

// mendPause is the least time between two walks: somebody who is refused without end makes
// the mender no busier than this.
const mendPause = time.Millisecond

func newMender(f *fileSystem) *mender {
	return &mender{fs: f, due: map[string]struct{}{}, wake: make(chan struct{}, 1), walking: make(chan struct{}, 1)}
}

// start starts the walker. Without one, what the kernel dropped is entered again by the next who
// walks there.
func (m *mender) start() {
	m.ended.Go(func() {
		w, err := startWalker()
		if err != nil {
			m.fs.log.Warn().Err(err).Msg("nothing walks to folders that the kernel dropped")
		} else {
			m.thread.Store(w.thread)
			defer w.stop()
			defer m.thread.Store(0)
		}
		for range m.wake {
			for path := m.next(); path != ""; path = m.next() {
				m.walk(w, path)
				time.Sleep(mendPause)
			}
		}
	})
}

// stop ends the work; what was due is left.
func (m *mender) stop() {
	m.mu.Lock()
	m.done = true
	clear(m.due)
	close(m.wake)
	m.mu.Unlock()
	m.ended.Wait()
}

// add has the mender walk to a name in a folder soon, if the kernel may have dropped it.
func (m *mender) add(dir *node, name string) {
	path := name
	if !dir.isRoot() {
		p, ok := m.fs.pathOf(dir.obj)
		if !ok {
			return
		}
		path = filepath.Join(p, name)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done {
		return
	}
	m.due[path], m.busy = struct{}{}, true
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *mender) next() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.busy = len(m.due) > 0
	for path := range m.due {
		delete(m.due, path)
		return path
	}
	return ""
}

// walk has a path walked to. What nobody uses is left alone.
func (m *mender) walk(w *walker, path string) {
	if m.thread.Load() == 0 || !m.fs.inUse(path) {
		return
	}
	m.walking <- struct{}{}
	defer func() { <-m.walking }()
	if err := w.walk(filepath.Join(m.fs.opts.Mountpoint, path)); err != nil {
		m.fs.log.Warn().Err(err).Msg("the walker ended")
		m.thread.Store(0)
	}
}

// pause keeps the mender out of the drive while it is unmounted; a walk that hangs does not
// hold that up for long.
func (m *mender) pause() (resume func()) {
	select {
	case m.walking <- struct{}{}:
		return func() { <-m.walking }
	case <-time.After(time.Second):
		return func() {}
	}
}

// asks reports whether a request comes from the mender.
func (m *mender) asks(hdr *fuse.InHeader) bool {
	return hdr.Pid != 0 && hdr.Pid == m.thread.Load() && hdr.Uid == m.fs.daemonUID
}

// lookup answers the mender.
func (m *mender) lookup(hdr *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	dir := m.fs.nodes.get(hdr.NodeId)
	if dir == nil {
		return fuse.Status(unix.ESTALE)
	}
	came := m.fs.misses.begin()
	o, err := m.fs.below(dir, name)
	if err == nil {
		_, err = m.fs.fillEntry(out, o)
	}
	if err == nil && dir.isRoot() {
		m.fs.misses.entered(name, came)
	}
	return status(err)
}

// below finds an object by name; what it returns is to be released.
func (f *fileSystem) below(dir *node, name string) (*store.Object, error) {
	if !dir.isRoot() {
		return dir.obj.Lookup(name)
	}
	m, ok := f.state.Load().policy.MatterByFolder(name)
	root := f.matterRoot(m.ID)
	if !ok || root == nil {
		return nil, unix.ENOENT
	}
	root.Retain()
	return root, nil
}

// inUse reports whether the kernel knows the object that a path from the root stands for.
func (f *fileSystem) inUse(path string) bool {
	name, rest, _ := strings.Cut(path, "/")
	top, err := f.below(f.nodes.root, name)
	if err != nil {
		return false
	}
	defer top.Release()
	o, err := top.Descend(rest)
	if err != nil {
		return false
	}
	defer o.Release()
	return f.nodes.byObject(o.ID()) != nil
}

// pathOf is where an object stands in the drive.
func (f *fileSystem) pathOf(o *store.Object) (path string, ok bool) {
	m, ok := f.state.Load().policy.Matter(o.Matter())
	return filepath.Join(m.Folder, o.Path()), ok && !o.Unlinked()
}
