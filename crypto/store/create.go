package store

import (
	"syscall"

	"matterfs/crypto"
)

// Create makes a file and opens it for writing. If there is one of that name it
// is opened instead (created is false), or with excl the answer is EEXIST.
// EISDIR and ELOOP when the name is a directory's or a symlink's.
func (d *Object) Create(name string, a NewAttr, excl bool) (o *Object, h *Handle, created bool, err error) {
	if err := d.checkDir(name); err != nil {
		return nil, nil, false, err
	}
	o, created, err = d.createOrLookup(name, a, excl)
	if err != nil {
		return nil, nil, false, err
	}
	if h, err = o.Open(true); err != nil {
		o.Release()
		return nil, nil, false, err
	}
	return o, h, created, nil
}

func (d *Object) createOrLookup(name string, a NewAttr, excl bool) (o *Object, created bool, err error) {
	d.dir.ns.Lock()
	defer d.dir.ns.Unlock()
	o, err = d.lookup(name)
	switch {
	case err == nil && excl:
		o.Release()
		return nil, false, syscall.EEXIST
	case err != syscall.ENOENT:
		return o, false, err
	case !d.s.mayOpen(1):
		return nil, false, syscall.EMFILE // else an empty file would be left
	}
	o, err = d.newFile(name, kindFile, a, nil)
	return o, err == nil, err
}

// Symlink makes a symbolic link. Its target, 1 to 4095 bytes, is stored like the
// content of a file. EEXIST when the name is taken.
func (d *Object) Symlink(name, target string, a NewAttr) (*Object, error) {
	if err := d.checkDir(name); err != nil {
		return nil, err
	}
	if len(target) >= crypto.BlockSize {
		return nil, syscall.ENAMETOOLONG
	}
	if target == "" {
		return nil, syscall.ENOENT
	}
	d.dir.ns.Lock()
	defer d.dir.ns.Unlock()
	if err := d.mustBeFree(name); err != nil {
		return nil, err
	}
	a.Mode = 0o777
	return d.newFile(name, kindSymlink, a, []byte(target))
}

// Mkdir makes a directory. EEXIST when the name is taken.
func (d *Object) Mkdir(name string, a NewAttr) (*Object, error) {
	if err := d.checkDir(name); err != nil {
		return nil, err
	}
	d.dir.ns.Lock()
	defer d.dir.ns.Unlock()
	if err := d.mustBeFree(name); err != nil {
		return nil, err
	}
	meta := d.s.newMeta(d.m, d.id, name, a)
	var o *Object
	var node Dir
	err := d.appear(name, func(dir Dir, stored string) (err error) {
		o, node, err = d.s.buildFolder(d.m, meta, dir, stored, false)
		return err
	})
	if err != nil {
		return nil, err
	}
	d.adopt(o, name, node)
	return o, nil
}

// mustBeFree returns EEXIST when name is taken; ns is held for writing.
func (d *Object) mustBeFree(name string) error {
	switch o, err := d.lookup(name); err {
	case syscall.ENOENT:
		return nil
	case nil:
		o.Release()
		return syscall.EEXIST
	default:
		return err
	}
}

// appear runs what makes a new stored name appear in d, with the side file of a
// long name written before it.
func (d *Object) appear(name string, put func(dir Dir, stored string) error) error {
	if d.dir.removed {
		return syscall.ENOENT
	}
	stored, long, err := d.m.names.Seal(d.id, name)
	if err != nil {
		return syscall.EINVAL
	}
	dir, err := d.pinDir()
	if err != nil {
		return err
	}
	defer d.unpin()
	if err := d.s.putLong(dir, stored, long, false); err != nil {
		return err
	}
	if err := put(dir, stored); err != nil {
		if _, serr := dir.StatAt(stored); serr == syscall.ENOENT {
			d.s.dropLong(dir, stored, long, false)
		}
		return err
	}
	return nil
}

// adopt makes an object that was just created live, with one reference.
func (d *Object) adopt(o *Object, name string, node Node) {
	d.s.mu.Lock()
	d.s.live[o.id] = nil // a new random id: nobody else has it
	d.s.mu.Unlock()
	d.s.insert(o, d, name, node)
	o.unpin()
	d.s.markFresh(o.id, true)
}

// newFile builds a file under a work name in its folder and renames it to its
// place, so that no name ever leads to half a header. In its folder because file
// systems keep what was created together close together. ns is held for writing.
func (d *Object) newFile(name string, kind crypto.Kind, a NewAttr, data []byte) (*Object, error) {
	p, keys, err := crypto.NewFile(d.m.content, d.m.keyID, d.m.version)
	if err != nil {
		return nil, err
	}
	slot := crypto.Slot{Kind: kind, Object: crypto.NewID(), Parent: d.id, UID: a.UID, GID: a.GID,
		Mode: a.Mode & 0o7777, Birth: d.s.now().UnixNano(), Size: uint64(len(data)), Valid: uint64(len(data))}
	if kind == kindFile {
		slot.Flags = flagTail // until the first handle closes
	}
	var block []byte
	if len(data) > 0 {
		slot.SeqBase, slot.BlockWrites = 1, 1
		block = keys.Data.SealBlock(nil, 0, 1, data)
	}
	b := append(newHeader(&p, keys, &slot), block...)
	var f File
	var st Stat
	err = d.appear(name, func(dir Dir, stored string) (err error) {
		f, st, err = d.s.settleFile(b, dir, stored)
		return err
	})
	if err != nil {
		return nil, err
	}
	o := &Object{s: d.s, m: d.m, id: slot.Object, kind: kind, dev: st.Dev, ino: st.Ino}
	o.file = newContent(o, p, keys, slot, 1)
	d.adopt(o, name, f)
	return o, nil
}

func (s *Store) settleFile(b []byte, dir Dir, stored string) (File, Stat, error) {
	t := workPrefix + crypto.NewID().String()
	f, err := opening(s, func() (File, error) { return dir.CreateFile(t) })
	if err != nil {
		return nil, Stat{}, err
	}
	st, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(b, 0)
	}
	if err == nil {
		err = dir.Rename(t, dir, stored, true)
	}
	if err != nil {
		f.Close()
		dir.Unlink(t)
		return nil, Stat{}, err
	}
	return f, st, nil
}
