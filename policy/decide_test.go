package policy

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// ask is one question to the example firm and the answer it must get.
type ask struct {
	gate   int
	rule   string
	shown  Shown
	uid    uint32
	op     Op
	path   string // MATTER/PATH
	change func(*Request)
}

var litTeam = asking(func(g, user string) bool { return g == "lit-team" && (user == "qian.li" || user == "chen.it") })

func day(y, m, d int) func(*Request) {
	return func(r *Request) { r.At = time.Date(y, time.Month(m), d, 4, 0, 0, 0, time.UTC) }
}

func env(e *Env) func(*Request) { return func(r *Request) { r.Env = e } }

func fault(code string) func(*Request) {
	return env(&Env{Fault: func() string { return code }})
}

var frozen = &Env{Frozen: func(m string) bool { return m != "2026-0177" }}

func under(levels ...string) func(*Request) { return func(r *Request) { r.Sealed = levels } }

// table holds every rule code at least once; TestEveryRuleIsAsked checks it.
var table = map[string]ask{
	"fault of the log":             {0, "sys.log", Unavailable, 10021, OpRead, "2026-0142/a", fault("sys.log")},
	"fault of the keys":            {0, "sys.keys", Unavailable, 10021, OpRead, "2026-0142/a", fault("sys.keys")},
	"stale":                        {0, "sys.stale", Unavailable, 10021, OpRead, "2026-0142/a", fault("sys.stale")},
	"no clock":                     {0, "sys.clock", Unavailable, 10021, OpRead, "2026-0142/a", func(r *Request) { r.At = time.Time{} }},
	"root":                         {1, "user.unknown", Refused, 0, OpRead, "2026-0142/a", nil},
	"nobody's uid, no matter":      {1, "user.unknown", Refused, 4711, OpLookup, "no-such", nil},
	"emergency list":               {1, "user.disabled", Refused, 10021, OpRead, "2026-0142/a", env(&Env{Disabled: func(u string) bool { return u == "zhang.wei" }})},
	"term over":                    {1, "user.expired", Refused, 10023, OpRead, "2026-0142/a", day(2027, 7, 1)},
	"last day of the term":         {4, "member.ack", Refused, 10023, OpRead, "2026-0142/a", day(2027, 6, 30)},
	"no agreement":                 {1, "user.nda", Refused, 10032, OpRead, "2026-0177/a", nil},
	"agreement not yet":            {1, "user.nda", Refused, 10031, OpRead, "2026-0177/a", day(2026, 6, 30)},
	"blocked organisation":         {1, "user.blocked", Refused, 10033, OpRead, "2026-0177/a", nil},
	"no matter":                    {2, "matter.unknown", Hidden, 10021, OpLookup, "no-such", nil},
	"closed, write":                {2, "matter.closed", ReadOnly, 10022, OpWrite, "2025-0031/a", nil},
	"closed, read":                 {7, "member.lead", Refused, 10022, OpRead, "2025-0031/a", nil},
	"closed, write by a stranger":  {2, "matter.closed", Hidden, 10024, OpWrite, "2025-0031/a", nil},
	"frozen":                       {2, "matter.frozen", Refused, 10021, OpRead, "2026-0142/a", env(frozen)},
	"sealed":                       {2, "matter.sealed", Hidden, 10021, OpRead, "2024-0009/a", nil},
	"behind a wall":                {3, "wall.W-07", Hidden, 10024, OpRead, "2026-0142/a", nil},
	"wall over":                    {4, "member.none", Hidden, 10024, OpRead, "2026-0142/a", day(2027, 11, 1)},
	"outside an only":              {3, "wall.W-09", Hidden, 10022, OpRead, "2026-0200/a", nil},
	"two sides":                    {3, "wall.W-08", Hidden, 10025, OpRead, "2026-0142/a", day(2026, 6, 30)},
	"two sides, lead":              {3, "wall.W-08", Hidden, 10022, OpRead, "2025-0031/a", day(2026, 6, 30)},
	"named to a side":              {3, "wall.W-08", Hidden, 10042, OpRead, "2026-0142/a", day(2026, 6, 30)},
	"stranger":                     {4, "member.none", Hidden, 10042, OpRead, "2026-0142/a", nil},
	"in no group of the system":    {4, "member.none", Hidden, 10042, OpRead, "2026-0142/a", env(&Env{})},
	"in the group":                 {7, "member.group:litigation", Refused, 10042, OpRead, "2026-0142/a", env(litTeam)},
	"group's grant over":           {4, "member.expired", Hidden, 10042, OpRead, "2026-0142/a", func(r *Request) { env(litTeam)(r); day(2027, 1, 1)(r) }},
	"grant over":                   {4, "member.expired", Hidden, 10022, OpRead, "2026-0142/a", day(2027, 4, 1)},
	"last day of the grant":        {7, "member.user", Refused, 10022, OpRead, "2026-0142/a", day(2027, 3, 31)},
	"not acknowledged":             {4, "member.ack", Refused, 10023, OpRead, "2026-0142/a", nil},
	"not approved":                 {4, "member.approval", Refused, 10026, OpRead, "2026-0142/a", nil},
	"folder for others":            {4, "member.folder", Hidden, 10025, OpRead, "2026-0142/证据/谈判/a", nil},
	"beside the folder for others": {7, "member.user", Refused, 10025, OpRead, "2026-0142/证据/谈判2/a", nil},
	"no such right":                {5, "member.right", Refused, 10022, OpUnlink, "2026-0142/a", nil},
	"own file":                     {7, "member.user", Refused, 10022, OpUnlink, "2026-0142/a", func(r *Request) { r.Own = true }},
	"role without the right":       {5, "role.right", Refused, 10041, OpWrite, "k/a", nil},
	"clearance under the matter":   {5, "level.clearance", Refused, 10041, OpRead, "2026-0142/a", env(litTeam)},
	"clearance under the folder":   {5, "level.clearance", Hidden, 10025, OpRead, "2026-0142/鉴定/a", nil},
	"clearance under the seal":     {5, "level.clearance", Hidden, 10025, OpRead, "2026-0142/b/a", under("绝密")},
	"seal of an unknown level":     {5, "level.clearance", Hidden, 10025, OpRead, "2026-0142/b/a", under("核心")},
	"seal below the matter":        {7, "member.user", Refused, 10025, OpRead, "2026-0142/b/a", under("秘密")},
	"role denied in the folder":    {5, "level.role", Hidden, 10050, OpRead, "k/top/a", nil},
	"group in a named folder":      {5, "level.named", Hidden, 10051, OpRead, "k/top/a", nil},
	"named folder, grant by name":  {7, "member.lead", Refused, 10052, OpRead, "k/top/a", nil},
	"more readers than the level":  {5, "level.full", Refused, 10052, OpRead, "k/b/a", under("few")},
	"mapping":                      {5, "level.mapping", Refused, 10052, OpFill, "k/top/a", nil},
	"folder of a rule":             {5, "level.pinned", Refused, 10021, OpRenameFrom, "2026-0142/证据", nil},
	"purpose for the session":      {6, "need.purpose", Refused, 10021, OpRead, "2026-0142/鉴定/a", nil},
	"no standing purpose":          {6, "need.purpose", Refused, 10051, OpRead, "p/a", nil},
	"standing purpose":             {7, "member.user", Refused, 10053, OpRead, "p/a", nil},
	"purpose of another grant":     {7, "member.group:g2", Refused, 10054, OpRead, "p/a", nil},
	"second person":                {6, "need.second", Refused, 10052, OpRead, "p/two/a", nil},
	"lead":                         {7, "member.lead", Refused, 10021, OpRenameFrom, "2026-0142/a", nil},
}

// small is a second firm for the rules that the example cannot show.
const small = `
levels:
  low: {}
  mid: { purpose: required }
  two: { two_person: { ttl: 1h } }
  few: { max_readers: 2 }
  top: { named_only: true, deny_roles: [intern], mapping: deny }
roles:
  lawyer: { clearance: top, rights: [read, write, create, delete, rename] }
  intern: { clearance: top, rights: [read, write] }
  reader: { clearance: low, rights: [read] }
users:
  reader: { uid: 10041, role: reader }
  intern: { uid: 10050, role: intern }
  grouped: { uid: 10051, role: lawyer }
  boss: { uid: 10052, role: lawyer }
  purposed: { uid: 10053, role: lawyer }
  twice: { uid: 10054, role: lawyer }
groups: { g: { members: [grouped] }, g2: { members: [twice] } }
matters:
  - matter: k
    client: c
    level: low
    lead: boss
    members:
      - { user: reader, rights: [read, write] }
      - { user: intern, rights: [read] }
      - { group: g, rights: [read] }
    folders: [ { path: top, level: top } ]
  - matter: p
    client: c
    level: mid
    lead: boss
    members:
      - { user: grouped, rights: [read] }
      - { user: purposed, rights: [read], purpose: why }
      - { user: twice, rights: [read] }
      - { group: g2, rights: [read], purpose: why }
    folders: [ { path: two, level: two } ]
`

func (a *ask) answer(law, other *Policy) Decision {
	matter, path, _ := strings.Cut(a.path, "/")
	r := Request{UID: a.uid, Matter: matter, Path: path, Op: a.op, At: at}
	if a.change != nil {
		a.change(&r)
	}
	if matter == "k" || matter == "p" {
		return other.Decide(r)
	}
	return law.Decide(r)
}

func TestDecide(t *testing.T) {
	law, other := lawfirm(t), mustParse(t, small)
	for name, a := range table {
		t.Run(name, func(t *testing.T) {
			d := a.answer(law, other)
			if d.Gate != a.gate || d.Rule != a.rule || d.Shown != a.shown || d.Allow != (a.gate == GateAllow) {
				t.Errorf("got gate %d %s %s allow=%v, want gate %d %s %s", d.Gate, d.Rule, d.Shown, d.Allow, a.gate, a.rule, a.shown)
			}
			if !d.Allow && d.Reason == "" {
				t.Error("a refusal without a reason")
			}
		})
	}
}

// TestEveryRuleIsAsked keeps the table complete: every rule code with a text
// is decided somewhere above, or named here with the test that decides it.
func TestEveryRuleIsAsked(t *testing.T) {
	asked := map[string]bool{
		"sys.nopolicy": true, "root": true, // TestNilPolicy, TestSeesRoot
		"user.departed": true, "matter.destroyed": true, // TestDeparted, TestDestroyed
		"member.group": true, "wall": true, "tag": true, // kinds, with a name after them
		"member.wide.department": true, "member.wide.firm": true, // TestWideReads
	}
	for _, a := range table {
		asked[a.rule] = true
	}
	for _, rule := range Rules() {
		if !asked[rule] {
			t.Errorf("no test decides %s", rule)
		}
		if RuleText(rule, "zh") == RuleText(rule, "en") || RuleText(rule, "zh") == "" {
			t.Errorf("%s has no Chinese text of its own", rule)
		}
	}
	if got := RuleText("wall.W-07", "zh"); got != reasons["wall"][1] {
		t.Errorf("wall.W-07 is %q", got)
	}
	if got := RuleText("member.group:g", "en"); got != reasons["member.group"][0] {
		t.Errorf("member.group:g is %q", got)
	}
	if got := RuleText("x.y", "en"); got != "x.y" {
		t.Errorf("an unknown code is %q", got)
	}
}

func TestZeroDecisionRefuses(t *testing.T) {
	var d Decision
	if d.Allow || d.Shown != Refused {
		t.Errorf("the zero decision is %+v", d)
	}
}

func TestNilPolicy(t *testing.T) {
	var p *Policy
	for _, d := range []Decision{p.Decide(Request{At: at}), p.DecideUser("zhang.wei", Request{At: at}), p.SeesRoot(10021, at, nil)} {
		if d.Allow || d.Rule != "sys.nopolicy" || d.Shown != Unavailable {
			t.Errorf("got %+v", d)
		}
	}
	if list := p.Explain(Request{At: at}); len(list) != 2 || list[0].Pass || list[1].Rule != "sys.nopolicy" {
		t.Errorf("explained as %+v", list)
	}
	if p.Hash() != "" {
		t.Error("a nil policy has a hash")
	}
}

func TestSeesRoot(t *testing.T) {
	p := lawfirm(t)
	for uid, want := range map[uint32]string{10021: "root", 10026: "root", 10032: "user.nda", 10033: "user.blocked", 0: "user.unknown"} {
		d := p.SeesRoot(uid, at, nil)
		if d.Rule != want || d.Allow != (want == "root") || d.Shown != Refused {
			t.Errorf("uid %d: %+v", uid, d)
		}
	}
	if d := p.SeesRoot(10031, at, nil); d.Expires.Format(time.DateTime) != "2027-02-01 00:00:00" {
		t.Errorf("the contractor sees the root until %v", d.Expires)
	}
}

func TestDeparted(t *testing.T) {
	p := lawfirm(t)
	d := p.DecideUser("wang.qiang", Request{Matter: "2026-0142", Op: OpRead, At: at})
	if d.Rule != "user.departed" || d.Shown != Refused {
		t.Errorf("by name: %+v", d)
	}
	if d := p.Decide(Request{UID: 10023, Matter: "2026-0142", Op: OpRead, At: at}); d.User != "zhao.min" {
		t.Errorf("the uid belongs to %q, not to the new hire", d.User)
	}
	alone := changed(t, "firm.yaml", "uid: 10023, role: intern", "uid: 10099, role: intern")
	if d := alone.Decide(Request{UID: 10023, Matter: "2026-0142", Op: OpRead, At: at}); d.Rule != "user.departed" || d.User != "wang.qiang" {
		t.Errorf("by the leaver's own uid: %+v", d)
	}
}

func TestDestroyed(t *testing.T) {
	p := changed(t, "matters/others.yaml", "status: sealed", "status: destroyed")
	d := p.Decide(Request{UID: 10021, Matter: "2024-0009", Op: OpLookup, At: at})
	if d.Rule != "matter.destroyed" || d.Shown != Hidden {
		t.Errorf("got %+v", d)
	}
}

func TestAllowCarriesContext(t *testing.T) {
	d := lawfirm(t).Decide(Request{UID: 10022, Matter: "2026-0142", Path: "a", Op: OpRead, At: at})
	want := Decision{Allow: true, Gate: 7, Rule: "member.user", User: "li.na", Client: "C0091", Level: "机密", Purpose: "证据整理", Expires: d.Expires}
	if d != want || d.Expires.Format(time.RFC3339) != "2027-04-01T00:00:00+08:00" {
		t.Errorf("got %+v", d)
	}
	lead := lawfirm(t).Decide(Request{UID: 10021, Matter: "2026-0142", Op: OpRead, At: at})
	if lead.Purpose != leadPurpose || !lead.Expires.IsZero() {
		t.Errorf("lead: %+v", lead)
	}
}

// TestExpiresIsTheEdge: an answer holds until just before Expires and another
// comes at Expires.
func TestExpiresIsTheEdge(t *testing.T) {
	law, other := lawfirm(t), mustParse(t, small)
	edges := 0
	for _, name := range slices.Sorted(maps.Keys(table)) {
		a := table[name]
		d := a.answer(law, other)
		if d.Expires.IsZero() {
			continue
		}
		edges++
		later := a
		move := func(by time.Duration) func(*Request) {
			return func(r *Request) {
				if a.change != nil {
					a.change(r)
				}
				r.At = d.Expires.Add(by)
			}
		}
		later.change = move(-time.Nanosecond)
		if before := later.answer(law, other); before.Rule != d.Rule || before.Allow != d.Allow {
			t.Errorf("%s: %s becomes %s before it expires", name, d.Rule, before.Rule)
		}
		later.change = move(0)
		if after := later.answer(law, other); after.Rule == d.Rule {
			t.Errorf("%s: %s still holds when it expires", name, d.Rule)
		}
	}
	if edges < 5 {
		t.Errorf("only %d answers expire", edges)
	}
}

func TestScreenedGroupWithoutSystem(t *testing.T) {
	p := mustParse(t, small, `walls: [ { id: W1, screen: [group: sys], from: [matter: k], reason: r } ]`, "groups: { sys: { unix: staff } }")
	r := Request{UID: 10052, Matter: "k", Op: OpRead, At: at}
	if d := p.Decide(r); d.Rule != "wall.W1" {
		t.Errorf("with nobody to ask the wall lets pass: %+v", d)
	}
	r.Env = asking(func(_, user string) bool { return user != "boss" })
	if d := p.Decide(r); !d.Allow {
		t.Errorf("boss is not in the group: %+v", d)
	}
	if w := p.Warnings(); len(w) != 3 || !strings.HasPrefix(w[0].Warning(), "a.yaml:1:16: warning: wall \"W1\" keeps out group") {
		t.Errorf("warnings: %v", w)
	}
}
