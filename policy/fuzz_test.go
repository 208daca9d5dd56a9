package policy

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// corpus is every policy file of testdata, good and bad.
func corpus(t testing.TB) [][]byte {
	t.Helper()
	files, err := ReadFiles("testdata/lawfirm")
	if err != nil {
		t.Fatal(err)
	}
	var list [][]byte
	for _, data := range files {
		list = append(list, data)
	}
	paths, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files, _ := badFiles(archive)
		for _, data := range files {
			list = append(list, data)
		}
	}
	return list
}

// FuzzParse: no text makes the reader panic, what is refused names its
// mistakes, and what is accepted decides the same when read again.
func FuzzParse(f *testing.F) {
	seeds := corpus(f)
	if len(seeds) < 20 {
		f.Fatalf("only %d seeds", len(seeds))
	}
	for _, data := range seeds {
		f.Add(data)
	}
	firm, err := os.ReadFile("testdata/lawfirm/firm.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzzOne(t, map[string][]byte{"firm.yaml": data})
		fuzzOne(t, map[string][]byte{"firm.yaml": firm, "more.yaml": data})
	})
}

func fuzzOne(t *testing.T, files map[string][]byte) {
	p, err := Parse(files)
	if err != nil {
		var list *Errors
		if p != nil || !errors.As(err, &list) || len(list.List) == 0 {
			t.Fatalf("policy %v with error %v", p, err)
		}
		for _, e := range list.List {
			if _, ok := files[e.File]; !ok || e.Msg == "" || strings.Contains(e.Error(), "\x1b") {
				t.Fatalf("mistake without a place or with control characters: %q", e.Error())
			}
		}
		return
	}
	again, err := Parse(files)
	if err != nil || again.Hash() != p.Hash() {
		t.Fatalf("read again: %v, hash %s and %s", err, p.Hash(), again.Hash())
	}
	for _, m := range p.Matters() {
		for _, u := range p.Users() {
			q := Request{Matter: m.ID, Op: OpRead, At: at}
			a, b := p.DecideUser(u.Name, q), again.DecideUser(u.Name, q)
			if a.Expires, b.Expires = a.Expires.UTC(), b.Expires.UTC(); a != b {
				t.Fatalf("decides %+v, then %+v", a, b)
			}
		}
	}
	p.RunTests(at)
}

func FuzzParseOp(f *testing.F) {
	for _, op := range Ops() {
		f.Add(op.String())
	}
	f.Fuzz(func(t *testing.T, name string) {
		op, ok := ParseOp(name)
		_, isRight := ParseRight(name)
		if ok != (op != 0) || ok && !isRight && op.String() != name {
			t.Errorf("ParseOp(%q) = %s, %v", name, op, ok)
		}
	})
}

func FuzzParseRight(f *testing.F) {
	for _, name := range rightNames {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		right, ok := ParseRight(name)
		if ok != (right.String() == name && right != 0) {
			t.Errorf("ParseRight(%q) = %s, %v", name, right, ok)
		}
	})
}

// TestEveryParserIsFuzzed: a function ParseX or DecodeX without a fuzz target
// of its name fails here.
func TestEveryParserIsFuzzed(t *testing.T) {
	parsers := declared(t, `(?m)^func (?:\([^)]*\) )?((?:Parse|Decode)\w*)\(`)
	targets := declared(t, `(?m)^func Fuzz(\w+)\(f \*testing\.F\)`)
	if len(parsers) < 4 {
		t.Fatalf("found only %v", parsers)
	}
	for _, name := range parsers {
		if !slices.Contains(targets, name) {
			t.Errorf("%s has no fuzz target", name)
		}
	}
}

// declared finds what the Go files of the package declare by a pattern.
func declared(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(text, -1) {
			names = append(names, string(m[1]))
		}
	}
	return names
}

// TestVocabulary: the words that the scan knows are the keys that the readers
// take.
func TestVocabulary(t *testing.T) {
	words := declared(t, `\t"(\w+)": +(?:s\.|r\.|func\()`)
	words = append(words, "auditor", "secadmin", "sysadmin")
	words = append(words, "stale", "ttl") // written on one line with their mapping
	words = append(words, objectKinds...)
	words = append(words, "user", "group")
	slices.Sort(words)
	words = slices.Compact(words)
	if !slices.Equal(words, vocabulary[:]) {
		t.Errorf("readers take\n%q\nthe scan knows\n%q", words, vocabulary)
	}
}
