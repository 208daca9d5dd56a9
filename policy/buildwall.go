package policy

import (
	"fmt"
	"slices"
)

// countReaders holds the matter and its folders against max_readers of their
// level. Entries that have run out count too: a load knows no date.
func (b *builder) countReaders(m *rawMatter, made *matter) {
	at := m.id.at
	if m.level.given() {
		at = m.level.at
	}
	b.countAt(made, "", made.level, at)
	for i := range made.folders {
		f := &made.folders[i]
		b.countAt(made, f.path, b.p.levelAt(made, f.path, nil), f.pos)
	}
}

func (b *builder) countAt(made *matter, path string, level *Level, at pos) {
	if level.MaxReaders == 0 {
		return
	}
	readers := 0
	for index := range made.grants {
		if made.namesReader(b.byIndex[index], path, level) {
			readers++
		}
	}
	if readers > level.MaxReaders {
		what := "matter " + fmt.Sprintf("%q", made.info.ID)
		if path != "" {
			what = fmt.Sprintf("folder %q", path)
		}
		at.errorf("remove members, or narrow the folder with only:", "%s at level %q names %d readers, %d are allowed",
			what, level.Name, readers, level.MaxReaders)
	}
}

// namesReader tells whether the policy lets u read at path some day.
func (m *matter) namesReader(u *user, path string, level *Level) bool {
	if u.departed || u.role.rights&Read == 0 || u.clearance.Rank < level.Rank || level.deniedToRole[u.role] {
		return false
	}
	for i := range m.folders {
		if f := &m.folders[i]; f.only != nil && within(path, f.path) && !f.only.has(u, nil, true) {
			return false
		}
	}
	return slices.ContainsFunc(m.grants[u.index], func(g grant) bool {
		return g.rights&Read != 0 && g.countsAt(level)
	})
}

// peopleOf resolves `user:` and `group:` pairs.
func (b *builder) peopleOf(refs []rawRef) *people {
	set := &people{}
	for _, ref := range refs {
		switch ref.kind.s {
		case "user":
			if u, ok := lookup(b, b.p.user, ref.name, "user"); ok {
				set.add(u)
			}
		case "group":
			if g, ok := lookup(b, b.p.groups, ref.name, "group"); ok {
				set.addGroup(g)
			}
		}
	}
	return set
}

// objects finds matters by id, client or tag.
type objects struct {
	client, tag map[string][]*matter
}

func (b *builder) objects() *objects {
	o := &objects{client: map[string][]*matter{}, tag: map[string][]*matter{}}
	for _, m := range b.p.matters {
		o.client[m.info.Client] = append(o.client[m.info.Client], m)
		for _, tag := range m.info.Tags {
			o.tag[tag] = append(o.tag[tag], m)
		}
	}
	return o
}

func (b *builder) mattersOf(o *objects, refs []rawRef) []*matter {
	var list []*matter
	for _, ref := range refs {
		var hit []*matter
		switch ref.kind.s {
		case "matter":
			if m, ok := lookup(b, b.p.matter, ref.name, "matter"); ok {
				hit = []*matter{m}
			}
		case "client":
			hit, _ = lookup(b, o.client, ref.name, "client")
		case "tag":
			hit, _ = lookup(b, o.tag, ref.name, "tag")
		}
		for _, m := range hit {
			if !slices.Contains(list, m) {
				list = append(list, m)
			}
		}
	}
	return list
}

func (b *builder) walls() {
	o := b.objects()
	byID := map[string]*wall{}
	for i := range b.r.walls {
		raw := &b.r.walls[i]
		if !raw.id.given() {
			continue
		}
		if old := byID[raw.id.s]; old != nil {
			again(raw.id, "wall", old.pos)
		}
		w := &wall{id: raw.id.s, rule: "wall." + raw.id.s, reason: raw.reason.s, until: raw.until.end(b.p.zone), pos: raw.id.at}
		byID[w.id] = w
		b.p.walls = append(b.p.walls, w)
		b.raise(w, raw, o)
	}
}

// raise puts a wall in front of its matters.
func (b *builder) raise(w *wall, raw *rawWall, o *objects) {
	screened := b.peopleOf(raw.screen)
	for _, g := range screened.unix {
		w.pos.warnf("list the people under members:", "wall %q screens group %q, whose members the system may forget", w.id, g.name)
	}
	for _, m := range b.mattersOf(o, raw.from) {
		m.walls = append(m.walls, barrier{w, screened, false})
	}
	chosen := b.peopleOf(raw.only)
	for _, m := range b.mattersOf(o, raw.to) {
		m.walls = append(m.walls, barrier{w, chosen, true})
	}
	if len(raw.between) > 0 {
		b.divide(w, raw, o)
	}
}

// divide keeps the people of each side out of the matters of all others. To be
// on a side is to have a grant there, also one that has run out or waits (what
// was read stays known), or to be named.
func (b *builder) divide(w *wall, raw *rawWall, o *objects) {
	if len(raw.between) < 2 {
		w.pos.errorf("", "wall %q needs two sides", w.id)
	}
	matters := make([][]*matter, len(raw.between))
	sides := make([]*people, len(raw.between))
	home := map[*matter]int{}
	for i, refs := range raw.between {
		matters[i] = b.mattersOf(o, refs)
		sides[i] = b.peopleOf(refs)
		for _, m := range matters[i] {
			if other, dup := home[m]; dup && other != i {
				w.pos.errorf("", "matter %q is on two sides of wall %q", m.info.ID, w.id)
			}
			home[m] = i
			sides[i].addAll(m.people())
		}
	}
	for i := range matters {
		others := &people{}
		for j, side := range sides {
			if j != i {
				others.addAll(side)
			}
		}
		for _, m := range matters[i] {
			m.walls = append(m.walls, barrier{w, others, false})
		}
	}
	b.straddling(w, sides)
}

// straddling warns of people who are on two sides and so kept out of both.
func (b *builder) straddling(w *wall, sides []*people) {
	for _, u := range b.p.users {
		on := 0
		for _, side := range sides {
			if side.named[u.index] {
				on++
			}
		}
		if on > 1 && !u.departed {
			w.pos.warnf("remove them from one side", "%q is on both sides of wall %q and kept out of both", u.Name, w.id)
		}
	}
}

// people is everybody with a grant in the matter.
func (m *matter) people() *people {
	set := &people{named: make(map[int32]bool, len(m.grants))}
	for index := range m.grants {
		set.named[index] = true
	}
	for i := range m.unix {
		set.addGroup(m.unix[i].group)
	}
	return set
}
