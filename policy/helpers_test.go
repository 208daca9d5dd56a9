package policy

import (
	"strings"
	"testing"
)

// firmHead is what every policy needs; mustParse adds it.
const firmHead = "version: 1\ntimezone: Asia/Shanghai\n"

// parseParts parses a policy given as the rest of firm.yaml and any further
// files.
func parseParts(firm string, more ...string) (*Policy, error) {
	files := map[string][]byte{"firm.yaml": []byte(firmHead + firm)}
	for i, text := range more {
		files[string(rune('a'+i))+".yaml"] = []byte(text)
	}
	return Parse(files)
}

// asking is a system that knows of everybody whether they are in a group.
func asking(member func(unixGroup, user string) bool) *Env {
	return &Env{Groups: func(g, u string) (bool, bool) { return member(g, u), true }}
}

func mustParse(t testing.TB, firm string, more ...string) *Policy {
	t.Helper()
	p, err := parseParts(firm, more...)
	if err != nil {
		t.Fatalf("%v\nin\n%s", err, firm+strings.Join(more, "\n---\n"))
	}
	return p
}

// changed parses the example firm after replacing text in one of its files.
func changed(t testing.TB, file, old, new string) *Policy {
	t.Helper()
	files, err := ReadFiles("testdata/lawfirm")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(files[file]), old) {
		t.Fatalf("%s does not contain %q", file, old)
	}
	files[file] = []byte(strings.Replace(string(files[file]), old, new, 1))
	p, err := Parse(files)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
