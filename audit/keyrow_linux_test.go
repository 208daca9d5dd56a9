package audit

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

// rows is a sealed log of three keys, all of which somebody has stolen, one after the other.
type rows struct {
	o    Options
	log  *Log
	vkey string
	keys []epochKey // 0 is the first one
	ends []string   // the last checkpoint of each but the last
}

func newRows(t *testing.T) *rows {
	t.Helper()
	r := &rows{o: sealedOptions(t)}
	r.vkey = firstKey(t, r.o)
	r.log = openSealed(t, r.o, handPaced())
	for range 3 {
		appendN(t, r.log, 5)
		mustSeal(t, r.log)
		r.keys = append(r.keys, r.log.seals.keys.cur)
		if len(r.keys) < 3 {
			nextEpoch(t, r.log)
			end, _ := r.log.Checkpoint()
			r.ends = append(r.ends, end)
		}
	}
	return r
}

// at is what a witness knows that was told of the changes of keys up to number n.
func (r *rows) at(t *testing.T, n int) KeyRow {
	t.Helper()
	row, err := StartKeys([]string{r.vkey})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n - 1 {
		if row, _, _, err = row.Proved(r.change(t, row.Key, r.ends[i]).Epoch); err != nil {
			t.Fatal(err)
		}
	}
	if row.Key != r.keys[n-1].public(Origin(testStore)) {
		t.Fatalf("key %d is not in force", n)
	}
	return row
}

// change is what brings the next key to a witness that has the first record.
func (r *rows) change(t *testing.T, vkey, newest string) *Submission {
	t.Helper()
	s, err := r.log.Witnessing().Next(context.Background(), vkey, 1, newest)
	if err != nil || s.Epoch == "" {
		t.Fatalf("%+v, %v", s, err)
	}
	return s
}

// A witness follows one key after the other, and each speaks while it is in force only.
func TestKeyRowFollows(t *testing.T) {
	r := newRows(t)
	newest, _ := r.log.Checkpoint()
	for n := 1; n <= 3; n++ {
		row := r.at(t, n)
		for i, cp := range append(slices.Clone(r.ends), newest) {
			_, text, err := row.Open(cp)
			if (err == nil) != (i == n-1) || err == nil && !strings.HasPrefix(cp, text+"\n") {
				t.Errorf("key %d, checkpoint of key %d: %q, %v", n, i+1, text, err)
			}
		}
	}
	row, err := StartKeys([]string{r.vkey})
	if err != nil {
		t.Fatal(err)
	}
	list, err := r.log.Witnessing().Changes(context.Background(), r.vkey, newest)
	if err != nil || len(list) != 2 {
		t.Fatalf("%q, %v", list, err)
	}
	if row, err = row.Unproved(EpochBlocks(list)); err != nil || row.Number != 3 || row.Key != r.at(t, 3).Key {
		t.Errorf("%+v, %v", row, err)
	}
}

// resign puts a checkpoint of the same tree, signed with another key, into a proof.
func resign(t *testing.T, proof string, key *epochKey) string {
	t.Helper()
	head, cp, _ := strings.Cut(proof, "\n\n")
	text, _, _ := strings.Cut(cp, "\n\n")
	signed, err := key.sign(Origin(testStore), text+"\n")
	if err != nil {
		t.Fatal(err)
	}
	return head + "\n\n" + signed
}

// What a thief of one key says to a witness.
func TestKeyRowAttacks(t *testing.T) {
	r := newRows(t)
	newest, _ := r.log.Checkpoint()
	toSecond, toThird := r.change(t, r.vkey, r.ends[0]).Epoch, r.change(t, r.at(t, 2).Key, r.ends[1]).Epoch
	origin := Origin(testStore)
	forge := func(by *epochKey, n uint64, vkey string) string {
		signed, err := by.sign(origin, epoch{origin, n, vkey}.text())
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	own := newEpochKey(9, r.log.o.Now())
	for name, c := range map[string]struct {
		knows int
		proof string
	}{
		"the new key alone, so that it rewrites the hour before": {1, resign(t, toSecond, &r.keys[1])},
		"an erased key names its successor":                      {3, r.forgedProof(t, forge(&r.keys[1], 3, own.public(origin)), &r.keys[1])},
		"an erased key names one after the one in force":         {3, r.forgedProof(t, forge(&r.keys[1], 4, own.public(origin)), &r.keys[1])},
		"the first key begins a row again":                       {3, r.forgedProof(t, forge(&r.keys[0], 4, r.vkey), &r.keys[0])},
		"the first key begins a row again, proved by the third":  {3, r.forgedProof(t, forge(&r.keys[0], 4, r.vkey), &r.keys[2])},
		"a key of one's own begins a row":                        {3, r.forgedProof(t, forge(&own, 4, own.public(origin)), &own)},
		"the same change again":                                  {3, toThird},
		"an hour left out":                                       {1, toThird},
		"the change before":                                      {3, toSecond},
		"a number left out":                                      {3, r.forgedProof(t, forge(&r.keys[2], 5, own.public(origin)), &r.keys[2])},
		"a change without a proof":                               {2, EpochBlocks([]string{forge(&r.keys[1], 3, own.public(origin))})},
		"no change at all":                                       {3, r.forgedProof(t, "", &r.keys[2])},
		"another line":                                           {1, strings.Replace(toSecond, "extra ", "extra AAAA", 1)},
		"nothing":                                                {1, ""},
		"two changes at once":                                    {1, toSecond + toThird},
	} {
		row := r.at(t, c.knows)
		next, _, _, err := row.Proved(c.proof)
		if bad := (*ProofError)(nil); !errors.As(err, &bad) {
			t.Errorf("%s: taken: %+v, %v", name, next, err)
		}
	}
	if _, err := r.at(t, 3).Unproved(EpochBlocks([]string{forge(&r.keys[0], 4, r.vkey)})); err == nil {
		t.Error("the first key begins a row again, without a proof")
	}
	if _, _, err := r.at(t, 3).Open(newest); err != nil {
		t.Error(err)
	}
	if _, _, _, err := r.at(t, 3).Proved(r.forgedProof(t, forge(&r.keys[2], 4, own.public(origin)), &r.keys[2])); err != nil {
		t.Errorf("control: what the key in force says is not taken: %v", err)
	}
}

// forgedProof puts a record with that signed text at the end of the log, and proves that with a checkpoint signed with a key.
func (r *rows) forgedProof(t *testing.T, signed string, key *epochKey) string {
	t.Helper()
	var tr tree
	var last *Parsed
	for _, line := range splitLines(readFile(t, livePath(r.o))) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		tr.add(LeafHash(line))
		p, err := ParseLine(line)
		if err != nil {
			t.Fatal(err)
		}
		last = p
	}
	rec := &Record{Ev: "audit.epoch", Res: "ok", AUID: -1, OUID: -1, Signed: signed}
	if signed == "" {
		rec.Ev = "read"
	}
	line := encodeLine(t, rec, tr.n+1, last, [32]byte{})
	var v harvest
	v.want(pathSpans(tr.n, tr.n+1))
	v.start(tr)
	v.add(LeafHash(line))
	cp, err := key.sign(Origin(testStore), Checkpoint{Origin(testStore), v.tree.n, v.tree.root()}.text())
	if err != nil {
		t.Fatal(err)
	}
	target := target{seq: v.tree.n, line: line, seal: sealAt{v.tree.n, cp}}
	return target.block(&v)
}

// Whoever stole the first key of a log, which was erased long ago, cuts the log off in a later hour and says that the keys were lost. The
// first key is one that the auditor was given, but it began its row already.
func TestErasedKeyBeginsNoNewRow(t *testing.T) {
	r := newRows(t)
	crash(t, r.log)
	o := r.o
	lines := splitLines(readFile(t, livePath(o)))
	cut := len(lines) - 3 // in the hour of the third key
	var tr tree
	prev, all := StoreHash(testStore), []byte(nil)
	for _, l := range lines[:cut] {
		prev = LeafHash(bytes.TrimSuffix(l, []byte("\n")))
		tr.add(prev)
		all = append(all, l...)
	}
	p, err := ParseLine(bytes.TrimSuffix(lines[cut-1], []byte("\n")))
	if err != nil {
		t.Fatal(err)
	}
	add := func(rec *Record) {
		line := encodeLine(t, rec, tr.n+1, p, prev)
		prev = LeafHash(line)
		tr.add(prev)
		all = append(append(all, line...), '\n')
	}
	origin, thief := Origin(testStore), &r.keys[0]
	signed, err := thief.sign(origin, epoch{origin, 4, r.vkey}.text())
	if err != nil {
		t.Fatal(err)
	}
	add(&Record{Ev: "audit.epoch", Res: "ok", AUID: -1, OUID: -1, Note: "the keys are gone", Signed: signed})
	add(sample(1))
	if signed, err = thief.sign(origin, Checkpoint{origin, tr.n, tr.root()}.text()); err != nil {
		t.Fatal(err)
	}
	add(&Record{Ev: "audit.seal", Res: "ok", AUID: -1, OUID: -1, Signed: signed})
	writeFile(t, livePath(o), all)
	v := VerifyOptions{Dir: o.Dir, StoreID: testStore, Keys: []string{r.vkey}}
	rep, err := Verify(v)
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, rep, 10, KindEpoch, cut+1)
	v.mute = []string{KindEpoch}
	if rep, err = Verify(v); err != nil || rep.Code() != 0 {
		t.Errorf("control: without that rule it is found all the same: %v, %v", rep, err)
	}
	var proof bytes.Buffer
	if err := Prove(o.Dir, []uint64{uint64(cut) + 2}, &proof); err != nil {
		t.Fatal(err)
	}
	if list, err := CheckProof(proof.Bytes(), ProofOptions{Keys: []string{r.vkey}}); err == nil {
		t.Errorf("it is proved, too: %v", list)
	}
}
