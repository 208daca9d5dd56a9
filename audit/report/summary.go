package report

import (
	"time"

	"matterfs/audit"
)

func summarySpec() Spec {
	return Spec{Name: "summary", Short: [2]string{"one or two pages for management: the period beside the one before it; names no documents", "管理层摘要:本期与上期对比,一至两页,不含文件名"},
		New: func(in Input) (Builder, error) { return newSummary(in) }}
}

// summary is for those who answer for the firm (R42). It counts the period and the one before it, of the same length, and lists what
// somebody should know of: outages of the log, changes of the policy, emergencies, and what still waits. It names no document.
type summary struct {
	in     Input
	stage  int
	now    *periodCount
	before *periodCount
	line   *timeline
	users  groups[string]
	cases  groups[string]
	rules  groups[string] // by kind of rule
	open   openItems
	events []*audit.Parsed // of the period, that are listed
}

// periodCount counts one period.
type periodCount struct {
	*tally
	users, cases map[string]bool
	by           map[string]int64 // records by event; refusals and failures apart
	lastSeal     *audit.Parsed
	unrecorded   int64 // requests that an outage of the log refused
}

func newPeriodCount() *periodCount {
	return &periodCount{tally: newTally(), users: map[string]bool{}, cases: map[string]bool{}, by: map[string]int64{}}
}

// Nothing in the summary counts these when they were allowed, and they are most of a log; their refusals are counted.
const looked = "read,fill,lookup,getattr,list,access,statfs,readlink,getxattr,fsync"

func newSummary(in Input) (Builder, error) {
	if in.From.IsZero() {
		return nil, &ParamError{Report: "summary", Key: "since", What: "must be given: the period is compared with the one before it"}
	}
	s := &summary{in: in, now: newPeriodCount(), before: newPeriodCount(), users: groups[string]{}, cases: groups[string]{}, rules: groups[string]{}, open: openItems{}}
	s.line = newTimeline(&s.in, "opens.n", "changes.n", "refused.n")
	return s, nil
}

// Filter implements Builder.
func (s *summary) Filter() string { return "ev!=" + looked }

// Next implements Staged: refusals of the rest, then the same of the period before.
func (s *summary) Next() (Stage, bool) {
	s.stage++
	st := Stage{s.Filter(), s.in.From, s.in.Until}
	if s.stage%2 == 1 {
		st.Filter = refuseFilter + " ev=" + looked
	}
	if s.stage >= 2 {
		st.From, st.Until = s.earlier(), s.in.From
	}
	return st, s.stage < 4
}

// earlier is when the period before begins: as many whole months earlier as the period has, or as long.
func (s *summary) earlier() time.Time {
	from, until := s.in.From.In(s.in.Zone), s.in.Until.In(s.in.Zone)
	months := (until.Year()-from.Year())*12 + int(until.Month()-from.Month())
	if months > 0 && from.Day() == 1 && from.AddDate(0, months, 0).Equal(until) {
		return from.AddDate(0, -months, 0)
	}
	return from.Add(-until.Sub(from))
}

// Add implements Builder.
func (s *summary) Add(_ []byte, p *audit.Parsed) error {
	who := s.in.who(p)
	c := s.now
	if s.stage >= 2 {
		c = s.before
	}
	c.count(p, who)
	s.open.take(p)
	if s.stage < 2 {
		s.detail(p, who)
	}
	return nil
}

func (c *periodCount) count(p *audit.Parsed, who string) {
	c.tally.add(p, who)
	switch classOf(p) {
	case classOpen, classChange:
		c.users[who] = true
		if p.Matter != "" {
			c.cases[p.Matter] = true
		}
	case classRefused, classFailed:
		c.by[p.Ev+" "+p.Res]++
		return
	}
	c.by[p.Ev]++
	switch p.Ev {
	case "audit.seal":
		if c.lastSeal == nil || p.Seq > c.lastSeal.Seq {
			c.lastSeal = p
		}
	case "audit.recover":
		if p.Recovery != nil {
			c.unrecorded += int64(p.Recovery.Refused)
		}
	}
}

// detail keeps what only the period itself is shown of.
func (s *summary) detail(p *audit.Parsed, who string) {
	switch classOf(p) {
	case classOpen:
		s.line.add(p.Time, 0, 1)
	case classRefused:
		s.line.add(p.Time, 2, attempts(p))
		s.rules.of(s.in.ruleKind(p.Rule)).add(p, who)
	}
	if changed(p) {
		s.line.add(p.Time, 1, 1)
	}
	if driveEvent(p.Ev) && p.HasUID {
		s.users.of(who).add(p, who)
	}
	if p.Matter != "" {
		s.cases.of(p.Matter).add(p, who)
	}
	if noteworthy(p.Ev) {
		s.events = append(s.events, p)
	}
}

// noteworthy events are listed one by one: few, and each has a reason.
func noteworthy(ev string) bool {
	switch ev {
	case "audit.recover", "audit.clock", "audit.retire", "audit.hold", "panic", "store.recover", "fsck.repair", "state.recover", "state.accept", "key.accept",
		"user.disable", "user.enable", "matter.freeze", "matter.unfreeze", "policy.emergency", "policy.confirm":
		return true
	}
	return false
}
