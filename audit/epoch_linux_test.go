package audit

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Keys change by the clock, also when it was set back for long; each change leaves one key, a younger one.
func TestKeysChange(t *testing.T) {
	o := sealedOptions(t)
	vkey := firstKey(t, o)
	now := time.Now()
	o.Now = func() time.Time { return now }
	env := handPaced()
	env.pace.epoch = time.Hour
	l := openSealed(t, o, env)
	seeds := map[[32]byte]bool{l.seals.keys.cur.seed: true}
	for i, by := range []time.Duration{2 * time.Hour, 61 * time.Minute, -5 * time.Hour} {
		appendN(t, l, 3)
		mustSeal(t, l)
		now = now.Add(by)
		appendN(t, l, 3)
		mustSeal(t, l)
		k, err := loadKeys(o.StateDir)
		if err != nil || k.cur.n != uint64(i)+2 || k.next.n != 0 || seeds[k.cur.seed] {
			t.Fatalf("after change %d: key %d, next %d, %v", i, k.cur.n, k.next.n, err)
		}
		seeds[k.cur.seed] = true
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	rep := verifyKept(t, o, vkey, nil)
	if rep.Code() != 0 || rep.Epochs != 4 || rep.FixedTo == 0 {
		t.Errorf("%+v", rep)
	}
	wantClean(t, o, rep.LastSeq)
}

// Keys that change twice without a seal between them, as when a store is mounted only now and then.
func TestKeysChangeWithoutASealBetween(t *testing.T) {
	o := sealedOptions(t)
	vkey := firstKey(t, o)
	l := openSealed(t, o, handPaced())
	nextEpoch(t, l)
	nextEpoch(t, l)
	nextEpoch(t, l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wantSealed(t, verifyKept(t, o, vkey, nil), 7, 4)
}

var errStop = errors.New("stopped by the test")

// Stopped after any step of a change of keys, the next start ends it: one key, no gap in the row, everything sealed.
func TestChangeOfKeysIsEndedAfterACrash(t *testing.T) {
	for _, step := range []string{stepPersisted, stepRecorded, stepSealed, stepErased} {
		for _, first := range []bool{false, true} {
			name := step
			if first {
				name += ", first key"
			}
			t.Run(name, func(t *testing.T) {
				o := sealedOptions(t)
				vkey := firstKey(t, o)
				stopAt(t, o, step, first)
				l := openSealed(t, o, handPaced())
				appendN(t, l, 2)
				mustSeal(t, l)
				want := uint64(2)
				if first {
					want = 1
				}
				if l.seals.keys.cur.n != want || l.seals.keys.next.n != 0 {
					t.Errorf("key %d, next %d", l.seals.keys.cur.n, l.seals.keys.next.n)
				}
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				rep := verifyKept(t, o, vkey, nil)
				wantSealed(t, rep, rep.LastSeq-1, want)
				wantClean(t, o, rep.LastSeq)
			})
		}
	}
}

// stopAt crashes in the change to the second key, or in that to the first one, after a step.
func stopAt(t *testing.T, o Options, step string, first bool) {
	t.Helper()
	env := handPaced()
	armed := first
	env.step = func(s string) error {
		if armed && s == step {
			return errStop
		}
		return nil
	}
	if first {
		if step == stepPersisted {
			return // that is how init leaves it
		}
		if l, err := open(o, env); !errors.Is(err, errStop) {
			t.Fatal(l, err)
		}
		return
	}
	l := openSealed(t, o, env)
	appendN(t, l, 3)
	armed = true
	l.sealing.Lock()
	err := l.changeEpoch()
	l.sealing.Unlock()
	if !errors.Is(err, errStop) {
		t.Fatalf("%v", err)
	}
	crash(t, l)
}

// A power cut takes the record of the new key, which was not yet durable: it is written again.
func TestChangeOfKeysAfterAPowerCut(t *testing.T) {
	o := sealedOptions(t)
	vkey := firstKey(t, o)
	stopAt(t, o, stepRecorded, false)
	l := splitLines(readFile(t, livePath(o)))
	known, why := parseHeader(bytes.TrimSpace(l[len(l)-2]))
	if why != "" {
		t.Fatal(why)
	}
	writeFile(t, livePath(o), bytes.Join(l[:len(l)-1], nil))
	editHead(t, o, func(h *headState) { h.synced, h.boot = known.seq, [16]byte{9} })
	log := openSealed(t, o, handPaced())
	if log.seals.keys.cur.n != 2 {
		t.Errorf("key %d", log.seals.keys.cur.n)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	rep := verifyKept(t, o, vkey, nil)
	wantSealed(t, rep, rep.LastSeq-1, 2)
}

// Keys that are gone are replaced, and everybody hears of it: the first key does not lead to the new row.
func TestLostKeysBeginANewRow(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, path string, old []byte){
		"removed":    func(t *testing.T, path string, _ []byte) { remove(t, path) },
		"damaged":    func(t *testing.T, path string, _ []byte) { writeFile(t, path, []byte("MFKEYS01")) },
		"older ones": func(t *testing.T, path string, old []byte) { writeFile(t, path, old) },
	} {
		t.Run(name, func(t *testing.T) {
			o := sealedOptions(t)
			vkey := firstKey(t, o)
			path := filepath.Join(o.StateDir, KeysName)
			l := openSealed(t, o, handPaced())
			old := readFile(t, path)
			nextEpoch(t, l)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			lose(t, path, old)
			l = openSealed(t, o, handPaced())
			appendN(t, l, 1)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			rep := verifyKept(t, o, vkey, nil)
			wantProblem(t, rep, 10, KindEpoch, rep.Problems[0].Line)
			keys, err := ReadKeys(o.Dir)
			if err != nil || len(keys) != 2 || keys[0] != vkey {
				t.Fatalf("%q, %v", keys, err)
			}
			wantSealed(t, verifyKept(t, o, keys[1], nil), rep.LastSeq-1, 3)
		})
	}
}

// What a crash left of keys being written is overwritten and removed, and nothing else is.
func TestHalfWrittenKeysAreRemoved(t *testing.T) {
	o := sealedOptions(t)
	fill(t, o, 1)
	half, other := filepath.Join(o.StateDir, "."+KeysName+"-123"), filepath.Join(o.StateDir, KeysName+".backup-of-somebody")
	keys := readFile(t, filepath.Join(o.StateDir, KeysName))
	writeFile(t, half, keys)
	writeFile(t, other, keys)
	f, err := os.Open(half) // still to be read when the name is gone
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fill(t, o, 1)
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if left, err := io.ReadAll(f); err != nil || len(bytes.Trim(left, "\x00")) != 0 {
		t.Errorf("%d bytes are left, %v", len(left), err)
	}
	if !bytes.Equal(readFile(t, other), keys) {
		t.Error("another file was changed")
	}
}
