package witness

import (
	"errors"
	"os"
	"path/filepath"
)

// files is one directory. Each method stands for the system calls that it names, so that a test can let each fail, and cut the power
// after each.
type files interface {
	Read(name string) ([]byte, error)
	Write(name string, b []byte) error // open(O_CREAT|O_TRUNC, 0600), write, fsync, close
	Rename(from, to string) error
	Sync() error // fsync of the directory
}

// replace puts a file in the place of another: whoever looks, also after a crash, finds the old one or the new one, and when it returns
// without error the new one.
func replace(f files, name string, b []byte) error {
	beside := "." + name + ".new"
	if err := f.Write(beside, b); err != nil {
		return err
	}
	if err := f.Rename(beside, name); err != nil {
		return err
	}
	return f.Sync()
}

// osFiles is a directory of the system.
type osFiles string

func (d osFiles) path(name string) string { return filepath.Join(string(d), name) }

func (d osFiles) Read(name string) ([]byte, error) { return os.ReadFile(d.path(name)) }

func (d osFiles) Write(name string, b []byte) error {
	f, err := os.OpenFile(d.path(name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

func (d osFiles) Rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }

func (d osFiles) Sync() error { return syncDir(string(d)) }
