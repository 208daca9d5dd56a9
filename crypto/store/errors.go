package store

import (
	"errors"
	"fmt"
	"syscall"

	"matterfs/crypto"
)

var (
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("store: closed")
	// ErrNotStore says that the directory holds no store.
	ErrNotStore = errors.New("store: directory holds no store")
	// ErrRekey says that a file has seen so many block writes that its key must
	// not seal more. Copying the file gives it a new key.
	ErrRekey = errors.New("store: file needs a new key: copy it")
)

// CorruptError says that the backing tree holds something that this store did
// not put there: damage or tampering. Nothing of it was served.
type CorruptError struct {
	Path string // inside the matter; "" for its root or the store itself
	What string // which rule was broken
	Err  error  // from package crypto or the disk; may be nil
}

// Error names the path and what is wrong with it.
func (e *CorruptError) Error() string {
	s := fmt.Sprintf("store: %q: corrupt: %s", e.Path, e.What)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *CorruptError) Unwrap() error { return e.Err }

// corrupt returns a *CorruptError for o.
func (o *Object) corrupt(err error, format string, args ...any) error {
	return &CorruptError{Path: o.Path(), What: fmt.Sprintf(format, args...), Err: err}
}

// corruptAt returns a *CorruptError for what has the given name in d.
func (d *Object) corruptAt(name string, err error, format string, args ...any) error {
	return &CorruptError{Path: d.pathOf(name), What: fmt.Sprintf(format, args...), Err: err}
}

// pathOf returns the path inside the matter of what has the given name in d.
func (d *Object) pathOf(name string) string {
	if p := d.Path(); p != "" {
		return p + "/" + name
	}
	return name
}

// checkName refuses what can be no name, before the disk is asked.
func checkName(name string) error {
	if len(name) > crypto.MaxName {
		return syscall.ENAMETOOLONG
	}
	if name == "" || name == "." || name == ".." {
		return syscall.EINVAL
	}
	for i := range len(name) {
		if name[i] == '/' || name[i] == 0 {
			return syscall.EINVAL
		}
	}
	return nil
}
