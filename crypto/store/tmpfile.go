package store

import (
	"errors"
	"strings"
	"syscall"

	"matterfs/crypto"
)

// replaceFile makes b the content of name in dir, all or nothing: a file in tmp
// is written, synced if asked, and renamed.
func replaceFile(tmp, dir Dir, name string, b []byte, sync bool) error {
	t := crypto.NewID().String()
	f, err := tmp.CreateFile(t)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err == nil && sync {
		err = f.Sync(false)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = tmp.Rename(t, dir, name, false)
	}
	if err != nil {
		tmp.Unlink(t)
	}
	return err
}

// readAll reads a file of at most limit bytes; one byte more is returned of a
// longer one, so that its length shows that it is wrong.
func readAll(dir Dir, name string, limit int) ([]byte, error) {
	st, err := dir.StatAt(name)
	if err != nil {
		return nil, err
	}
	if st.Type != TypeFile {
		return nil, &CorruptError{What: "no regular file: " + name}
	}
	f, err := dir.OpenFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, limit+1)
	n, err := f.ReadAt(b, 0)
	return b[:n], err
}

// sweep empties .mfs.tmp or .mfs.trash of what a crash left there. Things that
// the store does not put there stay.
func (s *Store) sweep(d Dir) {
	list, err := d.List()
	if err != nil {
		s.log("cannot list a work directory", "err", err)
		return
	}
	for _, e := range list {
		if err := d.Unlink(e.Name); err == nil || !errors.Is(err, syscall.EISDIR) {
			continue
		}
		if err := discardDir(d, e.Name); err != nil {
			s.log("cannot remove a leftover directory", "name", e.Name, "err", err)
		}
	}
}

// discardDir removes a directory that holds no objects.
func discardDir(in Dir, name string) error {
	d, err := in.OpenDir(name)
	if err != nil {
		return err
	}
	defer d.Close()
	list, err := d.List()
	if err != nil {
		return err
	}
	for _, e := range list {
		if e.Name == dirFile || e.Name == nextFile || isLongFile(e.Name) || isWork(e.Name) {
			d.Unlink(e.Name)
		}
	}
	return in.Rmdir(name)
}

// isLongFile reports whether stored is the side file of a long name.
func isLongFile(stored string) bool {
	return strings.HasPrefix(stored, crypto.LongPrefix) && strings.HasSuffix(stored, longSuffix)
}

func isWork(stored string) bool { return strings.HasPrefix(stored, workPrefix) }

// isOwn reports names that can be no object's: the store's own files, side
// files, journals.
func isOwn(stored string) bool {
	return strings.HasPrefix(stored, ownPrefix) || strings.HasPrefix(stored, ".j.") || isLongFile(stored)
}

// putLong writes the side file of a long name, before its entry appears.
func (s *Store) putLong(dir Dir, stored string, long []byte) error {
	if long == nil {
		return nil
	}
	return replaceFile(s.tmp, dir, stored+longSuffix, long, false)
}

// dropLong removes the side file of a long name, after its entry went.
func (s *Store) dropLong(dir Dir, stored string, long []byte) {
	if long == nil {
		return
	}
	if err := dir.Unlink(stored + longSuffix); err != nil {
		s.log("cannot remove the side file of a long name", "stored", stored, "err", err)
	}
}
