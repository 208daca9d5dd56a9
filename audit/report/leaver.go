package report

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"matterfs/audit"
)

var leaverTexts = texts{
	"report":    {"Leaver: %s", "离职人员:%s"},
	"intro":     {"Role %s, %s. Access ended %s.", "角色 %s,%s。访问终止于 %s。"},
	"intro.not": {"Role %s, %s. Access has not ended.", "角色 %s,%s。访问尚未终止。"},
	"matters":   {"Matters held", "曾有权的案件"},
	"last.docs": {"Documents opened last", "最近打开的文件"},
	"bulk":      {"The last %d days against the time before", "最近 %d 天与此前对比"},
	"intro.bulk": {"The time before: the days with at least one document opened, %d of them; in the middle %s documents and %s bytes a day (median). A day is marked with at least %d documents, or %d bytes, and more than %d times the median of the time before.",
		"此前:有文件被打开的日子共 %d 天,每日文件数中位数 %s,读取字节数中位数 %s。标记规则:当日文件数不少于 %d,或读取不少于 %d 字节,且超过此前中位数的 %d 倍。"},
	"after":        {"Refused after access ended", "访问终止后的被拒访问"},
	"intro.after":  {"Refusals of records under this login name from then on.", "自终止时起,该登录名下的被拒记录。"},
	"open":         {"Opened and not closed", "打开后未关闭"},
	"intro.open":   {"Handles for which no close record follows: still open when access ended, or closed by a crash.", "其后无关闭记录的文件句柄:终止时仍开着,或因崩溃而关闭。"},
	"stops":        {"Stopped and let in again", "停用与恢复"},
	"left":         {"What still names this person", "仍提及此人之处"},
	"intro.left":   {"As the newest policy has it. Walls are left out: they outlive who they keep out.", "以最新策略为准;隔离墙不列,其应继续有效。"},
	"check":        {"To be done", "待办事项"},
	"held.n":       {"matters held", "曾有权的案件数"},
	"still.n":      {"rights that still stand", "仍有效的权限数"},
	"marked.n":     {"days marked", "被标记天数"},
	"after.n":      {"refusals after the end, repeats counted", "终止后被拒次数(含重复)"},
	"accesses.n":   {"accesses after the end", "终止后的访问次数"},
	"open.n":       {"handles not closed", "未关闭的句柄数"},
	"left.n":       {"places that still name them", "仍提及之处"},
	"note.access":  {"records of open, create, read, fill and change that were allowed more than a minute after the end", "终止一分钟后仍被允许的打开、读取、改动记录"},
	"times":        {"times before", "为此前倍数"},
	"marked":       {"marked", "标记"},
	"what":         {"what", "类别"},
	"where":        {"where", "位置"},
	"item":         {"item", "事项"},
	"ended":        {"ended", "终止"},
	"chart":        {"Documents opened a day", "每日打开文件数"},
	"what.lead":    {"lead of a matter", "案件负责人"},
	"what.member":  {"member of a matter", "案件成员"},
	"what.only":    {"named for a folder", "文件夹指定人员"},
	"what.group":   {"group", "组"},
	"what.duty":    {"duty", "职责"},
	"todo.disable": {"matterfs user disable %s, and status: departed in the policy", "执行 matterfs user disable %s,并在策略中标记 status: departed"},
	"todo.os":      {"the account of the operating system is closed, the person is out of its groups", "操作系统账户已停用,并已退出系统组"},
	"todo.lead":    {"a new lead for each matter that they lead: %d", "为其负责的案件另定负责人:%d 件"},
	"todo.left":    {"memberships, folders, groups and duties above removed: %d", "移除上列成员、文件夹、组和职责:%d 处"},
	"todo.open":    {"handles that were not closed looked into: %d", "核查未关闭的句柄:%d 个"},
	"todo.marked":  {"marked days talked over: %d", "核实被标记的日期:%d 天"},
	"todo.paper":   {"paper, devices and copies outside the drive returned", "纸质材料、设备及盘外副本已归还"},
	"sign.admin":   {"Administration", "行政"}, "sign.self": {"Leaver", "离职人员"}, "sign.sec": {"Security administrator", "安全管理员"},
	"limit.past": {"Bulk is judged by this person's own past in the period of the report, and says nothing of why.", "批量读取仅与本人在报告期内的以往相比,不说明原因。"},
	"help.days":  {"days before the end to look at", "终止前考察的天数"},
}.merge(rightsTexts)

func leaverSpec() Spec {
	return Spec{Name: "leaver", NeedsFacts: true,
		Short: [2]string{"one person who leaves: matters held, last opens, bulk reads, what is still left; a checklist to sign", "离职核查:曾有权的案件、最近打开、批量读取、遗留权限;附签字清单"},
		Params: []ParamSpec{{Key: "user", Required: true, Help: nameTexts["user"]},
			{Key: "days", Default: "30", Help: leaverTexts["help.days"]}},
		New: newLeaver}
}

// The rule for bulk reads: a day with at least so many documents, or bytes, and more than so many times the median day before.
const (
	bulkDocs  = 20
	bulkBytes = 100 << 20
	bulkTimes = 3
	// lastDocs is how many documents opened last are listed, maxDays of one person's past and maxRefused refusals.
	lastDocs = 20
	// graceAfter is how long a request may have been under way when access ended.
	graceAfter = time.Minute
)

// leaver is the report of one person's leaving (R20).
//
//	end       the earliest of: when the policy says that they left or named them no more; the last `user disable` that was not taken
//	          back; none of them: access has not ended, and the end of the period stands for it
//	held      matters with a right of the facts that touches the period: the first beginning, the last end
//	a day     documents: different documents opened or made, by object id; bytes: as close records of that day state them
//	before    days of the period with a document, older than `days` before the end; the middle one of them (the mean of two) is the median
//	marked    at least 20 documents or 100 MiB, and more than 3 times the median of the days before; without days before, only the first
//	after     refusals under the login name from the end on
//	open      opens without a close record of the same handle and document before the end of the period
//	left      where the newest policy names them (Facts)
type leaver struct {
	in       Input
	h        *held
	user     string
	person   Person
	days     int
	second   bool
	disabled time.Time // since when; zero: not
	stops    []*audit.Parsed
	end      time.Time
	ended    bool
	byDay    map[string]*tally
	names    docNames
	handles  *handles
	crashed  []*audit.Parsed          // opens whose close a crash took
	last     map[string]*audit.Parsed // the last open of a document
	refused  groups[refusalKey]
	after    *tally
	accesses int64
}

func newLeaver(in Input) (Builder, error) {
	l := &leaver{in: in, user: in.Params["user"], byDay: map[string]*tally{}, names: docNames{}, handles: newHandles(),
		last: map[string]*audit.Parsed{}, refused: groups[refusalKey]{}, after: newTally()}
	if err := inFacts("user", l.user, in.Facts.People); err != nil {
		return nil, err
	}
	l.person = in.Facts.People[l.user]
	n, err := strconv.Atoi(in.Params["days"])
	if err != nil || n < 1 || n > 366 {
		return nil, &ParamError{Report: "leaver", Key: "days", What: "must be a number from 1 to 366"}
	}
	l.days = n
	l.h = newHeld(&l.in)
	return l, in.covers("leaver", in.From)
}

// Filter implements Builder: first it must be known when access ended.
func (l *leaver) Filter() string {
	return "ok ev=user.disable,user.enable to=" + audit.FilterValue(l.user)
}

func (l *leaver) mainFilter() string { return "user=" + audit.FilterValue(l.user) }

// Next implements Staged.
func (l *leaver) Next() (Stage, bool) {
	if l.second {
		return Stage{}, false
	}
	l.second = true
	l.settle()
	return Stage{l.mainFilter(), l.in.From, l.in.Until}, true
}

// settle finds the end.
func (l *leaver) settle() {
	l.end, l.ended = l.in.Until, false
	left := time.Time{}
	if l.person.Status == "departed" || l.person.Status == "gone" {
		left = l.person.Since
	}
	for _, at := range []time.Time{left, l.disabled} {
		if !at.IsZero() && at.Before(l.end) {
			l.end, l.ended = at, true
		}
	}
}

// Add implements Builder.
func (l *leaver) Add(_ []byte, p *audit.Parsed) error {
	if !l.second {
		l.stop(p)
		return nil
	}
	if old := l.handles.open[p.H]; old != nil && classOf(p) == classOpen {
		l.crashed = append(l.crashed, old.open) // its number is given anew
	}
	who, _ := l.handles.take(p, l.user)
	l.names.take(p)
	day := l.in.day(p.Time)
	if l.byDay[day] == nil {
		l.byDay[day] = newTally()
	}
	l.byDay[day].add(p, who)
	c := classOf(p)
	if c == classOpen {
		l.h.take(p, l.user)
		l.last[document(p)] = p
	}
	if !l.ended || p.Time.Before(l.end) {
		return nil
	}
	switch {
	case c == classRefused:
		l.after.add(p, l.user)
		l.refused.of(refusalOf(p, l.user)).add(p, l.user)
	case (c == classOpen || c == classRead || c == classChange) && p.Time.After(l.end.Add(graceAfter)):
		l.accesses++
	}
	return nil
}

func (l *leaver) stop(p *audit.Parsed) {
	l.stops = append(l.stops, p)
	switch {
	case p.Ev == "user.enable":
		l.disabled = time.Time{}
	case l.disabled.IsZero():
		l.disabled = p.Time
	}
}

// Report implements Builder.
func (l *leaver) Report() (*Report, error) {
	in := &l.in
	rep := &Report{Title: in.text(leaverTexts, "report", in.person(l.user))}
	rep.Limits = append(in.rightsLimits(), in.text(leaverTexts, "limit.past"), in.text(nameTexts, "limit.bytes"))
	matters, held, still := l.matters()
	bulk, marked := l.bulk()
	left, leads := l.left()
	open := l.open()
	s := in.section(leaverTexts, "summary", "")
	status := in.personStatus(&l.person)
	if s.Intro = in.text(leaverTexts, "intro.not", l.person.Role, status); l.ended {
		s.Intro = in.text(leaverTexts, "intro", l.person.Role, status, l.end.In(in.Zone).Format(time.DateTime))
	}
	accesses := in.figure(leaverTexts, "accesses.n", l.accesses, "")
	accesses.Alarm, accesses.Note = l.accesses > 0, in.text(leaverTexts, "note.access")
	days := in.figure(leaverTexts, "marked.n", marked, "")
	days.Alarm = marked > 0
	rights := in.figure(leaverTexts, "still.n", still, "")
	rights.Alarm = l.ended && still > 0
	named := int64(len(l.person.Named))
	s.Figures = []Figure{in.figure(leaverTexts, "held.n", held, ""), rights, days, in.figure(leaverTexts, "after.n", l.after.attempts, ""), accesses,
		in.figure(leaverTexts, "open.n", int64(len(open.Table.Rows)), ""), in.figure(leaverTexts, "left.n", named, "")}
	rep.Sections = []Section{s, matters, l.lastOpened(), bulk, l.refusals(), open, l.stopSection(), left,
		l.checklist(leads, named, int64(len(open.Table.Rows)), marked)}
	return rep, nil
}

// matters lists what the person held.
func (l *leaver) matters() (s Section, held, still int64) {
	in := &l.in
	s = in.section(leaverTexts, "matters", openFilter+" "+l.mainFilter())
	s.Table = in.table(leaverTexts, "matter", "folder", "rights", "rule:hash", "since:time", "ended:time", "opens:number", "documents:number", "last:time")
	seen := map[string]bool{}
	for _, i := range l.h.ofUser(l.user) {
		r, did := l.h.right(i), l.h.used(i)
		if !r.touches(in.From, in.Until) {
			continue
		}
		seen[r.Matter] = true
		if r.stood(in.Facts.Made) {
			still++
		}
		s.Table.add(in.matterCells(r.Matter), r.Path, strings.Join(r.Rights, " "), r.Rule, in.at(r.From), in.at(r.To), did.opens, int64(len(did.docs)), in.at(did.last))
	}
	return s, int64(len(seen)), still
}

// path is what the document of a record was called last.
func (l *leaver) path(p *audit.Parsed) string {
	if x := l.names[document(p)]; x != nil {
		return x.path
	}
	return p.Path
}

func (l *leaver) lastOpened() Section {
	in := &l.in
	s := in.section(leaverTexts, "last.docs", openFilter+" "+l.mainFilter())
	s.Table = in.table(leaverTexts, "time:time", "matter", "path", "level", "program", "seq:seq")
	list := slices.SortedFunc(maps.Values(l.last), func(a, b *audit.Parsed) int { return cmp.Compare(b.Seq, a.Seq) })
	for i, p := range list {
		if i == lastDocs {
			s.Table.Left = len(list) - i
			break
		}
		s.Table.add(in.at(p.Time), in.matterCells(p.Matter), l.path(p), p.Level, program(p), p.Seq)
	}
	return s
}
