package audit

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const attacked = 20 // records in the log under attack

// attackedLog writes a log and leaves it as a killed daemon does: the head is not final.
func attackedLog(t *testing.T) (Options, [][]byte) {
	t.Helper()
	o := testOptions(t)
	fill(t, o, attacked)
	openEnded(t, o)
	wantClean(t, o, attacked)
	return o, splitLines(readFile(t, livePath(o)))
}

// openEnded takes the clean mark off a head, as if the daemon had been killed in this boot.
func openEnded(t *testing.T, o Options) {
	t.Helper()
	editHead(t, o, func(h *headState) { h.clean, h.boot = false, bootID() })
}

func editHead(t *testing.T, o Options, edit func(h *headState)) {
	t.Helper()
	h, err := openHead(o.StateDir)
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	st := h.last
	edit(&st)
	if err := errors.Join(h.store(&st), h.store(&st)); err != nil {
		t.Fatal(err)
	}
}

// forge makes a line that hashes and counts right after the given one.
func forge(t *testing.T, after []byte, seq uint64) []byte {
	t.Helper()
	prev := LeafHash(bytes.TrimSuffix(after, []byte("\n")))
	h, why := parseHeader(bytes.TrimSuffix(after, []byte("\n")))
	if why != "" {
		t.Fatal(why)
	}
	return append(frame(nil, seq, h.t, []byte(`"ev":"read","user":"nobody"`), &prev), '\n')
}

func TestAttacksAreFoundByVerifyAndOpen(t *testing.T) {
	swapped := func(l [][]byte, i int) [][]byte { l[i], l[i+1] = l[i+1], l[i]; return l }
	edit := func(i int, from, to string) func(t *testing.T, l [][]byte) [][]byte {
		return func(t *testing.T, l [][]byte) [][]byte {
			if !bytes.Contains(l[i], []byte(from)) {
				t.Fatalf("line %d has no %s", i+1, from)
			}
			l[i] = bytes.Replace(l[i], []byte(from), []byte(to), 1)
			return l
		}
	}
	for _, c := range []struct {
		name string
		do   func(t *testing.T, l [][]byte) [][]byte
		code int
		kind string
		line int
	}{
		{"user changed in line 7", edit(6, "zhang.wei", "li.na.xxx"), 10, KindChain, 7},
		{"user changed in line 1", edit(0, "zhang.wei", "li.na.xxx"), 10, KindChain, 1},
		{"user changed in the last line", edit(19, "zhang.wei", "li.na.xxx"), 10, KindHead, 20},
		{"seq changed in line 7", edit(6, `"seq":7,`, `"seq":77,`), 10, KindGap, 7},
		{"seq lowered in line 7", edit(6, `"seq":7,`, `"seq":1,`), 10, KindOrder, 7},
		{"prev changed in line 7", edit(6, `"prev":"`, `"prev":"0`), 10, KindMalformed, 7},
		{"a byte made JSON invalid", edit(6, `,"ev"`, `;"ev"`), 10, KindMalformed, 7},
		{"space added", edit(6, `,"ev"`, `, "ev"`), 10, KindMalformed, 7},
		{"CR added", edit(6, "}\n", "}\r\n"), 10, KindMalformed, 7},
		{"record 1 of another store", edit(0, `"prev":"`+hexOf(StoreHash(testStore)), `"prev":"`+hexOf(StoreHash("other"))), 10, KindStore, 1},
		{"first line removed", func(t *testing.T, l [][]byte) [][]byte { return l[1:] }, 10, KindGap, 1},
		{"line 7 removed", func(t *testing.T, l [][]byte) [][]byte { return slices.Delete(l, 6, 7) }, 10, KindGap, 7},
		{"lines 7 to 9 removed", func(t *testing.T, l [][]byte) [][]byte { return slices.Delete(l, 6, 9) }, 10, KindGap, 7},
		{"lines 7 and 8 swapped", func(t *testing.T, l [][]byte) [][]byte { return swapped(l, 6) }, 10, KindOrder, 8},
		{"lines 1 and 2 swapped", func(t *testing.T, l [][]byte) [][]byte { return swapped(l, 0) }, 10, KindOrder, 2},
		{"last lines swapped", func(t *testing.T, l [][]byte) [][]byte { return swapped(l, 18) }, 10, KindOrder, 20},
		{"line 7 repeated", func(t *testing.T, l [][]byte) [][]byte { return slices.Insert(l, 7, l[6]) }, 10, KindOrder, 8},
		{"line 3 put in at 10", func(t *testing.T, l [][]byte) [][]byte { return slices.Insert(l, 9, l[2]) }, 10, KindOrder, 10},
		{"forged line put in at 10", func(t *testing.T, l [][]byte) [][]byte {
			return slices.Insert(l, 9, forge(t, l[8], 10))
		}, 10, KindChain, 10},
		{"words put in at 10", func(t *testing.T, l [][]byte) [][]byte {
			return slices.Insert(l, 9, []byte("nothing to see here\n"))
		}, 10, KindMalformed, 10},
		{"empty line put in at 10", func(t *testing.T, l [][]byte) [][]byte {
			return slices.Insert(l, 9, []byte("\n"))
		}, 10, KindMalformed, 10},
		{"two forged lines at the end", func(t *testing.T, l [][]byte) [][]byte {
			l = append(l, forge(t, l[19], 21))
			return append(l, forge(t, l[20], 22))
		}, 10, KindForeign, 22},
		{"last line cut", func(t *testing.T, l [][]byte) [][]byte { return l[:19] }, 11, KindTail, 19},
		{"two lines cut", func(t *testing.T, l [][]byte) [][]byte { return l[:18] }, 11, KindTail, 18},
		{"all lines cut", func(t *testing.T, l [][]byte) [][]byte { return nil }, 11, KindTail, 0},
		{"last LF cut", func(t *testing.T, l [][]byte) [][]byte { l[19] = l[19][:len(l[19])-1]; return l }, 11, KindTail, 19},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, l := attackedLog(t)
			writeFile(t, livePath(o), bytes.Join(c.do(t, l), nil))
			wantProblem(t, mustVerify(t, o), c.code, c.kind, c.line)
			wantRefused(t, o, c.code)
		})
	}
}

func hexOf(h [32]byte) string { return fmt.Sprintf("%x", h) }

// wantRefused fails unless Open refuses with the error that belongs to the exit code.
func wantRefused(t *testing.T, o Options, code int) {
	t.Helper()
	l, err := Open(o)
	if err == nil {
		l.Close()
	}
	var tampered *TamperedError
	var incomplete *IncompleteError
	if code == 10 && !errors.As(err, &tampered) || code == 11 && !errors.As(err, &incomplete) {
		t.Errorf("Open: %v, want the error of code %d", err, code)
	}
}

func TestOneChangeIsOneProblem(t *testing.T) {
	o, l := attackedLog(t)
	l[6] = bytes.Replace(l[6], []byte("zhang.wei"), []byte("li.na"), 1)
	l[11] = bytes.Replace(l[11], []byte(`"seq":12,`), []byte(`"seq":99,`), 1)
	writeFile(t, livePath(o), bytes.Join(l, nil))
	rep := mustVerify(t, o)
	if len(rep.Problems) != 2 {
		t.Errorf("two changed lines give %d problems: %v", len(rep.Problems), rep.Problems)
	}
}

func TestLogThatWasDeletedIsIncomplete(t *testing.T) {
	o, _ := attackedLog(t)
	remove(t, livePath(o))
	if code := mustVerify(t, o).Code(); code != 11 {
		t.Errorf("code %d, want 11", code)
	}
	wantRefused(t, o, 11)
}

func TestRewrittenLogIsFoundByTheHead(t *testing.T) {
	o, _ := attackedLog(t)
	other := testOptions(t)
	l := mustOpen(t, other)
	for i := range attacked {
		r := sample(i)
		r.User = "somebody.else"
		if _, err := l.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, livePath(o), readFile(t, livePath(other)))
	wantProblem(t, mustVerify(t, o), 10, KindHead, attacked)
	wantRefused(t, o, 10)
}

func TestLogOfAnotherStore(t *testing.T) {
	o, _ := attackedLog(t)
	o.StoreID = "ffffffffffffffffffffffffffffffff"
	wantProblem(t, mustVerify(t, o), 10, KindStore, 1)
	wantRefused(t, o, 10)
}

func TestNothingMayFollowACleanClose(t *testing.T) {
	for name, add := range map[string]func(t *testing.T, l [][]byte) []byte{
		"a forged line": func(t *testing.T, l [][]byte) []byte { return forge(t, l[len(l)-1], attacked+1) },
		"a torn line":   func(t *testing.T, l [][]byte) []byte { return []byte(`{"seq":21,"t":`) },
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t)
			fill(t, o, attacked)
			all := readFile(t, livePath(o))
			writeFile(t, livePath(o), append(all, add(t, splitLines(all))...))
			wantProblem(t, mustVerify(t, o), 10, KindForeign, mustVerify(t, o).lines(o, t))
			wantRefused(t, o, 10)
		})
	}
}

// lines is how many complete lines the live file has now.
func (r *Report) lines(o Options, t *testing.T) int {
	return bytes.Count(readFile(t, livePath(o)), []byte("\n"))
}

func TestOneLineMoreThanTheHeadKnowsIsAccepted(t *testing.T) {
	o, l := attackedLog(t)
	h, why := parseHeader(bytes.TrimSpace(l[attacked-2]))
	if why != "" {
		t.Fatal(why)
	}
	editHead(t, o, func(st *headState) {
		st.seq, st.hash, st.synced = h.seq, LeafHash(bytes.TrimSpace(l[attacked-2])), 0
		st.size -= uint64(len(l[attacked-1]))
	})
	if rep := wantClean(t, o, attacked); rep.UnanchoredFrom != attacked || rep.UnanchoredTo != attacked {
		t.Errorf("%+v", rep)
	}
	fill(t, o, 3)
	rep := wantClean(t, o, attacked+4)
	if f := rep.Recoveries; len(f) != 1 || f[0].UnanchoredFrom != attacked || f[0].UnanchoredTo != attacked || !strings.Contains(f[0].Note, "noted") {
		t.Errorf("a line past the head is not recorded: %+v", f)
	}
}

func TestVerifyWithoutHeadSaysThatTheTailIsNotAnchored(t *testing.T) {
	o, l := attackedLog(t)
	remove(t, headPath(o))
	writeFile(t, livePath(o), bytes.Join(l[:10], nil))
	rep := mustVerify(t, o)
	if rep.Code() != 0 || rep.Anchored || !bytes.Contains([]byte(rep.Assurance), []byte("NOT anchored")) {
		t.Errorf("code %d, anchored %v: %s", rep.Code(), rep.Anchored, rep.Assurance)
	}
	fill(t, o, 1)
	rep = wantClean(t, o, 12)
	if len(rep.Recoveries) != 1 || rep.Recoveries[0].Seq != 11 || !bytes.Contains([]byte(rep.Recoveries[0].Note), []byte("missing")) {
		t.Errorf("the missing head is not recorded: %+v", rep.Recoveries)
	}
}

func TestManyProblemsAreCountedAndTamperingWins(t *testing.T) {
	v := &verifier{rep: &Report{}}
	for range MaxProblems {
		v.problem(Problem{Kind: KindMissing})
	}
	if v.rep.Code() != 11 {
		t.Fatal(v.rep.Code())
	}
	v.problem(Problem{Kind: KindChain, Line: 9})
	if v.rep.Code() != 10 || len(v.rep.Problems) != MaxProblems || v.rep.More != 1 {
		t.Errorf("code %d, %d problems, %d more", v.rep.Code(), len(v.rep.Problems), v.rep.More)
	}
}

// A log that hashes right but whose clock ran backwards was not written by the daemon.
func TestTimeRunningBackwards(t *testing.T) {
	o := testOptions(t)
	mkdir(t, o.Dir)
	prev, all := StoreHash(testStore), []byte(nil)
	for i, after := range []int{0, 2, 1, 3} {
		l := frame(nil, uint64(i+1), noon.Add(time.Duration(after)*time.Second), []byte(`"ev":"read"`), &prev)
		prev, all = LeafHash(l), append(append(all, l...), '\n')
	}
	writeFile(t, livePath(o), all)
	rep := mustVerify(t, o)
	wantProblem(t, rep, 10, KindTime, 3)
	if len(rep.Problems) != 1 {
		t.Errorf("%v", rep.Problems)
	}
	wantRefused(t, o, 10)
}

func TestHeadOfAnotherStoreBesideAnEmptyLog(t *testing.T) {
	o := testOptions(t)
	fill(t, o, 0)
	o.StoreID = "ffffffffffffffffffffffffffffffff"
	if rep := mustVerify(t, o); rep.Code() != 10 || rep.Problems[0].Kind != KindStore {
		t.Errorf("%v", rep.Problems)
	}
	wantRefused(t, o, 10)
}
