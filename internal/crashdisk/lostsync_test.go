package crashdisk

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"matterfs/crypto/store"
)

// The pages of a failed sync are seen, are taken for durable by the next one, and
// are not on the disk. One that is written again is.
func TestLostSync(t *testing.T) {
	d := New()
	f, err := rootOf(t, d).CreateFile("f")
	must(t, err)
	fill := func(c byte, off int64) {
		_, err := f.WriteAt(bytes.Repeat([]byte{c}, pageSize), off)
		must(t, err)
	}
	fill('a', 0)
	fill('a', pageSize)
	must(t, f.Sync(false))
	fill('b', 0)
	fill('b', pageSize)
	d.SetHook(func(s Step) Fault {
		if s.Op == Sync {
			return Fault{Err: syscall.EIO, Lost: true}
		}
		return Fault{}
	})
	if err := f.Sync(false); !errors.Is(err, syscall.EIO) {
		t.Fatalf("the sync answers %v", err)
	}
	d.SetHook(nil)
	fill('c', pageSize)
	must(t, f.Sync(false))
	must(t, rootOf(t, d).Sync(true))
	seen := func(root store.Dir) string { return content("f")(root) }
	if s := seen(rootOf(t, d)); s != "8b8c" {
		t.Errorf("seen is %s", s)
	}
	want(t, "after a power cut", outcomes(t, d.Image(), PowerCut, seen), "8a8c", "8b8c")
	kept := d.Image()
	must(t, f.(*file).DropCache())
	if s := seen(rootOf(t, d)); s != "8a8c" {
		t.Errorf("with the cache dropped %s is seen", s)
	}
	want(t, "dropped, after a power cut", outcomes(t, d.Image(), PowerCut, seen), "8a8c")
	other := kept.disk()
	other.DropCaches()
	if s := seen(rootOf(t, other)); s != "8a8c" {
		t.Errorf("with all caches dropped %s is seen", s)
	}
}
