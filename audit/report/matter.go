package report

import (
	"cmp"
	"slices"
	"strings"

	"matterfs/audit"
)

// matterTexts are what the report says.
var matterTexts = texts{
	"report":            {"Register of matter %s", "案件 %s 访问登记"},
	"facts":             {"Client %s, level %s, lead %s, %s.", "客户 %s,密级 %s,负责人 %s,状态 %s。"},
	"section.people":    {"People", "人员"},
	"register":          {"Register by person and document", "登记(按人员与文件)"},
	"section.documents": {"Documents", "文件"},
	"purposes":          {"Purposes stated", "已说明的用途"},
	"events":            {"The matter itself: levels, freezes, keys", "案件本身:密级、冻结、密钥"},
	"policies":          {"Policy changes", "策略变更"},
	"rights":            {"Who could", "授权情况"},
	"folder":            {"folder", "文件夹"},
	"rights.col":        {"rights", "权限"},
	"from":              {"from", "自"},
	"to":                {"to", "至"},
	"concerns":          {"names people of this matter", "提及本案人员"},
	"inforce":           {"Policies under which it was accessed", "访问时生效的策略"},
	"intro.reg":         {"Each line is one person and one document; a document keeps its line when it is renamed.", "每行为一人一文件;文件改名后仍为同一行。"},
	"intro.pol":         {"A policy is one for all matters. Its record names the first people whose access changed; which of them used this matter is said here.", "策略适用于全部案件;其记录列出权限有变者的前几名,此处标明其中访问过本案的人员。"},
	"intro.inf":         {"A policy is named by the beginning of its hash.", "策略以其哈希值前段为名。"},
	"purposes.n":        {"purposes stated", "已说明的用途数"},
	"nopurpose":         {"opens without a purpose", "未说明用途的打开次数"},
	"pol":               {"policy", "策略"},
	"read?":             {"read", "已读取"},
	"last.user":         {"last opened by", "最近打开者"},
	"purposes.col":      {"purposes", "用途"},
	"refused":           {"refused", "被拒次数"},
}

func matterSpec() Spec {
	return Spec{Name: "matter", Short: [2]string{"register of one matter: who opened, changed or was refused what", "案件登记:何人打开、改动何文件,何人被拒"},
		Params: []ParamSpec{{Key: "matter", Required: true, Help: [2]string{"matter", "案件"}}},
		New:    func(in Input) (Builder, error) { return newMatterReport(in), nil }}
}

// matterReport is the register of one matter (R32, R35). All its numbers are of records with matter=ID:
//
//	opens      open and create, allowed
//	changes    create, write, writeback, mkdir, symlink, unlink, rmdir, rename, setattr, setxattr, done
//	refused    refusals, each with its repeats
//	bytes      as close records state them, for each person who used the handle
//	people, documents    of those opens; documents by object id
//
// A second pass finds the records of the policy in the period; those whose note names somebody who used the matter say so.
type matterReport struct {
	in       Input
	id       string
	all      *tally
	people   groups[string]
	docs     groups[string]
	pairs    groups[personDoc]
	purposes groups[[2]string] // person, purpose
	refusals groups[refusalKey]
	pols     groups[string]
	days     *timeline
	names    docNames
	handles  *handles
	lastUser map[string]string // by document
	blank    int64             // opens without a purpose
	events   []*audit.Parsed
	policies []*audit.Parsed
	second   bool
}

// personDoc is a person and a document.
type personDoc struct{ who, doc string }

func newMatterReport(in Input) *matterReport {
	m := &matterReport{in: in, id: in.Params["matter"], all: newTally(), people: groups[string]{}, docs: groups[string]{},
		pairs: groups[personDoc]{}, purposes: groups[[2]string]{}, refusals: groups[refusalKey]{}, pols: groups[string]{},
		names: docNames{}, handles: newHandles(), lastUser: map[string]string{}}
	m.days = newWorkline(&m.in)
	return m
}

// Filter implements Builder.
func (m *matterReport) Filter() string { return "matter=" + audit.FilterValue(m.id) }

// policyEvents are the records of what is in force.
const policyEvents = "ev=policy.load,policy.reload,policy.pending,policy.approve,policy.emergency,policy.confirm"

// Next implements Staged.
func (m *matterReport) Next() (Stage, bool) {
	if m.second {
		return Stage{}, false
	}
	m.second = true
	return Stage{policyEvents, m.in.From, m.in.Until}, true
}

// Add implements Builder.
func (m *matterReport) Add(_ []byte, p *audit.Parsed) error {
	if m.second {
		m.policies = append(m.policies, p)
		return nil
	}
	who, _ := m.handles.take(p, m.in.who(p))
	if !driveEvent(p.Ev) {
		m.events = append(m.events, p)
	}
	m.names.take(p)
	m.all.add(p, who)
	m.people.of(who).add(p, who)
	if p.Pol != "" {
		m.pols.of(p.Pol).add(p, who)
	}
	if (p.FID != "" || p.Path != "") && (driveEvent(p.Ev) || p.Res == "deny") {
		m.docs.of(document(p)).add(p, who)
		m.pairs.of(personDoc{who, document(p)}).add(p, who)
	}
	m.count(p, who)
	return nil
}

// count takes down what is counted by time, purpose and rule.
func (m *matterReport) count(p *audit.Parsed, who string) {
	if p.Purpose != "" {
		m.purposes.of([2]string{who, p.Purpose}).add(p, who)
	}
	m.days.work(p)
	switch classOf(p) {
	case classOpen:
		m.lastUser[document(p)] = who
		if p.Purpose == "" {
			m.blank++
		}
	case classRefused:
		m.refusals.of(refusalOf(p, who)).add(p, who)
	}
}

// driveEvent says that a record is of a request to the drive, not of the daemon.
func driveEvent(ev string) bool {
	switch ev {
	case "open", "create", "close", "read", "write", "fsync", "list", "lookup", "getattr", "setattr", "getxattr", "setxattr", "access", "mkdir",
		"symlink", "readlink", "unlink", "rmdir", "rename", "statfs", "fill", "writeback", "link", "lock", "ioctl", "panic", "request":
		return true
	}
	return false
}

// Report implements Builder.
func (m *matterReport) Report() (*Report, error) {
	in := &m.in
	if m.all.records == 0 {
		if err := in.known("matter", m.id, in.Facts != nil && in.Facts.Matters[m.id].Client != ""); err != nil {
			return nil, err
		}
	}
	sections := []Section{m.summary(), m.days.section(matterTexts), m.peopleSection(), m.register(), m.documents(), m.purposeSection(), m.refused(),
		m.eventSection(), m.policySection(), m.inForce()}
	return &Report{Title: in.text(matterTexts, "report", in.matter(m.id)), Sections: append(sections, m.rights()...), Limits: m.handles.limits(in)}, nil
}

func (m *matterReport) summary() Section {
	in, f, all := &m.in, m.Filter(), m.all
	s := in.section(matterTexts, "summary", f)
	if in.Facts != nil {
		x := in.Facts.Matters[m.id]
		s.Intro = in.text(matterTexts, "facts", x.Client, x.Level, in.person(x.Lead), x.Status)
	}
	s.Figures = append([]Figure{in.figure(matterTexts, "people.n", int64(len(all.people)), ""), in.figure(matterTexts, "docs.n", int64(len(all.docs)), "")},
		in.workFigures(all, f)...)
	s.Figures = append(s.Figures, in.figure(matterTexts, "purposes.n", int64(len(all.purpose)), ""),
		in.figure(matterTexts, "nopurpose", m.blank, f+" "+openFilter+" purpose="))
	return s
}

func (m *matterReport) peopleSection() Section {
	s := m.in.section(matterTexts, "people", m.Filter())
	t := m.in.table(matterTexts, "user", "opens:number", "documents:number", "changes:number", "read:bytes", "written:bytes", "refused:number", "first:time", "last:time")
	for _, who := range sorted(m.people, byOpens, strings.Compare) {
		n := m.people[who]
		t.add(m.in.userCells(who), n.opens, int64(len(n.docs)), n.changes, n.read, n.written, n.attempts, m.in.at(n.first), m.in.at(n.last))
	}
	s.Table = t
	return s
}

func (m *matterReport) register() Section {
	s := m.in.section(matterTexts, "register", m.Filter())
	s.Intro = m.in.text(matterTexts, "intro.reg")
	t := m.in.table(matterTexts, "user", "path", "opens:number", "read?:check", "changes:number", "read:bytes", "written:bytes", "refused:number",
		"first:time", "last:time", "purposes.col")
	for _, k := range sorted(m.pairs, bySeq, comparePairs) {
		n := m.pairs[k]
		t.add(m.in.userCells(k.who), m.path(k.doc), n.opens, n.readDocs[k.doc], n.changes, n.read, n.written, n.attempts,
			m.in.at(n.first), m.in.at(n.last), listed(n.purpose))
	}
	s.Table = t
	return s
}

func comparePairs(a, b personDoc) int {
	return cmp.Or(strings.Compare(a.who, b.who), strings.Compare(a.doc, b.doc))
}

// path is what a document was called last; one that nobody was let near is called as it was asked for.
func (m *matterReport) path(doc string) string {
	if x := m.names[doc]; x != nil {
		return x.path
	}
	_, path, ok := strings.Cut(doc, "\x00")
	if !ok {
		return doc
	}
	return path
}

func (m *matterReport) documents() Section {
	s := m.in.section(matterTexts, "documents", m.Filter())
	t := m.in.table(matterTexts, "path", "level", "people:number", "opens:number", "changes:number", "read:bytes", "written:bytes", "refused:number",
		"last.user", "last:time", "fid:hash")
	for _, doc := range sorted(m.docs, byOpens, strings.Compare) {
		n, level := m.docs[doc], ""
		if x := m.names[doc]; x != nil {
			level = x.level
		}
		fid, _, noID := strings.Cut(doc, "\x00")
		if noID {
			fid = ""
		}
		t.add(m.path(doc), level, int64(len(n.people)), n.opens, n.changes, n.read, n.written, n.attempts, m.in.person(m.lastUser[doc]), m.in.at(n.last), fid)
	}
	s.Table = t
	return s
}

func (m *matterReport) purposeSection() Section {
	s := m.in.section(matterTexts, "purposes", m.Filter()+` purpose!=""`)
	t := m.in.table(matterTexts, "user", "purpose", "opens:number", "records:number", "first:time", "last:time")
	for _, k := range sorted(m.purposes, byOpens, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		n := m.purposes[k]
		t.add(m.in.userCells(k[0]), k[1], n.opens, int64(n.records), m.in.at(n.first), m.in.at(n.last))
	}
	s.Table = t
	return s
}

func (m *matterReport) refused() Section {
	s := m.in.section(matterTexts, "refusals", m.Filter()+" "+refuseFilter)
	s.Table = m.in.refusalTable(matterTexts, m.refusals, false)
	return s
}

func (m *matterReport) eventSection() Section {
	s := m.in.section(matterTexts, "events", "")
	s.Table = m.in.eventTable(matterTexts, m.events)
	return s
}

func (m *matterReport) policySection() Section {
	s := m.in.section(matterTexts, "policies", policyEvents)
	s.Intro = m.in.text(matterTexts, "intro.pol")
	t := m.in.table(matterTexts, "seq:seq", "time:time", "user", "op", "res", "concerns", "target:hash", "note")
	for _, p := range m.policies {
		t.add(p.Seq, m.in.at(p.Time), m.in.userCells(m.in.who(p)), m.in.op(p.Ev), m.in.outcome(p.Res), listed(m.named(p.Note)), p.To, p.Note)
	}
	s.Table = t
	return s
}

// named are the people of this report whom a note names.
func (m *matterReport) named(note string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.FieldsFunc(note, func(r rune) bool { return strings.ContainsRune(" ();:,", r) }) {
		if m.people[word] != nil {
			set[word] = true
		}
	}
	return set
}

// rights are those that the facts know.
func (m *matterReport) rights() []Section {
	if m.in.Facts == nil {
		return nil
	}
	s := m.in.section(matterTexts, "rights", "")
	t := m.in.table(matterTexts, "user", "folder", "rights.col", "rule:hash", "from:time", "to:time")
	for _, r := range m.in.Facts.Rights {
		if r.Matter == m.id && r.From.Before(m.in.Until) && (r.To.IsZero() || r.To.After(m.in.From)) {
			t.add(m.in.userCells(r.User), r.Path, strings.Join(r.Rights, " "), r.Rule, m.in.at(r.From), m.in.at(r.To))
		}
	}
	s.Table = t
	return []Section{s}
}

// inForce lists the policies under which the matter was accessed.
func (m *matterReport) inForce() Section {
	s := m.in.section(matterTexts, "inforce", m.Filter()+` pol!=""`)
	s.Intro = m.in.text(matterTexts, "intro.inf")
	t := m.in.table(matterTexts, "pol:hash", "records:number", "first:time", "last:time")
	for _, pol := range sorted(m.pols, bySeq, strings.Compare) {
		n := m.pols[pol]
		t.add(pol, int64(n.records), m.in.at(n.first), m.in.at(n.last))
	}
	s.Table = t
	return s
}
