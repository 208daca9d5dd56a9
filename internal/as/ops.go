package as

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"runtime/debug"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// operations is all that an agent can do. Raw system calls are used where Go's os package would retry, clean or
// interpret what the test wants to see.
var operations = map[string]func(*agent, *request, *response) error{
	"hello":     func(*agent, *request, *response) error { return nil },
	"readfile":  (*agent).readFile,
	"writefile": func(a *agent, q *request, _ *response) error { return writeAll(q, os.O_TRUNC) },
	"append":    func(a *agent, q *request, _ *response) error { return writeAll(q, os.O_APPEND) },
	"stat":      func(a *agent, q *request, r *response) error { return statWith(syscall.Stat, q, r) },
	"lstat":     func(a *agent, q *request, r *response) error { return statWith(syscall.Lstat, q, r) },
	"readdir":   (*agent).readDir,
	"mkdir":     func(a *agent, q *request, _ *response) error { return syscall.Mkdir(q.Path, q.Mode) },
	"unlink":    func(a *agent, q *request, _ *response) error { return syscall.Unlink(q.Path) },
	"rmdir":     func(a *agent, q *request, _ *response) error { return syscall.Rmdir(q.Path) },
	"rename":    (*agent).rename,
	"symlink":   func(a *agent, q *request, _ *response) error { return syscall.Symlink(q.Path2, q.Path) },
	"link":      func(a *agent, q *request, _ *response) error { return syscall.Link(q.Path, q.Path2) },
	"readlink":  (*agent).readlink,
	"truncate":  func(a *agent, q *request, _ *response) error { return syscall.Truncate(q.Path, q.Off) },
	"chmod":     func(a *agent, q *request, _ *response) error { return syscall.Chmod(q.Path, q.Mode) },
	"chown":     func(a *agent, q *request, _ *response) error { return syscall.Chown(q.Path, q.Flags, q.Len) },
	"access":    func(a *agent, q *request, _ *response) error { return syscall.Access(q.Path, q.Mode) },
	"getxattr":  (*agent).getxattr,
	"setxattr": func(a *agent, q *request, _ *response) error {
		return unix.Lsetxattr(q.Path, q.Name, q.Data, q.Flags)
	},
	"rmxattr":   func(a *agent, q *request, _ *response) error { return unix.Lremovexattr(q.Path, q.Name) },
	"listxattr": (*agent).listxattr,
	"chdir":     func(a *agent, q *request, _ *response) error { return syscall.Chdir(q.Path) },
	"getcwd":    (*agent).getcwd,
	"run":       (*agent).run,
	"open":      (*agent).open,
	"readat":    (*agent).readAt,
	"writeat":   (*agent).writeAt,
	"read":      (*agent).read,
	"write":     (*agent).write,
	"fstat":     (*agent).fstat,
	"ftruncate": func(a *agent, q *request, _ *response) error { return a.with(q, doTruncate) },
	"fsync":     func(a *agent, q *request, _ *response) error { return a.with(q, doFsync) },
	"flock":     func(a *agent, q *request, _ *response) error { return a.with(q, doFlock) },
	"seek":      (*agent).seek,
	"fgetdents": (*agent).getdents,
	"close":     (*agent).close,
	"map":       (*agent).mapFile,
	"mapread":   (*agent).mapRead,
	"mapwrite":  (*agent).mapWrite,
	"msync":     (*agent).msync,
	"unmap":     (*agent).unmap,
	"sendfd":    (*agent).sendFD,
	"recvfd":    (*agent).recvFD,
}

func (a *agent) with(q *request, call func(fd int, q *request) error) error {
	fd, err := a.fd(q.Handle)
	if err != nil {
		return err
	}
	return call(fd, q)
}

func doTruncate(fd int, q *request) error { return syscall.Ftruncate(fd, q.Off) }
func doFsync(fd int, _ *request) error    { return syscall.Fsync(fd) }
func doFlock(fd int, q *request) error    { return syscall.Flock(fd, q.Flags) }

func (a *agent) readFile(q *request, r *response) (err error) {
	r.Data, err = os.ReadFile(q.Path)
	return err
}

// writeAll opens, writes and closes; the first failure of the three counts, since close(2) reports late ones.
func writeAll(q *request, flag int) error {
	f, err := os.OpenFile(q.Path, os.O_WRONLY|os.O_CREATE|flag, os.FileMode(q.Mode))
	if err != nil {
		return err
	}
	_, err = f.Write(q.Data)
	return errors.Join(err, f.Close())
}

func statWith(call func(string, *syscall.Stat_t) error, q *request, r *response) error {
	var st syscall.Stat_t
	if err := call(q.Path, &st); err != nil {
		return err
	}
	r.Stat = statOf(&st)
	return nil
}

func (a *agent) readDir(q *request, r *response) error {
	list, err := os.ReadDir(q.Path)
	for _, e := range list {
		r.Names = append(r.Names, e.Name())
	}
	return err
}

func (a *agent) rename(q *request, _ *response) error {
	return unix.Renameat2(unix.AT_FDCWD, q.Path, unix.AT_FDCWD, q.Path2, uint(q.Flags))
}

func (a *agent) readlink(q *request, r *response) error {
	buf := make([]byte, 8192)
	n, err := syscall.Readlink(q.Path, buf)
	if err == nil {
		r.Text = string(buf[:n])
	}
	return err
}

func (a *agent) getxattr(q *request, r *response) error {
	buf := make([]byte, 64<<10)
	n, err := unix.Lgetxattr(q.Path, q.Name, buf)
	if err == nil {
		r.Data = buf[:n]
	}
	return err
}

func (a *agent) listxattr(q *request, r *response) error {
	buf := make([]byte, 64<<10)
	n, err := unix.Llistxattr(q.Path, buf)
	if err != nil {
		return err
	}
	for _, name := range bytes.Split(bytes.TrimSuffix(buf[:n], []byte{0}), []byte{0}) {
		if len(name) > 0 {
			r.Names = append(r.Names, string(name))
		}
	}
	return nil
}

// getcwd asks the kernel: os.Getwd would believe $PWD.
func (a *agent) getcwd(_ *request, r *response) error {
	buf := make([]byte, 4096)
	n, err := unix.Getcwd(buf)
	if err == nil {
		r.Text = string(buf[:n-1])
	}
	return err
}

// run starts a program as the agent's user and waits for it. A nonzero exit status is a result, not an error.
func (a *agent) run(q *request, r *response) error {
	var out, talk bytes.Buffer
	cmd := exec.Command(q.Argv[0], q.Argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = q.Path, q.Env, &out, &talk
	cmd.Stdin = bytes.NewReader(q.Data)
	var err error
	if cmd.ExtraFiles, err = a.copies(q.Handles); err != nil {
		return err
	}
	err = cmd.Run()
	for _, f := range cmd.ExtraFiles {
		err = errors.Join(err, f.Close())
	}
	r.Data, r.Data2 = out.Bytes(), talk.Bytes()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		r.N = int64(exit.ExitCode())
		return nil
	}
	return err
}

// copies are duplicates of open files, for a program to inherit.
func (a *agent) copies(handles []int) (list []*os.File, err error) {
	for _, h := range handles {
		fd, err := a.fd(h)
		if err == nil {
			fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, os.NewFile(uintptr(fd), "inherited"))
	}
	return list, nil
}

func (a *agent) open(q *request, r *response) error {
	fd, err := syscall.Open(q.Path, q.Flags|syscall.O_CLOEXEC, q.Mode)
	if err == nil {
		r.Handle = a.keep(fd)
	}
	return err
}

func (a *agent) readAt(q *request, r *response) error {
	return a.with(q, func(fd int, q *request) error {
		buf := make([]byte, q.Len)
		n, err := syscall.Pread(fd, buf, q.Off)
		r.Data = buf[:max(n, 0)]
		return err
	})
}

func (a *agent) writeAt(q *request, r *response) error {
	return a.with(q, func(fd int, q *request) error {
		n, err := syscall.Pwrite(fd, q.Data, q.Off)
		r.N = int64(n)
		return err
	})
}

func (a *agent) read(q *request, r *response) error {
	return a.with(q, func(fd int, q *request) error {
		buf := make([]byte, q.Len)
		n, err := syscall.Read(fd, buf)
		r.Data = buf[:max(n, 0)]
		return err
	})
}

func (a *agent) write(q *request, r *response) error {
	return a.with(q, func(fd int, q *request) error {
		n, err := syscall.Write(fd, q.Data)
		r.N = int64(n)
		return err
	})
}

func (a *agent) fstat(q *request, r *response) error {
	return a.with(q, func(fd int, q *request) error {
		var st syscall.Stat_t
		if err := syscall.Fstat(fd, &st); err != nil {
			return err
		}
		r.Stat = statOf(&st)
		return nil
	})
}

func (a *agent) seek(q *request, r *response) error {
	return a.with(q, func(fd int, q *request) (err error) {
		r.N, err = syscall.Seek(fd, q.Off, q.Flags)
		return err
	})
}

// getdents reads one buffer of names from an open directory, so that a test can stop half way through a listing.
func (a *agent) getdents(q *request, r *response) error {
	return a.with(q, func(fd int, q *request) error {
		buf := make([]byte, q.Len)
		n, err := syscall.ReadDirent(fd, buf)
		if err != nil {
			return err
		}
		_, _, r.Names = syscall.ParseDirent(buf[:n], -1, nil)
		return nil
	})
}

func (a *agent) close(q *request, _ *response) error {
	return a.with(q, func(fd int, q *request) error {
		delete(a.files, q.Handle)
		return syscall.Close(fd)
	})
}

func (a *agent) mapFile(q *request, r *response) error {
	return a.with(q, func(fd int, q *request) error {
		mem, err := syscall.Mmap(fd, q.Off, q.Len, int(q.Mode), q.Flags)
		if err != nil {
			return err
		}
		a.next++
		a.maps[a.next], r.Handle = mem, a.next
		return nil
	})
}

// window is the part of a mapping that a request names.
func (a *agent) window(q *request, n int) ([]byte, error) {
	mem, ok := a.maps[q.Handle]
	if !ok || q.Off < 0 || q.Off+int64(n) > int64(len(mem)) {
		return nil, syscall.EINVAL
	}
	return mem[q.Off : q.Off+int64(n)], nil
}

func (a *agent) mapRead(q *request, r *response) error {
	mem, err := a.window(q, q.Len)
	if err != nil {
		return err
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	r.Data = append([]byte(nil), mem...)
	return nil
}

func (a *agent) mapWrite(q *request, _ *response) error {
	mem, err := a.window(q, len(q.Data))
	if err != nil {
		return err
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	copy(mem, q.Data)
	return nil
}

func (a *agent) msync(q *request, _ *response) error {
	mem, ok := a.maps[q.Handle]
	if !ok {
		return syscall.EINVAL
	}
	_, _, errno := syscall.Syscall(syscall.SYS_MSYNC, uintptr(unsafe.Pointer(&mem[0])), uintptr(len(mem)), unix.MS_SYNC)
	if errno != 0 {
		return errno
	}
	return nil
}

func (a *agent) unmap(q *request, _ *response) error {
	mem, ok := a.maps[q.Handle]
	if !ok {
		return syscall.EINVAL
	}
	delete(a.maps, q.Handle)
	return syscall.Munmap(mem)
}

// sendFD passes an open file over the socket whose end arrived on the pass socket just before.
func (a *agent) sendFD(q *request, _ *response) error {
	return a.with(q, func(fd int, q *request) error {
		sock, err := recvRights(passFD)
		if err != nil {
			return err
		}
		defer syscall.Close(sock)
		return sendRights(sock, fd)
	})
}

// recvFD takes the file that another agent passes.
func (a *agent) recvFD(_ *request, r *response) error {
	sock, err := recvRights(passFD)
	if err != nil {
		return err
	}
	defer syscall.Close(sock)
	fd, err := recvRights(sock)
	if err == nil {
		r.Handle = a.keep(fd)
	}
	return err
}
