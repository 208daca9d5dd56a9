package report

import (
	"slices"
	"strings"
	"time"

	"matterfs/audit"
)

// deniedTexts are what the report says.
var deniedTexts = texts{
	"report": {"Refusals", "被拒访问"},
	"days":   {"Over time", "按时间"}, "chart": {"Refusals, repeats counted", "拒绝次数(含重复)"},
	"byuser": {"By person", "按人员"}, "byrule": {"By rule", "按依据"}, "bymatter": {"By matter", "按案件"}, "detail": {"By person, matter, rule and operation", "按人员、案件、依据与操作"},
	"near":         {"Refused, then allowed", "先拒后准"},
	"intro.near":   {"A person who was refused something in a matter and opened a document there later in the period. Mostly that is how access is asked for and given; it is worth a look where nobody knows of it.", "期间内先在某案被拒、其后又打开该案文件的人员。多为正常申请后获准;无人知情者应予查明。"},
	"records.n":    {"records of refusals", "拒绝记录数"},
	"attempts.n":   {"refusals, repeats counted", "拒绝次数(含重复)"},
	"people.n":     {"people refused", "被拒人数"},
	"nobody.n":     {"of these, uids of nobody", "其中不属于任何人的uid"},
	"matters.n":    {"matters concerned", "涉及案件数"},
	"near.n":       {"refused, then allowed", "先拒后准"},
	"refusals":     {"refusals", "拒绝次数"},
	"first.denied": {"first refused", "首次被拒"},
	"allowed":      {"first opened after that", "其后首次打开"}, "allowed.seq": {"record", "记录号"}, "after": {"whole hours between", "相隔整小时数"}, "allowed.rule": {"allowed by", "准许依据"},
	"denied.seq": {"first refusal", "首条拒绝记录"},
}

func deniedSpec() Spec {
	return Spec{Name: "denied", Short: [2]string{"refusals by person, rule and matter, and what was refused first and allowed later", "被拒访问:按人员、依据、案件;先拒后准"},
		Params: []ParamSpec{{Key: "user", Help: [2]string{"user", "用户"}}, {Key: "matter", Help: [2]string{"matter", "案件"}}},
		New:    func(in Input) (Builder, error) { return newDeniedReport(in), nil }}
}

// deniedReport is about refusals (R36). A refusal that is repeated within ten seconds is one record, whose count says how often; the
// report counts both. A near miss is a person and a matter: first refused there, then, in a later record of the period, a document
// opened or made. A second pass looks for these among the opens of the people who were refused.
type deniedReport struct {
	in      Input
	all     *tally
	users   groups[string]
	nobody  map[string]bool
	rules   groups[string]
	matters groups[string]
	detail  groups[refusalKey]
	days    *timeline
	near    groups[nearKey] // refusals before the first open
	allowed map[nearKey]*audit.Parsed
	second  bool
}

// nearKey is a person and a matter.
type nearKey struct{ who, matter string }

func newDeniedReport(in Input) *deniedReport {
	d := &deniedReport{in: in, all: newTally(), users: groups[string]{}, nobody: map[string]bool{}, rules: groups[string]{}, matters: groups[string]{},
		detail: groups[refusalKey]{}, near: groups[nearKey]{}, allowed: map[nearKey]*audit.Parsed{}}
	d.days = newTimeline(&d.in, "refusals")
	return d
}

// Filter implements Builder.
func (d *deniedReport) Filter() string { return refuseFilter + d.in.narrow("user", "matter") }

// narrow is a condition for each of these parameters that was given.
func (in *Input) narrow(keys ...string) (s string) {
	for _, key := range keys {
		if v := in.Params[key]; v != "" {
			s += " " + key + "=" + audit.FilterValue(v)
		}
	}
	return s
}

// Next implements Staged: the opens of those who were refused.
func (d *deniedReport) Next() (Stage, bool) {
	if d.second {
		return Stage{}, false
	}
	d.second = true
	names := map[string]bool{}
	for k := range d.near {
		names[k.who] = true
	}
	if len(names) == 0 {
		return Stage{}, false
	}
	return Stage{openFilter + " user=" + filterList(names) + d.in.narrow("matter"), d.in.From, d.in.Until}, true
}

// filterList are values of a condition.
func filterList(set map[string]bool) string {
	var list []string
	for v := range set {
		list = append(list, audit.FilterValue(v))
	}
	slices.Sort(list)
	return strings.Join(list, ",")
}

// Add implements Builder.
func (d *deniedReport) Add(_ []byte, p *audit.Parsed) error {
	who := d.in.who(p)
	key := nearKey{p.User, p.Matter}
	if d.second {
		if n := d.near[key]; n != nil && p.Seq > n.firstSeq && d.allowed[key] == nil {
			d.allowed[key] = p
		}
		return nil
	}
	d.all.add(p, who)
	d.users.of(who).add(p, who)
	if p.User == "" {
		d.nobody[who] = true
	}
	d.rules.of(p.Rule).add(p, who)
	d.rules[p.Rule].people[who] = true
	d.matters.of(p.Matter).add(p, who)
	d.matters[p.Matter].people[who] = true
	d.users[who].matters[p.Matter] = true
	d.detail.of(refusalOf(p, who)).add(p, who)
	d.days.add(p.Time, 0, attempts(p))
	if p.User != "" && p.Matter != "" {
		d.near.of(key).add(p, who)
	}
	return nil
}

// Report implements Builder.
func (d *deniedReport) Report() (*Report, error) {
	in := &d.in
	if d.all.records == 0 {
		if err := in.knownParams(); err != nil {
			return nil, err
		}
	}
	return &Report{Title: in.text(deniedTexts, "report"), Limits: []string{in.text(nameTexts, "limit.verify")},
		Sections: []Section{d.summary(), d.days.section(deniedTexts), d.byUser(), d.byRule(), d.byMatter(), d.details(), d.nearSection()}}, nil
}

// knownParams refuses a user or a matter that was asked for and that nobody knows.
func (in *Input) knownParams() error {
	var facts Facts
	if in.Facts != nil {
		facts = *in.Facts
	}
	_, hasUser := facts.People[in.Params["user"]]
	_, hasMatter := facts.Matters[in.Params["matter"]]
	if in.Params["user"] != "" {
		if err := in.known("user", in.Params["user"], hasUser); err != nil {
			return err
		}
	}
	if in.Params["matter"] != "" {
		return in.known("matter", in.Params["matter"], hasMatter)
	}
	return nil
}

func (d *deniedReport) summary() Section {
	in := &d.in
	s := in.section(deniedTexts, "summary", d.Filter())
	matters := len(d.matters)
	if d.matters[""] != nil {
		matters--
	}
	s.Figures = []Figure{
		in.figure(deniedTexts, "records.n", d.all.refused, d.Filter()), in.figure(deniedTexts, "attempts.n", d.all.attempts, ""),
		in.figure(deniedTexts, "people.n", int64(len(d.users)), ""), in.figure(deniedTexts, "nobody.n", int64(len(d.nobody)), ""),
		in.figure(deniedTexts, "matters.n", int64(matters), ""), in.figure(deniedTexts, "near.n", int64(len(d.allowed)), ""),
	}
	return s
}

func (d *deniedReport) byUser() Section {
	s := d.in.section(deniedTexts, "byuser", d.Filter())
	t := d.in.table(deniedTexts, "user", "attempts:number", "records:number", "matters:number", "first:time", "last:time")
	for _, who := range sorted(d.users, byAttempts, strings.Compare) {
		n := d.users[who]
		t.add(d.in.userCells(who), n.attempts, n.refused, int64(len(n.matters)), d.in.at(n.first), d.in.at(n.last))
	}
	s.Table, s.Chart = t, d.in.topChart(deniedTexts, "chart", d.users, byAttempts, d.in.person)
	return s
}

// topBars is how many bars a chart of people has at most.
const topBars = 15

// topChart has a bar for each of those with the highest numbers.
func (in *Input) topChart(t texts, title string, g groups[string], number func(*tally) int64, label func(string) string) *Chart {
	if len(g) == 0 {
		return nil
	}
	c := &Chart{Kind: ChartBars, Title: in.text(t, title), Series: []Series{{Name: in.text(t, title)}}}
	list := sorted(g, number, strings.Compare)
	for _, k := range list[:min(topBars, len(list))] {
		c.Labels = append(c.Labels, label(k))
		c.Series[0].Values = append(c.Series[0].Values, float64(number(g[k])))
	}
	return c
}

func (d *deniedReport) byRule() Section {
	s := d.in.section(deniedTexts, "byrule", d.Filter())
	t := d.in.table(deniedTexts, "rule:hash", "kind", "attempts:number", "records:number", "people:number", "first:time", "last:time")
	for _, rule := range sorted(d.rules, byAttempts, strings.Compare) {
		n := d.rules[rule]
		t.add(rule, d.in.ruleKind(rule), n.attempts, n.refused, int64(len(n.people)), d.in.at(n.first), d.in.at(n.last))
	}
	s.Table = t
	return s
}

func (d *deniedReport) byMatter() Section {
	s := d.in.section(deniedTexts, "bymatter", d.Filter())
	t := d.in.table(deniedTexts, "matter", "attempts:number", "records:number", "people:number", "first:time", "last:time")
	for _, id := range sorted(d.matters, byAttempts, strings.Compare) {
		n := d.matters[id]
		t.add(d.in.matterCells(id), n.attempts, n.refused, int64(len(n.people)), d.in.at(n.first), d.in.at(n.last))
	}
	s.Table = t
	return s
}

func (d *deniedReport) details() Section {
	s := d.in.section(deniedTexts, "detail", d.Filter())
	s.Table = d.in.refusalTable(deniedTexts, d.detail, true)
	return s
}

func (d *deniedReport) nearSection() Section {
	s := d.in.section(deniedTexts, "near", "")
	s.Intro = d.in.text(deniedTexts, "intro.near")
	t := d.in.table(deniedTexts, "user", "matter", "first.denied:time", "denied.seq:seq", "allowed:time", "allowed.seq:seq", "after:number", "allowed.rule:hash")
	for _, k := range sorted(d.near, func(n *tally) int64 { return bySeq(n) }, compareNear) {
		n, p := d.near[k], d.allowed[k]
		if p == nil {
			continue
		}
		t.add(d.in.userCells(k.who), d.in.matterCells(k.matter), d.in.at(n.first), n.firstSeq, d.in.at(p.Time), p.Seq,
			int64(p.Time.Sub(n.first)/time.Hour), p.Rule)
	}
	s.Table = t
	return s
}

func compareNear(a, b nearKey) int {
	return strings.Compare(a.who+"\x00"+a.matter, b.who+"\x00"+b.matter)
}
