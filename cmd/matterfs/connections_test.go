package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestConnectionsAreCountedByPerson: those whom the policy does not know share one count.
func TestConnectionsAreCountedByPerson(t *testing.T) {
	d := office(t, newTwoStore(t))
	var leaves []func()
	enter := func(uid uint32, want bool) {
		t.Helper()
		leave, ok := d.admit(uid)
		if ok != want {
			t.Fatalf("uid %d: %v, want %v", uid, ok, want)
		}
		if ok {
			leaves = append(leaves, leave)
		}
	}
	for i := range connectionLimit {
		enter(30022, true)
		enter(uint32(40000+i), true)
	}
	enter(30022, false)
	enter(50000, false)
	enter(30021, true)
	for range 2 * connectionLimit {
		enter(0, true)
	}
	for _, leave := range leaves {
		leave()
	}
	enter(30022, true)
	enter(50000, true)
}

// newTwoStore is a store with the people of twoYAML.
func newTwoStore(t *testing.T) settings {
	t.Helper()
	s := newStore(t)
	if err := os.WriteFile(filepath.Join(s.Policy, "matters", "0142.yaml"), []byte(twoYAML), 0o644); err != nil {
		t.Fatal(err)
	}
	return s
}

// dialAs connects as a user of the machine: the kernel takes the effective uid of
// the thread that connects (unix(7), SO_PEERCRED).
func dialAs(t testing.TB, uid int, path string) *client {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	become := func(uid int) {
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); errno != 0 {
			panic(errno) // a thread that stays somebody else spoils every other test
		}
	}
	become(uid)
	c, err := dial(path, "test")
	become(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

// TestConnectionsTakeNothingFromOthers: somebody who connects without end is told to stop
// and takes no more of the daemon's descriptors than anybody; others are heard, and so is
// the same person after letting go.
func TestConnectionsTakeNothingFromOthers(t *testing.T) {
	f := startFirm(t)
	sockets, err := filepath.Glob(filepath.Join(f.run, "*.sock"))
	if err != nil || len(sockets) != 1 {
		t.Fatal(sockets, err)
	}
	path := sockets[0]
	var held []*client
	for range connectionLimit {
		c := dialAs(t, 4242, path)
		if _, err := c.ask("status"); err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	for range 3 {
		if _, err := dialAs(t, 4242, path).ask("status"); err == nil || !strings.Contains(err.Error(), "connections at once") {
			t.Errorf("one more is answered %v", err)
		}
	}
	for _, uid := range []int{0, memberUID} {
		if _, err := dialAs(t, uid, path).ask("status"); err != nil {
			t.Errorf("uid %d: %v", uid, err)
		}
	}
	for _, c := range held {
		c.close()
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		_, err := dialAs(t, 4242, path).ask("status")
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("not heard after letting go: ", err)
		}
	}
}

// TestDialWaitsForItsTurn: while others fill the daemon's queue the kernel answers EAGAIN;
// `user disable` waits for a place.
func TestDialWaitsForItsTurn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	for {
		c, err := net.Dial("unix", path)
		if errors.Is(err, syscall.EAGAIN) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	said := make(chan error, 1)
	go func() {
		c, err := dial(path, "test")
		if err == nil {
			c.close()
		}
		said <- err
	}()
	nfd, _, err := unix.Accept(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(nfd)
	if err := <-said; err != nil {
		t.Error(err)
	}
}
