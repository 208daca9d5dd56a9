package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"matterfs/fs"
	"matterfs/internal/as"
)

func TestMain(m *testing.M) {
	if fs.Helper(os.Args) {
		return
	}
	as.Main()
	testscript.Main(m, map[string]func(){"matterfs": main, captured: capturedMain, touching: touchMain})
}

// TestScripts runs the golden scripts: the command as people type it. They
// need root, as the command does: a policy that others could write is refused.
func TestScripts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("these tests need root")
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", WorkdirRoot: as.Dir(t), RequireExplicitExec: true, RequireUniqueNames: true,
		UpdateScripts: os.Getenv("MATTERFS_UPDATE") != "",
		Setup:         setupScript,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": cmdCode, "tmpfs": cmdTmpfs, "mode": cmdMode, "jsonkeys": cmdJSONKeys,
			"sub": cmdSub, "deadmount": cmdDeadMount, "flip": cmdFlip, "holdopen": cmdHoldOpen,
			"until": cmdUntil, "waitready": cmdWaitReady, "gone": cmdGone,
			"notifysocket": cmdNotifySocket, "notified": cmdNotified, "nomount": cmdNoMount, "stdoutof": cmdStdoutOf,
			"healthy": cmdHealthy, "can": cmdCan,
		},
	})
}

// setupScript gives each script its own run directory, short because socket
// paths are, and takes away whatever it leaves mounted. Other users must be
// able to reach the drive.
func setupScript(env *testscript.Env) error {
	run, err := os.MkdirTemp("", "mfsrun")
	if err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(run, 0o755), os.Chmod(env.WorkDir, 0o755)); err != nil {
		return err
	}
	bin, err := exec.LookPath("matterfs")
	if err != nil {
		return err
	}
	env.Setenv("MATTERFS", bin)
	env.Values[notifyKey{}] = make(map[string]*net.UnixConn)
	env.Setenv("MATTERFS_RUN_DIR", run)
	env.Setenv("LC_ALL", "C.UTF-8")
	env.Setenv("TZ", "UTC")
	env.Defer(func() {
		unmountAll(env.WorkDir)
		os.RemoveAll(run)
	})
	return nil
}

// unmountAll detaches everything below dir, the innermost first.
func unmountAll(dir string) {
	list, _ := mounts()
	for i := len(list) - 1; i >= 0; i-- {
		if strings.HasPrefix(list[i].target, dir+"/") {
			unix.Unmount(list[i].target, unix.MNT_DETACH)
		}
	}
}

// cmdCode is `code N COMMAND...`: COMMAND must end with exit code N.
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if neg || err != nil {
		ts.Fatalf("usage: code N COMMAND...")
	}
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s: exit code %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// cmdTmpfs is `tmpfs DIR OPTIONS`: mounts a small file system to fill.
func cmdTmpfs(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	flags, opts := uintptr(0), []string{}
	for _, o := range strings.Split(args[1], ",") {
		if o == "ro" {
			flags |= unix.MS_RDONLY
		} else {
			opts = append(opts, o)
		}
	}
	ts.Check(unix.Mount("tmpfs", dir, "tmpfs", flags, strings.Join(opts, ",")))
	ts.Defer(func() { unix.Unmount(dir, unix.MNT_DETACH) })
}

// cmdMode is `mode FILE OCTAL`.
func cmdMode(ts *testscript.TestScript, neg bool, args []string) {
	st, err := os.Lstat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", st.Mode().Perm()); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}

// cmdSub is `sub FILE REGEXP TEXT`: replaces all matches, of which there must
// be one.
func cmdSub(ts *testscript.TestScript, neg bool, args []string) {
	re := regexp.MustCompile("(?m)" + args[1])
	name := ts.MkAbs(args[0])
	b, err := os.ReadFile(name)
	ts.Check(err)
	if !re.Match(b) {
		ts.Fatalf("%s: nothing matches %s", args[0], args[1])
	}
	ts.Check(os.WriteFile(name, re.ReplaceAll(b, []byte(args[2])), 0o644))
}

// cmdFlip is `flip FILE OFFSET`: changes one bit; a negative offset counts
// from the end.
func cmdFlip(ts *testscript.TestScript, neg bool, args []string) {
	name := ts.MkAbs(args[0])
	b, err := os.ReadFile(name)
	ts.Check(err)
	off, err := strconv.Atoi(args[1])
	ts.Check(err)
	if off < 0 {
		off += len(b)
	}
	b[off] ^= 1
	ts.Check(os.WriteFile(name, b, 0o600))
}

// cmdDeadMount is `deadmount DIR`: a FUSE mount whose daemon is gone.
func cmdDeadMount(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(deadMount(dir))
}

func deadMount(dir string) error {
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	opts := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fd)
	err = unix.Mount(sourceName("dead"), dir, fsType, unix.MS_NOSUID|unix.MS_NODEV, opts)
	return errors.Join(err, unix.Close(fd))
}

// cmdHoldOpen is `holdopen FILE`: keeps FILE open until the script ends.
func cmdHoldOpen(ts *testscript.TestScript, neg bool, args []string) {
	f, err := os.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Defer(func() { f.Close() })
}

// cmdUntil is `until FILE REGEXP`: waits for FILE to match.
func cmdUntil(ts *testscript.TestScript, neg bool, args []string) {
	re := regexp.MustCompile(args[1])
	waitFor(ts, args[0]+" to match "+args[1], func() bool {
		b, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && re.Match(b)
	})
}

// cmdWaitReady is `waitready DIR`: waits for the store's daemon to answer.
func cmdWaitReady(ts *testscript.TestScript, neg bool, args []string) {
	waitFor(ts, "an answer for "+args[0], func() bool { return ts.Exec("matterfs", "status", args[0]) == nil })
}

// cmdGone is `gone DIR`: waits for a mount to leave DIR.
func cmdGone(ts *testscript.TestScript, neg bool, args []string) {
	waitFor(ts, args[0]+" to be free", func() bool {
		_, mounted, err := topMount(ts.MkAbs(args[0]))
		return err == nil && !mounted
	})
}

func waitFor(ts *testscript.TestScript, what string, ok func() bool) {
	for range 600 {
		if ok() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("waited in vain for %s", what)
}

// notifyKey is where a script's notify socket is kept.
type notifyKey struct{}

// cmdNotifySocket is `notifysocket NAME`: plays the service manager.
func cmdNotifySocket(ts *testscript.TestScript, neg bool, args []string) {
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: ts.MkAbs(args[0]), Net: "unixgram"})
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Value(notifyKey{}).(map[string]*net.UnixConn)["notify"] = l
}

// cmdNotified is `notified LINE`: the next message has this line.
func cmdNotified(ts *testscript.TestScript, neg bool, args []string) {
	l := ts.Value(notifyKey{}).(map[string]*net.UnixConn)["notify"]
	b := make([]byte, 4096)
	ts.Check(l.SetReadDeadline(time.Now().Add(time.Minute)))
	n, err := l.Read(b)
	ts.Check(err)
	if !slices.Contains(strings.Split(string(b[:n]), "\n"), args[0]) {
		ts.Fatalf("notified %q, want %s", b[:n], args[0])
	}
}

// cmdNoMount is `nomount DIR`: nothing is mounted there.
func cmdNoMount(ts *testscript.TestScript, neg bool, args []string) {
	m, ok, err := topMount(ts.MkAbs(args[0]))
	ts.Check(err)
	if ok {
		ts.Fatalf("%s is mounted: %+v", args[0], m)
	}
}

// cmdStdoutOf is `stdoutof VAR REGEXP`: sets VAR to the first group of REGEXP
// in the last stdout.
func cmdStdoutOf(ts *testscript.TestScript, neg bool, args []string) {
	got := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if got == nil {
		ts.Fatalf("stdout does not match %s", args[1])
	}
	ts.Setenv(args[0], got[1])
}

// cmdJSONKeys is `jsonkeys KEY...`: the last stdout is one JSON object on one
// line with exactly these keys in this order.
func cmdJSONKeys(ts *testscript.TestScript, neg bool, args []string) {
	out := ts.ReadFile("stdout")
	if strings.Count(out, "\n") != 1 || !strings.HasSuffix(out, "\n") {
		ts.Fatalf("not one line: %q", out)
	}
	keys, err := topKeys([]byte(out))
	ts.Check(err)
	if got, want := strings.Join(keys, " "), strings.Join(args, " "); got != want {
		ts.Fatalf("keys %s, want %s", got, want)
	}
}

// invoke runs a command line in this process.
func invoke(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(args, nil, &out, &err)
	return code, out.String(), err.String()
}

// newStore makes a store in a fresh directory and returns it.
func newStore(t *testing.T) settings {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "firm")
	if code, _, stderr := invoke("init", dir); code != 0 {
		t.Fatalf("init: exit code %d: %s", code, stderr)
	}
	s, err := (&app{}).settings(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
