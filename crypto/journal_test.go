package crypto

import (
	"bytes"
	"testing"
)

func fullCommit() Commit { return Commit{Seq: 1 << 60, Size: 1 << 50, Valid: 3, BlockWrites: 4} }

func TestCommitRoundTrip(t *testing.T) {
	_, _, keys := newFile(t)
	for _, c := range []Commit{fullCommit(), {}, {Size: 5, Valid: 5}} {
		b := c.AppendTo([]byte("before"), keys.Meta)[6:]
		if len(b) != CommitSize {
			t.Fatalf("%d bytes", len(b))
		}
		kept := bytes.Clone(b)
		got, err := OpenCommit(keys.Meta, b)
		if err != nil || got != c {
			t.Errorf("%+v, %v, want %+v", got, err, c)
		}
		if !bytes.Equal(kept, b) {
			t.Error("OpenCommit changed its input")
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a record that cannot be opened was sealed")
		}
	}()
	(&Commit{Size: 1, Valid: 2}).AppendTo(nil, keys.Meta)
}

func TestEveryBitOfACommitCounts(t *testing.T) {
	_, _, keys := newFile(t)
	c := fullCommit()
	everyBit(t, c.AppendTo(nil, keys.Meta), func(b []byte) error { _, err := OpenCommit(keys.Meta, b); return err })
}

// Each reserved byte of an authentic record must be zero, each other one must
// change what is read.
func TestEveryByteOfACommitPayload(t *testing.T) {
	_, _, keys := newFile(t)
	c := fullCommit()
	payload, err := keys.Meta.Open(nil, c.AppendTo(nil, keys.Meta))
	if err != nil || len(payload) != commitPayload {
		t.Fatalf("%d bytes, %v", len(payload), err)
	}
	for i := range payload {
		changed := bytes.Clone(payload)
		changed[i] ^= 0x01
		got, err := OpenCommit(keys.Meta, keys.Meta.Seal(nil, changed))
		switch {
		case i >= commitEnd:
			mustFail(t, "reserved byte", err, "format")
		case i < 8:
			mustFail(t, "label", err, "label")
		case err == nil && got == c:
			t.Errorf("byte %d is ignored", i)
		}
	}
}

func TestCommitIsNoOtherThing(t *testing.T) {
	_, _, keys := newFile(t)
	c, s := fullCommit(), fullSlot()
	b := c.AppendTo(nil, keys.Meta)
	_, err := OpenCommit(keys.Data, b)
	mustFail(t, "data key", err, "auth")
	_, _, err = keys.Meta.OpenBlock(bytes.Clone(b), 0)
	mustFail(t, "as a block", err, "label")
	_, err = OpenCommit(keys.Meta, s.Seal(keys.Meta))
	mustFail(t, "a slot", err, "format")
	_, err = OpenCommit(keys.Meta, keys.Meta.Seal(nil, make([]byte, commitPayload)))
	mustFail(t, "a block of that length", err, "label")
}

func TestPackageLen(t *testing.T) {
	s := newSealer(t, NewKey())
	for _, n := range []int{1, 16, 4112, MaxPayload} {
		pkg := s.Seal(nil, make([]byte, n))
		for _, b := range [][]byte{pkg, append(bytes.Clone(pkg), 1, 2, 3), pkg[:16]} {
			if got, ok := PackageLen(b); !ok || got != len(pkg) {
				t.Errorf("%d, %v, want %d", got, ok, len(pkg))
			}
		}
		if _, ok := PackageLen(pkg[:15]); ok {
			t.Error("a length without a header")
		}
		for _, i := range []int{0, 1, 4} {
			bad := bytes.Clone(pkg)
			bad[i] ^= 0x80
			if _, ok := PackageLen(bad); ok {
				t.Errorf("byte %d does not count", i)
			}
		}
	}
}
