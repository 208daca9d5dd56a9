package policy

import (
	"slices"
	"strings"
	"time"
)

// build resolves the names of a raw policy. It reports what is wrong and goes
// on; the result is used only when nothing was.
func build(r *raw) *Policy {
	p := &Policy{
		zone: time.UTC, asOf: r.asOf, stale: r.stale,
		level: map[string]*Level{}, roles: map[string]*role{}, user: map[string]*user{}, uid: map[uint32]*user{},
		groups: map[string]*group{}, matter: map[string]*matter{}, folder: map[string]*matter{}, duties: map[string][]string{},
	}
	b := &builder{r: r, p: p, names: map[string]val{}, ranks: map[string][]*Level{}}
	b.timezone()
	b.levels()
	b.roles()
	b.denied()
	b.tags()
	b.listDepartments()
	b.users()
	b.groups()
	b.duties()
	b.blocked()
	b.matters()
	b.walls()
	b.tests()
	b.warn()
	return p
}

type builder struct {
	r       *raw
	p       *Policy
	byIndex []*user        // by user.index; p.users is sorted
	names   map[string]val // by kind and looks: how each was first written

	ruled map[string]*tag     // by name
	ranks map[string][]*Level // by the tags that apply, see ranksWith
}

func (b *builder) timezone() {
	name := b.r.timezone
	if !name.given() {
		return
	}
	zone, err := time.LoadLocation(name.s)
	if err != nil || name.s == "Local" {
		name.at.errorf("write Asia/Shanghai", "unknown timezone %q", name.s)
		return
	}
	b.p.zone = zone
}

// lookup resolves a name in one of the policy's maps, reporting an unknown one
// with the nearest known. While some file could not be read unknown names are
// passed over: they may stand there.
func lookup[T any](b *builder, m map[string]T, name val, what string) (T, bool) {
	v, ok := m[name.s]
	if !ok && name.given() && !b.r.broken {
		name.at.errorf(b.suggest(name, keys(m)), "unknown %s %q", what, name.s)
	}
	return v, ok
}

// maxSuggestions bounds the search for similar names when a whole policy is
// wrong.
const maxSuggestions = 500

func (b *builder) suggest(name val, known []string) string {
	if len(b.r.notes.errs) > maxSuggestions {
		return ""
	}
	return didYouMean(name.s, known)
}

func keys[T any](m map[string]T) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	return list
}

// alike reports a name that looks like another one of its kind and is not the
// same: a wall against either would silently miss the other.
func (b *builder) alike(what string, name val) {
	if !name.given() {
		return
	}
	looks := what + " " + skeleton(name.s)
	first, seen := b.names[looks]
	switch {
	case !seen:
		b.names[looks] = name
	case first.s != name.s:
		name.at.errorf("copy one over the other, or make them differ", "%s %q looks like %q at %s and is written with other characters", what, name.s, first.s, first.at)
	}
}

// again reports a name that was defined before, in this file or another.
func again(name val, what string, first pos) {
	name.at.errorf("", "%s %q is defined again, first at %s", what, name.s, first)
}

func (b *builder) levels() {
	for i, l := range b.r.levels {
		level := &Level{
			Name: l.name.s, Rank: i, Purpose: l.purpose.s, TwoPerson: l.ttl, MaxReaders: int(l.maxReaders),
			NamedOnly: l.namedOnly, DenyMapping: l.mapping.s == "deny", LogReads: l.reads.s, LogSync: l.logSync.s == "group",
			pos: l.name.at, deniedToRole: map[*role]bool{},
		}
		b.p.levels = append(b.p.levels, level)
		b.p.level[level.Name] = level
	}
	if len(b.p.levels) == 0 { // reported; later steps need a top
		b.p.levels = []*Level{{}}
	}
	b.p.top().top = true
}

func (b *builder) roles() {
	for _, o := range b.r.roles {
		if old := b.p.roles[o.name.s]; old != nil {
			again(o.name, "role", old.pos)
			continue
		}
		clearance, ok := lookup(b, b.p.level, o.clearance, "level")
		if !ok {
			clearance = b.p.levels[0]
		}
		made := &role{
			name: o.name.s, clearance: clearance, rights: o.rights, pos: o.name.at,
			approval: o.approval.given(), nda: o.nda.given(), until: o.until.given(),
		}
		b.widen(o, made)
		b.p.roles[made.name] = made
	}
}

// denied resolves deny_roles, which may name roles of any file.
func (b *builder) denied() {
	for i, l := range b.r.levels {
		for _, name := range l.denyRoles {
			if o, ok := lookup(b, b.p.roles, name, "role"); ok {
				b.p.levels[i].deniedToRole[o] = true
				b.p.levels[i].DeniedRoles = append(b.p.levels[i].DeniedRoles, o.name)
			}
		}
	}
}

func (b *builder) users() {
	for _, u := range b.r.users {
		made := b.makeUser(u)
		if old := b.p.user[made.Name]; old != nil {
			again(u.name, "user", old.pos)
			continue
		}
		b.p.user[made.Name] = made
		b.byIndex = append(b.byIndex, made)
		b.p.users = append(b.p.users, made)
		b.claimUID(made)
		b.alike("org", u.org)
	}
	b.heirs()
	slices.SortFunc(b.p.users, func(x, y *user) int { return strings.Compare(x.Name, y.Name) })
}

func (b *builder) makeUser(u rawUser) *user {
	o, ok := lookup(b, b.p.roles, u.role, "role")
	if !ok {
		o = &role{name: u.role.s, clearance: b.p.levels[0]}
	}
	zone := b.p.zone
	made := &user{
		role: o, clearance: b.clearance(u.clearance, o), departed: u.status.s == "departed", until: u.until.end(zone),
		index: int32(len(b.p.users)), pos: u.name.at, uidAt: u.uidAt,
	}
	made.User = User{
		Name: u.name.s, UID: uint32(max(u.uid, 0)), HasUID: u.uid >= 0, Role: o.name, Display: u.display.s, Org: u.org.s,
		Status: "active", Clearance: made.clearance.Name, Until: made.until, Pos: u.name.at.String(),
	}
	if made.departed {
		made.Status, made.Since = "departed", u.since.start(zone)
	}
	if made.Display == "" {
		made.Display = made.Name
	}
	if u.nda.ref.given() && u.nda.signed.given() {
		made.nda = &nda{signed: u.nda.signed.start(zone), until: u.nda.until.end(zone), pos: u.nda.ref.at}
		made.NDA, made.NDAUntil = u.nda.ref.s, made.nda.until
	}
	b.reaching(u, made)
	if o.until && !u.until.given() {
		u.name.at.errorf("add until: DATE", "role %q needs an end date, and user %q has none", o.name, u.name.s)
	}
	return made
}

// clearance is the person's own, which the role caps.
func (b *builder) clearance(own val, o *role) *Level {
	if !own.given() {
		return o.clearance
	}
	level, ok := lookup(b, b.p.level, own, "level")
	if !ok {
		return o.clearance
	}
	if level.Rank > o.clearance.Rank {
		own.at.errorf("", "clearance %q is above %q, the clearance of role %q", own.s, o.clearance.Name, o.name)
		return o.clearance
	}
	return level
}

// claimUID gives a uid to its one active user. A departed one keeps it only
// while nobody else needs it.
func (b *builder) claimUID(u *user) {
	if !u.HasUID {
		return
	}
	old := b.p.uid[u.UID]
	switch {
	case old == nil || old.departed && !u.departed:
		b.p.uid[u.UID] = u
	case !old.departed && !u.departed:
		u.uidAt.errorf("", "uid %d belongs to %q already (%s)", u.UID, old.Name, old.pos)
	}
}

// heirs warns of people who have a leaver's uid. The creator of a document is
// known by uid only, so that what the leaver made counts as theirs.
func (b *builder) heirs() {
	for _, gone := range b.byIndex {
		heir := b.p.uid[gone.UID]
		if gone.departed && gone.HasUID && !heir.departed {
			heir.uidAt.warnf("give a new person a new uid", "uid %d was that of %q, who has left (%s): what they created counts as created by %q",
				gone.UID, gone.Name, gone.pos, heir.Name)
		}
	}
}

func (b *builder) groups() {
	for _, g := range b.r.groups {
		if old := b.p.groups[g.name.s]; old != nil {
			again(g.name, "group", old.pos)
			continue
		}
		made := &group{name: g.name.s, unix: g.unix.s, pos: g.name.at}
		for _, name := range g.members {
			if u, ok := lookup(b, b.p.user, name, "user"); ok {
				made.members = append(made.members, u)
			}
		}
		if !g.unix.given() && len(g.members) == 0 {
			g.name.at.errorf("add unix: GROUP or members: [USER]", "group %q has no members", g.name.s)
		}
		b.p.groups[made.name] = made
	}
}

func (b *builder) duties() {
	known := []string{"sysadmin", "secadmin", "auditor"}
	held := map[string]val{}
	for _, d := range b.r.duties {
		if !slices.Contains(known, d.name.s) {
			d.name.at.errorf(didYouMean(d.name.s, known), "unknown duty %q", d.name.s)
			continue
		}
		for _, name := range d.users {
			b.duty(d.name.s, name, held)
		}
	}
}

// duty gives a duty to a user. The three are apart: nobody holds two.
func (b *builder) duty(duty string, name val, held map[string]val) {
	u, ok := lookup(b, b.p.user, name, "user")
	if !ok {
		return
	}
	if first, dup := held[name.s]; dup {
		name.at.errorf("the three duties are kept apart", "%q already holds a duty (%s)", name.s, first.at)
		return
	}
	if u.departed {
		name.at.warnf("", "%q has left and holds the duty %s", name.s, duty)
	}
	held[name.s] = name
	b.p.duties[duty] = append(b.p.duties[duty], name.s)
}

func (b *builder) blocked() {
	for _, entry := range b.r.blocked {
		b.alike("org", entry.org)
		made := &block{until: entry.until.end(b.p.zone), reason: entry.reason.s}
		hit := false
		if entry.user.given() {
			if u, ok := lookup(b, b.p.user, entry.user, "user"); ok {
				made.pos = entry.user.at
				u.block(made)
			}
			continue
		}
		for _, u := range b.p.users {
			if entry.org.given() && u.Org == entry.org.s {
				made.pos = entry.org.at
				u.block(made)
				hit = true
			}
		}
		if !hit && entry.org.given() {
			entry.org.at.warnf("", "no user has org %q", entry.org.s)
		}
	}
}

// block keeps the entry that lasts longest.
func (u *user) block(b *block) {
	if u.blocked == nil || !u.blocked.until.IsZero() && (b.until.IsZero() || b.until.After(u.blocked.until)) {
		u.blocked = b
	}
}
