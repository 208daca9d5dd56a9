package crashdisk

import (
	"slices"
	"sync"
	"syscall"
	"time"

	"matterfs/crypto/store"
)

// Op is the kind of a call that a [Disk] got.
type Op string

// The calls of store.Disk, Dir and File. A directory's sync is [SyncDir].
const (
	Create      Op = "create"
	Mkdir       Op = "mkdir"
	Unlink      Op = "unlink"
	Rmdir       Op = "rmdir"
	Rename      Op = "rename"
	Write       Op = "write"
	Truncate    Op = "truncate"
	Allocate    Op = "allocate"
	SetTimes    Op = "times"
	SetXattr    Op = "setxattr"
	RemoveXattr Op = "removexattr"
	Sync        Op = "sync"
	SyncDir     Op = "syncdir"
	SyncAll     Op = "syncall"

	Open      Op = "open"
	Read      Op = "read"
	Look      Op = "stat"
	List      Op = "list"
	ReadXattr Op = "readxattr"
	DropCache Op = "dropcache"
)

// Changes reports whether calls of this kind change the disk or make a change
// durable.
func (o Op) Changes() bool {
	switch o {
	case Open, Read, Look, List, ReadXattr, DropCache:
		return false
	}
	return true
}

// Step is one call on its way, as a [Hook] sees it. The disk is as before the
// call.
type Step struct {
	Op   Op
	Name string // of the entry, for calls that name one
	Off  int64  // bytes, of reads, writes and truncations
	Len  int    // bytes
	disk *Disk
	file *inode
	data []byte
}

// Image takes an image of the disk as it is before the call, with the call as
// the one that a crash interrupts. Only the hook itself may call it.
func (s Step) Image() *Image {
	im := s.disk.image()
	if s.Op == Write {
		im.file, im.off, im.data = s.file.ino, s.Off, slices.Clone(s.data)
	}
	return im
}

// Fault is what a [Hook] wants of a call: nothing if Err is nil, else that it
// fails. A write does Done bytes before it fails. A sync with Lost leaves what a
// kernel leaves that could not write pages: it takes them for clean.
type Fault struct {
	Err  error
	Done int
	Lost bool
}

// Hook is asked before each call, with the disk locked: it must not use it but
// by [Step.Image].
type Hook func(Step) Fault

// Disk is a file system in memory with a volatile and a durable state. It is a
// store.Disk and safe for concurrent use.
type Disk struct {
	mu      sync.Mutex
	nodes   []*inode // by inode number; nil when gone
	pending []change // of directories, not durable, in the order they came
	gen     uint64   // of images; an inode of an older one is copied before it changes
	ticks   int64
	hook    Hook
	open    int
}

const rootIno = 1

// New returns an empty disk.
func New() *Disk {
	d := &Disk{nodes: make([]*inode, rootIno, 16)}
	d.newInode(true)
	return d
}

// SetHook makes every later call ask h first; nil ends that.
func (d *Disk) SetHook(h Hook) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hook = h
}

// OpenNodes returns how many files and directories are open.
func (d *Disk) OpenNodes() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open
}

// Image takes an image of the disk as it is now, between two calls.
func (d *Disk) Image() *Image {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.image()
}

// OpenRoot implements store.Disk.
func (d *Disk) OpenRoot() (store.Dir, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.ask(Step{Op: Open}); f.Err != nil {
		return nil, f.Err
	}
	d.open++
	return &dir{node{d: d, ino: rootIno}}, nil
}

// StatFS implements store.Disk. There is always room: a full disk is a [Fault].
func (d *Disk) StatFS() (store.StatFS, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return store.StatFS{BlockSize: pageSize, Blocks: 1 << 20, Free: 1 << 19, Avail: 1 << 19,
		Files: 1 << 20, FilesFree: 1<<20 - uint64(len(d.nodes))}, nil
}

// SyncAll makes everything durable.
func (d *Disk) SyncAll() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.ask(Step{Op: SyncAll}); f.Err != nil {
		return f.Err
	}
	for _, c := range d.pending {
		d.settle(c)
	}
	d.pending = nil
	for i, n := range d.nodes {
		if n != nil {
			d.own(uint64(i)).sync(true)
		}
	}
	return nil
}

// Close implements store.Disk; the disk stays usable.
func (d *Disk) Close() error { return nil }

// ask asks the hook; d.mu is held.
func (d *Disk) ask(s Step) Fault {
	if d.hook == nil {
		return Fault{}
	}
	s.disk = d
	return d.hook(s)
}

// now is a clock of its own: one microsecond for each change.
func (d *Disk) now() time.Time {
	d.ticks++
	return time.Unix(1_700_000_000, d.ticks*1000)
}

// own returns the inode for changing it, copied if an image shares it.
func (d *Disk) own(ino uint64) *inode {
	n := d.nodes[ino]
	if n.gen != d.gen {
		n = n.clone()
		n.gen = d.gen
		d.nodes[ino] = n
	}
	return n
}

func (d *Disk) newInode(isDir bool) *inode {
	n := &inode{ino: uint64(len(d.nodes)), gen: d.gen, xattrs: []attrs{nil}}
	if isDir {
		n.entries, n.kept = map[string]uint64{}, map[string]uint64{}
	}
	n.atime, n.mtime = d.now(), d.now()
	n.ctime = n.mtime
	n.keptTimes = [2]time.Time{n.atime, n.mtime}
	d.nodes = append(d.nodes, n)
	return n
}

// change is one operation on directories. It becomes durable as a whole.
type change struct {
	touch []uint64 // directories that order it; see doc.go
	edits []edit
}

// edit is one entry put, or with ino 0 taken away.
type edit struct {
	dir  uint64
	name string
	ino  uint64
}

// allMoves orders the moves of directories among each other, as a rename lock
// of the whole file system does. No inode has that number.
const allMoves = 0

// do makes a change in the volatile state.
func (d *Disk) do(c change) {
	for _, e := range c.edits {
		n := d.own(e.dir)
		if e.ino == 0 {
			delete(n.entries, e.name)
		} else {
			n.entries[e.name] = e.ino
		}
		n.mtime = d.now()
		n.ctime = n.mtime
	}
	d.pending = append(d.pending[:len(d.pending):len(d.pending)], c)
}

// settle makes a change in the durable state.
func (d *Disk) settle(c change) {
	for _, e := range c.edits {
		n := d.own(e.dir)
		if e.ino == 0 {
			delete(n.kept, e.name)
		} else {
			n.kept[e.name] = e.ino
		}
	}
}

// syncDir makes the pending changes of a directory durable and all that have to
// come before them.
func (d *Disk) syncDir(ino uint64) {
	want := map[uint64]bool{ino: true}
	take := make([]bool, len(d.pending))
	for i := len(d.pending) - 1; i >= 0; i-- {
		c := d.pending[i]
		if !slices.ContainsFunc(c.touch, func(t uint64) bool { return want[t] }) {
			continue
		}
		take[i] = true
		for _, t := range c.touch {
			want[t] = true
		}
	}
	var rest []change
	for i, c := range d.pending {
		if take[i] {
			d.settle(c)
		} else {
			rest = append(rest, c)
		}
	}
	d.pending = rest
}

// node is an open file or directory.
type node struct {
	d      *Disk
	ino    uint64
	closed bool
}

// begin locks the disk and asks the hook; the caller unlocks d.mu.
func (n *node) begin(s Step) (*inode, Fault) {
	n.d.mu.Lock()
	if n.closed {
		return nil, Fault{Err: syscall.EBADF}
	}
	s.file = n.d.nodes[n.ino]
	return s.file, n.d.ask(s)
}

func (n *node) Close() error {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	if n.closed {
		return syscall.EBADF
	}
	n.closed = true
	n.d.open--
	return nil
}
