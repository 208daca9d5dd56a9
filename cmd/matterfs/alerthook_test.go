package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"matterfs/internal/as"
)

// script writes a hook that anybody may execute and only root may change.
func script(t testing.TB, dir, body string) string {
	t.Helper()
	path := filepath.Join(dir, "hook")
	// By another name first: a program that is being written cannot be executed.
	if err := errors.Join(os.WriteFile(path+".new", []byte("#!/bin/sh\n"+body), 0o755), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
	return path
}

func testHook(path string) *hook { return &hook{path: path, patience: time.Minute} }

// A hook gets one line, and nothing of the daemon's.
func TestHookIsRunWithNothingElse(t *testing.T) {
	dir := as.Dir(t)
	t.Setenv("SECRET", "of the daemon")
	f, err := os.Open(dir) // a descriptor of the daemon's
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := filepath.Join(dir, "out")
	h := testHook(script(t, dir, `{ cat; echo "args $#"; env | sort; pwd; ls -l /proc/self/fd | grep -c "`+dir+`$"; cut -d" " -f6 /proc/$$/stat; echo $$; } >`+out+` 2>&1`))
	uid := uint32(7)
	if err := h.run(t.Context(), alert{Store: "s", What: alertUnknown, State: stateEvent, UID: &uid, Text: "a\nb"}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(readFile(t, out)), "\n")
	var got alert
	if err := json.Unmarshal([]byte(lines[0]), &got); err != nil || got.What != alertUnknown || *got.UID != 7 || got.Text != "a\nb" {
		t.Errorf("%q, %v", lines[0], err)
	}
	rest := strings.Join(lines[1:len(lines)-2], "\n")
	if want := "args 0\nHOME=/\nLANG=C.UTF-8\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nPWD=/\n/\n0"; rest != want {
		t.Errorf("it found\n%s\nwant\n%s", rest, want)
	}
	if session, pid := lines[len(lines)-2], lines[len(lines)-1]; session != pid {
		t.Errorf("its session is %s, not its own (%s)", session, pid)
	}
}

func TestHooksThatFail(t *testing.T) {
	dir := as.Dir(t)
	child := filepath.Join(dir, "child")
	for name, c := range map[string]struct{ body, says string }{
		"ends badly":             {"echo no mail server >&2; exit 3", `exit status 3: "no mail server\n"`},
		"dies":                   {"kill -9 $$", "signal: killed"},
		"hangs":                  {"sleep 1000 & echo $! >" + child + "; sleep 1000", "took longer than 500ms and was killed"},
		"floods":                 {"yes", "exit status 141|signal: broken pipe|too much output"},
		"floods what it says":    {"yes >&2", "exit status 141|signal: broken pipe|too much output"},
		"does not read":          {"exec 0<&-; exit 0", ""},
		"leaves something there": {"sleep 2 & exit 0", ""},
	} {
		h := testHook(script(t, dir, c.body))
		if name == "hangs" {
			h.patience = 500 * time.Millisecond
		}
		err := h.run(t.Context(), alert{})
		ok := c.says == "" && err == nil
		for _, says := range strings.Split(c.says, "|") {
			ok = ok || says != "" && err != nil && strings.Contains(err.Error(), says)
		}
		if !ok || err != nil && len(err.Error()) > 2*hookSays {
			t.Errorf("%s: %.200v", name, err)
		}
	}
	pid, err := strconv.Atoi(strings.TrimSpace(readFile(t, child)))
	if err != nil {
		t.Fatal(err)
	}
	if err := retry(func() error {
		if syscall.Kill(pid, 0) == nil {
			if b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err == nil && !strings.Contains(string(b), ") Z ") {
				return errors.New("alive")
			}
		}
		return nil
	}); err != nil {
		t.Errorf("what the hook started is still there: %v", err)
	}
}

// What anybody but root could change is not run: not at the start, and not later.
func TestHooksOfOthers(t *testing.T) {
	dir := as.Dir(t)
	good := script(t, dir, "exit 0")
	loose := filepath.Join(dir, "loose")
	mine := filepath.Join(dir, "mine")
	for path, mode := range map[string]os.FileMode{loose: 0o777, mine: 0o755} {
		if err := errors.Join(os.Mkdir(path, 0o755), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		script(t, path, "exit 0")
	}
	file := func(name string, uid int, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700), os.Chown(path, uid, 0), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link := func(name, to string) string {
		path := filepath.Join(dir, name)
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if err := os.Chown(mine, 30999, 0); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		good: "", link("link", good): "",
		"hook": "is no absolute path", "": "is no absolute path", dir + "/none": "cannot be found", dir: "is no regular file", "/dev/null": "is no regular file",
		file("theirs", 30999, 0o755): "does not belong to root", file("group", 0, 0o775): "can be written by others", file("all", 0, 0o757): "can be written by others",
		file("plain", 0, 0o644): "cannot be executed by uid 0", filepath.Join(loose, "hook"): "loose can be written by others", filepath.Join(mine, "hook"): "mine does not belong to root",
		link("out", filepath.Join(loose, "hook")): "loose can be written by others", link("over", dir+"/loose/../hook"): "",
	} {
		h := testHook(path)
		err := h.check()
		if says == "" && err != nil || says != "" && (!asErr[*hookError](err) || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v, want %q", path, err, says)
		}
		if says != "" && !asErr[*hookError](h.run(t.Context(), alert{})) {
			t.Errorf("%s was run", path)
		}
	}
}

// A line that does not get through is told of by the next, and by status until one does.
func TestLostAlertsAreTold(t *testing.T) {
	dir := as.Dir(t)
	d := newDaemon(&app{err: &strings.Builder{}}, settings{}, "")
	d.storeID = "s"
	d.alerts = newAlerts(testHook(script(t, dir, "exit 1")), newBulk(bulkRule{}), nil)
	for range 3 {
		d.alerts.tell(context.Background(), d, alert{})
	}
	if w := d.hookWarnings(); len(w) != 1 || w[0].Code != "hooks.alert" || w[0].bad || w[0].Args[0] != "3" {
		t.Errorf("%+v", w)
	}
	out := filepath.Join(dir, "out")
	script(t, dir, "cat >"+out)
	d.alerts.tell(context.Background(), d, alert{})
	if got := readFile(t, out); !strings.Contains(got, `"dropped":3}`) || d.hookWarnings() != nil || d.alerts.lost.Load() != 0 {
		t.Errorf("%s, %+v", got, d.hookWarnings())
	}
}
