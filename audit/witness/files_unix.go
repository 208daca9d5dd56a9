//go:build unix

package witness

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncDir makes names made in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lockFile takes the lock that keeps two witnesses from working with one directory. It ends with the file, or the process.
func lockFile(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }
