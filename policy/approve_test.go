package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// approveFirm has two security administrators, and a matter below the top level
// with a folder at it.
const approveFirm = `
levels: { low: {}, mid: {}, top: { deny_roles: [intern] } }
roles:
  lawyer: { clearance: top, rights: [read, write] }
  junior: { clearance: mid, rights: [read] }
  intern: { clearance: top, rights: [read] }
users:
  lead: { uid: 1, role: lawyer }
  li: { uid: 2, role: lawyer }
  chen: { uid: 3, role: intern }
  zhou: { uid: 4, role: junior }
  gone: { uid: 5, role: lawyer, status: departed }
  sun: { uid: 6, role: lawyer }
  late: { uid: 7, role: lawyer }
  qian: { uid: 8, role: junior }
  wu: { uid: 9, role: junior }
duties: { sysadmin: [zhou], secadmin: [qian, wu] }
groups: { lit: { unix: sys } }
blocked: [ { user: late, reason: r, until: 2026-12-01 } ]
tags: { state: { named_only: true, level: mid, log_reads: each }, minor: { deny_roles: [intern] }, named: { named_only: true }, kept: { log_sync: group } }
matters:
  - matter: m
    client: c
    level: low
    lead: lead
    members:
      - { user: li, rights: [read], until: 2027-01-31 }
      - { user: chen, rights: [read] }
      - { user: zhou, rights: [read] }
      - { user: gone, rights: [read] }
      - { user: sun, rights: [read], ack: required }
    folders:
      - { path: f, level: top, only: [user: lead, user: chen, user: gone, user: sun] }
      - { path: g, level: mid }
  - { matter: n, client: d, level: low, tags: [state], lead: lead, members: [ { user: zhou, rights: [read] } ] }
  - { matter: q, client: f, level: low, tags: [named], lead: lead }
  - { matter: o, client: e, level: top, tags: [minor], lead: lead, members: [ { user: li, rights: [read], until: 2027-01-31 } ] }
walls:
  - { id: W1, screen: [user: zhou, user: wu], from: [matter: o], until: 2027-06-30, reason: r }
  - { id: W2, only: [user: lead, user: zhou], to: [matter: n], reason: r }
`

func kinds(list []Reason) string {
	var words []string
	for _, r := range list {
		words = append(words, r.Kind)
	}
	slices.Sort(words)
	return strings.Join(slices.Compact(words), " ")
}

// TestNeedsSecond: what waits, and what does not. Each row is one edit; parts of
// an attack in two steps are marked.
func TestNeedsSecond(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		// Who approves.
		{"secadmin: [qian, wu]", "secadmin: [qian]", "duty"},
		{"secadmin: [qian, wu]", "secadmin: [qian, wu, li]", "duty"},
		{"secadmin: [qian, wu]", "secadmin: [qian, li]", "duty"},
		{"wu: { uid: 9,", "wu: { uid: 19,", "duty"}, // another person under the name
		{"wu: { uid: 9, role: junior }", "wu: { uid: 9, role: junior, status: departed }", "duty"},
		{"wu: { uid: 9, role: junior }", "wu: { uid: 9, role: junior, until: 2027-01-31 }", "duty"}, // alone from February on
		{"secadmin: [qian, wu] }", "secadmin: [qian, wu, late] }", "duty"},                          // a second word from tomorrow on
		{"sysadmin: [zhou]", "sysadmin: [zhou, li]", ""},

		// Levels.
		{"mid: {}, top: { deny_roles: [intern] } }", "top: { deny_roles: [intern] }, mid: {} }", "level"},
		{"mid: {}, top", "mid: {}, more: {}, top", "level"},
		{"deny_roles: [intern] } }", "deny_roles: [intern] }, above: {} }", "level"},
		{"level: low\n    lead", "level: mid\n    lead", ""},
		{"path: f, level: top", "path: f, level: mid", "level top"},
		{"      - { path: g, level: mid }\n", "", "level"},
		{"path: g, level: mid", "path: h, level: mid", "level"},
		{"level: top, tags", "level: mid, tags", "level"},
		{"top: { deny_roles: [intern] }", "top: {}", "top"},
		{"named_only: true, level: mid", "level: mid", "level"},
		{", log_reads: each", "", "level"},
		{"mid: {}, top", "mid: { log_reads: each }, top", ""},
		{"mid: {}, top", "mid: { log_reads: cover }, top", ""}, // like other rules of levels below the top
		{"top: { deny_roles: [intern] }", "top: { log_reads: cover, deny_roles: [intern] }", "top"},
		{"top: { deny_roles: [intern] }", "top: { log_reads: each, deny_roles: [intern] }", ""},
		{"named_only: true, level: mid", "named_only: true", "level"},
		{"kept: { log_sync: group }", "kept: { mapping: deny }", "level"},
		{"tags: [state], ", "", "level"},
		{"tags: [named], ", "", "level"}, // asks for no level
		{"minor: { deny_roles: [intern] }", "minor: { purpose: required }", "level"},
		{"tags: [minor], ", "", "top"},
		{"tags: [minor], ", "tags: [minor, state], ", ""},

		// Walls.
		{"  - { id: W1, screen: [user: zhou, user: wu], from: [matter: o], until: 2027-06-30, reason: r }\n", "", "wall"},
		{"until: 2027-06-30, reason", "until: 2027-05-30, reason", "wall"},
		{"until: 2027-06-30, reason", "reason", ""},
		{"screen: [user: zhou, user: wu]", "screen: [user: zhou]", "wall"}, // nobody gains: wu has no grant yet
		{"screen: [user: zhou, user: wu]", "screen: [user: zhou, user: wu, user: li]", ""},
		{"only: [user: lead, user: zhou]", "only: [user: lead, user: zhou, user: sun]", "wall"},
		{"only: [user: lead, user: zhou]", "only: [user: lead]", ""},
		{"from: [matter: o]", "from: [matter: m]", "wall"},
		{"  zhou: { uid: 4, role: junior }", "  zhou: { role: junior }\n  zhou2: { uid: 4, role: junior }", "wall"},

		// Access at the top level.
		{"- { user: chen, rights: [read] }", "- { user: chen, rights: [read] }\n      - { user: qian, rights: [read] }", ""}, // cannot reach it
		{"{ user: li, rights: [read], until: 2027-01-31 }\n", "{ user: li, rights: [read] }\n", "top"},
		{"li, rights: [read], until: 2027-01-31 } ]", "li, rights: [read] } ]", "top"},
		{"li, rights: [read], until: 2027-01-31 } ]", "li, rights: [read, write], until: 2027-01-31 } ]", "top"},
		{"li, rights: [read], until: 2027-01-31 } ]", "li, rights: [read], until: 2026-12-31 } ]", ""},
		{"li, rights: [read], until: 2027-01-31 } ]", "sun, rights: [read] } ]", "top"},
		{"li, rights: [read], until: 2027-01-31 } ]", "chen, rights: [read] } ]", ""}, // the level is denied to chen's role
		{"{ user: li, rights: [read], until: 2027-01-31 } ]", "{ group: lit, rights: [read] } ]", "top"},
		{"zhou: { uid: 4, role: junior }", "zhou: { uid: 4, role: lawyer }", "top"}, // behind W1, but not for ever
		{"chen: { uid: 3, role: intern }", "chen: { uid: 3, role: lawyer }", "top"},
		{", status: departed }", " }", "top"},
		{", ack: required", "", "top"},
		{"user: gone, user: sun]", "user: gone, user: sun, user: li]", "top"},
		{"lead: lead, members: [ { user: zhou", "lead: li, members: [ { user: zhou", ""},
		{"tags: [minor], lead: lead", "tags: [minor], lead: sun", "top"},
		{"{ matter: n, client: d", "{ matter: p, client: d, level: top, lead: li }\n  - { matter: n, client: d", "top"},
		{"{ matter: n, client: d", "{ matter: p, client: d, level: mid, lead: li }\n  - { matter: n, client: d", ""},
		{"{ user: zhou, rights: [read] } ] }", "{ user: zhou, rights: [read, write] } ] }", ""},
	} {
		t.Run(c.new, func(t *testing.T) {
			if !strings.Contains(approveFirm, c.old) {
				t.Fatalf("no %q", c.old)
			}
			old, next := mustParse(t, approveFirm), mustParse(t, strings.Replace(approveFirm, c.old, c.new, 1))
			if got := NeedsSecond(old, next, at, nil); kinds(got) != c.want {
				t.Errorf("%q for %q: %v", kinds(got), c.new, got)
			}
		})
	}
}

// TestSealedMatterOpensAgain: what is granted behind a seal counts when it is
// taken off.
func TestSealedMatterOpensAgain(t *testing.T) {
	shut := strings.Replace(approveFirm, "level: top, tags", "level: top, status: sealed, tags", 1)
	old, next := mustParse(t, shut), mustParse(t, approveFirm)
	if got := NeedsSecond(old, next, at, nil); kinds(got) != "top" {
		t.Error(got)
	}
	if got := NeedsSecond(next, old, at, nil); got != nil {
		t.Error(got)
	}
}

// TestNeedsSecondForSealedFolders: a folder that only its seal raises is a place
// at the top level too.
func TestNeedsSecondForSealedFolders(t *testing.T) {
	old := mustParse(t, approveFirm)
	next := mustParse(t, strings.Replace(approveFirm, "members: [ { user: zhou, rights: [read] } ]", "members: [ { user: sun, rights: [read] } ]", 1))
	if got := NeedsSecond(old, next, at, nil); got != nil {
		t.Error(got)
	}
	if got := NeedsSecond(old, next, at, nil, Label{"n", "x", "mid"}); got != nil {
		t.Error(got)
	}
	if got := NeedsSecond(old, next, at, nil, Label{"n", "x", "top"}); kinds(got) != "top" {
		t.Error(got)
	}
}

// TestOneSecadmin: with fewer than two there is nobody to ask; the emergency list
// does not make fewer of them.
func TestOneSecadmin(t *testing.T) {
	dropped := func(s string) string {
		return strings.Replace(s, "path: f, level: top", "path: f, level: low", 1)
	}
	for duties, want := range map[string]string{
		"secadmin: [qian, wu]": "level", "secadmin: [qian]": "", "secadmin: []": "", "secadmin: [qian, gone]": "",
	} {
		firm := strings.Replace(approveFirm, "secadmin: [qian, wu]", duties, 1)
		nobody := &Env{Disabled: func(string) bool { return true }}
		if got := NeedsSecond(mustParse(t, firm), mustParse(t, dropped(firm)), at, nobody); kinds(got) != want {
			t.Errorf("%s: %v", duties, got)
		}
	}
	over := strings.Replace(approveFirm, "wu: { uid: 9, role: junior }", "wu: { uid: 9, role: junior, until: 2026-01-01 }", 1)
	if got := mustParse(t, over).Secadmins(at); len(got) != 1 || got[0].Name != "qian" {
		t.Errorf("%v may approve", got)
	}
}

const approveDuties = "duties: { secadmin: [u5, u6] }\n"

// readings lists what a policy lets people read now and on days to come, whatever
// the groups; with top at the top level only.
func readings(p *Policy, matters []string, top bool) map[string]bool {
	yes := map[string]bool{}
	for _, day := range []int{0, 40, 400} {
		for _, member := range []bool{false, true} {
			env := asking(func(_, user string) bool { return member && user == "u3" })
			for uid := range uint32(7) {
				for _, m := range matters {
					for _, path := range []string{"", "d0", "d0/x", "d1/x"} {
						r := Request{UID: uid, Matter: m, Path: path, Op: OpRead, At: at.Add(time.Duration(day) * 24 * time.Hour), Env: env}
						if (!top || p.EffectiveLevel(m, path, nil) == p.TopLevel()) && p.Decide(r).Allow {
							yes[fmt.Sprint(uid, m, "/", path, " day ", day, member)] = true
						}
					}
				}
			}
		}
	}
	return yes
}

// TestNobodyGainsTheTopAlone: between random firms that differ in one or two
// random parts, whoever can read at the top level and could not before, now or
// later, is behind some reason, and so is each level that falls.
func TestNobodyGainsTheTopAlone(t *testing.T) {
	const seed = 20261122
	r := rand.New(rand.NewPCG(seed, 1))
	gained, quiet := 0, 0
	for i := range 1000 {
		a, b := approvalPair(r)
		old, next := a.parse(t), b.parse(t)
		got := NeedsSecond(old, next, at, asking(func(_, u string) bool { return u == "u3" }))
		more := wider(readings(old, a.matters, false), readings(next, b.matters, true))
		fall := fallen(old, next)
		if len(got) == 0 && (len(more) > 0 || fall != "") {
			t.Fatalf("seed %d, firm %d: no reason, but %v %s", seed, i, more, fall)
		}
		if len(more) > 0 {
			gained++
		}
		if len(got) == 0 {
			quiet++
		}
	}
	if gained < 30 || quiet < 100 {
		t.Errorf("%d firms gained, %d changes needed nobody: the firms are too alike", gained, quiet)
	}
}

// approvalPair makes a firm with two security administrators and a change of it.
func approvalPair(r *rand.Rand) (a, b *firm) {
	seed := r.Uint64()
	again := func() *firm {
		f := randomFirm(rand.New(rand.NewPCG(seed, 2)))
		f.users = append(f.users, "  u5: { uid: 6, role: clerk }", "  u6: { uid: 7, role: clerk }\n"+approveDuties+"blocked: []")
		return f
	}
	a, b = again(), again()
	other := randomFirm(r)
	for range 1 + r.IntN(2) {
		m := pick(r, b.matters)
		switch r.IntN(5) {
		case 0:
			b.members[m] = other.members[m]
		case 1:
			b.folders[m] = other.folders[m]
		case 2:
			who := 1 + r.IntN(4)
			b.users[who] = other.users[who]
		case 3:
			b.walls = other.walls
		case 4:
			b.groups[0] = fmt.Sprintf("  g0: { members: [u%d] }", 1+r.IntN(4))
		}
	}
	return a, b
}

// fallen names a place whose level is lower than it was.
func fallen(old, next *Policy) string {
	for _, m := range next.Matters() {
		for _, path := range []string{"", "d0", "d1", "d0/x"} {
			before, after := old.EffectiveLevel(m.ID, path, nil), next.EffectiveLevel(m.ID, path, nil)
			if old.HigherLevel(before, after) {
				return m.ID + "/" + path
			}
		}
	}
	return ""
}

// TestWallsDoNotThinOut: removing any wall of a random firm is a reason.
func TestWallsDoNotThinOut(t *testing.T) {
	const seed = 20261123
	r := rand.New(rand.NewPCG(seed, 1))
	removed := 0
	for i := range 300 {
		a, _ := approvalPair(r)
		if len(a.walls) == 0 {
			continue
		}
		old := a.parse(t)
		gone := r.IntN(len(a.walls))
		a.walls = slices.Delete(a.walls, gone, gone+1)
		if got := NeedsSecond(old, a.parse(t), at, nil); !strings.Contains(kinds(got), "wall") {
			t.Fatalf("seed %d, firm %d: wall %d dropped: %v", seed, i, gone, got)
		}
		removed++
	}
	if removed < 50 {
		t.Errorf("only %d firms had a wall", removed)
	}
}
