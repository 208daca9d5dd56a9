package crashdisk

import (
	"cmp"
	"slices"
	"strings"
	"syscall"

	"matterfs/crypto/store"
)

type dir struct{ node }

var _ store.Dir = (*dir)(nil)

// at finds an entry; d.mu is held.
func (d *Disk) at(in *inode, name string) (*inode, error) {
	switch {
	case len(name) > 255:
		return nil, syscall.ENAMETOOLONG
	case name == "", strings.Contains(name, "/"):
		return nil, syscall.ENOENT
	case in.entries[name] == 0:
		return nil, syscall.ENOENT
	}
	return d.nodes[in.entries[name]], nil
}

// lookAt is begin and at.
func (d *dir) lookAt(op Op, name string) (*inode, *inode, error) {
	in, fault := d.begin(Step{Op: op, Name: name})
	if fault.Err != nil {
		return nil, nil, fault.Err
	}
	n, err := d.d.at(in, name)
	return in, n, err
}

func (d *dir) StatAt(name string) (store.Stat, error) {
	_, n, err := d.lookAt(Look, name)
	defer d.d.mu.Unlock()
	if err != nil {
		return store.Stat{}, err
	}
	return n.stat(), nil
}

func (d *dir) OpenDir(name string) (store.Dir, error) {
	_, n, err := d.lookAt(Open, name)
	defer d.d.mu.Unlock()
	switch {
	case err != nil:
		return nil, err
	case !n.isDir():
		return nil, syscall.ENOTDIR
	}
	d.d.open++
	return &dir{node{d: d.d, ino: n.ino}}, nil
}

func (d *dir) OpenFile(name string) (store.File, error) {
	_, n, err := d.lookAt(Open, name)
	defer d.d.mu.Unlock()
	switch {
	case err != nil:
		return nil, err
	case n.isDir():
		return nil, syscall.EISDIR
	}
	d.d.open++
	return &file{node{d: d.d, ino: n.ino}}, nil
}

func (d *dir) CreateFile(name string) (store.File, error) {
	n, err := d.create(Create, name)
	defer d.d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	d.d.open++
	return &file{node{d: d.d, ino: n.ino}}, nil
}

func (d *dir) Mkdir(name string) error {
	_, err := d.create(Mkdir, name)
	defer d.d.mu.Unlock()
	return err
}

// create leaves the disk locked.
func (d *dir) create(op Op, name string) (*inode, error) {
	in, n, err := d.lookAt(op, name)
	switch {
	case err == nil && n != nil:
		return nil, syscall.EEXIST
	case err != syscall.ENOENT:
		return nil, err
	case in == nil || in.removed || name == "":
		return nil, syscall.ENOENT
	}
	n = d.d.newInode(op == Mkdir)
	d.d.do(change{touch: []uint64{d.ino}, edits: []edit{{d.ino, name, n.ino}}})
	return n, nil
}

func (d *dir) Unlink(name string) error {
	_, n, err := d.lookAt(Unlink, name)
	defer d.d.mu.Unlock()
	switch {
	case err != nil:
		return err
	case n.isDir():
		return syscall.EISDIR
	}
	d.d.do(change{touch: []uint64{d.ino}, edits: []edit{{d.ino, name, 0}}})
	return nil
}

func (d *dir) Rmdir(name string) error {
	_, n, err := d.lookAt(Rmdir, name)
	defer d.d.mu.Unlock()
	switch {
	case err != nil:
		return err
	case !n.isDir():
		return syscall.ENOTDIR
	case len(n.entries) > 0:
		return syscall.ENOTEMPTY
	}
	d.d.own(n.ino).removed = true
	d.d.do(change{touch: []uint64{d.ino, n.ino}, edits: []edit{{d.ino, name, 0}}})
	return nil
}

func (d *dir) Rename(name string, to store.Dir, newName string, noReplace bool) error {
	t, ok := to.(*dir)
	if !ok || t.d != d.d {
		return syscall.EXDEV
	}
	from, n, err := d.lookAt(Rename, name)
	defer d.d.mu.Unlock()
	if err != nil {
		return err
	}
	if t.closed {
		return syscall.EBADF
	}
	into := d.d.nodes[t.ino]
	old, err := d.d.at(into, newName)
	if err != nil && (err != syscall.ENOENT || newName == "") {
		return err
	}
	if stop, err := d.d.checkRename(from, n, into, old, noReplace); stop {
		return err
	}
	d.d.rename(from.ino, name, n, into.ino, newName, old)
	return nil
}

// checkRename is the order of refusals of Linux (do_renameat2, vfs_rename).
func (d *Disk) checkRename(from, n, into, old *inode, noReplace bool) (stop bool, err error) {
	switch {
	case into.removed:
		return true, syscall.ENOENT
	case old != nil && noReplace:
		return true, syscall.EEXIST
	case n.isDir() && d.isAbove(n.ino, into.ino):
		return true, syscall.EINVAL
	case old == nil:
		return false, nil
	case old.isDir() && old.ino != n.ino && d.isAbove(old.ino, from.ino):
		return true, syscall.ENOTEMPTY
	case old.ino == n.ino:
		return true, nil
	case n.isDir() && !old.isDir():
		return true, syscall.ENOTDIR
	case !n.isDir() && old.isDir():
		return true, syscall.EISDIR
	case old.isDir() && len(old.entries) > 0:
		return true, syscall.ENOTEMPTY
	}
	return false, nil
}

func (d *Disk) rename(from uint64, name string, n *inode, into uint64, newName string, old *inode) {
	c := change{touch: []uint64{from, into}, edits: []edit{{from, name, 0}, {into, newName, n.ino}}}
	if n.isDir() {
		c.touch = append(c.touch, n.ino)
		if from != into {
			c.touch = append(c.touch, allMoves)
		}
	}
	if old != nil && old.isDir() {
		d.own(old.ino).removed = true
		c.touch = append(c.touch, old.ino)
	}
	d.do(c)
	d.own(n.ino).ctime = d.now()
}

// isAbove reports whether the directory a is b or holds it.
func (d *Disk) isAbove(a, b uint64) bool {
	if a == b {
		return true
	}
	for _, ino := range d.nodes[a].entries {
		if d.nodes[ino].isDir() && d.isAbove(ino, b) {
			return true
		}
	}
	return false
}

// List returns the entries in the order in which their inodes were made, so
// that what a caller does with them does not depend on chance.
func (d *dir) List() ([]store.DirEntry, error) {
	in, fault := d.begin(Step{Op: List})
	defer d.d.mu.Unlock()
	if fault.Err != nil {
		return nil, fault.Err
	}
	if in.removed { // a real disk opens "." for it
		return nil, syscall.ENOENT
	}
	var list []store.DirEntry
	for name := range in.entries {
		e := store.DirEntry{Name: name, Type: store.TypeFile}
		if d.d.nodes[in.entries[name]].isDir() {
			e.Type = store.TypeDir
		}
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b store.DirEntry) int { return cmp.Compare(in.entries[a.Name], in.entries[b.Name]) })
	return list, nil
}

// Sync makes the directory's entries durable, and its times and attributes.
func (d *dir) Sync(bool) error {
	_, fault := d.begin(Step{Op: SyncDir})
	defer d.d.mu.Unlock()
	if fault.Err == nil {
		d.d.syncDir(d.ino)
		d.d.own(d.ino).sync(true)
	}
	return fault.Err
}
