package store

import (
	"math/rand/v2"
	"testing"

	"matterfs/crypto"
)

// The benchmarks run on a real file system, with its syncs: what an editor, an
// office suite or a database pays.

func benchFile(b *testing.B, size int) (*Object, *Handle) {
	dir := b.TempDir()
	d, err := OpenOSDisk(dir)
	must(b, err)
	id, key, keys := crypto.NewID(), crypto.NewKey(), ring{}
	must(b, Create(d, id, key))
	s, err := Open(d, id, key, keys, Options{})
	must(b, err)
	b.Cleanup(func() { s.Close() })
	root, err := s.CreateMatter("m1", keys.add("m1"), "m1", NewAttr{})
	must(b, err)
	o, h, _, err := root.Create("f", staff, true)
	must(b, err)
	_, err = h.WriteAt(make([]byte, size), 0)
	must(b, err)
	must(b, h.Sync())
	must(b, h.Close())
	h, err = o.Open(true)
	must(b, err)
	return root, h
}

func benchSyncedWrites(b *testing.B, n int, off func(i int) int64) {
	_, h := benchFile(b, 16<<20)
	p := random(n)
	b.SetBytes(int64(n))
	b.ResetTimer()
	for i := range b.N {
		_, err := h.WriteAt(p, off(i))
		must(b, err)
		must(b, h.Sync())
	}
}

func anywhere(int) int64 { return rand.Int64N(4096) * 4096 }

func BenchmarkOverwriteSync4K(b *testing.B)  { benchSyncedWrites(b, 4096, anywhere) }
func BenchmarkOverwriteSync100(b *testing.B) { benchSyncedWrites(b, 100, anywhere) }
func BenchmarkAppendSync4K(b *testing.B) {
	benchSyncedWrites(b, 4096, func(i int) int64 { return 16<<20 + int64(i)*4096 })
}

// BenchmarkSaveInPlace opens, overwrites the start, syncs and closes.
func BenchmarkSaveInPlace(b *testing.B) {
	_, h := benchFile(b, 1<<20)
	o := h.Object()
	p := random(20_000)
	for b.Loop() {
		w, err := o.Open(true)
		must(b, err)
		must(b, h.Close())
		_, err = w.WriteAt(p, 0)
		must(b, err)
		must(b, w.Sync())
		must(b, w.Close())
		h, err = o.Open(false)
		must(b, err)
	}
}

// BenchmarkNewFileSync is the save of an editor: new file, sync, rename.
func BenchmarkNewFileSync(b *testing.B) {
	root, _ := benchFile(b, 0)
	p := random(20_000)
	for b.Loop() {
		o, h, _, err := root.Create("tmp", staff, true)
		must(b, err)
		_, err = h.WriteAt(p, 0)
		must(b, err)
		must(b, h.Sync())
		must(b, h.Close())
		must(b, root.Rename("tmp", root, "g", false))
		o.Release()
	}
}

func BenchmarkNewFile(b *testing.B) {
	root, _ := benchFile(b, 0)
	p := random(20_000)
	for b.Loop() {
		o, h, _, err := root.Create("tmp", staff, true)
		must(b, err)
		_, err = h.WriteAt(p, 0)
		must(b, err)
		must(b, h.Close())
		must(b, root.Unlink("tmp"))
		o.Release()
	}
}

func BenchmarkSequentialWrite(b *testing.B) {
	root, _ := benchFile(b, 0)
	_, h, _, err := root.Create("big", staff, true)
	must(b, err)
	p := random(1 << 20)
	b.SetBytes(1 << 20)
	for i := 0; b.Loop(); i++ {
		if i%256 == 0 {
			must(b, h.Truncate(0))
		}
		_, err := h.WriteAt(p, int64(i%256)<<20)
		must(b, err)
	}
}

func BenchmarkSequentialOverwrite(b *testing.B) {
	_, h := benchFile(b, 64<<20)
	p := random(1 << 20)
	b.SetBytes(1 << 20)
	for i := 0; b.Loop(); i++ {
		_, err := h.WriteAt(p, int64(i%64)<<20)
		must(b, err)
	}
}

// BenchmarkRandomRead4K reads a file a quarter of which is in its journal, as far
// as the store has one.
func BenchmarkRandomRead4K(b *testing.B) {
	_, h := benchFile(b, 16<<20)
	p := make([]byte, 4096)
	for i := range int64(1024) {
		_, err := h.WriteAt(p, i*4*4096)
		must(b, err)
	}
	b.ReportAllocs()
	b.SetBytes(4096)
	for b.Loop() {
		_, err := h.ReadAt(p, anywhere(0))
		must(b, err)
	}
}

func BenchmarkSequentialRead(b *testing.B) {
	_, h := benchFile(b, 16<<20)
	p := make([]byte, 1<<20)
	b.SetBytes(1 << 20)
	for i := 0; b.Loop(); i++ {
		_, err := h.ReadAt(p, int64(i%16)<<20)
		must(b, err)
	}
}
