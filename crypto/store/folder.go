package store

import (
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"matterfs/crypto"
)

// folder is the state of a live directory.
type folder struct {
	ns      sync.RWMutex // the names in it; see Store for the order
	removed bool         // guarded by ns: nothing can be made in it any more

	metaMu sync.Mutex // held while .mfs.dir is replaced
	meta   atomic.Pointer[crypto.DirMeta]
	prefix crypto.Prefix    // of .mfs.dir, for life
	keys   *crypto.FileKeys // while the backing node is open; see fdCache
}

func (f *folder) attr(a *Attr) {
	m := f.meta.Load()
	a.Size, a.Mode, a.UID, a.GID = 4096, m.Mode, m.UID, m.GID
	a.Birth = time.Unix(0, m.Birth)
}

// binding is where a directory was found, and so what its .mfs.dir must say.
type binding struct {
	root   bool // a matter's root: any name, no parent
	parent *Object
	name   string
}

func (b binding) check(m *matter, d *crypto.DirMeta) error {
	switch {
	case b.root:
		return m.checkRoot(d)
	case d.Matter != "":
		return errors.New("it is a matter's root")
	case d.Parent != b.parent.id:
		return errors.New("it belongs to another folder")
	case d.Name != b.name:
		return errors.New("it has another name")
	}
	return nil
}

// loadFolder authenticates an open backing directory.
func (s *Store) loadFolder(m *matter, d Dir, b binding) (*Object, error) {
	st, err := d.Stat()
	if err != nil {
		return nil, err
	}
	fail := func(err error) error {
		what := "folder " + dirFile
		if b.root {
			return &CorruptError{What: what + " of matter " + m.id, Err: err}
		}
		return b.parent.corruptAt(b.name, err, "%s", what)
	}
	f, err := openFolder(m, d, dirFile)
	if isDiskError(err) {
		return nil, err
	}
	if err != nil {
		return nil, fail(err)
	}
	bad := b.check(m, f.meta.Load())
	if bad == nil {
		d.Unlink(nextFile) // of a move that never came about
		return s.folderObject(m, f, st), nil
	}
	if f, err = s.finishMove(m, d, b, f); err != nil {
		return nil, fail(bad)
	}
	return s.folderObject(m, f, st), nil
}

// isDiskError tells failures of the disk from what is found on it. A missing
// .mfs.dir is damage.
func isDiskError(err error) bool {
	var no syscall.Errno
	return errors.As(err, &no) && !isGone(err)
}

func openFolder(m *matter, d Dir, name string) (*folder, error) {
	b, err := readAll(d, name, crypto.DirSize)
	if err != nil {
		return nil, err
	}
	return parseFolder(m, b)
}

// parseFolder authenticates the bytes of a .mfs.dir.
func parseFolder(m *matter, b []byte) (*folder, error) {
	p, err := crypto.ParsePrefix(b)
	if err != nil {
		return nil, err
	}
	if p.KeyID != m.keyID {
		return nil, errOtherKey
	}
	meta, keys, err := crypto.OpenDir(m.content, b)
	if err != nil {
		return nil, err
	}
	f := &folder{prefix: p, keys: keys}
	f.meta.Store(meta)
	return f, nil
}

func (s *Store) folderObject(m *matter, f *folder, st Stat) *Object {
	return &Object{s: s, m: m, id: f.meta.Load().Object, kind: kindDir, dev: st.Dev, ino: st.Ino,
		dir: f, children: map[string]*Object{}}
}

// finishMove completes the move of a directory that a crash interrupted: the
// directory is already where .mfs.next says.
func (s *Store) finishMove(m *matter, d Dir, b binding, old *folder) (*folder, error) {
	next, err := openFolder(m, d, nextFile)
	if err != nil {
		return nil, err
	}
	n := next.meta.Load()
	if n.Object != old.meta.Load().Object {
		return nil, errors.New("it is another folder's")
	}
	if err := b.check(m, n); err != nil {
		return nil, err
	}
	if err := d.Rename(nextFile, d, dirFile, false); err != nil {
		return nil, err
	}
	r := Recovery{Kind: RecoveredMove, Matter: m.id, Object: n.Object}
	if !b.root {
		r.Path = b.parent.pathOf(b.name)
	}
	s.recovered(r)
	return next, nil
}

func (s *Store) newMeta(m *matter, parent crypto.ID, name string, a NewAttr) *crypto.DirMeta {
	return &crypto.DirMeta{Object: crypto.NewID(), Parent: parent, Name: name,
		KeyID: m.keyID, KeyVersion: m.version, UID: a.UID, GID: a.GID, Mode: a.Mode & 0o7777,
		Birth: s.now().UnixNano()}
}

// buildFolder makes a directory in .mfs.tmp and moves it to its place, so that
// no name ever leads to half a folder. EEXIST when the place is taken.
func (s *Store) buildFolder(m *matter, meta *crypto.DirMeta, in Dir, stored string, sync bool) (*Object, Dir, error) {
	b, err := crypto.SealDir(m.content, meta)
	if err != nil {
		return nil, nil, err
	}
	f, err := parseFolder(m, b)
	if err != nil {
		return nil, nil, err
	}
	t := crypto.NewID().String()
	if err := s.tmp.Mkdir(t); err != nil {
		return nil, nil, err
	}
	d, err := opening(s, func() (Dir, error) { return s.tmp.OpenDir(t) })
	if err != nil {
		s.tmp.Rmdir(t)
		return nil, nil, err
	}
	st, err := d.Stat()
	if err == nil {
		err = s.settleFolder(d, b, t, in, stored, sync)
	}
	if err != nil {
		d.Close()
		discardDir(s.tmp, t)
		return nil, nil, err
	}
	return s.folderObject(m, f, st), d, nil
}

func (s *Store) settleFolder(d Dir, b []byte, tmp string, in Dir, stored string, sync bool) error {
	if err := replaceFile(s.tmp, d, dirFile, b, sync); err != nil {
		return err
	}
	if sync {
		if err := d.Sync(true); err != nil {
			return err
		}
	}
	if err := s.tmp.Rename(tmp, in, stored, true); err != nil || !sync {
		return err
	}
	return in.Sync(true)
}

// changeMeta replaces .mfs.dir by one that change made different.
func (o *Object) changeMeta(change func(*crypto.DirMeta)) error {
	d, err := o.pinDir()
	if err != nil {
		return err
	}
	defer o.unpin()
	f := o.dir
	f.metaMu.Lock()
	defer f.metaMu.Unlock()
	meta := *f.meta.Load()
	change(&meta)
	replaced, err := o.writeMeta(d, &meta, dirFile)
	if replaced { // even if nobody knows whether it is durable
		f.meta.Store(&meta)
	}
	return err
}

// writeMeta seals meta under the folder's own keys into name, durably, and
// leaves the directory's times alone. metaMu is held.
func (o *Object) writeMeta(d Dir, meta *crypto.DirMeta, name string) (replaced bool, err error) {
	b, err := crypto.ResealDir(o.m.content, o.dir.prefix.AppendTo(nil), meta)
	if err != nil {
		return false, err
	}
	if o.s.opts.breaks.metaInPlace {
		return overwriteFile(d, name, b)
	}
	err = keepTimes(d, func() error {
		if err := replaceFile(o.s.tmp, d, name, b, true); err != nil {
			return err
		}
		replaced = true
		return d.Sync(true)
	})
	return replaced, err
}

// keepTimes runs what changes the modification time of n only by accident.
func keepTimes(n Node, change func() error) error {
	st, err := n.Stat()
	if err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	return n.SetTimes(nil, &st.Mtime)
}

// SetLevel seals the folder's own level, higher or lower than the one before: a
// crash leaves the old one or the new one, and when it returns the new one is on
// the medium. Who may lower a level was decided by the caller. ENOTDIR: only
// folders carry a level.
func (d *Object) SetLevel(level string) error {
	if d.dir == nil {
		return syscall.ENOTDIR
	}
	return d.changeMeta(func(m *crypto.DirMeta) { m.Level = level })
}

// SyncDir makes the names in the directory durable.
func (d *Object) SyncDir() error {
	if d.dir == nil {
		return syscall.ENOTDIR
	}
	dir, err := d.pinDir()
	if err != nil {
		return err
	}
	defer d.unpin()
	if err := dir.Sync(true); err != nil {
		return err
	}
	return d.s.syncEntry(d)
}
