package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"matterfs/audit"
)

// clientTexts are what the report says.
var clientTexts = texts{
	"report":          {"Access to the documents of client %s", "客户 %s 资料访问报告"},
	"withheld":        {"[withheld]", "〔略〕"},
	"section.matters": {"Matters", "案件"},
	"accesses":        {"Every access", "逐条访问记录"},
	"section.people":  {"People", "人员"},
	"purposes":        {"purposes", "用途"},
	"target":          {"new name", "新名称"},
	"decided":         {"by reason of", "依据"},
	"close.seq":       {"record of the close", "关闭记录号"},
	"proof":           {"proved", "有证明"},
	"rows.n":          {"records listed below", "以下所列记录数"},
	"proofs.n":        {"of these with a proof", "其中附有证明"},
	"noproof.n":       {"without one, because the record itself names others or a wall", "因记录本身涉及他人或隔离墙而不附证明"},
	"intro.access":    {"Each line is a record of the log, under its number: who, when, what, why. The bytes of an open are those of the record of its close. Calls of read and write and listings of folders are counted in these and not listed.", "每行为日志中的一条记录,附记录号:何人、何时、何事、何因。打开一行的字节数取自其关闭记录;逐次读写调用与目录列示不另列。"},
	"limit.names":     {"Texts in which another client, another client's matter or a name given for this purpose stands are withheld. Names that nobody told the program are not recognised: read the report before it is given away.", "凡含其他客户、其案件或另行指定之名称者,一律略去。程序未获知的名称无法识别,交付前请通读。"},
	"limit.proof":     {"A proof shows that a record is in the log as it stands, not that nothing else is.", "证明可说明某记录确在日志之中,不能说明日志别无其他。"},
}

func clientSpec() Spec {
	return Spec{Name: "client", Short: [2]string{"for one client: who opened what, when and why, provable, without names of other clients", "面向客户:何人何时因何打开何文件;可验证,不含其他客户名称"},
		Params: []ParamSpec{{Key: "client", Required: true, Help: [2]string{"client", "客户"}},
			{Key: "hide", Hidden: true, Help: [2]string{"further names to withhold, parted by commas", "另须略去的名称,以逗号分隔"}}},
		Proofs: true, New: newClientReport}
}

// clientReport is for one client (R61): all its numbers are of records with client=ID, counted as in the register of a matter. Listed
// one by one are the records of opens, of changes but write and writeback (their bytes stand in the close), of refusals and failures, and
// of what the daemon did to the matters. Of these and of the closes that belong to them proofs can be given, but for those whose
// lines name others: see withholder.
//
// What is withheld: every value of client and of matter in the log, at any time, that is not this client's, the same of the facts with
// the titles of the matters, and the names given with hide. Rules are told by their kind: names of groups, tags and walls stay out.
type clientReport struct {
	in      Input
	id      string
	hide    *withholder
	all     *tally
	matters groups[string]
	people  groups[string]
	days    *timeline
	handles *handles
	rows    []*clientRow
	byOpen  map[*audit.Parsed]*clientRow
}

// clientRow is a record that is listed.
type clientRow struct {
	p             *audit.Parsed
	who           string
	proof         bool // of all of it a proof may be given
	read, written int64
	close         uint64 // number of the record of the close; 0: none
}

func newClientReport(in Input) (Builder, error) {
	c := &clientReport{in: in, id: in.Params["client"], all: newTally(), matters: groups[string]{}, people: groups[string]{}, handles: newHandles(),
		byOpen: map[*audit.Parsed]*clientRow{}}
	c.days = newWorkline(&c.in)
	names, own := map[string]bool{}, map[string]bool{c.id: true}
	if err := c.logNames(names, own); err != nil {
		return nil, err
	}
	c.factNames(names, own)
	for name := range own {
		delete(names, name)
	}
	for name := range strings.SplitSeq(c.in.Params["hide"], ",") {
		names[name] = true
		delete(own, name)
	}
	c.hide = newWithholder(in.text(clientTexts, "withheld"), names, own)
	return c, nil
}

// logNames adds the clients and matters in the log, of any time. Matters are this client's when a record says so.
func (c *clientReport) logNames(names, own map[string]bool) error {
	clients, err := audit.Values(c.in.Log, "client")
	if err != nil {
		return err
	}
	if !c.inFacts() && !slices.Contains(clients, c.id) {
		return &AbsentError{Key: "client", Value: c.id, Like: audit.Nearest(c.id, clients)}
	}
	f, err := audit.ParseFilter(c.Filter(), c.in.Zone, c.in.Now)
	if err != nil {
		return err
	}
	if _, err := audit.Query(c.in.Log, f, func(_ []byte, p *audit.Parsed) error { own[p.Matter] = true; return nil }); err != nil {
		return err
	}
	matters, err := audit.Values(c.in.Log, "matter")
	for _, id := range slices.Concat(clients, matters) {
		names[id] = true
	}
	return err
}

func (c *clientReport) inFacts() bool {
	if c.in.Facts == nil {
		return false
	}
	for _, m := range c.in.Facts.Matters {
		if m.Client == c.id {
			return true
		}
	}
	return false
}

// factNames adds the clients and matters that the facts know.
func (c *clientReport) factNames(names, own map[string]bool) {
	if c.in.Facts == nil {
		return
	}
	for id, m := range c.in.Facts.Matters {
		set := names
		if m.Client == c.id {
			set = own
		}
		set[id], set[m.Client], set[m.Title] = true, true, true
	}
}

// Filter implements Builder.
func (c *clientReport) Filter() string { return "client=" + audit.FilterValue(c.id) }

// Add implements Builder.
func (c *clientReport) Add(line []byte, p *audit.Parsed) error {
	who, open := c.handles.take(p, c.in.who(p))
	c.all.add(p, who)
	c.matters.of(p.Matter).add(p, who)
	c.people.of(who).add(p, who)
	c.days.work(p)
	if row := c.byOpen[open]; open != nil && row != nil {
		row.read, row.written = totals(p)
		row.close = p.Seq
		row.proof = row.proof && c.hide.record(line, p)
		delete(c.byOpen, open)
		return nil
	}
	if !c.lists(p) {
		return nil
	}
	row := &clientRow{p: p, who: who, proof: c.hide.record(line, p)}
	if classOf(p) == classClose {
		row.read, row.written = totals(p)
	}
	c.rows = append(c.rows, row)
	if classOf(p) == classOpen {
		c.byOpen[p] = row
	}
	return nil
}

// lists says that a record has a line of its own.
func (c *clientReport) lists(p *audit.Parsed) bool {
	switch classOf(p) {
	case classRead, classLook:
		return false
	case classChange:
		return p.Ev != "write" && p.Ev != "writeback"
	case classOther:
		return p.Ev != "fsync"
	}
	return true
}

// Report implements Builder.
func (c *clientReport) Report() (*Report, error) {
	in := &c.in
	rep := &Report{Title: in.text(clientTexts, "report", c.id), Proofs: c.proofs(),
		Sections: []Section{c.summary(), c.days.section(clientTexts), c.matterSection(), c.peopleSection(), c.accesses()},
		Limits:   append(c.handles.limits(in), in.text(clientTexts, "limit.names"), in.text(clientTexts, "limit.proof"))}
	return rep, nil
}

// proofs are the numbers of the records that may be proved.
func (c *clientReport) proofs() (list []uint64) {
	for _, r := range c.rows {
		if !r.proof {
			continue
		}
		if list = append(list, r.p.Seq); r.close != 0 {
			list = append(list, r.close)
		}
	}
	slices.Sort(list)
	return list
}

func (c *clientReport) summary() Section {
	in, f, all := &c.in, c.Filter(), c.all
	s := in.section(clientTexts, "summary", f)
	proved := int64(0)
	for _, r := range c.rows {
		if r.proof {
			proved++
		}
	}
	s.Figures = append([]Figure{in.figure(clientTexts, "matters.n", int64(len(all.matters)), ""),
		in.figure(clientTexts, "people.n", int64(len(all.people)), ""), in.figure(clientTexts, "docs.n", int64(len(all.docs)), "")}, in.workFigures(all, f)...)
	s.Figures = append(s.Figures, in.figure(clientTexts, "rows.n", int64(len(c.rows)), ""), in.figure(clientTexts, "proofs.n", proved, ""),
		in.figure(clientTexts, "noproof.n", int64(len(c.rows))-proved, ""))
	return s
}

func (c *clientReport) matterSection() Section {
	s := c.in.section(clientTexts, "matters", c.Filter())
	t := c.in.table(clientTexts, "matter", "people:number", "documents:number", "opens:number", "changes:number", "read:bytes", "written:bytes", "refused:number", "last:time")
	for _, id := range sorted(c.matters, byOpens, strings.Compare) {
		n := c.matters[id]
		t.add(c.safe(c.in.matterCells(id)), int64(len(n.people)), int64(len(n.docs)), n.opens, n.changes, n.read, n.written, n.attempts, c.in.at(n.last))
	}
	s.Table = t
	return s
}

func (c *clientReport) peopleSection() Section {
	s := c.in.section(clientTexts, "people", c.Filter())
	t := c.in.table(clientTexts, "user", "documents:number", "opens:number", "changes:number", "read:bytes", "written:bytes", "refused:number", "first:time", "last:time", "purposes")
	for _, who := range sorted(c.people, byOpens, strings.Compare) {
		n := c.people[who]
		t.add(c.safe(c.in.userCells(who)), int64(len(n.docs)), n.opens, n.changes, n.read, n.written, n.attempts, c.in.at(n.first), c.in.at(n.last), c.purposes(n))
	}
	s.Table = t
	return s
}

// purposes are those of a tally, each shown or withheld.
func (c *clientReport) purposes(n *tally) string {
	set := map[string]bool{}
	for p := range maps.Keys(n.purpose) {
		set[c.hide.safe(p)] = true
	}
	return listed(set)
}

// safe withholds texts among cells.
func (c *clientReport) safe(cells []Cell) []Cell {
	for i, x := range cells {
		if s, ok := x.(string); ok {
			cells[i] = c.hide.safe(s)
		}
	}
	return cells
}

func (c *clientReport) accesses() Section {
	s := c.in.section(clientTexts, "accesses", c.Filter())
	s.Intro = c.in.text(clientTexts, "intro.access")
	t := c.in.table(clientTexts, "seq:seq", "time:time", "user", "op", "res", "matter", "path", "target", "level", "purpose", "decided", "program",
		"read:bytes", "written:bytes", "attempts:number", "close.seq:seq", "proof:check")
	slices.SortFunc(c.rows, func(a, b *clientRow) int { return cmp.Compare(a.p.Seq, b.p.Seq) })
	for _, r := range c.rows {
		p := r.p
		var shut, read, written, refused Cell
		if r.close != 0 || p.Ev == "close" {
			read, written = r.read, r.written
		}
		if r.close != 0 {
			shut = r.close
		}
		if p.Res == "deny" {
			refused = attempts(p)
		}
		t.add(p.Seq, c.in.at(p.Time), c.safe(c.in.userCells(r.who)), c.in.op(p.Ev), c.in.outcome(p.Res), c.safe(c.in.matterCells(p.Matter)), c.hide.path(p.Path),
			c.target(p), c.hide.safe(p.Level), c.hide.safe(p.Purpose), c.kind(p.Rule), c.hide.safe(program(p)), read, written, refused, shut, r.proof)
	}
	s.Table = t
	return s
}

// target is the new name of a document; what daemons write there names others.
func (c *clientReport) target(p *audit.Parsed) string {
	if p.Ev != "rename" {
		return ""
	}
	return c.hide.path(p.To)
}

func (c *clientReport) kind(rule string) string {
	if rule == "" {
		return ""
	}
	return c.in.ruleKind(rule)
}
