package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// touching is the name by which the test program maps files and touches their pages until there are none.
const touching = "touch-pages"

func touchMain() {
	debug.SetPanicOnFault(true)
	var all sync.WaitGroup
	for i, path := range os.Args[1:] {
		f, err := os.Open(path)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		page, err := unix.Mmap(int(f.Fd()), 0, touchedSize, unix.PROT_READ, unix.MAP_SHARED)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		for j := range 6 {
			all.Go(func() { touch(page, uint64(6*i+j)) })
		}
	}
	fmt.Println("touching")
	all.Wait()
}

// touchedSize is so much that most pages have to be asked for.
const touchedSize = 8 << 20

func touch(page []byte, seed uint64) (sum int) {
	debug.SetPanicOnFault(true) // for each goroutine
	defer func() { _ = recover() }()
	for r := rand.New(rand.NewPCG(seed, 1)); ; {
		sum += int(page[r.IntN(touchedSize)])
	}
}

// crowd makes files that are mapped, and who maps them.
type crowd struct {
	f     *firm
	bin   string
	paths []string
	cmd   *exec.Cmd
}

func newCrowd(f *firm) *crowd {
	c := &crowd{f: f, bin: filepath.Join(f.tmp, touching)}
	program, err := os.ReadFile("/proc/self/exe")
	if err = errors.Join(err, os.WriteFile(c.bin, program, 0o755)); err != nil {
		f.t.Fatal(err)
	}
	lead := f.user(leadUID)
	for i := range 3 {
		c.paths = append(c.paths, filepath.Join(f.matter(), fmt.Sprintf("映射-%d.bin", i)))
		lead.Does(lead.WriteFile(c.paths[i], bytes.Repeat([]byte{byte(i)}, touchedSize)))
	}
	return c
}

// start returns when pages are touched.
func (c *crowd) start() {
	c.f.t.Helper()
	c.cmd = exec.Command(c.bin, c.paths...)
	c.cmd.Stderr, c.cmd.Dir = os.Stderr, "/"
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: leadUID, Gid: leadUID}}
	out, err := c.cmd.StdoutPipe()
	if err = errors.Join(err, c.cmd.Start()); err != nil {
		c.f.t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		c.f.t.Fatalf("%q, %v", line, err)
	}
}

// ended: nobody hangs in a drive whose daemon is gone. Who hangs cannot be killed.
func (c *crowd) ended() {
	c.f.t.Helper()
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		c.f.t.Fatal(err)
	}
	_ = c.cmd.Wait() // it was killed, or has met no page any more
}

// guardOf is who looks after a daemon: its guard, or its keeper.
func guardOf(t testing.TB, daemon int) int {
	t.Helper()
	found := 0
	err := retry(func() error {
		for _, dir := range globbed("/proc/[0-9]*") {
			status, _ := os.ReadFile(dir + "/status")
			argv, _ := os.ReadFile(dir + "/cmdline")
			verb := strings.Split(string(argv)+"\x00\x00", "\x00")[1]
			if strings.Contains(string(status), fmt.Sprintf("\nPPid:\t%d\n", daemon)) && (verb == guardVerb || verb == keeperVerb) {
				found, _ = strconv.Atoi(filepath.Base(dir))
				return nil
			}
		}
		return errors.New("nobody looks after the daemon")
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// mustGo waits for the end of processes.
func mustGo(t testing.TB, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		if err := retry(func() error {
			if now := lifeOf(pid); now != gone {
				return fmt.Errorf("process %d is still there (%d)", pid, now)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// killInRush holds the daemon up until faults wait and pages are due to be dropped, lets it go, and kills it at the ith
// moment after that.
func killInRush(t testing.TB, daemon, i int) {
	t.Helper()
	time.Sleep(150 * time.Millisecond)
	err := syscall.Kill(daemon, syscall.SIGSTOP)
	time.Sleep(150 * time.Millisecond)
	err = errors.Join(err, syscall.Kill(daemon, syscall.SIGCONT))
	time.Sleep(time.Duration(i) * 500 * time.Microsecond)
	if err = errors.Join(err, syscall.Kill(daemon, syscall.SIGKILL)); err != nil {
		t.Fatal(err)
	}
}

// eachOwner runs a test with a daemon that stays root, and with one that does not.
func eachOwner(t *testing.T, test func(*testing.T, *firm)) {
	for name, flags := range map[string][]string{"root": nil, "user": {"--user", serviceIDs}} {
		t.Run(name, func(t *testing.T) { test(t, newFirm(t, flags...)) })
	}
}

// TestKilledWhilePagesDrop: whatever the kernel holds the daemon's threads up with, a daemon that was killed is gone soon,
// nobody hangs, and the next one serves.
func TestKilledWhilePagesDrop(t *testing.T) {
	eachOwner(t, func(t *testing.T, f *firm) {
		f.mount()
		c := newCrowd(f)
		for i := range 5 {
			c.start()
			daemon := f.status().PID
			guard := guardOf(t, daemon)
			killInRush(t, daemon, i)
			f.mustEnd()
			c.ended()
			mustGo(t, daemon, guard)
			f.mount()
		}
		lead := f.user(leadUID)
		lead.Reads(c.paths[1], strings.Repeat("\x01", touchedSize))
		f.umount()
		f.verified()
	})
}

// TestKilledWithItsGuard: somebody kills both. The next mount ends what hangs.
func TestKilledWithItsGuard(t *testing.T) {
	eachOwner(t, func(t *testing.T, f *firm) {
		f.mount()
		c := newCrowd(f)
		for i := range 5 {
			c.start()
			daemon := f.status().PID
			guard := guardOf(t, daemon)
			if err := syscall.Kill(guard, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			killInRush(t, daemon, i)
			if time.Sleep(300 * time.Millisecond); lifeOf(daemon) == dying {
				t.Log("a daemon without a guard cannot end")
			}
			f.mount()
			c.ended()
			mustGo(t, daemon)
		}
		f.umount()
		f.verified()
	})
}

// lazily detaches the drive, and returns what waits for the end of umount.
func (f *firm) lazily() (end func() (said string)) {
	f.t.Helper()
	said := make(chan string, 1)
	go func() {
		code, _, errs := f.exec("umount", f.mnt)
		said <- fmt.Sprint(code, " ", errs)
	}()
	if err := retry(func() error {
		if _, there, err := topMount(f.mnt); there || err != nil {
			return fmt.Errorf("still mounted: %v", err)
		}
		return nil
	}); err != nil {
		f.t.Fatal(err)
	}
	return func() string { return <-said }
}

// TestDetachedAndKilled: a drive that was detached has no mountpoint to take away by force.
func TestDetachedAndKilled(t *testing.T) {
	eachOwner(t, func(t *testing.T, f *firm) {
		f.mount()
		c := newCrowd(f)
		for range 3 {
			c.start()
			daemon := f.status().PID
			guard := guardOf(t, daemon)
			end := f.lazily()
			if err := syscall.Kill(daemon, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			end() // it may not have been answered
			c.ended()
			mustGo(t, daemon, guard)
			f.mount()
		}
		f.umount()
		f.verified()
	})
}

// TestDetachedIsServed: the guard lets open files be, and ends with the daemon, though pages are touched to the last.
func TestDetachedIsServed(t *testing.T) {
	eachOwner(t, func(t *testing.T, f *firm) {
		f.mount()
		c := newCrowd(f)
		lead := f.user(leadUID)
		held := lead.Opens(c.paths[2], os.O_RDONLY, 0)
		c.start()
		daemon := f.status().PID
		guard := guardOf(t, daemon)
		end := f.lazily()
		for range 4 {
			time.Sleep(lifePause)
			if b, err := held.ReadAt(4096, 16); err != nil || string(b) != strings.Repeat("\x02", 16) {
				t.Fatalf("%q, %v", b, err)
			}
		}
		if s := end(); !strings.Contains(s, "lazily") {
			t.Errorf("umount: %s", s)
		}
		c.ended()
		mustGo(t, daemon, guard)
		f.mount()
		f.umount()
		f.verified()
	})
}

// TestBreakerKnowsItsMount: what is mounted in its mount's place is not for it.
func TestBreakerKnowsItsMount(t *testing.T) {
	f := startFirm(t)
	m, ok, err := topMount(f.mnt)
	if err != nil || !ok {
		t.Fatal(err)
	}
	var old, now, other breaker
	old.set(f.mnt, f.mnt, m.source)
	other.set(f.mnt, f.mnt, "matterfs:other")
	if old.abort == nil || other.abort != nil || other.m != (mountEntry{}) {
		t.Fatalf("%+v, %+v", old, other)
	}
	f.umount()
	f.mount()
	old.trip() // its connection is gone, and the numbers of the new one may be the same
	other.trip()
	byPath := breaker{place: f.mnt, m: m}
	byPath.m.id += "0"
	byPath.trip()
	lead := f.user(leadUID)
	doc := filepath.Join(f.matter(), "甲.txt")
	lead.Writes(doc, "甲方")
	now.set(f.mnt, f.mnt, m.source)
	now.trip()
	lead.IsDenied(doc, syscall.ENOTCONN)
	f.mustEnd()
	f.mount()
	now.set(f.mnt, f.mnt, m.source)
	now.abort = nil
	held := lead.Opens(doc, os.O_RDONLY, 0)
	now.trip()
	if _, err := held.ReadAt(0, 1); err == nil {
		t.Error("umount -f ended nothing")
	}
	f.mustEnd()
	lead.Does(held.Close())
	f.mount()
	f.umount()
	f.verified()
}

// TestParseLife knows a process that cannot end from one that has, and from one that lives.
func TestParseLife(t *testing.T) {
	const none, kill = "0000000000000000", "0000000000000100"
	for _, c := range []struct {
		state, threads, own, shared string
		want                        life
	}{
		{"S (sleeping)", "9", none, none, alive},
		{"D (disk sleep)", "9", "0000000000000200", none, alive},
		{"D (disk sleep)", "1", kill, none, dying},
		{"R (running)", "9", none, kill, dying},
		{"Z (zombie)", "2", kill, none, dying},
		{"Z (zombie)", "1", kill, none, gone},
		{"X (dead)", "0", none, none, gone},
		{"", "", "", "", alive},
	} {
		text := fmt.Sprintf("Name:\tmatterfs\nState:\t%s\nThreads:\t%s\nSigPnd:\t%s\nShdPnd:\t%s\n", c.state, c.threads, c.own, c.shared)
		if got := parseLife(text); got != c.want {
			t.Errorf("%q: %d, want %d", text, got, c.want)
		}
	}
	if lifeOf(os.Getpid()) != alive || lifeOf(1<<22+1) != gone {
		t.Error("this process does not live, or one lives that cannot be")
	}
}
