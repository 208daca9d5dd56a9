package store

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func openRoot(t *testing.T) (Dir, string) {
	path := t.TempDir()
	disk, err := OpenOSDisk(path)
	must(t, err)
	root, err := disk.OpenRoot()
	must(t, err)
	t.Cleanup(func() { root.Close(); disk.Close() })
	return root, path
}

// The disk itself follows no link and waits for no pipe, also when something is
// exchanged between a stat and an open.
func TestDiskFollowsNothing(t *testing.T) {
	root, path := openRoot(t)
	must(t, os.Symlink("/etc/passwd", filepath.Join(path, "file")))
	must(t, os.Symlink("/etc", filepath.Join(path, "dir")))
	must(t, syscall.Mkfifo(filepath.Join(path, "fifo"), 0o600))
	_, err := root.OpenFile("file")
	wantErr(t, err, syscall.ELOOP)
	if _, err = root.OpenDir("dir"); !isGone(err) {
		t.Errorf("opened a link to a directory: %v", err)
	}
	_, err = root.CreateFile("file")
	wantErr(t, err, syscall.EEXIST)
	st, err := root.StatAt("file")
	if err != nil || st.Type != TypeOther {
		t.Errorf("%+v, %v", st, err)
	}
	f, err := root.OpenFile("fifo")
	if err == nil {
		f.Close()
	}
	list, err := root.List()
	if err != nil || len(list) != 3 {
		t.Errorf("%v, %v", list, err)
	}
}

func TestDiskCalls(t *testing.T) {
	root, _ := openRoot(t)
	must(t, root.Mkdir("d"))
	d, err := root.OpenDir("d")
	must(t, err)
	defer d.Close()
	f, err := d.CreateFile("f")
	must(t, err)
	defer f.Close()
	n, err := f.WriteAt([]byte("abc"), 5)
	if n != 3 || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
	p := make([]byte, 10)
	if n, err := f.ReadAt(p, 0); n != 8 || err != nil || string(p[5:8]) != "abc" {
		t.Errorf("read %d, %v, %q", n, err, p)
	}
	must(t, errors.Join(f.Sync(false), f.Sync(true), d.Sync(true), f.Truncate(6), f.Allocate(0, 9000)))
	at, mt := time.Unix(5, 6), time.Unix(7, 8)
	must(t, f.SetTimes(&at, nil))
	must(t, f.SetTimes(nil, &mt))
	st, err := f.Stat()
	if err != nil || st.Size != 6 || !st.Atime.Equal(at) || !st.Mtime.Equal(mt) || st.Type != TypeFile {
		t.Errorf("%+v, %v", st, err)
	}
	must(t, f.SetXattr("user.a", make([]byte, 1000), 0))
	if v, err := f.GetXattr("user.a"); len(v) != 1000 || err != nil {
		t.Errorf("%d bytes, %v", len(v), err)
	}
	if l, err := f.ListXattr(); len(l) != 1 || err != nil {
		t.Errorf("%q, %v", l, err)
	}
	must(t, f.RemoveXattr("user.a"))
	_, err = f.GetXattr("user.a")
	wantErr(t, err, syscall.ENODATA)
	must(t, d.Rename("f", root, "g", true))
	wantErr(t, root.Rename("g", root, "d", true), syscall.EEXIST)
	wantErr(t, root.Rename("g", nil, "h", false), syscall.EXDEV)
	must(t, root.Unlink("g"))
	must(t, root.Rmdir("d"))
}
