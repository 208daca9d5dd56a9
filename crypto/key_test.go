package crypto

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

type holder struct {
	Value   Key
	Pointer *Key
	Nested  struct{ Keys []*Key }
	Map     map[string]Key
}

func TestKeyNeverPrints(t *testing.T) {
	k := (*Key)(bytes.Repeat([]byte{0xab}, 32))
	h := holder{Value: *k, Pointer: k, Map: map[string]Key{"k": *k}}
	h.Nested.Keys = []*Key{k}
	s := newSealer(t, k)
	n, err := newNameCipher(bytes.Repeat(k[:], 2), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{k, *k, h, &h, []Key{*k}, [1]*Key{k}, s, n, FileKeys{Data: s, XattrName: n}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%X", "% x", "%s", "%q", "%d", "%08b", "%T %v"} {
			args := []any{v}
			if strings.HasPrefix(verb, "%T") {
				args = append(args, v)
			}
			mustHide(t, verb, k, fmt.Appendf(nil, verb, args...))
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		mustHide(t, "json", k, b)
	}
}

func TestUnexportedKeyPointerPrintsAsAddress(t *testing.T) {
	k := (*Key)(bytes.Repeat([]byte{0xab}, 32))
	v := struct{ k *Key }{k}
	mustHide(t, "unexported pointer", k, fmt.Appendf(nil, "%v %+v %#v", v, &v, v))
}

// mustHide fails when out holds some bytes of k in any usual notation. The key
// is one byte repeated.
func mustHide(t *testing.T, what string, k *Key, out []byte) {
	t.Helper()
	low := strings.ToLower(string(out))
	for _, form := range []string{string(k[:4]), hex.EncodeToString(k[:4]), "ab ab", "0xab, 0xab", "171 171", "171,171", "q6ur", "10101011 10101011", `\xab\xab`, "abababab", "2880154539"} {
		if strings.Contains(low, form) {
			t.Errorf("%s shows the key: %s", what, out)
		}
	}
}

func TestKeyPrintsAs(t *testing.T) {
	k := NewKey()
	text, _ := k.MarshalText()
	js, _ := json.Marshal(map[string]*Key{"k": k})
	for _, got := range []string{k.String(), k.GoString(), string(text), fmt.Sprintf("%x", k), fmt.Sprint(*k)} {
		if got != "[key]" {
			t.Errorf("got %q", got)
		}
	}
	if string(js) != `{"k":"[key]"}` {
		t.Errorf("json %s", js)
	}
}

// fmt cannot call the methods of a Key in an unexported field.
func TestNoKeyByValueInUnexportedFields(t *testing.T) {
	bad := `package p; type t struct { a, B Key; c *Key; d [2]crypto.Key; e map[string]crypto.Key }`
	if got := keyFields(t, "bad.go", bad); len(got) != 3 {
		t.Fatalf("found %v in the bad example, want a, d, e", got)
	}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, field := range keyFields(t, path, nil) {
			t.Errorf("%s: field %s holds a Key by value and would print it: use *Key", path, field)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func keyFields(t *testing.T, path string, src any) (found []string) {
	file, err := parser.ParseFile(token.NewFileSet(), path, src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		s, ok := n.(*ast.StructType)
		if !ok {
			return true
		}
		for _, f := range s.Fields.List {
			for _, name := range f.Names {
				if !name.IsExported() && holdsKey(f.Type) {
					found = append(found, name.Name)
				}
			}
		}
		return true
	})
	return found
}

func holdsKey(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "Key"
	case *ast.SelectorExpr:
		x, ok := e.X.(*ast.Ident)
		return ok && x.Name == "crypto" && e.Sel.Name == "Key"
	case *ast.ArrayType:
		return holdsKey(e.Elt)
	case *ast.MapType:
		return holdsKey(e.Value)
	}
	return false
}

func TestDeriveKey(t *testing.T) {
	k := NewKey()
	a, again := *DeriveKey(k, "a"), *DeriveKey(k, "a")
	if a == *DeriveKey(k, "b") || a == *DeriveKey(NewKey(), "a") || a == *k {
		t.Error("different purposes or keys give the same key")
	}
	if a != again || *DeriveKey(k, "content") != *ContentKey(k) {
		t.Error("the same purpose gives different keys")
	}
}

func TestKeyWipe(t *testing.T) {
	k := NewKey()
	if *k == (Key{}) || *k == *NewKey() {
		t.Fatal("not random")
	}
	if k.Wipe(); *k != (Key{}) {
		t.Error("not wiped")
	}
}

// A sealer must not need the key it was made from: keys are wiped on lock.
func TestSealersOutliveTheirKey(t *testing.T) {
	k := NewKey()
	s := newSealer(t, k)
	n, err := NewNameCipher(k)
	if err != nil {
		t.Fatal(err)
	}
	pkg := s.Seal(nil, []byte("text"))
	stored, _, _ := n.Seal(ID{1}, "name")
	k.Wipe()
	if _, err := s.Open(nil, pkg); err != nil {
		t.Error(err)
	}
	if name, err := n.Open(ID{1}, stored, nil); err != nil || name != "name" {
		t.Errorf("%q, %v", name, err)
	}
}

func TestParseID(t *testing.T) {
	id := NewID()
	if got, err := ParseID(id.String()); err != nil || got != id || id.IsZero() || id == NewID() {
		t.Errorf("%s, %v", got, err)
	}
	good := strings.Repeat("0a", 16)
	for _, s := range []string{"", good[:31], good + "0", strings.ToUpper(good), "0x" + good[2:], good[:31] + "g", good[:31] + "\n", " " + good[1:]} {
		_, err := ParseID(s)
		mustFail(t, s, err, "format")
	}
	if got, err := ParseID(strings.Repeat("0", 32)); err != nil || !got.IsZero() {
		t.Errorf("zero id: %s, %v", got, err)
	}
}

func TestErrorsName(t *testing.T) {
	for err, want := range map[error]string{
		badf("slot", "kind %d", 9):   "crypto: bad slot: kind 9",
		&LabelError{Want: 5, Got: 9}: "crypto: package of index 9 found at index 5",
		ErrAuth:                      "crypto: authentication failed",
		ErrWrongKey:                  "crypto: wrong key",
	} {
		if err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
	}
}
