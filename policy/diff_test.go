package policy

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// diffFirm has one matter that each row below changes.
const diffFirm = `
levels: { low: {}, mid: { purpose: required }, top: { deny_roles: [intern], max_readers: 2 } }
wide_roles: allow
departments: [d, e]
tags: { t: { deny_roles: [intern] } }
roles:
  lawyer: { clearance: top, rights: [read, write, create, delete, rename] }
  chief: { clearance: mid, rights: [read], wide: department }
  intern: { clearance: mid, rights: [read] }
users:
  lead: { uid: 1, role: lawyer }
  li: { uid: 2, role: lawyer, until: 2027-06-30 }
  chen: { uid: 3, role: intern }
  zhou: { uid: 4, role: lawyer }
  head: { uid: 6, role: chief, department: d }
groups: { lit: { unix: sys } }
duties: { sysadmin: [zhou] }
blocked: [ { user: chen, reason: r, until: 2026-11-01 } ]
matters:
  - matter: m
    client: c
    level: low
    lead: lead
    members:
      - { user: li, rights: [read, write], until: 2027-01-31, purpose: p }
      - { user: chen, rights: [read], purpose: p }
      - { group: lit, rights: [read], purpose: p, ack: required }
    folders: [ { path: f, level: mid, only: [user: lead, user: li] } ]
  - { matter: n, client: d, level: low, lead: zhou, folder: nn }
  - { matter: k, client: e, level: low, lead: li, tags: [t], department: d, members: [ { user: chen, rights: [read] } ] }
walls: [ { id: W, screen: [user: zhou, group: lit], from: [matter: m], reason: r }, { id: O, only: [user: zhou], to: [matter: n], reason: r } ]
`

// TestDiffOfOneChange: what each change means, and that the way back means the
// opposite.
func TestDiffOfOneChange(t *testing.T) {
	for _, c := range []struct {
		old, new string
		narrows  bool   // old to new
		back     bool   // new to old
		access   string // the lines of Access
	}{
		{"- { user: chen, rights: [read], purpose: p }", "", true, false, "chen m: read to nothing"},
		{"rights: [read, write], until", "rights: [read], until", true, false, "li m: read|write to read"},
		{"until: 2027-01-31", "until: 2026-12-31", true, false, "li m: read|write to read|write"},
		{"level: low\n    lead: lead", "level: mid\n    lead: lead", true, false, ""},
		{"client: c\n", "client: c\n    status: closed\n", true, false, "*"},
		{"client: c\n", "client: c\n    status: sealed\n", true, false, "*"},
		{"path: f, level: mid,", "path: f,", false, true, ""},
		{", only: [user: lead, user: li]", "", false, true, "chen m/f: nothing to read"},
		{"folder: nn", "folder: nm", false, false, ""},
		{"zhou: { uid: 4, role: lawyer }", "zhou: { uid: 5, role: lawyer }", false, false, ""},
		{"zhou: { uid: 4, role: lawyer }", "zhou: { uid: 4, role: lawyer }\n  new: { uid: 9, role: intern }", false, true, "new: sees"},
		{"chen: { uid: 3, role: intern }", "chen: { uid: 3, role: lawyer }", false, false, "chen k: nothing to read"}, // back: there are fewer readers again,
		{"2027-06-30", "2026-10-30", true, false, "*"},
		{"until: 2026-11-01", "until: 2026-11-02", true, true, ""},
		{"until: 2026-11-01", "until: 2026-12-02", true, false, "*"},
		{"sysadmin: [zhou]", "sysadmin: [zhou, chen]", false, true, ""},
		{"screen: [user: zhou, group: lit]", "screen: [user: zhou]", false, true, ""},
		{"screen: [user: zhou, group: lit]", "screen: [group: lit]", false, true, ""},
		{"only: [user: zhou], to", "only: [user: zhou, user: lead], to", true, true, ""},
		{"{ id: O, only: [user: zhou]", "{ id: O, until: 2026-12-31, only: [user: zhou]", false, true, ""},
		{"ack: required", "", false, true, ""},
		{"mid: { purpose: required }", "mid: {}", false, true, ""},
		{"deny_roles: [intern], ", "", false, true, ""},
		{"low: {},", "low: { log_reads: each },", true, false, ""},
		{"low: {},", "low: { log_reads: cover },", false, true, ""},
		{"low: {},", "lower: {}, low: {},", false, false, "*"},
		{"max_readers: 2", "max_readers: 3", false, true, ""},
		{"rights: [read] }\nusers", "rights: [read, write] }\nusers", false, true, ""},
		{"intern: { clearance: mid", "intern: { clearance: low", true, false, "*"},
		{"wide_roles: allow\n", "", true, false, "head k: read to nothing"},
		{"role: chief, department: d", "role: chief, department: e", true, false, "head k: read to nothing"},
		{"wide: department", "wide: firm", false, true, "head m: nothing to read"},
		{"t: { deny_roles: [intern]", "t: { deny_roles: [intern, chief]", true, false, "head k: read to nothing"},
		{"t: { deny_roles: [intern]", "t: { deny_roles: [chief]", false, false, "chen k: nothing to read; head k: read to nothing"},
		{"t: { deny_roles: [intern]", "t: { named_only: true, deny_roles: [intern]", true, false, "head k: read to nothing"},
		{"t: { deny_roles: [intern]", "t: { purpose: required, deny_roles: [intern]", true, false, "head k: read to nothing"},
		{"t: { deny_roles: [intern]", "t: { mapping: deny, deny_roles: [intern]", true, false, ""},
		{"t: { deny_roles: [intern]", "t: { log_reads: each, deny_roles: [intern]", true, false, ""},
		{"t: { deny_roles: [intern]", "t: { log_sync: group, deny_roles: [intern]", true, false, ""},
		{"t: { deny_roles: [intern]", "t: { level: mid, deny_roles: [intern]", true, false, "*"},
		{"tags: [t]", "tags: [u]", false, true, "chen k: nothing to read"},
		{"only: [user: lead, user: li]", "only: [user: lead, user: li], tags: [t]", true, false, ""},
	} {
		if !strings.Contains(diffFirm, c.old) {
			t.Fatalf("%q is not in the firm", c.old)
		}
		old, new := mustParse(t, diffFirm), mustParse(t, strings.Replace(diffFirm, c.old, c.new, 1))
		env := asking(func(string, string) bool { return false })
		forth, back := Diff(old, new, at, env), Diff(new, old, at, env)
		if forth.Narrows() != c.narrows || back.Narrows() != c.back {
			t.Errorf("%q to %q narrows %v %q, back %v %q", c.old, c.new, forth.Narrows(), forth.Wider, back.Narrows(), back.Wider)
		}
		if got := accessLines(forth); c.access != "*" && got != c.access {
			t.Errorf("%q to %q: %q, want %q", c.old, c.new, got, c.access)
		}
		if len(forth.Access) != len(back.Access) || len(forth.Levels) != len(back.Levels) {
			t.Errorf("%q to %q: %d and %d changes, back %d and %d", c.old, c.new, len(forth.Access), len(forth.Levels), len(back.Access), len(back.Levels))
		}
	}
}

func accessLines(d *Difference) string {
	var lines []string
	word := func(s AccessState) string {
		if s.Rights != 0 {
			return s.Rights.String()
		}
		return "nothing"
	}
	for _, c := range d.Access {
		line := strings.TrimRight(fmt.Sprintf("%s %s/%s", c.User, c.Matter, c.Path), "/ ")
		if c.Matter == "" {
			line += ": sees"
		} else {
			line += ": " + word(c.Before) + " to " + word(c.After)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}

func TestDiffOfTheSame(t *testing.T) {
	p := mustParse(t, diffFirm)
	for _, q := range []*Policy{p, mustParse(t, diffFirm), mustParse(t, diffFirm+"# a comment\n")} {
		if d := Diff(p, q, at, nil); !d.Same() || !d.Narrows() {
			t.Errorf("%+v", d)
		}
	}
	d := Diff(p, mustParse(t, strings.Replace(diffFirm, "path: f, level: mid,", "path: f, level: top,", 1)), at, nil)
	if want := []LevelChange{{"m", "f", "mid", "top"}}; !slices.Equal(d.Levels, want) || d.Same() {
		t.Errorf("levels %+v, want %+v", d.Levels, want)
	}
}

// TestGainsAndLoses: what counts as more and as less.
func TestGainsAndLoses(t *testing.T) {
	soon, late := at, at.Add(time.Hour)
	for _, c := range []struct {
		before, after AccessState
		gains, loses  bool
	}{
		{AccessState{}, AccessState{Sees: true}, true, false},
		{AccessState{Rights: Read}, AccessState{Rights: Write}, true, true},
		{AccessState{Rights: Read | Write}, AccessState{Rights: Read}, false, true},
		{AccessState{Rights: Read, Until: soon}, AccessState{Rights: Read, Until: late}, true, false},
		{AccessState{Rights: Read}, AccessState{Rights: Read, Until: late}, false, true},
		{AccessState{Rights: Read}, AccessState{Rights: Read, Rule: "other"}, false, false},
	} {
		ch := AccessChange{Before: c.before, After: c.after}
		if ch.Gains() != c.gains || ch.Loses() != c.loses {
			t.Errorf("%+v to %+v: gains %v loses %v", c.before, c.after, ch.Gains(), ch.Loses())
		}
	}
}

// edit changes a random firm at random, for better or worse.
func (f *firm) edit(r *rand.Rand) *firm {
	g := *f
	g.members, g.folders, g.marks = maps.Clone(f.members), maps.Clone(f.folders), maps.Clone(f.marks)
	g.users, g.walls, g.groups = slices.Clone(f.users), slices.Clone(f.walls), slices.Clone(f.groups)
	other := randomFirm(r)
	for range 1 + r.IntN(2) {
		m := pick(r, f.matters)
		switch r.IntN(11) {
		case 0:
			g.members[m] = other.members[m]
		case 1:
			g.folders[m] = other.folders[m]
		case 2:
			g.walls = other.walls
		case 3: // nobody else leads
			i := 1 + r.IntN(4)
			g.users[i] = other.users[i]
		case 4:
			g.groups[0] = pick(r, []string{"  g0: { members: [u1] }", "  g0: { members: [u1, u2, u3] }"})
		case 5:
			dropMember(r)(&g)
		case 6:
			addWall(r)(&g)
		case 7:
			raiseFolder(r)(&g)
		case 8:
			leave(r)(&g)
		case 9:
			g.more = other.more
		case 10:
			g.marks[m] = other.marks[m]
		}
	}
	return &g
}

// probe is one random question.
func probe(r *rand.Rand) Request {
	q := Request{
		UID: uint32(r.IntN(7)), Matter: fmt.Sprintf("m%d", r.IntN(3)), Path: pick(r, []string{"", "a", "a/x", "d0", "d0/x", "d1", "d1/y", "z"}),
		Op: pick(r, Ops()), Own: r.IntN(2) == 0, At: at.AddDate(0, 0, r.IntN(3)*200),
	}
	if r.IntN(3) == 0 {
		q.Sealed = []string{pick(r, []string{"mid", "top", "unheard"})}
	}
	switch r.IntN(3) {
	case 0:
		q.Env = asking(func(_, u string) bool { return u == "u3" || u == "u1" })
	case 1:
		q.Env = asking(func(string, string) bool { return false })
	}
	return q
}

// TestNarrowsAllowsNothingNew: when a change narrows, no request at all that
// was refused is allowed; and the lists of Diff show what asking shows.
func TestNarrowsAllowsNothingNew(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	narrowing, widening := 0, 0
	env := asking(func(_, user string) bool { return user == "u3" })
	for range 400 {
		f := randomFirm(r)
		old := f.parse(t)
		new := f.edit(r).parse(t)
		d := Diff(old, new, at, env)
		checkAccess(t, d, old, new, env)
		if old.Hash() == new.Hash() {
			continue
		}
		if !d.Narrows() {
			widening++
			continue
		}
		narrowing++
		for range 1500 {
			q := probe(r)
			if !old.Decide(q).Allow && new.Decide(q).Allow {
				t.Fatalf("%+v is newly allowed\n%s\nto\n%s", q, f.files(), d.Wider)
			}
		}
	}
	if narrowing < 50 || widening < 50 {
		t.Errorf("%d changes narrow, %d widen", narrowing, widening)
	}
}

// checkAccess holds the list of changes against asking for every user, matter
// and folder.
func checkAccess(t *testing.T, d *Difference, old, new *Policy, env *Env) {
	t.Helper()
	listed := map[string]AccessChange{}
	for _, c := range d.Access {
		listed[c.User+" "+c.Matter+" "+c.Path] = c
	}
	for _, u := range new.Users() {
		for _, m := range []string{"m0", "m1", "m2"} {
			before, after := rightsOf(old, u.Name, m, env), rightsOf(new, u.Name, m, env)
			c, ok := listed[u.Name+" "+m+" "]
			if before != after && !ok || ok && (c.Before.Rights != before || c.After.Rights != after) {
				t.Fatalf("%s in %s: %s to %s, listed %v %+v", u.Name, m, before, after, ok, c)
			}
		}
	}
}

// rightsOf asks about a document in the matter.
func rightsOf(p *Policy, name, matter string, env *Env) (r Right) {
	for bit := Read; bit <= Rename; bit <<= 1 {
		path := "a document"
		if bit == Read {
			path = ""
		}
		if p.DecideUser(name, Request{Matter: matter, Path: path, Op: bit.probe(), At: at, Env: env}).Allow {
			r |= bit
		}
	}
	return r
}

// TestTakingAwayNarrows: the changes that administrators make in a hurry are
// seen for what they are.
func TestTakingAwayNarrows(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for range 100 {
		f := randomFirm(r)
		for _, name := range []string{"wall", "leaver"} {
			change := map[string]func(*firm) []string{"wall": addWall(r), "leaver": leave(r)}[name]
			g := *f
			g.users, g.walls = slices.Clone(f.users), slices.Clone(f.walls)
			change(&g)
			if d := Diff(f.parse(t), g.parse(t), at, nil); !d.Narrows() {
				t.Fatalf("%s: %q\n%s\nto\n%s", name, d.Wider, f.files(), g.files())
			}
		}
	}
}

// BenchmarkDiff compares a firm of the size that DESIGN asks for with itself
// after one change, and after a change of everything.
func BenchmarkDiff(b *testing.B) {
	files := bigFirm(1000, 10000)
	old, err := Parse(files)
	if err != nil {
		b.Fatal(err)
	}
	env := asking(func(_, user string) bool { return strings.HasSuffix(user, "7") })
	for name, change := range map[string][2]string{
		"one":    {"user5: { uid: 10005, role: lawyer,", "user5: { uid: 10005, role: lawyer, status: departed,"},
		"all":    {"rights: [read, write, create, delete, rename]", "rights: [read, write, create, delete]"},
		"levels": {"机密: { purpose: required }", "机密: {}"},
	} {
		next := maps.Clone(files)
		next["firm.yaml"] = []byte(strings.Replace(string(files["firm.yaml"]), change[0], change[1], 1))
		if name == "one" {
			for path, text := range next {
				next[path] = []byte(strings.Replace(string(text), "lead: user5\n", "lead: user6\n", 1))
			}
		}
		new, err := Parse(next)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if Diff(old, new, at, env).Same() {
					b.Fatal("the same")
				}
			}
		})
	}
}
