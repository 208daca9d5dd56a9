package main

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"matterfs/audit/report"
	"matterfs/policy"
)

// factsMaker makes report.Facts of what the log tells and of the policies that are kept.
type factsMaker struct {
	past   *past
	now    time.Time
	kept   map[string]*policy.Policy // by the 12 digits of records
	seen   map[string]int            // the last policy that names a person
	latest int                       // the last policy that is kept
	rights map[policy.Right][]string // names
	last   map[rightKey]int          // the newest right of a person in a place
	facts  *report.Facts
}

type rightKey struct{ user, matter, path string }

// loadKept loads the policies that were in force, as far as they are kept.
func (m *factsMaker) loadKept(state string) {
	for i := range m.past.policies {
		s := &m.past.policies[i]
		if _, ok := m.kept[s.Hash]; !ok {
			if dir, err := keptNamed(state, s.Hash); err == nil {
				if p, err := keptCopy(state, filepath.Base(dir)); err == nil {
					m.kept[s.Hash] = p
				}
			}
		}
		s.Kept = m.kept[s.Hash] != nil
	}
}

// each calls fn for every policy that is kept and was in force, oldest first.
func (m *factsMaker) each(fn func(p *policy.Policy, i int)) {
	for i := range m.past.policies {
		if p := m.kept[m.past.policies[i].Hash]; p != nil {
			fn(p, i)
		}
	}
}

// newFacts makes the facts of a store. groups answers who is in which unix group, which is known only of now.
func newFacts(past *past, state string, groups func(...*policy.Policy) *policy.Env, w period) *report.Facts {
	m := &factsMaker{past: past, now: w.now, kept: map[string]*policy.Policy{}, seen: map[string]int{}, rights: map[policy.Right][]string{}, last: map[rightKey]int{},
		facts: &report.Facts{Made: w.now.UTC(), Since: w.since.UTC(), Until: w.until.UTC(), People: map[string]report.Person{}, Matters: map[string]report.Matter{}}}
	m.loadKept(state)
	m.facts.Policies = past.policies
	m.each(m.nameThings)
	m.gone()
	folders := map[string][]string{}
	for id, matter := range m.facts.Matters {
		folders[id] = matter.Folders
	}
	env := groups(slices.Collect(maps.Values(m.kept))...)
	m.each(func(p *policy.Policy, i int) {
		s := past.policies[i]
		for _, span := range p.Spans(policy.SpanQuestion{From: s.From, To: s.To, Env: env, Folders: folders, Seals: past.seals}) {
			m.add(&span)
		}
	})
	m.leave(w)
	return m.facts
}

// period is the time that facts are made for, and when.
type period struct{ since, until, now time.Time }

// add takes a span apart where somebody or something was stopped, and joins it to what went before.
func (m *factsMaker) add(s *policy.Span) {
	if len(m.past.disabled[s.User]) == 0 && len(m.past.frozen[s.Matter]) == 0 { // nearly always
		m.join(report.Right{User: s.User, Matter: s.Matter, Path: s.Path, Rights: m.namesOf(s.Rights), Rule: s.Rule, From: s.From.UTC(), To: s.To.UTC()})
		return
	}
	for _, a := range stopList(m.past.disabled[s.User]).cut(s.From, s.To) {
		for _, b := range stopList(m.past.frozen[s.Matter]).cut(a.from, a.to) {
			m.join(report.Right{User: s.User, Matter: s.Matter, Path: s.Path, Rights: m.namesOf(s.Rights), Rule: s.Rule, From: b.from.UTC(), To: b.to.UTC()})
		}
	}
}

func (m *factsMaker) join(r report.Right) {
	if !r.From.Before(m.now) {
		return // what begins some day is no fact
	}
	key := rightKey{r.User, r.Matter, r.Path}
	list := m.facts.Rights
	if i, ok := m.last[key]; ok && list[i].To.Equal(r.From) && list[i].Rule == r.Rule && slices.Equal(list[i].Rights, r.Rights) {
		list[i].To = r.To
		return
	}
	m.last[key] = len(list)
	m.facts.Rights = append(list, r)
}

// namesOf lets equal rights share their names.
func (m *factsMaker) namesOf(r policy.Right) []string {
	if m.rights[r] == nil {
		m.rights[r] = r.Names()
	}
	return m.rights[r]
}

// leave leaves the rights that touch the time asked about, in an order that does not depend on the policies. One that ended as it
// began tells a change from something new.
func (m *factsMaker) leave(w period) {
	list := slices.DeleteFunc(m.facts.Rights, func(r report.Right) bool {
		return !r.To.IsZero() && r.To.Before(w.since) || !r.From.Before(w.until)
	})
	slices.SortFunc(list, func(a, b report.Right) int {
		return cmp.Or(strings.Compare(a.Matter, b.Matter), strings.Compare(a.Path, b.Path), strings.Compare(a.User, b.User), a.From.Compare(b.From))
	})
	m.facts.Rights = list
}

// nameThings notes people and matters as a policy knows them; a newer one is asked later and counts.
func (m *factsMaker) nameThings(p *policy.Policy, i int) {
	m.latest, m.facts.Zone, m.facts.Levels = i, p.Zone().String(), nil
	for _, l := range p.Levels() {
		m.facts.Levels = append(m.facts.Levels, l.Name)
	}
	for _, u := range p.Users() {
		m.seen[u.Name] = i
		m.facts.People[u.Name] = personOf(&u, m.facts.People[u.Name], m.past.policies[i].From)
	}
	for _, one := range p.Matters() {
		m.facts.Matters[one.ID] = report.Matter{Title: one.Title, Client: one.Client, Level: one.Level, Lead: one.Lead, Status: one.Status,
			Department: one.Department, Tags: one.Tags, Folders: m.foldersOf(&one)}
	}
}

// foldersOf are all folders of a matter that were ever set apart.
func (m *factsMaker) foldersOf(one *policy.Matter) []string {
	folders := slices.Clone(m.facts.Matters[one.ID].Folders)
	for _, f := range one.Folders {
		folders = append(folders, f.Path)
	}
	for _, seal := range m.past.seals[one.ID] {
		if seal.Path != "" {
			folders = append(folders, seal.Path)
		}
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// personOf is a user as a policy knows them since a moment, with the uids that older ones gave them.
func personOf(u *policy.User, old report.Person, from time.Time) report.Person {
	n := report.Person{UIDs: old.UIDs, Name: u.Display, Role: u.Role, Org: u.Org, Department: u.Department, Status: u.Status, Until: u.Until.UTC(),
		NDA: u.NDA, NDAUntil: u.NDAUntil.UTC()}
	if u.HasUID {
		n.UIDs = append([]uint32{u.UID}, slices.DeleteFunc(slices.Clone(old.UIDs), func(uid uint32) bool { return uid == u.UID })...)
	}
	switch {
	case u.Status != "departed":
	case !u.Since.IsZero():
		n.Since = u.Since.UTC()
	case old.Status == u.Status:
		n.Since = old.Since
	default:
		n.Since = from
	}
	return n
}

// gone marks who is in the newest policy no more, since the last one that named them ended, and says where it names the others.
func (m *factsMaker) gone() {
	newest := m.kept[m.past.policies[m.latest].Hash]
	if newest == nil {
		return // none is kept: nobody is known
	}
	mentions := newest.Mentions()
	for name, one := range m.facts.People {
		if m.seen[name] < m.latest {
			one.Status, one.Since = "gone", m.past.policies[m.seen[name]].To
		}
		for _, n := range mentions[name] {
			one.Named = append(one.Named, report.Mention(n))
			if n.What == "duty" {
				one.Duties = append(one.Duties, n.Where)
			}
		}
		m.facts.People[name] = one
	}
}

// gaps says what is not known; groups is how many unix groups the policies ask about.
func (m *past) gaps(groups int) (list []report.Gap) {
	lost := 0
	for i := range m.policies {
		if !m.policies[i].Kept {
			lost++
		}
	}
	for _, g := range []struct {
		said bool
		gap  report.Gap
	}{
		{lost > 0, report.Gap{What: "lost", N: uint64(lost), Of: uint64(len(m.policies))}},
		{groups > 0, report.Gap{What: "groups", N: uint64(groups)}},
		{m.first > 1, report.Gap{What: "first", N: m.first}},
		{m.accepted, report.Gap{What: "mended"}},
		{len(m.seals) > 0, report.Gap{What: "seals"}},
		{m.bad > 0, report.Gap{What: "bad", N: uint64(m.bad)}},
	} {
		if g.said {
			list = append(list, g.gap)
		}
	}
	return list
}
