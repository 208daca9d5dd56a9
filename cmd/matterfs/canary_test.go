package main

import (
	"bytes"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/sys/unix"
)

// canary is a word planted in one kind of place. GBK is spelled out, to need no
// tables of characters.
type canary struct{ word, gbk string }

var (
	inContent = canary{"金丝雀正文壹", "bdf0cbbfc8b8d5fdcec4d2bc"}
	inName    = canary{"金丝雀名称贰", "bdf0cbbfc8b8c3fbb3c6b7a1"}
	inXattr   = canary{"金丝雀属性叁", "bdf0cbbfc8b8caf4d0d4c8fe"}
	inTarget  = canary{"金丝雀链接肆", "bdf0cbbfc8b8c1b4bdd3cbc1"}
)

// encodings are the bytes of a canary as UTF-8, UTF-16LE and GBK.
func (c canary) encodings(t *testing.T) [][]byte {
	t.Helper()
	gbk, err := hex.DecodeString(c.gbk)
	if err != nil {
		t.Fatal(err)
	}
	var wide []byte
	for _, u := range utf16.Encode([]rune(c.word)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	return [][]byte{[]byte(c.word), wide, gbk}
}

func allCanaries(t *testing.T) [][]byte {
	var list [][]byte
	for _, c := range []canary{inContent, inName, inXattr, inTarget} {
		list = append(list, c.encodings(t)...)
	}
	return list
}

// searchTree looks for the needles in the names, contents, link targets and
// attributes of everything below dir, and returns the paths where they are.
func searchTree(t *testing.T, dir string, needles [][]byte) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		for _, b := range traces(t, path, d) {
			for _, n := range needles {
				if bytes.Contains(b, n) {
					found = append(found, path)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// traces is all that a thief could read of one directory entry.
func traces(t *testing.T, path string, d fs.DirEntry) [][]byte {
	t.Helper()
	list := [][]byte{[]byte(d.Name())}
	switch {
	case d.Type().IsRegular():
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	case d.Type()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, []byte(target))
	}
	names := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, names)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Split(strings.TrimRight(string(names[:n]), "\x00"), "\x00") {
		value := make([]byte, 64<<10)
		if n, err := unix.Lgetxattr(path, name, value); err == nil {
			list = append(list, []byte(name), value[:n])
		}
	}
	return list
}

// planter makes files the way a user of a drive, or of a plain directory, does.
type planter interface {
	WriteFile(path string, data []byte) error
	Mkdir(path string) error
	Symlink(target, path string) error
	Setxattr(path, name string, value []byte, flags int) error
}

// plant puts each canary, in each encoding, in each place it can stand: short
// and long names of files and folders, content at the start, across a block
// and at the end, names and values of attributes, targets of links.
func plant(t *testing.T, p planter, dir string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	content, names, xattrs, targets := inContent.encodings(t), inName.encodings(t), inXattr.encodings(t), inTarget.encodings(t)
	for i := range content {
		c, n := content[i], string(names[i])
		folder := filepath.Join(dir, n)
		must(p.Mkdir(folder))
		must(p.Mkdir(filepath.Join(folder, n+strings.Repeat("长", 60))))
		blocks := append(bytes.Repeat(append(bytes.Clone(c), '\n'), 700), c...)
		must(p.WriteFile(filepath.Join(folder, n+".docx"), blocks))
		must(p.WriteFile(filepath.Join(folder, strings.Repeat("x", 200)+n), c))
		must(p.Setxattr(filepath.Join(folder, n+".docx"), "user."+string(xattrs[i]), xattrs[i], 0))
		must(p.Setxattr(folder, "user."+string(xattrs[i]), xattrs[i], 0))
		must(p.Symlink(string(targets[i]), filepath.Join(folder, "link")))
		must(p.Symlink("/"+strings.Repeat("d/", 500)+string(targets[i]), filepath.Join(folder, "far")))
	}
}

// plain is a planter that encrypts nothing.
type plain struct{}

func (plain) WriteFile(path string, data []byte) error { return os.WriteFile(path, data, 0o600) }
func (plain) Mkdir(path string) error                  { return os.Mkdir(path, 0o700) }
func (plain) Symlink(target, path string) error        { return os.Symlink(target, path) }
func (plain) Setxattr(path, name string, v []byte, flags int) error {
	return unix.Setxattr(path, name, v, flags)
}

// TestSearchFindsEveryCanary keeps the search honest: on a plain directory it
// must find each needle.
func TestSearchFindsEveryCanary(t *testing.T) {
	dir := t.TempDir()
	plant(t, plain{}, dir)
	for _, n := range allCanaries(t) {
		if len(searchTree(t, dir, [][]byte{n})) == 0 {
			t.Errorf("canary %x planted and not found", n)
		}
	}
}

// TestNoCanaryOnDisk plants canaries in a drive and looks for them in all that
// the daemon keeps but the log, while it runs with files open, after it ended,
// and after it was killed in the middle of writing.
func TestNoCanaryOnDisk(t *testing.T) {
	f := startFirm(t)
	needles := allCanaries(t)
	search := func(when string) {
		t.Helper()
		for _, dir := range []string{f.s.Data, f.s.Keys, f.s.State, f.s.Policy, f.tmp, f.run} {
			for _, path := range searchTree(t, dir, needles) {
				t.Errorf("%s: a canary stands in %s", when, path)
			}
		}
	}
	lead := f.user(leadUID)
	plant(t, lead, f.matter())
	open := lead.Opens(filepath.Join(f.matter(), inName.word, inName.word+".docx"), os.O_RDWR, 0)
	search("mounted")
	if err := open.Close(); err != nil {
		t.Fatal(err)
	}
	f.umount()
	search("unmounted")

	f.mount()
	open = lead.Opens(filepath.Join(f.matter(), "半"), os.O_RDWR|os.O_CREATE, 0o600)
	for i := range 50 {
		if _, err := open.WriteAt([]byte(strings.Repeat(inContent.word, 500)), int64(i)*9000); err != nil {
			t.Fatal(err)
		}
	}
	f.kill()
	search("killed")
	f.mount()
	search("after recovery")
	lead.Reads(filepath.Join(f.matter(), inName.word, strings.Repeat("x", 200)+inName.word), inContent.word)
}
