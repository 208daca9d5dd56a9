package policy

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Span is what one user may do at one place, without a break and without a change.
type Span struct {
	User, Matter, Path string
	Rights             Right
	// Rule lets them read; of somebody who may not read, it lets them do the first of Rights.
	Rule string
	From time.Time
	To   time.Time // the moment of the change; zero: none in sight
}

// SpanQuestion says for which time Spans answers, and what it cannot know.
type SpanQuestion struct {
	From, To time.Time // zero To: for good
	// Env must answer alike for the whole time. Who is on the emergency list may do
	// nothing meanwhile, which the caller takes off.
	Env     *Env
	Folders map[string][]string // further folders to ask about, by matter id
	Seals   map[string][]Seal   // by matter id; their folders are asked about too
}

// Seal is a level that a folder carried itself for a time.
type Seal struct {
	Path, Level string
	From, To    time.Time // zero To: it still does
}

// Spans lists who may do what where, and from when to when, were the policy in
// force for a time: at the root of each matter, at each folder that a rule of it
// names, and at the folders of the question. Where somebody may do nothing there
// is no span. Rights are those to what lies in the place: a folder that a rule
// names cannot be removed itself.
//
// Ends are exact, because a decision says before which moment time alone does
// not change it; no day is sampled. The list is in the order of matter, path,
// user and From. Only people with a grant are asked about, so it takes
// microseconds a span.
func (p *Policy) Spans(q SpanQuestion) []Span {
	s := &spanner{p: p, q: q, byIndex: byIndex(p), members: map[string][]*user{}}
	for _, m := range p.matters {
		if m.status == sealed || m.status == destroyed {
			continue
		}
		people := s.granted(m)
		for _, path := range s.places(m) {
			for _, u := range people {
				s.walk(u, m, path)
			}
		}
	}
	return s.list
}

// spanner gathers spans.
type spanner struct {
	p       *Policy
	q       SpanQuestion
	byIndex []*user
	members map[string][]*user // of unix groups
	list    []Span
}

func (s *spanner) places(m *matter) []string {
	paths := append(rulePaths(m, &matter{}), s.q.Folders[m.info.ID]...)
	for _, seal := range s.q.Seals[m.info.ID] {
		paths = append(paths, seal.Path)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// granted lists, by name, everybody who can make a request and has a grant in the
// matter, be it over or waiting, or reads it by their role: nobody else may do
// anything there.
func (s *spanner) granted(m *matter) []*user {
	var list []*user
	for index := range m.grants {
		list = append(list, s.byIndex[index])
	}
	for i := range m.unix {
		list = append(list, s.membersOf(m.unix[i].group.unix)...)
	}
	for _, u := range s.p.wide {
		if m.reach(u) != nil {
			list = append(list, u)
		}
	}
	list = slices.DeleteFunc(list, func(u *user) bool { return u.departed || !s.p.acts(u.Name) })
	slices.SortFunc(list, func(a, b *user) int { return cmp.Compare(a.Name, b.Name) })
	return slices.Compact(list)
}

func (s *spanner) membersOf(unix string) []*user {
	list, asked := s.members[unix]
	if asked {
		return list
	}
	for _, u := range s.p.users {
		if s.q.Env.inGroup(unix, u.Name, false) {
			list = append(list, u)
		}
	}
	s.members[unix] = list
	return list
}

// walk goes from change to change.
func (s *spanner) walk(u *user, m *matter, path string) {
	at, end, first := s.q.From, s.q.To, len(s.list)
	for {
		levels, change := sealedAt(s.q.Seals[m.info.ID], path, at)
		rights, rule, next := s.p.stands(u, Request{Matter: m.info.ID, Path: path, Sealed: levels, At: at, Env: s.q.Env})
		next = earlier(earlier(next, change), end)
		if rights != 0 {
			s.add(first, Span{u.Name, m.info.ID, path, rights, rule, at, next})
		}
		if next.Equal(end) || !next.After(at) {
			return
		}
		at = next
	}
}

// sealedAt is which levels the folders at and above a path carry at a moment, and
// when they next carry others; zero: never.
func sealedAt(seals []Seal, path string, at time.Time) (levels []string, change time.Time) {
	for i := range seals {
		s := &seals[i]
		switch {
		case !within(path, s.Path) || !s.To.IsZero() && !at.Before(s.To):
		case at.Before(s.From):
			change = earlier(change, s.From)
		default:
			levels = append(levels, s.Level)
			change = earlier(change, s.To)
		}
	}
	return levels, change
}

// add appends a span, or makes the one before longer; those from first on are of
// the same user and place.
func (s *spanner) add(first int, n Span) {
	if i := len(s.list) - 1; i >= first {
		if l := &s.list[i]; l.To.Equal(n.From) && l.Rights == n.Rights && l.Rule == n.Rule {
			l.To = n.To
			return
		}
	}
	s.list = append(s.list, n)
}

// stands is what a user may do at a place at a moment, by which rule, and before
// when time alone does not change either; zero: never.
func (p *Policy) stands(u *user, r Request) (rights Right, rule string, until time.Time) {
	r.Op = OpOpenRead
	e := eval{p: p, u: u, r: &r}
	read := e.decide()
	rights, rule, until = e.rights(&read)
	return rights, rule, earlier(until, read.Expires)
}

// anyName stands for what lies in a folder; no rule can name it.
const anyName = "\x00"

// rights asks for the rights to what lies at the place of a decision on reading. A
// right that no grant gives is not asked for: of many members of a group most
// only read. Nor is any where nobody could have it: the gates before caps ask
// nothing about the operation but whether the matter is closed.
func (e *eval) rights(read *Decision) (rights Right, rule string, until time.Time) {
	if !read.Allow && read.Gate < GateCaps {
		return 0, read.Rule, time.Time{}
	}
	inside := strings.TrimPrefix(e.r.Path+"/"+anyName, "/")
	for bit := Read; bit <= Rename; bit <<= 1 {
		if e.found.union&e.u.role.rights&bit == 0 {
			continue
		}
		d := *read
		if bit != Read {
			r := *e.r
			r.Path, r.Op = inside, bit.probe()
			d = (&eval{p: e.p, u: e.u, r: &r}).decide()
			until = earlier(until, d.Expires)
		}
		if d.Allow {
			if rights == 0 {
				rule = d.Rule
			}
			rights |= bit
		}
	}
	return rights, rule, until
}
