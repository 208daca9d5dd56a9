package store

import (
	"math/rand/v2"
	"testing"
	"time"
)

// The version told at a close is never above what is on the disk once the store is
// closed or recovered, and always above that of any state before the writes.
func TestVersionPromise(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 7))
		b := newBench(t, later, func(b *bench) { b.opts.JournalAge = time.Hour })
		b.write("f", random(r.IntN(20000)))
		b.reopen()
		var before, told uint64
		b.with("f", func(o *Object) { before = o.Version() })
		b.with("f", func(o *Object) {
			h, err := o.Open(true)
			must(t, err)
			for range 1 + r.IntN(4) {
				if r.IntN(4) == 0 {
					must(t, h.Truncate(uint64(r.IntN(20000))))
				}
				_, err = h.WriteAt(random(1+r.IntN(9000)), int64(r.IntN(20000)))
				must(t, err)
			}
			must(t, h.Close())
			told = o.Version()
		})
		if crash := r.IntN(2) == 0; crash {
			b.crash()
		} else {
			b.reopen()
		}
		b.with("f", func(o *Object) {
			if now := o.Version(); told <= before || now < told {
				t.Errorf("seed %d: version %d before, %d told at the close, %d afterwards", seed, before, told, now)
			}
		})
		must(t, b.Store.Close())
		seen := uint64(0)
		b.fsck(CheckOptions{Object: func(o CheckedObject) {
			if o.Path == "f" {
				seen = o.Version
			}
		}})
		if seen < told {
			t.Errorf("seed %d: the check sees version %d, %d was told", seed, seen, told)
		}
	}
}
