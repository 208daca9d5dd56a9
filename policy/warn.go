package policy

import (
	"slices"
	"strings"
)

// warn looks at the whole policy for what is legal and can hardly be meant:
// rules that refuse everybody, and walls in front of nobody.
func (b *builder) warn() {
	for _, l := range b.p.levels {
		if l.pos.src != nil {
			unmeetable(l.pos, "level", l.Purpose, l.TwoPerson > 0)
		}
	}
	for _, t := range b.p.tags {
		unmeetable(t.pos, "tag", t.purpose, false)
	}
	for _, u := range b.p.users {
		if u.HasUID && u.UID == 0 && !u.departed {
			u.uidAt.warnf("give this person an account of their own", "uid 0 is root: everything that runs as root would act as %q", u.Name)
		}
	}
	for _, m := range b.p.matters {
		b.waiting(m)
	}
	for i := range b.r.walls {
		b.idleWall(&b.r.walls[i])
	}
}

// unmeetable warns of what nobody can give in this version, so that it refuses
// everybody, the lead too.
func unmeetable(at pos, what, purpose string, twoPerson bool) {
	var asks []string
	if purpose == "session" {
		asks = append(asks, "`purpose: session`")
	}
	if twoPerson {
		asks = append(asks, "`two_person`")
	}
	if asks != nil {
		at.warnf("use `purpose: required` to let people in", "%s cannot be met in this version: everybody is refused at this %s", strings.Join(asks, " and "), what)
	}
}

// waiting warns of grants that need a record nobody can make in this version.
func (b *builder) waiting(m *matter) {
	if m.status >= sealed {
		return
	}
	warned := map[pos]bool{}
	for _, u := range b.byIndex {
		for _, g := range m.grants[u.index] {
			b.waits(&g, u, warned)
		}
	}
	for i := range m.unix {
		b.waits(&m.unix[i], nil, warned)
	}
}

func (b *builder) waits(g *grant, u *user, warned map[pos]bool) {
	asks := ""
	switch {
	case u != nil && (u.departed || warned[g.pos]), u == nil && warned[g.pos]:
		return
	case g.approval:
		asks = "`approval: required`"
	case g.ack:
		asks = "`ack: required`"
	case u != nil && u.role.approval && g.group == nil:
		asks = "`approval: required` of role \"" + u.role.name + "\""
	default:
		return
	}
	warned[g.pos] = true
	g.pos.warnf("leave it out to let them in", "%s cannot be recorded in this version: the grant gives nothing", asks)
}

// idleWall warns of a wall that stops nobody, or that lets nobody through,
// because everybody it names has left.
func (b *builder) idleWall(w *rawWall) {
	for _, side := range []struct {
		refs []rawRef
		says string
	}{{w.screen, "wall %q keeps out nobody: all it names have left"}, {w.only, "wall %q lets nobody in: all it names have left"}} {
		if len(side.refs) > 0 && !slices.ContainsFunc(side.refs, b.anybody) {
			w.id.at.warnf("name others, or remove the wall", side.says, w.id.s)
		}
	}
}

// anybody tells whether a user or group stands for somebody who is still there.
// What could not be resolved was reported.
func (b *builder) anybody(ref rawRef) bool {
	if u := b.p.user[ref.name.s]; ref.kind.s == "user" {
		return u == nil || !u.departed
	}
	g := b.p.groups[ref.name.s]
	return g == nil || g.unix != "" || slices.ContainsFunc(g.members, func(u *user) bool { return !u.departed })
}
