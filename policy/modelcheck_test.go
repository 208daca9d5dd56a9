package policy_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"matterfs/policy"
)

// clause is one line of the decision table: the rule refuses when it holds.
type clause struct {
	rule  string
	shown policy.Shown
	holds func(q *mAsk) bool
}

// The first clauses are about the caller and the matter, the others (from walls
// on) about the caller in the matter.
var before = []clause{
	{"sys.log", policy.Unavailable, func(q *mAsk) bool { return q.fault != "" }},
	{"user.unknown", policy.Refused, func(q *mAsk) bool { return q.u == nil }},
	{"user.disabled", policy.Refused, func(q *mAsk) bool { return q.u.name == q.disabled }},
	{"user.departed", policy.Refused, func(q *mAsk) bool { return q.u.departed }},
	{"user.expired", policy.Refused, func(q *mAsk) bool { return q.over(q.u.until) }},
	{"user.blocked", policy.Refused, func(q *mAsk) bool {
		return slices.ContainsFunc(q.f.blocked, func(b mBlock) bool {
			return !q.over(b.until) && (b.user == q.u.name || b.user == "" && b.org == q.u.org)
		})
	}},
	{"user.nda", policy.Refused, func(q *mAsk) bool {
		return q.role().nda && (!q.u.signed || q.day < q.u.ndaFrom || q.over(q.u.ndaUntil))
	}},
	{"matter.unknown", policy.Hidden, func(q *mAsk) bool { return q.m == nil }},
	{"matter.sealed", policy.Hidden, func(q *mAsk) bool { return q.m.status == "sealed" }},
	{"matter.destroyed", policy.Hidden, func(q *mAsk) bool { return q.m.status == "destroyed" }},
	{"matter.frozen", policy.Refused, func(q *mAsk) bool { return q.matter == q.frozen }},
	{"matter.closed", policy.ReadOnly, func(q *mAsk) bool { return q.m.status == "closed" && !words(reading, q.op) }},
}

var within = []clause{
	{"wall", policy.Hidden, func(q *mAsk) bool { return q.behind() != "" }},
	{"member.expired", policy.Hidden, func(q *mAsk) bool { return len(q.valid()) == 0 && len(q.held(q.m, q.u.name, "yes")) > 0 }},
	{"member.none", policy.Hidden, func(q *mAsk) bool { return len(q.valid()) == 0 && len(q.held(q.m, q.u.name, "yes")) == 0 }},
	{"member.approval", policy.Refused, func(q *mAsk) bool {
		return len(q.usable()) == 0 && (q.role().approval || slices.ContainsFunc(q.valid(), func(g mGrant) bool { return g.approval }))
	}},
	{"member.ack", policy.Refused, func(q *mAsk) bool { return len(q.usable()) == 0 }},
	{"member.folder", policy.Refused, (*mAsk).narrowed},
	{"level.clearance", policy.Refused, func(q *mAsk) bool { return q.tooHigh() == "level.clearance" }},
	{"level.role", policy.Refused, func(q *mAsk) bool { return q.tooHigh() == "level.role" }},
	{"tag.role", policy.Refused, func(q *mAsk) bool { return strings.HasPrefix(q.tooHigh(), "tag.") }},
	{"level.full", policy.Refused, (*mAsk).overfull},
	{"tag.named", policy.Refused, func(q *mAsk) bool {
		return !q.level().named && q.named() && !q.enough(rightsOf(q.here())) && q.enough(rightsOf(q.usable()))
	}},
	{"level.named", policy.Refused, func(q *mAsk) bool { return !q.enough(rightsOf(q.here())) && q.enough(rightsOf(q.usable())) }},
	{"member.right", policy.Refused, func(q *mAsk) bool { return !q.enough(rightsOf(q.usable())) }},
	{"role.right", policy.Refused, func(q *mAsk) bool { _, ok := q.best(); return !ok }},
	{"level.mapping", policy.Refused, func(q *mAsk) bool { return q.op == "fill" && q.level().nomap }},
	{"tag.mapping", policy.Refused, func(q *mAsk) bool {
		return q.op == "fill" && q.tagThat(func(t mTag) bool { return t.nomap }) != ""
	}},
	{"level.pinned", policy.Refused, func(q *mAsk) bool {
		return words("unlink rmdir rename replace", q.op) &&
			slices.ContainsFunc(q.m.folders, func(f mFolder) bool { return q.path == "" || below(f.path, q.path) })
	}},
	{"need.purpose", policy.Refused, func(q *mAsk) bool {
		g, _ := q.best()
		return q.purpose() == "session" || q.purpose() == "required" && g.purpose == ""
	}},
	{"need.second", policy.Refused, func(q *mAsk) bool { return q.level().two }},
}

// refusal is the first clause that holds.
func (q *mAsk) refusal(list []clause) (clause, bool) {
	return find(list, func(c clause) bool { return c.rule != q.skip && c.holds(q) })
}

// answer is what the model says: a rule, and how a refusal looks.
func (q *mAsk) answer() (rule string, shown policy.Shown) {
	c, refused := q.refusal(append(slices.Clone(before), within...))
	if !refused {
		return "", policy.Refused
	}
	rule, shown = q.called(c.rule), c.shown
	if q.m != nil && q.u != nil && !strings.HasPrefix(rule, "user.") && !strings.HasPrefix(rule, "sys.") && q.unseen() {
		shown = policy.Hidden
	}
	return rule, shown
}

// called is the rule code of a clause.
func (q *mAsk) called(clause string) string {
	switch clause {
	case "wall":
		return q.behind()
	case "tag.role":
		return q.deniedByTag()
	case "tag.named":
		return q.tagThat(func(t mTag) bool { return t.named })
	case "tag.mapping":
		return q.tagThat(func(t mTag) bool { return t.nomap })
	}
	return clause
}

// unseen tells whether the caller may not know that there is something.
func (q *mAsk) unseen() bool {
	if q.behind() != "" || len(q.valid()) == 0 {
		return true
	}
	root := *q
	root.path, root.sealed, root.op, root.own = "", nil, "lookup", false
	if _, shut := root.refusal(within); (shut || q.matter == q.frozen) && q.skip != "root" {
		return false
	}
	return q.narrowed() || q.aboveThem()
}

// aboveThem tells whether the path is in a folder for which neither clearance,
// role nor any grant is enough, in a matter for which the first two are.
func (q *mAsk) aboveThem() bool {
	root := *q
	root.path, root.sealed = "", nil
	if root.tooHigh() != "" {
		return false
	}
	return q.tooHigh() != "" || len(q.usable()) > 0 && len(q.here()) == 0
}

// about finds the caller and the matter of a question. A uid is the active
// user's before it is a leaver's.
func (q *mAsk) about() {
	for _, departed := range []bool{true, false} {
		for i := range q.f.users {
			if u := &q.f.users[i]; u.uid == q.uid && u.departed == departed {
				q.u = u
			}
		}
	}
	for i := range q.f.matters {
		if m := &q.f.matters[i]; m.id == q.matter {
			q.m = m
		}
	}
}

func (f *mFirm) ask(r *rand.Rand) *mAsk {
	q := &mAsk{f: f, uid: 99 + r.IntN(8), matter: pick(r, "m0", "m0", "m1", "m1", "m2", "m2", "m2", "none"), own: one(r, 3), day: 2 + r.IntN(7),
		path: pick(r, "", "a", "d", "d/a", "d/e", "d/e/a", "d/e/f/a", "x", "x/a"), op: pick(r, ops...), system: map[string]string{}}
	q.at = date(q.day).Add(pick(r, 0, 12*time.Hour, 24*time.Hour-1))
	q.sealed = some(r, 9, "low", "mid", "few", "top", "unheard of")
	if one(r, 20) {
		q.disabled = "u2"
	}
	if one(r, 20) {
		q.frozen = "m2"
	}
	q.fault = pick(r, append(make([]string, 40), "sys.log")...)
	for _, u := range f.users {
		for _, g := range []string{"sys", "net"} {
			q.system[g+" "+u.name] = pick(r, "in", "out", "out", "unknown")
		}
	}
	q.about()
	return q
}

var ops = func() (names []string) {
	for _, op := range policy.Ops() {
		names = append(names, op.String())
	}
	return names
}()

// corpus calls check with random firms and questions to each. What chance made
// is not always a valid policy; most of it must be.
func corpus(t *testing.T, seed uint64, firms, questions int, check func(p *policy.Policy, q *mAsk)) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	valid := 0
	for range firms {
		f := randomModel(r)
		p, err := policy.Parse(f.files())
		if err != nil {
			continue
		}
		valid++
		for range questions {
			check(p, f.ask(r))
		}
	}
	if valid < firms/2 {
		t.Fatalf("only %d of %d random policies are valid", valid, firms)
	}
}

// agrees tells whether the policy answers as the model does.
func (q *mAsk) agrees(d policy.Decision) bool {
	rule, shown := q.answer()
	if rule != "" {
		return !d.Allow && d.Rule == rule && d.Shown == shown
	}
	g, _ := q.best()
	return d.Allow && g.wide == strings.HasPrefix(d.Rule, "member.wide.") && d.Purpose == g.purpose && d.Level == q.level().name && d.User == q.u.name
}

func (q *mAsk) String() string {
	return fmt.Sprintf("uid %d, %s %s/%s, own %v, sealed %q, %v, disabled %q\n%s", q.uid, q.op, q.matter, q.path, q.own, q.sealed, q.at, q.disabled, q.f.files()["firm.yaml"])
}
