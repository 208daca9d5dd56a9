package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"matterfs/audit"
)

// wallTexts are what the report says.
var wallTexts = texts{
	"report": {"Information walls", "信息隔离墙"}, "report.one": {"Information wall %s", "信息隔离墙 %s"},
	"walls": {"Walls", "隔离墙"}, "wall": {"wall", "隔离墙"}, "stopped": {"Who was stopped", "被阻人员"},
	"inside":        {"Who worked behind the wall", "墙内访问"},
	"outside":       {"What those who were stopped opened elsewhere", "被阻人员访问的其他案件"},
	"crossed":       {"stopped there too", "同案亦曾被阻"},
	"walls.n":       {"walls that stopped somebody", "有人被阻的隔离墙数"},
	"people.n":      {"people stopped", "被阻人数"},
	"records.n":     {"records of refusals", "拒绝记录数"},
	"attempts.n":    {"refusals, repeats counted", "拒绝次数(含重复)"},
	"crossed.n":     {"people stopped by a wall in a matter where they opened documents too", "在同一案件中既被阻又打开过文件的人数"},
	"intro.inside":  {"Opens in the matters at which the wall stopped somebody in the period.", "期间内隔离墙曾阻止访问的案件中的打开记录。"},
	"intro.outside": {"Opens of these people in other matters, where a wall between matters has its other side.", "上述人员在其他案件中的打开记录;案件间隔离的另一侧在此可见。"},
	"limit.wall":    {"The log knows a wall by whom it stopped. A wall that stopped nobody in the period is not here.", "日志只记录隔离墙阻止了何人;期间内未阻止任何人的隔离墙不在此列。"},
	"chart":         {"Refusals, repeats counted", "拒绝次数(含重复)"},
}

func wallSpec() Spec {
	return Spec{Name: "wall", Short: [2]string{"information walls: who was stopped by each, who worked on both sides", "信息隔离墙:何人被阻,两侧何人访问"},
		Params: []ParamSpec{{Key: "wall", Help: [2]string{"wall", "隔离墙"}}},
		New:    func(in Input) (Builder, error) { return newWallReport(in), nil }}
}

// wallReport is about refusals whose rule is wall.ID. What a wall protects is taken to be the matters at which it stopped somebody.
// Further passes find the opens in these matters (inside) and the opens of those who were stopped in other matters (outside). Somebody
// who was stopped at a matter and also opened documents there in the period is counted as crossed: the wall is new, was lifted for a
// time, or divides folders.
type wallReport struct {
	in      Input
	all     *tally
	walls   groups[string]
	stopped groups[wallKey]
	inside  groups[wallKey]
	outside groups[wallKey]
	stages  []Stage
	pass    int
}

// wallKey is a wall, a person and a matter.
type wallKey struct{ wall, who, matter string }

func newWallReport(in Input) *wallReport {
	return &wallReport{in: in, all: newTally(), walls: groups[string]{}, stopped: groups[wallKey]{}, inside: groups[wallKey]{}, outside: groups[wallKey]{}}
}

const wallPrefix = "wall."

// Filter implements Builder.
func (w *wallReport) Filter() string {
	if id := w.in.Params["wall"]; id != "" {
		return refuseFilter + " rule=" + audit.FilterValue(wallPrefix+strings.TrimPrefix(id, wallPrefix))
	}
	return refuseFilter + " rule~" + wallPrefix
}

// found chooses what was counted.
func (w *wallReport) found() string {
	if len(w.walls) == 0 {
		return w.Filter()
	}
	set := map[string]bool{}
	for id := range w.walls {
		set[wallPrefix+id] = true
	}
	return refuseFilter + " rule=" + filterList(set)
}

// Next implements Staged.
func (w *wallReport) Next() (Stage, bool) {
	if w.pass == 0 {
		matters, people := map[string]bool{}, map[string]bool{}
		for k := range w.stopped {
			matters[k.matter], people[k.who] = k.matter != "", true
		}
		maps.DeleteFunc(matters, func(_ string, ok bool) bool { return !ok })
		if len(matters) > 0 {
			w.stages = append(w.stages, Stage{openFilter + " matter=" + filterList(matters), w.in.From, w.in.Until},
				Stage{openFilter + " user=" + filterList(people) + " matter!=" + filterList(matters), w.in.From, w.in.Until})
		}
	}
	if w.pass++; w.pass > len(w.stages) {
		return Stage{}, false
	}
	return w.stages[w.pass-1], true
}

// Add implements Builder.
func (w *wallReport) Add(_ []byte, p *audit.Parsed) error {
	who := w.in.who(p)
	switch w.pass {
	case 0:
		id, ok := strings.CutPrefix(p.Rule, wallPrefix)
		if !ok {
			return nil
		}
		w.all.add(p, who)
		w.walls.of(id).add(p, who)
		w.walls[id].people[who], w.walls[id].matters[p.Matter] = true, true
		w.all.people[who] = true
		w.stopped.of(wallKey{id, who, p.Matter}).add(p, who)
	case 1:
		for id, wall := range w.walls {
			if wall.matters[p.Matter] {
				w.inside.of(wallKey{id, who, p.Matter}).add(p, who)
			}
		}
	case 2:
		for id, wall := range w.walls {
			if wall.people[who] {
				w.outside.of(wallKey{id, who, p.Matter}).add(p, who)
			}
		}
	}
	return nil
}

// Report implements Builder.
func (w *wallReport) Report() (*Report, error) {
	in, id := &w.in, w.in.Params["wall"]
	title := in.text(wallTexts, "report")
	if id != "" {
		title = in.text(wallTexts, "report.one", id)
	}
	return &Report{Title: title, Sections: []Section{w.summary(), w.wallSection(), w.stoppedSection(), w.opened("inside", w.inside, true), w.opened("outside", w.outside, false)},
		Limits: []string{in.text(wallTexts, "limit.wall"), in.text(nameTexts, "limit.verify")}}, nil
}

// crossed are the people who were stopped at a matter where they opened documents too.
func (w *wallReport) crossed() int {
	set := map[string]bool{}
	for k := range w.inside {
		if w.stopped[k] != nil {
			set[k.who] = true
		}
	}
	return len(set)
}

func (w *wallReport) summary() Section {
	in := &w.in
	s := in.section(wallTexts, "summary", w.found())
	crossed := in.figure(wallTexts, "crossed.n", int64(w.crossed()), "")
	crossed.Alarm = w.crossed() > 0
	s.Figures = []Figure{
		in.figure(wallTexts, "walls.n", int64(len(w.walls)), ""), in.figure(wallTexts, "people.n", int64(len(w.all.people)), ""),
		in.figure(wallTexts, "records.n", w.all.refused, w.found()), in.figure(wallTexts, "attempts.n", w.all.attempts, ""), crossed,
	}
	return s
}

func (w *wallReport) wallSection() Section {
	s := w.in.section(wallTexts, "walls", w.found())
	t := w.in.table(wallTexts, "wall", "attempts:number", "records:number", "people:number", "matters:number", "first:time", "last:time")
	for _, id := range sorted(w.walls, byAttempts, strings.Compare) {
		n := w.walls[id]
		t.add(id, n.attempts, n.refused, int64(len(n.people)), int64(len(n.matters)), w.in.at(n.first), w.in.at(n.last))
	}
	s.Table, s.Chart = t, w.in.topChart(wallTexts, "chart", w.walls, byAttempts, func(id string) string { return id })
	return s
}

func compareWallKeys(a, b wallKey) int {
	return cmp.Or(strings.Compare(a.wall, b.wall), strings.Compare(a.matter, b.matter), strings.Compare(a.who, b.who))
}

func (w *wallReport) stoppedSection() Section {
	s := w.in.section(wallTexts, "stopped", w.found())
	t := w.in.table(wallTexts, "wall", "user", "matter", "attempts:number", "records:number", "first:time", "last:time")
	for _, k := range sorted(w.stopped, byAttempts, compareWallKeys) {
		n := w.stopped[k]
		t.add(k.wall, w.in.userCells(k.who), w.in.matterCells(k.matter), n.attempts, n.refused, w.in.at(n.first), w.in.at(n.last))
	}
	s.Table = t
	return s
}

// opened lists who opened what on one side.
func (w *wallReport) opened(id string, g groups[wallKey], marks bool) Section {
	s := w.in.section(wallTexts, id, "")
	s.Intro = w.in.text(wallTexts, "intro."+id)
	cols := []string{"wall", "matter", "user", "opens:number", "documents:number", "first:time", "last:time"}
	if marks {
		cols = append(cols, "crossed:check")
	}
	t := w.in.table(wallTexts, cols...)
	for _, k := range slices.SortedFunc(maps.Keys(g), compareWallKeys) {
		n := g[k]
		parts := []any{k.wall, w.in.matterCells(k.matter), w.in.userCells(k.who), n.opens, int64(len(n.docs)), w.in.at(n.first), w.in.at(n.last)}
		if marks {
			parts = append(parts, w.stopped[k] != nil)
		}
		t.add(parts...)
	}
	s.Table = t
	return s
}
