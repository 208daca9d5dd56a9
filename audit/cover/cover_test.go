package cover

import (
	"slices"
	"sync"
	"testing"
)

const kib, mib = 1 << 10, 1 << 20

// reading reads through a view as the drive does, and notes the windows of the records.
type reading struct {
	v       *View
	size    int64
	windows []Window
}

func (r *reading) read(off, n int64) {
	if r.v.Take(off, n) {
		return
	}
	w := r.v.Announce(off, n, r.size)
	r.v.Recorded(off, n, w)
	w.alone = false
	r.windows = append(r.windows, w)
}

func (r *reading) wants(t *testing.T, want ...Window) {
	t.Helper()
	if !slices.Equal(r.windows, want) {
		t.Errorf("the records announce %v, want %v", r.windows, want)
	}
}

func newReading(size int64) *reading { return &reading{v: new(Handle).View(1, Terms{}), size: size} }

// Reads in a row announce ahead, twice as much each time.
func TestReadsInARow(t *testing.T) {
	r := newReading(100 * mib)
	for off := int64(0); off < 100*mib; off += 4 * kib {
		r.read(off, 4*kib)
	}
	want := []Window{{From: 0, To: 4 * kib}}
	for at := int64(4 * kib); at < 100*mib; {
		to := min(at+min(max(128*kib, at), 16*mib), 100*mib)
		want = append(want, Window{From: at, To: to})
		at = to
	}
	r.wants(t, want...)
	if len(want) > 16 {
		t.Errorf("%d records for 25,600 reads", len(want))
	}
}

// Large reads announce more than themselves, or each would be a record.
func TestLargeReadsInARow(t *testing.T) {
	r := newReading(40 * mib)
	for off := int64(0); off < 40*mib; off += mib {
		r.read(off, mib)
	}
	r.wants(t, Window{From: 0, To: mib}, Window{From: mib, To: 3 * mib}, Window{From: 3 * mib, To: 6 * mib},
		Window{From: 6 * mib, To: 12 * mib}, Window{From: 12 * mib, To: 24 * mib}, Window{From: 24 * mib, To: 40 * mib})
}

// Who looks at the first bytes is on record with these only; so is each read here and there. After 64 it is the whole file.
func TestReadsHereAndThere(t *testing.T) {
	r := newReading(100 * mib)
	var want []Window
	for i := int64(0); i < 100; i++ {
		off := (i * 37 % 100) * mib
		r.read(off, 4*kib)
		switch {
		case i < Scattered:
			want = append(want, Window{From: off, To: off + 4*kib})
		case i == Scattered:
			want = append(want, Window{From: 0, To: 100 * mib})
		}
	}
	r.wants(t, want...)
	r.read(5*mib, 4*kib)
	r.size += 8 * kib
	r.read(100*mib, 4*kib)
	r.wants(t, append(want, Window{From: 0, To: 100*mib + 8*kib})...)
}

// What is read again needs no second record.
func TestReadsOfTheSame(t *testing.T) {
	r := newReading(mib)
	for range 1000 {
		r.read(0, 100)
		r.read(8192, 100)
	}
	r.wants(t, Window{From: 0, To: 100}, Window{From: 8192, To: 8292})
	if got := r.v.of.read; got != 2000*100 {
		t.Errorf("%d bytes were counted", got)
	}
}

// A run of reads goes on although another thread reads elsewhere through the same handle.
func TestTwoThreadsOnOneHandle(t *testing.T) {
	r := newReading(64 * mib)
	for off := int64(0); off < 16*mib; off += 4 * kib {
		r.read(off, 4*kib)
		r.read(32*mib, 1)
	}
	if n := len(r.windows); n > 12 || r.windows[n-1].To > 32*mib {
		t.Errorf("%d records: %v", n, r.windows)
	}
}

// At the end of the file nothing leaves: one record says so where there is none yet.
func TestReadsOfNothing(t *testing.T) {
	r := newReading(100)
	r.read(100, 0)
	r.read(100, 0)
	r.wants(t, Window{From: 100, To: 100})
	r.read(0, 100)
	r.read(100, 0)
	r.wants(t, Window{From: 100, To: 100}, Window{From: 0, To: 100})
}

// A file that grows is announced no further than it goes, so that what comes later has a record of its own.
func TestGrowingFile(t *testing.T) {
	r := newReading(0)
	var want []Window
	for range 10 {
		r.size += 1000
		r.read(r.size-1000, 1000)
		r.read(r.size, 0)
		want = append(want, Window{From: r.size - 1000, To: r.size})
	}
	r.wants(t, want...)
}

// A file that was cut while it was read is announced as far as it was read.
func TestFileCutMeanwhile(t *testing.T) {
	r := newReading(0)
	r.read(0, 500)
	r.read(500, 500)
	r.wants(t, Window{From: 0, To: 500}, Window{From: 500, To: 1000})
}

// Whatever changes begins anew; the same terms go on.
func TestOtherTermsBeginAnew(t *testing.T) {
	var h Handle
	at := Terms{Gen: 1, Path: "a", Rule: "member.user"}
	v := h.View(1, at)
	v.Recorded(0, 10, v.Announce(0, 10, 10))
	if h.View(1, at) != v || !h.View(1, at).Take(0, 10) {
		t.Error("the same terms begin anew")
	}
	for name, change := range map[string]func(*Terms){
		"generation": func(o *Terms) { o.Gen++ }, "until": func(o *Terms) { o.Until++ }, "user": func(o *Terms) { o.User = "x" },
		"matter": func(o *Terms) { o.Matter = "x" }, "client": func(o *Terms) { o.Client = "x" }, "level": func(o *Terms) { o.Level = "x" },
		"path": func(o *Terms) { o.Path = "x" }, "rule": func(o *Terms) { o.Rule = "x" }, "purpose": func(o *Terms) { o.Purpose = "x" },
	} {
		other := at
		change(&other)
		if h.View(1, other).Take(0, 10) {
			t.Errorf("another %s is covered by the old records", name)
		}
		if h.View(1, at).Take(0, 10) {
			t.Errorf("after another %s the old records count again", name)
		}
		v = h.View(1, at)
		v.Recorded(0, 10, v.Announce(0, 10, 10))
	}
	if h.View(2, at).Take(0, 10) {
		t.Error("another uid is covered")
	}
	if new(Handle).View(1, at).Take(0, 10) {
		t.Error("another handle is covered")
	}
}

func TestTotals(t *testing.T) {
	var h Handle
	if got := h.Totals(5); len(got) != 1 || got[0].UID != 5 || got[0].Took != nil {
		t.Errorf("nothing done: %+v", got)
	}
	h.Took(9, 0, 10)
	h.Took(5, 5, 10)
	h.Took(5, 5, 10)
	h.Gave(2, 100, 1)
	h.Took(3, 7, 0)
	want := []string{"2 0/1  100-101", "9 10/0 0-10 ", "5 20/0 5-15 "}
	var got []string
	for _, o := range h.Totals(5) {
		got = append(got, show(o))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// All methods at the same time, for the race detector; and no byte is counted twice or not at all.
func TestConcurrentUse(t *testing.T) {
	var h Handle
	var all sync.WaitGroup
	for uid := range uint32(4) {
		for range 4 {
			all.Go(func() {
				for i := range int64(500) {
					r := reading{v: h.View(uid, Terms{Gen: uint64(i / 100)}), size: 1 << 20}
					r.read(i*100, 100)
					h.Gave(uid, i, 1)
					h.Totals(0)
				}
			})
		}
	}
	all.Wait()
	for _, o := range h.Totals(0) {
		if o.Read != 4*500*100 || o.Written != 4*500 || FormatRanges(o.Took) != "0-50000" {
			t.Errorf("%s", show(o))
		}
	}
}
