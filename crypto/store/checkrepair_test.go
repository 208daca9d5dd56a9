package store

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// damage puts one of each kind of leftover and some damage into a good tree.
func damage(t *testing.T) (b *tree, want []string) {
	b = goodTree(t)
	d, id := b.at["d"], strings.Repeat("ab", 16)
	for _, name := range []string{d + "/.mfs.t." + id, d + "/.j." + strings.Repeat("A", 43), d + "/.l." + strings.Repeat("A", 43) + ".n",
		b.path + "/.mfs.tmp/" + id, b.path + "/.mfs.trash/" + id, b.path + "/.mfs.lost/" + id, b.path + "/note.txt"} {
		writeFile(t, name, []byte("x"))
	}
	copyFile(t, d+"/.mfs.dir", d+"/.mfs.next")
	writeFile(t, b.path+"/.mfs.live", nil)
	writeFile(t, b.at["empty"], make([]byte, 4096))
	flipFile(t, b.at["d/e/h"], -1+len(readFile(t, b.at["d/e/h"])))
	flipFile(t, b.at["d/"+longest], 0x300)
	flipFile(t, b.at["x"]+"/.mfs.dir", 600)
	moveXattrs(t, b.at["f"])
	in := b.stored("d") + "/"
	return b, []string{"leftover " + in + ".mfs.t." + id, "leftover " + in + ".j." + strings.Repeat("A", 43),
		"leftover " + in + ".l." + strings.Repeat("A", 43) + ".n", "leftover " + in + ".mfs.next", "leftover .mfs.tmp/" + id, "leftover .mfs.trash/" + id,
		"foreign note.txt", "unwritten empty", "block d/e/h", "header d/" + longest, "folder x", "xattr f", "xattr f"}
}

// A repair moves what is damaged or left over, with a record of where it was, and
// nothing else; then nothing is found.
func TestRepair(t *testing.T) {
	b, want := damage(t)
	b.wantFound("before", CheckOptions{}, want...)
	whole := b.everything()
	var moved []Finding
	b.wantFound("repair", CheckOptions{Repair: true, Moved: func(f Finding) { moved = append(moved, f) }}, want...)
	if len(moved) != len(want) {
		t.Errorf("%d things were moved, want %d", len(moved), len(want))
	}
	_, n := b.fsck(CheckOptions{})
	if n.Damaged+n.Leftovers != 0 || n.Lost != uint64(len(want)-2+2) { // no attribute, one long name, what was there before
		t.Errorf("after a repair: %+v", n)
	}
	list := b.lostList()
	for _, r := range list {
		if r.Xattr != "" {
			must(t, unix.Setxattr(filepath.Join(b.path, r.From), r.Xattr, r.Value, 0))
			continue
		}
		must(t, os.Rename(filepath.Join(b.path, ".mfs.lost", r.Lost), filepath.Join(b.path, r.From)))
	}
	must(t, os.Remove(b.path+"/.mfs.lost/"+lostList))
	if got := b.everything(); len(got) != len(whole) {
		t.Errorf("moved back there is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(whole, "\n"))
	}
	b.wantFound("moved back", CheckOptions{}, want...)
}

// lostList reads the record of what was moved.
func (b *tree) lostList() (list []lostRecord) {
	b.t.Helper()
	f, err := os.Open(filepath.Join(b.path, lostName, lostList))
	must(b.t, err)
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var r lostRecord
		if lines.Text() == "" {
			continue
		}
		must(b.t, json.Unmarshal(lines.Bytes(), &r))
		list = append(list, r)
	}
	return list
}

// Of an object at two places both are put aside: nothing says which is right.
func TestRepairTwins(t *testing.T) {
	b := goodTree(t)
	copyFile(t, b.at["g"], b.at["f"])
	// The attributes stay with the inode, whose keys are now the other file's.
	b.wantFound("repair", CheckOptions{Repair: true}, "twin f", "twin g", "xattr f", "xattr f")
	b.wantFound("after", CheckOptions{})
}

// A repair never puts a matter's own folder aside: the next mount would begin an
// empty one.
func TestRepairLeavesMatters(t *testing.T) {
	b := goodTree(t)
	flipFile(t, b.at[""]+"/.mfs.dir", 600)
	for range 2 {
		b.wantFound("repair", CheckOptions{Repair: true}, "matter "+b.stored(""))
	}
}

// A repair that ends anywhere can be repeated.
func TestRepairInterrupted(t *testing.T) {
	b, _ := damage(t)
	for k, err := 0, errors.New("not yet"); err != nil; k++ {
		if k == 1000 {
			t.Fatal("no repair ends")
		}
		var x faults
		x.killAt(k%7, k%2 == 0)
		disk, derr := OpenOSDisk(b.path)
		must(t, derr)
		_, err = Check(context.Background(), &faultDisk{disk, &x}, b.id, b.key, b.keys, CheckOptions{Repair: true})
		disk.Close()
	}
	b.wantFound("after", CheckOptions{})
}

// What a crash leaves is checked as recovery would leave it, and recovery then
// finds it so.
func TestCheckAfterCrash(t *testing.T) {
	b := newBench(t, later)
	content := random(20 * 4096)
	b.write("f", content)
	b.write("g", content)
	b.reopen()
	b.with("f", func(o *Object) {
		h, err := o.Open(true)
		must(t, err)
		copy(content[5000:], "overwritten")
		_, err = h.WriteAt([]byte("overwritten"), 5000)
		must(t, err)
		must(t, h.Truncate(70000))
		_, err = h.WriteAt([]byte("appended"), 70000)
		must(t, err)
		content = append(content[:70000:70000], "appended"...)
		must(t, h.Sync())
		copy(content[9000:], "again")
		_, err = h.WriteAt([]byte("again"), 9000)
		must(t, err)
		b.wantFound("in use", CheckOptions{}, "recovery f")
	})
	var seen []CheckedObject
	b.fsck(CheckOptions{Object: func(o CheckedObject) { seen = append(seen, o) }})
	i := slices.IndexFunc(seen, func(o CheckedObject) bool { return o.Path == "f" })
	b.crash()
	b.wantContent("f", content)
	b.with("f", func(o *Object) {
		if v := o.Version(); v != seen[i].Version {
			t.Errorf("recovery left version %d, the check said %d", v, seen[i].Version)
		}
	})
	must(t, b.Store.Close())
	b.wantFound("after recovery", CheckOptions{})
	flipFile(t, b.backing("g"), 0x1000+50)
	b.wantFound("damaged", CheckOptions{}, "block g")
}

// A check that is stopped says so and has changed nothing.
func TestCheckStopped(t *testing.T) {
	b, _ := damage(t)
	disk, err := OpenOSDisk(b.path)
	must(t, err)
	defer disk.Close()
	before := b.everything()
	ctx, stop := context.WithCancel(context.Background())
	_, err = Check(ctx, disk, b.id, b.key, b.keys, CheckOptions{Repair: true, Found: func(Finding) { stop() }})
	if !errors.Is(err, context.Canceled) || !slices.Equal(before, b.everything()) {
		t.Errorf("error %v; before and after:\n%v\n%v", err, before, b.everything())
	}
}

// Ten thousand files need little memory, and what is kept of each is small.
func TestCheckManyFiles(t *testing.T) {
	b := newBench(t)
	const folders, files = 20, 500
	for i := range folders {
		b.mkdir(fmt.Sprint("d", i))
		for k := range files {
			b.write(fmt.Sprintf("d%d/f%d", i, k), []byte("x"))
		}
	}
	must(t, b.Store.Close())
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	objects, most := 0, uint64(0)
	_, n := b.fsck(CheckOptions{Workers: 2, Object: func(CheckedObject) {
		if objects++; objects%2000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&during)
			most = max(most, during.HeapAlloc-min(before.HeapAlloc, during.HeapAlloc))
		}
	}})
	if n.Files != folders*files || n.Damaged+n.Leftovers != 0 {
		t.Errorf("totals %+v", n)
	}
	// The tree itself, read by the helper, is the most of it.
	if most > 24<<20 {
		t.Errorf("%d bytes were in use for %d files", most, n.Files)
	}
}
