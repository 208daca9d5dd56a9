package fs

import (
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"matterfs/internal/as"
)

// The ways of attack that go by a folder or a path, or through an io_uring.

func pointer[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

// namesOf lists what a stream still gives, without . and .. .
func namesOf(fd int) (string, error) {
	list, err := stream(fd)
	var names []string
	for _, e := range list {
		if e.name != "." && e.name != ".." {
			names = append(names, e.name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " "), err
}

// sizeAt is the size that fstatat(2) tells.
func sizeAt(dir int, name string, flags int) (string, error) {
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, flags)
	return fmt.Sprint("size ", st.Size), err
}

// statxAt asks for the size that the kernel knows, without asking the drive.
func statxAt(dir int, name string, flags int) (string, error) {
	var st unix.Statx_t
	err := unix.Statx(dir, name, flags|unix.AT_STATX_DONT_SYNC|unix.AT_SYMLINK_NOFOLLOW, unix.STATX_SIZE, &st)
	return fmt.Sprint("size ", st.Size), err
}

func linkAt(dir int, name string) (string, error) {
	buf := make([]byte, 100)
	n, err := unix.Readlinkat(dir, name, buf)
	return string(buf[:max(n, 0)]), err
}

func waysOfFolders() map[string]way {
	return map[string]way{
		"openat":     func(a []string) (string, error) { return readOpened(unix.Openat(held, a[0], unix.O_RDONLY, 0)) },
		"getdents":   func([]string) (string, error) { return namesOf(held) },
		"fstat":      func([]string) (string, error) { return sizeAt(held, "", unix.AT_EMPTY_PATH) },
		"fstatat":    func(a []string) (string, error) { return sizeAt(held, a[0], 0) },
		"fstatx":     func([]string) (string, error) { return statxAt(held, "", unix.AT_EMPTY_PATH) },
		"readlinkat": func(a []string) (string, error) { return linkAt(held, a[0]) },
		"mkdirat":    func(a []string) (string, error) { return done(unix.Mkdirat(held, a[0], 0o755)) },
		"unlinkat":   func(a []string) (string, error) { return done(unix.Unlinkat(held, a[0], 0)) },
		"renameat":   func(a []string) (string, error) { return done(unix.Renameat(held, a[0], held, a[1])) },
		"linkat": func(a []string) (string, error) {
			return done(unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/3", unix.AT_FDCWD, a[0], unix.AT_SYMLINK_FOLLOW))
		},
		"fchdir": func(a []string) (string, error) {
			if err := unix.Fchdir(held); err != nil {
				return "", err
			}
			return readOpened(unix.Open(a[0], unix.O_RDONLY, 0))
		},
		"reopen-list": func([]string) (string, error) {
			fd, err := openDir("/proc/self/fd/3")
			if err != nil {
				return "", err
			}
			return namesOf(fd)
		},
	}
}

func waysOfPaths() map[string]way {
	return map[string]way{
		"open":  func(a []string) (string, error) { return readOpened(unix.Open(a[0], unix.O_RDONLY, 0)) },
		"stat":  func(a []string) (string, error) { return sizeAt(unix.AT_FDCWD, a[0], 0) },
		"statx": func(a []string) (string, error) { return statxAt(unix.AT_FDCWD, a[0], 0) },
		"opath": func(a []string) (string, error) {
			fd, err := unix.Open(a[0], unix.O_PATH, 0)
			if err != nil {
				return "", err
			}
			return sizeAt(fd, "", unix.AT_EMPTY_PATH)
		},
		"list": func(a []string) (string, error) {
			fd, err := openDir(a[0])
			if err != nil {
				return "", err
			}
			return namesOf(fd)
		},
		"handle": byHandle,
		"bind": func(a []string) (string, error) {
			return done(unix.Mount("/proc/self/fd/3", a[0], "", unix.MS_BIND, ""))
		},
	}
}

// byHandle takes the file handle of the descriptor and opens it again without a walk; then
// it asks for the size that the kernel knows.
func byHandle([]string) (string, error) {
	h, _, err := unix.NameToHandleAt(held, "", unix.AT_EMPTY_PATH)
	if err != nil {
		return "", err
	}
	fd, err := unix.OpenByHandleAt(held, h, unix.O_PATH)
	if err != nil {
		return "", err
	}
	return sizeAt(fd, "", unix.AT_EMPTY_PATH)
}

// ringed makes one submission and returns what is in the first 100 bytes of the buffer then.
// The buffer lies outside of Go's memory, whose stacks move; a path fits behind 2048.
func ringed(setup uint32, submission func(r *as.Ring, buf []byte) (as.SQE, error)) (string, error) {
	r, err := as.OpenRing(setup)
	if err != nil {
		return "", err
	}
	buf, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return "", err
	}
	s, err := submission(r, buf)
	if err != nil {
		return "", err
	}
	n, err := r.Do(s)
	if err != nil {
		return "", err
	}
	if got := strings.TrimRight(string(buf[:100]), "\x00"); got != "" {
		return got, nil
	}
	return fmt.Sprint("result ", n), nil
}

// ringRead reads the descriptor with these flags.
func ringRead(setup uint32, flags uint8) way {
	return func([]string) (string, error) {
		return ringed(setup, func(_ *as.Ring, buf []byte) (as.SQE, error) {
			return as.SQE{Opcode: as.RingRead, Flags: flags, FD: held, Addr: uint64(pointer(&buf[0])), Len: 100}, nil
		})
	}
}

// ringPath is an operation on a path, relative to the descriptor when there is one.
func ringPath(opcode uint8, a []string) (string, error) {
	return ringed(0, func(_ *as.Ring, buf []byte) (as.SQE, error) {
		copy(buf[2048:], a[0])
		s := as.SQE{Opcode: opcode, FD: held, Addr: uint64(pointer(&buf[2048]))}
		if opcode == as.RingStatx {
			s.Off, s.Len, s.OpFlags = uint64(pointer(&buf[1024])), unix.STATX_SIZE, unix.AT_STATX_DONT_SYNC
		}
		return s, nil
	})
}

func waysOfRings() map[string]way {
	return map[string]way{
		"ring":       func([]string) (string, error) { _, err := as.OpenRing(0); return done(err) },
		"ring-read":  ringRead(0, 0),
		"ring-async": ringRead(0, as.RingAsync),
		"ring-poll":  ringRead(as.RingPoll, 0),
		"ring-write": func([]string) (string, error) {
			return ringed(0, func(_ *as.Ring, buf []byte) (as.SQE, error) {
				return as.SQE{Opcode: as.RingWrite, FD: held, Addr: uint64(pointer(&buf[0])), Len: 1}, nil
			})
		},
		"ring-buffer": func([]string) (string, error) {
			return ringed(0, func(r *as.Ring, buf []byte) (as.SQE, error) {
				iov := unix.Iovec{Base: &buf[0], Len: 100}
				_, err := r.Register(as.RingBuffers, unsafe.Pointer(&iov), 1)
				return as.SQE{Opcode: as.RingReadFixed, FD: held, Addr: uint64(pointer(&buf[0])), Len: 100}, err
			})
		},
		"ring-file": func([]string) (string, error) {
			return ringed(0, func(r *as.Ring, buf []byte) (as.SQE, error) {
				fd := int32(held)
				_, err := r.Register(as.RingFiles, unsafe.Pointer(&fd), 1)
				return as.SQE{Opcode: as.RingRead, Flags: as.RingFixedFile, Addr: uint64(pointer(&buf[0])), Len: 100}, err
			})
		},
		"ring-openat": func(a []string) (string, error) {
			_, err := ringPath(as.RingOpenat, a)
			return "opened", err
		},
		"ring-statx": func(a []string) (string, error) { return ringPath(as.RingStatx, a) },
		"ring-splice": func([]string) (string, error) {
			p, err := newPipe()
			if err != nil {
				return "", err
			}
			_, err = ringed(0, func(*as.Ring, []byte) (as.SQE, error) {
				return as.SQE{Opcode: as.RingSplice, FD: int32(p[1]), Off: ^uint64(0), SpliceFD: held, Len: 100}, nil
			})
			return fromPipe(p, err)
		},
	}
}
