package crypto

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/minio/sio"
)

func TestBlockRoundTrip(t *testing.T) {
	s := newSealer(t, NewKey())
	for _, n := range sizes(BlockSize) {
		for _, index := range []uint64{0, 1, 255, 1 << 31, 1<<32 + 5, SlotLabel - 2} {
			data := randomBytes(n)
			pkg := s.SealBlock(make([]byte, 3), index, index+1, data)[3:]
			if len(pkg) != n+LabelSize+PackageOverhead {
				t.Fatalf("%d bytes for %d", len(pkg), n)
			}
			got, seq, err := s.OpenBlock(pkg, index)
			if err != nil || seq != index+1 || !bytes.Equal(got, data) || &got[0] != &pkg[32] {
				t.Fatalf("size %d, index %d: seq %d, %v", n, index, seq, err)
			}
		}
	}
}

func TestBlockStride(t *testing.T) {
	if BlockStride != 4144 || PackageOverhead != 32 || HeaderSize < PrefixSize+2*SlotSize {
		t.Errorf("stride %d, overhead %d, header %d", BlockStride, PackageOverhead, HeaderSize)
	}
}

func TestBlockOfOtherIndex(t *testing.T) {
	s := newSealer(t, NewKey())
	block := s.SealBlock(nil, 5, 1, []byte("five"))
	for _, index := range []uint64{0, 4, 6, 9, 5 << 32, SlotLabel} {
		pkg := bytes.Clone(block)
		data, _, err := s.OpenBlock(pkg, index)
		mustFail(t, "moved block", err, "label")
		if data != nil || bytes.Contains(pkg, []byte("five")) {
			t.Error("the moved block's plaintext is left in the buffer")
		}
	}
}

// sio binds a package to its place by XORing the place into the nonce, which an
// attacker can do as well. Ours have the place inside.
func TestXORMove(t *testing.T) {
	k := NewKey()
	cfg := sioConfig(k)
	cfg.SequenceNumber = 5
	var theirs bytes.Buffer
	if _, err := sio.Encrypt(&theirs, bytes.NewReader([]byte("five")), cfg); err != nil {
		t.Fatal(err)
	}
	cfg.SequenceNumber = 9
	if got, err := sio.DecryptBuffer(nil, xorMove(theirs.Bytes(), 5, 9), cfg); err != nil || string(got) != "five" {
		t.Fatalf("the attack this test is about does not work on sio: %v", err)
	}
	s := newSealer(t, k)
	_, _, err := s.OpenBlock(xorMove(s.SealBlock(nil, 5, 1, []byte("five")), 5, 9), 9)
	mustFail(t, "moved with the XOR trick", err, "auth")
	_, err = s.Open(nil, theirs.Bytes())
	mustFail(t, "sequence number 5", err, "auth")
	payload := make([]byte, LabelSize+4)
	putLabel(payload, 5, 1)
	theirs.Reset()
	if _, err := sio.Encrypt(&theirs, bytes.NewReader(payload), cfg); err != nil {
		t.Fatal(err)
	}
	_, _, err = s.OpenBlock(xorMove(theirs.Bytes(), 9, 0), 9)
	mustFail(t, "label 5 moved to sequence number 0", err, "label")
}

// xorMove makes a package sealed for sequence number from authentic at to.
func xorMove(pkg []byte, from, to uint32) []byte {
	out := bytes.Clone(pkg)
	binary.LittleEndian.PutUint32(out[12:], binary.LittleEndian.Uint32(out[12:])^from^to)
	return out
}

func TestEveryBitOfABlockCounts(t *testing.T) {
	s := newSealer(t, NewKey())
	for _, n := range []int{1, 100, BlockSize} {
		block := s.SealBlock(nil, 5, 1, randomBytes(n))
		everyBit(t, block, func(pkg []byte) error { _, _, err := s.OpenBlock(pkg, 5); return err })
	}
}

// everyBit flips each bit of b in turn and wants open to fail, and to succeed
// on b itself.
func everyBit(t *testing.T, b []byte, open func([]byte) error) {
	t.Helper()
	if err := open(bytes.Clone(b)); err != nil {
		t.Fatalf("unchanged: %v", err)
	}
	changed := make([]byte, len(b))
	for i := range 8 * len(b) {
		copy(changed, b)
		changed[i/8] ^= 1 << (i % 8)
		if open(changed) == nil {
			t.Errorf("bit %d of byte %d changed: accepted", i%8, i/8)
		}
	}
}

// Cutting and extending at every length is refused, garbage never panics.
func TestEveryOtherLength(t *testing.T) {
	s := newSealer(t, NewKey())
	block := s.SealBlock(nil, 5, 1, randomBytes(BlockSize))
	for n := range len(block) + 100 {
		pkg := append(bytes.Clone(block), make([]byte, 100)...)[:n]
		if _, err := s.Open(nil, pkg); (err == nil) != (n == len(block)) {
			t.Errorf("Open of %d bytes: %v", n, err)
		}
		if _, _, err := s.OpenBlock(pkg, 5); (err == nil) != (n == len(block)) {
			t.Errorf("OpenBlock of %d bytes: %v", n, err)
		}
	}
}

func TestGarbageNeverPanics(t *testing.T) {
	s := newSealer(t, NewKey())
	content := NewKey()
	for n := range 65 {
		for _, fill := range []byte{0, 0x20, 0xff} {
			b := bytes.Repeat([]byte{fill}, n)
			_, errOpen := s.Open(nil, b)
			_, _, errBlock := s.OpenBlock(bytes.Clone(b), 0)
			_, errPrefix := ParsePrefix(b)
			_, errSlot := OpenSlot(s, b)
			_, _, errDir := OpenDir(content, b)
			_, errID := ParseID(string(b))
			for _, err := range []error{errOpen, errBlock, errPrefix, errSlot, errDir, errID} {
				if err == nil {
					t.Errorf("%d bytes of %#x accepted", n, fill)
				}
			}
		}
	}
}

func TestOtherKey(t *testing.T) {
	block := newSealer(t, NewKey()).SealBlock(nil, 5, 1, []byte("data"))
	_, _, err := newSealer(t, NewKey()).OpenBlock(block, 5)
	mustFail(t, "other key", err, "auth")
	_, err = newSealer(t, NewKey()).Open(nil, make([]byte, 0))
	mustFail(t, "nothing", err, "format")
}

func TestZeroedBlock(t *testing.T) {
	_, _, err := newSealer(t, NewKey()).OpenBlock(make([]byte, BlockStride), 0)
	mustFail(t, "zeros", err, "format")
}

// A refused block leaves no plaintext in the caller's buffer.
func TestRefusedBlockLeavesNoPlaintext(t *testing.T) {
	s := newSealer(t, NewKey())
	secret := bytes.Repeat([]byte("contract"), 100)
	pkg := s.SealBlock(nil, 5, 1, secret)
	pkg[len(pkg)-1] ^= 1
	_, _, err := s.OpenBlock(pkg, 5)
	mustFail(t, "changed tag", err, "auth")
	if bytes.Contains(pkg, secret[:8]) {
		t.Error("plaintext of a block that is not authentic is in the buffer")
	}
}
