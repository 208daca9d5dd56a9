package store

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// bytesOf reads all of a file, and a bit beyond.
func bytesOf(t *testing.T, f File) []byte {
	t.Helper()
	st, err := f.Stat()
	must(t, err)
	p := make([]byte, st.Size+100)
	n, err := f.ReadAt(p, 0)
	must(t, err)
	if int64(n) != st.Size {
		t.Fatalf("%d bytes of %d", n, st.Size)
	}
	return p[:n]
}

// A view reads as a file would that was written to, and the file beneath stays.
func TestViewIsAFile(t *testing.T) {
	dir := t.TempDir()
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		was := random(r.IntN(30000))
		writeFile(t, filepath.Join(dir, "f"), was)
		disk, err := OpenOSDisk(dir)
		must(t, err)
		root, err := disk.OpenRoot()
		must(t, err)
		d := &viewDir{Dir: root}
		f, err := d.OpenFile("f")
		must(t, err)
		want := bytes.Clone(was)
		for range 20 {
			if size := r.IntN(40000); r.IntN(3) == 0 {
				must(t, f.Truncate(int64(size)))
				want = append(want[:min(size, len(want)):min(size, len(want))], make([]byte, max(0, size-len(want)))...)
				continue
			}
			p, off := random(1+r.IntN(10000)), r.IntN(35000)
			_, err := f.WriteAt(p, int64(off))
			must(t, err)
			if more := off + len(p) - len(want); more > 0 {
				want = append(want, make([]byte, more)...)
			}
			copy(want[off:], p)
			from := r.IntN(len(want))
			got := make([]byte, 1+r.IntN(9000))
			n, err := f.ReadAt(got, int64(from))
			must(t, err)
			if part := want[from:min(len(want), from+len(got))]; !bytes.Equal(got[:n], part) {
				t.Fatalf("seed %d: %d bytes at %d differ at %d", seed, n, from, differAt(got[:n], part))
			}
		}
		if got := bytesOf(t, f); !bytes.Equal(got, want) {
			t.Fatalf("seed %d: %d bytes, want %d; they differ at %d", seed, len(got), len(want), differAt(got, want))
		}
		must(t, f.Close())
		must(t, errors.Join(root.Close(), disk.Close()))
		if !bytes.Equal(readFile(t, filepath.Join(dir, "f")), was) {
			t.Fatalf("seed %d: the file beneath has changed", seed)
		}
	}
}

// Nothing that is done to a view of a directory reaches it, and what was made in the
// view is there again.
func TestViewOfADirectory(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "f"), []byte("f"))
	disk, err := OpenOSDisk(dir)
	must(t, err)
	defer disk.Close()
	root, err := disk.OpenRoot()
	must(t, err)
	defer root.Close()
	d := &viewDir{Dir: root}
	_, err = d.CreateFile("f")
	wantErr(t, err, syscall.EEXIST)
	_, err = d.OpenFile("none")
	wantErr(t, err, fs.ErrNotExist)
	made, err := d.CreateFile("made")
	must(t, err)
	_, err = made.WriteAt([]byte("text"), 3)
	must(t, err)
	must(t, errors.Join(made.Sync(true), made.SetTimes(nil, nil), made.Allocate(0, 100), made.Close()))
	again, err := d.OpenFile("made")
	must(t, err)
	if got := bytesOf(t, again); string(got) != "\x00\x00\x00text" {
		t.Errorf("%q", got)
	}
	must(t, errors.Join(d.Unlink("f"), d.Sync(true), d.SetTimes(nil, nil)))
	for name, err := range map[string]error{"mkdir": d.Mkdir("x"), "rmdir": d.Rmdir("x"), "rename": d.Rename("f", d, "g", false),
		"setxattr": d.SetXattr("user.x", nil, 0), "removexattr": d.RemoveXattr("user.x"),
		"file setxattr": made.SetXattr("user.x", nil, 0), "file removexattr": made.RemoveXattr("user.x")} {
		if err != syscall.EROFS {
			t.Errorf("%s: %v", name, err)
		}
	}
	list, err := os.ReadDir(dir)
	must(t, err)
	if len(list) != 1 || string(readFile(t, filepath.Join(dir, "f"))) != "f" {
		t.Errorf("the directory has changed: %v", list)
	}
}
