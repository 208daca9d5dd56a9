package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"matterfs/audit"
)

// userTexts are what the report says.
var userTexts = texts{
	"report":       {"Access by %s", "%s 访问情况"},
	"facts":        {"Role %s, %s.", "角色 %s,状态 %s。"},
	"bymatter":     {"Matters", "案件"},
	"bydoc":        {"Documents", "文件"},
	"hours":        {"Hours of the week", "一周时段"},
	"hours.title":  {"Opens by weekday and hour", "打开次数(按星期与时段)"},
	"programs":     {"Programs", "程序"},
	"logins":       {"Another login", "登录身份不符"},
	"intro.logins": {"Records in which the uid that the person logged in with is not the uid that acted, as with su or sudo.", "登录uid与操作uid不同的记录,例如经 su 或 sudo。"},
	"decrees":      {"Stopped and let on again", "停用与恢复"},
	"exe":          {"executable", "可执行文件"},
	"auid":         {"login uid", "登录uid"},
	"login":        {"login", "登录者"},
	"uid":          {"uid", "uid"},
	"logins.n":     {"records with another login uid", "登录uid不符的记录数"}, "programs.n": {"programs", "程序数"},
	"first.seq": {"first record", "首条记录"}, "last.seq": {"last record", "末条记录"},
}

func userSpec() Spec {
	return Spec{Name: "user", Short: [2]string{"one person: matters, documents, hours, programs, refusals", "人员访问情况:案件、文件、时段、程序、被拒"},
		Params: []ParamSpec{{Key: "user", Required: true, Help: [2]string{"user", "用户"}}},
		New:    func(in Input) (Builder, error) { return newUserReport(in), nil }}
}

// userReport is about one person. All its numbers are of records with user=LOGIN, counted as in the register of a matter; hours are
// those of opens, in the report's zone. Another login: records whose auid is stated and is not their uid. A second pass finds the
// records of user.disable and user.enable that name the person.
type userReport struct {
	in       Input
	id       string
	all      *tally
	matters  groups[string]
	docs     groups[string]
	programs groups[string] // by path of the executable, or command name
	refusals groups[refusalKey]
	logins   groups[loginPair]
	other    int64 // records with another login uid
	days     *timeline
	week     weekHours
	names    docNames
	handles  *handles
	decrees  []*audit.Parsed
	second   bool
}

// loginPair is who logged in and who acted.
type loginPair struct {
	auid int64
	uid  uint32
}

func newUserReport(in Input) *userReport {
	u := &userReport{in: in, id: in.Params["user"], all: newTally(), matters: groups[string]{}, docs: groups[string]{}, programs: groups[string]{},
		refusals: groups[refusalKey]{}, logins: groups[loginPair]{}, names: docNames{}, handles: newHandles()}
	u.days, u.week = newWorkline(&u.in), weekHours{in: &u.in}
	return u
}

// Filter implements Builder.
func (u *userReport) Filter() string { return "user=" + audit.FilterValue(u.id) }

func (u *userReport) decreeFilter() string {
	return "ev=user.disable,user.enable to=" + audit.FilterValue(u.id)
}

// Next implements Staged.
func (u *userReport) Next() (Stage, bool) {
	if u.second {
		return Stage{}, false
	}
	u.second = true
	return Stage{u.decreeFilter(), u.in.From, u.in.Until}, true
}

// Add implements Builder.
func (u *userReport) Add(_ []byte, p *audit.Parsed) error {
	if u.second {
		u.decrees = append(u.decrees, p)
		return nil
	}
	u.handles.take(p, u.id)
	u.names.take(p)
	u.all.add(p, u.id)
	if p.Matter != "" {
		u.matters.of(p.Matter).add(p, u.id)
	}
	if (p.FID != "" || p.Path != "") && p.Res != "deny" {
		u.docs.of(document(p)).add(p, u.id)
	}
	if exe := cmp.Or(p.Exe, p.Comm); exe != "" {
		u.programs.of(exe).add(p, u.id)
	}
	if p.HasUID && p.AUID >= 0 && p.AUID != int64(p.UID) {
		u.logins.of(loginPair{p.AUID, p.UID}).add(p, u.id)
		u.other++
	}
	u.count(p)
	return nil
}

// count takes down what is counted by time and rule.
func (u *userReport) count(p *audit.Parsed) {
	u.days.work(p)
	switch classOf(p) {
	case classOpen:
		u.week.add(p.Time, 1)
	case classRefused:
		u.refusals.of(refusalOf(p, u.id)).add(p, u.id)
	}
}

// Report implements Builder.
func (u *userReport) Report() (*Report, error) {
	in := &u.in
	if u.all.records == 0 {
		inFacts := false
		if in.Facts != nil {
			_, inFacts = in.Facts.People[u.id]
		}
		if err := in.known("user", u.id, inFacts); err != nil {
			return nil, err
		}
	}
	return &Report{Title: in.text(userTexts, "report", in.person(u.id)), Limits: u.handles.limits(in),
		Sections: []Section{u.summary(), u.days.section(userTexts), u.hours(), u.matterSection(), u.documents(), u.programSection(), u.refused(), u.loginSection(), u.decreeSection()}}, nil
}

func (u *userReport) summary() Section {
	in, f, all := &u.in, u.Filter(), u.all
	s := in.section(userTexts, "summary", f)
	if in.Facts != nil {
		x := in.Facts.People[u.id]
		s.Intro = in.text(userTexts, "facts", x.Role, x.Status)
	}
	logins := in.figure(userTexts, "logins.n", u.other, u.loginFilter())
	logins.Alarm = u.other > 0
	s.Figures = append([]Figure{in.figure(userTexts, "matters.n", int64(len(all.matters)), ""), in.figure(userTexts, "docs.n", int64(len(all.docs)), "")},
		in.workFigures(all, f)...)
	s.Figures = append(s.Figures, in.figure(userTexts, "programs.n", int64(len(u.programs)), ""), logins)
	return s
}

func (u *userReport) hours() Section {
	s := u.in.section(userTexts, "hours", u.Filter()+" "+openFilter)
	s.Chart = u.week.chart(u.in.text(userTexts, "hours.title"))
	return s
}

func (u *userReport) matterSection() Section {
	s := u.in.section(userTexts, "bymatter", u.Filter())
	t := u.in.table(userTexts, "matter", "documents:number", "opens:number", "changes:number", "read:bytes", "written:bytes", "refused:number", "first:time", "last:time", "purpose")
	for _, id := range sorted(u.matters, byOpens, strings.Compare) {
		n := u.matters[id]
		t.add(u.in.matterCells(id), int64(len(n.docs)), n.opens, n.changes, n.read, n.written, n.attempts, u.in.at(n.first), u.in.at(n.last), listed(n.purpose))
	}
	s.Table = t
	return s
}

func (u *userReport) documents() Section {
	s := u.in.section(userTexts, "bydoc", u.Filter())
	t := u.in.table(userTexts, "matter", "path", "level", "opens:number", "changes:number", "read:bytes", "written:bytes", "first:time", "last:time")
	for _, doc := range sorted(u.docs, byOpens, strings.Compare) {
		n, x := u.docs[doc], u.names[doc]
		if x == nil || n.opens == 0 && n.changes == 0 {
			continue
		}
		t.add(u.in.matterCells(x.matter), x.path, x.level, n.opens, n.changes, n.read, n.written, u.in.at(n.first), u.in.at(n.last))
	}
	s.Table = t
	return s
}

func (u *userReport) programSection() Section {
	s := u.in.section(userTexts, "programs", u.Filter())
	t := u.in.table(userTexts, "exe", "opens:number", "changes:number", "refused:number", "records:number", "first:time", "last:time")
	for _, exe := range sorted(u.programs, byOpens, strings.Compare) {
		n := u.programs[exe]
		t.add(exe, n.opens, n.changes, n.attempts, int64(n.records), u.in.at(n.first), u.in.at(n.last))
	}
	s.Table = t
	return s
}

func (u *userReport) refused() Section {
	s := u.in.section(userTexts, "refusals", u.Filter()+" "+refuseFilter)
	s.Table = u.in.refusalTable(userTexts, u.refusals, true)
	return s
}

func (u *userReport) loginSection() Section {
	s := u.in.section(userTexts, "logins", u.loginFilter())
	s.Intro = u.in.text(userTexts, "intro.logins")
	t := u.in.table(userTexts, "auid", "login", "uid", "records:number", "opens:number", "first.seq:seq", "last.seq:seq", "first:time", "last:time")
	for _, k := range sorted(u.logins, bySeq, func(a, b loginPair) int { return cmp.Or(cmp.Compare(a.auid, b.auid), cmp.Compare(a.uid, b.uid)) }) {
		n := u.logins[k]
		t.add(strconv.FormatInt(k.auid, 10), u.in.loginOf(k.auid), strconv.FormatUint(uint64(k.uid), 10), int64(n.records), n.opens,
			n.firstSeq, n.lastSeq, u.in.at(n.first), u.in.at(n.last))
	}
	s.Table = t
	return s
}

// loginFilter finds the records with another login uid; a filter can do so where the person had one uid all the time.
func (u *userReport) loginFilter() string {
	uids := map[string]bool{}
	for k := range u.logins {
		uids[strconv.FormatUint(uint64(k.uid), 10)] = true
	}
	if len(uids) != 1 {
		return ""
	}
	return u.Filter() + ` uid!="" auid!="",` + listed(uids)
}

// loginOf is whose uid it is, as far as the facts know; empty: nobody's, or not known.
func (in *Input) loginOf(uid int64) string {
	if in.Facts == nil || uid < 0 || uid > 1<<32-1 {
		return ""
	}
	var names []string
	for login, p := range in.Facts.People {
		if slices.Contains(p.UIDs, uint32(uid)) {
			names = append(names, login)
		}
	}
	slices.Sort(names)
	return strings.Join(names, "; ")
}

func (u *userReport) decreeSection() Section {
	s := u.in.section(userTexts, "decrees", u.decreeFilter())
	s.Table = u.in.eventTable(userTexts, u.decrees)
	return s
}
