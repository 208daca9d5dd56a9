package policy

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// firm is a random policy that can be changed and written out again.
type firm struct {
	users, groups []string // names
	members       map[string][]string
	folders       map[string][]string
	matters       []string
	walls         []string
	more          []string          // further keys of the firm
	marks         map[string]string // further keys of a matter
}

const propertyFirm = `
levels: { low: {}, mid: { purpose: required }, top: { purpose: required, deny_roles: [intern], named_only: true } }
roles:
  lawyer: { clearance: top, rights: [read, write, create, delete, rename] }
  intern: { clearance: top, rights: [read, write] }
  clerk: { clearance: low, rights: [read, delete] }
  agent: { clearance: mid, rights: [read], approval: required }
  chief: { clearance: mid, rights: [read, write], wide: firm }
  head: { clearance: top, rights: [read], wide: department }
departments: [a, b]
`

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// randomFirm makes five people, two groups and three matters with whatever
// members, folders and walls chance gives.
func randomFirm(r *rand.Rand) *firm {
	f := &firm{members: map[string][]string{}, folders: map[string][]string{}, matters: []string{"m0", "m1", "m2"}}
	for i := range 5 {
		f.users = append(f.users, fmt.Sprintf("  u%d: { uid: %d, role: %s%s%s }", i, i+1,
			pick(r, []string{"lawyer", "lawyer", "intern", "clerk", "agent", "chief", "head"}), pick(r, []string{"", ", department: a"}), pick(r, []string{"", "", ", until: 2026-11-21", ", status: departed"})))
	}
	f.users[0] = "  u0: { uid: 1, role: lawyer }" // leads
	f.groups = []string{"  g0: { members: [u1, u2] }", "  g1: { unix: sys }"}
	f.more, f.marks = randomMore(r), map[string]string{}
	for _, m := range f.matters {
		f.marks[m] = pick(r, []string{"", "", "tags: [t]", "tags: [t]\n    department: a", "department: a", "department: b"})
		for who := range 7 {
			if r.IntN(3) == 0 {
				f.members[m] = append(f.members[m], f.member(r, who))
			}
		}
		for i := range r.IntN(3) {
			f.folders[m] = append(f.folders[m], fmt.Sprintf("{ path: d%d, level: %s%s }", i, pick(r, []string{"mid", "top"}), pick(r, []string{"", "", ", tags: [s]"})))
		}
	}
	for range r.IntN(3) {
		f.walls = append(f.walls, f.wall(r))
	}
	return f
}

// randomMore switches wide roles on, and gives rules to tags.
func randomMore(r *rand.Rand) []string {
	return []string{
		pick(r, []string{"", "wide_roles: allow"}),
		"tags: { t: " + pick(r, []string{"{ mapping: deny }", "{ log_sync: group }", "{ level: mid }", "{ deny_roles: [intern, clerk] }", "{ level: mid, purpose: session, named_only: false }"}) +
			pick(r, []string{"", ", s: { named_only: true }", ", s: { purpose: session }", ", s: { deny_roles: [chief] }"}) + " }",
	}
}

func (f *firm) member(r *rand.Rand, who int) string {
	name := fmt.Sprintf("user: u%d", who)
	if who > 4 {
		name = fmt.Sprintf("group: g%d", who-5)
	}
	return fmt.Sprintf("{ %s, rights: [%s]%s }", name, pick(r, []string{"read", "read, write", "read, create", "write, delete", "read, rename"}),
		pick(r, []string{"", ", purpose: p", ", until: 2026-11-21", ", ack: required"}))
}

func (f *firm) wall(r *rand.Rand) string {
	who := pick(r, []string{"user: u1", "user: u2", "group: g0", "user: u4", "group: g1"})
	return fmt.Sprintf(pick(r, []string{
		"{ id: W%d, screen: [%s], from: [matter: %s], reason: r }",
		"{ id: W%d, only: [%s], to: [matter: %s], reason: r }",
		"{ id: W%d, between: [[%s], [matter: %s]], reason: r }",
	}), len(f.walls), who, pick(r, f.matters))
}

func (f *firm) files() map[string][]byte {
	var b strings.Builder
	fmt.Fprintf(&b, "matters:\n")
	for _, m := range f.matters {
		fmt.Fprintf(&b, "  - matter: %s\n    client: c\n    level: low\n    lead: u0\n    %s\n    members: [%s]\n    folders: [%s]\n",
			m, f.marks[m], strings.Join(f.members[m], ", "), strings.Join(f.folders[m], ", "))
	}
	return map[string][]byte{
		"firm.yaml": []byte(firmHead + propertyFirm + strings.Join(f.more, "\n") + "\nusers:\n" + strings.Join(f.users, "\n") + "\ngroups:\n" + strings.Join(f.groups, "\n") + "\n"),
		"m.yaml":    []byte(b.String()),
		"w.yaml":    []byte("walls: [" + strings.Join(f.walls, ",\n  ") + "]\n"),
	}
}

func (f *firm) parse(t *testing.T) *Policy {
	t.Helper()
	p, err := Parse(f.files())
	if err != nil {
		t.Fatalf("%v\n%s", err, f.files())
	}
	return p
}

// allowed lists every question of a grid that the policy answers with yes.
func allowed(p *Policy, matters []string) map[string]bool {
	yes := map[string]bool{}
	env := asking(func(_, user string) bool { return user == "u3" })
	for uid := range uint32(7) {
		for _, m := range matters {
			for _, path := range []string{"", "a", "d0", "d0/x", "d1/x"} {
				for _, op := range Ops() {
					if p.Decide(Request{UID: uid, Matter: m, Path: path, Op: op, Own: uid == 2, At: at, Env: env}).Allow {
						yes[fmt.Sprint(uid, m, "/", path, " ", op)] = true
					}
				}
			}
		}
	}
	return yes
}

func wider(before, after map[string]bool) []string {
	var list []string
	for q := range after {
		if !before[q] {
			list = append(list, q)
		}
	}
	slices.Sort(list)
	return list
}

// TestTakingAwayNeverWidens: another wall, a member less, a higher folder, a
// role with fewer rights, a later moment: none of these lets anybody do more.
func TestTakingAwayNeverWidens(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	names := []string{"wall", "member", "level", "leaver"} // in this order, or the seed would not tell the run
	narrowed := map[string]int{}
	for range 100 {
		f := randomFirm(r)
		for _, name := range names {
			change := map[string]func(*firm) []string{"wall": addWall(r), "member": dropMember(r), "level": raiseFolder(r), "leaver": leave(r)}[name]
			before := allowed(f.parse(t), f.matters)
			g := *f
			g.members, g.folders = maps.Clone(f.members), maps.Clone(f.folders)
			g.users, g.walls = slices.Clone(f.users), slices.Clone(f.walls)
			matters := change(&g)
			after := allowed(g.parse(t), matters)
			if more := wider(before, after); len(more) > 0 {
				t.Fatalf("%s lets more happen: %v\n%s\nbecame\n%s", name, more[0], f.files(), g.files())
			}
			if len(after) < len(before) {
				narrowed[name]++
			}
		}
	}
	for _, name := range names {
		if narrowed[name] < 5 {
			t.Errorf("%s took something away only %d times of 100", name, narrowed[name])
		}
	}
}

func addWall(r *rand.Rand) func(*firm) []string {
	return func(f *firm) []string {
		f.walls = append(f.walls, f.wall(r))
		return f.matters
	}
}

// dropMember takes a member out of a matter. It may set them free from the
// other side of a wall, so only that matter is compared.
func dropMember(r *rand.Rand) func(*firm) []string {
	return func(f *firm) []string {
		m := pick(r, f.matters)
		if list := f.members[m]; len(list) > 0 {
			i := r.IntN(len(list))
			f.members[m] = slices.Delete(slices.Clone(list), i, i+1)
		}
		return []string{m}
	}
}

func raiseFolder(r *rand.Rand) func(*firm) []string {
	return func(f *firm) []string {
		m := pick(r, f.matters)
		if raised := "{ path: a, level: top }"; !slices.Contains(f.folders[m], raised) {
			f.folders[m] = append(slices.Clone(f.folders[m]), raised)
		}
		return f.matters
	}
}

func leave(r *rand.Rand) func(*firm) []string {
	return func(f *firm) []string {
		i := 1 + r.IntN(4)
		f.users[i] = fmt.Sprintf("  u%d: { uid: %d, role: lawyer, status: departed }", i, i+1)
		return f.matters
	}
}

// TestLaterNeverWidens: time alone takes away, unless a wall ends.
func TestLaterNeverWidens(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		p := randomFirm(r).parse(t)
		for uid := range uint32(7) {
			q := Request{UID: uid, Matter: "m1", Path: "d0/x", Op: OpRead, At: at.AddDate(0, 0, -10)}
			if before := p.Decide(q); !before.Allow {
				q.At = at
				if after := p.Decide(q); after.Allow {
					t.Fatalf("%s on day one, allowed later: %+v", before.Rule, after)
				}
			}
		}
	}
}

// TestOrderDoesNotMatter: entries and files in any order make the same
// decisions.
func TestOrderDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 100 {
		f := randomFirm(r)
		before := allowed(f.parse(t), f.matters)
		for _, list := range [][]string{f.users, f.groups, f.walls, f.members["m0"], f.members["m1"], f.folders["m2"]} {
			r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		}
		slices.Reverse(f.matters)
		after := allowed(f.parse(t), f.matters)
		if more, less := wider(before, after), wider(after, before); len(more)+len(less) > 0 {
			t.Fatalf("order changes the answer: %v %v", more, less)
		}
	}
}

// TestHiddenIsHiddenForEveryOperation: whoever may not know of an object gets
// the same answer for every operation, in an open matter and a closed one.
func TestHiddenIsHiddenForEveryOperation(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	hidden := 0
	for range 100 {
		f := randomFirm(r)
		p := f.parse(t)
		files := f.files()
		files["m.yaml"] = []byte(strings.ReplaceAll(string(files["m.yaml"]), "client: c", "client: c\n    status: closed"))
		shut, err := Parse(files)
		if err != nil {
			t.Fatal(err)
		}
		for uid := range uint32(6) {
			for _, path := range []string{"", "d0/x"} {
				q := Request{UID: uid, Matter: "m2", Path: path, Op: OpLookup, At: at}
				first := p.Decide(q)
				for _, op := range Ops() {
					q.Op = op
					open, closed := p.Decide(q), shut.Decide(q)
					if (first.Shown == Hidden) != (open.Shown == Hidden) || (first.Shown == Hidden) != (closed.Shown == Hidden) {
						t.Fatalf("uid %d %q: lookup is %s, %s is %s, closed %s", uid, path, first.Shown, op, open.Shown, closed.Shown)
					}
				}
				if first.Shown == Hidden {
					hidden++
				}
			}
		}
	}
	if hidden < 50 {
		t.Errorf("only %d hidden cases", hidden)
	}
}

// TestExplainAgreesWithDecide: the explanation never tells another story.
func TestExplainAgreesWithDecide(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 200 {
		p := randomFirm(r).parse(t)
		for uid := range uint32(7) {
			q := Request{UID: uid, Matter: pick(r, []string{"m0", "m1", "m2", "m3"}), Path: pick(r, []string{"", "d0/x"}), Op: pick(r, Ops()), At: at}
			d, list := p.Decide(q), p.Explain(q)
			last := list[len(list)-1]
			if last.Pass != d.Allow || last.Rule != d.Rule || len(list) != 8 {
				t.Fatalf("decided %+v, explained %+v", d, list)
			}
			for _, g := range list {
				if !g.Pass && g.Gate < d.Gate {
					t.Fatalf("gate %d refuses before the deciding gate %d", g.Gate, d.Gate)
				}
			}
		}
	}
}
