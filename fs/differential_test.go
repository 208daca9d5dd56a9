package fs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"matterfs/internal/as"
)

// compare is a program: system calls whose answers a directory of any file system gives
// alike. It prints each answer.
func compare(args []string) error {
	if err := os.Chdir(args[0]); err != nil {
		return err
	}
	unix.Umask(0o027)
	for _, part := range []func(){
		compareModes, compareNames, compareTimes, compareLinks, compareXattrs, compareAppend, compareTruncate,
		compareHoles, compareAllocate, compareCopy, compareMaps, compareTwoMaps, compareRename, compareFolders,
		compareRemoved, compareOffsets, compareAccess,
	} {
		part()
	}
	return nil
}

// say names an answer.
type say string

// is prints an answer: values, and errors by their errno's name. Long content is counted.
func (s say) is(values ...any) {
	fmt.Print(string(s), ":")
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			fmt.Print(" ok")
		case error:
			fmt.Print(" ", errnoName(v))
		case []byte:
			fmt.Printf(" %q(%d)", v[:min(len(v), 80)], len(v))
		default:
			fmt.Print(" ", v)
		}
	}
	fmt.Println()
}

const digits = "0123456789"

// put makes a file with this content.
func put(name, content string) {
	say("put " + name).is(os.WriteFile(name, []byte(content), 0o666))
}

// get prints a file's content and size.
func get(name string) {
	b, err := os.ReadFile(name)
	say("get "+name).is(b, err, stat(name).Size)
}

func stat(name string) (st unix.Stat_t) {
	_ = unix.Lstat(name, &st) // what is not there has no attributes
	return st
}

func fstat(fd int) (st unix.Stat_t) {
	_ = unix.Fstat(fd, &st)
	return st
}

func mode(name string) string { return fmt.Sprintf("%o", stat(name).Mode) }

// open opens or prints why not.
func open(name string, flags int) int {
	fd, err := unix.Open(name, flags, 0o666)
	if err != nil {
		say(fmt.Sprintf("open %.20q %#x", name, flags)).is(err)
	}
	return fd
}

func at(fd int, n int, off int64) []byte {
	b := make([]byte, n)
	n, err := unix.Pread(fd, b, off)
	if err != nil {
		return []byte(errnoName(err))
	}
	return b[:n]
}

func compareModes() {
	put("um", digits)
	say("file").is(mode("um"))
	say("folder").is(unix.Mkdir("umd", 0o777), mode("umd"))
	say("node").is(unix.Mknod("umn", unix.S_IFREG|0o666, 0), mode("umn"))
	say("set-uid").is(unix.Chmod("um", 0o4755), mode("um"))
	say("sticky").is(unix.Chmod("umd", 0o1777), mode("umd"))
}

func compareNames() {
	long := strings.Repeat("字", 85)
	put(long, "255")
	say("rename to 255").is(unix.Rename(long, strings.Repeat("汉", 85)))
	get(strings.Repeat("汉", 85))
	for _, name := range []string{strings.Repeat("n", 256), "", "um/x", "um/"} {
		say("stat").is(unix.Lstat(name, new(unix.Stat_t)))
		say("mkdir").is(unix.Mkdir(name, 0o777))
		say("rename").is(unix.Rename("umn", name))
		say("unlink").is(unix.Unlink(name))
		open(name, unix.O_CREAT|unix.O_WRONLY)
	}
	for _, name := range []string{"a\nb\rc", "\xff\xfe\x80", " ", "-", "\\", "a:b*?"} {
		put(name, name)
		get(name)
	}
	list, err := os.ReadDir(".")
	say("list").is(list, err)
}

func compareTimes() {
	for _, ns := range [][2]int64{{0, 0}, {1, 999_999_999}, {-1, -999_999_999}, {4_102_444_800_123_456_789, 9e18}, {-15e17, -1}} {
		ts := []unix.Timespec{unix.NsecToTimespec(ns[0]), unix.NsecToTimespec(ns[1])}
		say("utimens").is(unix.UtimesNanoAt(unix.AT_FDCWD, "um", ts, 0), stat("um").Atim, stat("um").Mtim)
	}
	omit := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: 5, Nsec: 6}}
	say("omit").is(unix.UtimesNanoAt(unix.AT_FDCWD, "um", omit, 0), stat("um").Atim, stat("um").Mtim)
	say("folder").is(unix.UtimesNanoAt(unix.AT_FDCWD, "umd", omit, 0), stat("umd").Mtim)
}

func compareLinks() {
	for _, n := range []int{1, 4094, 4095} {
		name := fmt.Sprint("link", n)
		say(name).is(unix.Symlink(strings.Repeat("t", n), name), stat(name).Size, mode(name))
		buf := make([]byte, 5000)
		say("readlink").is(unix.Readlink(name, buf))
	}
	say("symlink there").is(unix.Symlink("x", "link1"))
	say("empty").is(unix.Symlink("", "link0"))
	open("link1", unix.O_RDONLY)
	open("link1", unix.O_RDONLY|unix.O_NOFOLLOW)
	ts := []unix.Timespec{{Sec: 5}, {Sec: 6}}
	say("times").is(unix.UtimesNanoAt(unix.AT_FDCWD, "link1", ts, unix.AT_SYMLINK_NOFOLLOW), stat("link1").Mtim)
	say("attribute").is(unix.Lsetxattr("link1", "user.a", []byte("1"), 0))
	say("readlink of a file").is(unix.Readlink("um", make([]byte, 10)))
}

func compareXattrs() {
	put("x", digits)
	for _, n := range []int{0, 1, 100, 2000} {
		name, buf := fmt.Sprint("user.a", n), make([]byte, 4096)
		say(name).is(unix.Setxattr("x", name, bytes.Repeat([]byte("v"), n), 0))
		say("get").is(unix.Getxattr("x", name, buf))
		say("into too little").is(unix.Getxattr("x", name, buf[:min(n, 50)]))
	}
	say("create").is(unix.Setxattr("x", "user.a1", nil, unix.XATTR_CREATE))
	say("replace").is(unix.Setxattr("x", "user.no", nil, unix.XATTR_REPLACE))
	say("remove").is(unix.Removexattr("x", "user.no"), unix.Removexattr("x", "user.a0"))
	say("long name").is(unix.Setxattr("x", "user."+strings.Repeat("n", 250), []byte("1"), 0))
	buf := make([]byte, 4096)
	n, err := unix.Listxattr("x", buf)
	names := strings.Split(string(buf[:max(n, 0)]), "\x00")
	say("list").is(len(names), n, err)
	say("list size").is(unix.Listxattr("x", nil))
	say("get what is not").is(unix.Getxattr("x", "user.no", buf))
	say("folder").is(unix.Setxattr("umd", "user.a", []byte("1"), 0))
}

func compareAppend() {
	put("t", digits)
	a, b := open("t", unix.O_WRONLY|unix.O_APPEND), open("t", unix.O_RDWR)
	say("append").is(unix.Write(a, []byte("AA")))
	say("write").is(unix.Write(b, []byte("BB")))
	say("pwrite to an appender").is(unix.Pwrite(a, []byte("CC"), 0))
	say("where").is(unix.Seek(a, 0, unix.SEEK_CUR))
	get("t")
	say("shorten").is(unix.Ftruncate(b, 5))
	say("append").is(unix.Write(a, []byte("EE")))
	get("t")
	_, err := unix.FcntlInt(uintptr(b), unix.F_SETFL, unix.O_APPEND)
	say("make it an appender").is(err)
	say("pwrite").is(unix.Pwrite(b, []byte("QQ"), 0))
	c := open("t", unix.O_RDWR)
	say("RWF_APPEND").is(unix.Pwritev2(c, [][]byte{[]byte("SS")}, 0, unix.RWF_APPEND))
	say("RWF_DSYNC").is(unix.Pwritev2(c, [][]byte{[]byte("DD")}, 3, unix.RWF_DSYNC))
	get("t")
}

func compareTruncate() {
	put("t", digits)
	fd := open("t", unix.O_RDWR)
	for _, size := range []int64{-1, 4, 20, 5000, 4097, 0, 3} {
		say("truncate").is(size, unix.Truncate("t", size), fstat(fd).Size)
		get("t")
	}
	open("t", unix.O_RDWR|unix.O_TRUNC)
	say("after O_TRUNC").is(fstat(fd).Size, at(fd, 10, 0))
	say("folder").is(unix.Truncate("umd", 0))
	say("read-only").is(unix.Ftruncate(open("t", unix.O_RDONLY), 0))
}

// both runs the program on a plain directory and on the drive.
func both(t *testing.T, d *drive, lead *as.User) (plain, drive []string) {
	dir := filepath.Join(as.Dir(t), "p")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, zhang, zhang); err != nil {
		t.Fatal(err)
	}
	lead.Does(lead.Mkdir(d.in("p")))
	return lines(runs(t, lead, "compare", dir)), lines(runs(t, lead, "compare", d.in("p")))
}

// The same program says the same on a plain directory and on the drive.
func TestDriveIsLikeAPlainDirectory(t *testing.T) {
	d := mountFirm(t)
	plain, drive := both(t, d, as.Start(t, zhang))
	if len(plain) != len(drive) || len(plain) < 200 {
		t.Errorf("%d answers on a plain directory, %d on the drive", len(plain), len(drive))
	}
	for i := range min(len(plain), len(drive)) {
		if plain[i] != drive[i] {
			t.Errorf("plain: %.200s\ndrive: %.200s", plain[i], drive[i])
		}
	}
}
