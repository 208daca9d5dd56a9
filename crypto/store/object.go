package store

import (
	"encoding/binary"
	"strings"
	"sync"
	"time"

	"matterfs/crypto"
)

const (
	kindFile    = crypto.File
	kindDir     = crypto.Dir
	kindSymlink = crypto.Symlink
)

// Object is one live file, directory or symbolic link. There is exactly one
// Object for an object id while anybody holds a reference; its state is the
// truth, the disk follows it. Every method that returns an Object adds a
// reference, which [Object.Release] gives back.
type Object struct {
	s        *Store
	m        *matter
	id       crypto.ID
	kind     crypto.Kind
	dev, ino uint64   // of the backing inode, never changes
	dir      *folder  // of directories, else nil
	file     *content // of files and symlinks, else nil

	// Guarded by Store.mu.
	refs     int
	parent   *Object // referenced; nil at a matter's root
	name     string  // in parent
	unlinked bool
	lastPath string             // once unlinked
	children map[string]*Object // live children by name, of directories

	fdMu sync.Mutex // held while the node is opened; child before parent
	fd   *fdEntry   // guarded by fdCache.mu
}

// Attr are the attributes of an object. Sizes are bytes unless said otherwise.
type Attr struct {
	Kind                crypto.Kind
	Size                uint64 // of the plaintext; 4096 for directories
	Blocks              uint64 // of 512 bytes, on the backing disk
	Mode                uint32 // permission bits
	UID, GID            uint32 // creator
	Nlink               uint32 // 1, or 0 once unlinked
	Atime, Mtime, Ctime time.Time
	Birth               time.Time
}

// SetAttr says which attributes to change; nil fields stay.
type SetAttr struct {
	Mode         *uint32
	Size         *uint64
	Atime, Mtime *time.Time
}

// ID returns the object id, the same for life.
func (o *Object) ID() crypto.ID { return o.id }

// Kind returns File, Dir or Symlink.
func (o *Object) Kind() crypto.Kind { return o.kind }

// Ino returns an inode number made from the object id, never 0 or 1.
func (o *Object) Ino() uint64 { return inoOf(o.id) }

func inoOf(id crypto.ID) uint64 {
	n := binary.LittleEndian.Uint64(id[:])
	if n <= 1 {
		n += 2
	}
	return n
}

// Matter returns the id of the matter that o belongs to.
func (o *Object) Matter() string { return o.m.id }

// Retain adds a reference. The caller must hold one.
func (o *Object) Retain() {
	o.s.mu.Lock()
	o.refs++
	o.s.mu.Unlock()
}

// Release drops a reference; with the last one the object leaves memory.
func (o *Object) Release() {
	s := o.s
	for o != nil {
		s.mu.Lock()
		o.refs--
		if o.refs < 0 {
			s.mu.Unlock()
			panic("store: object released too often")
		}
		if o.refs > 0 {
			s.mu.Unlock()
			return
		}
		delete(s.live, o.id)
		parent := o.parent
		if parent != nil && parent.children[o.name] == o {
			delete(parent.children, o.name)
		}
		s.mu.Unlock()
		s.fds.forget(o)
		if o.file != nil {
			o.file.abandon()
		}
		o = parent
	}
}

// at returns where o is, for finding its backing node.
func (o *Object) at() (parent *Object, name string) {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	return o.parent, o.name
}

// Location returns the directory that holds o now, with a reference, and its
// name there. The parent is nil at a matter's root, whose name is the matter's
// folder, and once o is unlinked.
func (o *Object) Location() (parent *Object, name string) {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	if o.unlinked {
		return nil, o.name
	}
	if o.parent != nil {
		o.parent.refs++
	}
	return o.parent, o.name
}

// Path returns the path inside the matter, "" at its root, the last one once o
// is unlinked.
func (o *Object) Path() string {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	return o.path()
}

// Moves grows before any object gets another path. Where it is what it was before a path was asked for, the path is that still:
// a question that takes no lock.
func (s *Store) Moves() uint64 { return s.moves.Load() }

// path is Path with Store.mu held.
func (o *Object) path() string {
	var parts []string
	for ; o.parent != nil; o = o.parent {
		if o.unlinked {
			parts = append(parts, o.lastPath)
			break
		}
		parts = append(parts, o.name)
	}
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return strings.Join(parts, "/")
}

// Unlinked reports whether o has no name any more.
func (o *Object) Unlinked() bool {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	return o.unlinked
}

// Levels returns the sealed levels of the folder and its ancestors, nearest
// first, empty ones left out. For an unlinked object they are those of the
// folders it was in.
func (o *Object) Levels() []string {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	var levels []string
	for ; o != nil; o = o.parent {
		if o.dir == nil {
			continue
		}
		if l := o.dir.meta.Load().Level; l != "" {
			levels = append(levels, l)
		}
	}
	return levels
}

// Attr returns the attributes. Times and blocks are the backing inode's.
func (o *Object) Attr() (Attr, error) {
	node, err := o.pin()
	if err != nil {
		return Attr{}, err
	}
	defer o.unpin()
	a, err := o.settled(node)
	if err == nil && o.Unlinked() {
		a.Nlink = 0
	}
	return a, err
}

// settled is the state between writes of slots, .mfs.dir and journalled blocks,
// which move the modification time of the backing inode for a moment.
func (o *Object) settled(node Node) (Attr, error) {
	if o.dir != nil {
		o.dir.metaMu.Lock()
		defer o.dir.metaMu.Unlock()
	} else {
		o.file.mu.RLock()
		defer o.file.mu.RUnlock()
	}
	st, err := node.Stat()
	if err != nil {
		return Attr{}, err
	}
	a := Attr{Kind: o.kind, Blocks: uint64(st.Blocks), Nlink: 1,
		Atime: st.Atime, Mtime: st.Mtime, Ctime: st.Ctime}
	if o.dir != nil {
		o.dir.attr(&a)
	} else {
		o.file.attr(&a)
	}
	return a, nil
}

// SetAttr changes attributes and returns all of them. EISDIR for the size of a
// directory, EINVAL for that of a symlink.
func (o *Object) SetAttr(set SetAttr) (Attr, error) {
	if set.Size != nil {
		if err := o.setSize(*set.Size); err != nil {
			return Attr{}, err
		}
	}
	if set.Mode != nil {
		if err := o.setMode(*set.Mode & 0o7777); err != nil {
			return Attr{}, err
		}
	}
	if set.Atime != nil || set.Mtime != nil {
		if err := o.setTimes(set.Atime, set.Mtime); err != nil {
			return Attr{}, err
		}
	}
	return o.Attr()
}

func (o *Object) setMode(mode uint32) error {
	if o.dir != nil {
		return o.changeMeta(func(d *crypto.DirMeta) { d.Mode = mode })
	}
	node, err := o.pin()
	if err != nil {
		return err
	}
	defer o.unpin()
	return o.file.setMode(node.(File), mode)
}

func (o *Object) setTimes(atime, mtime *time.Time) error {
	node, err := o.pin()
	if err != nil {
		return err
	}
	defer o.unpin()
	if o.file != nil {
		// Checkpoints and slot writes put the time back that they found: not in between.
		o.file.writeMu.Lock()
		defer o.file.writeMu.Unlock()
		o.file.mu.Lock()
		defer o.file.mu.Unlock()
		o.file.metaChanged = true
		if mtime != nil {
			o.file.mtime = time.Time{}
			if err := o.file.j.age(); err != nil {
				return err
			}
		}
	}
	return node.SetTimes(atime, mtime)
}
