package store

import (
	"errors"
	"strings"
	"syscall"

	"matterfs/crypto"
)

// matter is what all objects of a matter share.
type matter struct {
	id      string
	keyID   crypto.ID
	version uint32
	content *crypto.Key
	names   *crypto.NameCipher
	stored  string // name of its folder in the root
}

// MatterRoot is the folder of one matter. Root is nil when Err is not: then the
// folder is there and its key known, but it cannot be trusted.
type MatterRoot struct {
	Matter string  // matter id
	Folder string  // display name
	Root   *Object // held by the store
	Err    error
}

// NewAttr is what the creator decides about a new object. They are kept and
// shown, and decide nothing.
type NewAttr struct{ UID, GID, Mode uint32 }

// Matters returns the matters found at Open and created since.
func (s *Store) Matters() []MatterRoot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]MatterRoot(nil), s.matters...)
}

// Foreign returns the names of things in the root of the store that belong to
// none of our matters. They are never served.
func (s *Store) Foreign() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.foreign...)
}

func (s *Store) findMatters() error {
	list, err := s.root.List()
	if err != nil {
		return err
	}
	for _, e := range list {
		if strings.HasPrefix(e.Name, ownPrefix) {
			continue
		}
		m := s.matterOf(e.Name)
		if m == nil {
			s.foreign = append(s.foreign, e.Name)
			continue
		}
		r := MatterRoot{Matter: m.id}
		if r.Root, r.Err = s.loadRoot(m); r.Err == nil {
			r.Folder = r.Root.name
		}
		s.matters = append(s.matters, r)
	}
	s.refuseTwins()
	return nil
}

// refuseTwins takes matters that have two folders out of service: one is a
// copy, and nothing says which.
func (s *Store) refuseTwins() {
	count := map[string]int{}
	for _, r := range s.matters {
		count[r.Matter]++
	}
	for i := range s.matters {
		r := &s.matters[i]
		if count[r.Matter] > 1 {
			if r.Root != nil {
				r.Root.Release()
			}
			r.Root, r.Err = nil, &CorruptError{What: "matter " + r.Matter + " has more than one folder"}
		}
	}
}

// matterOf finds the matter of a folder by the key id that stands in clear in
// its .mfs.dir; nil when it is none of ours.
func (s *Store) matterOf(stored string) *matter {
	st, err := s.root.StatAt(stored)
	if err != nil || st.Type != TypeDir {
		return nil
	}
	d, err := s.root.OpenDir(stored)
	if err != nil {
		return nil
	}
	defer d.Close()
	b, err := readAll(d, dirFile, crypto.DirSize)
	if err != nil {
		return nil
	}
	p, err := crypto.ParsePrefix(b)
	if err != nil {
		return nil
	}
	m, err := s.newMatter(p.KeyID, stored)
	if err != nil {
		return nil
	}
	return m
}

func (s *Store) newMatter(keyID crypto.ID, stored string) (*matter, error) {
	key, id, version, err := s.keys.Key(keyID)
	if err != nil {
		return nil, err
	}
	names, err := crypto.NewNameCipher(key)
	if err != nil {
		return nil, err
	}
	return &matter{id: id, keyID: keyID, version: version,
		content: crypto.ContentKey(key), names: names, stored: stored}, nil
}

func (s *Store) loadRoot(m *matter) (*Object, error) {
	d, err := s.root.OpenDir(m.stored)
	if err != nil {
		return nil, err
	}
	o, err := s.loadFolder(m, d, binding{root: true})
	if err != nil {
		d.Close()
		return nil, err
	}
	return s.adoptRoot(o, d)
}

// adoptRoot makes a matter's folder live for as long as the store.
func (s *Store) adoptRoot(o *Object, d Dir) (*Object, error) {
	if err := s.reserve(o.id); err != nil {
		d.Close()
		return nil, err
	}
	o.name = o.dir.meta.Load().Name
	s.insert(o, nil, o.name, d)
	o.unpin()
	return o, nil
}

// CreateMatter makes the folder of a new matter. folder is the name people see,
// keyID must be known to Keys for this matter. EEXIST when the matter or the
// name is there already.
func (s *Store) CreateMatter(matterID string, keyID crypto.ID, folder string, a NewAttr) (*Object, error) {
	if err := checkName(folder); err != nil {
		return nil, err
	}
	m, err := s.newMatter(keyID, crypto.NewID().String())
	if err != nil {
		return nil, err
	}
	s.moveMu.Lock() // creations of matters, one at a time
	defer s.moveMu.Unlock()
	if m.id != matterID {
		return nil, &CorruptError{What: "key is of matter " + m.id + ", not " + matterID}
	}
	if s.matterTaken(matterID, folder) {
		return nil, syscall.EEXIST
	}
	meta := s.newMeta(m, crypto.ID{}, folder, a)
	meta.Matter = matterID
	o, d, err := s.buildFolder(m, meta, s.root, m.stored, true)
	if err != nil {
		return nil, err
	}
	if o, err = s.adoptRoot(o, d); err != nil {
		return nil, err
	}
	s.mu.Lock()
	o.refs++
	s.matters = append(s.matters, MatterRoot{Matter: matterID, Folder: folder, Root: o})
	s.mu.Unlock()
	return o, nil
}

func (s *Store) matterTaken(matterID, folder string) bool {
	for _, r := range s.Matters() {
		if r.Matter == matterID || r.Folder == folder {
			return true
		}
	}
	return false
}

// RenameMatter changes the name people see of a matter's folder. ENOENT when
// there is no such matter in service, EEXIST when another one has the name.
func (s *Store) RenameMatter(matterID, folder string) error {
	if err := checkName(folder); err != nil {
		return err
	}
	s.moveMu.Lock()
	defer s.moveMu.Unlock()
	at := -1
	for i, r := range s.Matters() {
		if r.Matter == matterID && r.Root != nil {
			at = i
		} else if r.Folder == folder {
			return syscall.EEXIST
		}
	}
	if at < 0 {
		return syscall.ENOENT
	}
	root := s.Matters()[at].Root
	if err := root.changeMeta(func(d *crypto.DirMeta) { d.Name = folder }); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	root.name, s.matters[at].Folder = folder, folder
	return nil
}

// checkRoot is the part of a matter root's authentication that no other folder
// has.
func (m *matter) checkRoot(d *crypto.DirMeta) error {
	switch {
	case d.Matter != m.id:
		return errors.New("sealed for matter " + d.Matter)
	case !d.Parent.IsZero():
		return errors.New("it is a folder inside a matter")
	}
	return nil
}
