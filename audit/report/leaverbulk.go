package report

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"matterfs/audit"
)

// bulk holds the last days against the time before.
func (l *leaver) bulk() (s Section, marked int64) {
	in := &l.in
	first := l.in.day(l.end.AddDate(0, 0, -l.days))
	final := l.in.day(l.end)
	docs, bytes := l.before(first)
	s = Section{ID: "bulk", Title: in.text(leaverTexts, "bulk", l.days), Filter: l.mainFilter()}
	s.Intro = in.text(leaverTexts, "intro.bulk", len(docs), number(median(docs)), number(median(bytes)), bulkDocs, bulkBytes, bulkTimes)
	s.Table = in.table(leaverTexts, "day", "documents:number", "times:ratio", "read:bytes", "marked:check")
	chart := newTimeline(in, "documents")
	for _, day := range slices.Sorted(maps.Keys(l.byDay)) {
		t := l.byDay[day]
		if n := int64(len(t.docs)); n > 0 {
			chart.add(t.first, 0, n)
		}
		if day <= first || day > final || len(t.docs) == 0 && t.read == 0 {
			continue
		}
		mark := l.isBulk(t, docs, bytes)
		if mark {
			marked++
		}
		s.Table.add(day, int64(len(t.docs)), times(int64(len(t.docs)), docs), t.read, mark)
	}
	s.Chart = chart.chart(leaverTexts, "chart")
	return s, marked
}

// before are documents and bytes of each day with a document up to a day.
func (l *leaver) before(until string) (docs, bytes []int64) {
	for day, t := range l.byDay {
		if day <= until && len(t.docs) > 0 {
			docs, bytes = append(docs, int64(len(t.docs))), append(bytes, t.read)
		}
	}
	return docs, bytes
}

func (l *leaver) isBulk(t *tally, docs, bytes []int64) bool {
	return int64(len(t.docs)) >= bulkDocs && exceeds(int64(len(t.docs)), docs) || t.read >= bulkBytes && exceeds(t.read, bytes)
}

// exceeds tells whether a day is far above the time before.
func exceeds(n int64, before []int64) bool {
	return len(before) == 0 || float64(n) > bulkTimes*median(before)
}

// times is how many times the median day a day is; nil where there is none.
func times(n int64, before []int64) Cell {
	if m := median(before); m > 0 {
		return float64(n) / m
	}
	return nil
}

// median is the middle one, or the mean of the two in the middle; 0 of none.
func median(list []int64) float64 {
	n := len(list)
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return float64(sorted[(n-1)/2]+sorted[n/2]) / 2
}

func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// refusals lists what was refused after the end.
func (l *leaver) refusals() Section {
	in := &l.in
	s := in.section(leaverTexts, "after", "")
	s.Intro = in.text(leaverTexts, "intro.after")
	if l.ended {
		s.Filter = refuseFilter + " " + l.mainFilter() + " since=" + l.end.In(in.Zone).Format(time.RFC3339Nano)
	}
	s.Table = in.refusalTable(leaverTexts, l.refused, true)
	return s
}

// open lists what was opened and not closed, newest first.
func (l *leaver) open() Section {
	in := &l.in
	s := in.section(leaverTexts, "open", "")
	s.Intro = in.text(leaverTexts, "intro.open")
	s.Table = in.table(leaverTexts, "time:time", "matter", "path", "program", "seq:seq")
	list := slices.Clone(l.crashed)
	for _, h := range l.handles.open {
		list = append(list, h.open)
	}
	slices.SortFunc(list, func(a, b *audit.Parsed) int { return cmp.Compare(b.Seq, a.Seq) })
	for _, p := range list {
		s.Table.add(in.at(p.Time), in.matterCells(p.Matter), l.path(p), program(p), p.Seq)
	}
	return s
}

func (l *leaver) stopSection() Section {
	s := l.in.section(leaverTexts, "stops", l.Filter())
	s.Table = l.in.table(leaverTexts, "time:time", "op", "user", "note", "seq:seq")
	for _, p := range l.stops {
		s.Table.add(l.in.at(p.Time), l.in.op(p.Ev), l.in.userCells(l.in.who(p)), p.Note, p.Seq)
	}
	return s
}

// left lists where the newest policy names the person, and how many matters they lead.
func (l *leaver) left() (s Section, leads int64) {
	in := &l.in
	s = in.section(leaverTexts, "left", "")
	s.Intro = in.text(leaverTexts, "intro.left")
	s.Table = in.table(leaverTexts, "what", "where", "title", "done:blank")
	for _, n := range l.person.Named {
		if n.What == "lead" {
			leads++
		}
		title := ""
		if n.What != "group" && n.What != "duty" {
			title = in.matterTitle(n.Where)
		}
		s.Table.add(in.text(leaverTexts, "what."+n.What), n.Where, title, nil)
	}
	return s, leads
}

func (l *leaver) checklist(leads, named, open, marked int64) Section {
	in := &l.in
	s := in.section(leaverTexts, "check", "")
	s.Table = in.table(leaverTexts, "item", "done:blank")
	for _, item := range []string{in.text(leaverTexts, "todo.disable", l.user), in.text(leaverTexts, "todo.os"), in.text(leaverTexts, "todo.lead", leads),
		in.text(leaverTexts, "todo.left", named-leads), in.text(leaverTexts, "todo.open", open), in.text(leaverTexts, "todo.marked", marked),
		in.text(leaverTexts, "todo.paper")} {
		s.Table.add(item, nil)
	}
	s.Sign = []string{in.text(leaverTexts, "sign.self"), in.text(leaverTexts, "sign.admin"), in.text(leaverTexts, "sign.sec")}
	return s
}
