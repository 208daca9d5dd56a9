//go:build unix

package export

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockFile takes a file for this process, as long as it is open.
func lockFile(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }
