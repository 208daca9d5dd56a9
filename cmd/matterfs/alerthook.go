package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	hookKey = "hooks.alert"
	// hookPatience is how long a hook may take, hookSays how much of what it says is kept.
	hookPatience = 10 * time.Second
	hookSays     = 1 << 10
	// hookOutput is how much a hook may say at all.
	hookOutput = 1 << 20
)

// hookError is a command that is not run as a hook: whoever can change it could do what the daemon can.
type hookError struct{ path, why string }

func (e *hookError) Error() string { return fmt.Sprintf("%s: %s %s", hookKey, e.path, e.why) }

// hook runs one command for each alert, as the daemon's own account.
type hook struct {
	path     string
	patience time.Duration

	mu   sync.Mutex
	err  error  // of the last run
	lost uint64 // alerts that no run took, since the start
}

// check refuses what anybody but root could have written, or could put something else in the place of.
func (h *hook) check() error {
	if !filepath.IsAbs(h.path) {
		return &hookError{h.path, "is no absolute path"}
	}
	real, err := filepath.EvalSymlinks(h.path)
	if err != nil {
		return &hookError{h.path, "cannot be found: " + err.Error()}
	}
	for _, path := range []string{h.path, real} { // the way to a link, and the way on from it
		for up := filepath.Dir(path); ; up = filepath.Dir(up) {
			if err := rootOnly(up, true); err != nil {
				return err
			}
			if up == filepath.Dir(up) {
				break
			}
		}
	}
	if err := rootOnly(real, false); err != nil {
		return err
	}
	if unix.Faccessat(unix.AT_FDCWD, real, unix.X_OK, unix.AT_EACCESS) != nil {
		return &hookError{real, fmt.Sprintf("cannot be executed by uid %d", os.Geteuid())}
	}
	return nil
}

// rootOnly looks at one file or directory. In a directory with the sticky bit others cannot replace what is root's.
func rootOnly(path string, dir bool) error {
	st, err := os.Stat(path)
	if err != nil {
		return &hookError{path, "cannot be looked at: " + err.Error()}
	}
	switch {
	case !dir && !st.Mode().IsRegular():
		return &hookError{path, "is no regular file"}
	case st.Sys().(*syscall.Stat_t).Uid != 0:
		return &hookError{path, "does not belong to root"}
	case st.Mode().Perm()&0o022 != 0 && !(dir && st.Mode()&os.ModeSticky != 0):
		return &hookError{path, "can be written by others than root"}
	}
	return nil
}

// run gives one line to the command and waits for it. It gets no arguments, nothing of the daemon's environment and descriptors, and
// a session of its own, which ends with it when it takes too long.
func (h *hook) run(ctx context.Context, al alert) error {
	line, err := json.Marshal(al)
	if err != nil {
		return err
	}
	if err := h.check(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, h.patience)
	defer cancel()
	said := &firstBytes{}
	cmd := exec.CommandContext(ctx, h.path)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "LANG=C.UTF-8"}
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = "/", bytes.NewReader(append(line, '\n')), said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // it left something behind that holds on to its output
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s took longer than %s and was killed", h.path, h.patience)
	}
	return fmt.Errorf("%s: %w: %q", h.path, err, said.b)
}

// firstBytes keeps the beginning of what is written, and refuses when it is too much.
type firstBytes struct {
	b []byte
	n int
}

func (f *firstBytes) Write(b []byte) (int, error) {
	f.b = append(f.b, b[:min(len(b), hookSays-len(f.b))]...)
	if f.n += len(b); f.n > hookOutput {
		return 0, errors.New("too much output")
	}
	return len(b), nil
}

// serve runs the command for each line, one at a time.
func (a *alerts) serve(ctx context.Context, d *daemon) {
	for al := range a.out {
		a.tell(ctx, d, al)
	}
}

// tell runs the command once. What no run took is counted, and the next line says so.
func (a *alerts) tell(ctx context.Context, d *daemon, al alert) {
	al.Store, al.Dropped = d.storeID, a.lost.Swap(0)
	al.Host, _ = os.Hostname() // without a name it is empty
	al.Time, al.Since = al.Time.UTC().Truncate(time.Second), al.Since.UTC().Truncate(time.Second)
	err := a.hook.run(ctx, al)
	if err != nil {
		a.lost.Add(al.Dropped + 1)
		d.warn("alert", err)
	}
	a.hook.ended(err)
}

func (h *hook) ended(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err = err; err != nil {
		h.lost++
	}
}

// failing is why the last alert did not get through, and how many have not.
func (h *hook) failing() (lost uint64, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lost, h.err
}
