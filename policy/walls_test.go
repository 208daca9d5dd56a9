package policy

import (
	"slices"
	"strings"
	"testing"
)

// silent is a system that says nothing about anybody: a directory that is down,
// or that has not been asked yet.
var silent = &Env{Groups: func(string, string) (member, known bool) { return false, false }}

// confused is a system that answers yes and adds that it does not know.
var confused = &Env{Groups: func(string, string) (member, known bool) { return true, false }}

const unixFirm = `
levels: { low: {} }
roles: { r: { clearance: low, rights: [read, write] } }
users: { boss: { uid: 1, role: r }, ann: { uid: 2, role: r } }
groups: { sys: { unix: sys } }
matters:
  - { matter: a, client: A, level: low, lead: boss, members: [ { user: ann, rights: [read] } ] }
  - { matter: b, client: B, level: low, lead: ann, members: [ { group: sys, rights: [read] } ], folders: [ { path: f, only: [group: sys, user: ann] } ] }
`

// TestUnknownMembership: while nobody knows who is in a group, walls against it
// stand for everybody, and nothing is given to anybody through it.
func TestUnknownMembership(t *testing.T) {
	for name, c := range map[string]struct{ wall, object, rule string }{
		"screen":        {"{ id: W, screen: [group: sys], from: [matter: a], reason: r }", "a/x", "wall.W"},
		"only":          {"{ id: W, only: [group: sys], to: [matter: a], reason: r }", "a/x", "wall.W"},
		"between":       {"{ id: W, between: [[group: sys], [matter: a]], reason: r }", "a/x", "wall.W"},
		"between teams": {"{ id: W, between: [[matter: b], [matter: a]], reason: r }", "a/x", "wall.W"},
		"grant":         {"", "b/x", "member.none"},
	} {
		p := mustParse(t, unixFirm, "walls: ["+c.wall+"]")
		for _, env := range []*Env{nil, {}, silent, confused} {
			as(t, p, "boss").knowing(env).isDenied(OpRead, c.object, c.rule, Hidden)
		}
		in, out := asking(func(string, string) bool { return true }), asking(func(string, string) bool { return false })
		inside, outside := as(t, p, "boss").knowing(in).ask(OpRead, c.object, false), as(t, p, "boss").knowing(out).ask(OpRead, c.object, false)
		if inside.Allow == outside.Allow {
			t.Errorf("%s: in the group %s, outside %s", name, inside.Rule, outside.Rule)
		}
	}
}

// TestUnknownMembershipInAFolder: a folder that is for a group only is for
// nobody while the group is not known, and for those named all the time.
func TestUnknownMembershipInAFolder(t *testing.T) {
	p := mustParse(t, strings.Replace(unixFirm, "{ group: sys, rights: [read] }", "{ user: boss, rights: [read] }, { group: sys, rights: [read] }", 1))
	for _, env := range []*Env{nil, silent} {
		as(t, p, "boss").knowing(env).may("b/x", OpRead)
		as(t, p, "boss").knowing(env).isDenied(OpRead, "b/f/x", "member.folder", Hidden)
		as(t, p, "ann").knowing(env).may("b/f/x", OpRead)
	}
	as(t, p, "boss").knowing(asking(func(string, string) bool { return true })).may("b/f/x", OpRead)
}

// TestWallsAgainstGroupsWarn: every wall whose people only the system knows.
func TestWallsAgainstGroupsWarn(t *testing.T) {
	for wall, want := range map[string]bool{
		"{ id: W, screen: [group: sys], from: [matter: a], reason: r }":        true,
		"{ id: W, between: [[group: sys], [matter: a]], reason: r }":           true,
		"{ id: W, between: [[matter: b], [matter: a]], reason: r }":            true,
		"{ id: W, only: [group: sys], to: [matter: a], reason: r }":            false, // keeps out more when in doubt
		"{ id: W, between: [[user: boss], [matter: a]], reason: r }":           false,
		"{ id: W, screen: [user: ann], from: [matter: a, tag: t], reason: r }": false,
	} {
		p := mustParse(t, unixFirm, "walls: ["+wall+"]", "matter: c\nclient: C\nlevel: low\nlead: boss\ntags: [t]\n")
		if got := strings.Count(warnings(p), `wall "W" keeps out group "sys", whose members the system may forget`); got > 1 || got == 1 != want {
			t.Errorf("%s: %d warnings\n%s", wall, got, warnings(p))
		}
	}
}

func TestUnixGroups(t *testing.T) {
	if got := mustParse(t, small).UnixGroups(); len(got) != 0 {
		t.Errorf("groups with listed members are asked for: %q", got)
	}
	p := mustParse(t, small, "groups: { a: { unix: zeta }, b: { unix: alpha, members: [boss] }, c: { unix: zeta }, d: { members: [boss] } }")
	if got := p.UnixGroups(); !slices.Equal(got, []string{"alpha", "zeta"}) {
		t.Errorf("got %q", got)
	}
}
