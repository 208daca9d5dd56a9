package policy

import "time"

// The gates, in the order in which they are asked.
const (
	GateSystem = iota
	GateSubject
	GateObject
	GateWalls
	GateGrant
	GateCaps
	GateDuties
	GateAllow
)

// Decide answers one request. It asks gates 0 to 6 in order; the first that
// refuses gives the rule and the reason:
//
//	0 system   no policy, or Env.Fault names a fault           Unavailable
//	1 subject  on the emergency list, not exactly one user,
//	           departed, past until, without NDA, blocked       Refused
//	2 object   no such matter, sealed, destroyed                Hidden
//	           frozen (Env.Frozen)                              Refused
//	           closed, for operations that modify               ReadOnly
//	3 walls    behind a wall                                    Hidden
//	4 grant    no grant that is valid now                       Hidden
//	           only grants that wait for ack or approval;
//	           outside a folder's only                          Refused
//	5 caps     right not in the union of the grants and in the role;
//	           clearance or role not enough for the level, or
//	           more readers than the level allows               Refused
//	6 duties   purpose not stated, second person not present    Refused
//	7 allow
//
// Whatever code is given, a refusal from gate 2 on is Hidden when gate 3 or the
// lack of any grant would refuse as well, or when the path lies in a folder
// that the caller may not know of: above their clearance, denied to their role,
// open to named people only, or narrowed to others. Where the matter's own root
// is Refused, so is all below it: no answer tells what is there. A Refused
// matter may be listed by name; a Hidden one may not.
//
// Decide does not allocate. A nil policy refuses with sys.nopolicy, a zero
// request time with sys.clock.
func (p *Policy) Decide(r Request) Decision {
	e := eval{p: p, r: &r}
	if p != nil {
		e.u = p.uid[r.UID]
	}
	return e.decide()
}

// DecideUser answers for a user by name, whatever uid they hold: for tests of
// a policy and for explanations, never for a caller.
func (p *Policy) DecideUser(name string, r Request) Decision {
	e := eval{p: p, r: &r}
	if p != nil {
		e.u = p.user[name]
	}
	return e.decide()
}

// SeesRoot tells whether the caller may list the root of the drive at all: an
// active user who is not kept out as a person.
func (p *Policy) SeesRoot(uid uint32, at time.Time, env *Env) Decision {
	e := eval{p: p, r: &Request{UID: uid, At: at, Env: env, Op: OpList}}
	if p != nil {
		e.u = p.uid[uid]
	}
	d := Decision{Gate: GateAllow, Rule: "root"}
	for gate := GateSystem; gate <= GateSubject; gate++ {
		if v := e.gate(gate); v.refused {
			return e.deny(gate, &v)
		}
	}
	d.Allow, d.User, d.Expires = true, e.u.Name, e.u.lasts()
	return d
}

// eval is the state of one decision; it lives on the stack.
type eval struct {
	p     *Policy
	r     *Request
	u     *user
	m     *matter
	level *Level // of the path
	found survey
}

// verdict is what one gate says. rule and pos are given for a pass too where
// one rule decided.
type verdict struct {
	refused bool
	rule    string
	reason  string // "" for the standing text of the rule
	shown   Shown
	pos     pos
	changes time.Time // when time alone may change a refusal
}

func (e *eval) decide() Decision {
	e.locate()
	for gate := GateSystem; gate < GateAllow; gate++ {
		if v := e.gate(gate); v.refused {
			return e.deny(gate, &v)
		}
	}
	g := e.found.best
	return Decision{
		Allow: true, Gate: GateAllow, Rule: g.rule,
		User: e.u.Name, Client: e.m.info.Client, Level: e.level.Name, Purpose: g.purpose, LogReads: e.level.LogReads,
		LogSync: e.level.LogSync, Expires: earlier(e.u.lasts(), g.until),
	}
}

// locate finds the matter, the level of the path and the caller's grants.
func (e *eval) locate() {
	if e.p == nil {
		return
	}
	e.m = e.p.matter[e.r.Matter]
	if e.m == nil {
		return
	}
	e.level = e.p.levelAt(e.m, e.r.Path, e.r.Sealed)
	if e.u != nil {
		e.survey()
	}
}

func (e *eval) deny(gate int, v *verdict) Decision {
	d := Decision{Gate: gate, Rule: v.rule, Reason: v.reason, Shown: v.shown, Expires: e.changes(gate, v)}
	if d.Reason == "" {
		d.Reason = RuleText(v.rule, "en")
	}
	if e.u != nil {
		d.User = e.u.Name
	}
	if e.m != nil {
		d.Client, d.Level = e.m.info.Client, e.level.Name
		if gate >= GateObject && e.hidden() {
			d.Shown = Hidden
		}
	}
	return d
}

// changes is when time may change a refusal: when what lets the caller come as
// far as the gate ends, or what stops them there.
func (e *eval) changes(gate int, v *verdict) time.Time {
	if gate <= GateSubject || e.u == nil {
		return v.changes
	}
	ends := earlier(v.changes, e.u.lasts())
	if e.m == nil || gate == GateWalls {
		return ends
	}
	if gate == GateObject { // walls and grants say how it is shown
		ends = earlier(ends, e.walls().changes)
	}
	if e.found.first != nil {
		ends = earlier(ends, e.found.first.until)
	}
	return ends
}

// hidden tells whether the caller may not even know that the object exists.
func (e *eval) hidden() bool {
	if e.u == nil || !e.found.any || e.walls().refused {
		return true
	}
	return (e.narrowed() != nil || e.folderHidden()) && !e.rootRefused()
}

// rootRefused tells whether the caller sees the name of the matter and may not
// go in.
func (e *eval) rootRefused() bool {
	root := eval{p: e.p, u: e.u, r: &Request{Matter: e.r.Matter, Op: OpLookup, At: e.r.At, Env: e.r.Env}}
	root.locate()
	return root.object().refused || root.grant().refused || root.caps().refused || root.duties().refused
}

func (e *eval) gate(n int) verdict {
	if n >= GateWalls && e.m == nil {
		return refuse("matter.unknown", Hidden, pos{})
	}
	if n >= GateWalls && e.u == nil {
		return refuse("user.unknown", Refused, pos{})
	}
	switch n {
	case GateSystem:
		return e.system()
	case GateSubject:
		return e.subject()
	case GateObject:
		return e.object()
	case GateWalls:
		return e.walls()
	case GateGrant:
		return e.grant()
	case GateCaps:
		return e.caps()
	}
	return e.duties()
}

func refuse(rule string, shown Shown, at pos) verdict {
	return verdict{refused: true, rule: rule, shown: shown, pos: at}
}

func (e *eval) system() verdict {
	if e.p == nil {
		return refuse("sys.nopolicy", Unavailable, pos{})
	}
	if e.r.At.IsZero() {
		return refuse("sys.clock", Unavailable, pos{})
	}
	if fault := e.r.Env.fault(); fault != "" {
		return refuse(fault, Unavailable, pos{})
	}
	return verdict{}
}

func (e *eval) subject() verdict {
	u, at := e.u, e.r.At
	switch {
	case u == nil:
		return refuse("user.unknown", Refused, pos{})
	case e.r.Env.disabled(u.Name):
		return refuse("user.disabled", Refused, u.pos)
	case u.departed:
		return refuse("user.departed", Refused, u.pos)
	case !u.until.IsZero() && !at.Before(u.until):
		return refuse("user.expired", Refused, u.pos)
	case u.blocked != nil && (u.blocked.until.IsZero() || at.Before(u.blocked.until)):
		v := refuse("user.blocked", Refused, u.blocked.pos)
		v.changes = earlier(u.blocked.until, u.until)
		return v
	}
	return u.ndaVerdict(at)
}

// ndaVerdict refuses a user whose role asks for a confidentiality agreement
// and who has none that is valid now.
func (u *user) ndaVerdict(at time.Time) verdict {
	v := refuse("user.nda", Refused, u.pos)
	v.changes = u.until
	switch {
	case !u.role.nda:
		return verdict{pos: u.pos}
	case u.nda == nil:
		return v
	case at.Before(u.nda.signed):
		v.changes = earlier(u.until, u.nda.signed)
	case u.nda.until.IsZero() || at.Before(u.nda.until):
		return verdict{pos: u.nda.pos}
	}
	v.pos = u.nda.pos
	return v
}

// lasts is when the user stops being let in; zero: never.
func (u *user) lasts() time.Time {
	if u.role.nda && u.nda != nil {
		return earlier(u.until, u.nda.until)
	}
	return u.until
}

// earlier is the smaller of two times of which zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (e *eval) object() verdict {
	if e.m == nil {
		return refuse("matter.unknown", Hidden, pos{})
	}
	switch e.m.status {
	case sealed:
		return refuse("matter.sealed", Hidden, e.m.pos)
	case destroyed:
		return refuse("matter.destroyed", Hidden, e.m.pos)
	}
	switch {
	case e.r.Env.frozen(e.m.info.ID):
		return refuse("matter.frozen", Refused, e.m.pos)
	case e.m.status == closed && e.r.Op.Modifies():
		return refuse("matter.closed", ReadOnly, e.m.pos)
	}
	return verdict{pos: e.m.pos}
}
