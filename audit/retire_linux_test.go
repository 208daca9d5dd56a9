package audit

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// aged is a log with three older segments, a hundred days apart, and its clock.
func aged(t *testing.T) (o Options, env environ, now *time.Time) {
	t.Helper()
	o, env = rotating(t)
	at := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	now = &at
	o.Now = func() time.Time { return *now }
	env.pace.epoch = time.Hour
	firstKey(t, o)
	l := openSealed(t, o, env)
	for range 3 {
		appendN(t, l, 3)
		mustSeal(t, l)
		mustRotate(t, l)
		at = at.Add(100 * 24 * time.Hour)
	}
	appendN(t, l, 2)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	o.Retain = 190 * 24 * time.Hour
	return o, env, now
}

func aVKey(t *testing.T, o Options) string {
	t.Helper()
	keys, err := ReadKeys(o.Dir)
	if err != nil || len(keys) != 1 {
		t.Fatalf("%q, %v", keys, err)
	}
	return keys[0]
}

// retire opens the log and waits for the segments to go.
func retire(t *testing.T, o Options, env environ) {
	t.Helper()
	l := openSealed(t, o, env)
	waitFor(t, "retention", func() bool { return !strings.Contains(strings.Join(files(t, o), " "), "000000000001.") })
	appendN(t, l, 1)
	if err := errors.Join(l.Close(), l.Tidied()); err != nil {
		t.Fatal(err)
	}
}

// What retention took is told as that, by the auditor's key; the rest verifies as before and goes on.
func TestRetentionLeavesAStub(t *testing.T) {
	o, env, now := aged(t)
	retire(t, o, env)
	rep := verifyKept(t, o, aVKey(t, o), nil)
	wantSealed(t, rep, rep.LastSeq-1, rep.Epochs)
	if rep.RetiredTo == 0 || rep.FirstSeq != rep.RetiredTo+1 || !strings.Contains(rep.Assurance, "retired by retention") {
		t.Errorf("retired to %d, first %d: %s", rep.RetiredTo, rep.FirstSeq, rep.Assurance)
	}
	remove(t, filepath.Join(o.StateDir, treeName))
	*now = now.Add(100 * 24 * time.Hour)
	l := openSealed(t, o, env) // from the stub; and once more
	waitFor(t, "a second retention", func() bool {
		s, err := readStub(o.Dir, o.StoreID)
		return err == nil && s.tree.n > rep.RetiredTo
	})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again := verifyKept(t, o, aVKey(t, o), nil)
	if again.Code() != 0 || again.RetiredTo <= rep.RetiredTo || again.Level != LevelSeal {
		t.Errorf("%+v", again)
	}
}

// Segments taken away by somebody else are missing, with or without a stub made to look like retention.
func TestSegmentsTakenByOthersAreMissing(t *testing.T) {
	o, env, _ := aged(t)
	vkey := aVKey(t, o)
	o.Retain, o.Rotate = 0, false
	list, err := segments(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	var s stub
	s.origin, s.last = Origin(o.StoreID), StoreHash(o.StoreID)
	if err := s.take(o.Dir, o.StoreID, list[:1]); err != nil {
		t.Fatal(err)
	}
	l := openSealed(t, o, env)
	if err := errors.Join(l.deleteSegments(list[:1]), l.Close()); err != nil {
		t.Fatal(err)
	}
	if rep := verifyKept(t, o, vkey, nil); rep.Code() != 11 {
		t.Errorf("without a stub: code %d, %v", rep.Code(), rep.Problems)
	}
	writeFile(t, filepath.Join(o.Dir, RetiredName), s.appendTo(nil))
	rep := verifyKept(t, o, vkey, nil)
	if rep.Code() != 11 || rep.Problems[0].Kind != KindMissing {
		t.Errorf("with a stub, but no record: code %d, %v", rep.Code(), rep.Problems)
	}
	if rep := verifyKept(t, o, vkey, nil, KindMissing); rep.Code() != 0 {
		t.Errorf("without that check it does not pass: %v", rep.Problems)
	}
}

// A stub of other records does not lead to the roots that were sealed.
func TestForgedStub(t *testing.T) {
	o, env, _ := aged(t)
	retire(t, o, env)
	path := filepath.Join(o.Dir, RetiredName)
	s, ok := parseStub(readFile(t, path))
	if !ok {
		t.Fatal("no stub")
	}
	s.tree.nodes[0][0] ^= 1
	for i := range s.tree.nodes {
		s.tree.nodes[i][0] ^= 1
	}
	writeFile(t, path, s.appendTo(nil))
	rep := verifyKept(t, o, aVKey(t, o), nil)
	if rep.Code() != 10 || rep.Problems[0].Kind != KindSeal {
		t.Errorf("code %d, %v", rep.Code(), rep.Problems)
	}
	if rep := verifyKept(t, o, aVKey(t, o), nil, KindSeal, KindMissing); rep.Code() != 0 {
		t.Errorf("without the seals it does not pass: %v", rep.Problems)
	}
}

// Stopped between its steps, retention ends later, and the log verifies at each moment.
func TestRetentionStoppedHalfway(t *testing.T) {
	for _, step := range []string{stepStub, stepRetired} {
		t.Run(step, func(t *testing.T) {
			o, env, _ := aged(t)
			vkey := aVKey(t, o)
			stopped := env
			stopped.step = func(s string) error {
				if s == step {
					return errStop
				}
				return nil
			}
			l := openSealed(t, o, stopped)
			waitFor(t, "retention", func() bool { return errors.Is(l.Tidied(), errStop) })
			crash(t, l)
			if rep := verifyKept(t, o, vkey, nil); rep.Code() != 0 || rep.RetiredTo != 0 {
				t.Errorf("retired to %d, %v", rep.RetiredTo, rep.Problems)
			}
			retire(t, o, env)
			if rep := verifyKept(t, o, vkey, nil); rep.Code() != 0 || rep.RetiredTo == 0 {
				t.Errorf("retired to %d, %v", rep.RetiredTo, rep.Problems)
			}
		})
	}
}

// While a hold stands nothing goes; both ends of it are in the log.
func TestLegalHoldStopsRetention(t *testing.T) {
	o, env, now := aged(t)
	hold := Hold{Set: true, Reason: "2026-0142 保全", By: "uid 0", At: *now}
	if err := WriteHold(o.StateDir, hold); err != nil {
		t.Fatal(err)
	}
	before := len(files(t, o))
	l := openSealed(t, o, env)
	if err := errors.Join(l.retireOlder(), l.retireOlder()); err != nil {
		t.Fatal(err)
	}
	if got := len(files(t, o)); got != before {
		t.Fatalf("%d files, %d before", got, before)
	}
	hold.Set = false
	if err := errors.Join(WriteHold(o.StateDir, hold), l.retireOlder()); err != nil {
		t.Fatal(err)
	}
	if got := len(files(t, o)); got >= before {
		t.Errorf("%d files, %d before: the hold has ended", got, before)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var notes []string
	err := ReadRecords(o.Dir, func(_ []byte, p *Parsed) error {
		if p.Ev == "audit.hold" {
			notes = append(notes, p.Note)
		}
		return nil
	})
	if err != nil || len(notes) != 2 || !strings.Contains(notes[0], "set by uid 0") || !strings.Contains(notes[1], "ended by uid 0") {
		t.Errorf("%q, %v", notes, err)
	}
	writeFile(t, filepath.Join(o.StateDir, HoldName), []byte("{"))
	l = openSealed(t, o, env)
	if err := l.retireOlder(); err == nil {
		t.Error("a hold that cannot be read stops nothing")
	}
}

// A damaged segment is evidence: it stays, and the log says why.
func TestDamagedSegmentsAreKept(t *testing.T) {
	o, env, _ := aged(t)
	o.Rotate = false
	list := files(t, o)
	s, _ := parseSegment(list[0])
	r, err := s.open(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close(), os.Remove(filepath.Join(o.Dir, list[0]))); err != nil {
		t.Fatal(err)
	}
	b = bytes.Replace(b, []byte("zhang.wei"), []byte("li.na.xxx"), 1)
	writeFile(t, filepath.Join(o.Dir, strings.TrimSuffix(list[0], ".gz")), b)
	l := openSealed(t, o, env)
	var bad *TamperedError
	if err := l.retireOlder(); !errors.As(err, &bad) {
		t.Errorf("%v", err)
	}
	if got := files(t, o); len(got) != len(list) {
		t.Errorf("%q", got)
	}
}

func TestRetentionHasAFloor(t *testing.T) {
	o := testOptions(t)
	o.Retain = LeastRetention - time.Second
	if l, err := Open(o); err == nil {
		l.Close()
		t.Error("less than the least is accepted")
	}
}
