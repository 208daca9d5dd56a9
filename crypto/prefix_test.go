package crypto

import (
	"bytes"
	"testing"
)

// newFile makes a file of key version 3 under a content key of its own.
func newFile(t testing.TB) (content *Key, p Prefix, keys *FileKeys) {
	t.Helper()
	content = NewKey()
	p, keys, err := NewFile(content, NewID(), 3)
	if err != nil {
		t.Fatal(err)
	}
	return content, p, keys
}

func TestNewFile(t *testing.T) {
	content, keyID := NewKey(), NewID()
	p, keys, err := NewFile(content, keyID, 3)
	if err != nil {
		t.Fatal(err)
	}
	q, _, err := NewFile(content, keyID, 3)
	if err != nil {
		t.Fatal(err)
	}
	if p.ContentID == q.ContentID || p.Salt == q.Salt || p.Commitment == q.Commitment {
		t.Error("two files share an id, salt or commitment")
	}
	if p.KeyID != keyID || p.KeyVersion != 3 || p.Format != Format1 {
		t.Errorf("%+v", p)
	}
	again, err := p.Keys(content)
	if err != nil {
		t.Fatal(err)
	}
	sameKeys(t, keys, again)
}

// sameKeys checks that b opens what a seals.
func sameKeys(t *testing.T, a, b *FileKeys) {
	t.Helper()
	for _, s := range [][2]*Sealer{{a.Data, b.Data}, {a.Meta, b.Meta}, {a.Xattr, b.Xattr}} {
		if got, err := s[1].Open(nil, s[0].Seal(nil, []byte("x"))); err != nil || string(got) != "x" {
			t.Error(err)
		}
	}
	stored, long, _ := a.XattrName.Seal(ID{}, "user.x")
	if name, err := b.XattrName.Open(ID{}, stored, long); err != nil || name != "user.x" {
		t.Errorf("%q, %v", name, err)
	}
}

func TestFileKeysAreApart(t *testing.T) {
	_, _, a := newFile(t)
	_, _, b := newFile(t)
	sealers := []*Sealer{a.Data, a.Meta, a.Xattr, b.Data, b.Meta, b.Xattr}
	for i, s := range sealers {
		pkg := s.Seal(nil, []byte("x"))
		for j, o := range sealers {
			if _, err := o.Open(nil, pkg); (err == nil) != (i == j) {
				t.Errorf("sealer %d opens what %d sealed: %v", j, i, err)
			}
		}
	}
}

func TestPrefixRoundTrip(t *testing.T) {
	_, p, _ := newFile(t)
	b := p.AppendTo([]byte("head"))
	if len(b) != 4+PrefixSize {
		t.Fatalf("%d bytes", len(b))
	}
	// A header and a .mfs.dir are longer than their prefix.
	got, err := ParsePrefix(append(b[4:], 0xff))
	if err != nil || got != p {
		t.Errorf("%+v, %v", got, err)
	}
}

// Every change of a prefix is refused, each reserved byte before any key.
func TestEveryBitOfAPrefixCounts(t *testing.T) {
	content, p, _ := newFile(t)
	b := p.AppendTo(nil)
	everyBit(t, b, func(b []byte) error { return openPrefix(content, b) })
	for i := range b {
		changed := bytes.Clone(b)
		changed[i] ^= 0x40
		want := "wrong key" // key version, content id, salt, commitment, key id
		if i < 12 || i >= offPrefixZeros {
			want = "format"
		}
		mustFail(t, "byte changed", openPrefix(content, changed), want)
	}
}

// Even if the commitment were mended, a changed field gives other keys.
func TestEveryPrefixFieldChangesTheKeys(t *testing.T) {
	content, p, keys := newFile(t)
	pkg := keys.Data.Seal(nil, []byte("x"))
	for what, change := range map[string]func(*Prefix){
		"key version": func(p *Prefix) { p.KeyVersion++ },
		"content id":  func(p *Prefix) { p.ContentID[3]++ },
		"salt":        func(p *Prefix) { p.Salt[31]++ },
		"key id":      func(p *Prefix) { p.KeyID[15]++ },
		"zero key id": func(p *Prefix) { p.KeyID = ID{} },
	} {
		q := p
		change(&q)
		_, err := q.Keys(content)
		mustFail(t, what, err, "wrong key")
		q.Commitment = newFileDeriver(&q, content).commitment()
		other, err := q.Keys(content)
		if err != nil {
			t.Fatal(err)
		}
		_, err = other.Data.Open(nil, pkg)
		mustFail(t, what+" with a mended commitment", err, "auth")
	}
}

func TestPrefixWrongKey(t *testing.T) {
	_, p, _ := newFile(t)
	_, err := p.Keys(NewKey())
	mustFail(t, "other content key", err, "wrong key")
	p.Cipher = 1
	_, err = p.Keys(NewKey())
	mustFail(t, "cipher", err, "format")
}

// A block of one file under another one's prefix, same matter.
func TestPrefixOfOtherFile(t *testing.T) {
	content, p, keys := newFile(t)
	q, _, err := NewFile(content, p.KeyID, p.KeyVersion)
	if err != nil {
		t.Fatal(err)
	}
	other, err := q.Keys(content)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = other.Data.OpenBlock(keys.Data.SealBlock(nil, 0, 1, []byte("x")), 0)
	mustFail(t, "block under another prefix", err, "auth")
}
