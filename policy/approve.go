package policy

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Label is a level sealed into a folder beside what the policy's rules say.
type Label struct {
	Matter, Path string // as in [Request]
	Level        string
}

// Reason is one thing for which a change of policy waits for a second person.
type Reason struct {
	// Kind is what it concerns: "duty" (who may approve), "level" (a level or
	// their order), "wall", or "top" (access at the top level).
	Kind string `json:"kind"`
	Text string `json:"text"` // in words for administrators
}

// Secadmins lists the security administrators who can act at a moment, by name.
// The emergency list does not count: whoever may put others on it could end the
// rule of two with it.
func (p *Policy) Secadmins(at time.Time) []User {
	if p == nil {
		return nil
	}
	var list []User
	for _, name := range p.duties["secadmin"] {
		if p.acts(name) && p.SeesRoot(p.user[name].UID, at, nil).Allow {
			list = append(list, p.user[name].User)
		}
	}
	slices.SortFunc(list, func(a, b User) int { return cmp.Compare(a.Name, b.Name) })
	return slices.Compact(list)
}

// NeedsSecond says why a change from old to new may not be one person's: it
// gives somebody more at the top level, now or later; it lowers the level of a
// matter or folder, changes the list of levels, takes a tag off or has it ask for less;
// it drops, shortens or thins out a wall, also one that keeps out nobody who has a grant now;
// or it changes who the security administrators are, who alone can give the second word,
// or until when. An
// order of harmless steps does not lead to the same end: each of these is judged
// whether or not it takes effect at once.
//
// The answer is nil while old has fewer than two security administrators: there
// is nobody to ask. env answers for unix groups as in [Diff]; sealed are the
// levels that folders carry without a rule. What it cannot tell is a reason.
func NeedsSecond(old, new *Policy, at time.Time, env *Env, sealed ...Label) []Reason {
	if old == nil || new == nil || old.hash == new.hash || len(old.Secadmins(at)) < 2 {
		return nil
	}
	j := &judge{order: newOrder(old, new, at), env: env, sealed: map[string][]Label{}, said: map[Reason]bool{}, holds: map[[2]*people]bool{}}
	for _, l := range sealed {
		j.sealed[l.Matter] = append(j.sealed[l.Matter], l)
	}
	j.duties()
	j.wallsOfFirm()
	same := j.levels()
	for _, m := range new.matters {
		was := old.matter[m.info.ID]
		if was != nil {
			j.wallsOf(m, was)
		}
		if same {
			j.lowered(m, was)
			j.top(m, was)
		}
	}
	if same {
		j.gains()
	}
	return j.reasons
}

// judge gathers the reasons; order knows what is more.
type judge struct {
	*order
	env     *Env
	sealed  map[string][]Label // by matter
	reasons []Reason
	said    map[Reason]bool
	holds   map[[2]*people]bool // of two sets, whether the first keeps out all of the second
}

func (j *judge) because(kind, format string, args ...any) {
	r := Reason{kind, fmt.Sprintf(format, args...)}
	if !j.said[r] {
		j.said[r] = true
		j.reasons = append(j.reasons, r)
	}
}

// duties compares who may approve, now and later: the names with their uids, for a uid
// is the person that the daemon sees, and how long they may. An end that comes sooner
// would leave one person alone without another edit.
func (j *judge) duties() {
	before, after := j.from.Secadmins(j.at), j.to.Secadmins(j.at)
	same := func(u User) func(User) bool {
		return func(o User) bool { return o.Name == u.Name && o.UID == u.UID }
	}
	for _, u := range before {
		switch {
		case !slices.ContainsFunc(after, same(u)):
			j.because("duty", "%q is no longer the security administrator with uid %d", u.Name, u.UID)
		case !j.from.user[u.Name].lasts().Equal(j.to.user[u.Name].lasts()):
			j.because("duty", "%q is a security administrator until another day", u.Name)
		}
	}
	known := j.from.comingSecadmins(j.at)
	for _, u := range j.to.comingSecadmins(j.at) {
		acts := slices.ContainsFunc(after, same(u)) && !slices.ContainsFunc(before, same(u))
		if acts || !slices.ContainsFunc(known, same(u)) {
			j.because("duty", "%q becomes a security administrator with uid %d", u.Name, u.UID)
		}
	}
}

// comingSecadmins lists those who can act at a moment or at a later one: a block that
// ends, or an agreement that begins, keeps nobody out for ever.
func (p *Policy) comingSecadmins(at time.Time) []User {
	var list []User
	for _, name := range p.duties["secadmin"] {
		if p.acts(name) && !p.user[name].over(at) {
			list = append(list, p.user[name].User)
		}
	}
	return list
}

// levels tells whether ranks of the two policies can be compared.
func (j *judge) levels() bool {
	if !slices.EqualFunc(j.from.levels, j.to.levels, func(a, b *Level) bool { return a.Name == b.Name }) {
		j.because("level", "the list of levels is another")
		return false
	}
	if !j.to.top().asksAll(j.from.top()) {
		j.because("top", "level %q asks for less", j.to.TopLevel())
	}
	for _, old := range j.from.tags {
		if t := j.to.tagNamed(old.name); t == nil || !t.asksAll(old) || !t.deniesAll(old, j.to) {
			j.because("level", "tag %q asks for less", old.name)
		}
	}
	return true
}

// deniesAll tells whether a tag keeps out each role that it kept out and that still is one.
func (t *tag) deniesAll(old *tag, p *Policy) bool {
	for r := range old.denied {
		if now := p.roles[r.name]; old.denied[r] && now != nil && !t.denied[now] {
			return false
		}
	}
	return true
}

// wallsOfFirm compares the list of walls and who passes for whom: a uid that
// goes from somebody behind a wall to another name would carry a person through.
func (j *judge) wallsOfFirm() {
	for _, w := range j.from.walls {
		kept := func(n *wall) bool { return n.id == w.id && noLater(w.until, n.until) }
		if w.stands(j.at) && !slices.ContainsFunc(j.to.walls, kept) {
			j.because("wall", "wall %s is gone or ends sooner", w.id)
		}
	}
	behind := j.behindWalls()
	for _, u := range j.to.users {
		if was := j.from.uid[u.UID]; u.HasUID && was != nil && was.Name != u.Name && behind[was.Name] {
			j.because("wall", "uid %d passes from %q, whom a wall keeps out, to %q", u.UID, was.Name, u.Name)
		}
	}
}

// behindWalls names those whom some wall keeps out by name.
func (j *judge) behindWalls() map[string]bool {
	names, seen := map[string]bool{}, map[*people]bool{}
	for _, m := range j.from.matters {
		for i := range m.walls {
			b := &m.walls[i]
			if b.invert || seen[b.set] || !b.stands(j.at) {
				continue
			}
			seen[b.set] = true
			for index := range b.set.named {
				names[j.fromUser[index].Name] = true
			}
		}
	}
	return names
}

// wallsOf asks that each wall in front of a matter still keeps out each name and
// group that it kept out. Unlike order.walls it does not ask whether those have
// a grant, or can act: that may be the next change.
func (j *judge) wallsOf(m, was *matter) {
	for i := range was.walls {
		b := &was.walls[i]
		stops := func(n barrier) bool {
			return n.invert == b.invert && noLater(b.until, n.until) && j.keepsOut(n.set, b.set, b.invert)
		}
		if b.stands(j.at) && !slices.ContainsFunc(m.walls, stops) {
			j.because("wall", "wall %s keeps out less", b.id)
		}
	}
}

// keepsOut compares the set of a wall with the one it had. Inverted, the set is
// of those let in.
func (j *judge) keepsOut(set, was *people, invert bool) bool {
	key := [2]*people{set, was}
	if known, ok := j.holds[key]; ok {
		return known
	}
	if invert {
		j.holds[key] = unixWithin(set, was) && namesWithin(set, j.toUser, was, j.from)
	} else {
		j.holds[key] = unixWithin(was, set) && namesWithin(was, j.fromUser, set, j.to)
	}
	return j.holds[key]
}

// namesWithin tells whether everybody in a, whose users are listed, is by name in
// b, whose users p knows.
func namesWithin(a *people, users []*user, b *people, p *Policy) bool {
	for index := range a.named {
		u := p.user[users[index].Name]
		if u == nil || !b.named[u.index] {
			return false
		}
	}
	return true
}

// lowered compares the levels that rules give, and the tags.
func (j *judge) lowered(m, was *matter) {
	if was == nil {
		return
	}
	for _, path := range rulePaths(m, was) {
		before, after := j.from.levelAt(was, path, nil), j.to.levelAt(m, path, nil)
		if after.Rank < before.Rank {
			j.because("level", "the level of %q falls from %s to %s", m.info.ID+"/"+path, before.Name, after.Name)
		}
		kind := "level"
		if after.Rank == j.to.top().Rank {
			kind = "top"
		}
		j.untagged(kind, path, m, was)
	}
}

// untagged compares the tags of a place: to take one off is to ask for nothing of what
// it asks for.
func (j *judge) untagged(kind, path string, m, was *matter) {
	for _, t := range was.ranksAt(path)[0].tagged.tags {
		if !slices.ContainsFunc(m.ranksAt(path)[0].tagged.tags, func(n *tag) bool { return n.name == t.name }) {
			j.because(kind, "%q has no longer the tag %q", m.info.ID+"/"+path, t.name)
		}
	}
}

// topPlaces lists where a matter has, or had, the top level.
func (j *judge) topPlaces(m, was *matter) []string {
	var list []string
	for _, path := range rulePaths(m, orEmpty(was)) {
		high := j.to.levelAt(m, path, nil).Rank == j.to.top().Rank
		if high || was != nil && j.from.levelAt(was, path, nil).Rank == j.from.top().Rank {
			list = append(list, path)
		}
	}
	for _, l := range j.sealed[m.info.ID] {
		if j.to.rank(l.Level) == j.to.top() && !slices.Contains(list, l.Path) {
			list = append(list, l.Path)
		}
	}
	return list
}

// top compares who may ever do something at the top-level places of a matter.
func (j *judge) top(m, was *matter) {
	places := j.topPlaces(m, was)
	switch {
	case len(places) == 0 || m.status >= sealed:
	case was == nil:
		j.because("top", "matter %q is new", m.info.ID)
	case m.status < was.status:
		j.because("top", "matter %q is open again", m.info.ID)
	default:
		j.topPeople(m, was)
		j.topGroups(m, was)
		for _, path := range places {
			j.topPlace(path, m, was)
		}
	}
}

// topPeople compares named people: who they are, and what they are granted.
func (j *judge) topPeople(m, was *matter) {
	for index, list := range m.grants {
		u := j.toUser[index]
		if !j.reachesTop(u) {
			continue
		}
		if more := j.person(u); more != "" {
			j.because("top", "matter %q: %s", m.info.ID, more)
		}
		var before []grant
		if old := j.from.user[u.Name]; old != nil {
			before = was.grants[old.index]
		}
		for i := range list {
			g := &list[i]
			covered := func(b grant) bool { return b.countsAt(j.from.top()) && g.noWider(&b) }
			if g.valid(j.at) && g.countsAt(j.to.top()) && !slices.ContainsFunc(before, covered) {
				j.because("top", "matter %q: %q is granted more (%s)", m.info.ID, u.Name, g.pos)
			}
		}
	}
}

// topGroups compares grants to unix groups. Whoever is in one may be anybody, so
// that each person who can do more counts.
func (j *judge) topGroups(m, was *matter) {
	count := func(g grant) bool { return g.valid(j.at) && g.countsAt(j.to.top()) }
	if !slices.ContainsFunc(m.unix, count) {
		return
	}
	if more := j.unixGrants(m, was); more != "" {
		j.because("top", "matter %q: %s", m.info.ID, more)
	}
	for _, u := range j.to.users {
		if more := j.person(u); more != "" && j.reachesTop(u) {
			j.because("top", "matter %q, by a unix group: %s", m.info.ID, more)
		}
	}
}

// reachesTop tells whether nothing in the person or the role keeps the top level
// from them.
func (j *judge) reachesTop(u *user) bool {
	top := j.to.top()
	return !j.idle[u] && u.clearance.Rank >= top.Rank && !top.deniedToRole[u.role]
}

// topPlace compares what holds at one place: its readers and whom it is open to.
func (j *judge) topPlace(path string, m, was *matter) {
	if was.overfull(path, j.from.top()) && !m.overfull(path, j.to.top()) {
		j.because("top", "%q has no longer too many readers", m.info.ID+"/"+path)
	}
	for i := range was.folders {
		f := &was.folders[i]
		narrows := func(n folder) bool { return n.only != nil && within(path, n.path) && j.inside(n.only, f.only) }
		if f.only != nil && within(path, f.path) && !slices.ContainsFunc(m.folders, narrows) {
			j.because("top", "%q is open to more people", m.info.ID+"/"+path)
		}
	}
}

// gains asks both policies about those who have more somewhere in a matter, so
// that no way of granting is passed over because nobody compared it above.
func (j *judge) gains() {
	asked := map[[2]string]bool{}
	for _, c := range Diff(j.from, j.to, j.at, j.env).Access {
		m := j.to.matter[c.Matter]
		if m == nil || !c.Gains() || asked[[2]string{c.User, c.Matter}] {
			continue
		}
		asked[[2]string{c.User, c.Matter}] = true
		for _, path := range j.topPlaces(m, j.from.matter[c.Matter]) {
			if more := j.mayAt(j.to, c, path) &^ j.mayAt(j.from, c, path); more != 0 {
				j.because("top", "%q gains %s in %q", c.User, more, c.Matter+"/"+path)
			}
		}
	}
}

// mayAt is what a policy lets somebody do at a place with the levels sealed there.
func (j *judge) mayAt(p *Policy, c AccessChange, path string) (rights Right) {
	r := Request{Matter: c.Matter, Path: path, At: j.at, Env: j.env}
	for _, l := range j.sealed[c.Matter] {
		if within(path, l.Path) {
			r.Sealed = append(r.Sealed, l.Level)
		}
	}
	if !p.acts(c.User) {
		return 0
	}
	for bit := Read; bit <= Rename; bit <<= 1 {
		if r.Op = bit.probe(); p.DecideUser(c.User, r).Allow {
			rights |= bit
		}
	}
	return rights
}
