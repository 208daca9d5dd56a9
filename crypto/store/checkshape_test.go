package store

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matterfs/crypto"
)

// Without keys the same leftovers are seen, and of damage what shows.
func TestStructureOfADamagedTree(t *testing.T) {
	b, want := damage(t)
	var shown []string
	for _, w := range want {
		code, path, _ := strings.Cut(w, " ")
		switch code {
		case "leftover", "foreign":
			if !strings.HasSuffix(path, nextFile) { // which one counts is sealed
				shown = append(shown, w)
			}
		case "unwritten":
			shown = append(shown, "unwritten "+b.stored(path))
		}
	}
	b.keys = nil
	b.wantFound("structure", CheckOptions{Structure: true}, shown...)
}

// The form of names, folders and files that were exchanged or planted.
func TestStructureOfPlaces(t *testing.T) {
	b := goodTree(t)
	d, e := b.at["d"], b.at["d/e"]
	strange := strings.Repeat("A", 63)
	writeFile(t, d+"/"+strange, nil)
	flipFile(t, b.at["d/"+longest]+".n", 5)
	must(t, os.Truncate(e+"/.mfs.dir", 2000))
	must(t, os.Mkdir(d+"/.j."+strange, 0o700))
	copyFile(t, b.at["g"], b.at["f"])
	b.wantFound("structure", CheckOptions{Structure: true}, "foreign "+b.stored("d")+"/"+strange, "name "+b.stored("d/"+longest),
		"folder "+b.stored("d/e"), "foreign "+b.stored("d")+"/.j."+strange, "twin "+b.stored("f"), "twin "+b.stored("g"))
}

// Errors that end a check, and findings about the store itself.
func TestCheckTheStoreItself(t *testing.T) {
	b := goodTree(t)
	empty, err := OpenOSDisk(t.TempDir())
	must(t, err)
	_, err = Check(context.Background(), empty, b.id, b.key, b.keys, CheckOptions{})
	wantErr(t, err, ErrNotStore)
	id := b.id
	b.id = crypto.NewID()
	b.wantFound("of another store", CheckOptions{}, "store .mfs.store")
	b.id = id
	must(t, os.Remove(b.path+"/.mfs.trash"))
	b.wantFound("without a work directory", CheckOptions{}, "store .mfs.trash")
	must(t, os.Mkdir(b.path+"/.mfs.trash", 0o700))
	must(t, os.Mkdir(b.path+"/lost+found", 0o700))
	b.wantFound("on a volume of its own", CheckOptions{})
	twin := filepath.Join(b.path, strings.Repeat("0", 32))
	must(t, os.Mkdir(twin, 0o700))
	copyFile(t, b.at[""]+"/.mfs.dir", twin+"/.mfs.dir")
	b.wantFound("a matter twice", CheckOptions{}, "matter-twin "+b.stored(""), "matter-twin "+filepath.Base(twin))
	b.wantFound("a matter twice, by its shape", CheckOptions{Structure: true}, "twin "+b.stored(""), "twin "+filepath.Base(twin))
	must(t, os.RemoveAll(twin))
	b.wantFound("put right again", CheckOptions{})
}

func TestMeasure(t *testing.T) {
	b := goodTree(t)
	disk, err := OpenOSDisk(b.path)
	must(t, err)
	defer disk.Close()
	files, size, err := Measure(disk, func() bool { return false })
	must(t, err)
	_, n := b.fsck(CheckOptions{})
	if files != n.Files+n.Symlinks || size < n.Bytes-4*crypto.DirSize-100 || size > n.Bytes {
		t.Errorf("%d files of %d bytes, the check saw %+v", files, size, n)
	}
	if files, _, _ = Measure(disk, func() bool { return true }); files != 0 {
		t.Errorf("%d files after it was ended", files)
	}
}

func TestBadBlocksAsText(t *testing.T) {
	var b badBlocks
	for _, i := range []uint64{3, 7, 8, 9} {
		b.add(i, crypto.ErrAuth)
	}
	if got := b.String(); got != "blocks 3, 7-9 (4)" || b.first != crypto.ErrAuth {
		t.Errorf("%s, %v", got, b.first)
	}
	for i := uint64(20); i < 100; i += 2 {
		b.add(i, nil)
	}
	if got := b.String(); !strings.HasSuffix(got, ", 46, ... (44)") {
		t.Error(got)
	}
}

func TestFindingAsText(t *testing.T) {
	f := Finding{Code: FoundBlock, What: "block 3"}
	if f.Text() != "block 3" || !f.Damage() {
		t.Errorf("%q", f.Text())
	}
	f.Err, f.Code = crypto.ErrAuth, FoundLeftover
	if f.Text() != "block 3: crypto: authentication failed" || f.Damage() {
		t.Errorf("%q", f.Text())
	}
}

// Whatever opens as a name has the form of one, and no bytes make nameShape fail.
func FuzzNameShape(f *testing.F) {
	key := crypto.Key{1}
	names, err := crypto.NewNameCipher(&key)
	must(f, err)
	dir := crypto.ID{2}
	for _, name := range []string{"a", strings.Repeat("b", 33), strings.Repeat("c", 96), strings.Repeat("d", 97), strings.Repeat("e", 255)} {
		stored, long, err := names.Seal(dir, name)
		must(f, err)
		if err := nameShape(stored, long); err != nil {
			f.Fatalf("%d bytes: %v", len(name), err)
		}
		f.Add(stored, long)
	}
	f.Add("readme.txt", []byte(nil))
	f.Add(".l.x", []byte("x"))
	f.Fuzz(func(t *testing.T, stored string, long []byte) {
		if len(long) == 0 {
			long = nil
		}
		_, err := names.Open(dir, stored, long)
		if shape := nameShape(stored, long); err == nil && shape != nil {
			t.Errorf("%q opens, but: %v", stored, shape)
		}
	})
}
