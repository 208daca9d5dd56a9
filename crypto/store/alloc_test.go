//go:build !race

package store

import (
	"testing"
)

func openBig(t *testing.T) *Handle {
	b := newBench(t, rawDisk)
	b.write("f", random(4<<20))
	h, err := b.at("f").Open(true)
	must(t, err)
	t.Cleanup(func() { h.Close() })
	return h
}

// A request costs no allocation per block. The pools may be emptied by the
// collector in between, so averages are taken and a little is allowed; the race
// detector empties them on purpose, so this file is left out there.
func TestAllocations(t *testing.T) {
	h := openBig(t)
	small, large := make([]byte, 4096), make([]byte, 1<<20)
	for _, r := range []struct {
		name string
		max  float64
		op   func() (int, error)
	}{
		{"read 4 KiB", 0.5, func() (int, error) { return h.ReadAt(small, 8192) }},
		{"read 4 KiB across blocks", 0.5, func() (int, error) { return h.ReadAt(small, 5000) }},
		{"read 1 MiB", 2, func() (int, error) { return h.ReadAt(large, 1<<20) }},
		{"write 4 KiB", 1, func() (int, error) { return h.WriteAt(small, 8192) }},
		{"write 4 KiB across blocks", 1, func() (int, error) { return h.WriteAt(small, 5000) }},
		{"write 1 MiB", 4, func() (int, error) { return h.WriteAt(large, 1<<20) }},
	} {
		got := testing.AllocsPerRun(200, func() {
			if n, err := r.op(); n == 0 || err != nil {
				t.Fatal(n, err)
			}
		})
		if got > r.max {
			t.Errorf("%s: %.2f allocations, want at most %v", r.name, got, r.max)
		}
	}
}

// Blocks that are in the journal, each its own pread here, cost none either.
func TestJournalIsReadWithoutAllocating(t *testing.T) {
	b, h := oldFile(t, random(64*4096))
	for i := range int64(16) {
		b.overwrite(h, random(4096), i*4*4096)
	}
	p := make([]byte, 64*4096)
	if n := testing.AllocsPerRun(200, func() { must1(h.ReadAt(p, 0)) }); n > 2 {
		t.Errorf("%v allocations for 64 blocks", n)
	}
}
