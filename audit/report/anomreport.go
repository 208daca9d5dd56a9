package report

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Report implements Builder.
func (a *anomalies) Report() (*Report, error) {
	if len(a.lives) == 0 {
		if err := a.in.knownParams(); err != nil {
			return nil, err
		}
	}
	a.endDays()
	list := a.find()
	rep := &Report{Title: a.in.text(anomalyTexts, "report"), Limits: a.limits(),
		Sections: []Section{a.summary(list), a.people(list), a.listing(list), a.odd(), a.methods(list)}}
	return rep, nil
}

func (a *anomalies) limits() (list []string) {
	list = []string{a.in.text(anomalyTexts, "limit.meaning"), a.in.text(anomalyTexts, "limit.slow"), a.in.text(nameTexts, "limit.bytes"), a.in.text(nameTexts, "limit.verify")}
	if a.in.Facts == nil {
		list = append(list, a.in.text(anomalyTexts, "limit.facts"))
	}
	return list
}

func (a *anomalies) summary(list []finding) Section {
	in := &a.in
	s := in.section(anomalyTexts, "summary", "")
	s.Intro = in.text(anomalyTexts, "intro")
	people := map[string]bool{}
	for _, f := range list {
		people[f.who] = true
	}
	days, old, young := 0, 0, 0
	for _, l := range a.lives {
		period := len(l.period())
		days += period
		old += len(l.all) - period
		if period > 0 && len(l.active(l.period()[0].number, a.rules.past)) < a.rules.minDays {
			young++
		}
	}
	s.Figures = []Figure{in.figure(anomalyTexts, "found", int64(len(list)), ""), in.figure(anomalyTexts, "people.n", int64(len(people)), ""),
		in.figure(anomalyTexts, "days.n", int64(days), ""), in.figure(anomalyTexts, "past.n", int64(old), ""),
		in.figure(anomalyTexts, "young.n", int64(young), ""), in.figure(anomalyTexts, "known.n", int64(a.known), "")}
	s.Chart = a.overTime(list)
	return s
}

// overTime is a chart of the kinds that were found, the most frequent first.
func (a *anomalies) overTime(list []finding) *Chart {
	number := map[string]int{}
	for _, f := range list {
		number["kind."+f.kind]++
	}
	kinds := slices.SortedFunc(maps.Keys(number), func(x, y string) int {
		return cmp.Or(cmp.Compare(number[y], number[x]), strings.Compare(x, y))
	})
	line := newTimeline(&a.in, kinds...)
	for _, f := range list {
		line.add(f.from, slices.Index(kinds, "kind."+f.kind), 1)
	}
	return line.chart(anomalyTexts, "chart")
}

// people adds up what was found of each.
func (a *anomalies) people(list []finding) Section {
	s := a.in.section(anomalyTexts, "bypeople", "")
	sum, kinds, number := map[string]float64{}, map[string]map[string]bool{}, map[string]int64{}
	var order []string
	for _, f := range list {
		if kinds[f.who] == nil {
			kinds[f.who] = map[string]bool{}
			order = append(order, f.who)
		}
		sum[f.who] += f.weight
		number[f.who]++
		kinds[f.who][a.in.text(anomalyTexts, "kind."+f.kind)] = true
	}
	slices.SortStableFunc(order, func(x, y string) int {
		return cmp.Compare(sum[y], sum[x])
	})
	t := a.in.table(anomalyTexts, "user", "weight:number", "findings:number", "kinds")
	c := &Chart{Kind: ChartBars, Title: a.in.text(anomalyTexts, "weights"), Series: []Series{{Name: a.in.text(anomalyTexts, "weight")}}}
	for i, who := range order {
		t.add(a.in.userCells(who), whole(sum[who]), number[who], listed(kinds[who]))
		if i < topBars {
			c.Labels = append(c.Labels, a.in.person(who))
			c.Series[0].Values = append(c.Series[0].Values, float64(whole(sum[who])))
		}
	}
	if s.Table = t; len(order) > 0 {
		s.Chart = c
	}
	return s
}

// whole rounds a weight up, so that none is nothing.
func whole(f float64) int64 { return int64(math.Ceil(f - 1e-9)) }

// listing is every finding with its arithmetic and the way to its records.
func (a *anomalies) listing(list []finding) Section {
	s := a.in.section(anomalyTexts, "listing", "")
	s.Intro = a.in.text(anomalyTexts, "intro.listing")
	t := a.in.table(anomalyTexts, "weight:number", "from:time", "user", "kind", "observed", "expected", "threshold", "seqs", "filter")
	for i, f := range list {
		if i == a.rules.shown {
			t.Left = len(list) - i
			break
		}
		t.add(whole(f.weight), a.in.at(f.from), a.in.userCells(f.who), a.in.text(anomalyTexts, "kind."+f.kind), f.observed, f.expected, f.threshold, seqCondition(f.seqs), f.filter)
	}
	s.Table = t
	return s
}

// seqCondition finds the records named, in audit query as in audit prove.
func seqCondition(seqs []uint64) string {
	if len(seqs) == 0 {
		return ""
	}
	var list []string
	for _, n := range seqs {
		list = append(list, strconv.FormatUint(n, 10))
	}
	return "seq=" + strings.Join(list, ",")
}

// odd shows when work is done, as what the hours of the firm are compared with.
func (a *anomalies) odd() Section {
	s := a.in.section(anomalyTexts, "odd", a.Filter())
	w := weekHours{in: &a.in}
	for _, l := range a.lives {
		for _, d := range l.period() {
			for i := range d.slots {
				day := a.days.start(d.number)
				w.hours[(int(day.Weekday())+6)%7][i/2] += float64(d.slots[i].n)
			}
		}
	}
	s.Filter = openFilter + a.in.narrow("user")
	s.Chart = w.chart(a.in.text(anomalyTexts, "odd.chart"))
	return s
}

// methods says how each detector looks and what it found.
func (a *anomalies) methods(list []finding) Section {
	s := a.in.section(anomalyTexts, "methods", "")
	s.Intro = a.in.text(anomalyTexts, "intro.methods", maxRatio)
	t := a.in.table(anomalyTexts, "kind", "how", "factor:ratio", "findings:number")
	for _, d := range detectors() {
		n := int64(0)
		for _, f := range list {
			if f.kind == d.id {
				n++
			}
		}
		t.add(a.in.text(anomalyTexts, "kind."+d.id), a.how(d.id), d.factor, n)
	}
	s.Table = t
	return s
}

// how is a detector in words, with its numbers.
func (a *anomalies) how(id string) string {
	r := &a.rules
	args := map[string][]any{
		"docs": {r.past, r.mads, madScale, r.docs, r.minDays}, "read": {r.past, r.mads, madScale, byteCount(r.bytes), r.minDays},
		"tools":  {strings.Join(r.toolNames(), ", "), r.past, r.mads, madScale, r.tooling, r.minDays},
		"mapped": {r.past, r.mads, madScale, r.docs, r.minDays}, "hours": {r.after, halfHour(r.work[0]) + "–" + halfHour(r.work[1]), usualDays, r.past, r.minDays},
		"burst": {r.rate}, "probe": {r.names}, "login": {}, "program": {r.minDays, fewOthers, r.uses},
		"matter": {r.minDays, r.known, r.leaving}, "leaving": {r.leaving, r.docs, r.minDays},
	}
	return a.in.text(anomalyTexts, "how."+id, args[id]...)
}

// toolNames are the tools in order.
func (r *anomalyRules) toolNames() []string {
	var list []string
	for name := range r.tools {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}
