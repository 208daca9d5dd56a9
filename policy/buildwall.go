package policy

import (
	"fmt"
	"slices"
)

// countReaders holds the matter and its folders against max_readers of their
// level, and notes which levels would be over-full there: a folder sealed at
// one of them is refused to everybody. Entries that have run out count too: a
// load knows no date.
func (b *builder) countReaders(m *rawMatter, made *matter) {
	at := m.id.at
	if m.level.given() {
		at = m.level.at
	}
	made.full = b.countAt(made, "", made.level, at)
	for i := range made.folders {
		f := &made.folders[i]
		f.full = b.countAt(made, f.path, b.p.levelAt(made, f.path, nil), f.pos)
	}
}

// countAt finds the over-full levels among the path's own, which is a mistake,
// and those that a seal may raise it to.
func (b *builder) countAt(made *matter, path string, own *Level, at pos) (full []bool) {
	for _, level := range made.ranksAt(path)[own.Rank:] {
		if level.MaxReaders == 0 {
			continue
		}
		readers := b.readers(made, path, level)
		if readers <= level.MaxReaders {
			continue
		}
		if full == nil {
			full = make([]bool, len(b.p.levels))
		}
		full[level.Rank] = true
		if level == own {
			at.errorf("remove members, or narrow the folder with only:", "%s at level %q names %d readers, %d are allowed",
				made.called(path), level.Name, readers, level.MaxReaders)
		}
	}
	return full
}

func (b *builder) readers(made *matter, path string, level *Level) (n int) {
	for index := range made.grants {
		if made.namesReader(b.byIndex[index], path, level) {
			n++
		}
	}
	return n
}

// called is the matter or its folder in a message.
func (m *matter) called(path string) string {
	if path == "" {
		return fmt.Sprintf("matter %q", m.info.ID)
	}
	return fmt.Sprintf("folder %q", path)
}

// namesReader tells whether the policy lets u read at path some day.
func (m *matter) namesReader(u *user, path string, level *Level) bool {
	if u.departed || u.role.rights&Read == 0 || level.keepsOut(u).rule != "" {
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
	b.warnUnix(w, screened)
	w.groups = append(w.groups, screened.groups...)
	for _, m := range b.mattersOf(o, raw.from) {
		m.walls = append(m.walls, barrier{w, screened, false})
	}
	chosen := b.peopleOf(raw.only)
	w.groups = append(w.groups, chosen.groups...)
	for _, m := range b.mattersOf(o, raw.to) {
		m.walls = append(m.walls, barrier{w, chosen, true})
	}
	b.divide(w, raw, o)
}

// warnUnix warns of a wall whose people only the system knows.
func (b *builder) warnUnix(w *wall, set *people) {
	for _, g := range set.unix {
		w.pos.warnf("list the people under members:", "wall %q keeps out group %q, whose members the system may forget", w.id, g.name)
	}
}

// divide keeps the people of each side out of the matters of all others. To be
// on a side is to have a grant there, also one that has run out or waits (what
// was read stays known), or to be named.
func (b *builder) divide(w *wall, raw *rawWall, o *objects) {
	matters := make([][]*matter, len(raw.between))
	sides := make([]*people, len(raw.between))
	home := map[*matter]int{}
	for i, refs := range raw.between {
		matters[i] = b.mattersOf(o, refs)
		sides[i] = b.peopleOf(refs)
		w.groups = append(w.groups, sides[i].groups...)
		for _, m := range matters[i] {
			if other, dup := home[m]; dup && other != i {
				w.pos.errorf("", "matter %q is on two sides of wall %q", m.info.ID, w.id)
			}
			home[m] = i
			sides[i].addAll(m.people())
		}
	}
	all := &people{}
	for i := range matters {
		all.addAll(sides[i])
		others := &people{}
		for j, side := range sides {
			if j != i {
				others.addAll(side)
			}
		}
		for _, m := range matters[i] {
			m.wide = false // whoever reads everywhere would stand on all sides
			m.walls = append(m.walls, barrier{w, others, false})
		}
	}
	b.warnUnix(w, all)
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
