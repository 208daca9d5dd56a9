package policy

import (
	"slices"
	"time"
)

// Lint lists what an administrator may want to tidy up: entries that ended, or
// end within the given time; users, groups, roles, levels, tags and departments
// that nothing uses; walls that no test asks about. Each is an [Error.Warning]
// with its place. It says nothing of who uses their access: see [Policy.Entries].
func (p *Policy) Lint(at time.Time, soon time.Duration) []*Error {
	l := &linter{p: p, at: at, soon: at.Add(soon), notes: &collector{}, used: map[string]bool{}}
	for _, m := range p.matters {
		l.matter(m)
	}
	l.walls()
	l.people()
	l.unused()
	return sortErrors(l.notes.warns)
}

type linter struct {
	p        *Policy
	at, soon time.Time
	notes    *collector
	used     map[string]bool // by kind and name
}

func (l *linter) say(at pos, hint, format string, args ...any) {
	l.notes.warns = append(l.notes.warns, at.note(hint, format, args...))
}

func (l *linter) use(kind, name string) { l.used[kind+" "+name] = true }

// ends tells of an end that came or will come soon.
func (l *linter) ends(at pos, until time.Time, what, name string) {
	switch {
	case until.IsZero() || until.After(l.soon):
	case l.at.Before(until):
		l.say(at, "prolong it, or let it end", "%s %q ends on %s", what, name, l.p.date(until))
	default:
		l.say(at, "remove the entry", "%s %q ended on %s", what, name, l.p.date(until))
	}
}

func (l *linter) matter(m *matter) {
	l.use("level", m.level.Name)
	l.use("department", m.info.Department)
	for _, tag := range m.info.Tags {
		l.use("tag", tag)
	}
	for _, f := range m.info.Folders {
		l.use("level", f.Level)
		for _, tag := range f.Tags {
			l.use("tag", tag)
		}
	}
	for i := range m.folders {
		if only := m.folders[i].only; only != nil {
			for _, g := range only.groups {
				l.use("group", g.name)
			}
		}
	}
	for _, e := range m.entries {
		if e.group != nil {
			l.use("group", e.group.name)
		}
		if m.status < sealed && (e.user == nil || !e.user.departed) {
			l.ends(e.pos, e.until, "the grant of", e.who())
		}
	}
}

func (l *linter) walls() {
	asked := map[string]bool{}
	for _, t := range l.p.tests {
		asked[t.because] = true
	}
	for _, w := range l.p.walls {
		for _, g := range w.groups {
			l.use("group", g.name)
		}
		l.ends(w.pos, w.until, "wall", w.id)
		if w.stands(l.at) && !asked[w.rule] {
			l.say(w.pos, "add a test with because: "+w.rule, "no test asks about wall %q", w.id)
		}
	}
}

func (l *linter) people() {
	busy, anybody := map[int32]bool{}, false // anybody: by a group of the system
	for _, m := range l.p.matters {
		for index := range m.grants {
			busy[index] = true
		}
		anybody = anybody || len(m.unix) > 0
	}
	for _, u := range l.p.users {
		l.use("role", u.role.name)
		l.use("level", u.clearance.Name)
		l.use("department", u.Department)
		if u.departed {
			continue
		}
		l.ends(u.pos, u.until, "user", u.Name)
		if u.role.nda && u.nda != nil {
			l.ends(u.nda.pos, u.nda.until, "the confidentiality agreement of", u.Name)
		}
		if !busy[u.index] && u.wide == nil && !anybody && !l.p.hasDuty(u.Name) {
			l.say(u.pos, "", "user %q is in no matter and has no duty", u.Name)
		}
	}
}

func (p *Policy) hasDuty(name string) bool {
	for _, names := range p.duties {
		if slices.Contains(names, name) {
			return true
		}
	}
	return false
}

func (l *linter) unused() {
	for name, g := range l.p.groups {
		if !l.used["group "+name] {
			l.say(g.pos, "", "group %q is used nowhere", name)
		}
	}
	for name, o := range l.p.roles {
		if !l.used["role "+name] {
			l.say(o.pos, "", "nobody has role %q", name)
		}
	}
	for _, level := range l.p.levels {
		if !l.used["level "+level.Name] {
			l.say(level.pos, "", "nothing has level %q", level.Name)
		}
	}
	for _, t := range l.p.tags {
		if !l.used["tag "+t.name] {
			l.say(t.pos, "", "nothing has tag %q", t.name)
		}
	}
	for name, at := range l.p.departments {
		if !l.used["department "+name] {
			l.say(at, "", "nobody and no matter is in department %q", name)
		}
	}
}

// Entry is one entry of a matter's members, or its lead.
type Entry struct {
	Matter string
	User   string // "" for a group
	Group  string // "" for a person
	Lead   bool
	Rights Right
	Until  time.Time // zero: for good
	at     pos
}

// Entries lists who is named in the matters that are still open or can be read,
// by matter, in the order in which they are written, the lead first. People who
// have left, and entries that ended before at, are left out.
func (p *Policy) Entries(at time.Time) []Entry {
	var list []Entry
	for _, m := range p.matters {
		if m.status >= sealed {
			continue
		}
		if m.lead != nil {
			list = append(list, Entry{Matter: m.info.ID, User: m.lead.Name, Lead: true, Rights: AllRights, at: m.leadAt})
		}
		for _, e := range m.entries {
			if e.valid(at) && (e.user == nil || !e.user.departed) {
				list = append(list, e.entry(m.info.ID))
			}
		}
	}
	return list
}

// Unused is the finding that nobody used an entry for some days.
func (e *Entry) Unused(days int) *Error {
	name := e.User + e.Group
	return e.at.note("shorten it or remove it", "%q has not used matter %q for %d days", name, e.Matter, days)
}

// member is one entry as it is written, beside the grants made of it.
type member struct {
	grant
	user *user // nil for a group
}

func (e *member) who() string {
	if e.user != nil {
		return e.user.Name
	}
	return e.group.name
}

func (e *member) entry(matter string) Entry {
	out := Entry{Matter: matter, Rights: e.rights, Until: e.until, at: e.pos}
	if e.user != nil {
		out.User = e.user.Name
	} else {
		out.Group = e.group.name
	}
	return out
}
