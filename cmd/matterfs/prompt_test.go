package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal: the person's side and the program's side.
type terminal struct{ person, program *os.File }

func openTerminal(t *testing.T) terminal {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(person.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		person.Close()
		program.Close()
	})
	return terminal{person, program}
}

func (p terminal) echoes(t *testing.T) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(p.program.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// awaitPrompt waits until the program reads without echo.
func (p terminal) awaitPrompt(t *testing.T) {
	t.Helper()
	for range 2400 {
		if !p.echoes(t) {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatal("never asked for the passphrase")
}

// passphraseFirm is a firm that only a passphrase opens.
func passphraseFirm(t *testing.T) *firm {
	t.Helper()
	f := newFirm(t)
	secret := filepath.Join(f.tmp, "pass")
	if err := os.WriteFile(secret, []byte("芝麻 开门\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(filepath.Dir(f.s.Dir), "second")
	f.must("init", dir, "--passphrase-file", secret)
	s, err := (&app{}).settings(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.Identity); err != nil {
		t.Fatal(err)
	}
	f.s = s
	return f
}

// start runs the command with a terminal as its stdin.
func (f *firm) start(on terminal, args ...string) (*exec.Cmd, *strings.Builder) {
	f.t.Helper()
	cmd := exec.Command("matterfs", args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TMPDIR="+f.tmp, "MATTERFS_RUN_DIR="+f.run)
	var errs strings.Builder
	cmd.Stdin, cmd.Stderr = on.program, &errs
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	return cmd, &errs
}

// TestPrompt asks a person at a terminal. The cases share one store: making
// and opening one by passphrase is slow on purpose.
func TestPrompt(t *testing.T) {
	f := passphraseFirm(t)
	t.Run("interrupted", f.promptInterrupted)
	t.Run("wrong", f.promptWrong)
	t.Run("background", f.promptBackground)
}

// promptInterrupted: ^C ends with 130 and gives the terminal its echo back.
func (f *firm) promptInterrupted(t *testing.T) {
	on := openTerminal(t)
	cmd, errs := f.start(on, "mount", f.s.Dir, f.mnt)
	on.awaitPrompt(t)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || !on.echoes(t) {
		t.Errorf("exit code %d, echo %v: %s", code, on.echoes(t), errs)
	}
}

func (f *firm) promptWrong(t *testing.T) {
	on := openTerminal(t)
	cmd, errs := f.start(on, "mount", f.s.Dir, f.mnt)
	on.awaitPrompt(t)
	if _, err := on.person.WriteString("falsch\n"); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitKey || !strings.Contains(errs.String(), "opened with terminal: wrong passphrase") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// promptBackground: the passphrase is asked for while there is a terminal, and
// reaches the daemon neither by arguments nor environment.
func (f *firm) promptBackground(t *testing.T) {
	on := openTerminal(t)
	cmd, errs := f.start(on, "mount", f.s.Dir, f.mnt, "--background")
	on.awaitPrompt(t)
	if _, err := on.person.WriteString("芝麻 开门\n"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("mount: %v: %s", err, errs)
	}
	if !strings.HasPrefix(errs.String(), "Passphrase: \n") || !on.echoes(t) {
		t.Errorf("stderr %q, echo back %v", errs, on.echoes(t))
	}
	pid := f.status().PID
	for _, name := range []string{"cmdline", "environ"} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		if err != nil || len(b) == 0 || strings.Contains(string(b), "芝麻") {
			t.Errorf("%s: %v, or the passphrase stands in it: %q", name, err, b)
		}
	}
	f.umount()
}
