package store

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// attackTree is a store with a few folders, closed, and what they hold.
func attackTree(t *testing.T) *bench {
	b := newBench(t)
	b.plant(map[string]string{"公开": "/", "绝密": "/", "绝密/f": "secret", "公开/f": "public", "公开/sub": "/", "公开/sub/g": "g"})
	b.reopen()
	return b
}

// backingNames takes the paths before anything is attacked.
func (b *bench) backingNames(paths ...string) (list []string) {
	for _, p := range paths {
		list = append(list, b.backing(p))
	}
	return list
}

func (b *bench) wantRefused(paths ...string) {
	b.t.Helper()
	b.open()
	b.unclean.Store(false) // no recovery: this is no crash
	b.findRoot()
	for _, p := range paths {
		if c, err := b.read(p); !isCorrupt(err) {
			b.t.Errorf("%s: %q, %v, want a CorruptError", p, c, err)
		}
	}
}

func exchange(t *testing.T, a, b string) {
	t.Helper()
	must(t, os.Rename(a, a+".tmp"))
	must(t, os.Rename(b, a))
	must(t, os.Rename(a+".tmp", b))
}

func TestAttackFileMovedToAnotherFolder(t *testing.T) {
	b := attackTree(t)
	p := b.backingNames("绝密/f", "公开/f")
	exchange(t, p[0], p[1])
	b.wantRefused("绝密/f", "公开/f")
}

func TestAttackFoldersExchanged(t *testing.T) {
	b := attackTree(t)
	p := b.backingNames("绝密", "公开")
	exchange(t, p[0], p[1])
	b.wantRefused("绝密/f", "公开/f", "公开/sub/g")
}

func TestAttackFolderMoved(t *testing.T) {
	b := attackTree(t)
	stored, _, err := b.root.m.names.Seal(b.at("绝密").id, "sub")
	must(t, err)
	p := b.backingNames("公开/sub", "绝密")
	must(t, os.Rename(p[0], filepath.Join(p[1], stored)))
	b.wantRefused("绝密/sub")
}

func TestAttackDirFile(t *testing.T) {
	b := attackTree(t)
	p := b.backingNames("绝密", "公开", "公开/sub")
	meta := filepath.Join(p[0], dirFile)
	good := readFile(t, meta)
	attacks := map[string][]byte{
		"of a sibling": readFile(t, filepath.Join(p[1], dirFile)), "of a child": readFile(t, filepath.Join(p[2], dirFile)),
		"of the root": readFile(t, filepath.Join(b.path, b.root.m.stored, dirFile)), "empty": nil, "short": good[:1000],
		"long": append(bytes.Clone(good), 0), "garbage": random(len(good)),
	}
	for off := 0; off < len(good); off += 41 {
		flipped := bytes.Clone(good)
		flipped[off] ^= 0x10
		attacks["flipped "+string(rune('0'+off%10))] = flipped
	}
	for name, attacked := range attacks {
		writeFile(t, meta, attacked)
		b.open()
		b.unclean.Store(false) // after a crash an empty one would be taken for its work
		b.findRoot()
		if _, err := b.read("绝密/f"); !isCorrupt(err) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := b.read("公开/f"); err != nil {
			t.Errorf("%s: another folder suffers: %v", name, err)
		}
	}
	must(t, os.Remove(meta))
	b.wantRefused("绝密/f")
	writeFile(t, meta, good)
	b.crash()
	b.wantContent("绝密/f", []byte("secret"))
}

// The binding to the next place must be authentic, of the same folder, and of
// the place where the folder is.
func TestAttackNextFile(t *testing.T) {
	b := attackTree(t)
	p := b.backingNames("公开", "公开/sub", "绝密")
	for _, from := range p[1:] {
		writeFile(t, filepath.Join(p[0], nextFile), readFile(t, filepath.Join(from, dirFile)))
		b.crash()
		b.wantContent("公开/f", []byte("public"))
	}
	stored, _, err := b.root.m.names.Seal(b.root.id, "other")
	must(t, err)
	must(t, os.Rename(p[0], filepath.Join(b.path, b.root.m.stored, stored)))
	b.wantRefused("other/f")
}

// Another folder's metadata do not vouch for the place that they name.
func TestAttackNextFileOfTheFolderThere(t *testing.T) {
	b := attackTree(t)
	p := b.backingNames("绝密", "公开")
	meta := readFile(t, filepath.Join(p[0], dirFile))
	exchange(t, p[0], p[1])
	writeFile(t, filepath.Join(p[0], nextFile), meta)
	b.wantRefused("绝密/f")
}

func TestAttackFolderMadeAMatter(t *testing.T) {
	b := attackTree(t)
	p := b.backingNames("公开")
	must(t, os.Rename(p[0], filepath.Join(b.path, "promoted")))
	b.open()
	for _, m := range b.Matters() {
		if m.Root != nil {
			t.Errorf("serves %q although there are two folders of the matter", m.Folder)
		}
	}
	must(t, os.Rename(filepath.Join(b.path, "promoted"), p[0]))
	for _, k := range b.keys {
		k.matter = "m9" // the keystore says another matter than the folder
	}
	b.open()
	if m := b.Matters(); len(m) != 1 || !isCorrupt(m[0].Err) {
		t.Errorf("%+v", m)
	}
}

func TestAttackTwoInodesOfOneObject(t *testing.T) {
	b := attackTree(t)
	d := b.at("公开")
	stored, _, err := b.root.m.names.Seal(d.id, "copy")
	must(t, err)
	p := b.backingNames("公开/f", "公开")
	writeFile(t, filepath.Join(p[1], stored), readFile(t, p[0]))
	o := b.at("公开/f")
	_, err = d.Lookup("copy")
	wantCorrupt(t, err)
	o.Release()
	o, err = d.Lookup("copy") // alone it is the object: only one is ever served
	must(t, err)
	_, err = d.Lookup("f")
	wantCorrupt(t, err)
	o.Release()
	must(t, os.Remove(filepath.Join(p[1], stored)))
	must(t, os.Link(p[0], filepath.Join(p[1], stored)))
	o = b.at("公开/f")
	defer o.Release()
	_, err = d.Lookup("copy")
	wantCorrupt(t, err)
}

func TestAttackMatterFolders(t *testing.T) {
	b := newBench(t)
	_, err := b.CreateMatter("m2", b.keys.add("m2"), "乙公司", NewAttr{})
	must(t, err)
	stranger := ring{}
	stranger.add("m3")
	must(t, os.Mkdir(filepath.Join(b.path, "planted"), 0o700))
	writeFile(t, filepath.Join(b.path, "note"), []byte("x"))
	must(t, os.Symlink("/etc", filepath.Join(b.path, "link")))
	m1 := filepath.Join(b.path, b.root.m.stored)
	must(t, os.CopyFS(filepath.Join(b.path, "twin"), os.DirFS(m1)))
	b.open()
	if got := b.Foreign(); !slices.Equal(slices.Sorted(slices.Values(got)), []string{"link", "note", "planted"}) {
		t.Errorf("foreign %q", got)
	}
	for _, m := range b.Matters() {
		if (m.Matter == "m1") != isCorrupt(m.Err) || (m.Root == nil) != (m.Err != nil) {
			t.Errorf("%s: %v", m.Matter, m.Err)
		}
	}
	must(t, os.RemoveAll(filepath.Join(b.path, "twin")))
	b.crash()
	sub := filepath.Join(m1, dirFile)
	good := readFile(t, sub)
	good[1000] ^= 1
	writeFile(t, sub, good)
	b.open()
	for _, m := range b.Matters() {
		if (m.Matter == "m1") != isCorrupt(m.Err) {
			t.Errorf("%s: %v", m.Matter, m.Err)
		}
	}
	delete(b.keys, b.keys.idOf("m2"))
	b.open()
	if got := b.Foreign(); len(got) != 4 || len(b.Matters()) != 1 {
		t.Errorf("without its key: foreign %q, %d matters", got, len(b.Matters()))
	}
}

// Nothing planted in the backing tree is followed, served or in the way.
func TestAttackPlantedThings(t *testing.T) {
	b := attackTree(t)
	dir := b.backing("公开")
	outside := filepath.Join(t.TempDir(), "outside")
	writeFile(t, outside, []byte("outside"))
	d := b.at("公开")
	name := func(n string) string {
		s, _, err := d.m.names.Seal(d.id, n)
		must(t, err)
		return filepath.Join(dir, s)
	}
	must(t, os.Symlink(outside, name("link")))
	must(t, os.Symlink(b.path, name("dirlink")))
	must(t, syscall.Mkfifo(name("fifo"), 0o600))
	must(t, os.Mkdir(name("bare"), 0o700))
	writeFile(t, name("empty"), nil)
	writeFile(t, name("garbage"), random(6000))
	writeFile(t, filepath.Join(dir, "no base64 name"), []byte("x"))
	writeFile(t, filepath.Join(dir, ".l."+strings.Repeat("A", 43)), []byte("x"))
	writeFile(t, filepath.Join(dir, ".j.journal"), []byte("x"))
	for _, n := range []string{"link", "dirlink", "fifo", "bare", "empty", "garbage"} {
		_, err := d.Lookup(n)
		wantCorrupt(t, err)
		wantCorrupt(t, d.Unlink(n))
		_, _, _, err = d.Create(n, staff, false)
		wantCorrupt(t, err)
		wantCorrupt(t, b.root.Rename("绝密", d, n, false))
	}
	b.wantContent("公开/f", []byte("public"))
	if string(readFile(t, outside)) != "outside" {
		t.Error("a link was followed")
	}
	if got := list(t, d); len(got) != 8 || slices.Contains(got, "no base64 name") {
		t.Errorf("listing %q", got)
	}
}

// A live object whose backing file is exchanged under it is noticed when its
// descriptor is opened again.
func TestAttackBehindALiveObject(t *testing.T) {
	b := attackTree(t)
	o := b.at("公开/f")
	defer o.Release()
	p := b.backing("公开/f")
	whole := readFile(t, p)
	b.dropDescriptors()
	must(t, os.Remove(p))
	_, err := o.Attr()
	wantCorrupt(t, err)
	must(t, os.Symlink("/etc/passwd", p))
	_, err = o.Open(false)
	wantCorrupt(t, err)
	must(t, os.Remove(p))
	writeFile(t, p+"x", nil) // takes the inode number that was freed
	writeFile(t, p, whole)
	_, err = o.Open(false)
	wantCorrupt(t, err)
}

func (b *bench) dropDescriptors() {
	b.fds.mu.Lock()
	old := b.fds.evict(0)
	b.fds.mu.Unlock()
	closeAll(old)
}

func TestLongNamesHaveSideFiles(t *testing.T) {
	b := newBench(t)
	long, longer := strings.Repeat("长", 85), strings.Repeat("名", 80)
	side := func() (n int) {
		entries, err := os.ReadDir(filepath.Join(b.path, b.root.m.stored))
		must(t, err)
		for _, e := range entries {
			if isLongFile(e.Name()) {
				n++
			}
		}
		return n
	}
	b.write(long, []byte("1"))
	must(t, b.root.Rename(long, b.root, longer, false))
	if side() != 1 {
		t.Errorf("%d side files after a rename", side())
	}
	b.write(long, []byte("2"))
	must(t, b.root.Rename(long, b.root, longer, false))
	b.mkdir(long)
	wantErr(t, b.root.Rename(longer, b.root, long, false), syscall.EISDIR)
	b.reopen()
	if got := list(t, b.root); !slices.Equal(got, []string{longer, long}) && !slices.Equal(got, []string{long, longer}) {
		t.Errorf("listing %q", got)
	}
	b.wantContent(longer, []byte("2"))
	must(t, b.root.Unlink(longer))
	must(t, b.root.Rmdir(long))
	if side() != 0 {
		t.Errorf("%d side files are left", side())
	}
}

// A damaged side file takes a name out of the listing, but neither out of reach
// nor out of existence.
func TestAttackSideFile(t *testing.T) {
	b := newBench(t)
	long := strings.Repeat("长", 85)
	b.mkdir("d")
	b.write("d/"+long, []byte("x"))
	p := b.backing("d/"+long) + longSuffix
	writeFile(t, p, random(272))
	b.wantContent("d/"+long, []byte("x"))
	if got := list(t, b.at("d")); len(got) != 0 {
		t.Errorf("listing %q", got)
	}
	wantErr(t, b.root.Rmdir("d"), syscall.ENOTEMPTY)
	must(t, os.Remove(p))
	must(t, b.at("d").Unlink(long))
	must(t, b.root.Rmdir("d"))
}

// A file that a crash left half made goes when its folder is listed or removed.
func TestUnfinishedFilesGo(t *testing.T) {
	f := &faults{}
	b := newBench(t, withFaults(f))
	b.mkdir("d")
	p := b.backing("d")
	for i, clean := range []func() error{
		func() error { _, err := b.at("d").ReadDir(); return err },
		func() error { return b.root.Rmdir("d") },
	} {
		f.killAt(1+i, false)
		if err := b.tryWrite("d/f", nil); err == nil {
			t.Fatal("the file was made")
		}
		f.set(nil)
		b.crash()
		must(t, clean())
		if left, err := filepath.Glob(filepath.Join(p, workPrefix+"*")); err != nil || len(left) != 0 {
			t.Errorf("left %q, %v", left, err)
		}
	}
	if left, err := os.ReadDir(filepath.Join(b.path, trashName)); err != nil || len(left) != 0 {
		t.Errorf("in the trash: %v, %v", left, err)
	}
}

// What a crash leaves in the work directories is swept; what somebody put into
// a folder that is removed is not destroyed.
func TestSweep(t *testing.T) {
	b := newBench(t)
	b.mkdir("d")
	writeFile(t, filepath.Join(b.backing("d"), "planted"), []byte("x"))
	must(t, b.root.Rmdir("d"))
	tmp := filepath.Join(b.path, tmpName)
	writeFile(t, filepath.Join(tmp, "left"), []byte("x"))
	must(t, os.Mkdir(filepath.Join(tmp, "dir"), 0o700))
	writeFile(t, filepath.Join(tmp, "dir", dirFile), []byte("x"))
	b.reopen()
	if left, err := os.ReadDir(tmp); err != nil || len(left) != 0 {
		t.Errorf("%v left, %v", left, err)
	}
	found, err := filepath.Glob(filepath.Join(b.path, trashName, "*", "planted"))
	if err != nil || len(found) != 1 {
		t.Errorf("planted file: %q, %v", found, err)
	}
}

func TestNothingPlainOnTheDisk(t *testing.T) {
	b := newBench(t)
	const canary = "CANARY-机密"
	b.mkdir(canary)
	b.write(canary+"/"+canary, []byte(canary))
	o, err := b.at(canary).Symlink("l", canary, staff)
	must(t, err)
	o.Release()
	must(t, b.at(canary).SetXattr("user."+canary, []byte(canary), 0))
	must(t, b.at(canary).SetLevel(canary))
	_, h, _, err := b.root.Create("open", staff, true)
	must(t, err)
	_, err = h.WriteAt([]byte(canary), 0)
	must(t, err)
	seen := 0
	must(t, filepath.WalkDir(b.path, func(p string, d os.DirEntry, err error) error {
		if strings.Contains(p, "CANARY") {
			t.Errorf("name %q", p)
		}
		if err == nil && d.Type().IsRegular() {
			seen++
			if bytes.Contains(readFile(t, p), []byte("CANARY")) {
				t.Errorf("content of %q", p)
			}
		}
		buf := make([]byte, 4096)
		if n, _ := syscall.Listxattr(p, buf); bytes.Contains(buf[:max(n, 0)], []byte("CANARY")) {
			t.Errorf("attribute names of %q", p)
		}
		return err
	}))
	if seen < 6 {
		t.Errorf("looked at %d files only", seen)
	}
}
