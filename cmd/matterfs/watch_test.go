package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/rogpeppe/go-internal/testscript"
)

// cmdHealthy is `healthy DIR ok|degraded`: waits for the daemon to say so.
func cmdHealthy(ts *testscript.TestScript, neg bool, args []string) {
	waitFor(ts, args[0]+" to be "+args[1], func() bool {
		_ = ts.Exec("matterfs", "status", args[0]) // 1 when degraded
		return strings.Contains(ts.ReadFile("stdout"), "health    "+args[1]+"\n")
	})
}

// cmdCan is `[!] can UID FILE`: waits until UID can read FILE, or cannot.
func cmdCan(ts *testscript.TestScript, neg bool, args []string) {
	_, err := strconv.Atoi(args[0])
	ts.Check(err)
	waitFor(ts, strings.Join(args, " "), func() bool {
		err := ts.Exec("setpriv", "--reuid", args[0], "--regid", args[0], "--clear-groups", "cat", args[1])
		return (err == nil) != neg
	})
}

// TestWatchSeesEveryWay: each way to change a policy is noticed.
func TestWatchSeesEveryWay(t *testing.T) {
	dir := t.TempDir()
	shell := func(script string) {
		t.Helper()
		c := exec.Command("sh", "-ec", script)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", script, err, out)
		}
	}
	shell("mkdir -p a/real/policy/matters b links; echo x > a/real/policy/firm.yaml; ln -s ../a/real links/way")
	w, err := newPolicyWatch(filepath.Join(dir, "links/way/policy"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	looks := make(chan struct{}, 100)
	failures := make(chan error, 100)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.run(ctx, watched{
			settled: func() bool { return false },
			quiet:   func() { looks <- struct{}{} },
			failed: func(err error) {
				if err != nil {
					failures <- err
				}
			},
		})
	}()
	seen := func(what string) {
		t.Helper()
		select {
		case <-looks:
		case err := <-failures:
			t.Fatalf("%s: %v", what, err)
		case <-time.After(time.Minute):
			t.Fatalf("not noticed: %s", what)
		}
	}
	seen("the start")
	for _, script := range []string{
		"echo y > a/real/policy/firm.yaml",
		"echo z > a/real/policy/.t; mv a/real/policy/.t a/real/policy/firm.yaml",
		"echo z > a/real/policy/matters/m.yaml",
		"mkdir -p a/real/policy/new/deep; echo z > a/real/policy/new/deep/m.yaml",
		"echo zz > a/real/policy/new/deep/m.yaml",
		"rm a/real/policy/firm.yaml",
		"chmod 600 a/real/policy/matters/m.yaml",
		"mv a/real/policy a/real/old; mkdir a/real/policy",
		"echo y > a/real/policy/firm.yaml",
		"mkdir b/policy; ln -s ../b links/.n; mv -T links/.n links/way",
		"echo y > b/policy/firm.yaml",
		"rm -r b/policy",
		"mkdir b/policy; echo y > b/policy/firm.yaml",
		"echo yy > b/policy/firm.yaml",
	} {
		shell(script)
		seen(script)
	}
	// What belongs to no policy, and what is no longer ours, is left alone.
	cancel()
	<-ended
	w.places = watchPlaces(filepath.Join(dir, "links/way/policy"))
	for name, want := range map[string]bool{
		"b/policy/firm.yaml": true, "b/policy/.firm.yaml.swp": false, "b/policy/firm.yaml~": false, "b/other": false, "a/real/old/firm.yaml": false,
	} {
		if got := w.concerns(fsnotify.Event{Name: filepath.Join(dir, name)}); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestWayTo: links on the way are names that matter; a circle ends.
func TestWayTo(t *testing.T) {
	dir := t.TempDir()
	err := errors.Join(os.MkdirAll(filepath.Join(dir, "x/y"), 0o700),
		os.Symlink("x", filepath.Join(dir, "rel")), os.Symlink(filepath.Join(dir, "rel/y"), filepath.Join(dir, "abs")),
		os.Symlink("circle", filepath.Join(dir, "circle")))
	if err != nil {
		t.Fatal(err)
	}
	names, real := wayTo(filepath.Join(dir, "abs"))
	want := []string{filepath.Join(dir, "abs"), filepath.Join(dir, "rel"), filepath.Join(dir, "x/y")}
	if real != filepath.Join(dir, "x/y") || !slices.Equal(names, want) {
		t.Errorf("%q, %q; want %q", names, real, want)
	}
	if names, _ := wayTo(filepath.Join(dir, "circle")); len(names) != maxHops+1 {
		t.Errorf("%d names on a circle", len(names))
	}
}

// TestBurst: files at rest are looked at once for what may be at once, and once
// for the rest; who never stops writing is not waited for.
func TestBurst(t *testing.T) {
	settled, quiet := 0, 0
	do := watched{settled: func() bool { settled++; return true }, quiet: func() { quiet++ }}
	var b watchBurst
	if d := b.more(time.Now()); d != watchSettle {
		t.Errorf("first change: look after %v", d)
	}
	if d := b.step(do); d != watchQuiet-watchSettle || settled != 1 || quiet != 0 {
		t.Errorf("at rest: again after %v, %d %d", d, settled, quiet)
	}
	if d := b.step(do); d != 0 || settled != 1 || quiet != 1 {
		t.Errorf("quiet: again after %v, %d %d", d, settled, quiet)
	}
	b.more(time.Now().Add(-2 * watchPatience))
	if d := b.more(time.Now()); d != 0 {
		t.Errorf("after too long: look after %v", d)
	}
	if b.step(do); settled != 1 || quiet != 2 {
		t.Errorf("after too long: %d %d", settled, quiet)
	}
}
