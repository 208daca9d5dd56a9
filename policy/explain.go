package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// GateResult is what one gate says to a request.
type GateResult struct {
	Gate   int
	Name   string // system, subject, object, walls, grant, caps, duties, allow
	Pass   bool
	Rule   string // the rule that refused, or that let pass where one did
	Reason string // in words, with the values that decided
	Pos    string // file:line of the deciding rule, "" when there is none
	Ask    []string
}

var gateNames = [...]string{"system", "subject", "object", "walls", "grant", "caps", "duties", "allow"}

// Explain asks every gate, also those behind the first that refuses, and says
// for each refusal which rule, why, where it stands, and whom to ask. The last
// entry is the outcome of Decide.
func (p *Policy) Explain(r Request) []GateResult {
	e := eval{p: p, r: &r}
	if p != nil {
		e.u = p.uid[r.UID]
	}
	return e.explain()
}

// ExplainUser explains for a user by name; see [Policy.DecideUser].
func (p *Policy) ExplainUser(name string, r Request) []GateResult {
	e := eval{p: p, r: &r}
	if p != nil {
		e.u = p.user[name]
	}
	return e.explain()
}

func (e *eval) explain() []GateResult {
	e.locate()
	var list []GateResult
	for gate := GateSystem; gate < GateAllow; gate++ {
		if e.p == nil && gate > GateSystem {
			break
		}
		list = append(list, e.result(gate, e.gate(gate)))
	}
	return append(list, e.outcome(list))
}

func (e *eval) result(gate int, v verdict) GateResult {
	g := GateResult{Gate: gate, Name: gateNames[gate], Pass: !v.refused, Rule: v.rule, Pos: v.pos.String()}
	if v.rule == "" {
		return g
	}
	g.Reason = v.reason
	if g.Reason == "" {
		g.Reason = RuleText(v.rule, "en")
	}
	if detail := e.detail(&v); detail != "" {
		g.Reason += ": " + detail
	}
	if v.refused {
		g.Ask = e.ask(v.rule)
	}
	return g
}

// outcome repeats the first refusal, or gives the grant that allows.
func (e *eval) outcome(list []GateResult) GateResult {
	d := GateResult{Gate: GateAllow, Name: gateNames[GateAllow], Pass: true}
	for _, g := range list {
		if !g.Pass {
			d.Pass, d.Rule, d.Reason, d.Pos, d.Ask = false, g.Rule, g.Reason, g.Pos, g.Ask
			return d
		}
	}
	best := e.found.best
	d.Rule, d.Reason, d.Pos = best.rule, RuleText(best.rule, "en"), best.pos.String()
	return d
}

// detail adds the values that a refusal turned on.
func (e *eval) detail(v *verdict) string {
	if !v.refused {
		return ""
	}
	switch v.rule {
	case "user.expired":
		return "until " + e.p.date(e.u.until)
	case "user.departed":
		return e.u.Name
	case "member.expired":
		return "until " + e.p.date(e.found.expired.until)
	case "member.right":
		return fmt.Sprintf("%s needs %s, granted is %s", e.r.Op, e.needs(), e.found.here)
	case "role.right":
		return fmt.Sprintf("%s needs %s, role %q has %s", e.r.Op, e.needs(), e.u.role.name, e.u.role.rights)
	case "level.clearance":
		return fmt.Sprintf("%s is above %s", e.level.Name, e.u.clearance.Name)
	case "level.role":
		return fmt.Sprintf("%s is not for role %q", e.level.Name, e.u.role.name)
	case "level.full":
		return fmt.Sprintf("%s takes %d", e.level.Name, e.level.MaxReaders)
	case "level.pinned":
		return e.m.pinned(e.r.Path).path
	}
	if strings.HasPrefix(v.rule, "wall.") && !v.changes.IsZero() {
		return "until " + e.p.date(v.changes)
	}
	return ""
}

func (e *eval) needs() string {
	return strings.Join(e.r.Op.Needs(e.r.Own).Names(), " or ")
}

// date prints the last day that an end still covers, or the moment.
func (p *Policy) date(end time.Time) string {
	local := end.In(p.zone)
	if y, m, d := local.Date(); dayStart(y, m, d, p.zone).Equal(end) {
		return local.AddDate(0, 0, -1).Format(time.DateOnly)
	}
	return local.Format(time.RFC3339)
}

// ask names who can help with a refusal: the lead of the matter for what a
// lead decides, else the security administrators, and the system
// administrators when the system itself is at fault.
func (e *eval) ask(rule string) []string {
	if e.p == nil {
		return nil
	}
	kind, _, _ := strings.Cut(rule, ".")
	switch kind {
	case "sys":
		return slices.Clone(e.p.duties["sysadmin"])
	case "member", "need":
		if e.m != nil && e.m.lead != nil && e.m.lead != e.u && !e.m.lead.departed {
			return []string{e.m.lead.Name}
		}
	}
	return slices.Clone(e.p.duties["secadmin"])
}
