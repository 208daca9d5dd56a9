package report

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"matterfs/audit"
)

var accessAtTexts = texts{
	"report":     {"Access on %s", "%s 的访问权限"},
	"policies":   {"Policies in force", "生效策略"},
	"could":      {"Who could", "有权人员"},
	"did":        {"Who did", "实际访问"},
	"could.n":    {"people who could", "有权人数"},
	"did.n":      {"people who did", "实际访问人数"},
	"strays":     {"opens without a known right", "无对应权限的打开次数"},
	"lost":       {"policies whose files are lost", "文件缺失的策略数"},
	"intro":      {"Rights in force at some moment from %s to %s.", "%s 至 %s 之间任一时刻有效的权限。"},
	"intro.at":   {"Rights in force at %s.", "%s 有效的权限。"},
	"right?":     {"by a known right", "有对应权限"},
	"from":       {"in force from", "生效自"},
	"to":         {"to", "至"},
	"limit.did":  {"A moment is asked about: what was done is that of its whole day.", "所问为某一时刻:实际访问按当日全天统计。"},
	"limit.lost": {"For part of that time the policy is lost: what it allowed is not here.", "其间部分策略文件缺失,相应权限未列入。"},
	"help.date":  {"day, or moment (RFC 3339)", "日期或时刻(RFC 3339)"},
	"help.path":  {"document or folder in the matter", "案件内的文件或文件夹"},
}.merge(rightsTexts)

func accessAtSpec() Spec {
	return Spec{Name: "access-at", NeedsFacts: true,
		Short: [2]string{"who could open a matter, or what a person could open, on a day; and who did", "某日谁可访问某案件,或某人可访问哪些案件;以及谁实际访问"},
		Params: []ParamSpec{{Key: "date", Required: true, Help: accessAtTexts["help.date"]}, {Key: "matter", Help: nameTexts["matter"]},
			{Key: "path", Help: accessAtTexts["help.path"]}, {Key: "user", Help: nameTexts["user"]}},
		Period: func(in *Input) error {
			day, _, err := dateParam(in.Params["date"], in.Zone)
			in.From, in.Until = day, day.AddDate(0, 0, 1)
			return err
		},
		New: newAccessAt}
}

// dateParam reads a day, or a moment in one. at is zero for a day.
func dateParam(text string, zone *time.Location) (day, at time.Time, err error) {
	if day, err = time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return day, at, nil
	}
	if at, err = time.Parse(time.RFC3339, text); err != nil {
		return day, at, &ParamError{Report: "access-at", Key: "date", What: "must be a day like 2026-09-30 or a moment like 2026-09-30T12:00:00+08:00"}
	}
	local := at.In(zone)
	return time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone), at, nil
}

// accessAt answers who could open something on a day, or what somebody could, and who did.
//
//	could    rights of the facts in force at some moment of the day, or at the moment asked about; of a path those of the deepest
//	         folder above it that has rights of its own; each with the policy in force at its beginning that day
//	did      records of open and create that were allowed that day, of the path and what lies below it
//	stray    such a record without a right of that person, in that place, at that time (held)
type accessAt struct {
	in                 Input
	h                  *held
	matter, path, user string
	at                 time.Time // zero: the whole day
	did                groups[rightKey]
	all                *tally
}

func newAccessAt(in Input) (Builder, error) {
	a := &accessAt{in: in, matter: in.Params["matter"], path: strings.Trim(in.Params["path"], "/"), user: in.Params["user"], did: groups[rightKey]{}, all: newTally()}
	_, a.at, _ = dateParam(in.Params["date"], in.Zone) // Period has read it
	switch {
	case a.matter == "" && a.user == "":
		return nil, &ParamError{Report: "access-at", Key: "matter", What: "or user must be given"}
	case a.path != "" && a.matter == "":
		return nil, &ParamError{Report: "access-at", Key: "path", What: "needs the matter"}
	case !in.From.Before(in.Facts.Made), a.at.After(in.Facts.Made):
		return nil, &ParamError{Report: "access-at", Key: "date", What: "is later than the facts: policy who answers for what is to come"}
	}
	if err := in.covers("access-at", in.From); err != nil {
		return nil, err
	}
	a.h = newHeld(&a.in)
	return a, errors.Join(inFacts("matter", a.matter, in.Facts.Matters), inFacts("user", a.user, in.Facts.People))
}

// Filter implements Builder.
func (a *accessAt) Filter() string {
	f := openFilter
	if a.matter != "" {
		f += " matter=" + audit.FilterValue(a.matter)
	}
	if a.user != "" {
		f += " user=" + audit.FilterValue(a.user)
	}
	return f
}

// Add implements Builder.
func (a *accessAt) Add(_ []byte, p *audit.Parsed) error {
	if a.path != "" && p.Path != a.path && !strings.HasPrefix(p.Path, a.path+"/") {
		return nil
	}
	who := a.in.who(p)
	a.all.add(p, who)
	a.did.of(rightKey{who, p.Matter, a.h.place(p.Matter, p.Path)}).add(p, who)
	a.h.take(p, who)
	return nil
}

// Report implements Builder.
func (a *accessAt) Report() (*Report, error) {
	in := &a.in
	could, people := a.could()
	policies, lost := a.policies()
	rep := &Report{Title: in.text(accessAtTexts, "report", in.Params["date"]), Limits: in.rightsLimits()}
	if !a.at.IsZero() {
		rep.Limits = append(rep.Limits, in.text(accessAtTexts, "limit.did"))
	}
	if lost > 0 {
		rep.Limits = append(rep.Limits, in.text(accessAtTexts, "limit.lost"))
	}
	strays := int64(0)
	for _, n := range a.h.strays {
		strays += n.opens
	}
	s := in.section(accessAtTexts, "summary", "")
	alarm := in.figure(accessAtTexts, "strays", strays, "")
	alarm.Alarm = strays > 0
	gap := in.figure(accessAtTexts, "lost", int64(lost), "")
	gap.Alarm = lost > 0
	s.Figures = []Figure{in.figure(accessAtTexts, "could.n", int64(len(people)), ""), in.figure(accessAtTexts, "did.n", int64(len(a.all.people)), ""),
		in.figure(accessAtTexts, "opens", a.all.opens, a.opensFilter()), alarm, gap}
	rep.Sections = []Section{s, could, a.doing(), policies}
	return rep, nil
}

// opensFilter finds as many records as were counted; of a path it cannot say so.
func (a *accessAt) opensFilter() string {
	if a.path != "" {
		return ""
	}
	return a.Filter()
}

// could lists the rights.
func (a *accessAt) could() (Section, map[string]bool) {
	in, people := &a.in, map[string]bool{}
	s := in.section(accessAtTexts, "could", "")
	from, until := a.span()
	if s.Intro = in.text(accessAtTexts, "intro", from.In(in.Zone).Format(time.DateTime), until.In(in.Zone).Format(time.DateTime)); !a.at.IsZero() {
		s.Intro = in.text(accessAtTexts, "intro.at", from.In(in.Zone).Format(time.DateTime))
	}
	s.Table = in.table(accessAtTexts, "user", "role", "matter", "folder", "rights", "rule:hash", "since:time", "until:time", "policy:hash")
	list := a.h.byMatter[a.matter]
	if a.matter == "" {
		list = a.h.ofUser(a.user)
	}
	place := a.h.place(a.matter, a.path)
	for _, i := range list {
		r := a.h.right(i)
		if !r.touches(from, until) || a.user != "" && r.User != a.user || a.path != "" && r.Path != place {
			continue
		}
		people[r.User] = true
		s.Table.add(in.userCells(r.User), in.Facts.People[r.User].Role, in.matterCells(r.Matter), r.Path, strings.Join(r.Rights, " "), r.Rule,
			in.at(r.From), in.at(r.To), a.inForce(r, from))
	}
	return s, people
}

// span is the time that rights are asked for; of a day that is not over, as far as the facts go.
func (a *accessAt) span() (from, until time.Time) {
	if !a.at.IsZero() {
		return a.at, a.at.Add(time.Nanosecond)
	}
	if made := a.in.Facts.Made; made.Before(a.in.Until) {
		return a.in.From, made
	}
	return a.in.From, a.in.Until
}

// inForce is the policy under which a right stood when it first did in the time asked about.
func (a *accessAt) inForce(r *Right, from time.Time) string {
	if r.From.After(from) {
		from = r.From
	}
	for _, s := range a.in.Facts.Policies {
		if !from.Before(s.From) && (s.To.IsZero() || from.Before(s.To)) {
			return s.Hash
		}
	}
	return ""
}

// doing lists who opened documents that day.
func (a *accessAt) doing() Section {
	in := &a.in
	s := in.section(accessAtTexts, "did", a.opensFilter())
	s.Table = in.table(accessAtTexts, "user", "matter", "folder", "opens:number", "documents:number", "first:time", "last:time", "right?:check")
	for _, k := range sorted(a.did, byOpens, compareRights) {
		n := a.did[k]
		s.Table.add(in.userCells(k.user), in.matterCells(k.matter), k.path, n.opens, int64(len(n.docs)), in.at(n.first), in.at(n.last), a.h.strays[k] == nil)
	}
	return s
}

// policies lists which were in force, and how many of them are lost.
func (a *accessAt) policies() (s Section, lost int) {
	in := &a.in
	s = in.section(accessAtTexts, "policies", "")
	s.Table = in.table(accessAtTexts, "policy:hash", "from:time", "to:time", "kept:check")
	from, until := a.span()
	for _, p := range in.Facts.Policies {
		if !p.From.Before(until) || !p.To.IsZero() && !p.To.After(from) {
			continue
		}
		if !p.Kept {
			lost++
		}
		s.Table.add(p.Hash, in.at(p.From), in.at(p.To), p.Kept)
	}
	return s, lost
}

// ofUser are the rights of a person, in the order of matters.
func (h *held) ofUser(user string) (list []int) {
	for k, of := range h.byKey {
		if k.user == user {
			list = append(list, of...)
		}
	}
	slices.SortFunc(list, func(a, b int) int {
		x, y := h.right(a), h.right(b)
		return cmp.Or(strings.Compare(x.Matter, y.Matter), strings.Compare(x.Path, y.Path), x.From.Compare(y.From))
	})
	return list
}
