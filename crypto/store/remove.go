package store

import (
	"runtime"
	"slices"
	"syscall"

	"matterfs/crypto"
)

// Unlink removes a file or symlink. Open handles live on. EISDIR for a
// directory.
func (d *Object) Unlink(name string) error {
	return d.remove(name, func(o *Object, dir Dir, stored string) error {
		if o.kind == kindDir {
			return syscall.EISDIR
		}
		return dir.Unlink(stored)
	})
}

// Rmdir removes an empty directory. ENOTDIR for what is none, ENOTEMPTY.
func (d *Object) Rmdir(name string) error {
	return d.remove(name, func(o *Object, dir Dir, stored string) error {
		if o.kind != kindDir {
			return syscall.ENOTDIR
		}
		t, err := o.toTrash(dir, stored)
		if err == nil {
			d.s.emptyTrash(t)
		}
		return err
	})
}

// remove takes a name out of d by doing it on the disk with take.
func (d *Object) remove(name string, take func(o *Object, dir Dir, stored string) error) error {
	if err := d.checkDir(name); err != nil {
		return err
	}
	for {
		o, err := d.Lookup(name)
		if err != nil {
			return err
		}
		there, err := d.removeFound(o, name, take)
		o.Release()
		if there {
			return err
		}
		runtime.Gosched() // it was renamed in between
	}
}

func (d *Object) removeFound(o *Object, name string, take func(*Object, Dir, string) error) (there bool, err error) {
	unlock := lockNames(d, o)
	defer unlock()
	if !d.s.isAt(o, d, name) {
		return false, nil
	}
	return true, d.removeLocked(o, name, take)
}

func (d *Object) removeLocked(o *Object, name string, take func(*Object, Dir, string) error) error {
	stored, long, err := d.m.names.Seal(d.id, name)
	if err != nil {
		return syscall.EINVAL
	}
	dir, err := d.pinDir()
	if err != nil {
		return err
	}
	defer d.unpin()
	if _, err := o.pin(); err != nil {
		return err
	}
	if o.file != nil {
		o.file.freeze()
		defer o.file.thaw()
	}
	if err := take(o, dir, stored); err != nil {
		o.unpin()
		return err
	}
	if o.file != nil {
		o.file.loseName(dir)
	}
	synced := !d.s.neverSynced(o.id)
	d.s.unlinked(o) // and never unpinned: there is no name to open it by
	d.s.dropLong(dir, stored, long, synced)
	return nil
}

// unlinked takes an object out of the tree.
func (s *Store) unlinked(o *Object) {
	s.mu.Lock()
	o.lastPath = o.path()
	o.unlinked = true
	if o.parent.children[o.name] == o {
		delete(o.parent.children, o.name)
	}
	s.mu.Unlock()
	if f := o.dir; f != nil {
		f.removed = true // its ns is held by the caller
	}
	s.freshMu.Lock()
	delete(s.fresh, o.id)
	s.freshMu.Unlock()
}

// toTrash moves an empty directory into .mfs.trash and returns its name there.
// Its ns is held for writing. What was planted in it goes along and stays there.
func (o *Object) toTrash(dir Dir, stored string) (string, error) {
	d, err := o.pinDir()
	if err != nil {
		return "", err
	}
	defer o.unpin()
	if empty, err := o.isEmpty(d); err != nil {
		return "", err
	} else if !empty {
		return "", syscall.ENOTEMPTY
	}
	t := crypto.NewID().String()
	return t, dir.Rename(stored, o.s.trash, t, true)
}

func (s *Store) emptyTrash(name string) {
	if err := discardDir(s.trash, name); err != nil {
		s.log("cannot remove a directory from the trash", "name", name, "err", err)
	}
}

// isAt reports whether o has that name in d. With ns of d held this stays so.
func (s *Store) isAt(o, d *Object, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return d.children[name] == o && !o.unlinked
}

// lockNames locks the names of all directories among objs for changes, in the
// order that Store prescribes, and returns how to unlock them.
func lockNames(objs ...*Object) (unlock func()) {
	var dirs []*Object
	for _, o := range objs {
		if o != nil && o.dir != nil {
			dirs = append(dirs, o)
		}
	}
	slices.SortFunc(dirs, func(a, b *Object) int { return slices.Compare(a.id[:], b.id[:]) })
	dirs = slices.Compact(dirs)
	for _, d := range dirs {
		d.dir.ns.Lock()
	}
	return func() {
		for _, d := range dirs {
			d.dir.ns.Unlock()
		}
	}
}
