package fs

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"matterfs/crypto"
	"matterfs/internal/as"
)

// biggestFile finds the backing file with the most bytes.
func biggestFile(t *testing.T, dir string) string {
	t.Helper()
	best, size := "", int64(-1)
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		st, err := e.Info()
		if err == nil && st.Size() > size {
			best, size = p, st.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return best
}

// Damage on the backing disk is EIO for whoever meets it, with a record that says what;
// nothing else of the drive suffers.
func TestDamagedBlockIsEIO(t *testing.T) {
	d := mountFirm(t)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	lead.Writes(d.in("好.txt"), "完好")
	lead.Writes(d.in("坏.txt"), strings.Repeat("保密资料。", 4000))
	back, err := os.OpenFile(biggestFile(t, d.path("data")), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	if _, err := back.WriteAt([]byte{0xff, 0xff, 0xff}, crypto.HeaderSize+crypto.BlockStride+100); err != nil {
		t.Fatal(err)
	}
	f := member.Opens(d.in("坏.txt"), os.O_RDONLY, 0)
	if _, err := f.ReadAt(0, 4096); err != nil {
		t.Errorf("the block before the damage: %v", err)
	}
	_, err = f.ReadAt(4096, 4096)
	member.Refused(err, syscall.EIO)
	d.logged("ev", "read", "res", "EIO", "user", "li.na", "path", "坏.txt")
	member.Reads(d.in("好.txt"), "完好")
}

// A stranger in the backing directory (a link out of it, a file of another program, a
// folder copied from elsewhere) is not served and stops nothing.
func TestGarbageInBackingDirectory(t *testing.T) {
	d := mountFirm(t)
	lead := as.Start(t, zhang)
	lead.Writes(d.in("好.txt"), "完好")
	folder := filepath.Dir(biggestFile(t, d.path("data")))
	for name, make := range map[string]func(string) error{
		"link":   func(p string) error { return os.Symlink("/etc/passwd", p) },
		"README": func(p string) error { return os.WriteFile(p, []byte("hello"), 0o644) },
		"dir":    func(p string) error { return os.Mkdir(p, 0o755) },
		"pipe":   func(p string) error { return syscall.Mkfifo(p, 0o644) },
	} {
		if err := make(filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	lead.Lists(d.in(""), "好.txt")
	lead.Reads(d.in("好.txt"), "完好")
}

// A panic in a handler is EIO and a record.
func TestPanicIsRecorded(t *testing.T) {
	d := mountFirm(t)
	if s := d.srv.fs.panicked("boom"); s != fuse.EIO {
		t.Errorf("a panic answers %v, want EIO", s)
	}
	d.logged("ev", "panic", "res", "EIO", "note", "boom")
	as.Start(t, zhang).Lists(d.mnt, matter1, matter2, "2026-0200")
}

// Mode bits are kept but open nothing and close nothing; a file without x does not run.
func TestModeBitsDecideNothing(t *testing.T) {
	d := mountFirm(t)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	lead.Writes(d.in("脚本.sh"), "#!/bin/sh\necho 好\n")
	lead.Does(lead.Chmod(d.in("脚本.sh"), 0o600))
	member.Reads(d.in("脚本.sh"), "#!/bin/sh\necho 好\n")
	member.Refused(member.Access(d.in("脚本.sh"), 1), syscall.EACCES)
	lead.Does(lead.Chmod(d.in("脚本.sh"), 0o700))
	if st, err := member.Stat(d.in("脚本.sh")); err != nil || st.Mode&0o7777 != 0o700 {
		t.Errorf("mode %+v, %v", st, err)
	}
	member.Does(member.Access(d.in("脚本.sh"), 1))
	r, err := member.Run([]string{d.in("脚本.sh")}, "/")
	if err != nil || r.Stdout != "好\n" {
		t.Errorf("the script says %+v, %v", r, err)
	}
	d.logged("ev", "read", "user", "li.na", "path", "脚本.sh")

	program, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	lead.Does(lead.WriteFile(d.in("程序"), program))
	lead.Does(lead.Chmod(d.in("程序"), 0o700))
	if r, err := member.Run([]string{d.in("程序")}, "/"); err != nil || r.Code != 0 {
		t.Errorf("the program ends with %+v, %v", r, err)
	}
	d.logged("ev", "fill", "user", "li.na", "path", "程序")
}

// A closed matter is read-only for its members and still absent for others.
func TestClosedMatter(t *testing.T) {
	d := mountFirm(t)
	lead, outside := as.Start(t, zhang), as.Start(t, other)
	lead.Writes(d.in("合同.txt"), "甲方")
	files := firm()
	files["matters/2026-0142.yaml"] = []byte(strings.Replace(matter1YAML, "status: active", "status: closed", 1))
	d.srv.SetPolicy(parse(t, files))
	lead.Reads(d.in("合同.txt"), "甲方")
	lead.CannotWrite(d.in("合同.txt"), syscall.EROFS)
	lead.Refused(lead.Mkdir(d.in("新")), syscall.EROFS)
	lead.Refused(lead.Remove(d.in("合同.txt")), syscall.EROFS)
	outside.CannotWrite(d.in("合同.txt"), syscall.ENOENT)
	d.logged("ev", "open", "res", "deny", "user", "zhang.wei", "rule", "matter.closed")
}
