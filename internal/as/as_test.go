package as

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	Main()
	os.Exit(m.Run())
}

// Two users and a stranger, on a plain directory where the kernel's own rules tell them apart.
const (
	alice = 10021
	bob   = 10022
	team  = 20001
)

// office is a directory that alice owns and her team may enter.
func office(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(Dir(t), "案卷")
	if err := errors.Join(os.Mkdir(dir, 0o750), os.Chown(dir, alice, team), os.Chmod(dir, 0o770)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestUsersAreWhoTheySay(t *testing.T) {
	a := Start(t, alice, team)
	r, err := a.Run([]string{"id"}, "/")
	if err != nil || r.Code != 0 || !strings.HasPrefix(r.Stdout, "uid=10021 gid=10021 groups=10021,20001") {
		t.Fatalf("id: %+v, %v", r, err)
	}
	if a.UID() != alice || a.PID() == os.Getpid() {
		t.Errorf("uid %d pid %d", a.UID(), a.PID())
	}
}

func TestStory(t *testing.T) {
	dir := office(t)
	a, b, stranger := Start(t, alice, team), Start(t, bob, team), Start(t, 10099)
	contract := filepath.Join(dir, "合同.txt")

	a.Writes(contract, "甲方：某公司")
	b.Reads(contract, "甲方：某公司")
	b.Lists(dir, "合同.txt")
	b.CannotWrite(contract, syscall.EACCES)
	stranger.IsDenied(contract, syscall.EACCES)
	_, err := stranger.ReadDir(dir)
	stranger.Refused(err, syscall.EACCES)
	_, err = a.Stat(filepath.Join(dir, "没有"))
	a.Refused(err, syscall.ENOENT)

	st, err := a.Stat(contract)
	if err != nil || st.Size != int64(len("甲方：某公司")) || st.UID != alice || st.Nlink != 1 || st.Ino == 0 || st.IsDir() {
		t.Errorf("stat %+v, %v", st, err)
	}
}

func TestPaths(t *testing.T) {
	dir := office(t)
	a := Start(t, alice)
	p := func(name string) string { return filepath.Join(dir, name) }
	a.Does(a.Mkdir(p("证据")))
	a.Does(a.WriteFile(p("一"), []byte("1")))
	a.Does(a.Append(p("一"), []byte("2")))
	a.Does(a.Truncate(p("一"), 3))
	a.Reads(p("一"), "12\x00")
	a.Does(a.Rename(p("一"), p("证据/二")))
	a.Refused(a.RenameFlags(p("证据/二"), p("证据"), unix.RENAME_NOREPLACE), syscall.EEXIST)
	a.Does(a.Symlink("证据/二", p("链")))
	if to, err := a.Readlink(p("链")); to != "证据/二" || err != nil {
		t.Errorf("readlink %q, %v", to, err)
	}
	if st, err := a.Lstat(p("链")); err != nil || st.Mode&syscall.S_IFMT != syscall.S_IFLNK {
		t.Errorf("lstat %+v, %v", st, err)
	}
	a.Does(a.Link(p("证据/二"), p("证据/三")))
	a.Does(a.Chmod(p("链"), 0o600))
	if st, err := a.Stat(p("证据/三")); err != nil || st.Perm() != 0o600 || st.Nlink != 2 {
		t.Errorf("stat %+v, %v", st, err)
	}
	a.Refused(a.Chown(p("证据"), bob, -1), syscall.EPERM)
	a.Does(a.Access(p("证据"), 4))
	a.Refused(a.Rmdir(p("证据")), syscall.ENOTEMPTY)
	for _, name := range []string{"证据/二", "证据/三", "链"} {
		a.Does(a.Remove(p(name)))
	}
	a.Does(a.Rmdir(p("证据")))
	a.Lists(dir)
}

func TestXattrs(t *testing.T) {
	a := Start(t, alice)
	f := filepath.Join(office(t), "f")
	a.Writes(f, "")
	a.Does(a.Setxattr(f, "user.密级", []byte("机密"), 0))
	if v, err := a.Getxattr(f, "user.密级"); string(v) != "机密" || err != nil {
		t.Errorf("getxattr %q, %v", v, err)
	}
	if names, err := a.Listxattr(f); err != nil || len(names) != 1 || names[0] != "user.密级" {
		t.Errorf("listxattr %q, %v", names, err)
	}
	a.Refused(a.Setxattr(f, "user.密级", nil, unix.XATTR_CREATE), syscall.EEXIST)
	a.Does(a.Removexattr(f, "user.密级"))
	_, err := a.Getxattr(f, "user.密级")
	a.Refused(err, syscall.ENODATA)
}

func TestWorkingDirectory(t *testing.T) {
	dir := office(t)
	a := Start(t, alice)
	a.Does(a.Chdir(dir))
	a.Writes("相对.txt", "x")
	a.Lists(dir, "相对.txt")
	if cwd, err := a.Getcwd(); cwd != dir || err != nil {
		t.Errorf("getcwd %q, %v", cwd, err)
	}
}

func TestHandle(t *testing.T) {
	a := Start(t, alice)
	f := a.Opens(filepath.Join(office(t), "f"), os.O_RDWR|os.O_CREATE, 0o640)
	if n, err := f.WriteAt([]byte("world"), 6); n != 5 || err != nil {
		t.Errorf("writeat %d, %v", n, err)
	}
	if n, err := f.Write([]byte("hello ")); n != 6 || err != nil {
		t.Errorf("write %d, %v", n, err)
	}
	if got, err := f.ReadAt(0, 100); string(got) != "hello world" || err != nil {
		t.Errorf("readat %q, %v", got, err)
	}
	if got, err := f.Read(100); string(got) != "world" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	if off, err := f.Seek(-5, 2); off != 6 || err != nil {
		t.Errorf("seek %d, %v", off, err)
	}
	a.Does(errors.Join(f.Truncate(3), f.Fsync(), f.Flock(syscall.LOCK_EX)))
	if st, err := f.Stat(); st.Size != 3 || st.Perm() != 0o640 || err != nil {
		t.Errorf("stat %+v, %v", st, err)
	}
	a.Does(f.Close())
	a.Refused(f.Close(), syscall.EBADF)
}

func TestLocksAreBetweenProcesses(t *testing.T) {
	dir := office(t)
	a, b := Start(t, alice, team), Start(t, bob, team)
	path := filepath.Join(dir, "f")
	a.Writes(path, "")
	fa, fb := a.Opens(path, os.O_RDWR, 0), b.Opens(path, os.O_RDONLY, 0)
	a.Does(fa.Flock(syscall.LOCK_EX))
	b.Refused(fb.Flock(syscall.LOCK_EX|syscall.LOCK_NB), syscall.EAGAIN)
	a.Does(fa.Close())
	b.Does(fb.Flock(syscall.LOCK_EX | syscall.LOCK_NB))
}

func TestDirectoryStream(t *testing.T) {
	dir := office(t)
	a := Start(t, alice)
	var want int
	for i := range 40 {
		a.Writes(filepath.Join(dir, fmt.Sprintf("%02d-%s", i, strings.Repeat("字", 60))), "")
		want++
	}
	d := a.Opens(dir, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	first, err := d.Names(1024)
	if err != nil || len(first) == 0 || len(first) == want {
		t.Fatalf("first buffer has %d names, %v", len(first), err)
	}
	for seen := len(first); ; {
		more, err := d.Names(1024)
		if err != nil {
			t.Fatal(err)
		}
		if seen += len(more); len(more) == 0 {
			if seen != want {
				t.Errorf("%d names, want %d", seen, want)
			}
			return
		}
	}
}

func TestMappings(t *testing.T) {
	dir := office(t)
	a, b := Start(t, alice, team), Start(t, bob, team)
	path := filepath.Join(dir, "map")
	a.Writes(path, strings.Repeat("-", 8192))
	wide, err := a.Opens(path, os.O_RDWR, 0).Map(0, 8192, true)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := b.Opens(path, os.O_RDONLY, 0).Map(4096, 4096, false)
	if err != nil {
		t.Fatal(err)
	}
	a.Does(errors.Join(wide.Write([]byte("共享"), 4096), wide.Sync()))
	if got, err := seen.Read(0, 6); string(got) != "共享" || err != nil {
		t.Errorf("mapped read %q, %v", got, err)
	}
	a.Refused(wide.Write([]byte("x"), 8192), syscall.EINVAL)
	own, err := b.Opens(path, os.O_RDONLY, 0).MapPrivate(0, 8192)
	if err != nil {
		t.Fatal(err)
	}
	b.Does(errors.Join(own.Write([]byte("己"), 0), own.Unmap()))
	if got, err := wide.Read(0, 1); string(got) != "-" || err != nil {
		t.Errorf("after a private write the file begins with %q, %v", got, err)
	}
	a.Does(a.Truncate(path, 0))
	_, err = wide.Read(4096, 1)
	a.Refused(err, syscall.EFAULT)
	a.Does(wide.Unmap())
	a.Refused(wide.Unmap(), syscall.EINVAL)
	b.Does(seen.Unmap())
}

// TestPassedDescriptor: bob may not open the file, but the descriptor that alice hands over reads it.
func TestPassedDescriptor(t *testing.T) {
	dir := office(t)
	a, b := Start(t, alice, team), Start(t, bob)
	path := filepath.Join(dir, "密")
	a.Writes(path, "秘密内容")
	b.IsDenied(path, syscall.EACCES)
	f := a.Opens(path, os.O_RDONLY, 0)
	theirs, err := f.SendTo(b)
	if err != nil {
		t.Fatal(err)
	}
	a.Does(f.Close())
	if got, err := theirs.ReadAt(0, 100); string(got) != "秘密内容" || err != nil {
		t.Errorf("read through the passed descriptor: %q, %v", got, err)
	}
	b.Does(theirs.Close())
}

func TestRun(t *testing.T) {
	a := Start(t, alice)
	r, err := a.Run([]string{"sh", "-c", "pwd; echo $X >&2; exit 3"}, "/var", "X=值")
	if want := (Result{"/var\n", "值\n", 3}); r != want || err != nil {
		t.Errorf("%+v, %v, want %+v", r, err, want)
	}
	if _, err := a.Run([]string{"no-such-program"}, "/"); err == nil {
		t.Error("a program that does not exist was run")
	}
}

// TestRunWith: a program reads from a descriptor that it inherited, though it may not open the file.
func TestRunWith(t *testing.T) {
	dir := office(t)
	a, b := Start(t, alice, team), Start(t, bob)
	path := filepath.Join(dir, "密")
	a.Writes(path, "秘密内容")
	theirs, err := a.Opens(path, os.O_RDONLY, 0).SendTo(b)
	if err != nil {
		t.Fatal(err)
	}
	b.Does(b.Chdir("/var"))
	r, err := b.RunWith([]*File{theirs}, []string{"sh", "-c", "pwd; cat <&3"}, "")
	if want := (Result{"/var\n秘密内容", "", 0}); r != want || err != nil {
		t.Errorf("%+v, %v, want %+v", r, err, want)
	}
	b.Does(theirs.Close())
	_, err = b.RunWith([]*File{theirs}, []string{"true"}, "/")
	b.Refused(err, syscall.EBADF)
}

func TestAgentSurvivesNonsense(t *testing.T) {
	a := Start(t, alice)
	if err := a.do(&request{Op: "fly"}); err == nil || !strings.Contains(err.Error(), `no operation "fly"`) {
		t.Errorf("unknown operation: %v", err)
	}
	_, err := (&Mapping{u: a, h: 99}).Read(0, 1)
	a.Refused(err, syscall.EINVAL)
	var e *Error
	if _, err := a.Stat("/nonexistent"); !errors.As(err, &e) || e.UID != alice || e.Op != "stat" {
		t.Errorf("error carries %+v", e)
	}
}

// recorder stands in for the test that a story's line would fail.
type recorder struct {
	testing.TB
	failed int
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed++ }

// TestStoryLinesCanFail: an assertion that never fails proves nothing, so each is shown something wrong.
func TestStoryLinesCanFail(t *testing.T) {
	dir := office(t)
	a := Start(t, alice)
	path := filepath.Join(dir, "f")
	a.Writes(path, "x")
	rec := &recorder{TB: t}
	told := *a
	told.t = rec
	for name, line := range map[string]func(){
		"Reads other":      func() { told.Reads(path, "y") },
		"Reads nothing":    func() { told.Reads(path+"?", "x") },
		"Writes":           func() { told.Writes("/proc/nothing", "x") },
		"Lists":            func() { told.Lists(dir) },
		"Lists nothing":    func() { told.Lists(path) },
		"IsDenied":         func() { told.IsDenied(path, syscall.EACCES) },
		"IsDenied as":      func() { told.IsDenied(path+"?", syscall.EACCES) },
		"CannotWrite":      func() { told.CannotWrite(path, syscall.EACCES) },
		"Refused nothing":  func() { told.Refused(nil, syscall.EACCES) },
		"Does with errors": func() { told.Does(syscall.EIO) },
	} {
		before := rec.failed
		line()
		if rec.failed != before+1 {
			t.Errorf("%s: %d failures, want 1", name, rec.failed-before)
		}
	}
}

func TestDirIsReachableByOthers(t *testing.T) {
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", closed)
	dir := Dir(t)
	if strings.HasPrefix(dir, closed) || !reachable(dir) {
		t.Errorf("%s cannot be reached by others", dir)
	}
	if reachable(closed) || reachable(filepath.Join(closed, "none")) {
		t.Error("a closed directory counts as reachable")
	}
}
