package witness

import (
	"fmt"
	"strings"
	"testing"

	"matterfs/audit"
)

// What is read of a request is all of it: written again it is the same.
func FuzzGrowth(f *testing.F) {
	seeds := []string{"old 0\n\nx", "old 12\n" + strings.Repeat("A", 43) + "=\n\nexample.com/log\n1\n", "old 00\n\nx", "old 1\n\n", "", "old 9223372036854775808\n\nx"}
	for _, s := range seeds {
		f.Add(s)
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, body string) {
		g, why := parseGrowth(body)
		if why != "" {
			return
		}
		if again := fmt.Sprintf("old %d\n%s\n%s", g.old, audit.EncodeHashes(g.proof), g.rest); again != body || len(g.proof) > maxProof {
			t.Errorf("%q is read as %q", body, again)
		}
	})
}

// No state makes a witness of a damaged file; one that is read is written the same.
func FuzzState(f *testing.F) {
	l := newForeignLog(f, "example.com/log")
	l.add(f, numbered(0, 5)...)
	s := startService(f, "", l.vkey())
	s.wantSigned(f, l, 0, 5)
	good, err := s.o.files.Read(Hash(l.origin))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(good))
	f.Add(strings.Split(string(good), "\n\n")[0] + "\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		st, what := parseState([]byte(text), []string{l.vkey()}, s.Key())
		if (st == nil) == (what == "") {
			t.Fatalf("%+v, %q", st, what)
		}
		if st == nil {
			return
		}
		again, what := parseState(st.encode(), []string{l.vkey()}, s.Key())
		if again == nil || again.note != st.note || again.row.Key != st.row.Key || again.row.Number != st.row.Number || again.last != st.last {
			t.Errorf("%q: %+v is read again as %+v: %s", text, st, again, what)
		}
	})
}
