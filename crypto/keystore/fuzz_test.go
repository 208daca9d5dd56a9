package keystore

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"filippo.io/age"

	"matterfs/crypto"
)

func FuzzHeader(f *testing.F) {
	f.Add(newHeader(crypto.ID(fill(16, 0x11))).marshal())
	f.Add([]byte(`{"format":"matterfs-keystore-1","store":"11111111111111111111111111111111","generation":1}`))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseHeader(b)
		if err == nil && (!bytes.Equal(h.marshal(), b) || h.id.String() != h.Store) {
			t.Errorf("%q came back as %q", b, h.marshal())
		}
	})
}

func FuzzMaster(f *testing.F) {
	f.Add(sampleMaster().marshal())
	f.Add([]byte(masterMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMaster(b, new(crypto.Key))
		if err == nil && !bytes.Equal(m.marshal(), b) {
			t.Errorf("%x came back as %x", b, m.marshal())
		}
	})
}

func FuzzMatter(f *testing.F) {
	f.Add(sampleMatter().marshal())
	f.Add(append([]byte(matterMagic), fill(matterSize-8, 0)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMatter(b, new(crypto.Key))
		if err == nil && !bytes.Equal(m.marshal(), b) {
			t.Errorf("%x came back as %x", b, m.marshal())
		}
	})
}

func FuzzList(f *testing.F) {
	f.Add(sampleList().marshal())
	f.Add((&list{}).marshal())
	f.Add(append([]byte(listMagic), fill(4088, 0xff)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := parseList(b)
		if err == nil && !bytes.Equal(l.marshal(), b) {
			t.Errorf("%x came back as %x", b, l.marshal())
		}
	})
}

func FuzzUnseal(f *testing.F) {
	master := (*crypto.Key)(fill(32, 1))
	whole, err := seal(master, manifestPurpose, []byte("plaintext"))
	must(f, err)
	f.Add(whole)
	f.Add(whole[:15])
	f.Add([]byte{})
	f.Add(append(bytes.Clone(whole), whole...))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := unseal(master, manifestPurpose, b)
		if err == nil && len(b) > 0 && string(got) != "plaintext" {
			t.Errorf("%x opens as %q", b, got)
		}
	})
}

func FuzzKinds(f *testing.F) {
	r, err := age.NewScryptRecipient("x")
	must(f, err)
	r.SetWorkFactor(cheap)
	whole, err := sealEnvelope(sampleMaster(), []age.Recipient{r})
	must(f, err)
	f.Add(whole)
	f.Add([]byte("age-encryption.org/v1\n-> \n\n---\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		kinds, err := parseKinds(b)
		for _, kind := range kinds {
			if err != nil || kind == "" || strings.ContainsAny(kind, " \n") {
				t.Errorf("kinds %q, error %v", kinds, err)
			}
		}
	})
}

func FuzzIdentities(f *testing.F) {
	text, _, err := GenerateIdentity()
	must(f, err)
	f.Add(text)
	f.Add([]byte("\xef\xbb\xbfAGE-PLUGIN-MFSTEST-1QQQQ\r\n"))
	f.Add([]byte("# nothing\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		ids, err := parseIdentities(b, UI{})
		if (len(ids) == 0) != (err != nil) {
			t.Errorf("%d identities, error %v", len(ids), err)
		}
		if _, err := parseIdentity(string(b), UI{}); err == nil && len(ids) > 1 {
			t.Errorf("%q is one identity and several", b)
		}
	})
}

func FuzzRecipient(f *testing.F) {
	_, recipient, err := GenerateIdentity()
	must(f, err)
	f.Add(recipient)
	f.Add("age1mfstest1qqqq")
	f.Add("AGE-SECRET-KEY-1")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := parseRecipient(s, UI{})
		if x, ok := r.(*age.X25519Recipient); ok && err == nil && !strings.EqualFold(x.String(), strings.TrimSpace(s)) {
			t.Errorf("%q came back as %q", s, x)
		}
	})
}

func FuzzHead(f *testing.F) {
	f.Add(Head{Generation: 7, Hash: [32]byte(fill(32, 0xab))}.String())
	f.Add(Head{}.String())
	f.Add("07:" + strings.Repeat("AB", 32))
	f.Fuzz(func(t *testing.T, s string) {
		h, err := ParseHead(s)
		if err == nil && h.String() != s || err != nil && h != (Head{}) {
			t.Errorf("%q came back as %q, %v", s, h, err)
		}
	})
}

// Whatever reads bytes from outside is called parse* or unseal, and a fuzz target
// with seeds calls it.
func TestEveryParserIsFuzzed(t *testing.T) {
	parsers, fuzzed := map[string]bool{}, map[string]bool{}
	for _, fn := range functions(t) {
		name := fn.Name.Name
		switch {
		case strings.HasPrefix(strings.ToLower(name), "parse") || strings.HasPrefix(name, "unseal"):
			parsers[name] = true
		case strings.HasPrefix(name, "Fuzz"):
			calls := callsOf(fn)
			if !calls["Add"] {
				t.Errorf("%s has no seeds", name)
			}
			for c := range calls {
				fuzzed[c] = true
			}
		}
	}
	if len(parsers) < 10 {
		t.Errorf("only these parsers were found: %v", parsers)
	}
	for name := range parsers {
		if !fuzzed[name] {
			t.Errorf("%s has no fuzz target", name)
		}
	}
}

func functions(t *testing.T) (all []*ast.FuncDecl) {
	t.Helper()
	entries, err := os.ReadDir(".")
	must(t, err)
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, 0)
		must(t, err)
		for _, d := range file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				all = append(all, fn)
			}
		}
	}
	return all
}

func callsOf(fn *ast.FuncDecl) map[string]bool {
	calls := map[string]bool{}
	ast.Inspect(fn, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			switch f := call.Fun.(type) {
			case *ast.Ident:
				calls[f.Name] = true
			case *ast.SelectorExpr:
				calls[f.Sel.Name] = true
			}
		}
		return true
	})
	return calls
}
