package fs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/posixtest"
	"golang.org/x/sys/unix"

	"matterfs/internal/as"
)

// posixDirEnv tells the child process of TestPosix where to work.
const posixDirEnv = "MATTERFS_TEST_POSIX_DIR"

// refusedByDesign are the tests of go-fuse's suite for what the drive refuses to everybody,
// each with the test of ours that pins the refusal.
var refusedByDesign = map[string]string{
	"Link":             "no hard links: one name, one object (TestRefusedOperations)",
	"LinkUnlinkRename": "no hard links (TestRefusedOperations)",
	"Tmpfile":          "no O_TMPFILE: each object has a name from the start (TestRefusedOperations)",
}

// wrongUpstream are tests that fail on any file system with POSIX locks (go-fuse's own run
// leaves them out); TestPosix checks that they fail on a plain directory too.
var wrongUpstream = map[string]string{
	"FcntlFlockLocksFile": "expects a process to conflict with its own locks (TestLocksBetweenProcesses)",
}

// onExt4 are the tests that need more than the backing file system has; they run on tmpfs.
var onExt4 = map[string]string{
	"XAttrLarge": "attributes are stored as the backing's own, 4 KiB on ext4 (TestXattrLimit)",
}

// TestPosix runs go-fuse's own suite in a matter, as its lead, in a process of that uid.
func TestPosix(t *testing.T) {
	if dir := os.Getenv(posixDirEnv); dir != "" {
		posixChild(t, dir)
		return
	}
	t.Run("tmpfs", func(t *testing.T) {
		dir := t.TempDir()
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256m"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
		d := mountAt(t, dir, firm())
		runPosix(t, d.in("posix"), refusedByDesign, wrongUpstream)
	})
	t.Run("disk", func(t *testing.T) {
		d := mountFirm(t)
		runPosix(t, d.in("posix"), refusedByDesign, wrongUpstream, onExt4)
	})
	t.Run("control", func(t *testing.T) {
		dir := as.Dir(t)
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		results, out := posixAsLead(t, filepath.Join(dir, "posix"))
		for name := range wrongUpstream {
			if results[name] != "FAIL" {
				t.Errorf("%s on a plain directory: %q, want FAIL: then it is ours that is wrong\n%s", name, results[name], out)
			}
		}
	})
}

func posixChild(t *testing.T, dir string) {
	for name, test := range posixtest.All {
		t.Run(name, func(t *testing.T) {
			sub := filepath.Join(dir, name)
			if err := os.Mkdir(sub, 0o755); err != nil {
				t.Fatal(err)
			}
			test(t, sub)
		})
	}
}

var resultLine = regexp.MustCompile(`(?m)^\s*--- (PASS|FAIL|SKIP): TestPosix/(\S+)`)

// runPosix runs the suite in dir in a process of the lead and compares each result with
// what is expected: these tests must not pass, all others must.
func runPosix(t *testing.T, dir string, notPassing ...map[string]string) {
	expected := map[string]bool{}
	for _, m := range notPassing {
		for name := range m {
			expected[name] = true
		}
	}
	results, out := posixAsLead(t, dir)
	if len(results) != len(posixtest.All) {
		t.Errorf("%d results for %d tests", len(results), len(posixtest.All))
	}
	var bad []string
	for name, res := range results {
		if expected[name] != (res != "PASS") {
			bad = append(bad, name+": "+res)
		}
	}
	if slices.Sort(bad); len(bad) > 0 {
		t.Errorf("unexpected results: %s\n%s", strings.Join(bad, ", "), out)
	}
	t.Logf("%d tests of go-fuse's suite, %d of them expected not to pass", len(results), len(expected))
}

// copyOfTest is this test binary where every uid can run it.
func copyOfTest(t *testing.T) string {
	bin := filepath.Join(as.Dir(t), "fs.test")
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bin, self, 0o755); err != nil {
		t.Fatal(err)
	}
	return bin
}

// posixAsLead starts this test binary again under the lead's uid and returns the result of
// each test, with the output.
func posixAsLead(t *testing.T, dir string) (map[string]string, []byte) {
	lead := as.Start(t, zhang)
	lead.Does(lead.Mkdir(dir))
	cmd := exec.Command(copyOfTest(t), "-test.run=^TestPosix$", "-test.v", "-test.timeout=5m")
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), posixDirEnv+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: zhang, Gid: zhang}}
	out, _ := cmd.CombinedOutput() // the results are what counts: some tests must fail
	results := map[string]string{}
	for _, m := range resultLine.FindAllSubmatch(out, -1) {
		results[string(m[2])] = string(m[1])
	}
	return results, bytes.TrimSpace(out)
}

// lockEnv makes the test binary a program that takes a POSIX lock on the file it names and,
// with lockThenEnv, starts itself again while it holds it. It exits with 1 when the lock is
// taken by someone else.
const (
	lockEnv     = "MATTERFS_TEST_LOCK"
	lockThenEnv = "MATTERFS_TEST_LOCK_THEN"
)

func lockProgram(path string) int {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 2
	}
	defer f.Close()
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_WRLCK}); err != nil {
		return 1
	}
	if os.Getenv(lockThenEnv) == "" {
		return 0
	}
	second := exec.Command("/proc/self/exe")
	second.Env = []string{lockEnv + "=" + path}
	if err := second.Run(); err == nil {
		return 0
	}
	return second.ProcessState.ExitCode()
}

// Locks are the kernel's: between two people's processes a lock excludes, and ends with its
// holder.
func TestLocksBetweenProcesses(t *testing.T) {
	d := mountFirm(t)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	lead.Writes(d.in("库"), "1")
	f := lead.Opens(d.in("库"), os.O_RDWR, 0)
	g := member.Opens(d.in("库"), os.O_RDWR, 0)
	lead.Does(f.Flock(syscall.LOCK_EX))
	member.Refused(g.Flock(syscall.LOCK_EX|syscall.LOCK_NB), syscall.EAGAIN)
	lead.Does(f.Close())
	member.Does(g.Flock(syscall.LOCK_EX | syscall.LOCK_NB))

	bin := copyOfTest(t)
	if r, err := lead.Run([]string{bin}, "/", lockEnv+"="+d.in("库"), lockThenEnv+"=yes"); err != nil || r.Code != 1 {
		t.Errorf("a second process asked for a POSIX lock that was held: %+v, %v, want exit 1", r, err)
	}
	if r, err := member.Run([]string{bin}, "/", lockEnv+"="+d.in("库")); err != nil || r.Code != 0 {
		t.Errorf("a POSIX lock outlived its holder: %+v, %v", r, err)
	}
}

// TestXattrLimit pins what happens to an attribute that the backing cannot hold: it is
// refused, and the old value stays.
func TestXattrLimit(t *testing.T) {
	d := mountFirm(t)
	lead := as.Start(t, zhang)
	lead.Writes(d.in("a"), "1")
	lead.Does(lead.Setxattr(d.in("a"), "user.标签", []byte("旧值"), 0))
	big := strings.Repeat("大", 20<<10)
	want := "旧值"
	err := lead.Setxattr(d.in("a"), "user.标签", []byte(big), 0)
	if err == nil { // the backing file system holds it
		want = big
	}
	if v, gerr := lead.Getxattr(d.in("a"), "user.标签"); gerr != nil || string(v) != want {
		t.Errorf("after setxattr (%v) the attribute has %d bytes, %v, want %d", err, len(v), gerr, len(want))
	}
}
