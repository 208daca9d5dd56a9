package policy

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Difference is the difference in effective access between two policies.
type Difference struct {
	// Access lists who may do something else at the moment asked about, by
	// user, matter and path.
	Access []AccessChange
	// Levels lists the matters and folders with another level, by matter and path.
	Levels []LevelChange
	// Wider says in words what the new policy allows that the old one does not,
	// be it now, later, or at a path or for a member of a unix group that Access
	// does not show. Empty exactly when Narrows.
	Wider []string
}

// AccessChange is what a change of policy means to one user at one place. The
// root of the drive has neither Matter nor Path; a folder is listed only where
// it fares otherwise than the root of its matter.
type AccessChange struct {
	User, Matter, Path string
	Before, After      AccessState
}

// AccessState is what somebody may do at a place.
type AccessState struct {
	Rights Right
	Sees   bool      // that it exists; a matter may be seen and refused
	Until  time.Time // when time alone changes this; zero: never
	Rule   string    // that decides on reading
}

// Gains tells whether the user may do or see more than before, or for longer.
func (c *AccessChange) Gains() bool {
	longer := c.After.Rights != 0 && c.After.Rights == c.Before.Rights && !noLater(c.After.Until, c.Before.Until)
	return c.After.Rights&^c.Before.Rights != 0 || c.After.Sees && !c.Before.Sees || longer
}

// Loses tells whether the user may do or see less than before, or not as long.
func (c *AccessChange) Loses() bool {
	shorter := c.Before.Rights != 0 && c.After.Rights == c.Before.Rights && !noLater(c.Before.Until, c.After.Until)
	return c.Before.Rights&^c.After.Rights != 0 || c.Before.Sees && !c.After.Sees || shorter
}

// LevelChange is a matter, or a folder that a rule names, whose level changes;
// an empty name says that one of the policies does not have the matter.
type LevelChange struct {
	Matter, Path  string
	Before, After string
}

// Narrows tells whether the new policy only takes away: nobody may do anything
// that the old one refused them, now or later, whatever the path, the levels
// sealed into its folders and the members of unix groups; no level is lower; no
// wall lets through somebody with a grant behind it; nobody has a new duty. It
// is cautious: a change that it cannot judge, such as another list of levels,
// does not narrow.
func (d *Difference) Narrows() bool { return len(d.Wider) == 0 }

// Same tells whether nothing differs that the lists show.
func (d *Difference) Same() bool { return len(d.Access)+len(d.Levels)+len(d.Wider) == 0 }

// Diff compares two policies at a moment, with env answering for both.
func Diff(old, new *Policy, at time.Time, env *Env) *Difference {
	d := &differ{old: old, new: new, at: at, env: env, out: &Difference{}, members: map[string][]string{}}
	if old.hash == new.hash {
		return d.out
	}
	d.forth, d.back = newOrder(old, new, at), newOrder(new, old, at)
	d.firm()
	d.people()
	for _, id := range d.ids() {
		d.matter(id)
	}
	slices.SortFunc(d.out.Access, func(a, b AccessChange) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Matter, b.Matter), cmp.Compare(a.Path, b.Path))
	})
	d.confirm()
	return d.out
}

// differ gathers a Difference. Only users and matters that are built otherwise are
// asked about: a firm has many, and a change touches few.
type differ struct {
	old, new    *Policy
	at          time.Time
	env         *Env
	out         *Difference
	forth, back *order
	relevelled  bool                // the lists of levels differ
	everything  bool                // so do the firm's own rules: ask about all
	changed     map[string]bool     // users built otherwise
	members     map[string][]string // of unix groups now
	allNames    []string
}

func (d *differ) wider(format string, args ...any) {
	d.out.Wider = append(d.out.Wider, fmt.Sprintf(format, args...))
}

func (d *differ) firm() {
	more := d.forth.firm()
	if more != "" {
		d.wider("%s", more)
	}
	less := d.back.firm()
	d.everything = more != "" || less != ""
	d.relevelled = !slices.EqualFunc(d.old.levels, d.new.levels, func(a, b *Level) bool { return a.Name == b.Name })
}

// people compares who may use the drive at all.
func (d *differ) people() {
	d.changed = map[string]bool{}
	for _, u := range d.new.users {
		if more := d.forth.person(u); more != "" {
			d.wider("%s", more)
			d.changed[u.Name] = true
		}
		d.allNames = append(d.allNames, u.Name)
	}
	for _, u := range d.old.users {
		if d.back.person(u) != "" {
			d.changed[u.Name] = true
		}
		if d.new.user[u.Name] == nil {
			d.allNames = append(d.allNames, u.Name)
		}
	}
	for name := range d.changed {
		before, after := d.drive(d.old, name), d.drive(d.new, name)
		if !before.same(after) {
			d.out.Access = append(d.out.Access, AccessChange{User: name, Before: before, After: after})
		}
	}
}

// drive is what the root of the drive is to a user.
func (d *differ) drive(p *Policy, name string) AccessState {
	if !p.acts(name) {
		return AccessState{}
	}
	s := p.SeesRoot(p.user[name].UID, d.at, d.env)
	return AccessState{Sees: s.Allow, Until: s.Expires, Rule: s.Rule}
}

// acts tells whether a user can make a request: somebody without a uid, or
// whose uid another has, cannot.
func (p *Policy) acts(name string) bool {
	u := p.user[name]
	return u != nil && u.HasUID && p.uid[u.UID] == u
}

// ids lists the matters of both policies.
func (d *differ) ids() []string {
	var ids []string
	for _, m := range d.new.matters {
		ids = append(ids, m.info.ID)
	}
	for _, m := range d.old.matters {
		if d.new.matter[m.info.ID] == nil {
			ids = append(ids, m.info.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func (d *differ) matter(id string) {
	old, new := d.old.matter[id], d.new.matter[id]
	among := d.changed
	if d.touched(id, old, new) {
		among = nil
	}
	names := d.concerned(old, new, among)
	if len(names) == 0 {
		return
	}
	paths := rulePaths(orEmpty(new), orEmpty(old))
	slices.Sort(paths)
	d.levels(id, paths, old, new)
	for name := range names {
		d.compare(name, id, paths)
	}
}

// touched tells whether a matter is built otherwise, and says what is wider.
func (d *differ) touched(id string, old, new *matter) bool {
	touched := d.everything || old == nil || new == nil
	if new != nil && !d.relevelled {
		if more := d.forth.matter(new); more != "" {
			d.wider("matter %q %s", id, more)
			touched = true
		}
	}
	return touched || old.status != new.status || d.back.matter(old) != ""
}

func orEmpty(m *matter) *matter {
	if m == nil {
		return &matter{}
	}
	return m
}

func (d *differ) levels(id string, paths []string, old, new *matter) {
	name := func(p *Policy, m *matter, path string) string {
		if m == nil {
			return ""
		}
		return p.levelAt(m, path, nil).Name
	}
	root := LevelChange{}
	for i, path := range paths {
		c := LevelChange{id, path, name(d.old, old, path), name(d.new, new, path)}
		if i == 0 {
			root = c
		}
		if c.Before == c.After || i > 0 && c.Before == root.Before && c.After == root.After {
			continue
		}
		d.out.Levels = append(d.out.Levels, c)
		if new != nil && old != nil && d.new.HigherLevel(c.Before, c.After) {
			d.wider("matter %q level of %q is lower", id, "/"+path)
		}
	}
}

// concerned is everybody, among those named unless that is nil, with a grant in
// the matter before or after, or who reads it by their role: nobody else has anything there, or knows of it.
func (d *differ) concerned(old, new *matter, among map[string]bool) map[string]bool {
	names := map[string]bool{}
	add := func(name string) {
		if among == nil || among[name] {
			names[name] = true
		}
	}
	for _, side := range []struct {
		m *matter
		o *order
	}{{old, d.back}, {new, d.forth}} {
		if side.m == nil || among != nil && len(among) == 0 {
			continue
		}
		for index := range side.m.grants {
			add(side.o.toUser[index].Name)
		}
		for _, u := range side.o.to.wide {
			if side.m.reach(u) != nil {
				add(u.Name)
			}
		}
		for i := range side.m.unix {
			for _, name := range d.membersOf(side.m.unix[i].group.unix) {
				add(name)
			}
		}
	}
	return names
}

func (d *differ) membersOf(unix string) []string {
	list, asked := d.members[unix]
	if asked {
		return list
	}
	for _, name := range d.allNames {
		if d.env.inGroup(unix, name, false) {
			list = append(list, name)
		}
	}
	d.members[unix] = list
	return list
}

func (d *differ) compare(name, id string, paths []string) {
	var root AccessChange
	for i, path := range paths {
		c := AccessChange{name, id, path, d.state(d.old, name, id, path), d.state(d.new, name, id, path)}
		if i == 0 {
			root = c
		}
		if c.Before.same(c.After) || i > 0 && c.Before.same(root.Before) && c.After.same(root.After) {
			continue
		}
		d.out.Access = append(d.out.Access, c)
	}
}

// same compares what can be done, not why.
func (s AccessState) same(o AccessState) bool {
	return s.Rights == o.Rights && s.Sees == o.Sees && s.Until.Equal(o.Until)
}

// state asks what a user may do at a place and, where a rule pins the place
// itself, with what lies in it. A right that no grant gives is not asked for:
// of many members of a group most only read. Below a root that is refused all
// names are answered alike, so that nobody sees there.
func (d *differ) state(p *Policy, name, id, path string) AccessState {
	u := p.user[name]
	if !p.acts(name) || p.matter[id] == nil {
		return AccessState{}
	}
	e := eval{p: p, u: u, r: &Request{Matter: id, Path: path, Op: OpOpenRead, At: d.at, Env: d.env}}
	read := e.decide()
	s := AccessState{Rule: read.Rule, Sees: read.Allow || read.Gate > GateSubject && read.Shown != Hidden && (path == "" || !e.rootRefused())}
	s.Rights, _, _ = e.rights(&read)
	if s.Rights != 0 {
		s.Until = read.Expires
	}
	return s
}

// confirm holds the order against what was found by asking.
func (d *differ) confirm() {
	if len(d.out.Wider) > 0 {
		return
	}
	for i := range d.out.Access {
		if c := &d.out.Access[i]; c.Gains() {
			d.wider("%q gains in %q", c.User, c.Matter+"/"+c.Path)
		}
	}
}
