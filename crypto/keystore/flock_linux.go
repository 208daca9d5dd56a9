package keystore

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// flock waits for the exclusive lock of an open directory; closing it lets go.
func flock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
