package audit

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// growing is a log that a test writes on, rotates, cuts and writes anew.
type growing struct {
	t    testing.TB
	o    QueryOptions
	enc  *encoder
	seq  uint64
	prev [32]byte
	at   time.Time
}

func newGrowing(t testing.TB) *growing {
	g := &growing{t: t, o: QueryOptions{Dir: t.TempDir(), IndexDir: t.TempDir()}, enc: newEncoders().Get().(*encoder), prev: StoreHash(testStore)}
	g.at = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	return g
}

func (g *growing) live() string  { return filepath.Join(g.o.Dir, LiveName) }
func (g *growing) index() string { return filepath.Join(g.o.IndexDir, LiveName+".index") }

// write appends records.
func (g *growing) write(list ...*Record) {
	g.t.Helper()
	var b []byte
	for _, r := range list {
		body, err := g.enc.encode(r)
		if err != nil {
			g.t.Fatal(err)
		}
		g.seq, g.at = g.seq+1, g.at.Add(time.Second)
		l := frame(nil, g.seq, g.at, body, &g.prev)
		g.prev = LeafHash(l)
		b = append(append(b, l...), '\n')
	}
	f, err := os.OpenFile(g.live(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		g.t.Fatal(err)
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Close()); err != nil {
		g.t.Fatal(err)
	}
}

// cut takes the last n lines of the live file away, in the same file.
func (g *growing) cut(n int) {
	g.t.Helper()
	l := splitLines(readFile(g.t, g.live()))
	n = min(n, len(l)-1)
	keep := bytes.Join(l[:len(l)-n], nil)
	if err := os.Truncate(g.live(), int64(len(keep))); err != nil {
		g.t.Fatal(err)
	}
	last := bytes.TrimSuffix(l[len(l)-n-1], []byte("\n"))
	h, why := parseHeader(last)
	if why != "" {
		g.t.Fatal(why)
	}
	g.seq, g.prev, g.at = h.seq, LeafHash(last), h.t
}

func (g *growing) rotate() {
	g.t.Helper()
	b := readFile(g.t, g.live())
	h, why := parseHeader(splitLines(b)[0][:bytes.IndexByte(b, '\n')])
	if why != "" {
		g.t.Fatal(why)
	}
	if err := os.Rename(g.live(), filepath.Join(g.o.Dir, segmentName(h.seq))); err != nil {
		g.t.Fatal(err)
	}
	writeFile(g.t, g.live(), nil)
}

// matters are n records of these matters, in turn.
func matters(n int, ids ...string) (list []*Record) {
	for i := range n {
		r := sample(i)
		r.Matter = ids[i%len(ids)]
		list = append(list, r)
	}
	return list
}

// ask compares the answer with that of reading everything.
func (g *growing) ask(text string) *QueryReport {
	g.t.Helper()
	f := mustFilter(g.t, text)
	want := slow(g.t, g.o.Dir, f)
	got, rep := found(g.t, g.o, f)
	counted, err := Count(g.o, f)
	if !slices.Equal(got, want) || err != nil || counted.Matched != uint64(len(want)) || rep.Bad+counted.Bad > 0 {
		g.t.Fatalf("%q: %d records, counted %d, want %d; %+v, %v", text, len(got), counted.Matched, len(want), rep, err)
	}
	return rep
}

// The index of the live file knows what was there at the last query, is gone on with, and goes along when the file is rotated.
func TestTheLiveFileHasAnIndex(t *testing.T) {
	g := newGrowing(t)
	g.write(matters(9000, "A", "A", "B")...)
	g.write(matters(100, "C")...)
	size := int64(len(readFile(t, g.live())))
	if rep := g.ask("matter=C"); rep.Built != 1 || rep.Bytes < size {
		t.Errorf("the first time: %+v", rep)
	}
	if rep := g.ask("matter=C"); rep.Built != 0 || rep.Bytes > size/10 {
		t.Errorf("the second time: %d bytes of %d, %+v", rep.Bytes, size, rep)
	}
	g.write(matters(50, "C")...)
	if rep := g.ask("matter=C"); rep.Built != 0 || rep.Bytes > size/10 || rep.Matched != 150 {
		t.Errorf("a little more: %+v", rep)
	}
	g.write(matters(3000, "B", "C")...)
	before := readFile(t, g.index())
	if rep := g.ask("matter=A denied"); rep.Built != 1 || rep.Bytes < learnBytes || rep.Bytes > size/2 {
		t.Errorf("much more: %d bytes of %d, %+v", rep.Bytes, size, rep)
	}
	if bytes.Equal(before, readFile(t, g.index())) {
		t.Error("the index was not gone on with")
	}
	g.rotate()
	g.write(matters(2, "C")...)
	if rep := g.ask("matter=none"); rep.Bytes > 2*blockBytes {
		t.Errorf("rotated: %+v", rep)
	}
	if rep := g.ask("matter=none"); rep.Built != 0 {
		t.Errorf("the segment has no index: %+v", rep)
	}
	if x, ok := readIndex(filepath.Join(g.o.IndexDir, segmentName(1)+".index")); !ok || x.size < size {
		t.Errorf("the index did not go along: %v", ok)
	}
	g.ask("matter=C")
	pack(t, g.o.Dir, true)
	g.ask("matter=C")
}

// falseIndex gives an index of the file at name that says nothing of it but what makes it be taken for one of its own.
func falseIndex(t *testing.T, name string) *index {
	t.Helper()
	b := readFile(t, name)
	lines := splitLines(b)
	return &index{size: int64(len(b)), direct: true, blocks: []block{{size: int64(len(b))}}, posts: make([]map[string]run, indexedFields),
		last: LeafHash(bytes.TrimSuffix(lines[len(lines)-1], []byte("\n")))}
}

// Whatever lies where the index of the live file should be: the answer is that of reading everything.
func TestIndexesOfTheLiveFileThatAreNotItsOwn(t *testing.T) {
	g, other := newGrowing(t), newGrowing(t)
	g.write(matters(4000, "A", "B")...)
	g.ask("matter=A")
	good := readFile(t, g.index())
	other.write(matters(4000, "B", "A")...) // as long, line by line
	other.write(matters(100, "B", "A")...)
	other.ask("matter=A")
	x, ok := parseIndex(good)
	if !ok {
		t.Fatal("the index cannot be read")
	}
	change := func(f func(x *index)) []byte {
		y, _ := parseIndex(good)
		y.posts = y.postings()
		f(y)
		return y.appendTo(nil)
	}
	for what, b := range map[string][]byte{
		"of another log": readFile(t, other.index()), "empty": {}, "garbage": bytes.Repeat([]byte("MFINDEX1"), 300), "cut": good[:len(good)-9],
		"cut, with a sum": appendSum(good[:len(good)/2]), "of more than there is": change(func(y *index) { y.size += 1000 }),
		"ends before its size": change(func(y *index) { y.size -= 5 }),
		"a hole":               change(func(y *index) { y.blocks = slices.Delete(y.blocks, 3, 5) }),
		"begins late":          change(func(y *index) { y.blocks = y.blocks[1:] }),
		"no blocks":            change(func(y *index) { y.blocks, y.size = nil, 0 }),
		"overlapping":          change(func(y *index) { y.blocks[2].off -= 100 }),
		"an endless block":     change(func(y *index) { y.blocks[len(y.blocks)-1].size = 1 << 60 }),
		"not direct":           change(func(y *index) { y.direct = false }),
		"another last line":    change(func(y *index) { y.last[7] ^= 1 }),
	} {
		if err := os.Remove(g.index()); err != nil {
			t.Fatal(err)
		}
		writeFile(t, g.index(), b)
		if rep := g.ask("matter=A ev=read"); rep.Built != 1 {
			t.Errorf("%s: is believed: %+v", what, rep)
		}
		if rep := g.ask("matter=A"); rep.Built != 0 || len(readFile(t, g.index())) < len(good)/2 {
			t.Errorf("%s: no good index came in its place: %+v", what, rep)
		}
	}
	if y, ok := parseIndex(readFile(t, g.index())); !ok || y.size != x.size {
		t.Errorf("the last index is of %d bytes, want %d", y.size, x.size)
	}
}

// A log that was cut and written anew in the same file has not the index of before, whatever its length.
func TestIndexOfALogThatWasWrittenAnew(t *testing.T) {
	for _, cut := range []int{1, 40, 2999, 5999} {
		for _, more := range []int{0, 1, -40, 2000} {
			g := newGrowing(t)
			g.write(matters(6000, "A")...)
			g.ask("matter=A")
			g.cut(cut)
			g.write(matters(max(0, cut+more), "B")...)
			g.ask("matter=A")
			g.ask("matter=B")
			g.ask("matter=A ev=read")
		}
	}
}

// An index that lies about what it spares from being read hides it. So it is believed only where nobody else can have written it.
func TestIndexThatOthersMayWriteIsNotBelieved(t *testing.T) {
	g := newGrowing(t)
	g.write(matters(60, "A", "B")...) // one block
	lie := falseIndex(t, g.live()).appendTo(nil)
	f := mustFilter(t, "matter=A")
	for what, c := range map[string]struct {
		prepare func() error
		hides   bool
	}{
		"one's own":        {func() error { return nil }, true}, // else this test would pass with any forgery
		"others may write": {func() error { return os.Chmod(g.index(), 0o602) }, false},
		"group may write":  {func() error { return os.Chmod(g.index(), 0o660) }, false},
		"somebody else's":  {func() error { return os.Chown(g.index(), 4711, 4711) }, false},
	} {
		os.Remove(g.index())
		writeFile(t, g.index(), lie)
		if err := errors.Join(os.Chmod(g.index(), 0o600), c.prepare()); err != nil {
			t.Fatal(what, err) // the tests run as root
		}
		if got, rep := found(t, g.o, f); (len(got) == 0) != c.hides || !c.hides && len(got) != 30 {
			t.Errorf("%s: %d records, %+v", what, len(got), rep)
		}
	}
}

// Whatever is done to a log and its indexes between queries, each answer is that of reading everything.
func TestQueriesOfALogThatLives(t *testing.T) {
	const seed = 11
	r := rand.New(rand.NewPCG(seed, seed))
	for round := range 6 {
		g := newGrowing(t)
		g.write(someRecords(r, 10)...)
		for step := range 14 {
			switch r.IntN(7) {
			case 0, 1, 2:
				g.write(someRecords(r, r.IntN(6000))...)
			case 3:
				g.cut(r.IntN(4000))
				g.write(someRecords(r, r.IntN(4000))...)
			case 4:
				g.rotate()
				g.write(someRecords(r, 1+r.IntN(3000))...)
			case 5:
				pack(t, g.o.Dir, r.IntN(2) == 0)
			case 6:
				list, _ := filepath.Glob(filepath.Join(g.o.IndexDir, "*"))
				for _, name := range list[:r.IntN(1+len(list))] {
					b := readFile(t, name)
					writeFile(t, name, b[:r.IntN(len(b))])
				}
			}
			text := fmt.Sprintf("matter=2026-%04d,2026-%04d", r.IntN(60), r.IntN(60)) + []string{"", " denied", " ev!=read", " user=li.na since=2026-11-01T01:00"}[r.IntN(4)]
			if g.ask(text); t.Failed() {
				t.Fatalf("seed %d, round %d, step %d", seed, round, step)
			}
		}
	}
}

// A line that is too long for a block is told at each query and hides nothing.
func TestQueryWithALineTooLong(t *testing.T) {
	for _, size := range []int{MaxLine + 1, MaxLine + chunkBytes/2, 3 * MaxLine} {
		g := newGrowing(t)
		g.write(matters(200, "A")...)
		f, err := os.OpenFile(g.live(), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Write(append(append([]byte(`{"matter":"A"`), bytes.Repeat([]byte("x"), size)...), '\n'))
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		g.write(matters(3000, "A", "B")...)
		for range 3 {
			got, rep := found(t, g.o, mustFilter(t, "matter=A"))
			if len(got) != 1700 || rep.Bad != 1 || rep.First.What != lineTooLong {
				t.Fatalf("%d bytes: %d records, %+v", size, len(got), rep)
			}
		}
		g.rotate()
		if got, rep := found(t, g.o, mustFilter(t, "matter=A")); len(got) != 1700 || rep.Bad != 1 {
			t.Errorf("%d bytes, rotated: %d records, %+v", size, len(got), rep)
		}
	}
}
