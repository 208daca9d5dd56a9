package statelog

import (
	"errors"
	"os"
	"slices"
	"testing"

	"matterfs/crypto"
)

// TestEveryBitCounts: whatever bit is flipped, the log is refused.
func TestEveryBitCounts(t *testing.T) {
	o := newOffice(t)
	heads := o.written(story...)
	good := o.bytes()
	for i := range good {
		b := slices.Clone(good)
		b[i] ^= 1 << (i % 8)
		o.put(b)
		l, _, err := o.open(&heads[4])
		if err == nil {
			l.Close()
			t.Fatalf("byte %d may be changed", i)
		}
		if !refused(err) {
			t.Errorf("byte %d: %v is no refusal", i, err)
		}
		if !slices.Equal(o.bytes(), b) {
			t.Fatalf("byte %d: a refused file was changed", i)
		}
	}
	o.put(good)
	o.mustOpen(&heads[4])
}

// TestCut: a log that lost acknowledged records is refused, wherever it is cut.
func TestCut(t *testing.T) {
	o := newOffice(t)
	heads := o.written(story...)
	good := o.bytes()
	for n := range good {
		o.put(good[:n])
		if l, _, err := o.open(&heads[4]); err == nil {
			l.Close()
			t.Fatalf("cut to %d of %d bytes it is taken", n, len(good))
		} else if !refused(err) {
			t.Errorf("cut to %d: %v is no refusal", n, err)
		}
	}
}

// TestOlderCopies: each earlier state of the file is refused and says so.
func TestOlderCopies(t *testing.T) {
	o := newOffice(t)
	heads := o.written(story...)
	good := o.bytes()
	list := frames(t, good)
	for n := 1; n < len(list); n++ {
		o.put(joined(good, list[:n]...))
		_, _, err := o.open(&heads[4])
		var old *RolledBackError
		if !errors.As(err, &old) || old.Have != heads[n-1] || old.Want != heads[4] || old.Missing {
			t.Errorf("%d records: %v", n, err)
		}
	}
	if err := os.Remove(o.path); err != nil {
		t.Fatal(err)
	}
	var gone *RolledBackError
	if _, _, err := o.open(&heads[4]); !errors.As(err, &gone) || !gone.Missing {
		t.Errorf("deleted: %v", err)
	}
	if _, err := os.Stat(o.path); !errors.Is(err, os.ErrNotExist) {
		t.Error("a refused open made a file")
	}
}

// TestFramesHaveTheirPlace: authentic frames in another order, twice, left out,
// or of another log with the same key are refused.
func TestFramesHaveTheirPlace(t *testing.T) {
	o := newOffice(t)
	heads := o.written(story...)
	good := o.bytes()
	f := frames(t, good)
	twin := &office{t: t, path: o.path + ".twin", id: o.id, key: o.key, now: o.now}
	twinHeads := twin.written(story...)
	g := frames(t, twin.bytes())
	for name, b := range map[string][]byte{
		"swapped":                 joined(good, f[0], f[2], f[1], f[3], f[4]),
		"last two swapped":        joined(good, f[0], f[1], f[2], f[4], f[3]),
		"repeated":                joined(good, f[0], f[1], f[1], f[2], f[3], f[4]),
		"last repeated":           joined(good, append(f, f[4])...),
		"begun twice":             joined(good, append(f, f[0])...),
		"left out":                joined(good, f[0], f[1], f[3], f[4]),
		"without record 0":        joined(good, f[1:]...),
		"nothing but the head":    joined(good),
		"one of a twin":           joined(good, f[0], f[1], g[2], f[3], f[4]),
		"last of a twin":          joined(good, f[0], f[1], f[2], f[3], g[4]),
		"begins like a twin":      joined(good, g[0], f[1], f[2], f[3], f[4]),
		"the twin":                twin.bytes(),
		"garbage behind":          append(slices.Clone(good), make([]byte, maxFrame+1)...),
		"garbage and more":        append(joined(good, f[0], f[1], f[2], make([]byte, 60)), f[3]...),
		"a record after the torn": joined(good, f[0], f[1], f[2], f[3], f[4][:20], f[4]),
	} {
		o.put(b)
		if l, _, err := o.open(&heads[4]); err == nil {
			l.Close()
			t.Errorf("%s: taken", name)
		} else if !refused(err) {
			t.Errorf("%s: %v is no refusal", name, err)
		}
	}
	// The twin itself is whole, only not ours.
	twin.mustOpen(&twinHeads[4])
}

// TestOtherStores: a log of another store, and a key that is not this store's.
func TestOtherStores(t *testing.T) {
	o, other := newOffice(t), newOffice(t)
	heads := o.written(story...)
	other.written(story...)
	ours := o.bytes()
	o.put(other.bytes())
	var foreign *ForeignError
	if _, _, err := o.open(&heads[4]); !errors.As(err, &foreign) || foreign.Have != other.id || foreign.Want != o.id {
		t.Errorf("another store's: %v", err)
	}
	// With our head before it, it is another key's.
	o.put(joined(ours, frames(t, other.bytes())...))
	if _, _, err := o.open(&heads[4]); !refused(err) {
		t.Errorf("another store's records: %v", err)
	}
	o.put(ours)
	o.key = crypto.NewKey()
	if _, _, err := o.open(&heads[4]); !errors.Is(err, crypto.ErrWrongKey) {
		t.Errorf("wrong key: %v", err)
	}
}

// TestCrashAtEachByte: of a record whose write did not finish nothing is left,
// and that is told; what was acknowledged before it is there.
func TestCrashAtEachByte(t *testing.T) {
	o := newOffice(t)
	heads := o.written(story...)
	good := o.bytes()
	f := frames(t, good)
	last := len(good) - len(f[4])
	for n := last; n <= len(good); n++ {
		for name, b := range map[string][]byte{
			"cut":    slices.Clone(good[:n]),
			"zeroed": append(slices.Clone(good[:n]), make([]byte, len(good)-n)...),
		} {
			o.put(b)
			whole := n == len(good)
			l, r, err := o.open(&heads[3])
			if err != nil {
				t.Fatalf("%s at byte %d: %v", name, n-last, err)
			}
			_, disabled := l.State().Disabled("wang.qiang")
			torn := len(b) - last
			if whole {
				torn = 0
			}
			if disabled == whole || r.TornLen != torn || (len(r.Ahead) == 1) != whole || (r.TornWhy != "") != (torn > 0) {
				t.Errorf("%s at byte %d: disabled %v, recovery %+v", name, n-last, disabled, r)
			}
			if torn > 0 && r.TornHash != sum(b[last:]) {
				t.Errorf("%s at byte %d: another hash", name, n-last)
			}
			h, err := l.Append(UserDisable, Change{Name: "next"})
			if err != nil {
				t.Fatal(err)
			}
			l.Close()
			again, _ := o.mustOpen(&h)
			if _, ok := again.State().Disabled("next"); !ok {
				t.Errorf("%s at byte %d: the record after it is not there", name, n-last)
			}
			again.Close()
		}
	}
}

// TestEachAnchorCounts: an older anchor from another line of records does not
// speak for a log that the newer one contradicts, and the other way round.
func TestEachAnchorCounts(t *testing.T) {
	o := newOffice(t)
	heads := o.written(story...)
	alien := Head{2, [32]byte{1}}
	for _, anchors := range [][]Head{{alien, heads[4]}, {heads[4], alien}, {heads[1], alien}, {{5, [32]byte{1}}, heads[4]}} {
		opts := o.options(nil)
		opts.Anchors = anchors
		var old *RolledBackError
		if _, _, err := Open(o.path, opts); !errors.As(err, &old) {
			t.Errorf("%v: %v", anchors, err)
		}
	}
	opts := o.options(nil)
	opts.Anchors = []Head{heads[3], heads[1], heads[2]}
	l, r, err := Open(o.path, opts)
	if err != nil || len(r.Ahead) != 1 || r.Ahead[0].Kind != UserEnable {
		t.Fatalf("%+v, %v", r, err)
	}
	l.Close()
}

// TestTornWithoutAnchor: when nothing says where the log ended, nothing is cut off.
func TestTornWithoutAnchor(t *testing.T) {
	o := newOffice(t)
	o.written(story...)
	good := o.bytes()
	o.put(good[:len(good)-1])
	var damaged *DamagedError
	if _, _, err := o.open(nil); !errors.As(err, &damaged) {
		t.Errorf("%v", err)
	}
	o.put(good)
	if _, r := o.mustOpen(nil); r.Created || r.TornLen != 0 {
		t.Errorf("%+v", r)
	}
}

// TestAnchors: the small file leads to its head, or to none.
func TestAnchors(t *testing.T) {
	o := newOffice(t)
	path := o.path + ".anchor"
	if _, ok, err := OpenAnchor(path, o.id, o.key); ok || err != nil {
		t.Errorf("none: %v, %v", ok, err)
	}
	want := Anchor{Head{3, [32]byte{7}}, 99}
	for range 2 {
		if err := SealAnchor(path, o.id, o.key, want); err != nil {
			t.Fatal(err)
		}
	}
	if got, ok, err := OpenAnchor(path, o.id, o.key); !ok || err != nil || got != want {
		t.Errorf("%+v, %v, %v", got, ok, err)
	}
	if _, ok, err := OpenAnchor(path, crypto.NewID(), o.key); ok || err != nil {
		t.Errorf("another store's: %v, %v", ok, err)
	}
	if _, ok, err := OpenAnchor(path, o.id, crypto.NewKey()); ok || err != nil {
		t.Errorf("another key's: %v, %v", ok, err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		bad := slices.Clone(b)
		bad[i] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := OpenAnchor(path, o.id, o.key); ok || err != nil {
			t.Errorf("byte %d changed: %v, %v", i, ok, err)
		}
	}
	if _, _, err := OpenAnchor(o.path+"/x", o.id, o.key); err == nil {
		if err := SealAnchor(o.path+"/x", o.id, o.key, want); err == nil {
			t.Error("an anchor was written where there is no directory")
		}
	}
}

// TestAccept: the way out keeps the evidence and as much as is authentic.
func TestAccept(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(o *office, b []byte, f [][]byte)
		left  uint64 // generation afterwards
	}{
		"older":     {func(o *office, b []byte, f [][]byte) { o.put(joined(b, f[:2]...)) }, 1},
		"damaged":   {func(o *office, b []byte, f [][]byte) { b[len(b)-len(f[4])-len(f[3])+9] ^= 1; o.put(b) }, 2},
		"cut":       {func(o *office, b []byte, f [][]byte) { o.put(b[:len(b)-1]) }, 3},
		"no log":    {func(o *office, b []byte, f [][]byte) { o.put([]byte("hello")) }, 0},
		"empty":     {func(o *office, b []byte, f [][]byte) { o.put(nil) }, 0},
		"wrong key": {func(o *office, b []byte, f [][]byte) { o.key = crypto.NewKey() }, 0},
		"missing":   {func(o *office, b []byte, f [][]byte) { os.Remove(o.path) }, 0},
	} {
		o := newOffice(t)
		heads := o.written(story...)
		c.spoil(o, o.bytes(), frames(t, o.bytes()))
		spoilt, _ := os.ReadFile(o.path)
		if _, _, err := o.open(&heads[4]); !refused(err) {
			t.Errorf("%s: %v", name, err)
		}
		kept, err := Accept(o.path, o.options(&heads[4]))
		if err != nil || (kept == "") != (name == "missing") {
			t.Errorf("%s: kept %q, %v", name, kept, err)
			continue
		}
		if got, _ := os.ReadFile(kept); !slices.Equal(got, spoilt) {
			t.Errorf("%s: what is kept is not what was refused", name)
		}
		l, _ := o.mustOpen(nil)
		if l.Head().Generation != c.left {
			t.Errorf("%s: %d records are left, want %d", name, l.Head().Generation, c.left)
		}
		if _, err := l.Append(UserDisable, Change{Name: "again"}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		l.Close()
		h := l.Head()
		if kept, err := Accept(o.path, o.options(&h)); kept != "" || err != nil {
			t.Errorf("%s: a good log was moved to %q, %v", name, kept, err)
		}
	}
}
