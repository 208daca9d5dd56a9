package audit

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// tamper does one random thing that somebody who can write the log but not the head may do.
func tamper(t *testing.T, r *rand.Rand, l [][]byte) [][]byte {
	if len(l) == 0 {
		return append(l, chained(t, r, nil, 1))
	}
	i, j := r.IntN(len(l)), r.IntN(len(l))
	switch r.IntN(9) {
	case 0: // a forged line that hashes to the one before it, with a number that may fit
		return slices.Insert(l, i, chained(t, r, before(l, i), uint64(r.IntN(len(l)+3)+1)))
	case 1:
		return slices.Insert(l, i, l[j])
	case 2:
		return slices.Delete(l, i, i+1)
	case 3:
		l[i], l[j] = l[j], l[i]
		return l
	case 4: // one byte, also a line feed
		c := bytes.Clone(l[i])
		c[r.IntN(len(c))] ^= 1 << r.IntN(7)
		l[i] = c
		return l
	case 5:
		return move(r, l)
	case 6: // a whole forged run from a line on, numbered and hashed as it should be
		return rechain(t, r, l, i, len(l))
	case 7: // the same for a part, the genuine lines follow again
		return append(rechain(t, r, slices.Clone(l), i, min(len(l), i+1+r.IntN(4))), l[r.IntN(len(l)):]...)
	}
	return append(l, chained(t, r, l[len(l)-1], uint64(len(l)+1)))
}

func before(l [][]byte, i int) []byte {
	if i == 0 {
		return nil
	}
	return l[i-1]
}

// chained forges a line after another one; after none it carries the hash of the store id.
func chained(t *testing.T, r *rand.Rand, after []byte, seq uint64) []byte {
	prev, at := StoreHash(testStore), noon
	if after != nil {
		prev = LeafHash(bytes.TrimSuffix(after, []byte("\n")))
		if h, why := parseHeader(bytes.TrimSuffix(after, []byte("\n"))); why == "" {
			at = h.t
		}
	}
	body := []byte(`"ev":"read","user":"` + string(rune('a'+r.IntN(26))) + `"`)
	return append(frame(nil, seq, at, body, &prev), '\n')
}

func move(r *rand.Rand, l [][]byte) [][]byte {
	i := r.IntN(len(l))
	n := 1 + r.IntN(len(l)-i)
	run := slices.Clone(l[i : i+n])
	l = slices.Delete(l, i, i+n)
	return slices.Insert(l, r.IntN(len(l)+1), run...)
}

func rechain(t *testing.T, r *rand.Rand, l [][]byte, from, to int) [][]byte {
	l = l[:to]
	for i := from; i < to; i++ {
		l[i] = chained(t, r, before(l, i), uint64(i+1))
	}
	return l
}

// Whatever is done to the lines of a closed log: verify is content, and Open goes on, only with the very bytes that were
// written. A log in several files may be split differently, it is the same log.
func TestOnlyTheOriginalVerifies(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 80 {
		o := testOptions(t)
		fill(t, o, 1+r.IntN(12))
		all := readFile(t, livePath(o))
		head := readFile(t, headPath(o))
		for range 40 {
			l := splitLines(all)
			for range 1 + r.IntN(4) {
				l = tamper(t, r, l)
			}
			b := bytes.Join(l, nil)
			writeFile(t, livePath(o), b)
			if rep := mustVerify(t, o); (rep.Code() == 0) != bytes.Equal(b, all) {
				t.Fatalf("round %d: code %d, %d records: %v\n%s", round, rep.Code(), rep.Records, rep.Problems, b)
			}
			if bytes.Equal(b, all) {
				continue
			}
			if log, err := Open(o); err == nil {
				log.Close()
				t.Fatalf("round %d: Open accepts\n%s", round, b)
			}
		}
		if !bytes.Equal(readFile(t, headPath(o)), head) {
			t.Fatal("a refused Open changed the head")
		}
	}
}

// The same with older segments beside the live file, of which one file is changed.
func TestOnlyTheOriginalSegmentsVerify(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	o := segmented(t)
	plain := livePath(o)[:len(livePath(o))-len(LiveName)] + "audit-000004.jsonl"
	for _, path := range []string{plain, livePath(o)} {
		all := readFile(t, path)
		for range 2000 {
			l := splitLines(all)
			for range 1 + r.IntN(3) {
				l = tamper(t, r, l)
			}
			b := bytes.Join(l, nil)
			writeFile(t, path, b)
			if rep := mustVerify(t, o); (rep.Code() == 0) != bytes.Equal(b, all) {
				t.Fatalf("code %d, %d records: %v\n%s", rep.Code(), rep.Records, rep.Problems, b)
			}
		}
		writeFile(t, path, all)
	}
	wantClean(t, o, 9)
}

// The log that the walk once took for whole: forged records up to the last, then the genuine ones from the second on.
func TestForgedRunBeforeTheGenuineLines(t *testing.T) {
	for _, n := range []int{3, 50} {
		o := testOptions(t)
		fill(t, o, n)
		l := splitLines(readFile(t, livePath(o)))
		r := rand.New(rand.NewPCG(5, 6))
		forged := rechain(t, r, slices.Clone(l), 0, n-1)
		writeFile(t, livePath(o), bytes.Join(append(forged, l[1:]...), nil))
		wantProblem(t, mustVerify(t, o), 10, KindOrder, n)
		wantRefused(t, o, 10)
	}
}

// A walk that ended with fewer or more records than their numbers say must not be called whole, whatever let it.
func TestCountIsCheckedAgainstTheNumbers(t *testing.T) {
	for _, n := range []uint64{0, 4, 6} {
		v := &verifier{rep: &Report{Records: n, FirstSeq: 1, Problems: []Problem{}}, seals: new(sealCheck)}
		v.w = startWalk(testStore, v.problem)
		v.w.seq = 5
		v.finish()
		if v.rep.Code() != 10 {
			t.Errorf("%d records from 1 to 5: code %d", n, v.rep.Code())
		}
	}
}
