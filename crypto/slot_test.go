package crypto

import (
	"bytes"
	"math"
	"testing"
)

func fullSlot() Slot {
	return Slot{
		Version: 1 << 60, SeqBase: 2, TruncIndex: 3, TruncSeq: 4, Size: math.MaxUint64, Valid: 6, BlockWrites: 7,
		Flags: 8, Kind: Symlink, Object: NewID(), Parent: NewID(), UID: 10, GID: 11, Mode: 0o7777, Birth: math.MinInt64,
	}
}

func TestSlotRoundTrip(t *testing.T) {
	_, _, keys := newFile(t)
	for _, s := range []Slot{fullSlot(), {Kind: File}, {Kind: Dir, Size: 5, Valid: 5, Version: math.MaxUint64}} {
		b := s.Seal(keys.Meta)
		if len(b) != SlotSize {
			t.Fatalf("%d bytes", len(b))
		}
		kept := bytes.Clone(b)
		got, err := OpenSlot(keys.Meta, b)
		if err != nil || got != s {
			t.Errorf("%+v, %v, want %+v", got, err, s)
		}
		if !bytes.Equal(kept, b) {
			t.Error("OpenSlot changed its input")
		}
	}
}

func TestEveryBitOfASlotCounts(t *testing.T) {
	_, _, keys := newFile(t)
	s := fullSlot()
	everyBit(t, s.Seal(keys.Meta), func(b []byte) error { _, err := OpenSlot(keys.Meta, b); return err })
}

// Each reserved byte of an authentic slot must be zero, each other byte must
// change what is read: no byte is ignored.
func TestEveryByteOfASlotPayload(t *testing.T) {
	_, _, keys := newFile(t)
	s := fullSlot()
	payload, err := keys.Meta.Open(nil, s.Seal(keys.Meta))
	if err != nil {
		t.Fatal(err)
	}
	reserved := func(i int) bool { return i >= 69 && i < 72 || i >= 116 && i < 120 || i >= slotEnd }
	for i := range payload {
		changed := bytes.Clone(payload)
		changed[i] ^= 0x01
		got, err := OpenSlot(keys.Meta, keys.Meta.Seal(nil, changed))
		switch {
		case reserved(i):
			mustFail(t, "reserved byte", err, "format")
		case i < 8:
			mustFail(t, "label", err, "label")
		case err == nil && got == s:
			t.Errorf("byte %d is ignored", i)
		}
	}
}

func TestSlotOfOtherFile(t *testing.T) {
	content, p, keys := newFile(t)
	_, other, err := NewFile(content, p.KeyID, p.KeyVersion)
	if err != nil {
		t.Fatal(err)
	}
	s := fullSlot()
	_, err = OpenSlot(other.Meta, s.Seal(keys.Meta))
	mustFail(t, "slot of another file", err, "auth")
}

func TestSlotIsNoBlockNorDir(t *testing.T) {
	_, _, keys := newFile(t)
	s := fullSlot()
	_, _, err := keys.Meta.OpenBlock(s.Seal(keys.Meta), SlotLabel)
	mustFail(t, "slot as block", err, "label")
	payload := make([]byte, slotPayload)
	for _, label := range []uint64{0, 1, DirLabel} {
		putLabel(payload, label, 1)
		_, err = OpenSlot(keys.Meta, keys.Meta.Seal(nil, payload))
		mustFail(t, "other label as slot", err, "label")
	}
}

func TestSlotLengths(t *testing.T) {
	_, _, keys := newFile(t)
	s := fullSlot()
	b := append(s.Seal(keys.Meta), make([]byte, 10)...)
	for n := range b {
		if _, err := OpenSlot(keys.Meta, b[:n]); (err == nil) != (n == SlotSize) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// A slot that could not be opened again must not be written.
func TestSlotSealPanics(t *testing.T) {
	_, _, keys := newFile(t)
	for _, s := range []Slot{{}, {Kind: 4}, {Kind: File, Size: 1, Valid: 2}} {
		mustPanic(t, "bad slot", func() { s.Seal(keys.Meta) })
	}
}

func TestKindString(t *testing.T) {
	for k, want := range map[Kind]string{File: "file", Dir: "dir", Symlink: "symlink", 0: "unknown", 9: "unknown"} {
		if k.String() != want {
			t.Errorf("kind %d: %q", uint8(k), k)
		}
	}
}
