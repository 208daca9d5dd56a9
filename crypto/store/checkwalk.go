package store

import (
	"errors"
	"fmt"
	"sync/atomic"

	"matterfs/crypto"
)

// checkFolder is a directory whose entries are being checked. It is open until
// the last of them is.
type checkFolder struct {
	dir    Dir
	m      *matter   // nil with Structure
	id     crypto.ID // object id
	keyID  crypto.ID // of the matter
	stored string    // from the root of the store
	path   string    // plain
	parent crypto.ID // object id of the folder above; zero for a matter's own
	name   string    // plain, in it
	number uint32
	users  atomic.Int32
}

// boundBy reports whether metadata say that the folder is where it lies.
func (f *checkFolder) boundBy(d *crypto.DirMeta) bool {
	return f.parent.IsZero() || d.Parent == f.parent && d.Name == f.name
}

func (f *checkFolder) release() {
	if f.users.Add(-1) == 0 {
		f.dir.Close()
	}
}

func (f *checkFolder) below(stored string) string {
	if f.stored == "" {
		return stored
	}
	return f.stored + "/" + stored
}

func (f *checkFolder) join(name string) string {
	if f.path == "" || name == "" {
		return f.path + name
	}
	return f.path + "/" + name
}

func (f *checkFolder) finding(code CheckCode, stored, name string, err error, format string, args ...any) Finding {
	x := Finding{Code: code, Stored: f.below(stored), What: fmt.Sprintf(format, args...), Err: err}
	if f.m != nil {
		x.Matter = f.m.id
	}
	if name != "" {
		x.Path = f.join(name)
	}
	return x
}

// openCheckedFolder authenticates a .mfs.dir and where it is. The code is
// FoundRecovery where a move is yet to be finished.
func (c *checker) openCheckedFolder(m *matter, d Dir, b binding) (*Object, CheckCode, error) {
	st, err := d.Stat()
	if err != nil {
		return nil, FoundIO, err
	}
	f, err := openFolder(m, d, dirFile)
	if isDiskError(err) {
		return nil, FoundIO, err
	}
	if err != nil {
		if c.folderNeverWritten(d) {
			return nil, FoundUnwritten, err
		}
		return nil, FoundFolder, err
	}
	bad := b.check(m, f.meta.Load())
	if bad == nil {
		return c.s.folderObject(m, f, st), "", nil
	}
	next, err := openFolder(m, d, nextFile)
	if err != nil || next.meta.Load().Object != f.meta.Load().Object || b.check(m, next.meta.Load()) != nil {
		return nil, FoundMisplaced, bad
	}
	return c.s.folderObject(m, next, st), FoundRecovery, nil
}

// neverWritten reports whether the first bytes of something, or all of it, can be
// what a power cut leaves of a header that was never synced.
func (c *checker) neverWritten(b []byte) bool { return c.unclean && allZero(b) }

func (c *checker) folderNeverWritten(d Dir) bool {
	b, err := readAll(d, dirFile, crypto.DirSize)
	return c.neverWritten(b) && (err == nil || isGone(err))
}

// folderDone tells of an authentic folder; in is where it lies.
func (c *checker) folderDone(f, in *checkFolder, o *Object, moving bool, count func(*CheckTotals)) {
	meta := o.dir.meta.Load()
	if moving {
		c.report(Finding{Code: FoundRecovery, Stored: f.stored, Matter: f.m.id, Path: f.path, Object: o.id,
			What: "was moving when the daemon or the machine died; the drive finishes it at the next access"})
	}
	c.object(in, CheckedObject{ID: o.id, Kind: kindDir, Matter: f.m.id, Path: f.path, Stored: f.stored, Level: meta.Level, Birth: meta.Birth}, count)
	c.xattrs(o, f.dir, func(code CheckCode, err error, what string) Finding {
		return Finding{Code: code, Stored: f.stored, Matter: f.m.id, Path: f.path, Err: err, What: what}
	})
	c.read(crypto.DirSize)
}

// enter checks the entries of a folder that is authentic itself.
func (c *checker) enter(f *checkFolder) {
	list, err := opening(c.s, f.dir.List)
	if err != nil {
		c.report(f.finding(FoundIO, "", "", err, "cannot be listed"))
		return
	}
	var names nameSet
	names.fill(list)
	for _, e := range list {
		if c.ended() {
			return
		}
		c.entry(f, e, &names)
	}
}

// nameSet is what the entries of one folder must be compared with: few of them.
type nameSet struct {
	journals map[string]bool // ".j." of no file so far
	sides    map[string]bool // ".l.*.n" of no name so far
}

func (n *nameSet) fill(list []DirEntry) {
	n.journals, n.sides = map[string]bool{}, map[string]bool{}
	for _, e := range list {
		if isJournal(e.Name) {
			n.journals[e.Name] = true
		} else if isLongFile(e.Name) {
			n.sides[e.Name] = true
		}
	}
	for _, e := range list {
		if len(n.journals) > 0 && e.Type != TypeDir {
			delete(n.journals, journalName(e.Name))
		}
		if isLong(e.Name) && !isLongFile(e.Name) {
			delete(n.sides, e.Name+longSuffix)
		}
	}
}

// entry checks one name in a folder.
func (c *checker) entry(f *checkFolder, e DirEntry, names *nameSet) {
	if isOwn(e.Name) {
		c.ownEntry(f, e, names)
		return
	}
	t := e.Type
	if t == TypeOther {
		st, err := f.dir.StatAt(e.Name)
		if err != nil {
			c.report(f.finding(FoundIO, e.Name, "", err, "cannot be read"))
			return
		}
		t = st.Type
	}
	name, err := c.nameOf(f, e.Name)
	if err != nil {
		code := FoundName
		if isDiskError(err) {
			code = FoundIO
		} else if bad := (*crypto.FormatError)(nil); errors.As(err, &bad) && !isLong(e.Name) {
			code = FoundForeign
		}
		c.report(f.finding(code, e.Name, "", err, "no name of this folder"))
		return
	}
	switch t {
	case TypeFile:
		f.users.Add(1)
		c.tasks <- fileTask{in: f, stored: e.Name, name: name}
	case TypeDir:
		c.subfolder(f, e.Name, name)
	default:
		c.report(f.finding(FoundType, e.Name, name, nil, "neither a regular file nor a directory"))
	}
}

// nameOf opens a stored name, or looks at its form.
func (c *checker) nameOf(f *checkFolder, stored string) (string, error) {
	var long []byte
	if isLong(stored) {
		var err error
		if long, err = readAll(f.dir, stored+longSuffix, 2*crypto.MaxName); err != nil {
			return "", err
		}
	}
	if c.o.Structure {
		return "", nameShape(stored, long)
	}
	return f.m.names.Open(f.id, stored, long)
}

// ownEntry checks an entry that is no object's.
func (c *checker) ownEntry(f *checkFolder, e DirEntry, names *nameSet) {
	leftover := func(what string) { c.report(f.finding(FoundLeftover, e.Name, "", nil, "%s", what)) }
	switch {
	case e.Type == TypeDir:
		c.report(f.finding(FoundForeign, e.Name, "", nil, "a directory under a name of the store's own files"))
	case e.Name == dirFile:
	case e.Name == nextFile:
		if c.settled(f) {
			leftover("of a move that did not come about")
		}
	case isWork(e.Name):
		leftover("a file that was never finished")
	case names.journals[e.Name]:
		leftover("the journal of a file that is gone")
	case names.sides[e.Name]:
		leftover("the long name of a file that is gone")
	case !isJournal(e.Name) && !isLongFile(e.Name):
		c.report(f.finding(FoundForeign, e.Name, "", nil, "the store makes no such file here"))
	}
}

// settled reports whether a folder's .mfs.dir is the one that counts.
func (c *checker) settled(f *checkFolder) bool {
	if c.o.Structure {
		return false
	}
	now, err := openFolder(f.m, f.dir, dirFile)
	if err != nil {
		return false
	}
	next, err := openFolder(f.m, f.dir, nextFile)
	return err != nil || next.meta.Load().Object != f.id || f.boundBy(now.meta.Load())
}

// subfolder checks a directory inside a matter and what is below it.
func (c *checker) subfolder(in *checkFolder, stored, name string) {
	d, err := opening(c.s, func() (Dir, error) { return in.dir.OpenDir(stored) })
	if err != nil {
		c.report(in.finding(FoundIO, stored, name, err, "cannot be opened"))
		return
	}
	f := &checkFolder{dir: d, m: in.m, keyID: in.keyID, stored: in.below(stored), path: in.join(name)}
	f.users.Store(1)
	defer f.release()
	if c.o.Structure {
		if c.enrol(f); c.folderShape(f, d, in, stored) {
			c.enter(f)
		}
		return
	}
	o, code, err := c.openCheckedFolder(in.m, d, binding{parent: &Object{s: c.s, id: in.id}, name: name})
	if err != nil {
		c.report(in.finding(code, stored, name, err, "folder, of which nothing else was checked"))
		return
	}
	f.id = o.id
	f.parent, f.name = in.id, name
	c.enrol(f)
	c.folderDone(f, in, o, code == FoundRecovery, func(n *CheckTotals) { n.Folders++ })
	c.enter(f)
}
