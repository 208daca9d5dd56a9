package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"matterfs/audit"
)

// table heads a table with columns, each "id" for text or "id:kind". "user" and "matter" are two columns where facts give names.
func (in *Input) table(t texts, list ...string) *Table {
	var cols []string
	for _, id := range list {
		cols = append(cols, id)
		if in.Facts != nil && id == "user" {
			cols = append(cols, "name")
		}
		if in.Facts != nil && id == "matter" {
			cols = append(cols, "title")
		}
	}
	return &Table{Columns: in.columns(t, cols...), Rows: [][]Cell{}}
}

// add puts a row under the columns; what userCells and matterCells give may stand for two of its cells.
func (t *Table) add(cells ...any) {
	var row []Cell
	for _, c := range cells {
		if list, ok := c.([]Cell); ok {
			row = append(row, list...)
		} else {
			row = append(row, c)
		}
	}
	t.Rows = append(t.Rows, row)
}

func (in *Input) userCells(who string) []Cell {
	if in.Facts == nil {
		return []Cell{who}
	}
	return []Cell{who, in.personName(who)}
}

func (in *Input) matterCells(id string) []Cell {
	if in.Facts == nil {
		return []Cell{id}
	}
	return []Cell{id, in.matterTitle(id)}
}

// figure is a number with the text of its id; filter, where there is one, finds as many records.
func (in *Input) figure(t texts, id string, n int64, filter string) Figure {
	return Figure{ID: id, Label: in.text(t, id), Value: n, Kind: Number, Filter: filter}
}

func (in *Input) bytesFigure(t texts, id string, n int64) Figure {
	return Figure{ID: id, Label: in.text(t, id), Value: n, Kind: Bytes}
}

// workFigures are what every report of work counts; f chooses its records.
func (in *Input) workFigures(n *tally, f string) []Figure {
	return []Figure{
		in.figure(nameTexts, "opens.n", n.opens, f+" "+openFilter), in.figure(nameTexts, "changes.n", n.changes, f+" "+changeFilter),
		in.bytesFigure(nameTexts, "read.n", n.read), in.bytesFigure(nameTexts, "written.n", n.written),
		in.figure(nameTexts, "refused.n", n.refused, f+" "+refuseFilter), in.figure(nameTexts, "attempts.n", n.attempts, ""),
	}
}

// listed are the members of a set in order, as one cell.
func listed(set map[string]bool) string {
	return strings.Join(slices.Sorted(maps.Keys(set)), "; ")
}

// section begins a section with the text "section.ID", or that of its id where no column is called so.
func (in *Input) section(t texts, id, filter string) Section {
	key := "section." + id
	if _, ok := t[key]; !ok {
		key = id
	}
	return Section{ID: id, Title: in.text(t, key), Filter: filter}
}

// timeline counts by day, for a chart.
type timeline struct {
	in     *Input
	series []string // ids of texts
	days   map[string][]float64
}

func newTimeline(in *Input, series ...string) *timeline {
	return &timeline{in, series, map[string][]float64{}}
}

func (t *timeline) add(at time.Time, series int, n int64) {
	day := t.in.day(at)
	if t.days[day] == nil {
		t.days[day] = make([]float64, len(t.series))
	}
	t.days[day][series] += float64(n)
}

// newWorkline is a timeline of opens, changes and refusals.
func newWorkline(in *Input) *timeline { return newTimeline(in, "opens", "changes", "refused") }

// work counts a record in a workline.
func (t *timeline) work(p *audit.Parsed) {
	if changed(p) {
		t.add(p.Time, 1, 1)
	}
	switch classOf(p) {
	case classOpen:
		t.add(p.Time, 0, 1)
	case classRefused:
		t.add(p.Time, 2, attempts(p))
	}
}

// section is the timeline by itself.
func (t *timeline) section(tx texts) Section {
	s := t.in.section(tx, "days", "")
	s.Chart = t.chart(tx, "chart")
	return s
}

// The most columns of a chart that are days, and that are weeks; then they are months.
const maxDays, maxWeeks = 62, 106

// chart has a column for each day, week (named by its Monday) or month between the first and the last day with something; nil where there is none.
func (t *timeline) chart(tx texts, title string) *Chart {
	if len(t.days) == 0 {
		return nil
	}
	keys := slices.Sorted(maps.Keys(t.days))
	first, last := mustDay(keys[0]), mustDay(keys[len(keys)-1])
	span := int(last.Sub(first)/(24*time.Hour)) + 1
	group, step := bucketDay, bucketDay
	switch {
	case span > maxWeeks*7:
		group, step = bucketMonth, bucketMonth
	case span > maxDays:
		group, step = bucketWeek, bucketWeek
	}
	c := &Chart{Kind: ChartColumns, Title: t.in.text(tx, title)}
	at := map[string]int{}
	for d := first; !d.After(last); d = d.AddDate(0, 0, 1) {
		if label := step(d); len(c.Labels) == 0 || c.Labels[len(c.Labels)-1] != label {
			at[label] = len(c.Labels)
			c.Labels = append(c.Labels, label)
		}
	}
	for i, id := range t.series {
		s := Series{Name: t.in.text(tx, id), Values: make([]float64, len(c.Labels))}
		for day, n := range t.days {
			s.Values[at[group(mustDay(day))]] += n[i]
		}
		c.Series = append(c.Series, s)
	}
	return c
}

func bucketDay(d time.Time) string   { return d.Format(time.DateOnly) }
func bucketMonth(d time.Time) string { return d.Format("2006-01") }
func bucketWeek(d time.Time) string {
	return d.AddDate(0, 0, -(int(d.Weekday())+6)%7).Format(time.DateOnly)
}

// mustDay reads what Input.day wrote.
func mustDay(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(fmt.Sprintf("%q is no day: %v", s, err))
	}
	return t
}

// weekHours counts by the hours of a week.
type weekHours struct {
	in    *Input
	hours [7][24]float64
}

func (w *weekHours) add(at time.Time, n int64) {
	local := at.In(w.in.Zone)
	w.hours[(int(local.Weekday())+6)%7][local.Hour()] += float64(n)
}

// weekdays are the names of the days, Monday first.
var weekdays = [7][2]string{{"Mon", "周一"}, {"Tue", "周二"}, {"Wed", "周三"}, {"Thu", "周四"}, {"Fri", "周五"}, {"Sat", "周六"}, {"Sun", "周日"}}

func (w *weekHours) chart(title string) *Chart {
	c := &Chart{Kind: ChartWeek, Title: title}
	for h := range 24 {
		c.Labels = append(c.Labels, fmt.Sprintf("%02d", h))
	}
	for i := range w.hours {
		c.Series = append(c.Series, Series{Name: weekdays[i][w.in.index()], Values: w.hours[i][:]})
	}
	return c
}

// refusalKey groups refusals.
type refusalKey struct{ who, matter, rule, ev string }

// refusalTable lists refusals, the most frequent first; without a matter column where all are of one matter.
func (in *Input) refusalTable(t texts, g groups[refusalKey], withMatter bool) *Table {
	cols := []string{"user", "matter", "rule:hash", "kind", "op", "attempts:number", "first:time", "last:time"}
	if !withMatter {
		cols = slices.Delete(cols, 1, 2)
	}
	tab := in.table(t, cols...)
	for _, k := range sorted(g, byAttempts, compareRefusals) {
		n := g[k]
		parts := []any{in.userCells(k.who)}
		if withMatter {
			parts = append(parts, in.matterCells(k.matter))
		}
		tab.add(append(parts, k.rule, in.ruleKind(k.rule), in.op(k.ev), n.attempts, in.at(n.first), in.at(n.last))...)
	}
	return tab
}

func compareRefusals(a, b refusalKey) int {
	return strings.Compare(a.who+"\x00"+a.matter+"\x00"+a.rule+"\x00"+a.ev, b.who+"\x00"+b.matter+"\x00"+b.rule+"\x00"+b.ev)
}

func refusalOf(p *audit.Parsed, who string) refusalKey {
	return refusalKey{who, p.Matter, p.Rule, p.Ev}
}

// eventTable lists records one by one.
func (in *Input) eventTable(t texts, list []*audit.Parsed) *Table {
	tab := in.table(t, "seq:seq", "time:time", "user", "op", "res", "path", "level", "target", "note")
	for _, p := range list {
		tab.add(p.Seq, in.at(p.Time), in.userCells(in.who(p)), in.op(p.Ev), in.outcome(p.Res), p.Path, p.Level, p.To, p.Note)
	}
	return tab
}

// outcome is the result of a record in words, an errno as it is.
func (in *Input) outcome(res string) string {
	if res == "ok" || res == "deny" {
		return in.text(nameTexts, res)
	}
	return res
}
