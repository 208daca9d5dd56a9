package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestKilledWhileInUse: the daemon is killed while somebody works in the drive.
// umount says who is in the way and clears it all the same; so does mount.
func TestKilledWhileInUse(t *testing.T) {
	f := startFirm(t)
	lead := f.user(leadUID)
	doc := filepath.Join(f.matter(), "甲.txt")
	lead.Writes(doc, "甲方")
	lead.Does(lead.Chdir(f.matter()))
	f.kill()
	lead.IsDenied(doc, syscall.ENOTCONN)
	code, _, errs := f.exec("umount", f.mnt)
	if want := fmt.Sprintf("[%d]\n", lead.PID()); code != exitOK || !strings.Contains(errs, "lazily") || !strings.Contains(errs, want) {
		t.Errorf("umount: exit code %d, want %q in:\n%s", code, want, errs)
	}
	lead.Does(lead.Chdir("/"))
	f.mount()
	lead.Does(lead.Chdir(f.matter()))
	f.kill()
	f.mount()
	lead.Reads(doc, "甲方")
	lead.Does(lead.Chdir("/"))
	f.umount()
	f.verified()
}

// TestForeignDeadMount: what another program left dead is not ours to take away.
func TestForeignDeadMount(t *testing.T) {
	f := newFirm(t)
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	err = unix.Mount("other", f.mnt, "fuse.other", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fd))
	if err = errors.Join(err, unix.Close(fd)); err != nil {
		t.Fatal(err)
	}
	for _, verb := range [][]string{{"mount", f.s.Dir, f.mnt}, {"umount", f.mnt}} {
		code, _, errs := f.exec(verb...)
		if m, ok, _ := topMount(f.mnt); code != exitUsage || !ok || m.fstype != "fuse.other" {
			t.Fatalf("%s: exit code %d, %+v is there: %s", verb[0], code, m, errs)
		}
	}
	if err := unix.Unmount(f.mnt, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	f.mount()
	f.umount()
}

// TestStaleLock: what stands in a lock file of a daemon that is gone keeps
// nobody out, whoever has its number now.
func TestStaleLock(t *testing.T) {
	f := newFirm(t)
	for _, text := range []string{"1\n", "99999999\n", "garbage\n", "", fmt.Sprintf("%d\n", os.Getpid())} {
		if err := os.WriteFile(filepath.Join(f.s.State, "lock"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f.mount()
		if got, want := readFile(t, filepath.Join(f.s.State, "lock")), fmt.Sprintf("%d\n", f.status().PID); got != want {
			t.Errorf("after %q the lock names %q, want %q", text, got, want)
		}
		f.kill()
	}
	f.mount()
	f.umount()
	f.verified()
}

// TestHeldLockIsNamed: two configurations of one data directory; the refusal
// names the process that has it.
func TestHeldLockIsNamed(t *testing.T) {
	f := startFirm(t)
	pid := f.status().PID
	top := filepath.Dir(f.mnt)
	state, mnt2 := filepath.Join(top, "state2"), filepath.Join(top, "mnt2")
	if err := errors.Join(os.Mkdir(state, 0o700), os.Mkdir(mnt2, 0o755)); err != nil {
		t.Fatal(err)
	}
	for dir, flags := range map[string][]string{f.s.State: nil, f.s.Data: {"--state", state}} {
		code, _, errs := f.exec(append([]string{"mount", f.s.Dir, mnt2}, flags...)...)
		if want := fmt.Sprintf("%s is in use by process %d\n", dir, pid); code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("exit code %d, want %q in: %s", code, want, errs)
		}
	}
	f.umount()
}

// TestHolders names programs by open file, working directory and program, and
// mounts below; and nobody who only stands near.
func TestHolders(t *testing.T) {
	dir := t.TempDir()
	mnt := filepath.Join(dir, "mnt")
	if err := errors.Join(os.MkdirAll(filepath.Join(mnt, "below"), 0o755), os.Mkdir(mnt+"2", 0o755)); err != nil {
		t.Fatal(err)
	}
	if got := holders(mnt); len(got) != 0 {
		t.Errorf("before: %q", got)
	}
	var want []string
	for _, where := range []string{mnt, filepath.Join(mnt, "below"), mnt + "2"} {
		cmd := exec.Command("sleep", "1000")
		cmd.Dir = where
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cmd.Process.Kill()
			cmd.Wait()
		})
		want = append(want, fmt.Sprintf("[%d]", cmd.Process.Pid))
	}
	if err := unix.Mount("tmpfs", filepath.Join(mnt, "below"), "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(filepath.Join(mnt, "below"), unix.MNT_DETACH)
	got := strings.Join(holders(mnt), " ")
	for _, w := range append(want[:2:2], "mount[tmpfs]") {
		if !strings.Contains(got, w) {
			t.Errorf("%q lacks %s", got, w)
		}
	}
	if strings.Contains(got, want[2]) {
		t.Errorf("%q names who is elsewhere", got)
	}
}

func TestParseLock(t *testing.T) {
	for line, want := range map[string]flockEntry{
		"1: FLOCK  ADVISORY  WRITE 4711 fe:00:262154 0 EOF\n": {4711, 0xfe, 0, 262154},
		"2: POSIX  ADVISORY  WRITE 4711 fe:00:262154 0 EOF":   {},
		"2: -> FLOCK ADVISORY WRITE 4711 fe:00:262154 0 EOF":  {},
		"3: FLOCK ADVISORY WRITE -1 00:1f:7 0 EOF":            {-1, 0, 0x1f, 7},
		"4: FLOCK ADVISORY WRITE x 00:1f:7 0 EOF":             {},
		"5: FLOCK ADVISORY WRITE 1 00:1f 0 EOF":               {},
		"":                                                    {},
	} {
		if got, ok := parseLock(line); got != want || ok != (want != flockEntry{}) {
			t.Errorf("%q: %+v, %t", line, got, ok)
		}
	}
}

func FuzzParseLock(f *testing.F) {
	f.Add("1: FLOCK  ADVISORY  WRITE 4711 fe:00:262154 0 EOF")
	f.Add("1: FLOCK ADVISORY READ -1 00:00:0 0 EOF")
	f.Fuzz(func(t *testing.T, line string) {
		l, ok := parseLock(line)
		if !ok {
			return
		}
		again := fmt.Sprintf("1: FLOCK ADVISORY WRITE %d %02x:%02x:%d 0 EOF", l.pid, l.major, l.minor, l.inode)
		if got, ok := parseLock(again); !ok || got != l {
			t.Errorf("%q: %+v, then %+v", line, l, got)
		}
	})
}
