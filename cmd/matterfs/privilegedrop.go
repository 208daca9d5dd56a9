package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Bits of PR_SET_SECUREBITS (capabilities(7)): uid 0 means nothing, a change of
// uid changes no capability set, none is kept over it, none can be raised to
// ambient; and none of this can be taken back.
const (
	secNoRoot, secNoRootLocked       = 1 << 0, 1 << 1
	secNoFixup, secNoFixupLocked     = 1 << 2, 1 << 3
	secKeepCapsLocked                = 1 << 5
	secNoAmbient, secNoAmbientLocked = 1 << 6, 1 << 7

	secAll = secNoRoot | secNoRootLocked | secNoFixup | secNoFixupLocked | secKeepCapsLocked | secNoAmbient | secNoAmbientLocked
)

// dropStep is one thing that a thread gives up, for an error that names it.
type dropStep struct {
	what string
	do   func() error
}

// drop makes the calling thread the service user's, for good: five empty
// capability sets, no way to regain one, no keyring of root's. It needs root and
// a locked thread; the rest of the process keeps what it has, so all that may
// follow is execve, which leaves this thread alone.
func (u *serviceUser) drop() error {
	return inOrder([]dropStep{
		{"join an empty session keyring", emptyKeyring},
		{"clear ambient capabilities", func() error { return unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) }},
		{"drop the bounding set", func() error { return dropBounding() }},
		{"set securebits", func() error { return unix.Prctl(unix.PR_SET_SECUREBITS, secAll, 0, 0, 0) }},
		{"set groups", u.setGroups},
		{"set gid", func() error { return raw3(unix.SYS_SETRESGID, uintptr(u.GID)) }},
		{"set uid", func() error { return raw3(unix.SYS_SETRESUID, uintptr(u.UID)) }},
		{"clear capabilities", clearCapabilities},
		{"set no_new_privs", noNewPrivs},
	})
}

func inOrder(steps []dropStep) error {
	for _, s := range steps {
		if err := s.do(); err != nil {
			return fmt.Errorf("give up privileges: %s: %w", s.what, err)
		}
	}
	return nil
}

// raw3 sets real, effective and saved id of this thread alone; the functions of
// package syscall would change every thread.
func raw3(call, id uintptr) error {
	if _, _, e := unix.RawSyscall(call, id, id, id); e != 0 {
		return e
	}
	return nil
}

func (u *serviceUser) setGroups() error {
	var first unsafe.Pointer
	if len(u.Groups) > 0 {
		first = unsafe.Pointer(&u.Groups[0])
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(u.Groups)), uintptr(first), 0); e != 0 {
		return e
	}
	return nil
}

// dropBounding takes all capabilities that the kernel knows, but those to keep,
// out of the set that bounds what a new program may have.
func dropBounding(keep ...uintptr) error {
	for c := uintptr(0); ; c++ {
		has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, c, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			return nil // past the last one
		}
		if err != nil {
			return err
		}
		if has == 0 || len(keep) > 0 && c == keep[0] {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			return err
		}
	}
}

func clearCapabilities() error {
	var none [2]unix.CapUserData
	return unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0])
}

func noNewPrivs() error { return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }

// emptyKeyring leaves root's session keyring behind. Where a container forbids
// the call it forbids the daemon to read a keyring too.
func emptyKeyring() error {
	_, _, e := unix.RawSyscall(unix.SYS_KEYCTL, unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0)
	if e == 0 || e == unix.ENOSYS || e == unix.EPERM {
		return nil
	}
	return e
}

// leaveTerminal gives up the controlling terminal, into which a process of
// another user could type commands for the shell behind it (TIOCSTI). ^C still
// arrives: it goes to the process group. A session's leader keeps it, since all
// of its session would be hung up.
func leaveTerminal() error {
	if sid, err := unix.Getsid(0); err != nil || sid == os.Getpid() {
		return err
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil // there is none
	}
	defer tty.Close()
	return unix.IoctlSetInt(int(tty.Fd()), unix.TIOCNOTTY, 0)
}

// execute becomes the program again, as the service user, with only the
// descriptors kept open. It returns only when it failed; then this process is
// good for nothing but to say so and end.
func (u *serviceUser) execute(argv []string, keep []int) error {
	runtime.LockOSThread() // and never unlocked: the thread is another one's from here on
	if err := closeOthers(keep); err != nil {
		return err
	}
	env := serviceEnv(os.Environ())
	if err := u.drop(); err != nil {
		return err
	}
	// Not by its path, which the user may have no way to. argv[0] stays for ps.
	return fmt.Errorf("execute as %s: %w", u.Name, syscall.Exec("/proc/self/exe", argv, env))
}

// closeOthers lets a new program inherit standard streams and keep, nothing else.
func closeOthers(keep []int) error {
	if err := unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close-on-exec: %w", err)
	}
	for _, fd := range keep {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return fmt.Errorf("descriptor %d: %w", fd, err)
		}
	}
	return nil
}

// serviceEnv is what the daemon needs of root's environment: language, time
// zone, its service manager, limits of the runtime.
func serviceEnv(env []string) []string {
	var kept []string
	for _, e := range env {
		switch name, _, _ := strings.Cut(e, "="); {
		case name == "PATH", name == "LANG", name == "LANGUAGE", strings.HasPrefix(name, "LC_"), name == "TZ",
			name == "NOTIFY_SOCKET", name == "MATTERFS_RUN_DIR", name == "GOMAXPROCS", name == "GOMEMLIMIT", name == "GOGC":
			kept = append(kept, e)
		}
	}
	return kept
}

// privilegeError is a daemon that still has what it was to give up.
type privilegeError struct{ what string }

func (e *privilegeError) Error() string {
	return "the daemon still has privileges that it was to give up: " + e.what
}

// dropped judges /proc/self/status: it is the service user's in every respect.
func (u *serviceUser) dropped(status string) error {
	ids := func(id uint32) string { return strings.TrimSuffix(strings.Repeat(fmt.Sprint(id)+" ", 4), " ") }
	want := map[string]string{"Uid": ids(u.UID), "Gid": ids(u.GID), "NoNewPrivs": "1"}
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
		want[set] = "0000000000000000"
	}
	seen := 0
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		value = strings.Join(strings.Fields(value), " ")
		if w, ok := want[name]; ok {
			if seen++; w != value {
				return &privilegeError{name + " " + value}
			}
		}
	}
	if seen != len(want) {
		return &privilegeError{"/proc/self/status does not tell"}
	}
	return nil
}
