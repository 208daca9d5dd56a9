package report

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"matterfs/audit"
)

// TestRightsReportsRefuse: what cannot be answered is refused with what to do about it.
func TestRightsReportsRefuse(t *testing.T) {
	late := yearFacts(t)
	late.Since = late.Made.AddDate(0, -1, 0)
	for _, c := range []struct {
		name   string
		facts  *Facts
		want   string
		params []string
	}{
		{"access-review", nil, "needs facts", []string{"quarter", "2026Q3"}},
		{"access-review", late, "make them anew with an earlier --since", []string{"quarter", "2026Q3"}},
		{"leaver", late, "is about all of the log", []string{"user", "li.na"}},
		{"contractor", late, "make them anew", nil},
		{"access-at", late, "make them anew", []string{"date", "2026-09-01", "user", "li.na"}},
		{"access-review", yearFacts(t), "must be like 2026Q3", []string{"quarter", "2026Q5"}},
		{"access-review", yearFacts(t), "must be like 2026Q3", []string{"quarter", "Q3"}},
		{"access-review", yearFacts(t), "must be like 2026Q3", []string{"quarter", "2026Q"}},
		{"access-review", yearFacts(t), "must be given", nil},
		{"access-review", yearFacts(t), "has not begun", []string{"quarter", "2027Q1"}},
		{"access-review", yearFacts(t), `did you mean "2026-0142"`, []string{"quarter", "2026Q3", "matter", "2026-0143"}},
		{"access-review", yearFacts(t), `did you mean "li.na"`, []string{"quarter", "2026Q3", "lead", "li.ma"}},
		{"access-review", yearFacts(t), "leads no such matter", []string{"quarter", "2026Q3", "lead", "chen.jie"}},
		{"access-at", yearFacts(t), "or user must be given", []string{"date", "2026-09-01"}},
		{"access-at", yearFacts(t), "needs the matter", []string{"date", "2026-09-01", "user", "li.na", "path", "x"}},
		{"access-at", yearFacts(t), "must be a day", []string{"date", "yesterday", "user", "li.na"}},
		{"access-at", yearFacts(t), "policy who answers", []string{"date", "2027-01-01", "user", "li.na"}},
		{"access-at", yearFacts(t), "policy who answers", []string{"date", "2026-11-22T18:00:01+08:00", "user", "li.na"}},
		{"access-at", yearFacts(t), `did you mean "zhang.wei"`, []string{"date", "2026-09-01", "user", "zhang.wai"}},
		{"leaver", yearFacts(t), `did you mean "wang.qiang"`, []string{"user", "wangqiang"}},
		{"leaver", yearFacts(t), "from 1 to 366", []string{"user", "li.na", "days", "0"}},
		{"contractor", yearFacts(t), "neither in the log nor in the facts", []string{"org", "nobody"}},
		{"contractor", yearFacts(t), "number of days", []string{"soon", "-1"}},
	} {
		in := yearInput(t, "en", c.params...)
		in.Facts = c.facts
		_, _, err := New(c.name, in)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: %v, want %q", c.name, c.params, err, c.want)
		}
	}
}

// figure is the number of a figure of the first section.
func figureOf(t testing.TB, r *Report, id string) int64 {
	t.Helper()
	for _, f := range r.Sections[0].Figures {
		if f.ID == id {
			return f.Value.(int64)
		}
	}
	t.Fatalf("no figure %s in %+v", id, r.Sections[0].Figures)
	return 0
}

// TestReviewCountsAgain: could, did and never by another way: from the text of the facts and the lines of the log, with loops.
func TestReviewCountsAgain(t *testing.T) {
	f := yearFacts(t)
	from, until := time.Date(2026, 7, 1, 0, 0, 0, 0, yearZone), time.Date(2026, 10, 1, 0, 0, 0, 0, yearZone)
	could, did, stray := map[[2]string]bool{}, map[[2]string]bool{}, 0
	for _, r := range f.Rights {
		for at := from; at.Before(until); at = at.Add(time.Hour) {
			if !at.Before(r.From) && (r.To.IsZero() || at.Before(r.To)) {
				could[[2]string{r.User, r.Matter}] = true
			}
		}
	}
	err := audit.ReadRecords("testdata/firm/log", func(_ []byte, p *audit.Parsed) error {
		if (p.Ev == "open" || p.Ev == "create") && p.Res == "ok" && !p.Time.Before(from) && p.Time.Before(until) {
			who := [2]string{p.User, p.Matter}
			if could[who] {
				did[who] = true
			} else {
				stray++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r := runYear(t, "access-review", yearInput(t, "en", "quarter", "2026Q3"))
	for id, want := range map[string]int{"sum.people": len(could), "sum.usedby": len(did), "sum.never": len(could) - len(did), "strays": stray} {
		if got := figureOf(t, r, id); got != int64(want) {
			t.Errorf("%s: %d, counted again %d", id, got, want)
		}
	}
}

// TestAccessIsHeldAgainstItsPolicy: a policy acts before its record, by less than a minute.
func TestAccessIsHeldAgainstItsPolicy(t *testing.T) {
	at := func(s int) time.Time { return time.Date(2026, 1, 1, 12, 0, s, 0, time.UTC) }
	f := &Facts{Policies: []PolicySpan{{Hash: "a", From: at(0), To: at(600)}, {Hash: "b", From: at(600)}}, Matters: map[string]Matter{"m": {}},
		Rights: []Right{{User: "u", Matter: "m", Rights: []string{"read"}, From: at(600)}}}
	h := newHeld(&Input{Facts: f, From: at(0), Until: at(1000)})
	for _, c := range []struct {
		sec   int
		pol   string
		known bool
	}{{599, "b", true}, {541, "b", true}, {539, "b", false}, {599, "a", false}, {600, "b", true}, {601, "a", false}, {700, "", true}, {599, "", false}} {
		p := &audit.Parsed{Record: audit.Record{Ev: "open", Res: "ok", Matter: "m", Pol: c.pol}, Time: at(c.sec)}
		if got := h.take(p, "u"); got != c.known {
			t.Errorf("%d under %q: %v", c.sec, c.pol, got)
		}
	}
}

func TestMedian(t *testing.T) {
	for want, list := range map[float64][]int64{0: nil, 3: {3}, 2.5: {4, 1, 2, 3}, 2: {9, 1, 2}} {
		if got := median(list); got != want {
			t.Errorf("median of %v: %v, want %v", list, got, want)
		}
	}
	if !exceeds(20, nil) || exceeds(30, []int64{10}) || !exceeds(31, []int64{10}) {
		t.Error("a day is marked above three times the median, and where there is none before")
	}
}

// TestContractorOutsideTheirTerm: an access that no right allowed is an alarm, and says why.
func TestContractorOutsideTheirTerm(t *testing.T) {
	in := yearInput(t, "en")
	opened := time.Date(2026, 11, 10, 0, 0, 0, 0, yearZone)
	for i, r := range in.Facts.Rights {
		if r.User == "fan.yi" && (r.To.IsZero() || r.To.After(opened)) {
			in.Facts.Rights[i].To = opened
		}
	}
	one := in.Facts.People["fan.yi"]
	for _, c := range []struct {
		until, nda time.Time
		why        string
	}{{opened, opened, "after the term"}, {time.Time{}, opened, "after the agreement"}, {time.Time{}, time.Time{}, "without a known right"}} {
		one.Until, one.NDAUntil = c.until, c.nda
		in.Facts.People["fan.yi"] = one
		r := runYear(t, "contractor", in)
		if n := figureOf(t, r, "outside.n"); n != 1 || !strings.Contains(yearText(t, r), c.why) {
			t.Errorf("%s: %d outside\n%s", c.why, n, yearText(t, r))
		}
	}
}

// TestLeaverAccessAfterTheEnd is an alarm; what was under way for less than a minute is not.
func TestLeaverAccessAfterTheEnd(t *testing.T) {
	for after, want := range map[time.Duration]int64{30 * time.Second: 0, 2 * time.Minute: 1} {
		in := yearInput(t, "en", "user", "fan.yi")
		opened := time.Date(2026, 11, 10, 10, 0, 0, 0, yearZone)
		one := in.Facts.People["fan.yi"]
		one.Status, one.Since = "departed", opened.Add(-after)
		in.Facts.People["fan.yi"] = one
		r := runYear(t, "leaver", in)
		if n := figureOf(t, r, "accesses.n"); n/2 != want { // an open and a read
			t.Errorf("%v after: %d accesses, want %d", after, n, want)
		}
	}
}

// TestLeaverHandlesOfACrash: a number that is given anew was not closed; a record without a document is no reason to fall over.
func TestLeaverHandlesOfACrash(t *testing.T) {
	b, _, err := New("leaver", yearInput(t, "en", "user", "li.na"))
	if err != nil {
		t.Fatal(err)
	}
	l := b.(*leaver)
	l.Next()
	for i, r := range []audit.Record{{Ev: "open", H: 1, Path: "a"}, {Ev: "open", H: 1, Path: "b"}, {Ev: "close", H: 1, Path: "b", OUID: -1}, {Ev: "open", H: 2}} {
		r.Res, r.Matter, r.User = "ok", "2026-0142", "li.na"
		if err := l.Add(nil, &audit.Parsed{Record: r, Seq: uint64(i + 1), Time: time.Date(2026, 7, 20, 10, i, 0, 0, yearZone)}); err != nil {
			t.Fatal(err)
		}
	}
	rep, err := l.Report()
	if err != nil {
		t.Fatal(err)
	}
	if n := figureOf(t, rep, "open.n"); n != 2 {
		t.Errorf("%d handles, want the first and the last", n)
	}
}

// TestNoContractors: a firm without any has an empty report, not one of what the daemon did.
func TestNoContractors(t *testing.T) {
	in := yearInput(t, "zh")
	delete(in.Facts.People, "fan.yi")
	r := runYear(t, "contractor", in)
	if r.Basis.Records != 0 || figureOf(t, r, "people.n") != 0 {
		t.Errorf("%+v", r.Basis)
	}
}

// TestGapsInWords: each gap is said in both languages, one of a newer program as it is.
func TestGapsInWords(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		in := &Input{Lang: lang}
		for _, what := range []string{"lost", "groups", "first", "mended", "seals", "bad"} {
			if text := in.gap(Gap{what, 3, 7}); strings.Contains(text, "%") || len(text) < 20 {
				t.Errorf("%s %s: %q", lang, what, text)
			}
		}
		if text := in.gap(Gap{What: "new"}); text != "new" {
			t.Errorf("%q", text)
		}
	}
}

// TestFactsReadBack: facts as JSON are the same facts.
func TestFactsReadBack(t *testing.T) {
	f := yearFacts(t)
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	again := new(Facts)
	if err := json.Unmarshal(b, again); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprintf("%+v", f) != fmt.Sprintf("%+v", again) {
		t.Error("facts differ after being written and read")
	}
}

func TestStatusOfAMatter(t *testing.T) {
	in := &Input{Lang: "zh"}
	for status, want := range map[string]string{"": "进行中", "active": "进行中", "closed": "已结案", "of a newer version": "of a newer version"} {
		if got := in.statusOf(Matter{Status: status}); got != want {
			t.Errorf("%q is %q, want %q", status, got, want)
		}
	}
}
