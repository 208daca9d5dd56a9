package audit

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// segmented writes a log of 9 records in three files, the first of them compressed, as rotation will leave it.
func segmented(t *testing.T) Options {
	t.Helper()
	o := testOptions(t)
	fill(t, o, 9)
	l := splitLines(readFile(t, livePath(o)))
	compress(t, filepath.Join(o.Dir, "audit-1.jsonl.gz"), bytes.Join(l[:3], nil))
	writeFile(t, filepath.Join(o.Dir, "audit-000004.jsonl"), bytes.Join(l[3:6], nil))
	writeFile(t, livePath(o), bytes.Join(l[6:], nil))
	editHead(t, o, func(h *headState) { h.size = uint64(len(bytes.Join(l[6:], nil))) })
	writeFile(t, filepath.Join(o.Dir, "audit-4.jsonl.tmp"), []byte("not of the log\n"))
	return o
}

func compress(t *testing.T, path string, b []byte) {
	t.Helper()
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, z.Bytes())
}

func TestSegmentsAreOneLog(t *testing.T) {
	o := segmented(t)
	if rep := wantClean(t, o, 9); rep.Segments != 3 || rep.FirstSeq != 1 {
		t.Errorf("%+v", rep)
	}
	for from := range uint64(11) {
		want := []uint64{}
		for seq := max(from, 1); seq <= 9; seq++ {
			want = append(want, seq)
		}
		got := []uint64{}
		if err := ReadFrom(o.Dir, from, collect(&got)); err != nil || !slices.Equal(got, want) {
			t.Errorf("from %d: %v %v", from, got, err)
		}
	}
	if n, err := LastSeq(o.Dir); n != 9 || err != nil {
		t.Errorf("LastSeq: %d %v", n, err)
	}
	fill(t, o, 1)
	wantClean(t, o, 10)
}

func collect(to *[]uint64) func([]byte, *Parsed) error {
	return func(line []byte, p *Parsed) error {
		if !bytes.HasPrefix(line, fmt.Appendf(nil, `{"seq":%d,`, p.Seq)) {
			return fmt.Errorf("line and record differ: %s", line)
		}
		*to = append(*to, p.Seq)
		return nil
	}
}

func TestHalfCompressedSegmentIsIgnored(t *testing.T) {
	o := segmented(t)
	writeFile(t, filepath.Join(o.Dir, "audit-4.jsonl.gz"), []byte{0x1f, 0x8b, 8})
	wantClean(t, o, 9)
}

func TestAttacksOnSegments(t *testing.T) {
	gz, plain := "audit-1.jsonl.gz", "audit-000004.jsonl"
	for name, c := range map[string]struct {
		do   func(t *testing.T, o Options)
		code int
		kind string
		file string
		line int
	}{
		"first segment removed":  {func(t *testing.T, o Options) { remove(t, filepath.Join(o.Dir, gz)) }, 11, KindMissing, plain, 0},
		"middle segment removed": {func(t *testing.T, o Options) { remove(t, filepath.Join(o.Dir, plain)) }, 11, KindMissing, LiveName, 1},
		"segment renamed": {func(t *testing.T, o Options) {
			rename(t, filepath.Join(o.Dir, plain), filepath.Join(o.Dir, "audit-5.jsonl"))
		}, 10, KindName, "audit-5.jsonl", 1},
		"end of a segment cut": {func(t *testing.T, o Options) {
			l := splitLines(readFile(t, filepath.Join(o.Dir, plain)))
			writeFile(t, filepath.Join(o.Dir, plain), bytes.Join(l[:2], nil))
		}, 11, KindMissing, LiveName, 1},
		"segment torn": {func(t *testing.T, o Options) {
			b := readFile(t, filepath.Join(o.Dir, plain))
			writeFile(t, filepath.Join(o.Dir, plain), b[:len(b)-5])
		}, 10, KindMalformed, plain, 3},
		"last line of a segment changed": {func(t *testing.T, o Options) {
			b := readFile(t, filepath.Join(o.Dir, plain))
			i := bytes.LastIndex(b, []byte("zhang.wei"))
			writeFile(t, filepath.Join(o.Dir, plain), append(append(b[:i:i], "x"...), b[i+1:]...))
		}, 10, KindChain, plain, 3},
		"gzip damaged": {func(t *testing.T, o Options) {
			b := readFile(t, filepath.Join(o.Dir, gz))
			writeFile(t, filepath.Join(o.Dir, gz), b[:len(b)-9])
		}, 10, KindMalformed, gz, 3},
		"gzip that is none": {func(t *testing.T, o Options) {
			writeFile(t, filepath.Join(o.Dir, gz), []byte("not compressed"))
		}, 10, KindMalformed, gz, 0},
	} {
		t.Run(name, func(t *testing.T) {
			o := segmented(t)
			c.do(t, o)
			rep := mustVerify(t, o)
			found := slices.ContainsFunc(rep.Problems, func(p Problem) bool {
				return p.File == c.file && p.Kind == c.kind && p.Line == c.line
			})
			if !found || rep.Code() != c.code {
				t.Errorf("code %d: %v", rep.Code(), rep.Problems)
			}
		})
	}
}

// The live file has to go on where the older segment ended, also for Open.
func TestFirstLinesOfTheLiveFileRemoved(t *testing.T) {
	for n := 1; n <= 2; n++ {
		o := segmented(t)
		l := splitLines(readFile(t, livePath(o)))
		writeFile(t, livePath(o), bytes.Join(l[n:], nil))
		wantProblem(t, mustVerify(t, o), 10, KindMissing, 1)
		wantProblem(t, mustVerify(t, o), 10, KindHead, 3-n)
		wantRefused(t, o, 10)
	}
}

func TestOpenRefusesABrokenOlderSegment(t *testing.T) {
	for name, spoil := range map[string]func(b []byte) []byte{
		"torn":    func(b []byte) []byte { return b[:len(b)-5] },
		"changed": func(b []byte) []byte { return bytes.Replace(b, []byte("zhang.wei"), []byte("li.na.xxx"), 1) },
		"cut":     func(b []byte) []byte { return bytes.Join(splitLines(b)[:2], nil) },
	} {
		t.Run(name, func(t *testing.T) {
			o := segmented(t)
			f := filepath.Join(o.Dir, "audit-000004.jsonl")
			writeFile(t, f, spoil(readFile(t, f)))
			editHead(t, o, func(h *headState) { h.clean, h.boot, h.synced = false, [16]byte{9}, 0 })
			before := readFile(t, livePath(o))
			wantRefused(t, o, 10)
			if !bytes.Equal(readFile(t, livePath(o)), before) {
				t.Error("the live file was changed")
			}
		})
	}
}

// A number that does not rise inside a file was put there by somebody: a reader must not pass over it in silence.
func TestReadersRefuseRepeatedNumbers(t *testing.T) {
	o := testOptions(t)
	fill(t, o, 6)
	l := splitLines(readFile(t, livePath(o)))
	writeFile(t, livePath(o), bytes.Join(slices.Insert(l, 4, l[2]), nil))
	for from := range uint64(5) {
		got := []uint64{}
		err := ReadFrom(o.Dir, from, collect(&got))
		var bad *LineError
		if !errors.As(err, &bad) || bad.Line != 5 || !strings.Contains(bad.What, "record 3 after record 4") {
			t.Errorf("from %d: %v after %v", from, err, got)
		}
	}
	_, stop := following(t, o, 6)
	var bad *LineError
	if err := stop(false); !errors.As(err, &bad) {
		t.Errorf("Follow: %v", err)
	}
}

func TestReadersStopAtABadLine(t *testing.T) {
	o := segmented(t)
	f := filepath.Join(o.Dir, "audit-000004.jsonl")
	l := splitLines(readFile(t, f))
	writeFile(t, f, bytes.Join([][]byte{l[0], []byte("oops\n"), l[2]}, nil))
	got := []uint64{}
	err := ReadRecords(o.Dir, collect(&got))
	var bad *LineError
	if !errors.As(err, &bad) || bad.Path != f || bad.Line != 2 || len(got) != 4 {
		t.Errorf("%v after %v", err, got)
	}
	stop := errors.New("enough")
	if err := ReadRecords(o.Dir, func([]byte, *Parsed) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error of fn: %v", err)
	}
	if err := ReadRecords(filepath.Join(o.Dir, "missing"), collect(&got)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

func TestSeekFindsEveryRecordInALargeFile(t *testing.T) {
	o := testOptions(t)
	fill(t, o, 1500) // some 800 KB: bisection begins at 64 KiB
	if n, err := LastSeq(o.Dir); n != 1500 || err != nil {
		t.Errorf("LastSeq: %d %v", n, err)
	}
	stop := errors.New("enough")
	for _, from := range []uint64{1, 2, 3, 99, 700, 701, 1024, 1498, 1499, 1500} {
		err := ReadFrom(o.Dir, from, func(_ []byte, p *Parsed) error {
			if p.Seq != from {
				t.Errorf("from %d gives %d first", from, p.Seq)
			}
			return stop
		})
		if !errors.Is(err, stop) {
			t.Errorf("from %d: %v", from, err)
		}
	}
	f, err := os.Open(livePath(o))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if off, err := seekSeq(f, 1400); err != nil || off < 600<<10 {
		t.Errorf("record 1400 is looked for from byte %d: %v", off, err)
	}
}

// following runs Follow and sends the numbers it delivers. end gives its result, after cancelling it or when it ends by itself.
func following(t *testing.T, o Options, from uint64) (delivered <-chan uint64, end func(cancelled bool) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	seqs, result := make(chan uint64, 100), make(chan error, 1)
	go func() {
		result <- Follow(ctx, o.Dir, from, func(_ []byte, p *Parsed) error { seqs <- p.Seq; return nil })
	}()
	return seqs, func(cancelled bool) error {
		if cancelled {
			cancel()
		}
		return <-result
	}
}

func wantSeqs(t *testing.T, seqs <-chan uint64, from, to uint64) {
	t.Helper()
	for want := from; want <= to; want++ {
		select {
		case got := <-seqs:
			if got != want {
				t.Fatalf("record %d delivered, want %d", got, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("record %d does not come", want)
		}
	}
}

func TestFollow(t *testing.T) {
	o := testOptions(t)
	l := mustOpen(t, o)
	appendN(t, l, 3)
	seqs, stop := following(t, o, 2)
	wantSeqs(t, seqs, 2, 3)
	appendN(t, l, 4)
	wantSeqs(t, seqs, 4, 7)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	rename(t, livePath(o), filepath.Join(o.Dir, "audit-1.jsonl"))
	fill(t, o, 2)
	wantSeqs(t, seqs, 8, 9)
	if err := stop(true); !errors.Is(err, context.Canceled) {
		t.Errorf("Follow ends with %v", err)
	}
}

func TestFollowSeesOnlyWholeLines(t *testing.T) {
	o := testOptions(t)
	fill(t, o, 4)
	l := splitLines(readFile(t, livePath(o)))
	writeFile(t, livePath(o), bytes.Join(l[:2], nil))
	seqs, stop := following(t, o, 0)
	wantSeqs(t, seqs, 1, 2)
	appendBytes(t, o, []byte("{\"seq\":3,\"t\":\"2026"))
	time.Sleep(2 * pollEvery)
	// The writer rolls the unfinished line back and writes another.
	truncate(t, livePath(o), int64(len(l[0])+len(l[1])))
	appendBytes(t, o, l[2])
	wantSeqs(t, seqs, 3, 3)
	appendBytes(t, o, l[3][:50])
	time.Sleep(2 * pollEvery)
	appendBytes(t, o, l[3][50:])
	wantSeqs(t, seqs, 4, 4)
	truncate(t, livePath(o), 10)
	var tampered *TamperedError
	if err := stop(false); !errors.As(err, &tampered) {
		t.Errorf("a file cut while it was followed: %v", err)
	}
}

func appendBytes(t *testing.T, o Options, b []byte) {
	t.Helper()
	f, err := os.OpenFile(livePath(o), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
}

func TestFollowWaitsForTheFirstFile(t *testing.T) {
	o := testOptions(t)
	mkdir(t, o.Dir)
	seqs, stop := following(t, o, 0)
	fill(t, o, 1)
	wantSeqs(t, seqs, 1, 1)
	if err := stop(true); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestFollowReadsOlderSegmentsFirst(t *testing.T) {
	o := segmented(t)
	seqs, stop := following(t, o, 3)
	wantSeqs(t, seqs, 3, 9)
	if err := stop(true); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestOverlongLines(t *testing.T) {
	long := bytes.Repeat([]byte("x"), MaxLine+1)
	in := slices.Concat([]byte("a\n"), long, []byte("\n"), long[1:], []byte("\nb\n"), long)
	want := []struct {
		n    int
		long bool
		torn bool
	}{{1, false, false}, {MaxLine + 1, true, false}, {MaxLine, false, false}, {1, false, false}, {MaxLine + 1, true, true}}
	l := newLines(bytes.NewReader(in))
	total := int64(0)
	for i, w := range want {
		ln, err := l.next()
		if err != nil || len(ln.b) != w.n || ln.long != w.long || ln.torn != w.torn {
			t.Errorf("line %d: %d bytes, long %v, torn %v, %v", i, len(ln.b), ln.long, ln.torn, err)
		}
		total += ln.size
	}
	if total != int64(len(in)) {
		t.Errorf("%d bytes accounted for, want %d", total, len(in))
	}
}
