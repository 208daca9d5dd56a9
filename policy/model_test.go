package policy_test

import (
	"slices"
	"strings"
	"time"

	"matterfs/policy"
)

// The model: the decision table of the package documentation once more, written
// down as slowly and plainly as possible, from words and day numbers. It shares
// nothing with the package but the request and the answer.

// mAsk is one question to a firm of the model.
type mAsk struct {
	f        *mFirm
	uid      int
	matter   string
	path     string
	sealed   []string
	op       string
	own      bool
	day      int // of November; at is some moment of it
	at       time.Time
	disabled string
	frozen   string
	fault    string
	system   map[string]string // "GROUP USER": in, out or unknown

	u    *mUser
	m    *mMatter
	skip string // the clause that a spoilt model leaves out
}

func (q *mAsk) request() policy.Request {
	op, _ := policy.ParseOp(q.op)
	env := &policy.Env{
		Groups: func(g, u string) (bool, bool) {
			s := q.system[g+" "+u]
			return s == "in", s != "unknown"
		},
		Disabled: func(u string) bool { return u == q.disabled },
		Frozen:   func(m string) bool { return m == q.frozen },
		Fault:    func() string { return q.fault },
	}
	return policy.Request{UID: uint32(q.uid), Matter: q.matter, Path: q.path, Sealed: q.sealed, Op: op, Own: q.own, At: q.at, Env: env}
}

// needs is the right that an operation takes, and what does as well for whoever
// made the object.
var needs = map[string]struct{ any, own string }{
	"lookup": {"read", ""}, "getattr": {"read", ""}, "list": {"read", ""}, "open": {"read", ""}, "read": {"read", ""},
	"fill": {"read", ""}, "readlink": {"read", ""}, "getxattr": {"read", ""}, "fsync": {"read write", ""},
	"openwrite": {"write", "create"}, "write": {"write", "create"}, "truncate": {"write", "create"},
	"setattr": {"write", "create"}, "setxattr": {"write", "create"}, "allocate": {"write", "create"},
	"create": {"write create", ""}, "mkdir": {"create", ""}, "symlink": {"create", ""},
	"unlink": {"delete", "write create"}, "rmdir": {"delete", "write create"}, "rename": {"rename", "write create"},
	"renameto": {"write create rename", ""}, "replace": {"write delete", "create"},
}

const reading = "lookup getattr list open read fill readlink getxattr fsync"

// words tells whether one of a in the list, blanks between words.
func words(list, a string) bool { return slices.Contains(strings.Fields(list), a) }

func (q *mAsk) enough(rights []string) bool {
	n := needs[q.op]
	return slices.ContainsFunc(rights, func(r string) bool { return words(n.any, r) || q.own && words(n.own, r) })
}

// over tells whether the last day of something is past.
func (q *mAsk) over(until int) bool { return until > 0 && q.day > until }

func (q *mAsk) rank(level string) int {
	i := slices.IndexFunc(q.f.levels, func(l mLevel) bool { return l.name == level })
	if i < 0 {
		return len(q.f.levels) - 1 // nobody knows it: the top
	}
	return i
}

func (q *mAsk) role() mRole {
	o, _ := find(q.f.roles, func(o mRole) bool { return o.name == q.u.role })
	return o
}

func below(path, folder string) bool { return strings.HasPrefix(path+"/", folder+"/") }

// level is the highest that the path carries.
func (q *mAsk) level() mLevel {
	top := q.rank(q.m.level)
	for _, f := range q.m.folders {
		if f.level != "" && below(q.path, f.path) {
			top = max(top, q.rank(f.level))
		}
	}
	for _, s := range q.sealed {
		top = max(top, q.rank(s))
	}
	for _, t := range q.tags() {
		if t.level != "" && q.skip != "tag level" {
			top = max(top, q.rank(t.level))
		}
	}
	return q.f.levels[top]
}

// isIn tells whether a user is in a group: yes, no or unknown.
func (q *mAsk) isIn(group, user string) string {
	g, _ := find(q.f.groups, func(g mGroup) bool { return g.name == group })
	switch {
	case slices.Contains(g.members, user):
		return "yes"
	case g.unix == "" || q.system[g.unix+" "+user] == "out":
		return "no"
	case q.system[g.unix+" "+user] == "in":
		return "yes"
	}
	return "unknown"
}

// among tells whether the user is one of those that refs name.
func (q *mAsk) among(refs []mRef, user string) string {
	answer := "no"
	for _, r := range refs {
		is := "no"
		if r.kind == "user" && r.name == user {
			is = "yes"
		}
		if r.kind == "group" {
			is = q.isIn(r.name, user)
		}
		if is == "yes" || answer == "no" {
			answer = is
		}
		if answer == "yes" {
			break
		}
	}
	return answer
}

func (m *mMatter) isOf(refs []mRef) bool {
	return slices.ContainsFunc(refs, func(r mRef) bool {
		return r == mRef{"matter", m.id} || r == mRef{"client", m.client} || r == mRef{"tag", m.tag}
	})
}

// held is every grant entry of the matter that concerns the user, as sure as
// the question says: the lead, entries in their order, groups of the system last.
func (q *mAsk) held(m *mMatter, user string, sure string) (list []mGrant) {
	if m.lead == user {
		list = append(list, mGrant{rights: all, purpose: "承办"})
	}
	for _, unix := range []bool{false, true} {
		for _, g := range m.members {
			group, _ := find(q.f.groups, func(x mGroup) bool { return x.name == g.group })
			named := g.user == user || slices.Contains(group.members, user)
			if !unix && named || unix && group.unix != "" && words(sure, q.isIn(g.group, user)) && !named {
				list = append(list, g)
			}
		}
	}
	return list
}

func (q *mAsk) valid() (list []mGrant) {
	for _, g := range q.held(q.m, q.u.name, "yes") {
		if !q.over(g.until) {
			list = append(list, g)
		}
	}
	if q.wide() {
		list = append(list, mGrant{rights: []string{"read"}, wide: true})
	}
	return list
}

func (q *mAsk) usable() (list []mGrant) {
	for _, g := range q.valid() {
		if !g.ack && !g.approval && !q.role().approval {
			list = append(list, g)
		}
	}
	return list
}

// counts tells whether a grant counts at the path.
func (q *mAsk) counts(g mGrant) bool {
	l := q.level()
	if g.wide {
		return (l.name != "top" || q.skip == "wide top") && (!q.named() || q.skip == "wide named") && (l.max == 0 || q.skip == "wide few")
	}
	group, grouped := find(q.f.groups, func(x mGroup) bool { return x.name == g.group })
	return !grouped || !q.named() && (l.max == 0 || group.unix == "")
}

func (q *mAsk) here() (list []mGrant) {
	for _, g := range q.usable() {
		if q.counts(g) {
			list = append(list, g)
		}
	}
	return list
}

func rightsOf(grants []mGrant) (all []string) {
	for _, g := range grants {
		all = append(all, g.rights...)
	}
	return all
}

// best is the grant that lets the caller in: the first that suffices, one with
// a purpose first where the level wants one.
func (q *mAsk) best() (mGrant, bool) {
	can := q.role().rights
	var first []mGrant
	for _, g := range q.here() {
		var both []string
		for _, r := range g.rights {
			if slices.Contains(can, r) {
				both = append(both, r)
			}
		}
		if q.enough(both) {
			first = append(first, g)
		}
	}
	if q.purpose() == "required" {
		if g, ok := find(first, func(g mGrant) bool { return g.purpose != "" }); ok {
			return g, true
		}
	}
	return find(first, func(mGrant) bool { return true })
}

// tooHigh names the clause that keeps the user below the level of the path.
func (q *mAsk) tooHigh() string {
	l := q.level()
	clearance := q.u.clearance
	if clearance == "" {
		clearance = q.role().clearance
	}
	switch {
	case q.rank(clearance) < q.rank(l.name):
		return "level.clearance"
	case slices.Contains(l.denied, q.u.role):
		return "level.role"
	case q.skip != "tag.role":
		return q.deniedByTag()
	}
	return ""
}

// narrowed tells whether a folder above the path is for others.
func (q *mAsk) narrowed() bool {
	return slices.ContainsFunc(q.m.folders, func(f mFolder) bool {
		return len(f.only) > 0 && below(q.path, f.path) && q.among(f.only, q.u.name) != "yes"
	})
}

// overfull counts whom the policy would let read here some day.
func (q *mAsk) overfull() bool {
	l, n := q.level(), 0
	for i := range q.f.users {
		u := &q.f.users[i]
		as := *q
		as.u = u
		if u.departed || !slices.Contains(as.role().rights, "read") || as.tooHigh() != "" {
			continue
		}
		shut := slices.ContainsFunc(q.m.folders, func(f mFolder) bool {
			return len(f.only) > 0 && below(q.path, f.path) && !as.mayBeAmong(f.only)
		})
		reads := slices.ContainsFunc(as.held(q.m, u.name, ""), func(g mGrant) bool {
			return slices.Contains(g.rights, "read") && as.counts(g)
		})
		if reads && !shut {
			n++
		}
	}
	return l.max > 0 && n > l.max
}

// mayBeAmong takes every group of the system to hold everybody.
func (q *mAsk) mayBeAmong(refs []mRef) bool {
	nobodyKnows := *q
	nobodyKnows.system = map[string]string{}
	return nobodyKnows.among(refs, q.u.name) != "no"
}

// behind finds the first wall that keeps the caller out.
func (q *mAsk) behind() string {
	for _, w := range q.f.walls {
		if w.form != q.skip && !q.over(w.until) && q.stops(w) {
			return "wall." + w.id
		}
	}
	return ""
}

func (q *mAsk) stops(w mWall) bool {
	switch w.form {
	case "screen":
		return q.m.isOf(w.objects) && q.among(w.people, q.u.name) != "no"
	case "only":
		return q.m.isOf(w.objects) && q.among(w.people, q.u.name) != "yes"
	}
	for i, mine := range w.sides {
		if !q.m.isOf(mine) {
			continue
		}
		for j, theirs := range w.sides {
			if i != j && q.onSide(theirs) {
				return true
			}
		}
	}
	return false
}

// onSide tells whether the caller is, or may be, named on a side or holds a
// grant in one of its matters, be it over or waiting.
func (q *mAsk) onSide(side []mRef) bool {
	for i := range q.f.matters {
		if m := &q.f.matters[i]; m.isOf(side) && len(q.held(m, q.u.name, "yes unknown")) > 0 {
			return true
		}
	}
	return q.among(side, q.u.name) != "no"
}
