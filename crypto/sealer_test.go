package crypto

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/minio/sio"
)

// sizes are payload sizes around every border of the format.
func sizes(limit int) []int {
	out := []int{}
	for _, n := range []int{1, 2, 15, 16, 17, 31, 32, 33, 255, 256, 257, 1504, 2016, 4095, 4096, 4097, 4111, 4112, 4113, 32768, 65535, 65536} {
		if n <= limit {
			out = append(out, n)
		}
	}
	return out
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(b)
	return b
}

func sioConfig(k *Key) sio.Config {
	return sio.Config{MinVersion: sio.Version20, MaxVersion: sio.Version20, CipherSuites: []byte{sio.AES_256_GCM}, Key: k[:]}
}

func TestSealOpen(t *testing.T) {
	s := newSealer(t, NewKey())
	for _, n := range sizes(MaxPayload) {
		plain := randomBytes(n)
		pkg := s.Seal([]byte("head"), plain)
		if !bytes.HasPrefix(pkg, []byte("head")) || len(pkg) != 4+n+PackageOverhead {
			t.Fatalf("size %d: %d bytes", n, len(pkg))
		}
		got, err := s.Open([]byte("front"), pkg[4:])
		if err != nil || string(got[:5]) != "front" || !bytes.Equal(got[5:], plain) {
			t.Fatalf("size %d: %v", n, err)
		}
		inPlace, err := s.Open(pkg[4+16:4+16], pkg[4:])
		if err != nil || !bytes.Equal(inPlace, plain) {
			t.Fatalf("size %d in place: %v", n, err)
		}
	}
}

func TestSealIsFresh(t *testing.T) {
	s := newSealer(t, NewKey())
	seen := map[string]bool{}
	for range 1000 {
		seen[string(s.Seal(nil, []byte("same"))[4:16])] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d nonces in 1000 packages", len(seen))
	}
}

// What we seal, sio opens.
func TestSioOpensOurs(t *testing.T) {
	k := NewKey()
	s := newSealer(t, k)
	for _, n := range sizes(MaxPayload) {
		plain := randomBytes(n)
		got, err := sio.DecryptBuffer(nil, s.Seal(nil, plain), sioConfig(k))
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("size %d: buffer: %v", n, err)
		}
		var out bytes.Buffer
		if _, err := sio.Decrypt(&out, bytes.NewReader(s.Seal(nil, plain)), sioConfig(k)); err != nil || !bytes.Equal(out.Bytes(), plain) {
			t.Fatalf("size %d: stream: %v", n, err)
		}
	}
	for _, n := range sizes(BlockSize) {
		data := randomBytes(n)
		got, err := sio.DecryptBuffer(nil, s.SealBlock(nil, 7, 9, data), sioConfig(k))
		if err != nil || !bytes.Equal(got[LabelSize:], data) || got[0] != 7 || got[8] != 9 {
			t.Fatalf("block of %d: %v", n, err)
		}
	}
}

// What sio seals as a stream of one package, we open.
func TestWeOpenSios(t *testing.T) {
	k := NewKey()
	s := newSealer(t, k)
	for _, n := range sizes(MaxPayload) {
		plain := randomBytes(n)
		var pkg bytes.Buffer
		if _, err := sio.Encrypt(&pkg, bytes.NewReader(plain), sioConfig(k)); err != nil {
			t.Fatal(err)
		}
		got, err := s.Open(nil, pkg.Bytes())
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("size %d: %v", n, err)
		}
	}
}

// The bytes, not only the meaning, are sio's for the same nonce.
func TestSameBytesAsSio(t *testing.T) {
	k := NewKey()
	s := newSealer(t, k)
	for _, n := range sizes(MaxPayload) {
		plain, nonce := randomBytes(n), [12]byte(randomBytes(12))
		cfg := sioConfig(k)
		cfg.Nonce = &nonce
		var want bytes.Buffer
		if _, err := sio.Encrypt(&want, bytes.NewReader(plain), cfg); err != nil {
			t.Fatal(err)
		}
		mustEqual(t, fmt.Sprintf("size %d", n), sealWithNonce(s, nonce[:], plain), want.Bytes())
	}
}

func TestOpenRefusesWhatSioTakesByDefault(t *testing.T) {
	k := NewKey()
	s := newSealer(t, k)
	for what, change := range map[string]func(*sio.Config){
		"version 1":         func(c *sio.Config) { c.MinVersion, c.MaxVersion = sio.Version10, sio.Version10 },
		"chacha20-poly1305": func(c *sio.Config) { c.CipherSuites = []byte{sio.CHACHA20_POLY1305} },
	} {
		cfg := sioConfig(k)
		change(&cfg)
		var pkg bytes.Buffer
		if _, err := sio.Encrypt(&pkg, bytes.NewReader(randomBytes(100)), cfg); err != nil {
			t.Fatal(err)
		}
		if _, err := sio.DecryptBuffer(nil, bytes.Clone(pkg.Bytes()), sio.Config{Key: k[:]}); err != nil {
			t.Fatalf("%s: sio itself refuses: %v", what, err)
		}
		_, err := s.Open(nil, pkg.Bytes())
		mustFail(t, what, err, "format")
	}
}

func TestOpenRefusesStreams(t *testing.T) {
	k := NewKey()
	s := newSealer(t, k)
	var stream bytes.Buffer
	if _, err := sio.Encrypt(&stream, bytes.NewReader(randomBytes(MaxPayload+10)), sioConfig(k)); err != nil {
		t.Fatal(err)
	}
	first, second := stream.Bytes()[:MaxPayload+PackageOverhead], stream.Bytes()[MaxPayload+PackageOverhead:]
	_, err := s.Open(nil, first)
	mustFail(t, "first package of two", err, "format")
	_, err = s.Open(nil, second)
	mustFail(t, "second package of two", err, "auth")
	_, err = s.Open(nil, stream.Bytes())
	mustFail(t, "both", err, "format")
}

func TestSealPanicsOutOfRange(t *testing.T) {
	s := newSealer(t, NewKey())
	for what, f := range map[string]func(){
		"empty package":   func() { s.Seal(nil, nil) },
		"package too big": func() { s.Seal(nil, make([]byte, MaxPayload+1)) },
		"empty block":     func() { s.SealBlock(nil, 0, 0, nil) },
		"block too big":   func() { s.SealBlock(nil, 0, 0, make([]byte, BlockSize+1)) },
		"slot label":      func() { s.SealBlock(nil, SlotLabel, 0, []byte{1}) },
	} {
		mustPanic(t, what, f)
	}
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no panic", what)
		}
	}()
	f()
}

// Eight goroutines share one sealer; run with -race.
func TestSealerIsConcurrent(t *testing.T) {
	s := newSealer(t, NewKey())
	var wg sync.WaitGroup
	for g := range uint64(8) {
		wg.Go(func() {
			for i := range uint64(200) {
				pkg := s.SealBlock(nil, i, g, []byte{byte(i), byte(g)})
				data, seq, err := s.OpenBlock(pkg, i)
				if err != nil || seq != g || data[0] != byte(i) || data[1] != byte(g) {
					t.Errorf("block %d of %d: %v", i, g, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestNoAllocations(t *testing.T) {
	s := newSealer(t, NewKey())
	data := randomBytes(BlockSize)
	buf := make([]byte, 0, BlockStride)
	block := s.SealBlock(nil, 3, 4, data)
	pkg := s.Seal(nil, data)
	scratch := make([]byte, BlockStride)
	for what, f := range map[string]func(){
		"Seal":      func() { s.Seal(buf, data) },
		"SealBlock": func() { s.SealBlock(buf, 1, 2, data) },
		"Open":      func() { s.Open(buf, pkg) },
		"OpenBlock": func() { copy(scratch, block); s.OpenBlock(scratch, 3) },
	} {
		if n := testing.AllocsPerRun(200, f); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
	copy(scratch, block)
	if _, seq, err := s.OpenBlock(scratch, 3); err != nil || seq != 4 {
		t.Errorf("what was measured does not work: seq %d, %v", seq, err)
	}
}

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
