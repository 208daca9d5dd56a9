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

// overwriteFile is what replaceFile is there to avoid.
func overwriteFile(dir Dir, name string, b []byte) (bool, error) {
	f, err := dir.OpenFile(name)
	if isGone(err) {
		f, err = dir.CreateFile(name)
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	_, err = f.WriteAt(b, 0)
	return err == nil, err
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
		if e.Name == dirFile || e.Name == nextFile || isLongFile(e.Name) || isWork(e.Name) || isJournal(e.Name) {
			d.Unlink(e.Name)
		}
	}
	return in.Rmdir(name)
}

// isLongFile reports whether stored is the side file of a long name.
func isLongFile(stored string) bool {
	return strings.HasPrefix(stored, crypto.LongPrefix) && strings.HasSuffix(stored, longSuffix)
}

func isJournal(stored string) bool { return strings.HasPrefix(stored, journalPrefix) }

func isWork(stored string) bool { return strings.HasPrefix(stored, workPrefix) }

// isOwn reports names that can be no object's: the store's own files, side
// files, journals.
func isOwn(stored string) bool {
	return strings.HasPrefix(stored, ownPrefix) || isJournal(stored) || isLongFile(stored)
}

// putLong writes the side file of a long name, before its entry appears; with
// sync it is durable by then, as an object must not lose its name that may be
// durable itself.
func (s *Store) putLong(dir Dir, stored string, long []byte, sync bool) error {
	if long == nil {
		return nil
	}
	err := replaceFile(s.tmp, dir, stored+longSuffix, long, sync)
	if err == nil && sync {
		err = dir.Sync(true)
	}
	return err
}

// dropLong removes the side file of a long name, after its entry went; with sync
// that is durable by then.
func (s *Store) dropLong(dir Dir, stored string, long []byte, sync bool) {
	if long == nil {
		return
	}
	err := error(nil)
	if sync {
		err = dir.Sync(true)
	}
	if err == nil {
		err = dir.Unlink(stored + longSuffix)
	}
	if err != nil {
		s.log("cannot remove the side file of a long name", "stored", stored, "err", err)
	}
}
