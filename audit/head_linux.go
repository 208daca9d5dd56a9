package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// headFile keeps the head in a shared mapping: storing it costs no system call, and a killed process loses nothing.
type headFile struct {
	fd   int
	dir  int // the state directory, locked as well: a second writer is refused even if somebody removed the head
	path string
	mem  []byte
	gen  uint64
	slot [slotSize]byte // the next slot is put together here
	last headState
	st   headStatus // as found
}

// openHead opens or makes the head and locks it: one writer a log.
func openHead(dir string) (*headFile, error) {
	dirfd, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, HeadName)
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		unix.Close(dirfd)
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	h := &headFile{fd: fd, dir: dirfd, path: path}
	if err := h.load(); err != nil {
		unix.Close(fd)
		unix.Close(dirfd)
		return nil, err
	}
	return h, nil
}

func lockDir(dir string) (fd int, err error) {
	fd, err = unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	if err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err == nil {
		return fd, nil
	}
	unix.Close(fd)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return -1, fmt.Errorf("%s: %w", dir, ErrInUse)
	}
	return -1, &fs.PathError{Op: "lock", Path: dir, Err: err}
}

// check tells whether the name still leads to the head that is mapped: what is written into another file tells nobody later.
func (h *headFile) check() error {
	var held, named unix.Stat_t
	if err := unix.Fstat(h.fd, &held); err != nil {
		return h.err("stat", err)
	}
	err := unix.Lstat(h.path, &named)
	switch {
	case errors.Is(err, unix.ENOENT):
		return &ReplacedError{h.path, "deleted"}
	case err != nil:
		return h.err("stat", err)
	case held.Dev != named.Dev || held.Ino != named.Ino:
		return &ReplacedError{h.path, "replaced"}
	case held.Size != headSize:
		return &ReplacedError{h.path, fmt.Sprintf("its size is %d, it was made with %d", held.Size, headSize)}
	}
	return nil
}

func (h *headFile) load() error {
	if err := unix.Flock(h.fd, unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("%s: %w", h.path, ErrInUse)
	} else if err != nil {
		return h.err("lock", err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(h.fd, &st); err != nil {
		return h.err("stat", err)
	}
	found := make([]byte, headSize)
	n, err := unix.Pread(h.fd, found, 0)
	if err != nil {
		return h.err("read", err)
	}
	h.last, h.st, _ = parseHead(found[:n])
	h.gen = h.last.gen
	if st.Size != headSize {
		// Written out in full, so that the mapping never needs a block that a full disk could refuse.
		if _, err := unix.Pwrite(h.fd, found, 0); err != nil {
			return h.err("write", err)
		}
		if err := errors.Join(unix.Ftruncate(h.fd, headSize), unix.Fsync(h.fd), syncDir(filepath.Dir(h.path))); err != nil {
			return h.err("write", err)
		}
	}
	h.mem, err = unix.Mmap(h.fd, 0, headSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return h.err("map", err)
}

func (h *headFile) err(op string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: h.path, Err: err}
}

// store writes st into the older slot. A page that the file system cannot provide (file cut by somebody, disk gone) is SIGBUS
// to a process; here it is an error.
func (h *headFile) store(st *headState) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = h.err("write", fmt.Errorf("the mapping failed: %v", r))
		}
	}()
	h.gen++
	st.gen = h.gen
	st.appendTo(h.slot[:0])
	copy(h.mem[(h.gen&1)*slotSpace:], h.slot[:])
	return nil
}

// sync brings the mapping to the medium.
func (h *headFile) sync() error { return h.err("fdatasync", unix.Fdatasync(h.fd)) }

func (h *headFile) close() error {
	return errors.Join(h.err("unmap", unix.Munmap(h.mem)), h.err("close", unix.Close(h.fd)), h.err("close", unix.Close(h.dir)))
}
