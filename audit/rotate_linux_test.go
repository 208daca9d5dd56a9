package audit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func rotating(t testing.TB) (Options, environ) {
	o := sealedOptions(t)
	o.Rotate, o.SegmentSize = true, 3000
	return o, handPaced()
}

func mustRotate(t testing.TB, l *Log) {
	t.Helper()
	if err := l.rotate(); err != nil {
		t.Fatal(err)
	}
}

// files lists the segments of a log, oldest first.
func files(t testing.TB, o Options) (names []string) {
	t.Helper()
	list, err := segments(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		names = append(names, s.name)
	}
	return names
}

func wantFiles(t testing.TB, o Options, want string) {
	t.Helper()
	if got := strings.Join(files(t, o), " "); got != want {
		t.Fatalf("files %s, want %s", got, want)
	}
}

// A log over segments is the same log: it verifies, is read and goes on.
func TestRotatedLogGoesOn(t *testing.T) {
	o, env := rotating(t)
	vkey := firstKey(t, o)
	l := openSealed(t, o, env) // 1 epoch, 2 seal
	appendN(t, l, 3)
	mustRotate(t, l)
	appendN(t, l, 2)
	mustRotate(t, l)
	appendN(t, l, 1)
	if err := l.Close(); err != nil { // seal
		t.Fatal(err)
	}
	want := "audit-000000000001.jsonl audit-000000000006.jsonl audit.jsonl"
	zipped := strings.Replace(want, "1.jsonl", "1.jsonl.gz", 1)
	if got := strings.Join(files(t, o), " "); got != want && got != zipped { // compressed by now, or not
		t.Fatal(got)
	}
	l = openSealed(t, o, env)
	waitFor(t, "compression", func() bool { return strings.Join(files(t, o), " ") == zipped })
	appendN(t, l, 1)
	mustRotate(t, l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	rep := verifyKept(t, o, vkey, nil)
	wantSealed(t, rep, rep.LastSeq-1, 1)
	wantClean(t, o, rep.LastSeq)
	var seqs []uint64
	if err := ReadFrom(o.Dir, 4, collect(&seqs)); err != nil || seqs[0] != 4 || len(seqs) != int(rep.LastSeq)-3 {
		t.Errorf("read %v, %v", seqs, err)
	}
	if last, err := LastSeq(o.Dir); last != rep.LastSeq || err != nil {
		t.Errorf("last %d, %v", last, err)
	}
}

func TestRotationIsDueBySizeAndAtMidnight(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)
	o, env := rotating(t)
	o.Now = func() time.Time { return now }
	l := openSealed(t, o, env)
	due := func(want int) {
		t.Helper()
		before := len(files(t, o))
		if err := l.rotateIfDue(); err != nil {
			t.Fatal(err)
		}
		if got := len(files(t, o)) - before; got != want {
			t.Fatalf("%d rotations, want %d, at %v", got, want, now)
		}
		if want == 1 {
			appendN(t, l, 1)
		}
	}
	due(0)
	now = time.Date(2026, 3, 1, 23, 59, 59, 0, time.Local)
	due(0)
	now = time.Date(2026, 3, 2, 0, 0, 0, 0, time.Local)
	due(1)
	due(0)
	now = now.Add(-2 * time.Second) // a clock set back is no new day
	due(0)
	appendN(t, l, 6)
	due(1)
	now = now.Add(50 * time.Hour)
	due(1)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if rep := mustVerify(t, o); rep.Code() != 0 {
		t.Error(rep.Problems)
	}
}

// Stopped anywhere in a rotation or a compression, nothing is lost, and the next start goes on.
func TestRotationStoppedHalfway(t *testing.T) {
	for _, step := range []string{stepRenamed, stepZipped} {
		t.Run(step, func(t *testing.T) {
			o, env := rotating(t)
			vkey := firstKey(t, o)
			env.step = func(s string) error {
				if s == step {
					return errStop
				}
				return nil
			}
			l := openSealed(t, o, env)
			appendN(t, l, 3)
			err := l.rotate()
			if step == stepZipped {
				mustRotateAgain(t, l, err)
				err = l.compressOlder()
			}
			if !errors.Is(err, errStop) {
				t.Fatalf("%v", err)
			}
			crash(t, l)
			writeFile(t, filepath.Join(o.Dir, halfName+"123"), []byte("half"))
			if rep := verifyKept(t, o, vkey, nil); rep.Code() != 0 || rep.LastSeq < 5 {
				t.Fatalf("before the start: %d, %v", rep.LastSeq, rep.Problems)
			}
			fill(t, o, 2)
			l = openSealed(t, o, handPaced())
			if err := l.compressOlder(); err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			rep := verifyKept(t, o, vkey, nil)
			if rep.Code() != 0 || len(rep.Recoveries) != 0 {
				t.Errorf("%v %v", rep.Problems, rep.Recoveries)
			}
			if _, err := os.Stat(filepath.Join(o.Dir, halfName+"123")); err == nil {
				t.Error("half of a compression is left")
			}
		})
	}
}

// mustRotateAgain makes a second older segment, so that the first one is to be compressed.
func mustRotateAgain(t *testing.T, l *Log, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	appendN(t, l, 1)
	mustRotate(t, l)
}

// What does not read back is not put in place of the original.
func TestSegmentsThatDoNotReadBackStay(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "audit-1.jsonl")
	writeFile(t, plain, []byte("one\n"))
	compress(t, filepath.Join(dir, "good"), []byte("one\n"))
	compress(t, filepath.Join(dir, "bad"), []byte("two\n"))
	if err := sameBytes(plain, filepath.Join(dir, "good")); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"bad", "audit-1.jsonl"} {
		if err := sameBytes(plain, filepath.Join(dir, name)); err == nil {
			t.Errorf("%s is taken for it", name)
		}
	}
}

// An older segment has a record at least: an empty live file stays what it is.
func TestEmptyFileIsNotRotated(t *testing.T) {
	o, env := rotating(t)
	l := openSealed(t, o, env)
	mustRotate(t, l)
	mustRotate(t, l)
	wantFiles(t, o, "audit-000000000001.jsonl audit.jsonl")
}

// Nothing is put over a file that is there already, and the log says why it does not go on.
func TestRotationNeverOverwrites(t *testing.T) {
	o, env := rotating(t)
	l := openSealed(t, o, env)
	appendN(t, l, 2)
	writeFile(t, filepath.Join(o.Dir, segmentName(1)), []byte("somebody's\n"))
	if err := l.rotate(); !errors.Is(err, os.ErrExist) {
		t.Fatalf("%v", err)
	}
	if string(readFile(t, filepath.Join(o.Dir, segmentName(1)))) != "somebody's\n" {
		t.Error("overwritten")
	}
	if err := os.Remove(filepath.Join(o.Dir, segmentName(1))); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "recovery", func() bool { return l.Healthy() == nil })
	mustRotate(t, l)
}

// A reader that follows meets every record once, however often the file is changed and compressed under it.
func TestFollowThroughRotations(t *testing.T) {
	o, env := rotating(t)
	l := openSealed(t, o, env)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	const want = 200
	last, done := uint64(0), make(chan error, 1)
	go func() {
		done <- Follow(ctx, o.Dir, 1, func(_ []byte, p *Parsed) error {
			if p.Seq != last+1 {
				return errors.New("a record is missing or comes twice")
			}
			if last = p.Seq; last == want {
				cancel()
			}
			return nil
		})
	}()
	for i := 2; i < want; i++ {
		appendN(t, l, 1)
		if i%10 == 0 {
			mustRotate(t, l)
		}
	}
	if err := <-done; !errors.Is(err, context.Canceled) || last != want {
		t.Errorf("%v after record %d", err, last)
	}
}

func TestVerifyBesideRotations(t *testing.T) {
	o, env := rotating(t)
	l := openSealed(t, o, env)
	done := make(chan bool)
	go func() {
		defer close(done)
		for i := range 60 {
			if _, err := l.Append(sample(i)); err != nil {
				t.Error(err)
			}
			if err := l.rotate(); err != nil {
				t.Error(err)
			}
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if rep := mustVerify(t, o); rep.Code() != 0 {
			t.Fatalf("%v", rep.Problems)
		}
	}
}

// Killed at any moment while it seals, rotates and compresses, a log has every record that Append had returned.
func TestKilledWhileRotating(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir + "/log", StateDir: dir + "/state", StoreID: testStore, Seal: true}
	vkey := firstKey(t, o)
	rotated := 0
	for round := range 10 {
		told := runAndKill(t, dir, 300+round*131, childRotates+"=1")
		rep := mustVerify(t, o)
		if rep.Code() != 0 || rep.LastSeq < told {
			t.Fatalf("round %d: code %d, last record %d, told %d: %v", round, rep.Code(), rep.LastSeq, told, rep.Problems)
		}
		rotated = len(files(t, o))
	}
	if rotated < 5 {
		t.Errorf("only %d files", rotated)
	}
	fill(t, o, 1)
	rep := verifyKept(t, o, vkey, nil)
	wantSealed(t, rep, rep.LastSeq-1, 1)
}
