package fs

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"matterfs/internal/as"
)

// What the kernel answers without a question to the drive. These tests fail when a kernel
// changes its mind; then the README's list of what is not protected has to change too.

func waysOfKernel() map[string]way {
	return map[string]way{
		"lock": onFD(func() error {
			return unix.FcntlFlock(held, unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
		}),
		"lease":     onFD(func() error { _, err := unix.FcntlInt(held, unix.F_SETLEASE, unix.F_RDLCK); return err }),
		"dnotify":   onFD(func() error { _, err := unix.FcntlInt(held, unix.F_NOTIFY, dnAccess); return err }),
		"inotify":   watchNames,
		"fanotify":  onFD(markByFanotify),
		"ring-pass": passRing,
		"ring-as":   ringAs,
	}
}

// dnAccess is DN_ACCESS of fcntl.h.
const dnAccess = 1

// watchNames watches a folder and tells the first name that is used in it.
func watchNames(args []string) (string, error) {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK)
	if err == nil {
		_, err = unix.InotifyAddWatch(fd, args[0], unix.IN_OPEN)
	}
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(args[1], nil, 0o644); err != nil { // whoever waits may begin
		return "", err
	}
	buf := make([]byte, 4096)
	for range 1200 {
		if n, err := unix.Read(fd, buf); err == nil && n > unix.SizeofInotifyEvent {
			name, _, _ := strings.Cut(string(buf[unix.SizeofInotifyEvent:n]), "\x00")
			return name, nil
		}
		time.Sleep(25 * time.Millisecond)
	}
	return "", unix.ETIMEDOUT
}

func markByFanotify() error {
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_REPORT_FID, unix.O_RDONLY)
	if err != nil {
		return err
	}
	return unix.FanotifyMark(fd, unix.FAN_MARK_ADD, unix.FAN_OPEN, held, ".")
}

// passRing tries to send an io_uring to another process.
func passRing([]string) (string, error) {
	r, err := as.OpenRing(0)
	if err != nil {
		return "", err
	}
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return "", err
	}
	return done(unix.Sendmsg(p[0], []byte{0}, unix.UnixRights(r.FD), nil, 0))
}

// ringAs registers the credentials of one uid (the first argument) with a ring, becomes
// another (the second) for good, and reads: with the third argument "registered" in the name
// of the first, with "polled" through a kernel thread that was started as the first.
func ringAs(args []string) (string, error) {
	runtime.LockOSThread()
	become := func(call, uid uintptr) error {
		_, _, errno := unix.RawSyscall(call, uid, uid, uid)
		if errno != 0 && call == unix.SYS_SETRESUID {
			return errno
		}
		return nil
	}
	setup := uint32(0)
	if args[2] == "polled" {
		setup = as.RingPoll
	}
	err := become(unix.SYS_SETFSUID, uintptr(number(args[0])))
	return ringed(setup, func(r *as.Ring, buf []byte) (as.SQE, error) {
		id, err2 := r.Register(as.RingPersonality, nil, 0)
		err3 := become(unix.SYS_SETRESUID, uintptr(number(args[1])))
		s := as.SQE{Opcode: as.RingRead, FD: held, Addr: uint64(pointer(&buf[0])), Len: 100}
		if args[2] == "registered" {
			s.Personality = uint16(id)
		}
		return s, errors.Join(err, err2, err3)
	})
}

// The size, times and owner of a document that are in the kernel's cache are told to whoever
// has a descriptor of it, or of a folder above, whatever the drive thinks of them; and with
// AT_STATX_DONT_SYNC also those that were void.
func TestKernelTellsFromItsCache(t *testing.T) {
	a := underAttack(t)
	path := a.document("卷", secret)
	f, dir := a.handsOver(path, os.O_RDWR), a.handsOver(a.in("卷"), unix.O_DIRECTORY)
	for _, c := range []struct {
		of   *as.File
		ways []string
	}{{f, []string{"fstat"}}, {f, []string{"fstatx"}}, {dir, []string{"fstatat", "合同"}}} {
		succeeds(t, "size 12", func(int) string {
			known(a.lead, path)
			return tries(t, a.outside, []*as.File{c.of}, c.ways...)
		})
	}
	a.srv.Refresh()
	if got := tries(t, a.outside, []*as.File{f}, "fstat"); got != "ENOENT" {
		t.Errorf("fstat after all became void: %s", got)
	}
	if got := tries(t, a.outside, []*as.File{f}, "fstatx"); got != "size 12" {
		t.Errorf("statx of what was void: %s", got)
	}
	a.refused("getattr", other, "卷")
	a.outside.Does(errors.Join(f.Close(), dir.Close()))
}

// An io_uring acts for whoever submits, unless credentials were registered with it or a thread
// of its own submits: those it keeps, also when the process becomes somebody else. That is a delegation by its owner, and
// the log names the owner. It cannot be passed over a socket.
func TestRingKeepsRegisteredCredentials(t *testing.T) {
	a := underAttack(t)
	root := as.Start(t, 0)
	path := a.document("卷", secret)
	f := a.lead.Opens(path, os.O_RDWR, 0)
	theirs, err := f.SendTo(root)
	a.lead.Does(errors.Join(err, f.Close()))
	for _, c := range []struct{ how, want string }{{"registered", secret}, {"polled", secret}, {"own", "ENOENT"}} {
		if a.ring != "done" {
			c.want = a.ring
		}
		if got := tries(t, root, []*as.File{theirs}, "ring-as", fmt.Sprint(lina), fmt.Sprint(other), c.how); got != c.want {
			t.Errorf("a ring with the member's credentials, used by an outsider with %s: %q, want %q", c.how, got, c.want)
		}
	}
	root.Does(theirs.Close())
	want := "EINVAL"
	if a.ring != "done" {
		want = a.ring
	} else {
		a.logged("ev", "read", "res", "ok", "uid", lina, "ouid", zhang, "path", "卷/合同")
		a.refused("read", other, "卷")
	}
	if got := tries(t, a.lead, nil, "ring-pass"); got != want {
		t.Errorf("an io_uring was sent over a socket: %s, want %s (before Linux 6.7 it could be)", got, want)
	}
}

// The file system uid is what counts: root can take any, others only their own.
func TestOnlyRootTakesAnotherUID(t *testing.T) {
	a := underAttack(t)
	root := as.Start(t, 0)
	path := a.document("卷", secret)
	f := a.lead.Opens(path, os.O_RDWR, 0)
	forRoot, err := f.SendTo(root)
	forOther, err2 := f.SendTo(a.outside)
	a.lead.Does(errors.Join(err, err2, f.Close()))
	for _, c := range []struct {
		u    *as.User
		f    *as.File
		way  []string
		want string
	}{
		{a.outside, forOther, []string{"setfsuid", fmt.Sprint(lina), "read"}, "ENOENT"},
		{root, forRoot, []string{"read"}, "EACCES"},
		{root, forRoot, []string{"setfsuid", fmt.Sprint(other), "read"}, "ENOENT"},
		{root, forRoot, []string{"setfsuid", fmt.Sprint(lina), "read"}, secret},
	} {
		if got := tries(t, c.u, []*as.File{c.f}, c.way...); got != c.want {
			t.Errorf("uid %d, %q: %q, want %q", c.u.UID(), c.way, got, c.want)
		}
	}
	a.logged("ev", "read", "res", "deny", "uid", 0, "rule", "user.unknown")
	a.logged("ev", "read", "res", "ok", "uid", lina, "user", "li.na")
	root.Does(forRoot.Close())
	a.outside.Does(forOther.Close())
}

// Locks, watches and clones are the kernel's own affair: it asks nobody who may lock or watch
// what they have a descriptor of. No content is in any of them; names are in watches.
func TestKernelKeepsLocksAndWatches(t *testing.T) {
	a := underAttack(t)
	path := a.document("卷", secret)
	f, dir, to := a.handsOver(path, os.O_RDWR), a.handsOver(a.in("卷"), unix.O_DIRECTORY), a.handsOver(a.document("另", ""), os.O_RDWR)
	for _, c := range []struct {
		of   *as.File
		way  []string
		want string
	}{
		{f, []string{"lock"}, "done"},
		{f, []string{"lease"}, "EACCES"}, // of someone else's document; its creator may
		{dir, []string{"dnotify"}, "done"},
		{dir, []string{"fanotify"}, "done"},
		{f, []string{"clone"}, "ENOTSUP"},
		{f, []string{"linkat", as.Dir(t) + "/链"}, "EXDEV"},
	} {
		if got := tries(t, a.outside, []*as.File{c.of, to}, c.way...); got != c.want {
			t.Errorf("%q: %s, want %s", c.way, got, c.want)
		}
	}
	open := as.Dir(t)
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ watched, want string }{{"/proc/self/fd/3", "合同"}, {a.mnt, matter1}} {
		ready := fmt.Sprintf("%s/%s", open, c.want)
		got := make(chan string)
		go func() { got <- tries(t, a.outside, []*as.File{dir}, "inotify", c.watched, ready) }()
		eventually(t, func() (os.FileInfo, error) { return os.Stat(ready) })
		a.lead.Lists(a.in(""), "卷", "另")
		a.lead.Reads(path, secret)
		if name := <-got; name != c.want {
			t.Errorf("a watch of %s tells %q, want %q", c.watched, name, c.want)
		}
	}
	a.outside.Does(errors.Join(f.Close(), dir.Close(), to.Close()))
}
