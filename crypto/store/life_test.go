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

func TestUnlinkedFileLivesOn(t *testing.T) {
	b := newBench(t, rawDisk, func(b *bench) { b.opts.MaxDescriptors = 1 })
	b.mkdir("d")
	b.write("d/f", []byte("abc"))
	d := b.at("d")
	o := b.at("d/f")
	h, err := o.Open(true)
	must(t, err)
	must(t, d.Unlink("f"))
	must(t, b.root.Rmdir("d"))
	b.write("f2", []byte("others use the descriptors"))
	_, _, err = h.Append(bytes.Repeat([]byte("x"), 10_000))
	must(t, err)
	must(t, h.Sync())
	got, err := readHandle(h)
	must(t, err)
	if len(got) != 10_003 || !o.Unlinked() || o.Path() != "d/f" || d.Path() != "d" {
		t.Errorf("%d bytes, path %q in %q", len(got), o.Path(), d.Path())
	}
	if p, name := o.Location(); p != nil || name != "f" {
		t.Errorf("location %v %q", p, name)
	}
	a, err := o.Attr()
	must(t, err)
	if a.Nlink != 0 || a.Size != 10_003 {
		t.Errorf("%+v", a)
	}
	_, err = d.Attr()
	must(t, err)
	_, _, _, err = d.Create("new", staff, false)
	wantErr(t, err, syscall.ENOENT)
	_, err = d.Lookup("f")
	wantErr(t, err, syscall.ENOENT)
	if names := list(t, d); len(names) != 0 {
		t.Errorf("a removed folder lists %q", names)
	}
	must(t, h.Close())
	h, err = o.Open(true) // through the reference, as /proc/PID/fd does
	must(t, err)
	must(t, h.Close())
	o.Release()
	d.Release()
	if n := len(b.live); n != 1 {
		t.Errorf("%d objects are live", n)
	}
}

func TestRenameOverOpenFile(t *testing.T) {
	b := newBench(t)
	b.write("old", []byte("old"))
	b.write("new", []byte("new"))
	victim, o := b.at("old"), b.at("new")
	hv, err := victim.Open(true)
	must(t, err)
	ho, err := o.Open(true)
	must(t, err)
	must(t, b.root.Rename("new", b.root, "old", false))
	for h, want := range map[*Handle]string{hv: "old", ho: "new"} {
		_, _, err := h.Append([]byte("+"))
		must(t, err)
		got, err := readHandle(h)
		must(t, err)
		if string(got) != want+"+" {
			t.Errorf("%q, want %q", got, want+"+")
		}
	}
	if again := b.at("old"); again != o || o.Path() != "old" || !victim.Unlinked() {
		t.Error("the name does not lead to the renamed object")
	}
	must(t, errors.Join(hv.Close(), ho.Close()))
	b.reopen()
	b.wantContent("old", []byte("new+"))
}

func TestRenameRules(t *testing.T) {
	b := newBench(t)
	b.plant(map[string]string{"a": "/", "a/b": "/", "a/b/c": "/", "empty": "/", "full": "/", "full/f": "x", "f": "f", "g": "g"})
	at := func(p string) *Object { return b.at(p) }
	for _, r := range []struct {
		from, name, to, newName string
		noReplace               bool
		want                    error
	}{
		{"", "a", "a", "x", false, syscall.EINVAL},
		{"", "a", "a/b/c", "x", false, syscall.EINVAL},
		{"a/b", "c", "", "a", false, syscall.ENOTEMPTY},
		{"", "f", "", "g", true, syscall.EEXIST},
		{"", "f", "", "f", true, syscall.EEXIST},
		{"", "f", "", "f", false, nil},
		{"", "f", "", "empty", false, syscall.EISDIR},
		{"", "empty", "", "f", false, syscall.ENOTDIR},
		{"", "empty", "", "full", false, syscall.ENOTEMPTY},
		{"", "missing", "", "x", false, syscall.ENOENT},
		{"", "f", "", "a/b", false, syscall.EINVAL},
		{"", "f", "", strings.Repeat("x", 256), false, syscall.ENAMETOOLONG},
		{"", "full", "", "empty", false, nil},
		{"", "f", "a/b/c", "g", true, nil},
	} {
		err := at(r.from).Rename(r.name, at(r.to), r.newName, r.noReplace)
		if err != r.want {
			t.Errorf("rename %s/%s to %s/%s: %v, want %v", r.from, r.name, r.to, r.newName, err, r.want)
		}
	}
	wantErr(t, b.root.Rename("g", at("g"), "x", false), syscall.ENOTDIR)
	b.reopen()
	got, err := b.tree()
	must(t, err)
	if want := []string{"a", "a/b", "a/b/c", "a/b/c/g", "empty", "empty/f", "g"}; !slices.Equal(sorted(got), want) {
		t.Errorf("%q", sorted(got))
	}
}

func TestMoveKeepsTheOpenFile(t *testing.T) {
	for _, old := range []bool{false, true} {
		b := newBench(t)
		b.mkdir("d")
		b.write("f", []byte("abc"))
		if old {
			later(b)
			b.reopen()
		}
		o := b.at("f")
		h, err := o.Open(true)
		must(t, err)
		_, err = h.WriteAt([]byte("x"), 5000)
		must(t, err)
		must(t, b.root.Rename("f", b.at("d"), "g", false))
		_, err = h.WriteAt([]byte("y"), 9000)
		must(t, err)
		must(t, h.Sync())
		if o.Path() != "d/g" {
			t.Errorf("path %q", o.Path())
		}
		want := resized([]byte("abc"), 9001)
		want[5000], want[9000] = 'x', 'y'
		b.crash()
		b.wantContent("d/g", want)
	}
}

func TestXattrs(t *testing.T) {
	b := newBench(t, rawDisk)
	b.write("f", nil)
	b.mkdir("d")
	longName := "user." + strings.Repeat("属", 83)
	for _, p := range []string{"f", "d"} {
		o := b.at(p)
		for name, v := range map[string]string{"user.a": "1", "user.空": "", longName: "long", "user.big": strings.Repeat("v", 2000)} {
			must(t, o.SetXattr(name, []byte(v), 0))
		}
		wantErr(t, o.SetXattr("user.a", nil, 1), syscall.EEXIST)
		wantErr(t, o.SetXattr("user.new", nil, 2), syscall.ENODATA)
		wantErr(t, o.SetXattr("security.capability", nil, 0), syscall.EOPNOTSUPP)
		wantErr(t, o.SetXattr("user.", nil, 0), syscall.EOPNOTSUPP)
		wantErr(t, o.SetXattr("user."+strings.Repeat("x", 251), nil, 0), syscall.ERANGE)
		wantErr(t, o.SetXattr("user.huge", make([]byte, 65_530), 0), syscall.E2BIG)
		if err := o.SetXattr("user.large", make([]byte, 60_000), 0); err == nil {
			must(t, o.RemoveXattr("user.large")) // some file systems can
		} else if err != syscall.ENOSPC && err != syscall.E2BIG {
			t.Errorf("large value: %v", err)
		}
		wantErr(t, o.RemoveXattr("user.none"), syscall.ENODATA)
		must(t, o.RemoveXattr("user.空"))
		must(t, o.SetXattr("user.a", []byte("2"), 2))
		o.Release()
	}
	must(t, b.at("d").SetLevel("机密")) // reseals .mfs.dir
	must(t, b.root.Rename("d", b.root, "e", false))
	must(t, b.root.Rename("f", b.at("e"), "f", false))
	b.reopen()
	for _, p := range []string{"e", "e/f"} {
		o := b.at(p)
		names, err := o.ListXattr()
		must(t, err)
		slices.Sort(names)
		if !slices.Equal(names, []string{"user.a", "user.big", longName}) {
			t.Errorf("%s has %q", p, names)
		}
		for name, want := range map[string]string{"user.a": "2", longName: "long"} {
			if v, err := o.GetXattr(name); err != nil || string(v) != want {
				t.Errorf("%s of %s: %q, %v", name, p, v, err)
			}
		}
		_, err = o.GetXattr("user.空")
		wantErr(t, err, syscall.ENODATA)
	}
}

func TestHandleForReadingDoesNotWrite(t *testing.T) {
	b := newBench(t)
	b.write("f", []byte("abc"))
	h, err := b.at("f").Open(false)
	must(t, err)
	defer h.Close()
	_, err = h.WriteAt([]byte("x"), 0)
	wantErr(t, err, syscall.EBADF)
	_, _, err = h.Append([]byte("x"))
	wantErr(t, err, syscall.EBADF)
	wantErr(t, h.Truncate(0), syscall.EBADF)
	wantErr(t, h.Allocate(0, 1, false), syscall.EBADF)
	must(t, h.Sync())
	_, err = b.root.Open(false)
	wantErr(t, err, syscall.EISDIR)
}

func TestSetSizeWithoutHandle(t *testing.T) {
	b := newBench(t)
	b.write("f", random(10_000))
	n := uint64(5)
	a, err := b.at("f").SetAttr(SetAttr{Size: &n})
	must(t, err)
	if a.Size != 5 {
		t.Errorf("size %d", a.Size)
	}
	_, err = b.root.SetAttr(SetAttr{Size: &n})
	wantErr(t, err, syscall.EISDIR)
	o, err := b.root.Symlink("l", "x", staff)
	must(t, err)
	_, err = o.SetAttr(SetAttr{Size: &n})
	wantErr(t, err, syscall.EINVAL)
}

// A session with a new file writes its slots when it ends, however much it
// writes.
func TestSlotWritesAreFew(t *testing.T) {
	b := newBench(t)
	_, h, _, err := b.root.Create("f", staff, true)
	must(t, err)
	before := h.o.file.disk.Version
	for i := range 1000 {
		_, err := h.WriteAt([]byte("x"), int64(i*100))
		must(t, err)
	}
	must(t, h.Close())
	if n := h.o.file.disk.Version - before; n != 2 {
		t.Errorf("%d slots written, want both at the end", n)
	}
}

func TestReleasedTooOften(t *testing.T) {
	b := newBench(t)
	b.write("f", nil)
	o := b.at("f")
	o.Retain()
	o.Release()
	o.Release()
	defer func() {
		if recover() == nil {
			t.Error("an object that nobody holds was released")
		}
	}()
	o.Release()
}

func TestBirthAndClock(t *testing.T) {
	when := time.Date(2026, 11, 22, 9, 0, 0, 5, time.UTC)
	b := newBench(t, func(b *bench) { b.opts.Now = func() time.Time { return when } })
	b.write("f", nil)
	b.mkdir("d")
	for _, p := range []string{"f", "d", ""} {
		if a, err := b.at(p).Attr(); err != nil || !a.Birth.Equal(when) {
			t.Errorf("%q: birth %v, %v", p, a.Birth, err)
		}
	}
}

func TestInodeNumbers(t *testing.T) {
	for _, first := range []byte{0, 1, 2, 200} {
		if n := inoOf(crypto.ID{first}); n < 2 {
			t.Errorf("inode %d", n)
		}
	}
	b := newBench(t)
	b.write("f", nil)
	o := b.at("f")
	entries, err := b.root.ReadDir()
	if err != nil || len(entries) != 1 || entries[0].Ino != o.Ino() || entries[0].Kind != kindFile {
		t.Errorf("%+v, %v", entries, err)
	}
	_, err = o.ReadDir()
	wantErr(t, err, syscall.ENOTDIR)
	wantErr(t, o.SyncDir(), syscall.ENOTDIR)
}

func TestLogNamesNothingPlain(t *testing.T) {
	var lines []string
	b := newBench(t, func(b *bench) {
		b.opts.Logger = func(msg string, kv ...any) { lines = append(lines, fmt.Sprint(msg, kv)) }
	})
	b.write("机密.docx", []byte(bigOld))
	_, h, _, err := b.root.Create("机密.docx", staff, false)
	must(t, err)
	_, _, err = h.Append([]byte("x"))
	must(t, err)
	b.crash()
	b.wantContent("机密.docx", []byte(bigOld+"x"))
	if len(lines) == 0 {
		t.Error("recovery was not told to the log")
	}
	if all := strings.Join(lines, "\n"); strings.Contains(all, "机密") {
		t.Errorf("the log names a document: %s", all)
	}
}
