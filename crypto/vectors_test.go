package crypto

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"
)

// hexBytes is bytes written in hex; null and absent are nil.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

func (id *ID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseID(string(b))
	return err
}

type fileVector struct {
	Matter, Content, Salt, PRK, Commit, Prefix, Data, Meta, Xattr, Names hexBytes
	ContentID                                                            ID       `json:"content_id"`
	KeyID                                                                ID       `json:"key_id"`
	KeyVersion                                                           uint32   `json:"key_version"`
	XattrNames                                                           hexBytes `json:"xattr_names"`
}

type packageVector struct{ Key, Nonce, Plain, Package hexBytes }

type blockVector struct {
	Index, Seq    uint64
	Data, Package hexBytes
}

type nameVector struct {
	Name   string
	Dir    ID
	Stored string
	Long   hexBytes
	What   string
	Error  string
}

// vectorFile is testdata/vectors.json, written by testdata/vectors.py, which
// shares no code with this package.
type vectorFile struct {
	Files    []fileVector
	Packages []packageVector
	Blocks   []blockVector
	Commit   struct {
		Fields Commit
		Bytes  hexBytes
	}
	Slot struct {
		Fields Slot
		Bytes  hexBytes
	}
	Dir struct {
		Fields DirMeta
		Bytes  hexBytes
	}
	Names  []nameVector
	Broken []struct {
		Part, What, Error string
		Bytes             hexBytes
	}
	BrokenNames []nameVector `json:"broken_names"`
}

func readVectors(t testing.TB) *vectorFile {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	v := new(vectorFile)
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		t.Fatal(err)
	}
	if len(v.Files) != 2 || len(v.Broken) < 30 || len(v.Names) < 5 || len(v.BrokenNames) < 10 {
		t.Fatal("vectors are missing")
	}
	return v
}

func (f *fileVector) content() *Key { return ContentKey((*Key)(f.Matter)) }

func (f *fileVector) keys(t testing.TB) *FileKeys {
	t.Helper()
	p, err := ParsePrefix(f.Prefix)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := p.Keys(f.content())
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func mustEqual(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\n got %x\nwant %x", what, got, want)
	}
}

// mustFail checks that err is of the kind a vector names.
func mustFail(t *testing.T, what string, err error, kind string) {
	t.Helper()
	var format *FormatError
	var label *LabelError
	ok := false
	switch kind {
	case "format":
		ok = errors.As(err, &format) && !errors.Is(err, ErrAuth)
	case "label":
		ok = errors.As(err, &label) && errors.Is(err, ErrAuth)
	case "auth":
		ok = err == ErrAuth
	case "wrong key":
		ok = err == ErrWrongKey
	}
	if !ok {
		t.Errorf("%s: error %v, want kind %q", what, err, kind)
	}
}

// The design's known answer, from a prototype that is neither this code nor
// vectors.py.
func TestDesignKnownAnswer(t *testing.T) {
	f := readVectors(t).Files[0]
	if h := hex.EncodeToString(f.Commit); h != "e1ff5eab3e2de0978a2fdd414bcdf96f" {
		t.Errorf("commitment %s", h)
	}
	if h := hex.EncodeToString(f.Prefix[:32]); h != "4d545246537631000100000c010000005a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a" {
		t.Errorf("prefix %s", h)
	}
	if !f.KeyID.IsZero() {
		t.Errorf("key id %s", f.KeyID)
	}
}

func TestVectorKeys(t *testing.T) {
	for _, f := range readVectors(t).Files {
		mustEqual(t, "content key", f.content()[:], f.Content)
		mustEqual(t, "name key", derive((*Key)(f.Matter), "names", 64), f.Names)
		p := Prefix{Format: 1, BlockLog2: 12, KeyVersion: f.KeyVersion, ContentID: f.ContentID,
			Salt: [32]byte(f.Salt), Commitment: [16]byte(f.Commit), KeyID: f.KeyID}
		d := newFileDeriver(&p, f.content())
		mustEqual(t, "prk", d.prk, f.PRK)
		mustEqual(t, "data key", d.expand("data", 32), f.Data)
		mustEqual(t, "meta key", d.expand("meta", 32), f.Meta)
		mustEqual(t, "xattr key", d.expand("xattr", 32), f.Xattr)
		mustEqual(t, "xattr name key", d.expand("xattrnames", 64), f.XattrNames)
		mustEqual(t, "prefix", p.AppendTo(nil), f.Prefix)
		if got, err := ParsePrefix(f.Prefix); err != nil || got != p {
			t.Errorf("ParsePrefix: %+v, %v", got, err)
		}
	}
}

func TestVectorPackages(t *testing.T) {
	for _, v := range readVectors(t).Packages {
		s := newSealer(t, (*Key)(v.Key))
		plain, err := s.Open(nil, v.Package)
		if err != nil {
			t.Fatal(err)
		}
		mustEqual(t, "plaintext", plain, v.Plain)
		mustEqual(t, "package", sealWithNonce(s, v.Nonce, v.Plain), v.Package)
	}
}

func TestVectorBlocks(t *testing.T) {
	v := readVectors(t)
	s := v.Files[1].keys(t).Data
	for _, b := range v.Blocks {
		data, seq, err := s.OpenBlock(bytes.Clone(b.Package), b.Index)
		if err != nil || seq != b.Seq {
			t.Fatalf("seq %d, %v", seq, err)
		}
		mustEqual(t, "data", data, b.Data)
		sealed := s.SealBlock(nil, b.Index, b.Seq, b.Data)
		payload, _ := s.Open(nil, sealed)
		mustEqual(t, "block", sealWithNonce(s, b.Package[4:16], payload), b.Package)
	}
}

func TestVectorCommit(t *testing.T) {
	v := readVectors(t)
	meta := v.Files[1].keys(t).Meta
	c, err := OpenCommit(meta, v.Commit.Bytes)
	if err != nil || c != v.Commit.Fields {
		t.Errorf("%+v, %v", c, err)
	}
	payload, _ := meta.Open(nil, v.Commit.Fields.AppendTo(nil, meta))
	mustEqual(t, "commit", sealWithNonce(meta, v.Commit.Bytes[4:16], payload), v.Commit.Bytes)
}

func TestVectorSlot(t *testing.T) {
	v := readVectors(t)
	meta := v.Files[1].keys(t).Meta
	s, err := OpenSlot(meta, v.Slot.Bytes)
	if err != nil || s != v.Slot.Fields {
		t.Fatalf("%+v, %v", s, err)
	}
	payload, _ := meta.Open(nil, v.Slot.Fields.Seal(meta))
	mustEqual(t, "slot", sealWithNonce(meta, v.Slot.Bytes[4:16], payload), v.Slot.Bytes)
}

func TestVectorDir(t *testing.T) {
	v := readVectors(t)
	want := v.Dir.Fields
	want.KeyID, want.KeyVersion = v.Files[1].KeyID, v.Files[1].KeyVersion
	d, keys, err := OpenDir(v.Files[1].content(), v.Dir.Bytes)
	if err != nil || *d != want {
		t.Fatalf("%+v, %v", d, err)
	}
	again, err := ResealDir(v.Files[1].content(), v.Dir.Bytes, d)
	if err != nil {
		t.Fatal(err)
	}
	payload, _ := keys.Meta.Open(nil, again[PrefixSize:])
	mustEqual(t, "package", sealWithNonce(keys.Meta, v.Dir.Bytes[PrefixSize+4:][:12], payload), v.Dir.Bytes[PrefixSize:])
	mustEqual(t, "prefix", again[:PrefixSize], v.Dir.Bytes[:PrefixSize])
}

func TestVectorNames(t *testing.T) {
	v := readVectors(t)
	n, err := NewNameCipher((*Key)(v.Files[1].Matter))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range v.Names {
		stored, long, err := n.Seal(w.Dir, w.Name)
		if err != nil || stored != w.Stored || !bytes.Equal(long, w.Long) {
			t.Errorf("Seal(%q) = %q, %x, %v", w.Name, stored, long, err)
		}
		if name, err := n.Open(w.Dir, w.Stored, w.Long); err != nil || name != w.Name {
			t.Errorf("Open(%q) = %q, %v", w.Stored, name, err)
		}
	}
	for _, w := range v.BrokenNames {
		_, err := n.Open(w.Dir, w.Stored, w.Long)
		mustFail(t, w.What, err, w.Error)
	}
}

func TestVectorBroken(t *testing.T) {
	v := readVectors(t)
	f := v.Files[1]
	keys := f.keys(t)
	open := map[string]func(b []byte) error{
		"block":  func(b []byte) error { _, _, err := keys.Data.OpenBlock(b, 5); return err },
		"slot":   func(b []byte) error { _, err := OpenSlot(keys.Meta, b); return err },
		"commit": func(b []byte) error { _, err := OpenCommit(keys.Meta, b); return err },
		"dir":    func(b []byte) error { _, _, err := OpenDir(f.content(), b); return err },
		"prefix": func(b []byte) error { return openPrefix(f.content(), b) },
	}
	for _, c := range v.Broken {
		mustFail(t, c.Part+" "+c.What, open[c.Part](c.Bytes), c.Error)
	}
}

func openPrefix(content *Key, b []byte) error {
	p, err := ParsePrefix(b)
	if err != nil {
		return err
	}
	_, err = p.Keys(content)
	return err
}

func newSealer(t testing.TB, k *Key) *Sealer {
	t.Helper()
	s, err := NewSealer(k)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sealWithNonce seals with a nonce of the test's choice.
func sealWithNonce(s *Sealer, nonce, plain []byte) []byte {
	out, pkg := startPackage(nil, len(plain))
	copy(pkg[pkgAAD:], nonce)
	pkg[pkgAAD] |= pkgFinal
	copy(pkg[pkgHeader:], plain)
	s.sealInPlace(pkg)
	return out
}
