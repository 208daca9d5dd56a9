package policy

import (
	"testing"
	"time"
)

// at is a working day on which the example firm's policy is asked.
var at = time.Date(2026, 11, 22, 10, 0, 0, 0, time.FixedZone("CST", 8*3600))

func lawfirm(t testing.TB) *Policy {
	t.Helper()
	p, err := Load("testdata/lawfirm")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLawfirmTestsPass(t *testing.T) {
	results := lawfirm(t).RunTests(time.Time{})
	if len(results) < 20 {
		t.Fatalf("only %d tests in the example", len(results))
	}
	for _, r := range results {
		if !r.OK {
			t.Errorf("%s: %s: %s", r.Pos, r.Name, r.Got)
		}
	}
}
