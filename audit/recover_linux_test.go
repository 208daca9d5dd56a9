package audit

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func remove(t testing.TB, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// copyLog puts a copy of log and head into a new place.
func copyLog(t *testing.T, from Options) Options {
	t.Helper()
	to := testOptions(t)
	for _, dir := range []string{to.Dir, to.StateDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, livePath(to), readFile(t, livePath(from)))
	writeFile(t, headPath(to), readFile(t, headPath(from)))
	return to
}

// lastRecord reads the newest record of a log.
func lastRecord(t testing.TB, o Options) (last *Parsed) {
	t.Helper()
	err := ReadRecords(o.Dir, func(_ []byte, p *Parsed) error { last = p; return nil })
	if err != nil {
		t.Fatal(err)
	}
	return last
}

// A daemon killed inside write(2) leaves any part of the last line; the head does not know that record yet.
func TestTornTailAtEveryByte(t *testing.T) {
	base := testOptions(t)
	l := mustOpen(t, base)
	appendN(t, l, 5)
	before := readFile(t, headPath(base))
	if _, err := l.Append(&Record{Ev: "umount", Res: "ok", AUID: -1, OUID: -1}); err != nil { // short: each byte is a case
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	all := readFile(t, livePath(base))
	size := len(all) - len(splitLines(all)[5])
	for cut := size; cut <= len(all); cut++ {
		o := copyLog(t, base)
		writeFile(t, livePath(o), all[:cut])
		writeFile(t, headPath(o), before)
		if rep := mustVerify(t, o); rep.Code() != 0 || cut < len(all) && rep.TornBytes != int64(cut-size) {
			t.Fatalf("cut at %d: code %d, %d torn bytes before the repair: %v", cut, rep.Code(), rep.TornBytes, rep.Problems)
		}
		fill(t, o, 0)
		switch cut {
		case size:
			wantClean(t, o, 5)
		case len(all):
			wantClean(t, o, 7)
			if r := lastRecord(t, o).Recovery; r == nil || r.UnanchoredFrom != 6 || r.UnanchoredTo != 6 || r.TornLen != 0 {
				t.Fatalf("%+v", r)
			}
		default:
			checkTorn(t, o, all[size:cut])
		}
	}
}

// checkTorn looks at a repaired log of five records and a sixth that was torn.
func checkTorn(t *testing.T, o Options, torn []byte) {
	t.Helper()
	rep := wantClean(t, o, 6)
	r := lastRecord(t, o).Recovery
	if len(rep.Recoveries) != 1 || r == nil {
		t.Fatalf("no audit.recover record: %+v", rep)
	}
	if r.TornLen != int64(len(torn)) || !bytes.Equal(r.Torn, torn) || r.TornHash != fmt.Sprintf("%x", sha256.Sum256(torn)) {
		t.Fatalf("torn bytes are not in the record: %+v", r)
	}
}

func TestLongTornTailIsKeptAsHash(t *testing.T) {
	o := testOptions(t)
	fill(t, o, 3)
	openEnded(t, o)
	torn := bytes.Repeat([]byte{0}, MaxTorn+1)
	writeFile(t, livePath(o), append(readFile(t, livePath(o)), torn...))
	fill(t, o, 0)
	wantClean(t, o, 4)
	r := lastRecord(t, o).Recovery
	if r.TornLen != MaxTorn+1 || r.Torn != nil || r.TornHash != fmt.Sprintf("%x", sha256.Sum256(torn)) {
		t.Errorf("%+v", r)
	}
}

// otherBoot is the environment after the machine was restarted.
func otherBoot() environ {
	env := realEnviron()
	env.boot = [16]byte{1, 2, 3}
	return env
}

// stopped writes n records and leaves the head as a power cut may: unclean, of another boot, and at record known.
func stopped(t *testing.T, n, known int) (Options, [][]byte) {
	t.Helper()
	o := testOptions(t)
	fill(t, o, n)
	l := splitLines(readFile(t, livePath(o)))
	editHead(t, o, func(h *headState) {
		h.clean, h.boot, h.stamp = false, [16]byte{9}, stampOf(t, l[known-1])
		h.seq, h.synced, h.hash = uint64(known), uint64(known), LeafHash(bytes.TrimSpace(l[known-1]))
		h.size = uint64(len(bytes.Join(l[:known], nil)))
	})
	return o, l
}

func stampOf(t *testing.T, line []byte) int64 {
	t.Helper()
	h, why := parseHeader(bytes.TrimSpace(line))
	if why != "" {
		t.Fatal(why)
	}
	return h.t.UnixMicro()
}

// lostTail writes ten records, of which six were synced, and then loses all but keep, and adds garbage, as a power cut may.
func lostTail(t *testing.T, keep int, garbage []byte) Options {
	t.Helper()
	o := testOptions(t)
	fill(t, o, 10)
	editHead(t, o, func(h *headState) { h.clean, h.boot, h.synced = false, bootID(), 6 })
	l := splitLines(readFile(t, livePath(o)))
	writeFile(t, livePath(o), append(bytes.Join(l[:keep], nil), garbage...))
	return o
}

func TestPowerCutLosesOnlyWhatWasNotSynced(t *testing.T) {
	zeros := bytes.Repeat([]byte{0}, 700)
	for _, c := range []struct {
		keep    int
		garbage []byte
	}{{6, nil}, {7, nil}, {9, nil}, {6, zeros}, {8, zeros}, {8, []byte("{\"seq\":9,\x00\x00\n\x00\x00\n")}} {
		t.Run(fmt.Sprintf("keep %d, %d bytes of garbage", c.keep, len(c.garbage)), func(t *testing.T) {
			o := lostTail(t, c.keep, c.garbage)
			l, err := open(o, otherBoot())
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			rep := wantClean(t, o, uint64(c.keep)+1)
			f := rep.Recoveries[0]
			if f.LostFrom != uint64(c.keep)+1 || f.LostTo != 10 {
				t.Errorf("lost %d to %d, want %d to 10", f.LostFrom, f.LostTo, c.keep+1)
			}
			if r := lastRecord(t, o).Recovery; r.TornLen != int64(len(c.garbage)) {
				t.Errorf("%d torn bytes recorded, want %d", r.TornLen, len(c.garbage))
			}
		})
	}
}

func TestSyncedRecordsMustBeThereAfterAPowerCutToo(t *testing.T) {
	o := lostTail(t, 5, nil)
	_, err := open(o, otherBoot())
	var inc *IncompleteError
	if !errors.As(err, &inc) || inc.Have != 5 || inc.Want != 10 {
		t.Errorf("five of six synced records: %v", err)
	}
	o = lostTail(t, 5, []byte("garbage\n"))
	var tam *TamperedError
	if _, err := open(o, otherBoot()); !errors.As(err, &tam) || tam.Line != 6 {
		t.Errorf("garbage over a synced record: %v", err)
	}
}

func TestLostTailInTheSameBootIsRefused(t *testing.T) {
	o := lostTail(t, 9, nil)
	if code := mustVerify(t, o).Code(); code != 11 {
		t.Errorf("code %d", code)
	}
	wantRefused(t, o, 11)
}

func TestChangedLineAfterAPowerCutIsStillTampering(t *testing.T) {
	o := lostTail(t, 10, nil)
	b := readFile(t, livePath(o))
	l := splitLines(b)
	l[7] = bytes.Replace(l[7], []byte("zhang.wei"), []byte("li.na.xxx"), 1)
	writeFile(t, livePath(o), bytes.Join(l, nil))
	var tam *TamperedError
	if _, err := open(o, otherBoot()); !errors.As(err, &tam) || tam.Line != 8 {
		t.Errorf("changed line 8: %v", err)
	}
}

func TestHeadOlderThanTheLogAfterAPowerCut(t *testing.T) {
	o := lostTail(t, 10, nil)
	l := splitLines(readFile(t, livePath(o)))
	editHead(t, o, func(h *headState) {
		h.boot = [16]byte{9}
		h.seq, h.synced, h.hash = 3, 2, LeafHash(bytes.TrimSpace(l[2]))
	})
	if rep := wantClean(t, o, 10); rep.UnanchoredFrom != 4 || rep.UnanchoredTo != 10 || !strings.Contains(rep.Assurance, "NOT anchored") {
		t.Errorf("%+v", rep)
	}
	fill(t, o, 1)
	rep := wantClean(t, o, 12)
	if f := rep.Recoveries; len(f) != 1 || f[0].UnanchoredFrom != 4 || f[0].UnanchoredTo != 10 || f[0].LostTo != 0 {
		t.Errorf("records that the head did not know are not named: %+v", f)
	}
	if rep.UnanchoredTo != 0 || !strings.Contains(rep.Recoveries[0].String(), "records 4 to 10 not anchored") {
		t.Errorf("%+v %s", rep, rep.Recoveries[0])
	}
}

func TestHeadWithOneBadSlot(t *testing.T) {
	for slot := range 2 {
		o, _ := attackedLog(t)
		b := readFile(t, headPath(o))
		b[slot*slotSpace+20] ^= 1
		writeFile(t, headPath(o), b)
		wantClean(t, o, attacked)
		fill(t, o, 2)
		wantClean(t, o, attacked+2)
	}
}

// A kill inside the update of a slot leaves any mixture of old and new bytes in it.
func TestHeadTornAtEveryByteOfASlot(t *testing.T) {
	old := headState{gen: 4, seq: 10, hash: [32]byte{1}}
	mid := headState{gen: 5, seq: 11, hash: [32]byte{2}}
	next := headState{gen: 6, seq: 12, hash: [32]byte{3}}
	for n := range slotSize + 1 {
		b := make([]byte, headSize)
		copy(b, old.appendTo(nil))
		copy(b[slotSpace:], mid.appendTo(nil))
		copy(b, next.appendTo(nil)[:n])
		h, st, _ := parseHead(b)
		if st != headOK || h != mid && h != next {
			t.Fatalf("torn at byte %d: %+v, status %d", n, h, st)
		}
	}
}

func TestDamagedHead(t *testing.T) {
	o, _ := attackedLog(t)
	b := readFile(t, headPath(o))
	b[30]++
	b[slotSpace+30]++
	writeFile(t, headPath(o), b)
	if rep := mustVerify(t, o); rep.Code() != 10 || rep.Anchored {
		t.Errorf("code %d, anchored %v", rep.Code(), rep.Anchored)
	}
	fill(t, o, 1)
	rep := wantClean(t, o, attacked+2)
	if len(rep.Recoveries) != 1 || !bytes.Contains([]byte(rep.Recoveries[0].Note), []byte("damaged")) {
		t.Errorf("%+v", rep.Recoveries)
	}
}

func TestClockBehindTheLog(t *testing.T) {
	o := testOptions(t)
	now := time.Date(2026, 11, 22, 9, 31, 4, 123456789, time.UTC)
	o.Now = func() time.Time { return now }
	fill(t, o, 2)
	now = now.Add(-30 * time.Second)
	fill(t, o, 1)
	wantClean(t, o, 3)
	now = now.Add(-time.Hour)
	fill(t, o, 1)
	wantClean(t, o, 5)
	var evs []string
	err := ReadRecords(o.Dir, func(line []byte, p *Parsed) error {
		evs = append(evs, p.Ev)
		if !bytes.Contains(line, []byte(`"t":"2026-11-22T09:31:04.123456Z"`)) {
			t.Errorf("time did not stand still: %s", line)
		}
		return nil
	})
	if want := "[read read read audit.clock read]"; err != nil || fmt.Sprint(evs) != want {
		t.Errorf("%v %v, want %s", evs, err, want)
	}
}

// evs lists the events of a log.
func evs(t *testing.T, o Options) string {
	t.Helper()
	var list []string
	err := ReadRecords(o.Dir, func(_ []byte, p *Parsed) error { list = append(list, p.Ev); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(list, " ")
}

// A clock set back while the log runs, further back, and right again: three records, whatever the number of others.
func TestClockSetBackWhileRunning(t *testing.T) {
	o := testOptions(t)
	now := noon
	o.Now = func() time.Time { return now }
	l := mustOpen(t, o)
	for _, step := range []time.Duration{0, -30 * time.Second, -time.Hour, time.Second, -time.Hour, 3 * time.Hour, time.Second} {
		now = now.Add(step)
		appendN(t, l, 2)
	}
	want := "read read read read audit.clock read read read read audit.clock read read audit.clock read read read read"
	if got := evs(t, o); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	wantClean(t, o, 17)
}

// A clock that jumps ahead and comes back has dated records wrongly: the log says when that ended.
func TestClockSpike(t *testing.T) {
	o := testOptions(t)
	now := noon
	o.Now = func() time.Time { return now }
	l := mustOpen(t, o)
	appendN(t, l, 1)
	now = noon.Add(48 * time.Hour)
	appendN(t, l, 1)
	now = noon.Add(time.Second)
	appendN(t, l, 2)
	if got := evs(t, o); got != "read read audit.clock read read" {
		t.Error(got)
	}
	if p := lastRecord(t, o); !p.Time.Equal(noon.Add(48 * time.Hour).Truncate(time.Microsecond)) {
		t.Errorf("%v", p.Time)
	}
	var notes []string
	if err := ReadFrom(o.Dir, 3, func(_ []byte, p *Parsed) error { notes = append(notes, p.Note); return nil }); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(notes[0], "47h59m59s behind") {
		t.Errorf("%q", notes)
	}
}

func TestLogGoesOnAfterOlderSegments(t *testing.T) {
	o := testOptions(t)
	fill(t, o, 4)
	rename(t, livePath(o), filepath.Join(o.Dir, "audit-1.jsonl"))
	wantClean(t, o, 4)
	fill(t, o, 3) // no live file: the segment says where to go on
	rep := wantClean(t, o, 7)
	if rep.Segments != 2 {
		t.Errorf("%d segments", rep.Segments)
	}
	fill(t, o, 2) // the live file says it itself
	wantClean(t, o, 9)
}

func rename(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// An Open that fails half-way must not forget which records have to be there.
func TestFailedOpenKeepsWhatWasSynced(t *testing.T) {
	o := lostTail(t, 10, nil)
	env := otherBoot()
	env.live = func(dir string, group int) (liveFile, error) {
		f, err := openLive(dir, group)
		return &faultyLive{liveFile: f, sync: os.ErrInvalid}, err
	}
	if _, err := open(o, env); !errors.Is(err, os.ErrInvalid) {
		t.Fatalf("open: %v", err)
	}
	if h, _, err := readHead(o.StateDir); h.synced != 6 || h.seq != 10 || err != nil {
		t.Errorf("head after a failed open: %+v %v", h, err)
	}
}
