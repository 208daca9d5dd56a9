package report

import (
	"slices"
	"strings"
	"time"
)

// oddHours finds days with many opens outside the firm's working hours and outside what was usual for the person on such days: half
// hours in which, or beside which, they opened something on a tenth of the days of that kind, and on three at least.
func (a *anomalies) oddHours(l *life) (list []finding) {
	for _, d := range l.period() {
		past := l.active(d.number, a.rules.past)
		usual := a.usual(past, a.days.worked(d.number))
		var m measure
		first, last := -1, 0
		for s := range d.slots {
			if d.slots[s].n == 0 || usual[s] || a.days.working(d.number, s) {
				continue
			}
			if m.sum(int64(d.slots[s].n), d.slots[s].seq); first < 0 {
				first = s
			}
			last = s
		}
		if m.n < a.rules.after {
			continue
		}
		from, until := a.days.start(d.number).Add(time.Duration(first)*30*time.Minute), a.days.start(d.number).Add(time.Duration(last+1)*30*time.Minute)
		list = append(list, finding{from: from, until: until, ratio: float64(m.n) / float64(a.rules.after), seqs: m.seqs,
			filter: a.filter(l, openFilter, from, until), observed: a.in.text(anomalyTexts, "hours.observed", m.n, halfHour(first), halfHour(last+1)),
			expected: a.usualText(usual, past, d.number), threshold: a.in.text(anomalyTexts, "hours.threshold", a.rules.after)})
	}
	return list
}

// usualDays is on how many days at the least something is done that is usual.
const usualDays = 3

func (a *anomalies) usual(past []*dayLife, worked bool) (usual [slots]bool) {
	if len(past) < a.rules.minDays {
		return usual
	}
	var on [slots]int
	kind := 0
	for _, d := range past {
		if a.days.worked(d.number) != worked {
			continue
		}
		kind++
		for s := range d.slots {
			if d.slots[s].n > 0 || s > 0 && d.slots[s-1].n > 0 || s < slots-1 && d.slots[s+1].n > 0 {
				on[s]++
			}
		}
	}
	for s := range on {
		usual[s] = on[s] >= usualDays && on[s]*10 >= kind
	}
	return usual
}

func halfHour(s int) string {
	return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(s) * 30 * time.Minute).Format("15:04")
}

// usualText says what was usual, as spans of the day.
func (a *anomalies) usualText(usual [slots]bool, past []*dayLife, day int) string {
	firm := a.in.text(anomalyTexts, "hours.free")
	if a.days.worked(day) {
		firm = halfHour(a.rules.work[0]) + "–" + halfHour(a.rules.work[1])
	}
	if len(past) < a.rules.minDays {
		return a.in.text(anomalyTexts, "hours.nopast", firm, len(past))
	}
	var spans []string
	for s := 0; s < slots; s++ {
		if !usual[s] {
			continue
		}
		from := s
		for s < slots && usual[s] {
			s++
		}
		spans = append(spans, halfHour(from)+"–"+halfHour(s))
	}
	if len(spans) == 0 {
		spans = []string{a.in.text(anomalyTexts, "hours.never")}
	}
	return a.in.text(anomalyTexts, "hours.expected", firm, strings.Join(spans, ", "), len(past))
}

// bursts finds many refusals in a short time.
func (a *anomalies) bursts(l *life) (list []finding) {
	return a.runs(l, "burst", rateWindow, a.rules.rate, attemptsOf)
}

// probes finds refusals of many different names: somebody tries what there is.
func (a *anomalies) probes(l *life) []finding {
	return a.runs(l, "probe", nameWindow, a.rules.names, namesOf)
}

func attemptsOf(list []refusal) (n int64) {
	for _, r := range list {
		n += r.n
	}
	return n
}

func namesOf(list []refusal) int64 {
	names := map[uint64]bool{}
	for _, r := range list {
		names[r.name] = true
	}
	return int64(len(names))
}

// runs finds where within a window there is enough of something; what follows without a pause as long belongs to it.
func (a *anomalies) runs(l *life, id string, window time.Duration, least int64, count func([]refusal) int64) (list []finding) {
	for i := 0; i < len(l.refusals); {
		j := i
		for j < len(l.refusals) && l.refusals[j].time.Sub(l.refusals[i].time) <= window {
			j++
		}
		if count(l.refusals[i:j]) < least {
			i++
			continue
		}
		for j < len(l.refusals) && l.refusals[j].time.Sub(l.refusals[j-1].time) <= window {
			j++
		}
		list = append(list, a.run(l, id, l.refusals[i:j], least, count))
		i = j
	}
	return list
}

func (a *anomalies) run(l *life, id string, part []refusal, least int64, count func([]refusal) int64) finding {
	from, until := part[0].time, part[len(part)-1].time
	var refused []int64
	for _, d := range l.active(a.days.number(from), a.rules.past) {
		refused = append(refused, d.refused)
	}
	s := spreadOf(refused)
	f := finding{from: from, until: until, ratio: float64(count(part)) / float64(least), filter: a.filter(l, refuseFilter, from, after(until)),
		observed:  a.in.text(anomalyTexts, "refused.observed", attemptsOf(part), namesOf(part), until.Sub(from).Round(time.Second).String()),
		expected:  a.in.text(anomalyTexts, "refused.expected", a.amount(Number, s.median), s.n),
		threshold: a.in.text(anomalyTexts, id+".threshold", least)}
	for _, r := range part[:min(len(part), showSeqs)] {
		f.seqs = append(f.seqs, r.seq)
	}
	return f
}

// newProgramsOf finds programs that a person had never used, and hardly anybody else.
func (a *anomalies) newProgramsOf(l *life) (list []finding) {
	for name, u := range l.newPrograms {
		past := l.active(a.days.number(u.first), a.rules.past)
		others := 0
		for who, t := range a.programs[name] {
			if who != l.who && t.Before(u.first.AddDate(0, 0, -1)) {
				others++
			}
		}
		if l.oldPrograms[name] || len(past) < a.rules.minDays || others >= fewOthers || u.n < a.rules.uses {
			continue
		}
		list = append(list, finding{from: u.first, until: u.last, ratio: float64(u.n) / float64(a.rules.uses), seqs: u.seqs,
			filter: a.filter(l, openFilter, u.first, after(u.last)), observed: a.in.text(anomalyTexts, "program.observed", name, u.n),
			expected:  a.in.text(anomalyTexts, "program.expected", len(past), others),
			threshold: a.in.text(anomalyTexts, "program.threshold", a.rules.uses, fewOthers)})
	}
	return list
}

// fewOthers: a program that as many other people used before is one of the firm's.
const fewOthers = 3

// newMattersOf finds matters that a person had never opened and that others were at work in for long. A right that is new itself
// explains it, where facts know.
func (a *anomalies) newMattersOf(l *life) (list []finding) {
	for id, u := range l.newMatters {
		past, since := l.active(a.days.number(u.first), a.rules.past), a.matters[id]
		days := int(u.first.Sub(since.time) / (24 * time.Hour))
		if l.oldMatters[id] || len(past) < a.rules.minDays || since.who == l.who || days < a.rules.known {
			continue
		}
		if a.newRight(l.who, id, u.first) {
			a.known++
			continue
		}
		list = append(list, finding{from: u.first, until: u.last, ratio: fewDocs(u.n), seqs: u.seqs,
			filter:   l.cond + " " + openFilter + " matter=" + filterList(map[string]bool{id: true}) + span(u.first, after(u.last), a.in.Zone),
			observed: a.in.text(anomalyTexts, "matter.observed", a.in.matter(id), u.n), expected: a.in.text(anomalyTexts, "matter.expected", len(past), days),
			threshold: a.in.text(anomalyTexts, "matter.threshold", a.rules.known)})
	}
	return list
}

// newRight says that somebody was let into a matter not long before, and so had a reason to come.
func (a *anomalies) newRight(who, matter string, at time.Time) bool {
	if a.in.Facts == nil {
		return false
	}
	return slices.ContainsFunc(a.in.Facts.Rights, func(r Right) bool {
		return r.User == who && r.Matter == matter && !r.From.After(at) && at.Sub(r.From) < time.Duration(a.rules.leaving)*24*time.Hour
	})
}

// leaving finds people who read much more than they used to in the last days before they left, or before their term ends.
func (a *anomalies) leaving(l *life) (list []finding) {
	end := a.leaves(l.who)
	from := end.AddDate(0, 0, -a.rules.leaving)
	if end.IsZero() || !from.Before(a.in.Until) || !a.in.From.Before(end) {
		return nil
	}
	first, last := a.days.number(from), a.days.number(end)
	past := l.active(first, a.rules.past)
	var days []*dayLife
	for _, d := range l.active(last+1, a.rules.leaving) {
		if d.number >= first {
			days = append(days, d)
		}
	}
	docs := excesses()[0]
	s := spreadOf(docs.values(past))
	var m measure
	for _, d := range days {
		m.n += d.docs.n
		m.seqs = append(m.seqs, d.docs.seqs...)
	}
	usual := s.median * float64(len(days))
	limit := max(float64(a.rules.docs), 2*usual)
	if len(past) < a.rules.minDays || float64(m.n) <= limit {
		return nil
	}
	return []finding{{from: from, until: end, ratio: float64(m.n) / limit, seqs: m.seqs[:min(len(m.seqs), showSeqs)], filter: a.filter(l, openFilter, from, end),
		observed:  a.in.text(anomalyTexts, "leaving.observed", m.n, len(days), end.In(a.in.Zone).Format(time.DateOnly)),
		expected:  a.in.text(anomalyTexts, "leaving.expected", a.amount(Number, s.median), s.n, len(days), a.amount(Number, usual)),
		threshold: a.in.text(anomalyTexts, "leaving.threshold", a.rules.docs, a.amount(Number, usual), a.amount(Number, limit))}}
}

// leaves is when somebody left, or will; zero: not known.
func (a *anomalies) leaves(who string) time.Time {
	if a.in.Facts == nil {
		return time.Time{}
	}
	p := a.in.Facts.People[who]
	if p.Status != "active" && !p.Since.IsZero() {
		return p.Since
	}
	return p.Until
}
