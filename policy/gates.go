package policy

// survey is what one walk over the caller's grants in the matter finds out.
type survey struct {
	any      bool   // some grant is valid now
	expired  *grant // one that has run out
	waiting  *grant // a valid one that lacks its record
	union    Right  // of the grants that can be used
	here     Right  // of those that count at the path's level
	best     *grant // gives a right that the operation needs
	first    *grant // of the valid ones, that which runs out first
	purposed bool   // best carries a purpose
}

// survey walks over the lead's, the user's own and the groups' grants, in this
// order: the first that suffices gives the rule.
func (e *eval) survey() {
	named := e.m.grants[e.u.index]
	for i := range named {
		e.weigh(&named[i])
	}
	for i := range e.m.unix {
		if g := &e.m.unix[i]; e.r.Env.inGroup(g.group.unix, e.u.Name, false) {
			e.weigh(g)
		}
	}
}

func (e *eval) weigh(g *grant) {
	f := &e.found
	if !g.valid(e.r.At) {
		f.expired = g
		return
	}
	f.any = true
	if f.first == nil || g.endsBefore(f.first) {
		f.first = g
	}
	if g.ack || g.approval || e.u.role.approval {
		f.waiting = g
		return
	}
	f.union |= g.rights
	if !g.countsAt(e.level) {
		return
	}
	f.here |= g.rights
	if g.rights&e.u.role.rights&e.r.Op.Needs(e.r.Own) == 0 {
		return
	}
	if f.best == nil || !f.purposed && g.purpose != "" && e.level.Purpose == "required" {
		f.best, f.purposed = g, g.purpose != ""
	}
}

func (e *eval) walls() verdict {
	for i := range e.m.walls {
		b := &e.m.walls[i]
		if b.stands(e.r.At) && b.stops(e.u, e.r.Env) {
			return verdict{refused: true, rule: b.rule, reason: b.reason, shown: Hidden, pos: b.pos, changes: b.until}
		}
	}
	return verdict{}
}

func (e *eval) grant() verdict {
	f := &e.found
	switch {
	case !f.any && f.expired != nil:
		return refuse("member.expired", Hidden, f.expired.pos)
	case !f.any:
		return refuse("member.none", Hidden, e.m.pos)
	case f.union == 0 && e.u.role.approval:
		return refuse("member.approval", Refused, e.u.role.pos)
	case f.union == 0 && f.waiting == nil:
		return refuse("member.right", Refused, e.m.pos) // no reader lets a grant of nothing through
	case f.union == 0 && f.waiting.approval:
		return refuse("member.approval", Refused, f.waiting.pos)
	case f.union == 0:
		return refuse("member.ack", Refused, f.waiting.pos)
	}
	if folder := e.narrowed(); folder != nil {
		return refuse("member.folder", Refused, folder.pos)
	}
	if f.best != nil {
		return verdict{rule: f.best.rule, pos: f.best.pos}
	}
	return verdict{}
}

// narrowed finds a folder above the path that is for others only.
func (e *eval) narrowed() *folder {
	for i := range e.m.folders {
		f := &e.m.folders[i]
		if f.only != nil && within(e.r.Path, f.path) && !f.only.has(e.u, e.r.Env, false) {
			return f
		}
	}
	return nil
}

// above says which rule keeps the caller out of a level, "" for none.
func (e *eval) above(l *Level) string {
	switch {
	case e.u.clearance.Rank < l.Rank:
		return "level.clearance"
	case l.deniedToRole[e.u.role]:
		return "level.role"
	}
	return ""
}

// folderHidden tells whether the path lies in a folder above what the caller
// may know of, in a matter that they may know of.
func (e *eval) folderHidden() bool {
	if e.level == e.m.level || e.above(e.m.level) != "" {
		return false
	}
	return e.above(e.level) != "" || e.found.union != 0 && e.found.here == 0
}

func (e *eval) caps() verdict {
	f := &e.found
	if rule := e.above(e.level); rule != "" {
		return refuse(rule, Refused, e.levelPos())
	}
	if e.m.overfull(e.r.Path, e.level) {
		return refuse("level.full", Refused, e.levelPos())
	}
	needs := e.r.Op.Needs(e.r.Own)
	switch {
	case f.here&needs == 0 && f.union&needs != 0:
		return refuse("level.named", Refused, e.levelPos())
	case f.here&needs == 0:
		return refuse("member.right", Refused, e.m.pos)
	case f.best == nil:
		return refuse("role.right", Refused, e.u.role.pos)
	case e.r.Op == OpFill && e.level.DenyMapping:
		return refuse("level.mapping", Refused, e.level.pos)
	}
	if e.r.Op.moves() {
		if folder := e.m.pinned(e.r.Path); folder != nil {
			return refuse("level.pinned", Refused, folder.pos)
		}
	}
	return verdict{pos: e.u.role.pos}
}

// levelPos is where the path gets its level from.
func (e *eval) levelPos() pos {
	for i := range e.m.folders {
		if f := &e.m.folders[i]; f.level == e.level && within(e.r.Path, f.path) {
			return f.pos
		}
	}
	return e.m.pos
}

func (e *eval) duties() verdict {
	f, l := &e.found, e.level
	switch {
	case l.Purpose == "session", l.Purpose == "required" && !f.purposed:
		return refuse("need.purpose", Refused, l.pos)
	case l.TwoPerson > 0:
		return refuse("need.second", Refused, l.pos)
	}
	return verdict{pos: l.pos}
}
