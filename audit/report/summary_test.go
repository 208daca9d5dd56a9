package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"matterfs/audit"
)

// twoMonths is October and November with what a summary lists.
func twoMonths(t *testing.T) (string, Input) {
	s := newSynth(5)
	s.normal(day("2026-10-01"), 61, synthPeople...)
	at := day("2026-11-03").Add(10 * time.Hour)
	own := func(d time.Duration, ev, res string, r audit.Record) {
		r.Ev, r.Res, r.AUID, r.OUID = ev, res, -1, -1
		s.list = append(s.list, event{at.Add(d), r})
	}
	for i := range 20 {
		own(time.Duration(i)*24*time.Hour, "audit.seal", "ok", audit.Record{Signed: "seal"})
	}
	own(-40*24*time.Hour+time.Second, "audit.seal", "ok", audit.Record{Signed: "seal"})
	own(time.Hour, "audit.recover", "ok", audit.Record{Note: "repaired the end"})
	own(2*time.Hour, "fsck.repair", "ok", audit.Record{Matter: "2026-0003", Path: "证据/秘密文件.docx", Note: "size: 证据/秘密文件.docx -> lost+found"})
	s.event(at.Add(3*time.Hour), "qian.li", audit.Record{Ev: "user.disable", To: "sun.li", Note: "设备遗失"})
	s.event(at.Add(4*time.Hour), "qian.li", audit.Record{Ev: "matter.freeze", Matter: "2026-0006", Note: "利益冲突核查"})
	s.event(at.Add(5*time.Hour), "qian.li", audit.Record{Ev: "matter.unfreeze", Matter: "2026-0006", Note: "核查完毕"})
	s.event(at.Add(6*time.Hour), "chen.it", audit.Record{Ev: "policy.pending", To: "9f2c1a7be0d4", Note: "widens: 绝密"})
	s.event(day("2026-10-09"), "chen.it", audit.Record{Ev: "policy.emergency", To: "aaaaaaaaaaaa", Note: "because: nobody there"})
	s.event(day("2026-11-09"), "qian.li", audit.Record{Ev: "policy.confirm", To: "aaaaaaaaaaaa"})
	for i := range 7 {
		s.event(at.Add(time.Duration(i)*time.Minute), "li.na", audit.Record{Ev: "read", Res: "deny", Matter: "2026-0000", Rule: "wall.W-07", Count: 2})
	}
	return s.write(t), Input{From: day("2026-11-01"), Until: day("2026-12-01"), Now: day("2026-12-01"), Lang: "en"}
}

// TestSummaryCountsBothPeriods: figures are what audit query --count says of the same conditions, the notes those of the month before.
func TestSummaryCountsBothPeriods(t *testing.T) {
	dir, in := twoMonths(t)
	rep := made(t, "summary", dir, in)
	s := section(t, rep, "summary")
	for _, f := range s.Figures {
		if f.Filter == "" {
			continue
		}
		now := len(matching(t, dir, f.Filter))
		before := len(matching(t, dir, strings.NewReplacer("2026-11-01", "2026-10-01", "2026-12-01", "2026-11-01").Replace(f.Filter)))
		if f.Value != int64(now) || !strings.Contains(f.Note, "before: "+thousands(int64(before))) {
			t.Errorf("%s is %v, %q; query counts %d, and %d before", f.ID, f.Value, f.Note, now, before)
		}
	}
	if n := figure(t, s, "people.n"); n != int64(len(synthPeople)) {
		t.Errorf("%v people, want %d", n, len(synthPeople))
	}
	refused := figure(t, s, "refused.n").(int64)
	if records := len(matching(t, dir, "denied since=2026-11-01 until=2026-11-30")); refused != int64(records+7) {
		t.Errorf("%d refusals of %d records, seven of which stand for two", refused, records)
	}
	seal, ok := figure(t, s, "sealed").(time.Time)
	if want := day("2026-11-22").Add(10 * time.Hour); !ok || !seal.Equal(want) {
		t.Errorf("last seal %v, want %v", seal, want)
	}
}

// TestSummaryTellsWhatWaits: who is disabled and the policy that waits are open, what ended is not.
func TestSummaryTellsWhatWaits(t *testing.T) {
	dir, in := twoMonths(t)
	rep := made(t, "summary", dir, in)
	var got []string
	open := section(t, rep, "open").Table
	for i := range open.Rows {
		got = append(got, fmt.Sprint(cell(t, open, i, "what"), " ", cell(t, open, i, "about"), " ", cell(t, open, i, "days")))
	}
	want := "person is stopped sun.li 27; policy waits for two people 9f2c1a7be0d4 27"
	if strings.Join(got, "; ") != want {
		t.Errorf("open: %q, want %q", got, want)
	}
	acts := section(t, rep, "acts").Table
	if n := len(acts.Rows); n != 6 {
		t.Errorf("%d acts, want 6: %v", n, acts.Rows)
	}
}

// TestSummaryWithoutSealsAlarms: a log that did not seal itself is said to be so.
func TestSummaryWithoutSealsAlarms(t *testing.T) {
	s := newSynth(6)
	s.normal(day("2026-11-01"), 5, "li.na")
	rep := made(t, "summary", s.write(t), Input{From: day("2026-11-01"), Until: day("2026-12-01"), Now: day("2026-12-01"), Lang: "zh"})
	for _, f := range section(t, rep, "summary").Figures {
		if f.Alarm != (f.ID == "sealed") {
			t.Errorf("%s: alarm %v", f.ID, f.Alarm)
		}
	}
	if _, _, err := New("summary", Input{Now: day("2026-12-01"), Zone: shanghai}); err == nil {
		t.Error("a summary without a period is made")
	}
}

// TestSummaryNamesNoDocument: not in a table, not in a reason, in no language.
func TestSummaryNamesNoDocument(t *testing.T) {
	dir, in := twoMonths(t)
	for _, lang := range []string{"zh", "en"} {
		in.Lang = lang
		var b bytes.Buffer
		if err := HTML(&b, made(t, "summary", dir, in)); err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{"docx", "证据/", "lost+found", "%!"} {
			if strings.Contains(b.String(), s) {
				t.Errorf("%s: %q stands in the summary", lang, s)
			}
		}
	}
}

// TestSummaryPeriodBefore: whole months are compared with as many months, other spans with spans as long.
func TestSummaryPeriodBefore(t *testing.T) {
	for _, c := range [][3]string{{"2026-11-01", "2026-12-01", "2026-10-01"}, {"2026-03-01", "2026-04-01", "2026-02-01"}, {"2026-07-01", "2026-10-01", "2026-04-01"},
		{"2026-11-10", "2026-11-20", "2026-10-31"}} {
		s := summary{in: Input{From: day(c[0]), Until: day(c[1]), Zone: shanghai}}
		if got := s.earlier(); !got.Equal(day(c[2])) {
			t.Errorf("before %s to %s: from %v, want %s", c[0], c[1], got, c[2])
		}
	}
}

// TestGoldenLooks: what both reports say of these logs, in both languages.
func TestGoldenLooks(t *testing.T) {
	for name, log := range map[string]func(*testing.T) (string, Input){"anomalies": planted, "summary": twoMonths} {
		dir, in := log(t)
		for _, lang := range []string{"zh", "en"} {
			in.Lang = lang
			var b bytes.Buffer
			if err := WriteText(&b, made(t, name, dir, in), 0); err != nil {
				t.Fatal(err)
			}
			golden(t, name+"."+lang+".txt", b.Bytes())
		}
	}
}
