package crypto

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/minio/sio"
)

// Fuzzed bytes are hardly ever authentic. So they patch something good: either
// what stands on the disk, or the payload, which is then sealed with the right
// key and reaches the parser behind the authentication. Seeds stay short, as
// the fuzzer's minimizing is quadratic in their length.

// fuzzFile is a file whose keys do not change from run to run.
func fuzzFile(f *testing.F) (*Key, []byte, *FileKeys) {
	v := readVectors(f).Files[1]
	return v.content(), v.Prefix, v.keys(f)
}

// patch returns good with b written over it at offset at, or cut there when b
// is empty.
func patch(good, b []byte, at uint16) []byte {
	i := min(int(at), len(good))
	out := append(bytes.Clone(good[:i]), b...)
	if len(b) > 0 && len(out) < len(good) {
		out = append(out, good[len(out):]...)
	}
	return out
}

// mustPayload opens a frozen package.
func mustPayload(f *testing.F, s *Sealer, pkg []byte) []byte {
	f.Helper()
	payload, err := s.Open(nil, pkg)
	if err != nil {
		f.Fatal(err)
	}
	return payload
}

func seedBroken(f *testing.F, part string, add func(b []byte)) {
	for _, c := range readVectors(f).Broken {
		if c.Part == part && len(c.Bytes) <= PrefixSize {
			add(c.Bytes)
		}
	}
}

// Open accepts just the packages that sio accepts.
func FuzzSealerOpen(f *testing.F) {
	v := readVectors(f)
	k := (*Key)(v.Packages[0].Key)
	s := newSealer(f, k)
	for _, p := range v.Packages {
		f.Add([]byte(p.Package))
	}
	f.Add(bytes.Repeat([]byte{0x20}, 64))
	seedBroken(f, "block", func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, b []byte) {
		plain, err := s.Open(nil, b)
		if len(b) <= PackageOverhead || len(b) > MaxPayload+PackageOverhead {
			if err == nil {
				t.Fatalf("%d bytes accepted", len(b))
			}
			return // sio panics below 16 bytes and takes streams
		}
		want, sioErr := sio.DecryptBuffer(nil, bytes.Clone(b), sioConfig(k))
		if (err == nil) != (sioErr == nil) || !bytes.Equal(plain, want) {
			t.Fatalf("we: %v, sio: %v", err, sioErr)
		}
	})
}

// What OpenBlock accepts is the block that was asked for, sealed again the same.
func FuzzSealerOpenBlock(f *testing.F) {
	_, _, keys := fuzzFile(f)
	v := readVectors(f)
	for _, b := range v.Blocks[:2] {
		f.Add([]byte(b.Package), b.Index, false)
		f.Add(mustPayload(f, keys.Data, b.Package), b.Index, true)
	}
	seedBroken(f, "block", func(b []byte) { f.Add(b, uint64(5), false) })
	f.Fuzz(func(t *testing.T, b []byte, index uint64, seal bool) {
		if seal && len(b) > 0 && len(b) <= MaxPayload {
			b = keys.Data.Seal(nil, b)
		}
		pkg := bytes.Clone(b)
		data, seq, err := keys.Data.OpenBlock(pkg, index)
		if err != nil {
			return
		}
		payload, err := keys.Data.Open(nil, b)
		if err != nil {
			t.Fatal(err)
		}
		again, err := keys.Data.Open(nil, keys.Data.SealBlock(nil, index, seq, data))
		if err != nil || !bytes.Equal(again, payload) {
			t.Fatalf("%x became %x, %v", payload, again, err)
		}
	})
}

// parse => append gives the same bytes.
func FuzzParsePrefix(f *testing.F) {
	for _, v := range readVectors(f).Files {
		f.Add([]byte(v.Prefix))
	}
	seedBroken(f, "prefix", func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePrefix(b)
		if err != nil {
			if p != (Prefix{}) {
				t.Fatal("a value beside an error")
			}
			return
		}
		if again := p.AppendTo(nil); !bytes.Equal(again, b[:PrefixSize]) {
			t.Fatalf("%x became %x", b[:PrefixSize], again)
		}
		if _, err := p.Keys(new(Key)); err != ErrWrongKey {
			t.Fatalf("keys under a key of zeros: %v", err)
		}
	})
}

func FuzzOpenSlot(f *testing.F) {
	_, _, keys := fuzzFile(f)
	good := readVectors(f).Slot.Bytes
	payload := mustPayload(f, keys.Meta, good)
	f.Add([]byte{0xff}, uint16(3), false)
	f.Add([]byte{}, uint16(SlotSize), false)
	f.Add([]byte{}, uint16(100), false)
	f.Add(payload[64:slotEnd], uint16(64), true)
	f.Add([]byte{9}, uint16(68), true)
	f.Fuzz(func(t *testing.T, b []byte, at uint16, seal bool) {
		slot := patch(good, b, at)
		if changed := patch(payload, b, at); seal && len(changed) > 0 && len(changed) <= MaxPayload {
			slot = sealWithNonce(keys.Meta, good[4:16], changed)
		}
		s, err := OpenSlot(keys.Meta, slot)
		if err != nil {
			if s != (Slot{}) {
				t.Fatal("a value beside an error")
			}
			return
		}
		mustReseal(t, keys.Meta, slot, s.Seal(keys.Meta))
	})
}

func FuzzOpenCommit(f *testing.F) {
	_, _, keys := fuzzFile(f)
	good := readVectors(f).Commit.Bytes
	payload := mustPayload(f, keys.Meta, good)
	f.Add([]byte{0xff}, uint16(3), false)
	f.Add([]byte{}, uint16(50), false)
	f.Add(payload[16:40], uint16(16), true)
	f.Add([]byte{9}, uint16(63), true)
	seedBroken(f, "commit", func(b []byte) { f.Add(b, uint16(0), false) })
	f.Fuzz(func(t *testing.T, b []byte, at uint16, seal bool) {
		record := patch(good, b, at)
		if changed := patch(payload, b, at); seal && len(changed) > 0 && len(changed) <= MaxPayload {
			record = sealWithNonce(keys.Meta, good[4:16], changed)
		}
		if n, ok := PackageLen(record); ok && len(record) > n {
			record = record[:n]
		}
		c, err := OpenCommit(keys.Meta, record)
		if err != nil {
			if c != (Commit{}) {
				t.Fatal("a value beside an error")
			}
			return
		}
		mustReseal(t, keys.Meta, record, c.AppendTo(nil, keys.Meta))
	})
}

// mustReseal checks that two packages hold the same payload.
func mustReseal(t *testing.T, s *Sealer, a, b []byte) {
	t.Helper()
	pa, errA := s.Open(nil, a)
	pb, errB := s.Open(nil, b)
	if errA != nil || errB != nil || !bytes.Equal(pa, pb) {
		t.Fatalf("%x became %x, %v, %v", pa, pb, errA, errB)
	}
}

func FuzzOpenDir(f *testing.F) {
	content, prefix, keys := fuzzFile(f)
	good := readVectors(f).Dir.Bytes
	payload := mustPayload(f, keys.Meta, good[PrefixSize:])
	f.Add([]byte{0xff}, uint16(80), false)
	f.Add([]byte{}, uint16(DirSize), false)
	f.Add([]byte{}, uint16(PrefixSize), false)
	f.Add(payload[64:140], uint16(64), true)
	f.Add([]byte{0, 1}, uint16(72), true)
	f.Fuzz(func(t *testing.T, b []byte, at uint16, seal bool) {
		dir := patch(good, b, at)
		if changed := patch(payload, b, at); seal && len(changed) > 0 && len(changed) <= MaxPayload {
			dir = append(bytes.Clone(prefix), sealWithNonce(keys.Meta, good[PrefixSize+4:][:12], changed)...)
		}
		d, fileKeys, err := OpenDir(content, dir)
		if err != nil {
			if d != nil || fileKeys != nil {
				t.Fatal("a value beside an error")
			}
			return
		}
		again, err := ResealDir(content, dir, d)
		if err != nil {
			t.Fatal(err)
		}
		mustReseal(t, fileKeys.Meta, dir[PrefixSize:], again[PrefixSize:])
	})
}

// Each name that opens has just the stored form that it was opened from.
func FuzzNameCipherOpen(f *testing.F) {
	v := readVectors(f)
	n, err := NewNameCipher((*Key)(v.Files[1].Matter))
	if err != nil {
		f.Fatal(err)
	}
	for _, w := range append(v.Names, v.BrokenNames...) {
		f.Add(w.Stored, []byte(w.Long), false)
	}
	f.Add("contract.docx"+strings.Repeat("\x00", 19), []byte(nil), true)
	dir := v.Names[0].Dir
	f.Fuzz(func(t *testing.T, stored string, long []byte, seal bool) {
		if len(long) == 0 {
			long = nil
		}
		if seal { // stored is the padded name
			stored, long = storedForm(t, n, dir, []byte(stored))
		}
		name, err := n.Open(dir, stored, long)
		if err != nil {
			if name != "" {
				t.Fatal("a name beside an error")
			}
			return
		}
		again, againLong, err := n.Seal(dir, name)
		if err != nil || again != stored || !bytes.Equal(againLong, long) {
			t.Fatalf("%q of %q became %q, %v", stored, name, again, err)
		}
	})
}

func storedForm(t *testing.T, n *NameCipher, dir ID, padded []byte) (string, []byte) {
	sealed, err := n.siv.EncryptDeterministically(padded, dir[:])
	if err != nil {
		t.Fatal(err)
	}
	if s := base64.RawURLEncoding.EncodeToString(sealed); len(s) <= MaxInline {
		return s, nil
	}
	return longName(sealed), sealed
}

// Every legal name comes back as it was, byte by byte.
func FuzzNameCipherSeal(f *testing.F) {
	n := newNames(f)
	for _, name := range []string{"合同.docx", "a", "..", "a/b", "\xff", strings.Repeat("汉", 85), strings.Repeat("n", 256)} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		legal := name != "" && name != "." && name != ".." && len(name) <= MaxName && !strings.ContainsAny(name, "/\x00")
		stored, long, err := n.Seal(ID{7}, name)
		if (err == nil) != legal {
			t.Fatalf("%q: %v", name, err)
		}
		if err != nil {
			return
		}
		if got, err := n.Open(ID{7}, stored, long); err != nil || got != name {
			t.Fatalf("%q became %q, %v", name, got, err)
		}
	})
}

func FuzzParseID(f *testing.F) {
	for _, s := range []string{strings.Repeat("0a", 16), strings.Repeat("0A", 16), "", strings.Repeat("g", 32), strings.Repeat("0", 33)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParseID(s); err == nil && id.String() != s {
			t.Fatalf("%q became %s", s, id)
		} else if err != nil && !id.IsZero() {
			t.Fatal("a value beside an error")
		}
	})
}
