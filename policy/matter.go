package policy

import (
	"slices"
	"time"
)

// matter is a Matter with everything that a decision needs worked out at load:
// who holds which grant, and which walls stand in front of it.
type matter struct {
	info    Matter
	level   *Level   // with the rules of its tags
	ranks   []*Level // by rank: the firm's levels with the rules of its tags
	uneven  bool     // some folder has tags with rules that the matter has not
	wide    bool     // wide roles count here, see openToWide
	lead    *user
	status  status
	grants  map[int32][]grant // by user: lead, own entry, groups listed by name
	entries []member          // as they are written
	leadAt  pos
	unix    []grant // groups whose members only the system knows
	folders []folder
	walls   []barrier
	full    []bool // by rank: more readers than the level allows; nil: nowhere
	pos     pos
}

type status uint8

const (
	active status = iota
	closed
	sealed
	destroyed
)

// grant is one reason why somebody may do something in a matter.
type grant struct {
	rights        Right
	until         time.Time // zero: for good
	rule, purpose string
	ack, approval bool
	group         *group // nil for the lead and for named people
	wide          string // "department" or "firm" for what a role reads everywhere
	pos           pos
}

// valid tells whether the grant has not run out.
func (g *grant) valid(at time.Time) bool { return g.until.IsZero() || at.Before(g.until) }

// endsBefore tells whether the grant runs out earlier than another.
func (g *grant) endsBefore(o *grant) bool {
	return !g.until.IsZero() && (o.until.IsZero() || g.until.Before(o.until))
}

// countsAt tells whether the grant holds at a level: one for named people only
// takes no groups, one with a limit of readers none that cannot be counted.
// What a wide role reads is neither, nor at the top level.
func (g *grant) countsAt(l *Level) bool {
	if g.wide != "" {
		return !l.top && !l.NamedOnly && l.MaxReaders == 0
	}
	return g.group == nil || !l.NamedOnly && (l.MaxReaders == 0 || g.group.unix == "")
}

type folder struct {
	path  string
	level *Level   // with the rules of the tags here
	ranks []*Level // as in matter, with the tags of this folder and all above
	only  *people  // nil: all members
	tags  []val    // of this rule
	given bool     // the rule states a level
	full  []bool   // as in matter, for those whom the folders here leave in
	pos   pos
}

func (m *matter) copy() Matter {
	c := m.info
	c.Folders = slices.Clone(c.Folders) // their lists are never written to
	c.Tags = slices.Clone(c.Tags)
	return c
}

// pinned finds the folder rule that holds the path in its place.
func (m *matter) pinned(path string) *folder {
	for i := range m.folders {
		if within(m.folders[i].path, path) {
			return &m.folders[i]
		}
	}
	return nil
}

// levelAt is the highest of all levels that a path carries, with the rules of
// the tags there.
func (p *Policy) levelAt(m *matter, path string, sealed []string) *Level {
	rank := m.level.Rank
	for i := range m.folders {
		if f := &m.folders[i]; f.level.Rank > rank && within(path, f.path) {
			rank = f.level.Rank
		}
	}
	for _, name := range sealed {
		rank = max(rank, p.rank(name).Rank)
	}
	return m.ranksAt(path)[rank]
}

// ranksAt is the firm's levels with the rules of the tags at a path: the
// deepest folder rule above the path knows them all.
func (m *matter) ranksAt(path string) []*Level {
	if !m.uneven {
		return m.ranks
	}
	ranks, deepest := m.ranks, -1
	for i := range m.folders {
		if f := &m.folders[i]; len(f.path) > deepest && within(path, f.path) {
			ranks, deepest = f.ranks, len(f.path)
		}
	}
	return ranks
}

// overfull tells whether more people may read at the path, were it at level l,
// than the level allows. The deepest folder rule above the path knows whom all
// the rules above it leave in.
func (m *matter) overfull(path string, l *Level) bool {
	full, deepest := m.full, -1
	for i := range m.folders {
		if f := &m.folders[i]; len(f.path) > deepest && within(path, f.path) {
			full, deepest = f.full, len(f.path)
		}
	}
	return l.Rank < len(full) && full[l.Rank]
}

// people is a set of users: those known at load, and groups that only the
// system knows.
type people struct {
	named  map[int32]bool
	unix   []*group
	groups []*group // all that were named, for lint
}

func (s *people) add(u *user) {
	if s.named == nil {
		s.named = map[int32]bool{}
	}
	s.named[u.index] = true
}

func (s *people) addGroup(g *group) {
	s.groups = append(s.groups, g)
	for _, u := range g.members {
		s.add(u)
	}
	if g.unix != "" && !slices.Contains(s.unix, g) {
		s.unix = append(s.unix, g)
	}
}

func (s *people) addAll(o *people) {
	for index := range o.named {
		if s.named == nil {
			s.named = map[int32]bool{}
		}
		s.named[index] = true
	}
	for _, g := range o.unix {
		s.addGroup(g)
	}
}

// has tells whether u is in the set. unsure is the answer for a system group
// of which nobody knows whether u is in it.
func (s *people) has(u *user, env *Env, unsure bool) bool {
	if s.named[u.index] {
		return true
	}
	for _, g := range s.unix {
		if env.inGroup(g.unix, u.Name, unsure) {
			return true
		}
	}
	return false
}

// wall is one entry of walls.yaml.
type wall struct {
	id, rule, reason string
	until            time.Time
	groups           []*group // that it names
	pos              pos
}

func (w *wall) stands(at time.Time) bool { return w.until.IsZero() || at.Before(w.until) }

// barrier is what one wall means for one matter: those in the set are refused,
// or, inverted, all others.
type barrier struct {
	*wall
	set    *people
	invert bool
}

// stops tells whether the barrier refuses u. While the members of a system
// group are not known it refuses whoever might be meant.
func (b *barrier) stops(u *user, env *Env) bool {
	return b.set.has(u, env, !b.invert) != b.invert
}
