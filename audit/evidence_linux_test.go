package audit

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"
)

// evidence is a sealed log under attack: three epochs, each with seals, then records that no seal covers yet; its daemon was
// killed. The attacker has taken the machine: all files and the key of the third epoch.
type evidence struct {
	o      Options
	vkey   string // kept by the auditor
	kept   []byte // checkpoint of the third epoch, kept by the auditor
	stolen epochKey
	lines  [][]byte // without LF
	old    map[string][]byte
}

func newEvidence(t *testing.T) *evidence {
	t.Helper()
	e := &evidence{o: sealedOptions(t), old: map[string][]byte{}}
	e.vkey = firstKey(t, e.o)
	l := openSealed(t, e.o, handPaced())
	for i := range 3 {
		if i > 0 {
			nextEpoch(t, l)
		}
		appendN(t, l, 4)
		mustSeal(t, l)
		if i == 1 {
			for _, path := range []string{livePath(e.o), headPath(e.o)} {
				e.old[path] = readFile(t, path)
			}
		}
	}
	e.kept = readFile(t, filepath.Join(e.o.Dir, CheckpointName))
	e.stolen = l.seals.keys.cur
	appendN(t, l, 6)
	crash(t, l)
	for _, line := range splitLines(readFile(t, livePath(e.o))) {
		e.lines = append(e.lines, bytes.TrimSuffix(line, []byte("\n")))
	}
	return e
}

// lineOf finds the n-th record of an event, from 1; -1 is the last one. It returns an index into lines.
func (e *evidence) lineOf(t *testing.T, ev string, n int) int {
	t.Helper()
	var at []int
	for i, l := range e.lines {
		if bytes.Contains(l, []byte(`"ev":"`+ev+`"`)) {
			at = append(at, i)
		}
	}
	if n < 0 {
		n += len(at) + 1
	}
	if n < 1 || n > len(at) {
		t.Fatalf("no record %d of %s", n, ev)
	}
	return at[n-1]
}

// edit changes the user of a line and nothing else.
func (e *evidence) edit(t *testing.T, i int) {
	t.Helper()
	before := e.lines[i]
	if e.lines[i] = bytes.Replace(before, []byte("zhang.wei"), []byte("chen.jie1"), 1); bytes.Equal(before, e.lines[i]) {
		t.Fatalf("line %d names nobody", i+1)
	}
}

// rechain gives all lines from index i on new numbers and hashes, and signs the seals of one epoch anew, 0 for none.
func (e *evidence) rechain(t *testing.T, i int, epochOf uint64) {
	t.Helper()
	n, leafs := uint64(0), [][32]byte{}
	prev := StoreHash(e.o.StoreID)
	for at, line := range e.lines {
		p, err := ParseLine(line)
		if err != nil {
			t.Fatal(err)
		}
		if p.Ev == "audit.epoch" {
			n++
		}
		if at >= i {
			if p.Ev == "audit.seal" && n == epochOf && p.Signed != e.oldSeal(t, at) {
				p.Signed = e.reseal(t, p.Signed, leafs)
			}
			e.lines[at] = encodeLine(t, &p.Record, uint64(at)+1, p, prev)
		}
		prev = LeafHash(e.lines[at])
		leafs = append(leafs, prev)
	}
}

// oldSeal is the seal of the change of keys at this index: it stands after the audit.epoch record, signed with the key before.
func (e *evidence) oldSeal(t *testing.T, at int) string {
	t.Helper()
	if at == 0 || !bytes.Contains(e.lines[at-1], []byte(`"ev":"audit.epoch"`)) {
		return ""
	}
	p, err := ParseLine(e.lines[at])
	if err != nil {
		t.Fatal(err)
	}
	return p.Signed
}

// reseal makes a checkpoint of the same size with the stolen key.
func (e *evidence) reseal(t *testing.T, signed string, leafs [][32]byte) string {
	t.Helper()
	cp, err := ParseCheckpoint([]byte(signed))
	if err != nil {
		t.Fatal(err)
	}
	var tr tree
	for _, h := range leafs[:min(cp.Size, uint64(len(leafs)))] {
		tr.add(h)
	}
	cp.Size, cp.Root = tr.n, tr.root()
	signed, err = e.stolen.sign(cp.Origin, cp.text())
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func encodeLine(t *testing.T, r *Record, seq uint64, p *Parsed, prev [32]byte) []byte {
	t.Helper()
	body, err := newEncoders().Get().(*encoder).encode(r)
	if err != nil {
		t.Fatal(err)
	}
	return frame(nil, seq, p.Time, body, &prev)
}

// write puts the lines back into the log.
func (e *evidence) write(t *testing.T) {
	t.Helper()
	var all []byte
	for _, l := range e.lines {
		all = append(append(all, l...), '\n')
	}
	writeFile(t, livePath(e.o), all)
}

// What the auditor has besides the log.
const (
	hasNothing = iota
	hasState
	hasKey
	hasCheckpoint
)

func (e *evidence) verify(t *testing.T, has int, mute ...string) *Report {
	t.Helper()
	o := VerifyOptions{Dir: e.o.Dir, StoreID: e.o.StoreID, mute: mute}
	switch has {
	case hasState:
		o.StateDir = e.o.StateDir
	case hasKey:
		o.Keys = []string{e.vkey}
	case hasCheckpoint:
		o.Keys, o.Against = []string{e.vkey}, e.kept
	}
	rep, err := Verify(o)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// attack is a row of the table. It says which layer finds it, and with what in the auditor's hands; without that layer it must
// pass, or the table would show nothing about it.
type attack struct {
	name  string
	do    func(t *testing.T, e *evidence) (line int)
	has   int
	code  int
	layer string   // kind of the problem
	mute  []string // the layer, to be switched off; nil: the layer is what the auditor has
}

var chainAttacks = []attack{
	{"edit", func(t *testing.T, e *evidence) int {
		i := len(e.lines) - 3
		e.edit(t, i)
		return i + 1
	}, hasKey, 10, KindChain, []string{KindChain}},
	{"insert", func(t *testing.T, e *evidence) int {
		i := len(e.lines) - 3
		e.lines = slices.Insert(e.lines, i, e.lines[i-2])
		return i + 1
	}, hasKey, 10, KindOrder, []string{KindOrder}},
	{"delete", func(t *testing.T, e *evidence) int {
		i := len(e.lines) - 3
		e.lines = slices.Delete(e.lines, i, i+1)
		return i + 1
	}, hasKey, 10, KindGap, []string{KindGap, KindOrder}},
	{"reorder", func(t *testing.T, e *evidence) int {
		i := len(e.lines) - 3
		e.lines[i], e.lines[i+1] = e.lines[i+1], e.lines[i]
		return i + 2
	}, hasKey, 10, KindOrder, []string{KindOrder, KindGap}},
	{"truncate the tail", func(t *testing.T, e *evidence) int {
		e.lines = e.lines[:len(e.lines)-2]
		return len(e.lines)
	}, hasState, 11, KindTail, nil},
	{"truncate and continue", func(t *testing.T, e *evidence) int {
		i := len(e.lines) - 3
		e.edit(t, i)
		e.rechain(t, i, 0)
		return len(e.lines)
	}, hasState, 10, KindHead, nil},
}

var sealAttacks = []attack{
	{"replay of an old log", func(t *testing.T, e *evidence) int {
		for path, b := range e.old {
			writeFile(t, path, b)
		}
		e.lines = nil
		return bytes.Count(e.old[livePath(e.o)], []byte("\n"))
	}, hasCheckpoint, 12, KindCheckpoint, nil},
	{"recomputed chain without keys", func(t *testing.T, e *evidence) int {
		e.edit(t, e.lineOf(t, "read", -7))
		e.rechain(t, 0, 0)
		return e.lineOf(t, "audit.seal", -1) + 1
	}, hasKey, 10, KindSeal, []string{KindSeal}},
	{"an earlier epoch recomputed with the current keys", func(t *testing.T, e *evidence) int {
		e.edit(t, e.lineOf(t, "read", 1))
		e.rechain(t, 0, 3)
		return e.lineOf(t, "audit.seal", 2) + 1
	}, hasKey, 10, KindSeal, []string{KindSeal}},
	{"the same, with the seals of that time left out", func(t *testing.T, e *evidence) int {
		e.edit(t, e.lineOf(t, "read", 1))
		third := e.lineOf(t, "audit.epoch", 3)
		var kept [][]byte
		for i, l := range e.lines {
			if i > third+1 || !bytes.Contains(l, []byte(`"ev":"audit.seal"`)) {
				kept = append(kept, l)
			}
		}
		e.lines = kept
		e.rechain(t, 0, 3)
		return e.lineOf(t, "audit.epoch", 3) + 1
	}, hasKey, 10, KindEpoch, []string{KindEpoch}},
	{"the current epoch recomputed with the current keys", func(t *testing.T, e *evidence) int {
		e.edit(t, e.lineOf(t, "read", -8))
		e.rechain(t, 0, 3)
		cp, err := ParseCheckpoint(e.kept)
		if err != nil {
			t.Fatal(err)
		}
		return int(cp.Size)
	}, hasCheckpoint, 12, KindCheckpoint, nil},
	{"skipped epoch", func(t *testing.T, e *evidence) int {
		from, to := e.lineOf(t, "audit.epoch", 2), e.lineOf(t, "audit.epoch", 3)
		e.lines = slices.Delete(e.lines, from, to)
		e.lines = slices.Delete(e.lines, from+1, from+2) // the seal of the second key
		e.rechain(t, 0, 2)                               // it is the second row of keys now
		return from + 1
	}, hasKey, 10, KindEpoch, []string{KindEpoch}},
	{"re-seal with a newer key", func(t *testing.T, e *evidence) int {
		i := e.lineOf(t, "audit.seal", 2)
		p, err := ParseLine(e.lines[i])
		if err != nil {
			t.Fatal(err)
		}
		var leafs [][32]byte
		for _, l := range e.lines[:i] {
			leafs = append(leafs, LeafHash(l))
		}
		p.Signed = e.reseal(t, p.Signed, leafs)
		e.lines[i] = encodeLine(t, &p.Record, p.Seq, p, p.Prev)
		e.rechain(t, i+1, 0)
		return i + 1
	}, hasKey, 10, KindSeal, []string{KindSeal}},
	{"two logs for two auditors", func(t *testing.T, e *evidence) int {
		e.edit(t, e.lineOf(t, "read", -8)) // what the other one is shown
		e.rechain(t, 0, 3)
		p, err := ParseLine(e.lines[e.lineOf(t, "audit.seal", -1)])
		if err != nil {
			t.Fatal(err)
		}
		cp, err := ParseCheckpoint([]byte(p.Signed))
		if err != nil {
			t.Fatal(err)
		}
		genuine := e.kept
		e.kept = []byte(p.Signed)
		e.lines = nil // this auditor's log is as it was
		if bytes.Equal(genuine, e.kept) {
			t.Fatal("both have the same checkpoint")
		}
		return int(cp.Size)
	}, hasCheckpoint, 12, KindCheckpoint, nil},
	{"a log without seals, all of it new", func(t *testing.T, e *evidence) int {
		e.edit(t, e.lineOf(t, "read", 1))
		e.lines = slices.DeleteFunc(e.lines, func(l []byte) bool { return bytes.Contains(l, []byte(`"ev":"audit.`)) })
		e.rechain(t, 0, 0)
		return len(e.lines)
	}, hasKey, 10, KindEpoch, nil},
	{"a log with seals of a row of its own", func(t *testing.T, e *evidence) int {
		other := testOptions(t)
		other.Seal = true
		fill(t, other, 30)
		writeFile(t, livePath(e.o), readFile(t, livePath(other)))
		writeFile(t, filepath.Join(e.o.Dir, VKeyName), readFile(t, filepath.Join(other.Dir, VKeyName)))
		e.lines = nil
		return bytes.Count(readFile(t, livePath(e.o)), []byte("\n"))
	}, hasKey, 10, KindEpoch, nil},
}

// Each attack is found by its layer, with exit code and line; where that layer is taken away it passes.
func TestAttackTable(t *testing.T) {
	for _, a := range slices.Concat(chainAttacks, sealAttacks) {
		t.Run(a.name, func(t *testing.T) {
			e := newEvidence(t)
			for has := range hasCheckpoint + 1 {
				if rep := e.verify(t, has); rep.Code() != 0 {
					t.Fatalf("before the attack: %v", rep.Problems)
				}
			}
			line := a.do(t, e)
			if e.lines != nil {
				e.write(t)
			}
			rep := e.verify(t, a.has)
			wantProblem(t, rep, a.code, a.layer, line)
			without := a.has
			if a.mute == nil {
				without = hasNothing
				if a.has == hasCheckpoint {
					without = hasKey
				}
			}
			if rep := e.verify(t, without, a.mute...); rep.Code() != 0 {
				t.Errorf("without its layer it is found all the same: %v", rep.Problems)
			}
		})
	}
}
