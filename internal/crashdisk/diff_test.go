package crashdisk

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"matterfs/crypto/store"
)

// twin does every call on a disk in memory and on a real one and compares what
// they answer.
type twin struct {
	t     *testing.T
	rng   *rand.Rand
	steps []string
	dirs  [][2]store.Dir
	files [][2]store.File
}

// TestLikeARealDisk runs the same random calls on both disks.
func TestLikeARealDisk(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			real, err := store.OpenOSDisk(t.TempDir())
			must(t, err)
			defer real.Close()
			w := &twin{t: t, rng: rand.New(rand.NewPCG(seed, 7))}
			var roots [2]store.Dir
			for i, d := range []store.Disk{New(), real} {
				roots[i], err = d.OpenRoot()
				must(t, err)
			}
			w.dirs = append(w.dirs, roots)
			for range 1200 {
				w.step()
			}
			w.compare(roots, "")
			w.closeAll()
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// both runs a call on both sides and wants the same error.
func (w *twin) both(what string, call func(i int) error) error {
	w.t.Helper()
	w.steps = append(w.steps, what)
	a, b := call(0), call(1)
	if !errors.Is(a, b) {
		w.t.Fatalf("%s: %v in memory, %v on the real disk, after:\n%s", what, a, b, strings.Join(w.last(), "\n"))
	}
	return a
}

func (w *twin) last() []string { return w.steps[max(0, len(w.steps)-25):] }

func (w *twin) name() string { return string("abcd"[w.rng.IntN(4)]) }

func (w *twin) dir() [2]store.Dir { return w.dirs[w.rng.IntN(len(w.dirs))] }

func (w *twin) step() {
	d, name := w.dir(), w.name()
	switch w.rng.IntN(14) {
	case 0:
		w.openFile("create "+name, func(i int) (store.File, error) { return d[i].CreateFile(name) })
	case 1:
		w.openFile("open "+name, func(i int) (store.File, error) { return d[i].OpenFile(name) })
	case 2:
		w.both("mkdir "+name, func(i int) error { return d[i].Mkdir(name) })
	case 3:
		w.openDir(d, name)
	case 4:
		w.both("unlink "+name, func(i int) error { return d[i].Unlink(name) })
	case 5:
		w.both("rmdir "+name, func(i int) error { return d[i].Rmdir(name) })
	case 6, 7:
		to, newName, keep := w.dir(), w.name(), w.rng.IntN(3) == 0
		w.both(fmt.Sprintf("rename %s %s %v", name, newName, keep), func(i int) error {
			return d[i].Rename(name, to[i], newName, keep)
		})
	case 8:
		w.stat(d, name)
	case 9:
		w.list(d)
	case 10:
		w.both("sync", func(i int) error { return d[i].Sync(true) })
	default:
		w.useFile()
	}
}

func (w *twin) openFile(what string, open func(i int) (store.File, error)) {
	var f [2]store.File
	err := w.both(what, func(i int) (err error) {
		f[i], err = open(i)
		return err
	})
	if err == nil {
		w.files = append(w.files, f)
	}
	if len(w.files) > 8 {
		w.closeFile(0)
	}
}

func (w *twin) closeFile(i int) {
	f := w.files[i]
	w.files = slices.Delete(w.files, i, i+1)
	w.both("close", func(i int) error { return f[i].Close() })
	w.both("use after close", func(i int) error { return f[i].Sync(true) })
}

func (w *twin) openDir(d [2]store.Dir, name string) {
	var sub [2]store.Dir
	err := w.both("opendir "+name, func(i int) (err error) {
		sub[i], err = d[i].OpenDir(name)
		return err
	})
	if err == nil {
		w.dirs = append(w.dirs, sub)
	}
	if len(w.dirs) > 8 {
		old := w.dirs[1]
		w.dirs = slices.Delete(w.dirs, 1, 2)
		w.both("closedir", func(i int) error { return old[i].Close() })
	}
}

func (w *twin) stat(d [2]store.Dir, name string) {
	var st [2]store.Stat
	err := w.both("stat "+name, func(i int) (err error) {
		st[i], err = d[i].StatAt(name)
		return err
	})
	if err == nil {
		w.sameStat(st, name)
	}
}

func (w *twin) sameStat(st [2]store.Stat, name string) {
	if st[0].Type != st[1].Type || st[0].Type == store.TypeFile && st[0].Size != st[1].Size {
		w.t.Fatalf("stat of %s: %+v in memory, %+v on the real disk, after %q", name, st[0], st[1], w.last())
	}
}

func (w *twin) list(d [2]store.Dir) []string {
	var names [2][]string
	w.both("list", func(i int) error {
		list, err := d[i].List()
		for _, e := range list {
			names[i] = append(names[i], fmt.Sprint(e.Name, e.Type))
		}
		slices.Sort(names[i])
		return err
	})
	if !slices.Equal(names[0], names[1]) {
		w.t.Fatalf("%q in memory, %q on the real disk, after %q", names[0], names[1], w.last())
	}
	return names[0]
}

func (w *twin) useFile() {
	if len(w.files) == 0 {
		return
	}
	i := w.rng.IntN(len(w.files))
	f, off := w.files[i], int64(w.rng.IntN(5)*pageSize+w.rng.IntN(3)-1)
	switch w.rng.IntN(9) {
	case 0, 1:
		p := bytes.Repeat([]byte{byte(w.rng.IntN(256))}, 1+w.rng.IntN(9000))
		w.both(fmt.Sprintf("write %d+%d", off, len(p)), func(i int) error { _, err := f[i].WriteAt(p, off); return err })
	case 2:
		w.both(fmt.Sprintf("truncate %d", off), func(i int) error { return f[i].Truncate(off) })
	case 3:
		w.both(fmt.Sprintf("allocate %d", off), func(i int) error { return f[i].Allocate(off, pageSize) })
	case 4:
		w.xattr(f)
	case 5:
		w.times(f)
	case 6:
		w.closeFile(i)
	default:
		w.sameContent(f, off, w.rng.IntN(9000))
	}
}

func (w *twin) sameContent(f [2]store.File, off int64, size int) {
	var p [2][]byte
	w.both(fmt.Sprintf("read %d+%d", off, size), func(i int) error {
		p[i] = make([]byte, size)
		n, err := f[i].ReadAt(p[i], off)
		p[i] = p[i][:n]
		return err
	})
	if !bytes.Equal(p[0], p[1]) {
		w.t.Fatalf("%d bytes in memory, %d on the real disk or others, after %q", len(p[0]), len(p[1]), w.last())
	}
}

func (w *twin) xattr(f [2]store.File) {
	name, v, flags := "user."+w.name(), []byte(w.name()), w.rng.IntN(3)
	switch w.rng.IntN(3) {
	case 0:
		w.both(fmt.Sprintf("setxattr %s %d", name, flags), func(i int) error { return f[i].SetXattr(name, v, flags) })
	case 1:
		w.both("removexattr "+name, func(i int) error { return f[i].RemoveXattr(name) })
	}
	var got [2]string
	w.both("getxattr "+name, func(i int) error {
		b, err := f[i].GetXattr(name)
		list, lerr := f[i].ListXattr()
		list = slices.DeleteFunc(list, func(s string) bool { return !strings.HasPrefix(s, "user.") })
		slices.Sort(list)
		got[i] = fmt.Sprintf("%q of %q, %v", b, list, lerr)
		return err
	})
	if got[0] != got[1] {
		w.t.Fatalf("%s in memory, %s on the real disk", got[0], got[1])
	}
}

func (w *twin) times(f [2]store.File) {
	at := time.Unix(int64(w.rng.IntN(1e9)), 5000)
	var st [2]store.Stat
	w.both("times", func(i int) (err error) {
		if err := f[i].SetTimes(nil, &at); err != nil {
			return err
		}
		st[i], err = f[i].Stat()
		return err
	})
	w.sameStat(st, "open file")
	if !st[0].Mtime.Equal(at) || !st[1].Mtime.Equal(at) {
		w.t.Fatalf("set %v, got %v and %v", at, st[0].Mtime, st[1].Mtime)
	}
}

// compare walks both trees.
func (w *twin) compare(d [2]store.Dir, path string) {
	for _, entry := range w.list(d) {
		name := entry[:1]
		if strings.HasSuffix(entry, fmt.Sprint(store.TypeDir)) {
			var sub [2]store.Dir
			w.both("opendir "+name, func(i int) (err error) { sub[i], err = d[i].OpenDir(name); return err })
			w.compare(sub, path+"/"+name)
			w.both("closedir", func(i int) error { return sub[i].Close() })
			continue
		}
		w.openFile("open "+name, func(i int) (store.File, error) { return d[i].OpenFile(name) })
		w.sameContent(w.files[len(w.files)-1], 0, 1<<16)
	}
}

func (w *twin) closeAll() {
	for len(w.files) > 0 {
		w.closeFile(0)
	}
	for _, d := range w.dirs {
		w.both("closedir", func(i int) error { return d[i].Close() })
	}
	w.both("close again", func(i int) error { return w.dirs[0][i].Close() })
}

// A rename into another disk, and too long a name, are refused.
func TestRefusals(t *testing.T) {
	a, _ := New().OpenRoot()
	b, _ := New().OpenRoot()
	must(t, a.Mkdir("d"))
	if err := a.Rename("d", b, "d", false); err != syscall.EXDEV {
		t.Errorf("rename between disks: %v", err)
	}
	if err := a.Mkdir(strings.Repeat("x", 256)); err != syscall.ENAMETOOLONG {
		t.Errorf("mkdir of a long name: %v", err)
	}
	for _, bad := range []string{"", "a/b"} {
		if _, err := a.StatAt(bad); err != syscall.ENOENT {
			t.Errorf("stat of %q: %v", bad, err)
		}
	}
	if err := a.SetXattr("trusted.x", nil, 0); err != syscall.EOPNOTSUPP {
		t.Errorf("attribute of another namespace: %v", err)
	}
}
