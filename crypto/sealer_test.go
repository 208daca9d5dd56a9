package crypto

import (
	"bytes"
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
