package audit

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// forgeAt appends n chained lines dated after the last line.
func forgeAt(t *testing.T, o Options, n int, after time.Duration) {
	t.Helper()
	all := readFile(t, livePath(o))
	l := splitLines(all)
	last := l[len(l)-1]
	h, why := parseHeader(bytes.TrimSpace(last))
	if why != "" {
		t.Fatal(why)
	}
	for i := range n {
		prev := LeafHash(bytes.TrimSpace(last))
		last = append(frame(nil, h.seq+1+uint64(i), h.t.Add(after), []byte(`"ev":"read","user":"nobody"`), &prev), '\n')
		all = append(all, last...)
	}
	writeFile(t, livePath(o), all)
}

// tomorrow is a clock that lines dated a little ahead are not ahead of.
func tomorrow() time.Time { return time.Now().Add(48 * time.Hour) }

// After a power cut a line may be on the disk that the head does not know, but only a fresh one.
func TestLinesPastTheHeadAreBoundedInTime(t *testing.T) {
	o, _ := stopped(t, 10, 10)
	o.Now = tomorrow
	forgeAt(t, o, 5000, headLag+time.Second)
	wantProblem(t, mustVerify(t, o), 10, KindForeign, 5010)
	wantRefused(t, o, 10)
	_, err := Open(o)
	if s := err.Error(); !strings.Contains(s, "11 to 5010") || !strings.Contains(s, "move audit.head") {
		t.Errorf("the refusal does not explain itself: %s", s)
	}
	remove(t, headPath(o)) // the way out that it names
	fill(t, o, 0)
	rep := wantClean(t, o, 5011)
	if f := rep.Recoveries; len(f) != 1 || f[0].UnanchoredFrom != 1 || f[0].UnanchoredTo != 5010 {
		t.Errorf("%+v", f)
	}
}

func TestFreshLinesPastTheHeadAreRecorded(t *testing.T) {
	o, _ := stopped(t, 10, 10)
	o.Now = tomorrow
	forgeAt(t, o, 50, headLag-time.Second)
	if rep := wantClean(t, o, 60); rep.UnanchoredFrom != 11 || rep.UnanchoredTo != 60 {
		t.Errorf("%+v", rep)
	}
	fill(t, o, 0)
	if f := wantClean(t, o, 61).Recoveries; len(f) != 1 || f[0].Seq != 61 || f[0].UnanchoredFrom != 11 || f[0].UnanchoredTo != 60 {
		t.Errorf("%+v", f)
	}
}

// A head of the first version states no time: its log goes on, and says what nobody vouches for.
func TestHeadWithoutATime(t *testing.T) {
	o, _ := stopped(t, 10, 10)
	o.Now = tomorrow
	editHead(t, o, func(h *headState) { h.stamp = 0 })
	forgeAt(t, o, 1, 24*time.Hour)
	fill(t, o, 0)
	if f := wantClean(t, o, 12).Recoveries; len(f) != 1 || f[0].UnanchoredTo != 11 {
		t.Errorf("%+v", f)
	}
}

// A log that was idle for long is not the older for it.
func TestHeadStaysAlive(t *testing.T) {
	o := testOptions(t)
	now := noon
	o.Now = func() time.Time { return now }
	l := mustOpen(t, o)
	appendN(t, l, 1)
	now = now.Add(8 * time.Hour)
	if err := l.beat(); err != nil {
		t.Fatal(err)
	}
	if h, _, err := readHead(o.StateDir); err != nil || h.seq != 1 || h.stamp != now.UnixMicro() || h.late(now.Add(headLag)) || !h.late(now.Add(headLag+1000)) {
		t.Errorf("%+v %v", h, err)
	}
}

func TestHeadBeatsWithoutRecords(t *testing.T) {
	o := testOptions(t)
	env := realEnviron()
	env.beat = time.Millisecond
	l, err := open(o, env)
	if err != nil {
		t.Fatal(err)
	}
	first, _, err := readHead(o.StateDir)
	for h := first; err == nil && h.stamp == first.stamp; h, _, err = readHead(o.StateDir) {
		time.Sleep(time.Millisecond)
	}
	if err := errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
}

// A start that is killed after it wrote the head and before audit.recover must not let the next one forget.
func TestRepairThatWasNotRecordedIsRecordedLater(t *testing.T) {
	o, _ := stopped(t, 10, 4)
	env := realEnviron()
	fail := &faultyLive{write: os.ErrInvalid}
	env.live = func(dir string, group int) (live liveFile, err error) {
		fail.liveFile, err = openLive(dir, group)
		return fail, err
	}
	if _, err := open(o, env); !errors.Is(err, os.ErrInvalid) {
		t.Fatal(err)
	}
	fill(t, o, 0)
	if f := wantClean(t, o, 11).Recoveries; len(f) != 1 || f[0].UnanchoredFrom != 5 || f[0].UnanchoredTo != 10 {
		t.Errorf("%+v", f)
	}
	fill(t, o, 1)
	wantClean(t, o, 12)
}

// A page that did not reach the disk damages one line; what stands after it is complete and must not be destroyed.
func TestCompleteRecordsAfterDamageAreKept(t *testing.T) {
	o, l := stopped(t, 310, 10)
	l[20][0] = 0
	damaged := bytes.Join(l, nil)
	cut := bytes.Join(l[20:], nil)
	for range 2 { // the second time as after a start that was stopped once it had saved the bytes
		writeFile(t, livePath(o), damaged)
		head := readFile(t, headPath(o))
		fill(t, o, 0)
		if b := readFile(t, filepath.Join(o.Dir, "audit-torn-21")); !bytes.Equal(b, cut) {
			t.Fatalf("%d bytes kept, want %d", len(b), len(cut))
		}
		f := wantClean(t, o, 21).Recoveries
		if len(f) != 1 || f[0].LostFrom != 21 || f[0].LostTo != 310 || f[0].UnanchoredFrom != 11 || f[0].UnanchoredTo != 20 ||
			f[0].TornFile != "audit-torn-21" || !strings.Contains(f[0].Note, "complete records") {
			t.Errorf("%+v", f)
		}
		writeFile(t, headPath(o), head)
	}
	if fi, err := os.Stat(filepath.Join(o.Dir, "audit-torn-21")); err != nil || fi.Mode().Perm() != 0o640 {
		t.Errorf("%v %v", fi, err)
	}
	if again, err := filepath.Glob(filepath.Join(o.Dir, "audit-torn-*")); err != nil || len(again) != 1 {
		t.Errorf("%v %v", again, err)
	}
}

// A name that is taken is not written over.
func TestTornBytesNeverReplaceOlderOnes(t *testing.T) {
	o, l := stopped(t, 10, 10)
	writeFile(t, filepath.Join(o.Dir, "audit-torn-11"), []byte("older"))
	writeFile(t, livePath(o), append(bytes.Join(l, nil), `{"seq":11`...))
	fill(t, o, 0)
	if f := wantClean(t, o, 11).Recoveries[0]; f.TornFile != "audit-torn-11.2" {
		t.Errorf("%+v", f)
	}
	if b := readFile(t, filepath.Join(o.Dir, "audit-torn-11")); string(b) != "older" {
		t.Errorf("%q", b)
	}
	if b := readFile(t, filepath.Join(o.Dir, "audit-torn-11.2")); string(b) != `{"seq":11` {
		t.Errorf("%q", b)
	}
}

// In the boot that wrote them nothing but a person damages lines: they are refused and stay as they are.
func TestDamageInTheSameBootCutsNothing(t *testing.T) {
	o, l := stopped(t, 310, 10)
	editHead(t, o, func(h *headState) { h.boot = bootID() })
	l[20][0] = 0
	writeFile(t, livePath(o), bytes.Join(l, nil))
	_, err := Open(o)
	var tam *TamperedError
	if !errors.As(err, &tam) || tam.Line != 21 || !strings.Contains(tam.What, "up to 310") {
		t.Fatal(err)
	}
	if !bytes.Equal(readFile(t, livePath(o)), bytes.Join(l, nil)) {
		t.Error("the log was changed")
	}
}

// Records dated long after the head count as late where they stand behind a damaged line, too.
func TestDamageDoesNotHideLateLines(t *testing.T) {
	o, l := stopped(t, 30, 10)
	forgeAt(t, o, 5, headLag+time.Minute)
	b := readFile(t, livePath(o))
	b[len(bytes.Join(l[:20], nil))] = 0
	writeFile(t, livePath(o), b)
	wantRefused(t, o, 10)
}

// The numbers of forged lines after damage must be possible for the bytes there.
func TestImpossibleNumbersAfterDamageAreNotBelieved(t *testing.T) {
	o, l := stopped(t, 12, 10)
	l[10][0] = 0
	l[11] = bytes.Replace(l[11], []byte(`"seq":12,`), []byte(`"seq":18446744073709551615,`), 1)
	writeFile(t, livePath(o), slices.Concat(l...))
	fill(t, o, 0)
	if f := wantClean(t, o, 11).Recoveries[0]; f.LostTo != 0 || f.TornFile != "audit-torn-11" {
		t.Errorf("%+v", f)
	}
}
