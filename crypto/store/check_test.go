package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"matterfs/crypto"
)

// fsck runs Check over the store of a bench, which must be closed, on a disk that
// refuses every change unless it repairs.
func (b *bench) fsck(o CheckOptions) (list []Finding, totals CheckTotals) {
	b.t.Helper()
	disk, err := OpenOSDisk(b.path)
	must(b.t, err)
	defer disk.Close()
	before := b.everything()
	found := o.Found
	o.Found = func(f Finding) {
		list = append(list, f)
		if found != nil {
			found(f)
		}
	}
	totals, err = Check(context.Background(), disk, b.id, b.key, b.keys, o)
	must(b.t, err)
	if after := b.everything(); !o.Repair && !slices.Equal(before, after) {
		b.t.Fatalf("a check changed the store:\n%v\n%v", before, after)
	}
	slices.SortFunc(list, func(x, y Finding) int { return strings.Compare(x.Stored, y.Stored) })
	return list, totals
}

// everything is all of the backing tree: names, sizes, times of change.
func (b *bench) everything() (list []string) {
	b.t.Helper()
	must(b.t, filepath.Walk(b.path, func(p string, i os.FileInfo, err error) error {
		if err == nil {
			list = append(list, fmt.Sprint(p, i.Size(), i.ModTime()))
		}
		return err
	}))
	return list
}

// wantFound wants exactly these findings: code and path, or code and the end of the
// stored path.
func (b *bench) wantFound(name string, o CheckOptions, want ...string) []Finding {
	b.t.Helper()
	list, _ := b.fsck(o)
	var got []string
	for _, f := range list {
		place := f.Path
		if place == "" {
			place = f.Stored
		}
		got = append(got, string(f.Code)+" "+place)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		b.t.Fatalf("%s: found\n%s\nwant\n%s\n%+v", name, strings.Join(got, "\n"), strings.Join(want, "\n"), list)
	}
	return list
}

var longest = strings.Repeat("很长的名字", 17)

// tree is a closed store with one of everything.
type tree struct {
	*bench
	at map[string]string // path -> backing path
}

func goodTree(t *testing.T) *tree {
	b := &tree{newBench(t), map[string]string{}}
	b.write("f", random(victimSize))
	b.write("g", random(victimSize))
	b.write("empty", nil)
	b.mkdir("d")
	b.mkdir("d/e")
	b.mkdir("x")
	b.write("d/e/h", random(100))
	b.write("d/"+longest, random(5000))
	b.with("d", func(o *Object) {
		l, err := o.Symlink("link", "../f", staff)
		must(t, err)
		must(t, l.SetXattr("user.l", []byte("v"), 0))
		l.Release()
		must(t, o.SetXattr("user.dir", []byte("v"), 0))
		must(t, o.SetLevel("机密"))
	})
	b.with("f", func(o *Object) {
		must(t, o.SetXattr("user.comment", []byte("bien"), 0))
		must(t, o.SetXattr("user."+longest[:200], []byte("long"), 0))
		size := uint64(1 << 20)
		_, err := o.SetAttr(SetAttr{Size: &size})
		must(t, err)
	})
	for _, p := range []string{"", "f", "g", "empty", "d", "x", "d/e", "d/e/h", "d/link", "d/" + longest} {
		b.at[p] = b.backing(p)
	}
	must(t, b.Store.Close())
	return b
}

// stored is the path of a backing file from the root of the store.
func (b *tree) stored(path string) string { return rel(b.bench, b.at[path]) }

func TestCheckGoodTree(t *testing.T) {
	b := goodTree(t)
	objects := map[string]CheckedObject{}
	list, n := b.fsck(CheckOptions{Object: func(o CheckedObject) { objects[o.Path] = o }})
	if len(list) != 0 || n.Matters != 1 || n.Folders != 3 || n.Files != 5 || n.Symlinks != 1 || n.Bytes == 0 {
		t.Errorf("found %v, totals %+v", list, n)
	}
	if len(objects) != 10 || objects["d"].Level != "机密" || objects["f"].Version < 2 || objects["d/link"].Kind != crypto.Symlink ||
		objects["d/"+longest].ID.IsZero() || objects["f"].Matter != "m1" {
		t.Errorf("objects %+v", objects)
	}
	if list, n = b.fsck(CheckOptions{Structure: true}); len(list) != 0 || n.Matters != 1 || n.Folders != 3 || n.Files != 6 {
		t.Errorf("structure: found %v, totals %+v", list, n)
	}
	if list, n = b.fsck(CheckOptions{Matters: []string{"m2"}}); len(list) != 0 || n.Passed != 1 || n.Files != 0 {
		t.Errorf("another matter: found %v, totals %+v", list, n)
	}
}

// Each attack of DESIGN 4 is found with its code and path. What shows without keys is
// found so too, and what does not is not claimed to be.
func TestCheckAttacks(t *testing.T) {
	b := goodTree(t)
	whole, other := readFile(t, b.at["f"]), readFile(t, b.at["g"])
	for _, x := range []struct {
		name   string
		change func(p []byte) []byte
		want   CheckCode
		shape  CheckCode // "": it does not show without keys
	}{
		{"flip in the magic", flip(0), FoundHeader, FoundHeader},
		{"flip in the content id", flip(20), FoundHeader, ""},
		{"flip in the commitment", flip(70), FoundHeader, ""},
		{"flip in the key id", flip(85), FoundHeader, FoundHeader},
		{"cipher byte", flip(9), FoundHeader, FoundHeader},
		{"flip in slot A", flip(0x300), FoundHeader, ""},
		{"flip in slot B", flip(0x900), FoundHeader, ""},
		{"flip in the padding", flip(0xf00), FoundHeader, FoundHeader},
		{"flip in a block", flip(0x1000 + 100), FoundBlock, ""},
		{"flip in the last block", flip(len(whole) - 1), FoundBlock, ""},
		{"package version 1", func(p []byte) []byte { block(p, 2)[0] = 0x10; return p }, FoundBlock, FoundBlock},
		{"zeroed block", func(p []byte) []byte { clear(block(p, 2)); return p }, FoundBlock, FoundBlock},
		{"swapped blocks", func(p []byte) []byte {
			copy(block(p, 3), block(whole, 1))
			copy(block(p, 1), block(whole, 3))
			return p
		}, FoundBlock, ""},
		{"block of another file", func(p []byte) []byte { copy(block(p, 2), block(other, 2)); return p }, FoundBlock, ""},
		{"header of another file", func(p []byte) []byte { copy(p, other[:0x1000]); return p }, FoundBlock, FoundTwin},
		{"slots of another file", func(p []byte) []byte { copy(p[0x200:], other[0x200:0xe00]); return p }, FoundHeader, ""},
		{"cut off in a block", func(p []byte) []byte { return p[:len(p)-7] }, FoundSize, FoundBlock},
		{"cut off at a block", func(p []byte) []byte { return p[:blockOffset(5)] }, FoundSize, ""},
		{"cut off in the header", func(p []byte) []byte { return p[:100] }, FoundHeader, FoundHeader},
		{"longer", func(p []byte) []byte { return append(p, block(p, 0)...) }, FoundSize, FoundBlock},
		{"empty", func(p []byte) []byte { return nil }, FoundHeader, FoundHeader},
	} {
		writeFile(t, b.at["f"], x.change(slices.Clone(whole)))
		list, _ := b.fsck(CheckOptions{})
		if !slices.ContainsFunc(list, func(f Finding) bool { return f.Code == x.want && f.Path == "f" && f.Damage() && f.Matter == "m1" }) {
			t.Errorf("%s: found %+v, want %s", x.name, list, x.want)
		}
		list, _ = b.fsck(CheckOptions{Structure: true})
		if x.shape == "" && len(list) != 0 || x.shape != "" && (len(list) == 0 || list[0].Code != x.shape || !strings.HasSuffix(list[0].Stored, b.stored("f"))) {
			if x.shape != FoundTwin || len(list) != 2 {
				t.Errorf("%s, without keys: found %+v, want %q", x.name, list, x.shape)
			}
		}
		writeFile(t, b.at["f"], whole)
	}
	b.wantFound("put right again", CheckOptions{})
}

func flip(at int) func([]byte) []byte {
	return func(p []byte) []byte {
		p[at] ^= 4
		return p
	}
}

// Things that stand where they do not belong, and things that are no part of a store.
func TestCheckPlaces(t *testing.T) {
	b := goodTree(t)
	f, d := b.at["f"], b.at["d"]
	swap := func(x, y string) {
		must(t, unix.Renameat2(unix.AT_FDCWD, x, unix.AT_FDCWD, y, unix.RENAME_EXCHANGE))
	}
	h, e, x, g, link := b.at["d/e/h"], b.at["d/e"], b.at["x"], b.at["g"], b.at["d/link"]
	long := b.at["d/"+longest]
	side := readFile(t, long+".n")
	for _, c := range []struct {
		name     string
		do, undo func()
		want     []string
	}{
		{"file of another folder", func() { swap(f, h) }, func() { swap(f, h) }, []string{"misplaced f", "misplaced d/e/h"}},
		{"folders' names exchanged", func() { swap(d, x) }, func() { swap(d, x) }, []string{"misplaced d", "misplaced x"}},
		{"folder moved down", func() { swap(e, x) }, func() { swap(e, x) }, []string{"misplaced d/e", "misplaced x"}},
		{"file in the place of a folder", func() { swap(f, x) }, func() { swap(f, x) }, []string{"misplaced f"}},
		{"file copied over another", func() {
			writeFile(t, x+"/tmp", readFile(t, g))
			swap(f, x+"/tmp")
			copyFile(t, g, f)
			must(t, os.Rename(x+"/tmp", b.path+"/old"))
		},
			func() { must(t, os.Rename(b.path+"/old", f)) }, []string{"twin f", "twin g", "foreign old"}},
		{"foreign file", func() { writeFile(t, d+"/readme.txt", nil) }, func() { must(t, os.Remove(d+"/readme.txt")) }, []string{"foreign " + rel(b.bench, d) + "/readme.txt"}},
		{"forged name", func() { writeFile(t, d+"/"+strings.Repeat("A", 64), nil) }, func() { must(t, os.Remove(d+"/"+strings.Repeat("A", 64))) },
			[]string{"name " + rel(b.bench, d) + "/" + strings.Repeat("A", 64)}},
		{"symbolic link", func() { must(t, os.Rename(link, b.path+"/l")); must(t, os.Symlink("/etc", link)) },
			func() { must(t, os.Remove(link)); must(t, os.Rename(b.path+"/l", link)) }, []string{"type d/link", "foreign l"}},
		{"pipe", func() { must(t, os.Rename(link, b.path+"/l")); must(t, syscall.Mkfifo(link, 0o600)) },
			func() { must(t, os.Remove(link)); must(t, os.Rename(b.path+"/l", link)) }, []string{"type d/link", "foreign l"}},
		{"damaged .mfs.dir", func() { flipFile(t, e+"/.mfs.dir", 600) }, func() { flipFile(t, e+"/.mfs.dir", 600) }, []string{"folder d/e"}},
		{"damaged .mfs.dir of a matter", func() { flipFile(t, filepath.Dir(d)+"/.mfs.dir", 600) },
			func() { flipFile(t, filepath.Dir(d)+"/.mfs.dir", 600) }, []string{"matter " + rel(b.bench, filepath.Dir(d))}},
		{"long name without its side file", func() { must(t, os.Remove(long+".n")) }, func() { writeFile(t, long+".n", side) }, []string{"name " + rel(b.bench, long)}},
		{"damaged side file", func() { flipFile(t, long+".n", 3) }, func() { flipFile(t, long+".n", 3) }, []string{"name " + rel(b.bench, long)}},
		{"attribute of another name", func() { moveXattrs(t, f) }, func() { moveXattrs(t, f) }, []string{"xattr f", "xattr f"}},
		{"damaged store file", func() { flipFile(t, b.path+"/.mfs.store", 20) }, func() { flipFile(t, b.path+"/.mfs.store", 20) }, []string{"store .mfs.store"}},
		{"folder in the root", func() { must(t, os.Mkdir(b.path+"/stuff", 0o700)) }, func() { must(t, os.Remove(b.path+"/stuff")) }, []string{"foreign-root stuff"}},
	} {
		c.do()
		b.wantFound(c.name, CheckOptions{}, c.want...)
		c.undo()
	}
	b.wantFound("put right again", CheckOptions{})
	other := ring{}
	b.keys, other = other, b.keys
	b.wantFound("no key", CheckOptions{}, "unknown-key "+rel(b.bench, filepath.Dir(d)))
	b.keys = other
}

func rel(b *bench, p string) string {
	r, err := filepath.Rel(b.path, p)
	must(b.t, err)
	return r
}

func copyFile(t *testing.T, from, to string) { writeFile(t, to, readFile(t, from)) }

func flipFile(t *testing.T, name string, at int) { writeFile(t, name, flip(at)(readFile(t, name))) }

// moveXattrs exchanges the values of a file's two attributes.
func moveXattrs(t *testing.T, name string) {
	buf := make([]byte, 4096)
	n, err := unix.Listxattr(name, buf)
	must(t, err)
	var names []string
	var values [][]byte
	for _, x := range strings.Split(strings.TrimRight(string(buf[:n]), "\x00"), "\x00") {
		if !strings.HasPrefix(x, sealedPrefix) {
			continue
		}
		v := make([]byte, 4096)
		k, err := unix.Getxattr(name, x, v)
		must(t, err)
		names, values = append(names, x), append(values, v[:k])
	}
	if len(names) != 2 {
		t.Fatalf("%d attributes", len(names))
	}
	must(t, unix.Setxattr(name, names[0], values[1], 0))
	must(t, unix.Setxattr(name, names[1], values[0], 0))
}
