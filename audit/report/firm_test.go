package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"matterfs/audit"
)

// The year of the small firm in testdata/firm: cmd/matterfs makes its facts and log of the story in factsfirm_test.go there.

func yearFacts(t testing.TB) *Facts {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "firm", "facts.json"))
	if err != nil {
		t.Fatal(err)
	}
	f := new(Facts)
	if err := json.Unmarshal(b, f); err != nil {
		t.Fatal(err)
	}
	return f
}

// yearInput is what a report of that year is made from; params are pairs of key and value.
func yearInput(t testing.TB, lang string, params ...string) Input {
	t.Helper()
	f := yearFacts(t)
	in := Input{Params: map[string]string{}, Zone: yearZone, Lang: lang, Now: f.Made.In(yearZone), Facts: f, Log: audit.QueryOptions{Dir: filepath.Join("testdata", "firm", "log")}}
	for i := 0; i < len(params); i += 2 {
		in.Params[params[i]] = params[i+1]
	}
	return in
}

func runYear(t testing.TB, name string, in Input) *Report {
	t.Helper()
	b, in, err := New(name, in)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(RunOptions{Name: name, Input: in}, b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func yearText(t testing.TB, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteText(&b, r, 0); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// rightsReports are the four, with what they are asked.
var rightsReports = []struct {
	file, name string
	params     []string
}{
	{"access-review", "access-review", []string{"quarter", "2026Q3"}},
	{"access-review-matter", "access-review", []string{"quarter", "2026q4", "matter", "2026-0142"}},
	{"access-at-matter", "access-at", []string{"date", "2026-09-15", "matter", "2026-0177"}},
	{"access-at-path", "access-at", []string{"date", "2026-07-21T10:00:00+08:00", "matter", "2026-0142", "path", "鉴定/报告.pdf"}},
	{"access-at-user", "access-at", []string{"date", "2026-08-10", "user", "li.na"}},
	{"leaver", "leaver", []string{"user", "wang.qiang"}},
	{"contractor", "contractor", nil},
}

// TestRightsReportsGolden: the reports as text in both languages; MATTERFS_UPDATE writes them.
func TestRightsReportsGolden(t *testing.T) {
	for _, c := range rightsReports {
		for _, lang := range []string{"en", "zh"} {
			got := yearText(t, runYear(t, c.name, yearInput(t, lang, c.params...)))
			name := filepath.Join("testdata", "firm", c.file+"."+lang+".txt")
			if os.Getenv("MATTERFS_UPDATE") != "" {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs; MATTERFS_UPDATE=1 writes it anew:\n%s", name, got)
			}
			if strings.Contains(got, "%!") {
				t.Errorf("%s: a text is missing or misprinted:\n%s", name, got)
			}
		}
	}
}

var yearZone = time.FixedZone("Asia/Shanghai", 8*3600)
