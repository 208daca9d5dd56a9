package store

import (
	"math/rand/v2"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// TestOpenedDuringRename: a file whose last close failed is opened while a rename folds its journal in. The handle stays
// good, also when descriptors are scarce.
func TestOpenedDuringRename(t *testing.T) {
	f := &faults{}
	b, h := oldFile(t, pages('o'), withFaults(f), func(b *bench) { b.opts.MaxDescriptors = 2 })
	o := h.o
	o.Retain()
	defer o.Release()
	b.overwrite(h, pages('n'), 0)
	f.set(func(op string, off int64, size int) (int, error) { return 0, syscall.ENOSPC })
	if h.Close() == nil {
		t.Fatal("the last close did not fail")
	}
	h = nil
	f.set(func(op string, off int64, size int) (n int, err error) {
		if op == "sync" && h == nil {
			h, err = o.Open(true)
		}
		return size, err
	})
	must(t, b.root.Rename("f", b.root, "g", false))
	f.set(nil)
	if h == nil {
		t.Fatal("not opened during the rename")
	}
	for _, name := range []string{"1", "2", "3", "4"} { // other descriptors take the place
		b.write(name, pages(name[0]))
	}
	b.overwrite(h, []byte("x"), 4096)
	must(t, h.Close())
	b.wantContent("g", append(append(pages('n')[:4096:4096], 'x'), pages('.')[1:2*4096]...))
}

// TestRaceCheckpoints has files written, opened, renamed, replaced and removed while their journals are folded in all
// the time.
func TestRaceCheckpoints(t *testing.T) {
	b := newBench(t, later, func(b *bench) {
		b.opts.JournalAge, b.opts.JournalBytes, b.opts.MaxDescriptors = time.Millisecond, 32<<10, 8
	})
	together(6, func(i int) {
		r := rand.New(rand.NewPCG(uint64(i), 11))
		name := func() string { return strconv.Itoa(r.IntN(4)) }
		for range 150 {
			err := error(nil)
			switch r.IntN(6) {
			case 0:
				err = b.root.Unlink(name())
			case 1:
				err = b.root.Rename(name(), b.root, name(), false)
			default:
				err = b.createAndUse(b.root, name(), r)
			}
			if !expected(err) {
				t.Error("unexpected: ", err)
				return
			}
		}
	})
	b.reopen()
	if _, err := b.tree(); err != nil {
		t.Error(err)
	}
}
