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

// survey walks over the lead's, the user's own and the groups' grants and what
// the role reads everywhere, in this order: the first that suffices gives the
// rule.
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
	if g := e.m.reach(e.u); g != nil {
		e.weigh(g)
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

// folderHidden tells whether the path lies in a folder above what the caller
// may know of, in a matter that they may know of.
func (e *eval) folderHidden() bool {
	if e.level == e.m.level || e.m.level.keepsOut(e.u).rule != "" {
		return false
	}
	return e.level.keepsOut(e.u).rule != "" || e.found.union != 0 && e.found.here == 0
}

func (e *eval) caps() verdict {
	f := &e.found
	if b := e.level.keepsOut(e.u); b.rule != "" {
		return e.refusedBy(b)
	}
	if e.m.overfull(e.r.Path, e.level) {
		return refuse("level.full", Refused, e.levelPos())
	}
	needs := e.r.Op.Needs(e.r.Own)
	switch {
	case f.here&needs == 0 && f.union&needs != 0:
		return e.refusedBy(bar{"level.named", e.level.tagged.named})
	case f.here&needs == 0:
		return refuse("member.right", Refused, e.m.pos)
	case f.best == nil:
		return refuse("role.right", Refused, e.u.role.pos)
	case e.r.Op == OpFill && e.level.DenyMapping:
		return e.unmapped()
	}
	if e.r.Op.moves() {
		if folder := e.m.pinned(e.r.Path); folder != nil {
			return refuse("level.pinned", Refused, folder.pos)
		}
	}
	return verdict{pos: e.u.role.pos}
}

// refusedBy is a refusal by what the level, or a tag, asks for.
func (e *eval) refusedBy(b bar) verdict {
	if b.tag != nil {
		return refuse(b.tag.rule, Refused, b.tag.pos)
	}
	return refuse(b.rule, Refused, e.levelPos())
}

func (e *eval) unmapped() verdict {
	if t := e.level.tagged.unmapped; t != nil {
		return refuse(t.rule, Refused, t.pos)
	}
	return refuse("level.mapping", Refused, e.level.pos)
}

// levelPos is where the path gets its level from.
func (e *eval) levelPos() pos {
	for i := range e.m.folders {
		if f := &e.m.folders[i]; f.level.Rank == e.level.Rank && within(e.r.Path, f.path) {
			return f.pos
		}
	}
	return e.m.pos
}

func (e *eval) duties() verdict {
	f, l, asks := &e.found, e.level, e.level.pos
	if t := l.tagged.purpose; t != nil {
		asks = t.pos
	}
	switch {
	case l.Purpose == "session", l.Purpose == "required" && !f.purposed:
		return refuse("need.purpose", Refused, asks)
	case l.TwoPerson > 0:
		return refuse("need.second", Refused, l.pos)
	}
	return verdict{pos: l.pos}
}
