package policy

import (
	"slices"
	"strings"
)

// tag is a tag for which the firm has rules. They come on top of those of the
// level, at every matter and folder that has the tag, and in all below.
type tag struct {
	name, rule string
	level      *Level // what has the tag has at least this level; nil: any
	purpose    string
	named      bool
	unmapped   bool
	eachRead   bool
	logSync    bool
	denied     map[*role]bool
	pos        pos
}

// tagged is what tags add to a level: which apply, and which of them asks for
// something that the level itself does not ask for.
type tagged struct {
	tags                     []*tag // by name
	named, unmapped, purpose *tag
}

// bar is what keeps somebody out of a level: a rule, and the tag behind it.
type bar struct {
	rule string
	tag  *tag
}

// keepsOut names what keeps a user out of a level; the zero bar for nothing.
func (l *Level) keepsOut(u *user) bar {
	switch {
	case u.clearance.Rank < l.Rank:
		return bar{rule: "level.clearance"}
	case l.deniedToRole[u.role]:
		return bar{rule: "level.role"}
	}
	for _, t := range l.tagged.tags {
		if t.denied[u.role] {
			return bar{t.rule, t}
		}
	}
	return bar{}
}

// purposes orders what a level or a tag may ask for.
var purposes = map[string]int{"required": 1, "session": 2}

// with is the level as it is where the tags apply.
func (l *Level) with(tags []*tag) *Level {
	v := *l
	v.tagged = tagged{tags: tags}
	for _, t := range tags {
		if t.named && !v.NamedOnly {
			v.NamedOnly, v.tagged.named = true, t
		}
		if t.unmapped && !v.DenyMapping {
			v.DenyMapping, v.tagged.unmapped = true, t
		}
		v.LogSync = v.LogSync || t.logSync
		if t.eachRead {
			v.LogReads = EachRead
		}
		if purposes[t.purpose] > purposes[v.Purpose] {
			v.Purpose, v.tagged.purpose = t.purpose, t
		}
	}
	return &v
}

// tags resolves what the firm says of tags. It comes after levels and roles.
func (b *builder) tags() {
	b.ruled = map[string]*tag{}
	for _, r := range b.r.tags {
		b.alike("tag", r.name)
		if old := b.ruled[r.name.s]; old != nil {
			again(r.name, "tag", old.pos)
			continue
		}
		t := &tag{
			name: r.name.s, rule: "tag." + r.name.s, purpose: r.purpose.s, named: r.namedOnly, unmapped: r.mapping.given(), eachRead: r.reads.given(),
			logSync: r.logSync.given(), denied: map[*role]bool{}, pos: r.name.at,
		}
		if r.level.given() {
			t.level, _ = lookup(b, b.p.level, r.level, "level")
		}
		for _, name := range r.denyRoles {
			if o, ok := lookup(b, b.p.roles, name, "role"); ok {
				t.denied[o] = true
			}
		}
		b.ruled[t.name] = t
		b.p.tags = append(b.p.tags, t)
	}
	slices.SortFunc(b.p.tags, func(x, y *tag) int { return strings.Compare(x.name, y.name) })
}

// rulesOf picks the tags that have rules, by name.
func (b *builder) rulesOf(names []val, more ...*tag) []*tag {
	list := more
	for _, name := range names {
		if t := b.ruled[name.s]; t != nil && !slices.Contains(list, t) {
			list = append(slices.Clip(list), t)
		}
	}
	slices.SortFunc(list, func(x, y *tag) int { return strings.Compare(x.name, y.name) })
	return list
}

// ranksWith is the firm's levels as they are where tags apply. Matters with the
// same tags share them.
func (b *builder) ranksWith(tags []*tag) []*Level {
	if len(tags) == 0 {
		return b.p.levels
	}
	var key strings.Builder
	for _, t := range tags {
		key.WriteString(t.name + "\x00")
	}
	ranks := b.ranks[key.String()]
	if ranks == nil {
		for _, l := range b.p.levels {
			ranks = append(ranks, l.with(tags))
		}
		b.ranks[key.String()] = ranks
	}
	return ranks
}

// least is the lowest rank that tags leave.
func least(tags []*tag) (rank int) {
	for _, t := range tags {
		if t.level != nil {
			rank = max(rank, t.level.Rank)
		}
	}
	return rank
}

// tagMatter gives a matter the rules of its tags, which may raise its level.
func (b *builder) tagMatter(m *rawMatter, made *matter) {
	tags := b.rulesOf(m.tags)
	made.ranks = b.ranksWith(tags)
	rank := max(made.level.Rank, least(tags))
	if rank > made.level.Rank && m.level.given() {
		m.level.at.warnf("write the higher level", "matter %q has level %q by its tags, not %q", m.id.s, b.p.levels[rank].Name, made.level.Name)
	}
	made.level = made.ranks[rank]
}

// tagFolders gives the folders the rules of their tags and of those above.
func (b *builder) tagFolders(m *rawMatter, made *matter) {
	own := make([][]*tag, len(made.folders))
	for i := range made.folders {
		own[i] = b.rulesOf(made.folders[i].tags)
	}
	for i := range made.folders {
		f := &made.folders[i]
		tags := b.rulesOf(m.tags)
		for j := range made.folders {
			if within(f.path, made.folders[j].path) {
				tags = b.rulesOf(nil, union(tags, own[j])...)
			}
		}
		f.ranks = b.ranksWith(tags)
		made.uneven = made.uneven || f.ranks[0] != made.ranks[0]
		f.level = f.ranks[max(f.level.Rank, made.level.Rank, least(tags))]
	}
}

func union(a, b []*tag) []*tag {
	list := slices.Clone(a)
	for _, t := range b {
		if !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	return list
}
