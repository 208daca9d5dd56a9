package crypto

import (
	"encoding/base64"
	"strings"
	"testing"
)

func newNames(t testing.TB) *NameCipher {
	t.Helper()
	n, err := NewNameCipher(NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNameRoundTrip(t *testing.T) {
	n, dir := newNames(t), NewID()
	names := []string{"合同.docx", ".~lock.合同.docx#", "a b\tc\n", "\xff\xfe", "...", ".l.x", ".mfs.dir", "e\u0301", "\u00e9"}
	for i := 1; i <= MaxName; i++ {
		names = append(names, strings.Repeat("n", i))
	}
	for _, name := range names {
		stored, long, err := n.Seal(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := n.Open(dir, stored, long); err != nil || got != name {
			t.Errorf("%q came back as %q, %v", name, got, err)
		}
		if (long != nil) != strings.HasPrefix(stored, LongPrefix) || len(stored) > MaxInline {
			t.Errorf("%q stored as %q with long form %t", name, stored, long != nil)
		}
		if (long != nil) != (len(name) > 96) {
			t.Errorf("name of %d bytes: long form %t", len(name), long != nil)
		}
		if again, _, _ := n.Seal(dir, name); again != stored {
			t.Errorf("%q is stored in two ways", name)
		}
	}
}

func TestNameRefuses(t *testing.T) {
	n := newNames(t)
	for _, name := range []string{"", ".", "..", "/", "a/b", "a\x00", "\x00", strings.Repeat("n", 256)} {
		stored, _, err := n.Seal(ID{}, name)
		mustFail(t, name, err, "format")
		if stored != "" {
			t.Errorf("%q stored as %q", name, stored)
		}
	}
}

// Lengths show in steps of 32 bytes only.
func TestNameLengthsHidden(t *testing.T) {
	n := newNames(t)
	for _, pair := range [][2]int{{1, 32}, {33, 64}, {65, 96}, {97, 128}, {225, 255}} {
		a, longA, _ := n.Seal(ID{}, strings.Repeat("a", pair[0]))
		b, longB, _ := n.Seal(ID{}, strings.Repeat("b", pair[1]))
		if len(a) != len(b) || len(longA) != len(longB) {
			t.Errorf("%d and %d bytes: %d, %d stored, %d, %d long", pair[0], pair[1], len(a), len(b), len(longA), len(longB))
		}
	}
}

func TestNameBoundToDirAndKey(t *testing.T) {
	n, dir := newNames(t), NewID()
	for _, name := range []string{"short", strings.Repeat("long", 60)} {
		stored, long, _ := n.Seal(dir, name)
		_, err := n.Open(NewID(), stored, long)
		mustFail(t, "other directory", err, "auth")
		_, err = newNames(t).Open(dir, stored, long)
		mustFail(t, "other matter", err, "auth")
		if other, _, _ := n.Seal(NewID(), name); other == stored {
			t.Error("the same stored name in two directories")
		}
	}
}

// Any one changed character is refused; case too.
func TestEveryCharacterOfAStoredNameCounts(t *testing.T) {
	n, dir := newNames(t), NewID()
	for _, name := range []string{"a", strings.Repeat("b", 96), strings.Repeat("c", 255)} {
		stored, long, _ := n.Seal(dir, name)
		for i := range stored {
			for _, c := range []byte("Aa0-_.\n\r =/+\x00") {
				if changed := stored[:i] + string(c) + stored[i+1:]; changed != stored {
					if got, err := n.Open(dir, changed, long); err == nil {
						t.Errorf("%q opened as %q", changed, got)
					}
				}
			}
			if _, err := n.Open(dir, stored[:i], long); err == nil {
				t.Errorf("cut to %d characters: accepted", i)
			}
		}
	}
}

func TestEveryBitOfALongFormCounts(t *testing.T) {
	n, dir := newNames(t), NewID()
	stored, long, _ := n.Seal(dir, strings.Repeat("c", 200))
	everyBit(t, long, func(b []byte) error { _, err := n.Open(dir, stored, b); return err })
	_, err := n.Open(dir, stored, nil)
	mustFail(t, "no long form", err, "format")
	_, err = n.Open(dir, stored, append(long, 0))
	mustFail(t, "extended long form", err, "format")
}

// base64 ignores line ends and, unless strict, the last bits: one name would
// have several stored forms.
func TestStoredNameIsCanonical(t *testing.T) {
	n, dir := newNames(t), NewID()
	stored, _, _ := n.Seal(dir, strings.Repeat("x", 33)) // 80 bytes: two bits left over
	last := stored[len(stored)-1]
	for _, c := range base64Alphabet {
		changed := stored[:len(stored)-1] + string(c)
		if _, err := n.Open(dir, changed, nil); (err == nil) != (byte(c) == last) {
			t.Errorf("last character %q: %v", c, err)
		}
	}
	for _, changed := range []string{"\n" + stored, stored + "\r\n", stored[:5] + "\n" + stored[5:], stored + "=", " " + stored} {
		_, err := n.Open(dir, changed, nil)
		mustFail(t, changed, err, "format")
	}
	_, err := n.Open(dir, strings.Repeat("A", MaxInline+1), nil)
	mustFail(t, "too long to be inline", err, "format")
	_, err = n.Open(dir, stored, []byte{})
	mustFail(t, "empty long form", err, "format")
}

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// Padding has one form: zeros to the next multiple of 32.
func TestNamePaddingIsCanonical(t *testing.T) {
	n, dir := newNames(t), NewID()
	for _, padded := range []string{"a", "a" + strings.Repeat("\x00", 63), strings.Repeat("\x00", 32), "a\x00b" + strings.Repeat("\x00", 29), ""} {
		sealed, err := n.siv.EncryptDeterministically([]byte(padded), dir[:])
		if err != nil {
			t.Fatal(err)
		}
		_, err = n.Open(dir, base64.RawURLEncoding.EncodeToString(sealed), nil)
		mustFail(t, padded, err, "format")
	}
}

// A short name has no second, long, form.
func TestShortNameInLongForm(t *testing.T) {
	n, dir := newNames(t), NewID()
	stored, _, _ := n.Seal(dir, "a")
	sealed, err := base64.RawURLEncoding.DecodeString(stored)
	if err != nil {
		t.Fatal(err)
	}
	_, err = n.Open(dir, longName(sealed), sealed)
	mustFail(t, "long form of a short name", err, "format")
}

func TestXattrNames(t *testing.T) {
	_, _, keys := newFile(t)
	for _, name := range []string{"user.x", "user.a/b", ".", "user." + strings.Repeat("n", 250)} {
		stored, long, err := keys.XattrName.Seal(ID{9}, name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := keys.XattrName.Open(ID{9}, stored, long); err != nil || got != name {
			t.Errorf("%q, %v", got, err)
		}
	}
	for _, name := range []string{"", "user.\x00", strings.Repeat("n", 256)} {
		_, _, err := keys.XattrName.Seal(ID{9}, name)
		mustFail(t, name, err, "format")
	}
}
