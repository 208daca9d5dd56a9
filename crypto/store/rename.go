package store

import (
	"errors"
	"runtime"
	"slices"
	"syscall"
)

// Rename moves what is called name to newName in the directory to, replacing
// what is there: a file by a file, an empty directory by a directory. With
// noReplace a taken name is EEXIST. EXDEV into another matter, EINVAL for a
// directory into itself, ENOTEMPTY, EISDIR, ENOTDIR as rename(2) says.
func (d *Object) Rename(name string, to *Object, newName string, noReplace bool) error {
	if err := errors.Join(d.checkDir(name), to.checkDir(newName)); err != nil {
		return firstErrno(err)
	}
	if d.m != to.m {
		return syscall.EXDEV
	}
	src, err := d.Lookup(name)
	if err != nil {
		return err
	}
	if src.dir != nil && d != to {
		d.s.moveMu.Lock()
		defer d.s.moveMu.Unlock()
	}
	r := rename{s: d.s, from: d, to: to, name: name, newName: newName, noReplace: noReplace, src: src}
	for {
		done, err := r.try()
		r.src.Release()
		if done {
			return err
		}
		runtime.Gosched() // somebody changed one of the names: look again
		if r.src, err = d.Lookup(name); err != nil {
			return err
		}
		if r.src.dir != nil && src.dir == nil && d != to {
			r.src.Release() // a directory took the file's name: start with moveMu
			return d.Rename(name, to, newName, noReplace)
		}
	}
}

func firstErrno(err error) error {
	var no syscall.Errno
	if errors.As(err, &no) {
		return no
	}
	return err
}

// rename is one rename on its way.
type rename struct {
	s             *Store
	from, to      *Object
	name, newName string
	noReplace     bool
	src, victim   *Object

	fromDir, toDir       Dir
	stored, newStored    string
	oldLong, newLongName []byte
}

// try renames if both names still mean what they did when looked up.
func (r *rename) try() (done bool, err error) {
	r.victim, err = r.to.Lookup(r.newName)
	if err != nil && err != syscall.ENOENT {
		return true, err
	}
	if r.victim != nil {
		defer r.victim.Release()
	}
	unlock := lockNames(r.from, r.to, r.victim)
	defer unlock()
	if !r.s.isAt(r.src, r.from, r.name) || r.victim != nil && !r.s.isAt(r.victim, r.to, r.newName) {
		return false, nil
	}
	if stop, err := r.check(); stop {
		return true, err
	}
	err = r.run()
	// The new name was free when looked up: somebody was faster.
	return !(r.victim == nil && err == syscall.EEXIST), err
}

// check is rename(2)'s list of refusals; stop without an error is "nothing to
// do".
func (r *rename) check() (stop bool, err error) {
	switch {
	case r.victim != nil && r.noReplace:
		return true, syscall.EEXIST
	case r.victim == r.src:
		return true, nil
	case r.to.dir.removed:
		return true, syscall.ENOENT
	case r.src.dir != nil && r.s.isAbove(r.src, r.to):
		return true, syscall.EINVAL
	case r.victim == nil:
		return false, nil
	case r.src.dir != nil && r.victim.dir == nil:
		return true, syscall.ENOTDIR
	case r.src.dir == nil && r.victim.dir != nil:
		return true, syscall.EISDIR
	case r.victim.dir != nil && r.s.isAbove(r.victim, r.from):
		return true, syscall.ENOTEMPTY
	}
	return false, nil
}

// isAbove reports whether o is d or an ancestor of it.
func (s *Store) isAbove(o, d *Object) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ; d != nil; d = d.parent {
		if d == o {
			return true
		}
	}
	return false
}

// run does it, all locks held. Nodes of objects that change their name are
// pinned, so that nobody opens them by a name that is just changing.
func (r *rename) run() (err error) {
	if r.stored, r.oldLong, err = r.from.m.names.Seal(r.from.id, r.name); err != nil {
		return syscall.EINVAL
	}
	if r.newStored, r.newLongName, err = r.to.m.names.Seal(r.to.id, r.newName); err != nil {
		return syscall.EINVAL
	}
	if r.fromDir, err = r.from.pinDir(); err != nil {
		return err
	}
	defer r.from.unpin()
	if r.toDir, err = r.to.pinDir(); err != nil {
		return err
	}
	defer r.to.unpin()
	node, err := r.src.pin()
	if err != nil {
		return err
	}
	defer r.src.unpin()
	if r.victim != nil {
		if _, err = r.victim.pin(); err != nil {
			return err
		}
	}
	thaw := r.freeze()
	defer thaw()
	if err = r.onDisk(node); err != nil {
		if r.victim != nil {
			r.victim.unpin()
		}
		return err
	}
	r.settle()
	return nil
}

// freeze keeps the contents of both files, and the names of their journals, as
// they are until the rename is done, and returns how to let go.
func (r *rename) freeze() (thaw func()) {
	var list []*content
	for _, o := range []*Object{r.src, r.victim} {
		if o != nil && o.file != nil {
			list = append(list, o.file)
		}
	}
	slices.SortFunc(list, func(a, b *content) int { return slices.Compare(a.o.id[:], b.o.id[:]) })
	for _, c := range list {
		c.freeze()
	}
	return func() {
		for _, c := range list {
			c.thaw()
		}
	}
}

func (r *rename) onDisk(node Node) error {
	if c := r.src.file; c != nil {
		if err := c.detach(node.(File)); err != nil {
			return err
		}
		if err := r.replacement(c, node.(File)); err != nil {
			return err
		}
	}
	synced := !r.s.neverSynced(r.src.id)
	if synced && r.from != r.to || r.src.dir != nil {
		// What may be durable must not go where a power cut takes it along.
		if err := r.s.syncEntry(r.to); err != nil {
			return err
		}
	}
	if err := r.s.putLong(r.toDir, r.newStored, r.newLongName, synced); err != nil {
		return err
	}
	var err error
	switch {
	case r.src.dir != nil:
		err = r.moveFolder(node.(Dir))
	case r.from == r.to:
		err = r.move()
	default:
		err = r.src.file.moveTo(node.(File), r.to.id, r.moveSynced)
	}
	if err != nil && r.victim == nil && err != syscall.EEXIST {
		r.s.dropLong(r.toDir, r.newStored, r.newLongName, false)
	}
	if err == nil && r.victim != nil && r.victim.file != nil {
		r.victim.file.loseName(r.toDir)
	}
	return err
}

// replacement makes a file durable that nobody synced before it takes the place
// of one that may be: else a power cut leaves neither.
func (r *rename) replacement(c *content, f File) error {
	if r.victim == nil || c.careful() || r.s.neverSynced(r.victim.id) {
		return nil
	}
	if err := c.fsync(f, false); err != nil {
		return err
	}
	c.mu.Lock()
	c.kept = true
	c.mu.Unlock()
	return nil
}

func (r *rename) move() error {
	return r.fromDir.Rename(r.stored, r.toDir, r.newStored, r.victim == nil)
}

// moveSynced also makes the move of a file durable that is not new, before its
// slot forgets the old folder.
func (r *rename) moveSynced() error {
	err := r.move()
	if err != nil || r.s.neverSynced(r.src.id) {
		return err
	}
	r.syncParents()
	return nil
}

// syncParents makes a move durable as far as the disk lets it. It has happened
// already: a failure is told to the log, and the next sync repeats it.
func (r *rename) syncParents() {
	for _, d := range []Dir{r.toDir, r.fromDir} {
		if err := d.Sync(true); err != nil {
			r.s.log("cannot sync a folder after a rename", "err", err)
		}
	}
}

// moveFolder binds a directory to its new place: the new binding lies beside
// the old one while it moves.
func (r *rename) moveFolder(node Dir) error {
	f := r.src.dir
	f.metaMu.Lock()
	defer f.metaMu.Unlock()
	meta := *f.meta.Load()
	meta.Parent, meta.Name = r.to.id, r.newName
	if _, err := r.src.writeMeta(node, &meta, nextFile); err != nil {
		return err
	}
	err := r.replaceFolder()
	if err != nil {
		node.Unlink(nextFile)
		return err
	}
	r.syncParents()
	f.meta.Store(&meta)
	err = keepTimes(node, func() error { return node.Rename(nextFile, node, dirFile, false) })
	if err != nil { // .mfs.next goes on to vouch for the place
		r.s.log("cannot settle a moved folder", "object", r.src.id.String(), "err", err)
	}
	return nil
}

// replaceFolder is move for directories: one that is replaced goes to the trash
// first, since with .mfs.dir in it it is not empty for rename(2).
func (r *rename) replaceFolder() error {
	if r.victim == nil {
		return r.move()
	}
	t, err := r.victim.toTrash(r.toDir, r.newStored)
	if err != nil {
		return err
	}
	if err := r.fromDir.Rename(r.stored, r.toDir, r.newStored, true); err != nil {
		return errors.Join(err, r.s.trash.Rename(t, r.toDir, r.newStored, true))
	}
	r.s.emptyTrash(t)
	return nil
}

// settle makes memory follow the disk.
func (r *rename) settle() {
	if r.victim != nil {
		r.s.unlinked(r.victim)
	}
	r.s.mu.Lock()
	r.s.moves.Add(1) // before anybody can see the new place
	delete(r.from.children, r.name)
	r.to.children[r.newName] = r.src
	r.src.parent, r.src.name = r.to, r.newName
	r.to.refs++
	r.s.mu.Unlock()
	r.from.Release() // the reference that src held; the caller has one too
	r.s.dropLong(r.fromDir, r.stored, r.oldLong, !r.s.neverSynced(r.src.id))
	r.s.markFresh(r.src.id, false)
}
