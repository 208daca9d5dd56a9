package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

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
func lockStore(s settings) (*storeLock, error) { return lockStoreFor(s, nil) }

// lockStoreFor takes it for a service user, whose directory the lock is in: what
// root opens there and writes to must be no link to a file of somebody else.
func lockStoreFor(s settings, u *serviceUser) (*storeLock, error) {
	l := &storeLock{}
	path := filepath.Join(s.State, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	l.files = append(l.files, f)
	if u != nil {
		if err := u.ownLock(f); err != nil {
			return nil, l.fail(err, path, nil)
		}
	}
	if err := flockSoon(f); err != nil {
		return nil, l.fail(err, s.State, f)
	}
	if err := writePID(f); err != nil {
		return nil, l.fail(err, path, f)
	}
	return l, l.lockData(s.Data)
}

// lockData is best effort where the data lie on storage without flock(2).
func (l *storeLock) lockData(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return l.fail(err, dir, nil)
	}
	l.files = append(l.files, f)
	err = flockSoon(f)
	if errors.Is(err, unix.ENOLCK) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EBADF) {
		return nil
	}
	if err != nil {
		return l.fail(err, dir, f)
	}
	return nil
}

// fail names the process that has the lock, if that is why.
func (l *storeLock) fail(err error, path string, f *os.File) error {
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = &busyError{path, holderOf(f)}
	}
	l.release()
	return err
}

func (l *storeLock) release() {
	for _, f := range l.files {
		f.Close()
	}
	l.files = nil
}

// Who has the lock may be dead: its keeper holds it until the drive is away. Or it dies, see endDying.
const (
	lockTries = 100
	lockPause = 50 * time.Millisecond
)

// flockSoon takes the lock, or fails with EWOULDBLOCK while a living process
// has it.
func flockSoon(f *os.File) (err error) {
	for range lockTries {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if pid := holderOf(f); !errors.Is(err, syscall.EWOULDBLOCK) || pid == 0 || lifeOf(pid) == alive {
			return err
		}
		time.Sleep(lockPause)
	}
	return err
}

// holderOf is the process that took the lock, 0 when the system does not tell:
// the kernel's list of locks knows it, else what stands in the file.
func holderOf(f *os.File) int {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return 0
	}
	list, err := os.ReadFile("/proc/locks")
	if err != nil {
		return readPID(f)
	}
	for line := range strings.Lines(string(list)) {
		l, ok := parseLock(line)
		if ok && l.pid > 0 && l.major == unix.Major(st.Dev) && l.minor == unix.Minor(st.Dev) && l.inode == st.Ino {
			return l.pid
		}
	}
	return readPID(f)
}

// flockEntry is a flock(2) lock that somebody has.
type flockEntry struct {
	pid          int
	major, minor uint32
	inode        uint64
}

// parseLock reads a line of /proc/locks (proc(5)): number, FLOCK, ADVISORY,
// WRITE, process, major:minor in hexadecimal and inode, range. Who waits for
// one has "->" in the second place.
func parseLock(line string) (l flockEntry, ok bool) {
	f := strings.Fields(line)
	if len(f) < 6 || f[1] != "FLOCK" {
		return l, false
	}
	place := strings.Split(f[5], ":")
	if len(place) != 3 {
		return l, false
	}
	pid, err1 := strconv.Atoi(f[4])
	major, err2 := strconv.ParseUint(place[0], 16, 32)
	minor, err3 := strconv.ParseUint(place[1], 16, 32)
	inode, err4 := strconv.ParseUint(place[2], 10, 64)
	if errors.Join(err1, err2, err3, err4) != nil {
		return l, false
	}
	return flockEntry{pid, uint32(major), uint32(minor), inode}, true
}

// readPID returns 0 when the holder has not written its number yet, or the file
// is a directory.
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

// ownLock gives a lock file that root just made to the user, and refuses one
// that has another owner or another name elsewhere.
func (u *serviceUser) ownLock(f *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	if st.Uid == 0 && st.Nlink == 1 && st.Size == 0 {
		return f.Chown(int(u.UID), int(u.GID))
	}
	if st.Uid != u.UID || st.Nlink != 1 || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return &ownerError{f.Name(), fmt.Sprintf("is not a file of %s alone", u.Name)}
	}
	return nil
}
