package report

import (
	"strconv"
	"time"

	"matterfs/audit"
)

func anomaliesSpec() Spec {
	return Spec{Name: "anomalies",
		Short:  [2]string{"what is unlike a person's own past, with the arithmetic of each finding", "异常行为:与本人以往不符之处,逐项列出计算依据"},
		Params: anomalyParams(),
		New:    func(in Input) (Builder, error) { return newAnomalies(in) }}
}

// anomalies compares what people did in the period with what they themselves did before. It reads opens, closes, fills and refusals of
// the period, then those of as many days before it as the history is long, and keeps of each person and day only numbers. Detectors
// then go through the days of the period; each finding states what was observed, what was expected from what, and the threshold.
//
// Nothing here accuses anybody: a finding is where to look first.
type anomalies struct {
	in       Input
	rules    anomalyRules
	stage    int
	lives    map[string]*life
	firm     map[string]spread               // of all people's days, for those who have no past
	known    int                             // first uses of a matter that a new right explains
	matters  map[string]*firstOf             // first use of each matter by anybody
	programs map[string]map[string]time.Time // first use of each by each
	days     calendar
}

// The passes: what was done and what was refused, in the period and before it.
const (
	doneFilter = "ev=open,create,close,fill ok"
	passes     = 4
)

func newAnomalies(in Input) (Builder, error) {
	rules, days, err := readAnomalyRules(in)
	if err != nil {
		return nil, err
	}
	return &anomalies{in: in, rules: rules, days: days, lives: map[string]*life{}, matters: map[string]*firstOf{},
		programs: map[string]map[string]time.Time{}}, nil
}

// Filter implements Builder.
func (a *anomalies) Filter() string { return doneFilter + a.in.narrow("user") }

// Next implements Staged. Where the period begins with the log there is no time before it, and each day has only the days of the
// period that were before it to be compared with.
func (a *anomalies) Next() (Stage, bool) {
	a.endDays()
	a.stage++
	if a.stage >= passes || a.stage >= 2 && a.in.From.IsZero() {
		return Stage{}, false
	}
	s := Stage{refuseFilter + a.in.narrow("user"), a.in.From, a.in.Until}
	if a.stage >= 2 {
		s.From, s.Until = a.in.From.AddDate(0, 0, -a.rules.history), a.in.From
	}
	if a.stage == 2 {
		s.Filter = a.Filter()
	}
	return s, true
}

// past says that records of the time before the period are being read.
func (a *anomalies) past() bool { return a.stage >= 2 }

// Add implements Builder.
func (a *anomalies) Add(_ []byte, p *audit.Parsed) error {
	who := a.in.who(p)
	if who == "" {
		return nil
	}
	l := a.lives[who]
	if l == nil {
		l = newLife(who)
		if p.User == "" {
			l.cond = "uid=" + strconv.FormatUint(uint64(p.UID), 10)
		}
		a.lives[who] = l
	}
	d := l.day(a.days.number(p.Time), a.past())
	switch classOf(p) {
	case classOpen:
		a.opened(l, d, p)
	case classRead:
		d.mapped.add(p)
	case classClose:
		read, _ := totals(p)
		d.read.sum(read, p.Seq)
	case classRefused:
		d.refused += attempts(p)
		if !a.past() {
			l.refusals = append(l.refusals, refusal{p.Time, p.Seq, attempts(p), hashText(p.Matter + "\x00" + p.Path + "\x00" + p.Ev)})
		}
	}
	if p.HasUID && p.AUID >= 0 && p.AUID != int64(p.UID) {
		a.loggedIn(l, p)
	}
	return nil
}

func (a *anomalies) loggedIn(l *life, p *audit.Parsed) {
	if a.past() {
		l.oldLogins[p.AUID] = true
	} else {
		l.logins.add(p.AUID, p)
	}
}

func (a *anomalies) opened(l *life, d *dayLife, p *audit.Parsed) {
	d.docs.add(p)
	d.slots[a.days.slot(p.Time)].take(p.Seq)
	name := program(p)
	if a.rules.tools[name] {
		d.tools.add(p)
	}
	if f := a.matters[p.Matter]; p.Matter != "" && (f == nil || p.Time.Before(f.time)) {
		a.matters[p.Matter] = &firstOf{p.Time, l.who}
	}
	users := a.programs[name]
	if users == nil {
		users = map[string]time.Time{}
		a.programs[name] = users
	}
	if t, ok := users[l.who]; !ok || p.Time.Before(t) {
		users[l.who] = p.Time
	}
	if a.past() {
		l.oldMatters[p.Matter], l.oldPrograms[name] = true, true
		return
	}
	if p.Matter != "" {
		l.newMatters.add(p.Matter, p)
	}
	if name != "" {
		l.newPrograms.add(name, p)
	}
}

// endDays gives back what was only kept while a day lasted.
func (a *anomalies) endDays() {
	for _, l := range a.lives {
		l.end()
	}
}

// firstOf is the first use of something: when and by whom.
type firstOf struct {
	time time.Time
	who  string
}
