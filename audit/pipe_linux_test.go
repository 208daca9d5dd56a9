package audit

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// oneByOne judges lines as they are defined: split at LF by newLines, each alone.
func oneByOne(r io.Reader, strict bool) (list []judged, torn int64, err error) {
	l := newLines(r)
	for {
		ln, err := l.next()
		if err == io.EOF || err == nil && ln.torn {
			return list, ln.size, nil
		}
		if err != nil {
			return list, 0, err
		}
		j := judged{b: bytes.Clone(ln.b), size: ln.size}
		if j.parse(strict, ln.long); j.why == "" {
			j.leaf = LeafHash(ln.b)
		}
		list = append(list, j)
	}
}

// sameAsOneByOne compares what many goroutines make of a file with what oneByOne does, line by line.
func sameAsOneByOne(t *testing.T, file chunker, want io.Reader, strict bool) {
	t.Helper()
	list, torn, err := oneByOne(want, strict)
	n := 0
	gotTorn, gotErr := judgeChunks(file, strict, func(j *judged) {
		n++
		if n > len(list) {
			return
		}
		w := &list[n-1]
		long := w.why == lineTooLong // its bytes are not kept
		if j.why != w.why || j.size != w.size || j.leaf != w.leaf || j.h != w.h || !long && !bytes.Equal(j.b, w.b) {
			t.Errorf("line %d: %q %d bytes, want %q %d bytes", n, j.why, j.size, w.why, w.size)
		}
	})
	if n != len(list) || gotTorn != torn || !errors.Is(gotErr, err) {
		t.Errorf("%d lines, %d bytes torn, %v; want %d, %d, %v", n, gotTorn, gotErr, len(list), torn, err)
	}
}

// mutate changes a log at random: bytes, lines, lengths about every limit there is.
func mutate(t *testing.T, r *rand.Rand, b []byte) []byte {
	for range r.IntN(5) {
		b = bytes.Join(tamper(t, r, splitLines(b)), nil)
	}
	at := bytes.IndexByte(b[r.IntN(len(b)):], '\n') + 1
	size := []int{0, 1, chunkBytes, MaxLine, 2 * MaxLine}[r.IntN(5)] + r.IntN(3)
	odd := [][]byte{nil, []byte("\n"), []byte("\n\n\n"), {0, '\n'}, []byte("\r\n"), bytes.Repeat([]byte("x"), size),
		append(bytes.Repeat([]byte("x"), size), '\n'), append(padded(size), '\n'), bytes.Repeat([]byte("\n"), 5000)}[r.IntN(9)]
	b = bytes.Join([][]byte{b[:at], odd, b[at:]}, nil)
	return b[:len(b)-r.IntN(2)*r.IntN(min(len(b), 700))]
}

// padded is a good line of about so many bytes.
func padded(size int) []byte {
	body := `"ev":"read","path":"` + strings.Repeat("p", max(0, size-128)) + `"`
	return frame(nil, 7, noon, []byte(body), &[32]byte{7})
}

// However a file is cut into chunks and reads, and whatever stands in it, each line is judged as it is alone.
func TestLinesAreJudgedAsAlone(t *testing.T) {
	const seed = 5
	r := rand.New(rand.NewPCG(seed, seed))
	o := testOptions(t)
	fill(t, o, 1500)
	all := readFile(t, livePath(o))
	failed := errors.New("failed")
	for round := range 60 {
		b := mutate(t, r, all[:bytes.LastIndexByte(all[:r.IntN(len(all)-2000)+2000], '\n')+1])
		file := chunker{size: []int{64, 1000, chunkBytes}[r.IntN(3)]}
		for i, wrap := range []func(io.Reader) io.Reader{
			func(r io.Reader) io.Reader { return r }, iotest.DataErrReader, iotest.HalfReader,
			func(f io.Reader) io.Reader {
				return io.MultiReader(io.LimitReader(f, int64(round*len(b)/60)), iotest.ErrReader(failed))
			},
		} {
			file.r = wrap(bytes.NewReader(b))
			sameAsOneByOne(t, file, wrap(bytes.NewReader(b)), round%2 == 0)
			if t.Failed() {
				t.Fatalf("seed %d, round %d, reader %d, %d bytes in chunks of %d", seed, round, i, len(b), file.size)
			}
		}
	}
}

// The same for any bytes.
func FuzzChunks(f *testing.F) {
	f.Add([]byte("a\n\nb\r\nc"), 3, true)
	f.Add(append(line(f, fullRecord()), '\n'), 100, false)
	f.Fuzz(func(t *testing.T, b []byte, size int, strict bool) {
		sameAsOneByOne(t, chunker{r: bytes.NewReader(b), size: 1 + size&0xffff}, bytes.NewReader(b), strict)
	})
}

// What the quick look takes is a record when what stands between the members that it looks at is left out, with the same header; and
// where the whole line is a record, it says the same of it.
func TestQuickAgreesWithParseHeader(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	base := [][]byte{line(t, fullRecord()), line(t, sample(1)), padded(300)}
	taken, refused := 0, 0
	for range 100_000 {
		l := scratch(r, base[r.IntN(len(base))])
		q, ok := quick(l)
		if !ok {
			refused++
			continue
		}
		taken++
		ev := bytes.Index(l, []byte(`"ev":"`)) + len(`"ev":"`)
		short, why := parseHeader(append(append(bytes.Clone(l[:ev]), '"'), l[len(l)-len(`,"prev":`)-67:]...))
		short.own = q.own
		if h, broken := parseHeader(l); why != "" || q != short || broken == "" && q != h {
			t.Fatalf("%+v, %+v %s, %+v %s of %s", q, short, why, h, broken, l)
		}
	}
	if taken < 1000 || refused < 1000 {
		t.Errorf("%d lines taken, %d not: the test tries one side only", taken, refused)
	}
}

// scratch damages a line in one or two places.
func scratch(r *rand.Rand, b []byte) []byte {
	l := bytes.Clone(b)
	for range 1 + r.IntN(2) {
		i := r.IntN(len(l))
		if r.IntN(2) == 0 {
			i = []int{r.IntN(50), len(l) - 1 - r.IntN(80)}[r.IntN(2)] // where quick looks
		}
		switch r.IntN(3) {
		case 0:
			l[i] ^= 1 << r.IntN(8)
		case 1:
			l = append(l[:i], l[min(len(l), i+1+r.IntN(3)):]...)
		case 2:
			l = append(append(bytes.Clone(l[:i]), "\"0{,}"[r.IntN(5)]), l[i:]...)
		}
	}
	return l
}
