package crashdisk

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"matterfs/crypto/store"
)

// outcomes crashes an image many times and collects what is found.
func outcomes(t *testing.T, im *Image, kind Kind, look func(root store.Dir) string) []string {
	t.Helper()
	seen := map[string]bool{}
	for seed := range uint64(400) {
		seen[look(rootOf(t, im.Crash(kind, rand.New(rand.NewPCG(seed, 3)))))] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

func rootOf(t *testing.T, d *Disk) store.Dir {
	t.Helper()
	root, err := d.OpenRoot()
	must(t, err)
	return root
}

func want(t *testing.T, what string, got []string, allowed ...string) {
	t.Helper()
	slices.Sort(allowed)
	if !slices.Equal(got, allowed) {
		t.Errorf("%s: found %q, want %q", what, got, allowed)
	}
}

// runs shortens content to its runs of one byte: "3a2." is aaa and two zeros,
// counted in sectors.
func runs(p []byte) string {
	var b strings.Builder
	for len(p) > 0 {
		n := len(p) - len(bytes.TrimLeft(p, string(p[:1])))
		c := p[0]
		if c == 0 {
			c = '.'
		}
		fmt.Fprintf(&b, "%d%c", n/sectorSize, c)
		p = p[n:]
	}
	return b.String()
}

func content(name string) func(store.Dir) string {
	return func(root store.Dir) string {
		f, err := root.OpenFile(name)
		if err != nil {
			return "none"
		}
		p := make([]byte, 1<<16)
		n, _ := f.ReadAt(p, 0)
		return runs(p[:n])
	}
}

func names(root store.Dir) string {
	var all []string
	list, _ := root.List()
	for _, e := range list {
		all = append(all, e.Name)
		if d, err := root.OpenDir(e.Name); err == nil {
			all = append(all, "("+names(d)+")")
		}
	}
	return strings.Join(all, " ")
}

// pages returns one page of each byte of s.
func pages(s string) []byte {
	var p []byte
	for i := range len(s) {
		p = append(p, bytes.Repeat([]byte{s[i]}, pageSize)...)
	}
	return p
}

// planted returns a disk whose durable file f holds the pages s, with f open.
func planted(t *testing.T, s string) (*Disk, store.Dir, store.File) {
	t.Helper()
	d := New()
	root := rootOf(t, d)
	f, err := root.CreateFile("f")
	must(t, err)
	write(t, f, s, 0)
	must(t, d.SyncAll())
	return d, root, f
}

func write(t *testing.T, f store.File, s string, page int64) {
	t.Helper()
	_, err := f.WriteAt(pages(s), page*pageSize)
	must(t, err)
}

func TestPagesComeInAnyOrder(t *testing.T) {
	d, _, f := planted(t, "ab")
	write(t, f, "AB", 0)
	want(t, "unsynced", outcomes(t, d.Image(), PowerCut, content("f")), "8a8b", "8A8b", "8a8B", "8A8B")
	must(t, f.Sync(false))
	im := d.Image()
	write(t, f, "XY", 0)
	want(t, "synced", outcomes(t, im, PowerCut, content("f")), "8A8B")
	want(t, "after a kill", outcomes(t, d.Image(), Kill, content("f")), "8X8Y")
}

func TestSectorsTearOnlyWhereAsked(t *testing.T) {
	d, _, f := planted(t, "a")
	write(t, f, "A", 0)
	torn := func(list []string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return s != "8a" && s != "8A" })
	}
	if torn(outcomes(t, d.Image(), PowerCut, content("f"))) || !torn(outcomes(t, d.Image(), TornPowerCut, content("f"))) {
		t.Error("a page is torn in the wrong kind of power cut, or never")
	}
}

func TestNewLengthWithAndWithoutBytes(t *testing.T) {
	d, _, f := planted(t, "a")
	write(t, f, "b", 1)
	want(t, "append", outcomes(t, d.Image(), PowerCut, content("f")), "8a", "8a8.", "8a8b")
	im := d.Image()
	found := map[string]bool{}
	for seed := range uint64(400) {
		k := im.disk()
		c := cutter{d: k, rng: rand.New(rand.NewPCG(seed, 1)), ordered: true}
		c.cut()
		found[content("f")(rootOf(t, k))] = true
	}
	want(t, "ordered append", slices.Sorted(maps.Keys(found)), "8a", "8a8b")
}

func TestTruncationIsWhole(t *testing.T) {
	d, _, f := planted(t, "ab")
	must(t, f.Truncate(pageSize/2))
	must(t, f.Truncate(2*pageSize))
	want(t, "shrink and growth", outcomes(t, d.Image(), PowerCut, content("f")),
		"8a8b", "4a4.8b", "4a", "4a12.", "8a8.")
}

func TestNamesBeforeContent(t *testing.T) {
	d, root, _ := planted(t, "a")
	tmp, err := root.CreateFile("tmp")
	must(t, err)
	write(t, tmp, "b", 0)
	must(t, root.Rename("tmp", root, "f", false))
	must(t, root.Sync(true))
	want(t, "rename before data", outcomes(t, d.Image(), PowerCut, content("f")), "", "8.", "8b")
	must(t, tmp.Sync(false))
	want(t, "synced", outcomes(t, d.Image(), PowerCut, content("f")), "8b")
}

func TestOrderOfNames(t *testing.T) {
	d := New()
	root := rootOf(t, d)
	must(t, root.Mkdir("d"))
	must(t, d.SyncAll())
	sub, err := root.OpenDir("d")
	must(t, err)
	for _, at := range []store.Dir{root, sub} {
		for _, name := range []string{"1", "2"} {
			_, err := at.CreateFile(name)
			must(t, err)
		}
	}
	want(t, "two folders", outcomes(t, d.Image(), PowerCut, names), "d ()", "d () 1", "d () 1 2",
		"d (1)", "d (1) 1", "d (1) 1 2", "d (1 2)", "d (1 2) 1", "d (1 2) 1 2")
	must(t, sub.Sync(true))
	want(t, "one synced", outcomes(t, d.Image(), PowerCut, names), "d (1 2)", "d (1 2) 1", "d (1 2) 1 2")
	want(t, "killed", outcomes(t, d.Image(), Kill, names), "d (1 2) 1 2")
}

func TestRenameIsWhole(t *testing.T) {
	d := New()
	root := rootOf(t, d)
	must(t, root.Mkdir("d"))
	must(t, root.Mkdir("e"))
	_, err := root.CreateFile("f")
	must(t, err)
	must(t, d.SyncAll())
	sub, err := root.OpenDir("d")
	must(t, err)
	must(t, root.Rename("f", sub, "g", false))
	want(t, "file", outcomes(t, d.Image(), PowerCut, names), "d () e () f", "d (g) e ()")
	must(t, root.Rename("d", root, "h", false))
	want(t, "folder after what was done in it", outcomes(t, d.Image(), PowerCut, names),
		"d () e () f", "d (g) e ()", "h (g) e ()")
	must(t, root.Sync(true))
	want(t, "synced", outcomes(t, d.Image(), PowerCut, names), "h (g) e ()")
}

func TestTheWriteUnderWay(t *testing.T) {
	d, _, f := planted(t, "abc")
	var im *Image
	d.SetHook(func(s Step) Fault {
		if s.Op == Write {
			im = s.Image()
		}
		return Fault{}
	})
	_, err := f.WriteAt(bytes.Repeat([]byte("X"), 2*pageSize), pageSize/2)
	must(t, err)
	want(t, "kill", outcomes(t, im, Kill, content("f")), "8a8b8c", "4a4X8b8c", "4a12X8c", "4a16X4c")
	if got := outcomes(t, im, PowerCut, content("f")); !slices.Contains(got, "8a8X8c") {
		t.Errorf("power cut: %q lack a later page without the first", got)
	}
}

func TestAttributesNeedAFullSync(t *testing.T) {
	d, _, f := planted(t, "a")
	must(t, f.SetXattr("user.x", []byte("1"), 0))
	must(t, f.Sync(false))
	look := func(root store.Dir) string {
		g, err := root.OpenFile("f")
		must(t, err)
		v, _ := g.GetXattr("user.x")
		return string(v)
	}
	want(t, "fdatasync", outcomes(t, d.Image(), PowerCut, look), "", "1")
	must(t, f.Sync(true))
	want(t, "fsync", outcomes(t, d.Image(), PowerCut, look), "1")
}

// What a kill leaves is as little durable as it was before.
func TestKillThenPowerCut(t *testing.T) {
	d, _, f := planted(t, "a")
	write(t, f, "b", 0)
	killed := d.Image().Crash(Kill, rand.New(rand.NewPCG(1, 1)))
	want(t, "kill, then power cut", outcomes(t, killed.Image(), PowerCut, content("f")), "8a", "8b")
}

// Files without a name are gone, also when they come back because the removal
// was not durable.
func TestUnlinkedFiles(t *testing.T) {
	d, root, f := planted(t, "a")
	must(t, root.Unlink("f"))
	write(t, f, "b", 0)
	want(t, "kill", outcomes(t, d.Image(), Kill, content("f")), "none")
	want(t, "power cut", outcomes(t, d.Image(), PowerCut, content("f")), "none", "8a", "8b")
	killed := d.Image().Crash(Kill, rand.New(rand.NewPCG(1, 1)))
	want(t, "both", outcomes(t, killed.Image(), PowerCut, content("f")), "none", "8a", "8b")
}

func TestFaults(t *testing.T) {
	d, root, f := planted(t, "ab")
	d.SetHook(func(s Step) Fault {
		switch s.Op {
		case Write:
			return Fault{Err: syscall.ENOSPC, Done: pageSize}
		case Create, Read, Sync:
			return Fault{Err: syscall.EIO}
		}
		return Fault{}
	})
	if n, err := f.WriteAt(pages("XY"), 0); n != pageSize || err != syscall.ENOSPC {
		t.Errorf("short write: %d, %v", n, err)
	}
	if _, err := root.CreateFile("g"); err != syscall.EIO {
		t.Errorf("create: %v", err)
	}
	if _, err := f.ReadAt(make([]byte, 1), 0); err != syscall.EIO {
		t.Errorf("read: %v", err)
	}
	if err := f.Sync(true); err != syscall.EIO {
		t.Errorf("sync: %v", err)
	}
	d.SetHook(nil)
	if got := content("f")(root); got != "8X8b" {
		t.Errorf("after a short write: %q", got)
	}
	if got := names(root); got != "f" {
		t.Errorf("after a failed create: %q", got)
	}
	want(t, "a failed sync makes nothing durable", outcomes(t, d.Image(), PowerCut, content("f")), "8X8b", "8a8b")
}

// TestSeedsRepeat makes a long random history twice and the same crashes.
func TestSeedsRepeat(t *testing.T) {
	history := func() *Image {
		rng := rand.New(rand.NewPCG(9, 9))
		d, root, f := planted(t, "abcd")
		for range 200 {
			switch n := rng.IntN(5); n {
			case 0:
				root.CreateFile(string(rune('g' + rng.IntN(10))))
			case 1:
				root.Unlink(string(rune('g' + rng.IntN(10))))
			case 2:
				must(t, f.Truncate(int64(rng.IntN(5*pageSize))))
			default:
				write(t, f, string(rune('A'+rng.IntN(26))), int64(rng.IntN(5)))
			}
		}
		return d.Image()
	}
	a, b := history(), history()
	different := map[string]bool{}
	for seed := range uint64(60) {
		look := func(im *Image) string {
			root := rootOf(t, im.Crash(TornPowerCut, rand.New(rand.NewPCG(seed, 5))))
			return names(root) + content("f")(root)
		}
		if x, y := look(a), look(b); x != y {
			t.Fatalf("seed %d: %q and then %q", seed, x, y)
		}
		different[look(a)] = true
	}
	if len(different) < 20 {
		t.Errorf("60 seeds lead to %d states only", len(different))
	}
}

func TestKindsHaveNames(t *testing.T) {
	if got := fmt.Sprint(Kill, PowerCut, TornPowerCut); got != "kill power cut torn power cut" {
		t.Errorf("%q", got)
	}
}
