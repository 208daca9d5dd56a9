package audit

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// provable is a log of three keys: records 1 to 40 or so, with seals between them.
func provable(t testing.TB) (Options, string) {
	t.Helper()
	o := sealedOptions(t)
	vkey := firstKey(t, o)
	l := openSealed(t, o, handPaced())
	for range 3 {
		appendN(t, l, 7)
		mustSeal(t, l)
		appendN(t, l, 3)
		nextEpoch(t, l)
	}
	appendN(t, l, 2)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return o, vkey
}

func mustProve(t testing.TB, dir string, seqs ...uint64) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Prove(dir, seqs, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// provenSeqs are the numbers of the records that a proof shows, without changes of keys.
func provenSeqs(list []Proven) (seqs []uint64) {
	for _, p := range list {
		if p.Record.Ev != "audit.epoch" {
			seqs = append(seqs, p.Record.Seq)
		}
	}
	return seqs
}

// Every record of a log can be proved, alone and with the others, with nothing but the key that init printed.
func TestEveryRecordIsProved(t *testing.T) {
	o, vkey := provable(t)
	lines := splitLines(readFile(t, livePath(o)))
	var all []uint64
	for seq := uint64(1); seq < uint64(len(lines)); seq++ { // the last one is a seal, which nothing covers
		list, err := CheckProof(mustProve(t, o.Dir, seq), ProofOptions{Keys: []string{vkey}})
		if err != nil {
			t.Fatal(seq, err)
		}
		last := list[len(list)-1]
		if last.Record.Seq != seq || !bytes.Equal(append(last.Line, '\n'), lines[seq-1]) {
			t.Errorf("record %d: %s", seq, last.Line)
		}
		all = append(all, seq)
	}
	list, err := CheckProof(mustProve(t, o.Dir, append(slices.Clone(all), all...)...), ProofOptions{Keys: []string{vkey}})
	if err != nil || len(list) != len(all) || list[len(list)-1].Epoch != 4 {
		t.Errorf("%d of %d records, %v", len(list), len(all), err)
	}
	for _, seq := range []uint64{uint64(len(lines)) + 1, 0} {
		if err := Prove(o.Dir, []uint64{seq}, new(bytes.Buffer)); !errors.Is(err, ErrNoRecord) {
			t.Errorf("record %d: %v", seq, err)
		}
	}
	if err := Prove(o.Dir, []uint64{uint64(len(lines))}, new(bytes.Buffer)); !errors.Is(err, ErrNotSealed) {
		t.Errorf("the last seal: %v", err)
	}
}

// What somebody does to a proof without the keys.
func TestProofAttacks(t *testing.T) {
	o, vkey := provable(t)
	good := string(mustProve(t, o.Dir, 3, 4))
	other, otherKey := provable(t)
	if _, err := CheckProof([]byte(good), ProofOptions{Keys: []string{vkey}}); err != nil {
		t.Fatal(err)
	}
	line := func(n int) string { return strings.TrimSuffix(string(splitLines(readFile(t, livePath(o)))[n-1]), "\n") }
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	edited := strings.Replace(line(3), "zhang.wei", "wang.qian", 1)
	blocks := strings.SplitAfter(good, "\n"+proofHead)
	for what, proof := range map[string]string{
		"edited record":            strings.Replace(good, b64(line(3)), b64(edited), 1),
		"wrong index":              strings.Replace(good, "\nindex 2\n", "\nindex 5\n", 1),
		"number and index changed": strings.Replace(strings.Replace(good, "\nindex 3\n", "\nindex 5\n", 1), b64(line(4)), b64(strings.Replace(line(4), `"seq":4`, `"seq":6`, 1)), 1),
		"another record's place":   strings.Replace(good, b64(line(3)), b64(line(4)), 1),
		"other log":                string(mustProve(t, other.Dir, 3, 4)),
		"no change of keys":        proofHead + blocks[len(blocks)-1],
		"a hash left out":          cutLine(good, "\nindex 2\n"),
		"twice":                    good + good,
		"checkpoint not signed":    good[:strings.LastIndex(good, "\n— ")],
		"size of the checkpoint":   strings.Replace(good, "\n"+Origin(testStore)+"\n", "\n"+Origin(testStore)+"\n1", 1),
		"empty":                    "",
		"something else":           "hello\n",
	} {
		list, err := CheckProof([]byte(proof), ProofOptions{Keys: []string{vkey}})
		var bad *ProofError
		if !errors.As(err, &bad) || list != nil {
			t.Errorf("%s: %v, %v", what, provenSeqs(list), err)
		}
		if proof == good {
			t.Errorf("%s: nothing was done", what)
		}
	}
	for what, keys := range map[string][]string{"wrong key": {otherKey}, "no key": nil, "not a key": {"x"}} {
		if _, err := CheckProof([]byte(good), ProofOptions{Keys: keys}); err == nil {
			t.Errorf("%s: the proof is accepted", what)
		}
	}
}

// cutLine takes the line after what out of text.
func cutLine(text, what string) string {
	i := strings.Index(text, what) + len(what)
	return text[:i] + text[i+strings.Index(text[i:], "\n")+1:]
}

// treeOf is the root over lines and the path of one of them, by another implementation than ours.
func treeOf(t *testing.T, lines [][]byte, leaf int64) (root tlog.Hash, path tlog.RecordProof) {
	t.Helper()
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(list []int64) (out []tlog.Hash, err error) {
		for _, k := range list {
			out = append(out, stored[k])
		}
		return out, nil
	})
	for i, l := range lines {
		more, err := tlog.StoredHashes(int64(i), l, read)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, more...)
	}
	size := int64(len(lines))
	root, err := tlog.TreeHash(size, read)
	if err != nil {
		t.Fatal(err)
	}
	path, err = tlog.ProveRecord(size, leaf, read)
	if err != nil {
		t.Fatal(err)
	}
	return root, path
}

// Whoever takes the machine has the key of this hour. They rewrite a record of an hour before, sign the new tree with it and make a
// proof. It holds where a key may speak for all records, and so does not.
func TestProofWithTheKeyOfAnotherHour(t *testing.T) {
	o, vkey := provable(t)
	keys, ok := parseKeys(readFile(t, filepath.Join(o.StateDir, KeysName)))
	if !ok {
		t.Fatal("no keys")
	}
	lines := splitLines(readFile(t, livePath(o)))
	for i := range lines {
		lines[i] = bytes.TrimSuffix(lines[i], []byte("\n"))
	}
	victim := 3
	lines[victim-1] = bytes.Replace(lines[victim-1], []byte("zhang.wei"), []byte("wang.qian"), 1)
	size := int64(len(lines))
	root, path := treeOf(t, lines, int64(victim-1))
	signed, err := keys.cur.sign(Origin(testStore), Checkpoint{Origin(testStore), uint64(size), root}.text())
	if err != nil {
		t.Fatal(err)
	}
	var forged strings.Builder
	fmt.Fprintf(&forged, "%s\nextra %s\nindex %d\n", proofHead, base64.StdEncoding.EncodeToString(lines[victim-1]), victim-1)
	for _, h := range path {
		fmt.Fprintf(&forged, "%s\n", base64.StdEncoding.EncodeToString(h[:]))
	}
	forged.WriteString("\n" + signed)
	last := uint64(len(lines) - 1)
	chain := string(mustProve(t, o.Dir, last)) // all changes of keys
	first := string(mustProve(t, o.Dir, 1))    // the first one alone
	for what, proof := range map[string]string{"after the chain": chain + forged.String(), "in its place": first + forged.String() + chain} {
		list, err := CheckProof([]byte(proof), ProofOptions{Keys: []string{vkey}})
		if err == nil {
			t.Errorf("%s: the forged proof is accepted: %v", what, provenSeqs(list))
		}
	}
	list, err := CheckProof([]byte(chain+forged.String()), ProofOptions{Keys: []string{vkey}, anyKey: true})
	if err != nil || !slices.Contains(provenSeqs(list), uint64(victim)) {
		t.Errorf("the attack does not work even without the rule: %v, %v", provenSeqs(list), err)
	}
}

// What retention took is proved by its text alone, when that is asked for.
func TestProofsAfterRetention(t *testing.T) {
	o, vkey := provable(t)
	lines := splitLines(readFile(t, livePath(o)))
	var s stub
	s.origin = Origin(testStore)
	cut := 0
	for i, l := range lines {
		p, err := ParseLine(bytes.TrimSuffix(l, []byte("\n")))
		if err != nil {
			t.Fatal(err)
		}
		if len(s.epochs) == 2 && p.Ev == "read" {
			cut = i
			break
		}
		s.last = LeafHash(bytes.TrimSuffix(l, []byte("\n")))
		s.tree.add(s.last)
		if p.Ev == "audit.epoch" {
			s.epochs = append(s.epochs, p.Signed)
		}
	}
	seq := uint64(cut + 3)
	whole := mustProve(t, o.Dir, seq)
	writeFile(t, filepath.Join(o.Dir, RetiredName), s.appendTo(nil))
	writeFile(t, livePath(o), bytes.Join(lines[cut:], nil))
	if err := os.Rename(livePath(o), filepath.Join(o.Dir, segmentName(uint64(cut+1)))); err != nil {
		t.Fatal(err)
	}
	if err := Prove(o.Dir, []uint64{2}, new(bytes.Buffer)); !errors.Is(err, ErrNoRecord) {
		t.Errorf("a record that is gone: %v", err)
	}
	proof := mustProve(t, o.Dir, seq)
	if _, err := CheckProof(proof, ProofOptions{Keys: []string{vkey}}); err == nil {
		t.Error("keys without their records are accepted unasked")
	}
	list, err := CheckProof(proof, ProofOptions{Keys: []string{vkey}, Retired: true})
	if err != nil || !slices.Equal(provenSeqs(list), []uint64{seq}) {
		t.Errorf("%v, %v", provenSeqs(list), err)
	}
	a, _ := parseProof(string(whole))
	b, _ := parseProof(string(proof))
	if x, y := a[len(a)-1], b[len(b)-1]; !slices.Equal(x.path, y.path) || x.checkpoint != y.checkpoint {
		t.Error("the path is another one after retention")
	}
}

func FuzzProof(f *testing.F) {
	o, vkey := provable(f)
	good := mustProve(f, o.Dir, 2, 15)
	f.Add(good)
	f.Add([]byte(retiredLine + "\nAAAA\n\n" + string(good)))
	f.Add([]byte(proofHead + "\nextra AA==\nindex 0\n\n"))
	want, err := CheckProof(good, ProofOptions{Keys: []string{vkey}})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := note.NewVerifier(vkey); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		blocks, parsed := parseProof(string(b))
		list, err := CheckProof(b, ProofOptions{Keys: []string{vkey}})
		if err != nil {
			return
		}
		if !parsed || len(blocks) < len(list) {
			t.Fatalf("%d records are proved by %d blocks", len(list), len(blocks))
		}
		for _, p := range list {
			if !slices.ContainsFunc(want, func(w Proven) bool { return bytes.Equal(w.Line, p.Line) }) {
				t.Fatalf("a proof of what is not in the log: %s", p.Line)
			}
		}
	})
}
