package policy

import (
	"fmt"
	"strings"
	"testing"
)

// crowded has a matter at low with three who may read at top, of which top
// takes as many as limit says, and a folder at low narrowed to one.
func crowded(t *testing.T, limit int) *Policy {
	t.Helper()
	return mustParse(t, fmt.Sprintf(`
levels: { low: {}, mid: {}, top: { max_readers: %d, deny_roles: [barred] } }
roles:
  r: { clearance: top, rights: [read, write] }
  barred: { clearance: top, rights: [read] }
  under: { clearance: mid, rights: [read] }
  writer: { clearance: top, rights: [write] }
users:
  boss: { uid: 1, role: r }
  ann: { uid: 2, role: r }
  bob: { uid: 3, role: r }
  not1: { uid: 4, role: barred }
  not2: { uid: 5, role: under }
  not3: { uid: 6, role: writer }
  not4: { uid: 7, role: r, status: departed }
groups: { g: { members: [bob] }, sys: { unix: sys } }
`, limit), `
matter: m
client: c
level: low
lead: boss
members:
  - { user: ann, rights: [read], until: 2026-01-31 }
  - { group: g, rights: [read] }
  - { group: sys, rights: [read] }
  - { user: not1, rights: [read] }
  - { user: not2, rights: [read] }
  - { user: not3, rights: [read, write] }
  - { user: not4, rights: [read] }
folders:
  - { path: own, only: [user: boss] }
  - { path: own/deeper, level: mid }
`)
}

// TestSealedLevelCountsItsReaders: a folder sealed at a level that takes fewer
// readers than the matter has is refused to each of them, also to the lead;
// where a rule leaves few enough in, they go on.
func TestSealedLevelCountsItsReaders(t *testing.T) {
	ask := func(p *Policy, name, path string, sealed ...string) Decision {
		u, _ := p.User(name)
		return p.Decide(Request{UID: u.UID, Matter: "m", Path: path, Op: OpRead, Sealed: sealed, At: at})
	}
	for limit := 1; limit <= 4; limit++ {
		p := crowded(t, limit)
		full := limit < 3
		for _, path := range []string{"", "x", "x/y", "ow", "owner"} {
			if d := ask(p, "boss", path, "top"); d.Allow == full || full && (d.Rule != "level.full" || d.Shown != Refused || d.Level != "top") {
				t.Errorf("%d readers allowed, %q: %+v", limit, path, d)
			}
			if d := ask(p, "boss", path, "mid"); !d.Allow {
				t.Errorf("a level without a limit: %+v", d)
			}
			if d := ask(p, "boss", path, "unheard of"); d.Allow == full {
				t.Errorf("a level that nobody knows, at %q: %+v", path, d)
			}
		}
		for _, path := range []string{"own", "own/x", "own/deeper", "own/deeper/x"} {
			if d := ask(p, "boss", path, "top"); !d.Allow {
				t.Errorf("%d readers allowed, one is left in %q: %+v", limit, path, d)
			}
		}
		if d := ask(p, "bob", "x", "top"); d.Allow == full {
			t.Errorf("%d readers allowed, a member by group: %+v", limit, d)
		}
		if d := ask(p, "not1", "x", "top"); d.Rule != "level.role" || d.Shown != Hidden {
			t.Errorf("whom the level is denied to learns of it: %+v", d)
		}
	}
}

func TestOverfullIsExplained(t *testing.T) {
	list := crowded(t, 2).ExplainUser("boss", Request{Matter: "m", Path: "x", Op: OpRead, Sealed: []string{"top"}, At: at})
	last := list[len(list)-1]
	if last.Rule != "level.full" || !strings.HasSuffix(last.Reason, "than the level allows: top takes 2") {
		t.Errorf("%+v", last)
	}
}

// TestHeirsOfAUID: whoever has a leaver's uid is pointed out, in whichever order
// the two stand; a uid of one's own is not.
func TestHeirsOfAUID(t *testing.T) {
	gone, heir := "gone: { uid: 90, role: lawyer, status: departed }", "heir: { uid: 90, role: lawyer }"
	for _, users := range []string{gone + ", " + heir, heir + ", " + gone} {
		p := mustParse(t, small, "users: { "+users+" }")
		text := warnings(p)
		if !strings.Contains(text, `uid 90 was that of "gone", who has left (a.yaml:1): what they created counts as created by "heir"`) ||
			!strings.Contains(text, fmt.Sprintf("a.yaml:1:%d: warning", 10+strings.Index(users, heir)+len("heir: { uid: "))) {
			t.Errorf("%s:\n%s", users, text)
		}
		if u, _ := p.UserByUID(90); u.Name != "heir" {
			t.Errorf("the uid is %q's", u.Name)
		}
	}
	for _, users := range []string{gone, gone + ", other: { uid: 91, role: lawyer }", gone + ", too: { uid: 90, role: lawyer, status: departed }",
		"gone: { role: lawyer, status: departed }, zero: { uid: 0, role: lawyer }"} {
		if text := warnings(mustParse(t, small, "users: { "+users+" }")); strings.Contains(text, "was that of") {
			t.Errorf("%s:\n%s", users, text)
		}
	}
}
