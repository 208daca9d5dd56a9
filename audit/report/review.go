package report

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"matterfs/audit"
)

// reviewTexts are what the report says.
var reviewTexts = texts{
	"report":     {"Review of access, %s", "%s 访问权限核对"},
	"people":     {"people who could", "有权人数"},
	"usedby":     {"people who did", "实际使用人数"},
	"never":      {"people who never did", "从未使用人数"},
	"held":       {"rights held", "权限项数"},
	"sum.people": {"people who could, summed over matters", "有权人数(各案合计)"},
	"sum.usedby": {"people who did, summed over matters", "实际使用人数(各案合计)"},
	"sum.never":  {"people who never did, summed over matters", "从未使用人数(各案合计)"},
	"pause":      {"interrupted", "中断"},
	"new":        {"new", "新增"},
	"ended":      {"ended", "终止"},
	"changed":    {"changed", "变更"},
	"again":      {"again", "恢复"},
	"strays":     {"opens without a known right", "无对应权限的打开次数"},
	"note.held":  {"each of a person, a place and a span of time without a change", "按人员、位置、无变更的时段计"},
	"note.sum.never": {"could open documents at some time of the quarter, and opened none: could minus did",
		"本季内曾有权打开文件而从未打开:有权人数减实际使用人数"},
	"note.new":    {"people and places with a right whose first begins in the quarter", "首次权限始于本季的人员与位置"},
	"note.ended":  {"people and places with a right in the quarter and none at its end", "本季内曾有权限、季末已无权限的人员与位置"},
	"note.strays": {"opens of people for whom, at that time and place, the facts know no right: of a unix group that they have left, or under a policy that is lost", "按事实所载,当时当处并无权限而打开文件:多因已退出的系统组,或策略文件缺失"},
	"intro":       {"client %s, level %s, lead %s, %s. Rights that stand at the end of the quarter; the lead marks what is kept.", "客户 %s,密级 %s,负责人 %s,%s。以下为季末仍有效的权限,由负责人逐项勾选。"},
	"intro.ended": {"Rights of the quarter that have ended.", "本季内已终止的权限。"},
	"m.ended":     {"%s: ended", "%s:已终止"},
	"m.strays":    {"%s: opened without a known right", "%s:无对应权限的打开"},
	"chart":       {"People who could, by matter", "各案件有权人员"},
	"sign.lead":   {"Lead: %s", "负责人:%s"},
	"sign.check":  {"Checked by", "复核人"},
	"limit.sign": {"matterfs does not know whether this was signed, and warns of no review that is overdue: keep the sheet, and have the policy changed for what is to be dropped.",
		"系统不记录本表是否签署,也不提示逾期未核对:请留存签字件,并据撤销项修改策略。"},
	"limit.open":   {"The quarter is not over.", "本季尚未结束。"},
	"help.quarter": {"quarter", "季度"}, "help.lead": {"only matters of this lead", "仅该负责人的案件"},
}.merge(rightsTexts)

func reviewSpec() Spec {
	return Spec{Name: "access-review", NeedsFacts: true,
		Short: [2]string{"review of access for a quarter: who could, who did, who never did; a sheet to sign for each matter", "季度权限核对:谁有权、谁用过、谁从未用过;每案一张签字表"},
		Params: []ParamSpec{{Key: "quarter", Help: reviewTexts["help.quarter"]}, {Key: "matter", Help: nameTexts["matter"]},
			{Key: "lead", Help: reviewTexts["help.lead"]}},
		Period: func(in *Input) (err error) {
			switch {
			case in.Params["quarter"] != "":
				in.From, in.Until, err = quarter(in.Params["quarter"], in.Zone)
			case in.From.IsZero():
				err = &ParamError{Report: "access-review", Key: "quarter", What: "or another period must be given"}
			}
			return err
		},
		New: newReview}
}

// quarter reads 2026Q3.
func quarter(text string, zone *time.Location) (from, until time.Time, err error) {
	year, q, ok := strings.Cut(strings.ToUpper(text), "Q")
	y, bad := time.Parse("2006", year)
	n := strings.Index("1234", q)
	if !ok || bad != nil || len(q) != 1 || n < 0 {
		return from, until, &ParamError{Report: "access-review", Key: "quarter", What: "must be like 2026Q3"}
	}
	from = time.Date(y.Year(), time.Month(3*n+1), 1, 0, 0, 0, 0, zone)
	return from, from.AddDate(0, 3, 0), nil
}

// review is the quarterly review of access (R39). Could comes from the facts, did from the log:
//
//	could    a right in the matter, or a folder of it, at some time of the quarter
//	did      records of open and create that were allowed in the quarter, each counted under the right that it was made by (held)
//	never    people who could, less those who did
//	new      a right that begins in the quarter, of somebody with none in that place before; "again" where there was one some time
//	         before, "changed" where one ends that moment, with other rights or by another rule. What is as old as the oldest policy
//	         that the log knows is not new.
//	ended    somebody who had a right in a place in the quarter and has none at its end; "changed" where another follows at once,
//	         "interrupted" where another follows later: somebody or something was stopped meanwhile
//
// A sheet for each matter lists the rights that stand at the end of the quarter, with boxes; those that ended stand apart.
type review struct {
	in      Input
	h       *held
	matters map[string]bool // that are asked about; nil: all
	all     *tally
	totals  reviewCount
}

// reviewCount is what the summary adds up.
type reviewCount struct{ matters, people, used, held, fresh, ended, strays int64 }

func newReview(in Input) (Builder, error) {
	if err := in.covers("access-review", in.From); err != nil {
		return nil, err
	}
	if !in.From.Before(in.Facts.Made) {
		return nil, &ParamError{Report: "access-review", Key: "quarter", What: "has not begun when the facts were made"}
	}
	r := &review{in: in, all: newTally()}
	r.h = newHeld(&r.in)
	return r, r.choose()
}

// choose finds the matters that are asked about.
func (r *review) choose() error {
	facts, id, lead := r.in.Facts, r.in.Params["matter"], r.in.Params["lead"]
	if id == "" && lead == "" {
		return nil
	}
	if err := errors.Join(inFacts("matter", id, facts.Matters), inFacts("lead", lead, facts.People)); err != nil {
		return err
	}
	r.matters = map[string]bool{}
	for one, m := range facts.Matters {
		if (id == "" || id == one) && (lead == "" || lead == m.Lead) {
			r.matters[one] = true
		}
	}
	if len(r.matters) == 0 {
		return &ParamError{Report: "access-review", Key: "lead", What: "leads no such matter"}
	}
	return nil
}

// maxListed is how many matters a filter names; of more, all records are read.
const maxListed = 50

// Filter implements Builder.
func (r *review) Filter() string {
	if n := len(r.matters); n == 0 || n > maxListed {
		return openFilter
	}
	return openFilter + " matter=" + filterValues(slices.Sorted(maps.Keys(r.matters)))
}

// Add implements Builder.
func (r *review) Add(_ []byte, p *audit.Parsed) error {
	if r.matters != nil && !r.matters[p.Matter] {
		return nil
	}
	who := r.in.who(p)
	r.all.add(p, who)
	r.h.take(p, who)
	return nil
}

// Report implements Builder.
func (r *review) Report() (*Report, error) {
	in := &r.in
	rep := &Report{Title: in.text(reviewTexts, "report", r.period()), Limits: in.rightsLimits()}
	rep.Limits = append(rep.Limits, in.text(reviewTexts, "limit.sign"))
	if in.Facts.Made.Before(in.Until) {
		rep.Limits = append(rep.Limits, in.text(reviewTexts, "limit.open"))
	}
	chart := &Chart{Kind: ChartBars, Title: in.text(reviewTexts, "chart"), Series: []Series{{Name: in.text(reviewTexts, "usedby")}, {Name: in.text(reviewTexts, "never")}}}
	rep.Sections = []Section{{}}
	for _, id := range r.ids() {
		m := r.matter(id)
		rep.Sections = append(rep.Sections, m.sections(r)...)
		if len(chart.Labels) < maxBars {
			chart.Labels = append(chart.Labels, id)
			chart.Series[0].Values = append(chart.Series[0].Values, float64(len(m.used)))
			chart.Series[1].Values = append(chart.Series[1].Values, float64(len(m.could)-len(m.used)))
		}
	}
	rep.Sections[0] = r.summary()
	if len(chart.Labels) > 1 {
		rep.Sections[0].Chart = chart
	}
	return rep, nil
}

// maxBars is how many matters the chart shows.
const maxBars = 30

// period is what the review is called by.
func (r *review) period() string {
	if q := r.in.Params["quarter"]; q != "" {
		return strings.ToUpper(q)
	}
	return r.in.day(r.in.From) + " – " + r.in.day(r.in.Until.Add(-time.Nanosecond))
}

// ids are the matters with a right or a use in the quarter.
func (r *review) ids() []string {
	set := map[string]bool{}
	for id, list := range r.h.byMatter {
		if r.matters != nil && !r.matters[id] {
			continue
		}
		set[id] = slices.ContainsFunc(list, func(i int) bool { return r.h.right(i).touches(r.in.From, r.end()) })
	}
	for k := range r.h.strays {
		set[k.matter] = true
	}
	maps.DeleteFunc(set, func(_ string, on bool) bool { return !on })
	return slices.Sorted(maps.Keys(set))
}

// end is the end of the quarter, or of what the facts know of it.
func (r *review) end() time.Time {
	if r.in.Facts.Made.Before(r.in.Until) {
		return r.in.Facts.Made
	}
	return r.in.Until
}

// reviewMatter is one matter of the review.
type reviewMatter struct {
	id            string
	stands, ended []int // rights
	could, used   map[string]bool
	fresh, over   int64
	strays        []rightKey
}

func (r *review) matter(id string) *reviewMatter {
	m := &reviewMatter{id: id, could: map[string]bool{}, used: map[string]bool{}}
	for _, i := range r.h.byMatter[id] {
		if one := r.h.right(i); one.touches(r.in.From, r.end()) {
			r.sort(m, i, one)
		}
	}
	for _, k := range sorted(r.h.strays, byOpens, compareRights) {
		if k.matter == id {
			m.strays = append(m.strays, k)
		}
	}
	return m
}

func compareRights(a, b rightKey) int {
	return cmp.Or(strings.Compare(a.matter, b.matter), strings.Compare(a.path, b.path), strings.Compare(a.user, b.user))
}

// sort puts a right where it belongs and counts it.
func (r *review) sort(m *reviewMatter, i int, one *Right) {
	m.could[one.User] = true
	if r.h.used(i).opens > 0 {
		m.used[one.User] = true
	}
	if r.began(i) == "new" {
		m.fresh++
	}
	if !r.over(one) {
		m.stands = append(m.stands, i)
		return
	}
	m.ended = append(m.ended, i)
	if r.finished(i) == "ended" {
		m.over++
	}
}

// over tells whether a right ended before the quarter did.
func (r *review) over(one *Right) bool { return !one.To.IsZero() && !one.To.After(r.end()) }

// began says how a right came about in the quarter: a key of the texts; empty: it is older.
func (r *review) began(i int) string {
	one := r.h.right(i)
	if one.From.Before(r.in.From) || r.h.oldest(one) {
		return ""
	}
	before, ok := r.h.next(i, -1)
	switch {
	case !ok:
		return "new"
	case before.To.Equal(one.From):
		return "changed"
	}
	return "again"
}

// finished says how a right ended in the quarter: a key of the texts; empty: it did not.
func (r *review) finished(i int) string {
	one := r.h.right(i)
	if !r.over(one) {
		return ""
	}
	after, ok := r.h.next(i, 1)
	switch {
	case !ok || after.From.After(r.end()):
		return "ended"
	case after.From.Equal(one.To):
		return "changed"
	}
	return "pause"
}

// change says in words how a right came about and ended in the quarter.
func (r *review) change(i int) string {
	var words []string
	for _, key := range []string{r.began(i), r.finished(i)} {
		if key != "" {
			words = append(words, r.in.text(reviewTexts, key))
		}
	}
	return strings.Join(words, "; ")
}

// sections are the sheet of a matter, what ended, and what was done without a right.
func (m *reviewMatter) sections(r *review) []Section {
	in, facts := &r.in, r.in.Facts.Matters[m.id]
	r.totals.add(m, r.h)
	sheet := Section{ID: "matter-" + m.id, Title: in.matter(m.id), Filter: openFilter + " matter=" + audit.FilterValue(m.id),
		Intro: in.text(reviewTexts, "intro", facts.Client, facts.Level, in.person(facts.Lead), in.statusOf(facts)),
		Sign:  []string{in.text(reviewTexts, "sign.lead", in.person(facts.Lead)), in.text(reviewTexts, "sign.check")}}
	sheet.Figures = []Figure{in.figure(reviewTexts, "people", int64(len(m.could)), ""), in.figure(reviewTexts, "usedby", int64(len(m.used)), ""),
		in.figure(reviewTexts, "never", int64(len(m.could)-len(m.used)), ""), in.figure(reviewTexts, "new", m.fresh, ""), in.figure(reviewTexts, "ended", m.over, "")}
	sheet.Table = r.rows(m.stands, "keep:blank", "drop:blank")
	list := []Section{sheet}
	if len(m.ended) > 0 {
		list = append(list, Section{ID: "ended-" + m.id, Title: in.text(reviewTexts, "m.ended", m.id), Intro: in.text(reviewTexts, "intro.ended"), Table: r.rows(m.ended)})
	}
	if len(m.strays) > 0 {
		list = append(list, r.strays(m))
	}
	return list
}

// rows list rights; more are columns that people fill in.
func (r *review) rows(list []int, more ...string) *Table {
	in := &r.in
	t := in.table(reviewTexts, append([]string{"user", "folder", "rights", "rule:hash", "since:time", "until:time", "change", "opens:number",
		"last:time", "used:check"}, more...)...)
	for _, i := range list {
		one, did := r.h.right(i), r.h.used(i)
		cells := []any{in.userCells(one.User), one.Path, strings.Join(one.Rights, " "), one.Rule, in.at(one.From), in.at(one.To),
			r.change(i), did.opens, in.at(did.last), did.opens > 0}
		for range more {
			cells = append(cells, nil)
		}
		t.add(cells...)
	}
	return t
}

func (r *review) strays(m *reviewMatter) Section {
	in := &r.in
	s := Section{ID: "strays-" + m.id, Title: in.text(reviewTexts, "m.strays", m.id), Intro: in.text(reviewTexts, "note.strays")}
	s.Table = in.table(reviewTexts, "user", "folder", "opens:number", "first:time", "last:time")
	for _, k := range m.strays {
		n := r.h.strays[k]
		s.Table.add(in.userCells(k.user), k.path, n.opens, in.at(n.first), in.at(n.last))
	}
	return s
}

func (c *reviewCount) add(m *reviewMatter, h *held) {
	c.matters++
	c.people, c.used = c.people+int64(len(m.could)), c.used+int64(len(m.used))
	c.held += int64(len(m.stands) + len(m.ended))
	c.fresh, c.ended = c.fresh+m.fresh, c.ended+m.over
	for _, k := range m.strays {
		c.strays += h.strays[k].opens
	}
}

func (r *review) summary() Section {
	in, c := &r.in, &r.totals
	s := in.section(reviewTexts, "summary", r.Filter())
	strays := in.figure(reviewTexts, "strays", c.strays, "")
	strays.Alarm = c.strays > 0
	s.Figures = []Figure{in.figure(reviewTexts, "matters", c.matters, ""), in.figure(reviewTexts, "sum.people", c.people, ""), in.figure(reviewTexts, "sum.usedby", c.used, ""),
		in.figure(reviewTexts, "sum.never", c.people-c.used, ""),
		in.figure(reviewTexts, "held", c.held, ""), in.figure(reviewTexts, "new", c.fresh, ""), in.figure(reviewTexts, "ended", c.ended, ""), strays,
		in.figure(reviewTexts, "opens", r.all.opens, r.Filter())}
	for i := range s.Figures {
		if _, ok := reviewTexts["note."+s.Figures[i].ID]; ok {
			s.Figures[i].Note = in.text(reviewTexts, "note."+s.Figures[i].ID)
		}
	}
	return s
}
