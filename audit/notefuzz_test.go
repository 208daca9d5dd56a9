package audit

import (
	"bytes"
	"testing"
)

// testKey is a key that is the same in every run.
func testKey(n uint64) *epochKey {
	return &epochKey{n: n, created: noon.Unix(), seed: [32]byte{byte(n), 7}}
}

// What is read of keys and trees is written again as the same bytes; what is not is refused as a whole.
func FuzzKeys(f *testing.F) {
	keys := epochKeys{cur: *testKey(3), next: *testKey(4)}
	f.Add(keys.appendTo(nil))
	var st treeState
	for i := range 11 {
		st.tree.add([32]byte{byte(i)})
	}
	f.Add(st.appendTo(nil))
	f.Add(st.tree.appendTo(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, ok := parseKeys(b); ok && !bytes.Equal(k.appendTo(nil), b) {
			t.Errorf("keys %+v", k)
		} else if !ok && k.cur.n+k.next.n != 0 && len(b) != keysSize {
			t.Errorf("refused, but keys %+v", k)
		}
		if s, ok := parseTreeState(b); ok && !bytes.Equal(s.appendTo(nil), b) {
			t.Errorf("tree state %+v", s)
		}
		if tr, ok := parseTree(b); ok && !bytes.Equal(tr.appendTo(nil), b) {
			t.Errorf("tree %+v", tr)
		}
	})
}

// A checkpoint or change of keys that is read is written as the text it was read from, and no signature but that of the key
// itself is taken.
func FuzzNotes(f *testing.F) {
	origin, key := Origin(frozenStore), testKey(1)
	cp, err := key.sign(origin, Checkpoint{origin, 5, [32]byte{1}}.text())
	if err != nil {
		f.Fatal(err)
	}
	ep, err := key.sign(origin, epoch{origin, 1, key.public(origin)}.text())
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(cp))
	f.Add([]byte(ep))
	f.Add([]byte("a\n1\n\n— b c\n"))
	left := stub{origin: origin, epochs: []string{ep}}
	left.tree.add([32]byte{3})
	f.Add(left.appendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok := parseStub(b); ok && !bytes.Equal(s.appendTo(nil), b) {
			t.Errorf("stub %+v", s)
		}
		c, err := ParseCheckpoint(b)
		if err == nil && !bytes.HasPrefix(b, []byte(c.text())) {
			t.Errorf("%+v is read from %q", c, b)
		}
		if _, aerr := (&verifier{o: VerifyOptions{Against: append([]byte{}, b...)}, rep: &Report{}}).openAgainst(); (aerr == nil) != (err == nil) {
			t.Errorf("%v, %v", err, aerr)
		}
		if e, ok := parseEpoch(string(b)); ok && e.text() != string(b) {
			t.Errorf("%+v is read from %q", e, b)
		}
		e, by, fresh, err := openEpoch(string(b), nil)
		if err == nil && (!fresh || by == nil || !bytes.HasPrefix(b, []byte(e.text()))) {
			t.Errorf("%+v, fresh %v, from %q", e, fresh, b)
		}
	})
}

// Where both ways of reading a header take a line, they read the same.
func FuzzQuick(f *testing.F) {
	f.Add([]byte(withFrame(`"ev":"audit.seal","note":"x"`)))
	f.Add(line(f, fullRecord()))
	f.Add([]byte(`{"seq":18446744073709551615,"t":"2024-02-29T23:59:59.999999Z","ev":"","prev":"` + zeroHash[1:]))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := quick(b)
		slow, why := parseHeader(b)
		if ok && why == "" && (h.seq != slow.seq || !h.t.Equal(slow.t) || h.prev != slow.prev) {
			t.Errorf("%+v, %+v", h, slow)
		}
	})
}
