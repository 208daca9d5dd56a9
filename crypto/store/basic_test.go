package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"matterfs/crypto"
)

func TestSizesSurviveReopen(t *testing.T) {
	b := newBench(t, rawDisk)
	sizes := []int{0, 1, 15, 4095, 4096, 4097, 8192, 100_000, 1 << 20, 1<<20 + 1, 3<<20 + 77}
	content := map[int][]byte{}
	for _, n := range sizes {
		content[n] = random(n)
		b.write(fmt.Sprint("f", n), content[n])
	}
	for range 2 {
		for _, n := range sizes {
			b.wantContent(fmt.Sprint("f", n), content[n])
			b.with(fmt.Sprint("f", n), func(o *Object) {
				a, err := o.Attr()
				must(t, err)
				if a.Size != uint64(n) || a.Mode != 0o640 || a.UID != 10021 || a.GID != 100 || a.Nlink != 1 {
					t.Errorf("attributes %+v", a)
				}
			})
		}
		b.reopen()
	}
}

func TestNamesAndTree(t *testing.T) {
	b := newBench(t)
	b.mkdir("证据")
	b.mkdir("证据/鉴定")
	long := strings.Repeat("汉", 85)
	b.write("证据/鉴定/"+long, []byte("x"))
	b.mkdir("证据/" + long)
	b.reopen()
	b.wantContent("证据/鉴定/"+long, []byte("x"))
	b.with("证据/鉴定/"+long, func(o *Object) {
		if o.Path() != "证据/鉴定/"+long || o.Matter() != "m1" || o.Unlinked() || o.Ino() < 2 {
			t.Errorf("path %q matter %q", o.Path(), o.Matter())
		}
		parent, name := o.Location()
		defer parent.Release()
		if name != long || parent.Path() != "证据/鉴定" {
			t.Errorf("location %q in %q", name, parent.Path())
		}
	})
	if got := list(t, b.at("证据")); !slices.Equal(got, []string{"汉" + long[3:], "鉴定"}) {
		t.Errorf("listing %q", got)
	}
}

func list(t testing.TB, d *Object) []string {
	t.Helper()
	entries, err := d.ReadDir()
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	slices.Sort(names)
	return names
}

func TestNamesThatAreNone(t *testing.T) {
	b := newBench(t)
	for name, want := range map[string]error{
		"": syscall.EINVAL, ".": syscall.EINVAL, "..": syscall.EINVAL, "a/b": syscall.EINVAL,
		"a\x00": syscall.EINVAL, strings.Repeat("a", 256): syscall.ENAMETOOLONG, "missing": syscall.ENOENT,
	} {
		_, err := b.root.Lookup(name)
		wantErr(t, err, want)
		wantErr(t, b.root.Unlink(name), want)
		if want != syscall.ENOENT {
			_, err = b.root.Mkdir(name, staff)
			wantErr(t, err, want)
		}
	}
}

func TestRefusalsOfCreate(t *testing.T) {
	b := newBench(t)
	b.write("f", nil)
	b.mkdir("d")
	_, _, _, err := b.root.Create("f", staff, true)
	wantErr(t, err, syscall.EEXIST)
	_, _, _, err = b.root.Create("d", staff, false)
	wantErr(t, err, syscall.EISDIR)
	_, err = b.root.Mkdir("f", staff)
	wantErr(t, err, syscall.EEXIST)
	_, err = b.root.Symlink("f", "x", staff)
	wantErr(t, err, syscall.EEXIST)
	_, err = b.root.Symlink("l", strings.Repeat("x", 4096), staff)
	wantErr(t, err, syscall.ENAMETOOLONG)
	_, err = b.at("f").Lookup("x")
	wantErr(t, err, syscall.ENOTDIR)
	wantErr(t, b.root.Rmdir("f"), syscall.ENOTDIR)
	wantErr(t, b.root.Unlink("d"), syscall.EISDIR)
	b.mkdir("d/e")
	wantErr(t, b.root.Rmdir("d"), syscall.ENOTEMPTY)
}

func TestCreateOpensWhatIsThere(t *testing.T) {
	b := newBench(t)
	b.write("f", []byte("abc"))
	o, h, created, err := b.root.Create("f", staff, false)
	must(t, err)
	defer o.Release()
	if created {
		t.Error("says it created an existing file")
	}
	got, err := readHandle(h)
	must(t, err)
	if string(got) != "abc" {
		t.Errorf("content %q", got)
	}
	must(t, h.Close())
	wantErr(t, h.Close(), syscall.EBADF)
	_, err = h.ReadAt(make([]byte, 1), 0)
	wantErr(t, err, syscall.EBADF)
}

func TestSymlink(t *testing.T) {
	b := newBench(t)
	target := strings.Repeat("../目标/", 400)
	o, err := b.root.Symlink("link", target, staff)
	must(t, err)
	o.Release()
	b.reopen()
	b.with("link", func(o *Object) {
		got, err := o.Readlink()
		must(t, err)
		a, err := o.Attr()
		must(t, err)
		if got != target || o.Kind() != crypto.Symlink || a.Size != uint64(len(target)) || a.Mode != 0o777 {
			t.Errorf("link to %q, attributes %+v", got, a)
		}
		_, err = o.Open(false)
		wantErr(t, err, syscall.ELOOP)
	})
	_, err = b.root.Readlink()
	wantErr(t, err, syscall.EINVAL)
}

func TestModeAndTimes(t *testing.T) {
	b := newBench(t)
	b.write("f", []byte("abc"))
	b.mkdir("d")
	mode, at, mt := uint32(0o751), time.Unix(1e9, 5), time.Unix(1.1e9, 7)
	for _, name := range []string{"f", "d"} {
		b.with(name, func(o *Object) {
			_, err := o.SetAttr(SetAttr{Atime: &at, Mtime: &mt})
			must(t, err)
			_, err = o.SetAttr(SetAttr{Mode: &mode})
			must(t, err)
		})
	}
	b.reopen()
	for _, name := range []string{"f", "d"} {
		b.with(name, func(o *Object) {
			a, err := o.Attr()
			must(t, err)
			if a.Mode != mode || !a.Atime.Equal(at) || !a.Mtime.Equal(mt) {
				t.Errorf("%s: %+v", name, a)
			}
		})
	}
}

func TestTimesSetBeforeCloseStay(t *testing.T) {
	b := newBench(t)
	mt := time.Unix(1.1e9, 7)
	o, h, _, err := b.root.Create("f", staff, true)
	must(t, err)
	defer o.Release()
	_, err = h.WriteAt([]byte("from an archive"), 0)
	must(t, err)
	_, err = o.SetAttr(SetAttr{Mtime: &mt})
	must(t, err)
	must(t, h.Sync())
	must(t, h.Close())
	must(t, b.root.Rename("f", b.root, "g", false))
	b.mkdir("d")
	must(t, b.root.Rename("g", b.at("d"), "h", false))
	a, err := o.Attr()
	must(t, err)
	if !a.Mtime.Equal(mt) {
		t.Errorf("mtime %v, want %v", a.Mtime, mt)
	}
}

func TestChangesMoveTheTime(t *testing.T) {
	b := newBench(t)
	b.write("f", []byte("abc"))
	o := b.at("f")
	old := time.Unix(1e9, 0)
	for name, change := range map[string]func(h *Handle) error{
		"write":  func(h *Handle) error { _, err := h.WriteAt([]byte("x"), 0); return err },
		"grow":   func(h *Handle) error { return h.Truncate(100_000) },
		"shrink": func(h *Handle) error { return h.Truncate(2) },
		"same":   func(h *Handle) error { return h.Truncate(2) },
	} {
		h, err := o.Open(true)
		must(t, err)
		_, err = o.SetAttr(SetAttr{Mtime: &old})
		must(t, err)
		must(t, change(h))
		must(t, h.Close())
		if a, _ := o.Attr(); !a.Mtime.After(old) {
			t.Errorf("%s left the time", name)
		}
	}
}

func TestLevels(t *testing.T) {
	b := newBench(t)
	b.mkdir("a")
	b.mkdir("a/b")
	b.mkdir("a/b/c")
	must(t, b.at("a").SetLevel("机密"))
	must(t, b.at("a/b/c").SetLevel("绝密"))
	b.write("a/b/c/f", nil)
	b.reopen()
	o := b.at("a/b/c/f")
	if got := o.Levels(); !slices.Equal(got, []string{"绝密", "机密"}) {
		t.Errorf("levels %q", got)
	}
	must(t, b.at("a/b/c").Unlink("f"))
	if got := o.Levels(); !slices.Equal(got, []string{"绝密", "机密"}) {
		t.Errorf("levels of an unlinked file %q", got)
	}
	wantErr(t, o.SetLevel("x"), syscall.ENOTDIR)
	// Lowering is the same act, also on a matter's root, and outlives a restart.
	must(t, b.at("a/b/c").SetLevel("秘密"))
	must(t, b.root.SetLevel("机密"))
	must(t, b.root.SetLevel("秘密"))
	b.reopen()
	if got := b.at("a/b/c").Levels(); !slices.Equal(got, []string{"秘密", "机密", "秘密"}) {
		t.Errorf("levels after lowering %q", got)
	}
}

func TestMatters(t *testing.T) {
	b := newBench(t)
	k2 := b.keys.add("m2")
	r2, err := b.CreateMatter("m2", k2, "乙公司", NewAttr{UID: 1, Mode: 0o770})
	must(t, err)
	_, err = b.CreateMatter("m2", k2, "其他", NewAttr{})
	wantErr(t, err, syscall.EEXIST)
	_, err = b.CreateMatter("m3", b.keys.add("m3"), "乙公司", NewAttr{})
	wantErr(t, err, syscall.EEXIST)
	_, err = b.CreateMatter("m4", k2, "丁公司", NewAttr{})
	wantCorrupt(t, err)
	b.write("f", nil)
	wantErr(t, b.root.Rename("f", r2, "f", false), syscall.EXDEV)
	must(t, b.RenameMatter("m2", "乙集团"))
	wantErr(t, b.RenameMatter("m2", "甲公司"), syscall.EEXIST)
	wantErr(t, b.RenameMatter("m9", "x"), syscall.ENOENT)
	r2.Release()
	b.reopen()
	var got []string
	for _, m := range b.Matters() {
		must(t, m.Err)
		parent, name := m.Root.Location()
		if parent != nil || name != m.Folder || m.Root.Path() != "" {
			t.Errorf("root of %s at %v %q", m.Matter, parent, name)
		}
		got = append(got, m.Matter+"="+m.Folder)
	}
	slices.Sort(got)
	if !slices.Equal(got, []string{"m1=甲公司", "m2=乙集团"}) {
		t.Errorf("matters %q", got)
	}
}

func TestOpenRefuses(t *testing.T) {
	b := newBench(t)
	d, err := OpenOSDisk(t.TempDir())
	must(t, err)
	_, err = Open(d, b.id, b.key, b.keys, Options{})
	wantErr(t, err, ErrNotStore)
	wantErr(t, Create(b.disk(), b.id, b.key), syscall.EEXIST)
	_, err = Open(b.disk(), b.id, crypto.NewKey(), b.keys, Options{})
	wantCorrupt(t, err)
	wantErr(t, err, crypto.ErrAuth)
	_, err = Open(b.disk(), crypto.NewID(), b.key, b.keys, Options{})
	wantCorrupt(t, err)
	_, err = OpenOSDisk(b.path + "/missing")
	wantErr(t, err, syscall.ENOENT)
}

func TestStatFSAndClosedStore(t *testing.T) {
	b := newBench(t)
	st, err := b.StatFS()
	must(t, err)
	if st.BlockSize == 0 || st.Blocks == 0 {
		t.Errorf("%+v", st)
	}
	must(t, b.root.SyncDir())
	b.write("f", []byte("abc"))
	o := b.at("f")
	h, err := o.Open(true)
	must(t, err)
	_, err = h.WriteAt([]byte("xyz"), 3)
	must(t, err)
	must(t, b.Store.Close())
	wantErr(t, b.Store.Close(), ErrClosed)
	_, err = h.WriteAt([]byte("late"), 0)
	wantErr(t, err, syscall.EBADF)
	wantErr(t, h.Sync(), ErrClosed)
	_, err = o.Attr()
	wantErr(t, err, ErrClosed)
	must(t, h.Close())
	b.crash()
	b.wantContent("f", []byte("abcxyz"))
}

func TestErrorsReadWell(t *testing.T) {
	e := &CorruptError{Path: "证据/a", What: "block 3", Err: crypto.ErrAuth}
	if got := e.Error(); got != `store: "证据/a": corrupt: block 3: crypto: authentication failed` {
		t.Error(got)
	}
	if !errors.Is(e, crypto.ErrAuth) || !bytes.Contains([]byte(e.Error()), []byte("证据")) {
		t.Error("does not wrap its cause")
	}
}
