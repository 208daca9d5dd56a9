package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"matterfs/audit"
)

var synthPeople = []string{"zhang.wei", "li.na", "wang.qiang", "zhao.min", "chen.jie", "sun.li"}

// planted is half a year of normal life and then, in November, one of each thing that detectors look for.
func planted(t *testing.T) (string, Input) {
	s := newSynth(1)
	s.normal(day("2026-05-01"), 214, synthPeople...)
	night, noon := day("2026-11-10").Add(2*time.Hour), day("2026-11-11").Add(11*time.Hour)
	for i := range 30 {
		s.reads(night.Add(time.Duration(i)*time.Minute), "li.na", matterOf("li.na"), i, "soffice.bin", 100_000)
	}
	for i := range 240 {
		s.reads(noon.Add(time.Duration(i)*10*time.Second), "wang.qiang", matterOf("wang.qiang"), i, "soffice.bin", 9_000_000)
	}
	for i := range 60 {
		s.reads(noon.Add(time.Duration(i)*time.Second), "sun.li", matterOf("sun.li"), i, "rsync", 1000)
		s.refused(noon.AddDate(0, 0, 1).Add(time.Duration(i)*5*time.Second), "zhao.min", fmt.Sprintf("2026-%04d", 3000+i%20), "")
	}
	for i := range 5 {
		s.reads(noon.AddDate(0, 0, 5).Add(time.Duration(i)*time.Minute), "chen.jie", matterOf("li.na"), i, "evince", 1000)
		s.event(noon.AddDate(0, 0, 6).Add(time.Duration(i)*time.Minute), "zhang.wei", audit.Record{Ev: "open", Matter: matterOf("zhang.wei"), Path: "a", Comm: "evince",
			Exe: "/usr/bin/evince", AUID: 10099, FID: fmt.Sprintf("%032x", i)})
	}
	for d := 16; d < 28; d++ {
		for i := range 40 {
			s.reads(day("2026-11-01").AddDate(0, 0, d-1).Add(14*time.Hour+time.Duration(i)*time.Minute), "zhao.min", matterOf("zhao.min"), d*40+i, "soffice.bin", 1000)
		}
	}
	facts := &Facts{Made: day("2026-12-01"), People: map[string]Person{"zhao.min": {Name: "赵敏", Status: "departed", Since: day("2026-11-28")},
		"root.admin": {Name: "管理员", Status: "active", UIDs: []uint32{10099}}}}
	return s.write(t), Input{From: day("2026-11-01"), Until: day("2026-12-01"), Now: day("2026-12-01"), Facts: facts, Lang: "en"}
}

func matterOf(user string) string { return fmt.Sprintf("2026-%04d", hashText(user)%40*3) }

// TestAnomaliesFindWhatWasPlanted: each thing is found, in the name of who did it, with records that the condition finds again.
func TestAnomaliesFindWhatWasPlanted(t *testing.T) {
	dir, in := planted(t)
	rep := made(t, "anomalies", dir, in)
	tab := section(t, rep, "listing").Table
	want := map[string]string{"odd hours": "li.na", "many documents": "wang.qiang", "many bytes": "wang.qiang", "copying tools": "sun.li", "new program": "sun.li",
		"many refusals": "zhao.min", "probing": "zhao.min", "first time in a matter": "chen.jie", "another login": "zhang.wei", "before leaving": "zhao.min"}
	for kind, who := range want {
		row := findRow(tab, func(i int) bool { return cell(t, tab, i, "kind") == kind && cell(t, tab, i, "user") == who })
		if row < 0 {
			t.Errorf("%s of %s is not found", kind, who)
			continue
		}
		for _, id := range []string{"observed", "expected", "threshold"} {
			if s := cell(t, tab, row, id).(string); s == "" || strings.Contains(s, "%!") {
				t.Errorf("%s: %s is %q", kind, id, s)
			}
		}
		found := matching(t, dir, cell(t, tab, row, "filter").(string))
		named := matching(t, dir, cell(t, tab, row, "seqs").(string))
		if len(named) == 0 || !within2(named, found) {
			t.Errorf("%s: the records named %v are not among the %d of %q", kind, named, len(found), cell(t, tab, row, "filter"))
		}
	}
	if n := len(tab.Rows); n > 40 {
		t.Errorf("%d findings in a month of six people with ten planted", n)
	}
}

func findRow(tab *Table, ok func(int) bool) int {
	for i := range tab.Rows {
		if ok(i) {
			return i
		}
	}
	return -1
}

// matching are the numbers of the records that a condition finds.
func matching(t *testing.T, dir, filter string) map[uint64]bool {
	t.Helper()
	f, err := audit.ParseFilter(filter, shanghai, day("2026-12-01"))
	if err != nil {
		t.Fatal(err)
	}
	list := map[uint64]bool{}
	if _, err := audit.Query(audit.QueryOptions{Dir: dir}, f, func(_ []byte, p *audit.Parsed) error { list[p.Seq] = true; return nil }); err != nil {
		t.Fatal(err)
	}
	return list
}

func within2(some, all map[uint64]bool) bool {
	for n := range some {
		if !all[n] {
			return false
		}
	}
	return true
}

// TestAnomaliesOfANormalYear: a year without anything planted has few findings, whatever the seed.
func TestAnomaliesOfANormalYear(t *testing.T) {
	for seed := range uint64(2) {
		s := newSynth(100 + seed)
		s.normal(day("2025-06-01"), 545, synthPeople...)
		rep := made(t, "anomalies", s.write(t), Input{From: day("2025-12-01"), Until: day("2026-11-28"), Now: day("2026-12-01")})
		n := figure(t, section(t, rep, "summary"), "found").(int64)
		days := figure(t, section(t, rep, "summary"), "days.n").(int64)
		if days < 1500 || n > days/100 {
			t.Errorf("seed %d: %d findings in %d person-days, want at most one in a hundred", seed, n, days)
		}
	}
}

// TestAnomaliesTakeTheirParameters: a threshold, a holiday and a worked weekend change what is found.
func TestAnomaliesTakeTheirParameters(t *testing.T) {
	s := newSynth(3)
	s.normal(day("2026-05-01"), 100, synthPeople...)
	for i := range 12 { // a Saturday and a Monday, at eleven
		s.reads(day("2026-08-15").Add(11*time.Hour+time.Duration(i)*time.Minute), "li.na", matterOf("li.na"), i, "evince", 1000)
		s.reads(day("2026-08-17").Add(11*time.Hour+time.Duration(i)*time.Minute), "li.na", matterOf("li.na"), i, "evince", 1000)
	}
	dir := s.write(t)
	for _, c := range []struct {
		params map[string]string
		want   string
	}{
		{nil, "2026-08-15"}, {map[string]string{"workdays": "2026-08-15"}, ""}, {map[string]string{"holidays": "2026-08-16..2026-08-18"}, "2026-08-15 2026-08-17"},
		{map[string]string{"after": "13"}, ""}, {map[string]string{"weekend": "7"}, ""}, {map[string]string{"user": "sun.li"}, ""},
	} {
		rep := made(t, "anomalies", dir, Input{From: day("2026-08-10"), Until: day("2026-08-20"), Now: day("2026-12-01"), Params: c.params})
		tab := section(t, rep, "listing").Table
		var days []string
		for i := range tab.Rows {
			if cell(t, tab, i, "kind") == "odd hours" {
				days = append(days, cell(t, tab, i, "from").(time.Time).Format(time.DateOnly))
			}
		}
		if got := strings.Join(days, " "); got != c.want {
			t.Errorf("%v: found on %q, want %q", c.params, got, c.want)
		}
	}
}

func TestAnomaliesRefuseBadParameters(t *testing.T) {
	for key, v := range map[string]string{"work": "20:00-08:00", "weekend": "8", "holidays": "2026-02-30", "workdays": "2026-03-02..2026-03-01", "mads": "0", "docs": "many", "shown": "-1"} {
		_, _, err := New("anomalies", Input{Params: map[string]string{key: v}, Now: day("2026-12-01"), Zone: shanghai})
		if e, ok := err.(*ParamError); !ok || e.Key != key {
			t.Errorf("%s=%s: %v, want a *ParamError about it", key, v, err)
		}
	}
}

// TestSpread: median and MAD by hand.
func TestSpread(t *testing.T) {
	for _, c := range []struct {
		values      []int64
		median, mad float64
	}{{nil, 0, 0}, {[]int64{7}, 7, 0}, {[]int64{1, 2, 3, 4, 100}, 3, 1}, {[]int64{10, 20, 30, 40}, 25, 10}} {
		if s := spreadOf(c.values); s.median != c.median || s.mad != c.mad {
			t.Errorf("%v: median %v, MAD %v, want %v, %v", c.values, s.median, s.mad, c.median, c.mad)
		}
	}
}

// TestAnomaliesSpeakBothLanguages: no text is missing, and every threshold is said.
func TestAnomaliesSpeakBothLanguages(t *testing.T) {
	dir, in := planted(t)
	for _, lang := range []string{"zh", "en"} {
		in.Lang = lang
		rep := made(t, "anomalies", dir, in)
		for _, s := range rep.Sections {
			for _, row := range tableRows(s.Table) {
				if strings.Contains(fmt.Sprint(row), "%!") {
					t.Errorf("%s, %s: %v", lang, s.ID, row)
				}
			}
			if strings.Contains(s.Title+s.Intro, "%!") {
				t.Errorf("%s, %s: %q %q", lang, s.ID, s.Title, s.Intro)
			}
		}
	}
}

func tableRows(t *Table) [][]Cell {
	if t == nil {
		return nil
	}
	return t.Rows
}
