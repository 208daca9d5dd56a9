package policy

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

func TestFormat(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"nothing to do":     {"a: b\nc:\n  - d\n", "a: b\nc:\n  - d\n"},
		"indentation":       {"a:\n      b:\n          - c: d\n            e: f\n          -   g\n", "a:\n  b:\n    - c: d\n      e: f\n    - g\n"},
		"list at the key":   {"a:\n- b\n-   c: d\n    e: f\n", "a:\n  - b\n  - c: d\n    e: f\n"},
		"braces":            {"a: {b: c,d: [ e,f ],  g: {} , h: {i: j}}\n", "a: { b: c, d: [e, f], g: {}, h: { i: j } }\n"},
		"empty braces":      {"a: { }\nb: [ ]\n", "a: {}\nb: []\n"},
		"quotes":            {"a: { b: 'x,y{ ]' ,c: \"d \\\" , e\" }\n", "a: { b: 'x,y{ ]', c: \"d \\\" , e\" }\n"},
		"alignment":         {"a:    { b: c }   # d\nlong: { b: c } # e\n", "a:    { b: c }   # d\nlong: { b: c } # e\n"},
		"ends of lines":     {"a: b  \r\n\r\n\r\n\r\nc: d   # e  \r\n\r\n", "a: b\n\nc: d   # e\n"},
		"no end":            {"a: b", "a: b\n"},
		"comments":          {"# top\na:\n    # of b\n    b: c\n    # after b\nd: e\n  # far\n", "# top\na:\n  # of b\n  b: c\n  # after b\nd: e\n  # far\n"},
		"brackets of lines": {"a:\n    b: [ c,\n       d ]  \n    e: {f: g}\n", "a:\n  b: [ c,\n     d ]\n  e: { f: g }\n"},
		"text of lines":     {"a:\n    b: one\n      two\n    c: 'x\n      y'\n", "a:\n  b: one\n    two\n  c: 'x\n    y'\n"},
		"list of lists":     {"a:\n    -   - b: c\n        - d: e\n    -   - f: g\n", "a:\n  - - b: c\n    - d: e\n  - - f: g\n"},
		"dash alone":        {"a:\n    -\n        b: c\n        d: e\n", "a:\n  -\n    b: c\n    d: e\n"},
		"only a comment":    {"\n\n# x\n\n", "# x\n"},
		"nothing":           {"\n \n", ""},
		"no comment":        {"a: b#c\nd: 'e # f'\n", "a: b#c\nd: 'e # f'\n"},
		"汉字":                {"律师:   {姓名: 张伟,  级: [机密,绝密]}\n", "律师:   { 姓名: 张伟, 级: [机密, 绝密] }\n"},
	} {
		got, err := Format("x.yaml", []byte(c.in))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n%q\nwant\n%q", name, err, got, c.want)
		}
	}
	for text, want := range map[string]string{"a: [": "check quotes", "a:\tb\n": "tab", "a: &x b\n": "anchors", "a: b\n---\nc: d\n": "second document"} {
		if _, err := Format("x.yaml", []byte(text)); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestFormatRefuses: what a careless rewriting would change is noticed. A text
// in a block keeps its own blanks, which the line scan takes for ours.
func TestFormatRefuses(t *testing.T) {
	var e *FormatError
	for _, text := range []string{"a: |\n  {b: c,d}\n", "a: |\n  x\n\n\n\n  y\n"} {
		if got, err := Format("x.yaml", []byte(text)); !errors.As(err, &e) || e.File != "x.yaml" || got != nil {
			t.Errorf("%q: %q %v", text, got, err)
		}
	}
	a, b := parsed(t, "x: 0123\n"), parsed(t, "x: '0123'\n")
	if sameNode(a, b) || !sameNode(a, a) || sameNode(a, nil) || sameNode(a, parsed(t, "x: 0123\ny: 1\n")) {
		t.Error("what is not the same counts as the same")
	}
}

func parsed(t *testing.T, text string) *yaml.Node {
	t.Helper()
	n, err := parseNode(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// uglify writes a policy file as somebody in a hurry might.
func uglify(t *testing.T, r *rand.Rand, text []byte) []byte {
	t.Helper()
	n, err := parseNode(string(text))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2 + r.IntN(6))
	loosen(r, n)
	if err := enc.Encode(n); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for line := range strings.Lines(b.String()) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.ContainsAny(line, `"'#`) {
			line = strings.ReplaceAll(line, ", ", pickOne(r, ", ", ",   ", " , "))
		}
		out.WriteString(line + pickOne(r, "", "  ", "\r") + "\n" + pickOne(r, "", "", "\n\n\n", "# why\n"))
	}
	return []byte(out.String())
}

func pickOne(r *rand.Rand, list ...string) string { return pick(r, list) }

// loosen writes some of what stands in brackets on lines of its own.
func loosen(r *rand.Rand, n *yaml.Node) {
	if r.IntN(2) == 0 {
		n.Style &^= yaml.FlowStyle
	}
	for _, child := range n.Content {
		loosen(r, child)
	}
}

// TestFormatKeepsMeaning: for any firm, however it is written, the formatted
// files mean the same, and formatting them again changes nothing.
func TestFormatKeepsMeaning(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	example, err := ReadFiles("testdata/lawfirm")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 120 {
		files := example
		if i > 0 {
			files = randomFirm(r).files()
		}
		ugly, nice := map[string][]byte{}, map[string][]byte{}
		for name, text := range files {
			ugly[name] = uglify(t, rand.New(rand.NewPCG(uint64(i), uint64(len(name)))), text)
			once, err := Format(name, ugly[name])
			if err != nil {
				t.Fatalf("firm %d: %v\n%s", i, err, ugly[name])
			}
			if again, err := Format(name, once); err != nil || string(again) != string(once) {
				t.Fatalf("firm %d: formatted twice: %v\n%s\n%s", i, err, once, again)
			}
			nice[name] = once
		}
		if a, b := meaning(t, ugly), meaning(t, nice); a != b {
			t.Fatalf("firm %d: %s\nbecame\n%s", i, ugly, nice)
		}
	}
}

// meaning is all that a policy says, without places.
func meaning(t *testing.T, files map[string][]byte) string {
	t.Helper()
	p, err := Parse(files)
	if err != nil {
		t.Fatalf("%v\n%s", err, files)
	}
	var b strings.Builder
	for _, u := range p.Users() {
		u.Pos = ""
		fmt.Fprintln(&b, u)
	}
	for _, m := range p.Matters() {
		m.Pos = ""
		fmt.Fprintln(&b, m)
	}
	var ids []string
	for _, m := range p.Matters() {
		ids = append(ids, m.ID)
	}
	for _, l := range p.Levels() {
		fmt.Fprintln(&b, l.Name, l.Purpose, l.TwoPerson, l.MaxReaders, l.NamedOnly, l.DenyMapping, l.LogReads, l.LogSync, l.DeniedRoles)
	}
	return b.String() + strings.Join(slices.Sorted(maps.Keys(allowed(p, ids))), "\n")
}

// TestExampleIsFormatted: our own policies look as the tool leaves them.
func TestExampleIsFormatted(t *testing.T) {
	for _, dir := range []string{"testdata/lawfirm", "../examples/lawfirm/policy"} {
		files, err := ReadFiles(dir)
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range files {
			if got, err := Format(name, text); err != nil || string(got) != string(text) {
				t.Errorf("%s/%s: %v\n%s", dir, name, err, got)
			}
		}
	}
}

func FuzzFormat(f *testing.F) {
	for _, text := range corpus(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		once, err := Format("x.yaml", text)
		if err != nil {
			return
		}
		again, err := Format("x.yaml", once)
		if err != nil || string(again) != string(once) {
			t.Fatalf("%q\nformatted %q\ntwice %q %v", text, once, again, err)
		}
	})
}
