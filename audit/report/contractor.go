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

var contractorTexts = texts{
	"report":       {"Outside organisations", "外部机构"},
	"report.one":   {"Outside organisation %s", "外部机构:%s"},
	"people.of":    {"%s: people", "%s:人员"},
	"matters.of":   {"%s: matters", "%s:案件"},
	"outside.of":   {"%s: opened outside a right or the term", "%s:期限或权限之外的打开"},
	"orgs.n":       {"organisations", "机构数"},
	"people.n":     {"people", "人数"},
	"outside.n":    {"opens outside a right or the term", "期限或权限之外的打开次数"},
	"nonda.n":      {"people without a valid agreement", "无有效保密协议人数"},
	"soon.n":       {"people whose access ends within %d days", "%d 天内到期人数"},
	"note.outside": {"must be none: opens after the end of the term or of the agreement, or without a right that the facts know", "应为零:合作期或保密协议届满后,或无对应权限的打开"},
	"term":         {"end of term", "合作截止"},
	"nda":          {"agreement", "保密协议"},
	"ndauntil":     {"agreement until", "协议截止"},
	"outside":      {"outside", "逾期或越权"},
	"soon":         {"ends", "到期"},
	"why":          {"why", "原因"},
	"over":         {"over", "已届满"},
	"days":         {"in %d days", "%d 天后"},
	"why.term":     {"after the term", "合作期届满后"},
	"why.nda":      {"after the agreement", "协议届满后"},
	"why.right":    {"without a known right", "无对应权限"},
	"sign.org":     {"For the organisation", "机构代表"}, "sign.firm": {"For the firm", "本所"},
	"help.org": {"only this organisation", "仅该机构"}, "help.soon": {"days ahead to warn of", "到期提示天数"},
}.merge(rightsTexts)

func contractorSpec() Spec {
	return Spec{Name: "contractor", NeedsFacts: true,
		Short: [2]string{"outside organisations: their people, agreements, matters and accesses", "外部机构:人员、保密协议、案件与访问情况"},
		Params: []ParamSpec{{Key: "org", Help: contractorTexts["help.org"]},
			{Key: "soon", Default: "30", Help: contractorTexts["help.soon"]}},
		New: newContractor}
}

// contractor is the report of outside organisations (R16). Their people are those whom the facts give an organisation.
//
//	opens      records of open and create that were allowed; bytes as close records state them
//	refused    refusals under their login names, with repeats
//	outside    an open without a right of that person in that place at that time (held): rights end with the term and with the
//	           agreement, as the policy of that time had them; there must be none. Why is told by the newest policy.
//	ends       the earliest end of term, agreement or last right, when it lies within `soon` days of the facts, or is over
type contractor struct {
	in      Input
	h       *held
	soon    int
	people  map[string][]string // login names by organisation
	orgOf   map[string]string
	did     groups[string]
	handles *handles
	outside groups[outsideKey]
}

// outsideKey is a person, a matter and what was wrong with an access.
type outsideKey struct{ user, matter, why string }

func newContractor(in Input) (Builder, error) {
	c := &contractor{in: in, people: map[string][]string{}, orgOf: map[string]string{}, did: groups[string]{}, handles: newHandles(), outside: groups[outsideKey]{}}
	want := in.Params["org"]
	for _, name := range slices.Sorted(maps.Keys(in.Facts.People)) {
		if org := in.Facts.People[name].Org; org != "" && (want == "" || org == want) {
			c.people[org] = append(c.people[org], name)
			c.orgOf[name] = org
		}
	}
	if len(c.people) == 0 && want != "" {
		return nil, &AbsentError{Key: "org", Value: want, Like: audit.Nearest(want, orgs(in.Facts))}
	}
	n, err := strconv.Atoi(in.Params["soon"])
	if err != nil || n < 0 || n > 3660 {
		return nil, &ParamError{Report: "contractor", Key: "soon", What: "must be a number of days from 0 to 3660"}
	}
	c.soon = n
	c.h = newHeld(&c.in)
	return c, in.covers("contractor", in.From)
}

func orgs(f *Facts) (list []string) {
	for _, one := range f.People {
		list = append(list, one.Org)
	}
	return list
}

// Filter implements Builder. Without anybody it finds nothing: no record has the number 0.
func (c *contractor) Filter() string {
	if len(c.orgOf) == 0 {
		return "seq=0"
	}
	return "user=" + filterValues(slices.Sorted(maps.Keys(c.orgOf)))
}

// Add implements Builder.
func (c *contractor) Add(_ []byte, p *audit.Parsed) error {
	who, _ := c.handles.take(p, c.in.who(p))
	c.did.of(who).add(p, who)
	if classOf(p) != classOpen {
		return nil
	}
	known := c.h.take(p, who)
	if why := c.wrong(who, p.Time, known); why != "" {
		c.outside.of(outsideKey{who, p.Matter, why}).add(p, who)
	}
	return nil
}

// wrong says why an access that no right allows was not, as far as the newest policy tells; empty: a right did.
func (c *contractor) wrong(who string, at time.Time, known bool) string {
	one := c.in.Facts.People[who]
	switch {
	case known:
		return ""
	case !one.Until.IsZero() && !at.Before(one.Until):
		return "why.term"
	case !one.NDAUntil.IsZero() && !at.Before(one.NDAUntil):
		return "why.nda"
	}
	return "why.right"
}

// Report implements Builder.
func (c *contractor) Report() (*Report, error) {
	in := &c.in
	rep := &Report{Title: in.text(contractorTexts, "report"), Limits: append(in.rightsLimits(), in.text(nameTexts, "limit.bytes"))}
	if org := in.Params["org"]; org != "" {
		rep.Title = in.text(contractorTexts, "report.one", org)
	}
	rep.Sections = []Section{c.summary()}
	for _, org := range slices.Sorted(maps.Keys(c.people)) {
		rep.Sections = append(rep.Sections, c.peopleOf(org), c.mattersOf(org))
		if s := c.outsideOf(org); len(s.Table.Rows) > 0 {
			rep.Sections = append(rep.Sections, s)
		}
	}
	return rep, nil
}

func (c *contractor) summary() Section {
	in := &c.in
	var opens, outside, without, soon int64
	for name := range c.orgOf {
		one := in.Facts.People[name]
		if c.valid(&one) && one.NDA == "" || !one.NDAUntil.IsZero() && !in.Facts.Made.Before(one.NDAUntil) {
			without++
		}
		if end := c.ends(name); !end.IsZero() && end.After(in.Facts.Made) && !end.After(c.horizon()) {
			soon++
		}
		opens += c.did.of(name).opens
	}
	for _, n := range c.outside {
		outside += n.opens
	}
	s := in.section(contractorTexts, "summary", c.Filter())
	bad := in.figure(contractorTexts, "outside.n", outside, "")
	bad.Alarm, bad.Note = outside > 0, in.text(contractorTexts, "note.outside")
	nda := in.figure(contractorTexts, "nonda.n", without, "")
	nda.Alarm = without > 0
	ending := in.figure(contractorTexts, "soon.n", soon, "")
	ending.Label = in.text(contractorTexts, "soon.n", c.soon)
	s.Figures = []Figure{in.figure(contractorTexts, "orgs.n", int64(len(c.people)), ""), in.figure(contractorTexts, "people.n", int64(len(c.orgOf)), ""),
		in.figure(contractorTexts, "opens", opens, c.Filter()+" "+openFilter), bad, nda, ending}
	return s
}

// valid tells whether somebody is still in.
func (c *contractor) valid(one *Person) bool { return one.Status == "active" }

func (c *contractor) horizon() time.Time { return c.in.Facts.Made.AddDate(0, 0, c.soon) }

// ends is when somebody's access ends: the earliest end of term and agreement, or the last of their rights when it is earlier; zero:
// nobody knows.
func (c *contractor) ends(name string) time.Time {
	one := c.in.Facts.People[name]
	var last time.Time
	for _, i := range c.h.ofUser(name) {
		r := c.h.right(i)
		if r.To.IsZero() {
			last = time.Time{}
			break
		}
		if r.To.After(last) {
			last = r.To
		}
	}
	var end time.Time
	for _, at := range []time.Time{one.Until, one.NDAUntil, last} {
		if !at.IsZero() && (end.IsZero() || at.Before(end)) {
			end = at
		}
	}
	return end
}

// ending is that end in words where it is near or over.
func (c *contractor) ending(name string) string {
	end := c.ends(name)
	switch {
	case end.IsZero() || end.After(c.horizon()):
		return ""
	case !end.After(c.in.Facts.Made):
		return c.in.text(contractorTexts, "over")
	}
	return c.in.text(contractorTexts, "days", int(end.Sub(c.in.Facts.Made).Hours()/24))
}

func (c *contractor) peopleOf(org string) Section {
	in := &c.in
	s := Section{ID: "people-" + org, Title: in.text(contractorTexts, "people.of", org), Filter: "user=" + filterValues(c.people[org]),
		Sign: []string{in.text(contractorTexts, "sign.org"), in.text(contractorTexts, "sign.firm")}}
	s.Table = in.table(contractorTexts, "user", "role", "status", "term:time", "nda", "ndauntil:time", "soon", "opens:number", "documents:number", "read:bytes",
		"written:bytes", "refused:number", "outside:number", "last:time")
	for _, name := range c.people[org] {
		one, n := in.Facts.People[name], c.did.of(name)
		outside := int64(0)
		for k, t := range c.outside {
			if k.user == name {
				outside += t.opens
			}
		}
		s.Table.add(in.userCells(name), one.Role, in.personStatus(&one), in.at(one.Until), one.NDA, in.at(one.NDAUntil), c.ending(name), n.opens,
			int64(len(n.docs)), n.read, n.written, n.attempts, outside, in.at(n.last))
	}
	return s
}

// mattersOf lists the rights of an organisation's people.
func (c *contractor) mattersOf(org string) Section {
	in := &c.in
	s := Section{ID: "matters-" + org, Title: in.text(contractorTexts, "matters.of", org)}
	s.Table = in.table(contractorTexts, "user", "matter", "folder", "rights", "rule:hash", "since:time", "until:time", "opens:number", "documents:number", "last:time")
	for _, name := range c.people[org] {
		for _, i := range c.h.ofUser(name) {
			r, n := c.h.right(i), c.h.used(i)
			if r.touches(in.From, in.Until) {
				s.Table.add(in.userCells(name), in.matterCells(r.Matter), r.Path, strings.Join(r.Rights, " "), r.Rule, in.at(r.From), in.at(r.To),
					n.opens, int64(len(n.docs)), in.at(n.last))
			}
		}
	}
	return s
}

func (c *contractor) outsideOf(org string) Section {
	in := &c.in
	s := Section{ID: "outside-" + org, Title: in.text(contractorTexts, "outside.of", org), Intro: in.text(contractorTexts, "note.outside")}
	s.Table = in.table(contractorTexts, "user", "matter", "why", "opens:number", "first:time", "last:time")
	for _, k := range sorted(c.outside, byOpens, compareOutside) {
		if n := c.outside[k]; c.orgOf[k.user] == org {
			s.Table.add(in.userCells(k.user), in.matterCells(k.matter), in.text(contractorTexts, k.why), n.opens, in.at(n.first), in.at(n.last))
		}
	}
	return s
}

func compareOutside(a, b outsideKey) int {
	return cmp.Or(strings.Compare(a.user, b.user), strings.Compare(a.matter, b.matter), strings.Compare(a.why, b.why))
}
