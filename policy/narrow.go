package policy

import (
	"fmt"
	"slices"
	"time"
)

// order compares two policies: does `to` let somebody do something, at some
// moment from `at` on, that `from` does not? It goes by how the policies are
// built, not by samples, so that an answer of no holds for every path, every
// sealed level and every unix group. What it cannot tell counts as more.
//
// Its methods return "" for no, else what is more, in words for administrators.
type order struct {
	from, to *Policy
	at       time.Time
	fromUser []*user // by index
	toUser   []*user
	idle     map[*user]bool // users of `to` who can do nothing
	freed    map[[2]*people]*freed
}

// freed is whom a wall no longer stops.
type freed struct {
	anyone bool
	users  []*user // of `to`
}

func newOrder(from, to *Policy, at time.Time) *order {
	o := &order{from: from, to: to, at: at, fromUser: byIndex(from), toUser: byIndex(to), idle: map[*user]bool{}, freed: map[[2]*people]*freed{}}
	for _, u := range to.users {
		o.idle[u] = u.departed || !u.HasUID || to.uid[u.UID] != u || u.over(at)
	}
	return o
}

func byIndex(p *Policy) []*user {
	list := make([]*user, len(p.users))
	for _, u := range p.users {
		list[u.index] = u
	}
	return list
}

func (u *user) over(at time.Time) bool { return !u.until.IsZero() && !at.Before(u.until) }

// noLater tells whether a is no later than b; zero is never.
func noLater(a, b time.Time) bool { return b.IsZero() || !a.IsZero() && !a.After(b) }

// firm compares what concerns everybody.
func (o *order) firm() string {
	if len(o.from.levels) != len(o.to.levels) {
		return "the levels are others"
	}
	for i, old := range o.from.levels {
		l := o.to.levels[i]
		if l.Name != old.Name {
			return "the levels are others"
		}
		if !l.asksAll(old) {
			return fmt.Sprintf("level %q asks for less", l.Name)
		}
	}
	if o.from.stale > 0 && (o.to.stale == 0 || o.to.stale > o.from.stale) {
		return "limits.stale is longer"
	}
	for _, old := range o.from.tags {
		if t := o.to.tagNamed(old.name); t == nil || !t.asksAll(old) {
			return fmt.Sprintf("tag %q asks for less", old.name)
		}
	}
	for duty, names := range o.to.duties {
		for _, name := range names {
			if !slices.Contains(o.from.duties[duty], name) {
				return fmt.Sprintf("%q has the duty %s", name, duty)
			}
		}
	}
	return ""
}

// readsLogged orders how reads are recorded. What the policy leaves to the
// daemon may be either.
var readsLogged = map[string]int{CoverReads: 0, "": 1, EachRead: 2}

// asksAll tells whether a level asks for all that another does, but for denied
// roles.
func (l *Level) asksAll(old *Level) bool {
	return purposes[l.Purpose] >= purposes[old.Purpose] &&
		(old.TwoPerson == 0 || l.TwoPerson > 0 && l.TwoPerson <= old.TwoPerson) &&
		(old.MaxReaders == 0 || l.MaxReaders > 0 && l.MaxReaders <= old.MaxReaders) &&
		(l.NamedOnly || !old.NamedOnly) && (l.DenyMapping || !old.DenyMapping) && (l.LogSync || !old.LogSync) &&
		readsLogged[l.LogReads] >= readsLogged[old.LogReads]
}

// asksAll tells whether a tag asks for all that it did, but for denied roles.
func (t *tag) asksAll(old *tag) bool {
	return purposes[t.purpose] >= purposes[old.purpose] && (t.named || !old.named) && (t.unmapped || !old.unmapped) &&
		(t.eachRead || !old.eachRead) && (t.logSync || !old.logSync) &&
		(old.level == nil || t.level != nil && t.level.Rank >= old.level.Rank)
}

func (p *Policy) tagNamed(name string) *tag {
	i := slices.IndexFunc(p.tags, func(t *tag) bool { return t.name == name })
	if i < 0 {
		return nil
	}
	return p.tags[i]
}

// person compares a user of `to` with who they were.
func (o *order) person(u *user) string {
	if o.idle[u] {
		return ""
	}
	old := o.from.user[u.Name]
	switch {
	case old == nil || old.departed || !old.HasUID || old.UID != u.UID:
		return fmt.Sprintf("user %q is new", u.Name)
	case !noLater(u.until, old.until):
		return fmt.Sprintf("user %q stays longer", u.Name)
	case old.blocks(o.at) && (u.blocked == nil || !noLater(old.blocked.until, u.blocked.until)):
		return fmt.Sprintf("user %q is no longer blocked", u.Name)
	case !u.ndaNoWider(old):
		return fmt.Sprintf("user %q: the confidentiality agreement lets in more", u.Name)
	case u.role.rights&^old.role.rights != 0, old.role.approval && !u.role.approval:
		return fmt.Sprintf("user %q: role %q allows more", u.Name, u.role.name)
	case u.clearance.Rank > old.clearance.Rank:
		return fmt.Sprintf("user %q has a higher clearance", u.Name)
	}
	for i, l := range o.from.levels {
		if i < len(o.to.levels) && l.deniedToRole[old.role] && !o.to.levels[i].deniedToRole[u.role] {
			return fmt.Sprintf("user %q: level %q is no longer denied", u.Name, l.Name)
		}
	}
	for _, t := range o.from.tags {
		if now := o.to.tagNamed(t.name); t.denied[old.role] && (now == nil || !now.denied[u.role]) {
			return fmt.Sprintf("user %q: tag %q is no longer denied", u.Name, t.name)
		}
	}
	return ""
}

func (u *user) blocks(at time.Time) bool {
	return u.blocked != nil && (u.blocked.until.IsZero() || at.Before(u.blocked.until))
}

func (u *user) ndaNoWider(old *user) bool {
	switch {
	case !old.role.nda:
		return true
	case !u.role.nda:
		return false
	case u.nda == nil:
		return true
	}
	return old.nda != nil && !u.nda.signed.Before(old.nda.signed) && noLater(u.nda.until, old.nda.until)
}

// matter compares a matter of `to` with what it was. The levels are the same in
// both policies.
func (o *order) matter(m *matter) string {
	if m.status >= sealed {
		return ""
	}
	old := o.from.matter[m.info.ID]
	switch {
	case old == nil:
		return "is new"
	case m.status < old.status:
		return "is open again"
	case m.info.Folder != old.info.Folder:
		return "has another folder"
	}
	for _, compare := range []func(m, old *matter) string{o.grants, o.unixGrants, o.wide, o.walls, o.places} {
		if more := compare(m, old); more != "" {
			return more
		}
	}
	return ""
}

func (o *order) grants(m, old *matter) string {
	for index, list := range m.grants {
		u := o.toUser[index]
		if o.idle[u] {
			continue
		}
		var before []grant
		if was := o.from.user[u.Name]; was != nil {
			before = old.grants[was.index]
		}
		for i := range list {
			if g := &list[i]; g.valid(o.at) && !slices.ContainsFunc(before, func(b grant) bool { return g.noWider(&b) }) {
				return fmt.Sprintf("%q is granted more (%s)", u.Name, g.pos)
			}
		}
	}
	return ""
}

func (o *order) unixGrants(m, old *matter) string {
	for i := range m.unix {
		g := &m.unix[i]
		same := func(b grant) bool { return b.group.unix == g.group.unix && g.noWider(&b) }
		if g.valid(o.at) && !slices.ContainsFunc(old.unix, same) {
			return fmt.Sprintf("group %q is granted more (%s)", g.group.name, g.pos)
		}
	}
	return ""
}

// wide asks that whoever reads the matter by their role did so before, or more.
func (o *order) wide(m, old *matter) string {
	for _, u := range o.to.wide {
		g := m.reach(u)
		if g == nil || o.idle[u] {
			continue
		}
		was := o.from.user[u.Name]
		if was == nil || old.reach(was) == nil && !slices.ContainsFunc(old.grants[was.index], func(b grant) bool { return g.noWider(&b) }) {
			return fmt.Sprintf("%q reads it by role %q (%s)", u.Name, u.role.name, g.pos)
		}
	}
	return ""
}

// noWider tells whether a grant gives nothing that old does not give.
func (g *grant) noWider(old *grant) bool {
	named := old.group == nil || g.wide != "" || g.group != nil && (old.group.unix == "" || g.group.unix != "")
	return named && g.rights&^old.rights == 0 && noLater(g.until, old.until) &&
		(g.ack || !old.ack) && (g.approval || !old.approval) && (g.purpose == "" || old.purpose != "")
}

// walls asks that each wall of old still stands, for as long and for as many.
func (o *order) walls(m, old *matter) string {
	for i := range old.walls {
		b := &old.walls[i]
		stops := func(n barrier) bool {
			return n.invert == b.invert && noLater(b.until, n.until) && !o.lets(m, o.freedBy(&n, b))
		}
		if b.stands(o.at) && !slices.ContainsFunc(m.walls, stops) {
			return fmt.Sprintf("wall %s keeps out less", b.id)
		}
	}
	return ""
}

// lets tells whether somebody of those freed can gain by it in the matter.
func (o *order) lets(m *matter, f *freed) bool {
	return f.anyone || len(f.users) > 0 && len(m.unix) > 0 ||
		slices.ContainsFunc(f.users, func(u *user) bool { return len(m.grants[u.index]) > 0 || m.reach(u) != nil })
}

// freedBy is whom b does not stop and old did. Many matters share few sets, so
// that each pair is compared once.
func (o *order) freedBy(b, old *barrier) *freed {
	key := [2]*people{b.set, old.set}
	if f := o.freed[key]; f != nil {
		return f
	}
	f := &freed{}
	if b.invert {
		f.anyone = !unixWithin(b.set, old.set)
		for index := range b.set.named {
			u := o.toUser[index]
			if was := o.from.user[u.Name]; was == nil || !old.set.named[was.index] {
				f.add(o, u)
			}
		}
	} else {
		f.anyone = !unixWithin(old.set, b.set)
		for index := range old.set.named {
			if u := o.to.user[o.fromUser[index].Name]; u != nil && !b.set.named[u.index] {
				f.add(o, u)
			}
		}
	}
	o.freed[key] = f
	return f
}

func (f *freed) add(o *order, u *user) {
	if !o.idle[u] {
		f.users = append(f.users, u)
	}
}

// unixWithin tells whether every unix group of a is in b.
func unixWithin(a, b *people) bool {
	for _, g := range a.unix {
		if !slices.ContainsFunc(b.unix, func(other *group) bool { return other.unix == g.unix }) {
			return false
		}
	}
	return true
}

// places compares levels, narrowed and pinned folders.
func (o *order) places(m, old *matter) string {
	for _, path := range rulePaths(m, old) {
		if more := o.place(path, m, old); more != "" {
			return more
		}
	}
	for i := range old.folders {
		was := &old.folders[i]
		holds := func(f folder) bool { return within(f.path, was.path) }
		if !slices.ContainsFunc(m.folders, holds) {
			return fmt.Sprintf("folder %q has no rule any more", was.path)
		}
		narrows := func(f folder) bool { return f.only != nil && within(was.path, f.path) && o.inside(f.only, was.only) }
		if was.only != nil && !slices.ContainsFunc(m.folders, narrows) {
			return fmt.Sprintf("folder %q is open to more people", was.path)
		}
	}
	return ""
}

// rulePaths are the root and every folder that a rule of either names. What
// holds at these holds everywhere: each path has the rules of the deepest of
// them that is above it.
func rulePaths(m, old *matter) []string {
	paths := []string{""}
	for _, list := range [][]folder{m.folders, old.folders} {
		for i := range list {
			if !slices.Contains(paths, list[i].path) {
				paths = append(paths, list[i].path)
			}
		}
	}
	return paths
}

func (o *order) place(path string, m, old *matter) string {
	before, after := o.from.levelAt(old, path, nil), o.to.levelAt(m, path, nil)
	switch {
	case after.Rank < before.Rank:
		return fmt.Sprintf("level of %q is lower", "/"+path)
	case after.Rank > before.Rank && !o.rising(before.Rank, after.Rank):
		return fmt.Sprintf("level %q of %q asks for less than %q", after.Name, "/"+path, before.Name)
	}
	for _, t := range old.ranksAt(path)[0].tagged.tags {
		if !slices.ContainsFunc(m.ranksAt(path)[0].tagged.tags, func(n *tag) bool { return n.name == t.name }) {
			return fmt.Sprintf("%q has no longer the tag %q", "/"+path, t.name)
		}
	}
	for rank, level := range o.to.levels {
		was := old.overfull(path, o.from.levels[rank])
		if was && (after.Rank > before.Rank || !m.overfull(path, level)) {
			return fmt.Sprintf("%q has no longer too many readers for level %q", "/"+path, level.Name)
		}
	}
	return ""
}

// rising tells whether, between two ranks, a higher level asks for all that a
// lower one does.
func (o *order) rising(low, high int) bool {
	for rank := low; rank < high; rank++ {
		a, b := o.to.levels[rank], o.to.levels[rank+1]
		if !b.asksAll(a) {
			return false
		}
		for role := range a.deniedToRole {
			if !b.deniedToRole[role] {
				return false
			}
		}
	}
	return true
}

// inside tells whether a set of `to` has nobody who is not in one of `from`.
func (o *order) inside(set, of *people) bool {
	for index := range set.named {
		u := o.toUser[index]
		if was := o.from.user[u.Name]; !o.idle[u] && (was == nil || !of.named[was.index]) {
			return false
		}
	}
	return unixWithin(set, of)
}
