package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// storeLock is held while a daemon serves a store. The kernel drops it with
// the process, so a crash leaves nothing to clean up.
type storeLock struct {
	files []*os.File
}

// lockStore takes the store for this process: the state directory, whose lock
// file names the process to people, and the data directory itself, which a
// second configuration could name too.
func lockStore(s settings) (*storeLock, error) {
	l := &storeLock{}
	path := filepath.Join(s.State, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	l.files = append(l.files, f)
	if err := flock(f); err != nil {
		return nil, l.fail(err, s.State, readPID(f))
	}
	if err := writePID(f); err != nil {
		return nil, l.fail(err, path, 0)
	}
	return l, l.lockData(s.Data)
}

// lockData is best effort where the data lie on storage without flock(2).
func (l *storeLock) lockData(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return l.fail(err, dir, 0)
	}
	l.files = append(l.files, f)
	err = flock(f)
	if errors.Is(err, unix.ENOLCK) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EBADF) {
		return nil
	}
	if err != nil {
		return l.fail(err, dir, 0)
	}
	return nil
}

func (l *storeLock) fail(err error, dir string, pid int) error {
	l.release()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return &busyError{dir, pid}
	}
	return err
}

func (l *storeLock) release() {
	for _, f := range l.files {
		f.Close()
	}
	l.files = nil
}

func flock(f *os.File) error {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}

// readPID returns 0 when the holder has not written its number yet.
func readPID(f *os.File) int {
	b := make([]byte, 32)
	n, _ := f.ReadAt(b, 0)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	return pid
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(fmt.Sprintf("%d\n", os.Getpid())), 0)
	return err
}
