package report

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// finding is something unlike a person's past.
type finding struct {
	kind                          string
	who                           string
	from, until                   time.Time
	observed, expected, threshold string
	ratio                         float64 // observed to threshold, or what the detector says
	weight                        float64
	seqs                          []uint64
	filter                        string
}

// detector is one way to look. Its weight is factor times the ratio, which counts for 10 at most: so one number orders all findings.
type detector struct {
	id     string
	factor float64
	find   func(*anomalies, *life) []finding
}

// maxRatio keeps one huge number from hiding everything else.
const maxRatio = 10

func detectors() []detector {
	list := []detector{
		{"leaving", 6, (*anomalies).leaving}, {"hours", 3, (*anomalies).oddHours}, {"burst", 4, (*anomalies).bursts}, {"probe", 4, (*anomalies).probes},
		{"login", 4, (*anomalies).otherLogins}, {"program", 2, (*anomalies).newProgramsOf}, {"matter", 1, (*anomalies).newMattersOf},
	}
	for _, k := range excesses() {
		list = append(list, detector{k.id, k.factor, func(a *anomalies, l *life) []finding { return a.excess(l, k) }})
	}
	return list
}

// find looks at everybody in every way; the heaviest first.
func (a *anomalies) find() (list []finding) {
	for _, l := range a.lives {
		l.sort()
	}
	a.firm = a.firmSpreads()
	for _, d := range detectors() {
		for _, l := range a.lives {
			for _, f := range d.find(a, l) {
				f.kind, f.who = d.id, l.who
				f.weight = d.factor * min(maxRatio, f.ratio)
				list = append(list, f)
			}
		}
	}
	slices.SortFunc(list, func(x, y finding) int {
		return cmp.Or(cmp.Compare(y.weight, x.weight), x.from.Compare(y.from), strings.Compare(x.who, y.who), strings.Compare(x.kind, y.kind), strings.Compare(x.observed, y.observed))
	})
	return list
}

// onDay is a finding of one day, with the records of the day that conditions choose.
func (a *anomalies) onDay(l *life, d *dayLife, cond string) finding {
	from := a.days.start(d.number)
	until := a.days.start(d.number + 1)
	if from.Before(a.in.From) {
		from = a.in.From
	}
	if until.After(a.in.Until) {
		until = a.in.Until
	}
	return finding{from: from, until: until, filter: a.filter(l, cond, from, until)}
}

func (a *anomalies) filter(l *life, cond string, from, until time.Time) string {
	return l.cond + " " + cond + span(from, until, a.in.Zone)
}

// spread is the median of some numbers and their median absolute deviation from it: half of them lie no farther off. Both bear
// outliers: what should be found does not hide itself by raising the measure.
type spread struct {
	median, mad float64
	n           int
}

func spreadOf(values []int64) spread {
	if len(values) == 0 {
		return spread{}
	}
	m := median(values)
	off := make([]int64, len(values))
	for i, v := range values {
		off[i] = int64(math.Round(math.Abs(float64(v) - m)))
	}
	return spread{m, median(off), len(values)}
}

// madScale makes a MAD comparable to a standard deviation, for numbers that are normally distributed.
const madScale = 1.4826

// excessKind is a number of a day that may be far above what it was.
type excessKind struct {
	id     string
	factor float64
	get    func(*dayLife) *measure
	least  func(*anomalyRules) int64
	kind   Kind
	cond   string
}

func excesses() []excessKind {
	return []excessKind{
		{"docs", 5, func(d *dayLife) *measure { return &d.docs }, func(r *anomalyRules) int64 { return r.docs }, Number, openFilter},
		{"read", 5, func(d *dayLife) *measure { return &d.read }, func(r *anomalyRules) int64 { return r.bytes }, Bytes, "ev=close ok"},
		{"tools", 3, func(d *dayLife) *measure { return &d.tools }, func(r *anomalyRules) int64 { return r.tooling }, Number, openFilter},
		{"mapped", 2, func(d *dayLife) *measure { return &d.mapped }, func(r *anomalyRules) int64 { return r.docs }, Number, "ev=fill ok"},
	}
}

func (k *excessKind) values(days []*dayLife) (list []int64) {
	for _, d := range days {
		list = append(list, k.get(d).n)
	}
	return list
}

// firmSpreads are of all days of all people.
func (a *anomalies) firmSpreads() map[string]spread {
	firm := map[string]spread{}
	for _, k := range excesses() {
		var all []int64
		for _, l := range a.lives {
			all = append(all, k.values(l.active(math.MaxInt, math.MaxInt))...)
		}
		firm[k.id] = spreadOf(all)
	}
	return firm
}

// excess compares each day of the period with the person's own active days before; those who have too few, with everybody's.
func (a *anomalies) excess(l *life, k excessKind) (list []finding) {
	for _, d := range l.period() {
		m := k.get(d)
		least := k.least(&a.rules)
		if m.n <= least {
			continue
		}
		past := l.active(d.number, a.rules.past)
		s := spreadOf(k.values(past))
		from, args := "expected.own", []any{a.amount(k.kind, s.median), a.amount(k.kind, s.mad), s.n}
		if len(past) < a.rules.minDays {
			s = a.firm[k.id]
			from, args = "expected.firm", []any{a.amount(k.kind, s.median), a.amount(k.kind, s.mad), s.n, len(past)}
		}
		limit := s.median + float64(a.rules.mads)*madScale*s.mad
		if float64(m.n) <= limit {
			continue
		}
		f := a.onDay(l, d, k.cond)
		f.observed = a.in.text(anomalyTexts, k.id+".observed", showInt(k.kind, m.n))
		f.expected = a.in.text(anomalyTexts, from, args...)
		f.threshold = a.in.text(anomalyTexts, "threshold.mad", showInt(k.kind, least), a.amount(k.kind, s.median), a.rules.mads, a.amount(k.kind, s.mad),
			a.amount(k.kind, max(limit, float64(least))))
		f.ratio, f.seqs = float64(m.n)/max(limit, float64(least)), m.seqs
		list = append(list, f)
	}
	return list
}

func (a *anomalies) amount(k Kind, f float64) string {
	if k == Bytes {
		return byteCount(int64(f))
	}
	return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64)
}

// fewDocs is a ratio for findings that are one by their being there: the number of documents, ten of them for once.
func fewDocs(n int64) float64 { return max(1, float64(n)/10) }

// otherLogins finds people who acted under a login uid that is not theirs, as with su or sudo.
func (a *anomalies) otherLogins(l *life) (list []finding) {
	for login, u := range l.logins {
		seen := a.in.text(anomalyTexts, "login.new")
		if l.oldLogins[login] {
			seen = a.in.text(anomalyTexts, "login.old")
		}
		name := strconv.FormatInt(login, 10)
		if p := a.in.loginOf(login); p != "" {
			name += " (" + p + ")"
		}
		list = append(list, finding{from: u.first, until: u.last, ratio: fewDocs(u.n), seqs: u.seqs, filter: a.filter(l, "auid="+strconv.FormatInt(login, 10), u.first, after(u.last)),
			observed: a.in.text(anomalyTexts, "login.observed", u.records, name), expected: seen, threshold: a.in.text(anomalyTexts, "login.threshold")})
	}
	return list
}

// after makes a bound that includes a record's own time.
func after(t time.Time) time.Time { return t.Add(time.Microsecond) }
