package store

import (
	"strings"
	"syscall"

	"matterfs/crypto"
)

type loadKey struct {
	dir  crypto.ID
	name string
}

// Entry is one name of a directory listing.
type Entry struct {
	Name string
	Kind crypto.Kind // 0 when unknown without opening the file
	Ino  uint64      // 0 when unknown
}

// Lookup returns the object called name. ENOENT when there is none, a
// *[CorruptError] when what stands there was not put there by this store, or
// not under this name (folders) or in this directory (all).
func (d *Object) Lookup(name string) (*Object, error) {
	if err := d.checkDir(name); err != nil {
		return nil, err
	}
	d.dir.ns.RLock()
	defer d.dir.ns.RUnlock()
	return d.lookup(name)
}

func (d *Object) checkDir(name string) error {
	if d.dir == nil {
		return syscall.ENOTDIR
	}
	return checkName(name)
}

// lookup is Lookup with ns held, for reading or writing. Only one caller loads
// a name at a time: a second one could have read a slot that the object, live
// and gone again in between, has since replaced.
func (d *Object) lookup(name string) (*Object, error) {
	s := d.s
	key := loadKey{d.id, name}
	for {
		s.mu.Lock()
		if c := d.children[name]; c != nil {
			c.refs++
			s.mu.Unlock()
			return c, nil
		}
		busy, ok := s.loading[key]
		if !ok {
			break
		}
		s.mu.Unlock()
		<-busy
	}
	done := make(chan struct{})
	s.loading[key] = done
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.loading, key)
		s.mu.Unlock()
		close(done)
	}()
	return d.load(name)
}

// load brings a name from the disk to life.
func (d *Object) load(name string) (*Object, error) {
	if d.dir.removed {
		return nil, syscall.ENOENT
	}
	stored, _, err := d.m.names.Seal(d.id, name)
	if err != nil {
		return nil, syscall.EINVAL
	}
	dir, err := d.pinDir()
	if err != nil {
		return nil, err
	}
	defer d.unpin()
	st, err := dir.StatAt(stored)
	if err != nil {
		return nil, err
	}
	var o *Object
	var node Node
	switch st.Type {
	case TypeFile:
		o, node, err = d.loadFile(dir, stored, name)
	case TypeDir:
		o, node, err = d.loadDir(dir, stored, name)
	default:
		err = d.corruptAt(name, nil, "neither a regular file nor a directory")
	}
	if err != nil {
		return nil, err
	}
	d.s.insert(o, d, name, node)
	o.unpin()
	return o, nil
}

func (d *Object) loadDir(dir Dir, stored, name string) (*Object, Node, error) {
	node, err := opening(d.s, func() (Dir, error) { return dir.OpenDir(stored) })
	if err != nil {
		return nil, nil, d.openError(name, err)
	}
	o, err := d.s.loadFolder(d.m, node, binding{parent: d, name: name})
	if err != nil && d.s.unclean.Load() && d.s.folderNeverWritten(node) {
		err = d.lose(dir, stored, name)
	}
	if err == nil {
		err = d.s.reserve(o.id)
	}
	if err != nil {
		node.Close()
		return nil, nil, err
	}
	return o, node, nil
}

// reserve announces that id is about to become live. It fails when the id is
// live or announced at another place: the same object at two backing inodes.
func (s *Store) reserve(id crypto.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o, ok := s.live[id]; ok {
		path := ""
		if o != nil {
			path = o.path()
		}
		return &CorruptError{Path: path, What: "its object id is at two places"}
	}
	s.live[id] = nil
	return nil
}

func (s *Store) unreserve(id crypto.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live[id] == nil {
		delete(s.live, id)
	}
}

// insert makes a reserved object live, with one reference for the caller and
// its node pinned once.
func (s *Store) insert(o, parent *Object, name string, node Node) {
	s.fds.put(o, node)
	s.mu.Lock()
	defer s.mu.Unlock()
	o.refs, o.parent, o.name = 1, parent, name
	s.live[o.id] = o
	if parent != nil {
		parent.refs++
		parent.children[name] = o
	}
}

// ReadDir returns the names in the directory, without . and .., in no order.
// What does not authenticate as a name of this directory is left out and told
// to the log: one planted file must not take the folder from its users.
func (d *Object) ReadDir() ([]Entry, error) {
	if d.dir == nil {
		return nil, syscall.ENOTDIR
	}
	d.dir.ns.RLock()
	defer d.dir.ns.RUnlock()
	if d.dir.removed {
		return nil, nil
	}
	dir, err := d.pinDir()
	if err != nil {
		return nil, err
	}
	defer d.unpin()
	list, err := opening(d.s, dir.List)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(list))
	d.dropOrphans(dir, list)
	for _, e := range list {
		if isWork(e.Name) {
			d.dropWork(dir, e.Name)
		}
		if isOwn(e.Name) {
			continue
		}
		name, err := d.plainName(dir, e.Name)
		if err != nil {
			d.s.log("foreign entry in a folder", "folder", d.id.String(), "stored", e.Name, "err", err)
			continue
		}
		entries = append(entries, d.entry(name, e.Type))
	}
	return entries, nil
}

// dropOrphans removes journals whose files are gone. With ns held no file comes
// or goes, and with it no right of a journal to be there.
func (d *Object) dropOrphans(dir Dir, list []DirEntry) {
	orphans := map[string]bool{}
	for _, e := range list {
		if isJournal(e.Name) {
			orphans[e.Name] = true
		}
	}
	if len(orphans) == 0 {
		return
	}
	for _, e := range list {
		if e.Type != TypeDir {
			delete(orphans, journalName(e.Name))
		}
	}
	for name := range orphans {
		err := quietly(dir, func() error { return dir.Unlink(name) })
		d.s.log("removed the journal of a file that is gone", "folder", d.id.String(), "stored", name, "err", err)
	}
}

// dropWork removes a file that a crash left half made: with ns held, nobody is
// making one.
func (d *Object) dropWork(dir Dir, stored string) {
	err := keepTimes(dir, func() error { return dir.Unlink(stored) })
	d.s.log("removed a file that was never finished", "folder", d.id.String(), "stored", stored, "err", err)
}

func (d *Object) plainName(dir Dir, stored string) (string, error) {
	var long []byte
	if isLong(stored) {
		var err error
		if long, err = readAll(dir, stored+longSuffix, 2*crypto.MaxName); err != nil {
			return "", err
		}
	}
	return d.m.names.Open(d.id, stored, long)
}

func (d *Object) entry(name string, t FileType) Entry {
	e := Entry{Name: name}
	if t == TypeDir {
		e.Kind = kindDir
	}
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	if c := d.children[name]; c != nil {
		e.Kind, e.Ino = c.kind, inoOf(c.id)
	}
	return e
}

func isLong(stored string) bool { return strings.HasPrefix(stored, crypto.LongPrefix) }

// isEmpty reports whether no name is in the directory; ns is held. Planted
// things that are no names do not count.
func (d *Object) isEmpty(dir Dir) (bool, error) {
	list, err := dir.List()
	if err != nil {
		return false, err
	}
	for _, e := range list {
		if isOwn(e.Name) {
			continue
		}
		// A long name counts even when its side file is damaged.
		if _, err := d.plainName(dir, e.Name); err == nil || isLong(e.Name) {
			return false, nil
		}
	}
	return true, nil
}

// Descend follows a path below the folder, names parted by slashes; "" is the
// folder itself. What it returns is to be released. Errors are those of Lookup.
func (d *Object) Descend(path string) (*Object, error) {
	d.Retain()
	o := d
	for path != "" {
		var name string
		name, path, _ = strings.Cut(path, "/")
		next, err := o.Lookup(name)
		o.Release()
		if err != nil {
			return nil, err
		}
		o = next
	}
	return o, nil
}
