package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"matterfs/audit"
)

// How many are shown, so that the summary stays one or two pages.
const (
	topRows   = 5
	eventRows = 12
)

// Report implements Builder.
func (s *summary) Report() (*Report, error) {
	in := &s.in
	slices.SortFunc(s.events, func(a, b *audit.Parsed) int { return cmp.Compare(a.Seq, b.Seq) })
	return &Report{Title: in.text(summaryTexts, "report"), Sections: []Section{s.overview(), s.matters(), s.people(), s.refusals(), s.log(), s.acts(), s.waiting()},
		Limits: []string{in.text(summaryTexts, "limit.before", in.day(s.earlier()), in.day(s.in.From.Add(-1))), in.text(summaryTexts, "limit.open"), in.text(nameTexts, "limit.verify")}}, nil
}

func (s *summary) overview() Section {
	in := &s.in
	sec := in.section(summaryTexts, "summary", "")
	sec.Intro = in.text(summaryTexts, "intro", in.day(s.earlier()), in.day(s.in.From.Add(-1)))
	sec.Figures = []Figure{
		s.compared("people.n", int64(len(s.now.users)), int64(len(s.before.users)), ""), s.compared("matters.n", int64(len(s.now.cases)), int64(len(s.before.cases)), ""),
		s.compared("opens.n", s.now.opens, s.before.opens, openFilter), s.compared("changes.n", s.now.changes, s.before.changes, changeFilter),
		s.comparedBytes("read.n", s.now.read, s.before.read), s.compared("refused.n", s.now.attempts, s.before.attempts, ""),
		s.outages(), s.sealed(),
	}
	sec.Chart = s.line.chart(summaryTexts, "chart")
	return sec
}

// compared is a figure beside that of the period before.
func (s *summary) compared(id string, now, before int64, filter string) Figure {
	f := s.in.figure(summaryTexts, id, now, filter)
	f.Note = s.change(now, before, thousands)
	return f
}

func (s *summary) comparedBytes(id string, now, before int64) Figure {
	f := s.in.bytesFigure(summaryTexts, id, now)
	f.Note = s.change(now, before, byteCount)
	return f
}

// change says what it was before and by how much it changed.
func (s *summary) change(now, before int64, show func(int64) string) string {
	if before == 0 {
		return s.in.text(summaryTexts, "before", show(before))
	}
	rate := strconv.FormatFloat(float64(now-before)/float64(before)*100, 'f', 0, 64)
	if now >= before {
		rate = "+" + rate
	}
	return s.in.text(summaryTexts, "before.rate", show(before), strings.Replace(rate, "-", "−", 1))
}

// outages are interruptions of the log itself, and how much was refused because of them.
func (s *summary) outages() Figure {
	f := s.compared("outages.n", s.now.by["audit.recover"], s.before.by["audit.recover"], "ev=audit.recover ok")
	f.Alarm = f.Value.(int64) > 0
	if s.now.unrecorded > 0 {
		f.Note += " " + s.in.text(summaryTexts, "unrecorded", s.now.unrecorded)
	}
	return f
}

// sealed is how far the log had signed itself by the end of the period.
func (s *summary) sealed() Figure {
	f := Figure{ID: "sealed", Label: s.in.text(summaryTexts, "sealed"), Kind: Moment, Alarm: true, Note: s.in.text(summaryTexts, "unsealed")}
	if p := s.now.lastSeal; p != nil {
		f.Value, f.Alarm = s.in.at(p.Time), false
		f.Note = s.in.text(summaryTexts, "seals", s.now.by["audit.seal"], p.Seq)
	}
	return f
}

// chartOf shows the highest of some groups.
func (s *summary) chartOf(title string, g groups[string], number func(*tally) int64, label func(string) string) *Chart {
	c := s.in.topChart(summaryTexts, title, g, number, label)
	if c != nil && len(c.Labels) > topRows {
		c.Labels, c.Series[0].Values = c.Labels[:topRows], c.Series[0].Values[:topRows]
	}
	return c
}

func (s *summary) matters() Section {
	sec := s.in.section(summaryTexts, "bymatter", "")
	sec.Chart = s.chartOf("bymatter.chart", s.cases, byOpens, s.in.matter)
	return sec
}

func (s *summary) people() Section {
	sec := s.in.section(summaryTexts, "bypeople", "")
	sec.Chart = s.chartOf("bypeople.chart", s.users, byOpens, s.in.person)
	return sec
}

func (s *summary) refusals() Section {
	sec := s.in.section(summaryTexts, "byrule", "")
	sec.Chart = s.chartOf("byrule.chart", s.rules, byAttempts, func(kind string) string { return kind })
	return sec
}

// logEvents are what is counted of the machine, the log and the policy, in the order of the table.
func logEvents() []string {
	return []string{"mount", "audit.recover", "audit.clock", "audit.seal", "audit.epoch", "audit.retire", "audit.hold", "panic", "store.recover", "fsck.repair",
		"policy.load", "policy.reload", "policy.reload fail", "policy.pending", "policy.approve", "policy.emergency", "policy.confirm", "relabel", "key.create", "audit.query"}
}

// log counts events of the log and the policy; those that did not happen in either period are left out.
func (s *summary) log() Section {
	sec := s.in.section(summaryTexts, "log", "")
	sec.Table = s.in.table(summaryTexts, "event", "now:number", "earlier:number", "meaning")
	for _, ev := range logEvents() {
		now, before := s.now.by[ev], s.before.by[ev]
		if now+before > 0 {
			sec.Table.add(ev, now, before, s.in.text(summaryTexts, "ev."+ev))
		}
	}
	return sec
}

// acts are what somebody did beside the everyday, each with who did it and why.
func (s *summary) acts() Section {
	sec := s.in.section(summaryTexts, "acts", "")
	t := s.in.table(summaryTexts, "time:time", "seq:seq", "what", "about", "by", "why")
	for i, p := range s.events {
		if i == eventRows {
			t.Left = len(s.events) - i
			break
		}
		t.add(s.in.at(p.Time), p.Seq, s.in.text(summaryTexts, "ev."+p.Ev), s.about(p), s.in.person(s.in.who(p)), reasonOf(p))
	}
	sec.Table = t
	return sec
}

// about is what a record is about: a person, a matter or a policy.
func (s *summary) about(p *audit.Parsed) string {
	switch {
	case p.Ev == "fsck.repair" || p.Ev == "store.recover" || p.Ev == "state.accept":
		return s.in.matter(p.Matter)
	case p.Matter != "":
		return s.in.matter(p.Matter)
	case strings.HasPrefix(p.Ev, "user."):
		return s.in.person(p.To)
	}
	return p.To
}

// reasonOf is the note of a record, where it cannot name a document.
func reasonOf(p *audit.Parsed) string {
	kind, _, _ := strings.Cut(p.Ev, ".")
	switch kind {
	case "user", "matter", "policy", "audit":
		return p.Note
	}
	return ""
}

// waiting is what somebody still has to do.
func (s *summary) waiting() Section {
	sec := s.in.section(summaryTexts, "open", "")
	t := s.in.table(summaryTexts, "what", "about", "since:time", "days:number", "seq:seq")
	for _, row := range s.open.waiting() {
		days := int64(s.in.Until.Sub(row.begun.Time) / (24 * time.Hour))
		t.add(s.in.text(summaryTexts, "open."+row.kind), s.about(row.begun), s.in.at(row.begun.Time), days, row.begun.Seq)
	}
	sec.Table = t
	return sec
}
