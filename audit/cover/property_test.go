package cover

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

var runs = flag.Int("cover.runs", 600, "random runs of readers that crash at every instant")

// record is a line of the log as far as it covers bytes.
type record struct {
	handle, uid   int
	gen           uint64
	off, end      int64
	winFrom, winT int64
}

// asks is how the simulated drive uses this package. A control run leaves something out.
type asks struct {
	take   func(v *View, off, n int64) bool
	terms  func(gen uint64) Terms
	uid    func(uid int) uint32
	handle func(i int) int
	early  bool // the window counts before the record is in the log
	beyond int64
}

func proper() asks {
	return asks{
		take:  (*View).Take,
		terms: func(gen uint64) Terms { return Terms{Gen: gen} },
		uid:   func(uid int) uint32 { return uint32(uid) }, handle: func(i int) int { return i },
	}
}

// world is a file with several handles, readers and a log, of which all that was written is on the disk at each instant.
type world struct {
	r       *rand.Rand
	how     asks
	size    int64
	gen     uint64
	handles [3]Handle
	disk    []record
	threads []*thread
	served  int64
	records int
}

// thread is a reader somewhere between its request and its answer.
type thread struct {
	handle, uid int
	pattern     int
	at          int64 // of a reader in a row

	step int
	gen  uint64
	off  int64
	n    int64
	v    *View
	w    Window
}

const (
	asking = iota
	announcing
	writing
	answering
)

// advance does one step of one thread; others run between any two. The error is a byte that left uncovered.
func (x *world) advance(t *thread) error {
	switch t.step {
	case asking:
		x.ask(t)
		if !x.how.take(t.v, t.off, t.n) {
			t.step = announcing
			return nil
		}
		return x.leaves(t)
	case announcing:
		t.w = t.v.Announce(t.off, t.n, x.size)
		if x.how.early {
			t.v.Recorded(t.off, t.n, t.w)
		}
		t.step = writing
	case writing:
		x.disk = append(x.disk, record{t.handle, t.uid, t.gen, t.off, t.off + t.n, t.w.From, t.w.To - x.how.beyond})
		x.records++
		t.step = answering
	case answering:
		if !x.how.early {
			t.v.Recorded(t.off, t.n, t.w)
		}
		t.step = asking
		return x.leaves(t)
	}
	return nil
}

// ask chooses what to read, and decrypts it under the policy that runs.
func (x *world) ask(t *thread) {
	t.off, t.n = t.at, 1+x.r.Int64N(256<<10)
	switch t.pattern {
	case 1: // here and there
		t.off = x.r.Int64N(x.size + 1)
		t.n = 1 + x.r.Int64N(8<<10)
	case 2: // backwards
		t.off = max(0, t.at-t.n)
		t.at = t.off
	case 3: // the same places again
		t.off, t.n = x.r.Int64N(8)*4096, 4096
	}
	t.n = max(0, min(t.n, x.size-t.off))
	if t.pattern == 0 {
		if t.at = t.off + t.n; t.n == 0 {
			t.at = 0
		}
	}
	t.gen = x.gen
	t.v = x.handles[x.how.handle(t.handle)].View(x.how.uid(t.uid), x.how.terms(t.gen))
}

// leaves judges an answer by the log as a crash at this instant would leave it.
func (x *world) leaves(t *thread) error {
	x.served += t.n
	at := t.off
	for moved := true; moved && at < t.off+t.n; {
		moved = false
		for _, r := range x.disk {
			if r.handle != t.handle || r.uid != t.uid || r.gen != t.gen {
				continue
			}
			for _, s := range [][2]int64{{r.off, r.end}, {r.winFrom, r.winT}} {
				if s[0] <= at && at < s[1] {
					at, moved = s[1], true
				}
			}
		}
	}
	if at < t.off+t.n {
		return fmt.Errorf("byte %d left through handle %d to uid %d under policy %d, and no record covers it", at, t.handle, t.uid, t.gen)
	}
	return nil
}

// disturb changes the file or the policy.
func (x *world) disturb() {
	switch x.r.IntN(40) {
	case 0:
		x.gen++
	case 1:
		x.size += x.r.Int64N(1 << 20)
	case 2:
		x.size = x.r.Int64N(x.size + 1)
	}
}

// play is one random run. A crash is not an event of its own: each answer is held against the log of its instant.
func play(seed uint64, how asks) (x *world, err error) {
	x = &world{r: rand.New(rand.NewPCG(seed, 9)), how: how}
	x.size = x.r.Int64N(1 << (10 + x.r.IntN(16)))
	for range 1 + x.r.IntN(6) {
		x.threads = append(x.threads, &thread{handle: x.r.IntN(3), uid: x.r.IntN(3), pattern: x.r.IntN(4)})
	}
	calm := x.r.IntN(3) > 0
	for range 600 {
		if !calm {
			x.disturb()
		}
		if err := x.advance(x.threads[x.r.IntN(len(x.threads))]); err != nil {
			return x, err
		}
	}
	return x, x.bounded()
}

// bounded: what is kept for a handle does not grow with what is read.
func (x *world) bounded() error {
	for i := range x.handles {
		for uid, s := range x.handles[i].shares {
			if s.view != nil && len(s.view.covered.list) > Scattered+len(x.threads)+2 {
				return fmt.Errorf("handle %d keeps %d ranges for uid %d", i, len(s.view.covered.list), uid)
			}
		}
	}
	return nil
}

// No byte leaves that is not covered, whoever reads, whatever changes, whenever it ends.
func TestNoUncoveredByteLeaves(t *testing.T) {
	var served int64
	records := 0
	for seed := range uint64(*runs) {
		x, err := play(seed, proper())
		if err != nil {
			t.Fatalf("run %d: %v", seed, err)
		}
		served, records = served+x.served, records+x.records
	}
	t.Logf("%d runs: %d MiB left, %d records", *runs, served>>20, records)
	if served>>20 < int64(*runs) || records < 10**runs {
		t.Error("too little was read to show anything")
	}
}

// Each part of the rule is needed: without it the same runs find a byte that left uncovered.
func TestEachPartOfTheRuleIsNeeded(t *testing.T) {
	for name, spoil := range map[string]func(*asks){
		"no check":                     func(a *asks) { a.take = func(*View, int64, int64) bool { return true } },
		"only the first byte is asked": func(a *asks) { a.take = func(v *View, off, n int64) bool { return v.Take(off, min(n, 1)) } },
		"the policy is not looked at":  func(a *asks) { a.terms = func(uint64) Terms { return Terms{} } },
		"the uid is not looked at":     func(a *asks) { a.uid = func(int) uint32 { return 0 } },
		"the handle is not looked at":  func(a *asks) { a.handle = func(int) int { return 0 } },
		"covered before it is written": func(a *asks) { a.early = true },
		"a byte less in the record":    func(a *asks) { a.beyond = 1 },
	} {
		how := proper()
		spoil(&how)
		found := 0
		for seed := range uint64(*runs) {
			if _, err := play(seed, how); err != nil {
				found++
			}
		}
		t.Logf("%s: found in %d of %d runs", name, found, *runs)
		if found == 0 {
			t.Errorf("%s: nobody noticed", name)
		}
	}
}

// show is a total in one line.
func show(o Total) string {
	return fmt.Sprintf("%d %d/%d %s %s", o.UID, o.Read, o.Written, FormatRanges(o.Took), FormatRanges(o.Gave))
}

// FuzzParseRanges: what is read is written back as it was.
func FuzzParseRanges(f *testing.F) {
	for _, s := range []string{"", "0-1", "0-5,~7-9", "1-", "~", "0-1,1-2", "9223372036854775806-9223372036854775807"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, err := ParseRanges(s)
		if err != nil {
			return
		}
		if got := FormatRanges(list); got != s {
			t.Errorf("%q is written as %q", s, got)
		}
		if !slices.IsSortedFunc(list, func(a, b Range) int { return int(min(1, max(-1, a.To-b.From))) }) {
			t.Errorf("%q: %v is not in order", s, list)
		}
	})
}

// BenchmarkTake: what a covered read of 4 KiB pays for its cover.
func BenchmarkTake(b *testing.B) {
	const size = 64 << 20
	for name, next := range map[string]func(i int64) int64{
		"row":       func(i int64) int64 { return i * 4096 % size },
		"scattered": func(i int64) int64 { return i * 7919 * 4096 % size },
	} {
		b.Run(name, func(b *testing.B) {
			v := new(Handle).View(1, Terms{})
			v.Recorded(0, 1, Window{From: 0, To: size})
			b.ReportAllocs()
			i := int64(0)
			for b.Loop() {
				if !v.Take(next(i), 4096) {
					b.Fatal("not covered")
				}
				i++
			}
		})
	}
}
