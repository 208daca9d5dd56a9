package fs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"matterfs/internal/as"
)

// The descriptors that an attacker was handed.
const (
	held   = 3
	second = 4
)

// way is one way to get at something; it returns what it got.
type way func(args []string) (string, error)

// ways is a table in a function, as with programNamed.
func ways() map[string]way {
	all := map[string]way{}
	for _, table := range []map[string]way{waysOfFiles(), waysOfPages(), waysOfFolders(), waysOfPaths(), waysOfRings(), waysOfKernel()} {
		for name, w := range table {
			all[name] = w
		}
	}
	return all
}

// attack is a program: it tries one way and prints what it got, or the errno. It always ends well.
func attack(args []string) error {
	w, ok := ways()[args[0]]
	if !ok {
		return fmt.Errorf("no way %q", args[0])
	}
	got, err := w(args[1:])
	if err != nil {
		got = errnoName(err)
	}
	fmt.Print(got)
	return nil
}

// tries runs an attack as u with these open files as its descriptors 3 and 4.
func tries(t *testing.T, u *as.User, files []*as.File, args ...string) string {
	t.Helper()
	r, err := u.RunWith(files, append([]string{"/proc/self/exe"}, args...), "", programEnv+"=attack", raceExit)
	if err != nil || r.Code != 0 {
		t.Errorf("attack %q: %v, exit %d: %s", args, err, r.Code, r.Stderr)
	}
	return r.Stdout
}

// pread is what a descriptor reads at its beginning.
func pread(fd int) (string, error) {
	buf := make([]byte, 100)
	n, err := unix.Pread(fd, buf, 0)
	return string(buf[:max(n, 0)]), err
}

// readOpened reads what an open gave.
func readOpened(fd int, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return pread(fd)
}

// done is for attacks that change something.
func done(err error) (string, error) { return "done", err }

// onFD is an attack that is one call on the descriptor.
func onFD(call func() error) way { return func([]string) (string, error) { return done(call()) } }

func waysOfFiles() map[string]way {
	return map[string]way{
		"read":      func([]string) (string, error) { return pread(held) },
		"write":     onFD(func() error { _, err := unix.Pwrite(held, []byte("x"), 0); return err }),
		"ftruncate": onFD(func() error { return unix.Ftruncate(held, 1) }),
		"fchmod":    onFD(func() error { return unix.Fchmod(held, 0o777) }),
		"futimens":  onFD(func() error { return unix.UtimesNanoAt(held, "", make([]unix.Timespec, 2), unix.AT_EMPTY_PATH) }),
		"fsetxattr": onFD(func() error { return unix.Fsetxattr(held, "user.x", []byte("x"), 0) }),
		"fallocate": onFD(func() error { return unix.Fallocate(held, 0, 0, 9000) }),
		"fgetxattr": func([]string) (string, error) {
			buf := make([]byte, 100)
			n, err := unix.Fgetxattr(held, "user.标签", buf)
			return string(buf[:max(n, 0)]), err
		},
		"flistxattr": func([]string) (string, error) {
			buf := make([]byte, 100)
			n, err := unix.Flistxattr(held, buf)
			return strings.Trim(string(buf[:max(n, 0)]), "\x00"), err
		},
		"seek-hole": func([]string) (string, error) {
			n, err := unix.Seek(held, 0, unix.SEEK_HOLE)
			return fmt.Sprint(n), err
		},
		"reopen":     func([]string) (string, error) { return readOpened(unix.Open("/proc/self/fd/3", unix.O_RDONLY, 0)) },
		"exec":       execHeld,
		"setfsuid":   withFSUID,
		"userns":     inUserNamespace,
		"copy-range": copyToSecond,
		"get-flags": func([]string) (string, error) {
			n, err := unix.IoctlGetInt(held, unix.FS_IOC_GETFLAGS)
			return fmt.Sprint(n), err
		},
		"clone": onFD(func() error { return unix.IoctlFileClone(second, held) }),
	}
}

// copyToSecond copies from the first descriptor to the second, inside the kernel.
func copyToSecond([]string) (string, error) {
	var in, out int64
	n, err := unix.CopyFileRange(held, &in, second, &out, 100, 0)
	return fmt.Sprint(n), err
}

// execHeld runs the program that the descriptor is of; what it prints is the outcome.
func execHeld([]string) (string, error) {
	argv := must(syscall.SlicePtrFromStrings([]string{"echo", "-n", "executed"}))
	empty := must(unix.BytePtrFromString(""))
	_, _, errno := unix.RawSyscall6(unix.SYS_EXECVEAT, held, pointer(empty), pointer(&argv[0]), 0, unix.AT_EMPTY_PATH, 0)
	return "", errno
}

// withFSUID goes another way with the file system uid that the first argument names.
func withFSUID(args []string) (string, error) {
	runtime.LockOSThread()
	if _, _, errno := unix.RawSyscall(unix.SYS_SETFSUID, uintptr(number(args[0])), 0, 0); errno != 0 {
		return "", errno
	}
	return ways()[args[1]](args[2:])
}

// inUserNamespace goes another way as root of a user namespace of its own.
func inUserNamespace(args []string) (string, error) {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = []string{programEnv + "=attack", raceExit}
	cmd.ExtraFiles = []*os.File{os.NewFile(held, "held")}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
	}
	out, err := cmd.Output()
	return string(out), err
}

func waysOfPages() map[string]way {
	return map[string]way{
		"mmap-shared":  func([]string) (string, error) { return mapped100(unix.PROT_READ, unix.MAP_SHARED) },
		"mmap-private": func([]string) (string, error) { return mapped100(unix.PROT_READ, unix.MAP_PRIVATE) },
		"mmap-write":   mapAndWrite,
		"sendfile":     sendHeld,
		"splice":       spliceHeld,
		"tee":          teeHeld,
		"vmsplice":     vmspliceHeld,
	}
}

// faulty turns a SIGBUS into EFAULT.
func faulty(touch func() string) (got string, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			err = unix.EFAULT
		}
	}()
	return touch(), nil
}

func mapped100(prot, flags int) (string, error) {
	m, err := unix.Mmap(held, 0, 4096, prot, flags)
	if err != nil {
		return "", err
	}
	return faulty(func() string { return strings.TrimRight(string(m[:100]), "\x00") })
}

func mapAndWrite([]string) (string, error) {
	m, err := unix.Mmap(held, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return "", err
	}
	return faulty(func() string { m[0] = 'x'; return "done" })
}

// newPipe is a pipe that does not block.
func newPipe() (p [2]int, err error) {
	err = unix.Pipe2(p[:], unix.O_NONBLOCK)
	return p, err
}

// fromPipe reads what arrived in a pipe.
func fromPipe(p [2]int, err error) (string, error) {
	if err != nil {
		return "", err
	}
	buf := make([]byte, 100)
	n, err := unix.Read(p[0], buf)
	return string(buf[:max(n, 0)]), err
}

func sendHeld([]string) (string, error) {
	p, err := newPipe()
	if err == nil {
		var off int64
		_, err = unix.Sendfile(p[1], held, &off, 100)
	}
	return fromPipe(p, err)
}

func spliceHeld([]string) (string, error) {
	p, err := newPipe()
	if err == nil {
		var off int64
		_, err = unix.Splice(held, &off, p[1], nil, 100, 0)
	}
	return fromPipe(p, err)
}

func teeHeld([]string) (string, error) {
	p, err := newPipe()
	q, err2 := newPipe()
	if err = errors.Join(err, err2); err == nil {
		var off int64
		_, err = unix.Splice(held, &off, p[1], nil, 100, 0)
	}
	if err == nil {
		_, err = unix.Tee(p[0], q[1], 100, 0)
	}
	return fromPipe(q, err)
}

func vmspliceHeld([]string) (string, error) {
	m, err := unix.Mmap(held, 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return "", err
	}
	p, err := newPipe()
	if err == nil {
		iov := unix.Iovec{Base: &m[0], Len: 4096}
		_, err = unix.Vmsplice(p[1], []unix.Iovec{iov}, 0)
	}
	got, err := fromPipe(p, err)
	return strings.TrimRight(got, "\x00"), err
}
