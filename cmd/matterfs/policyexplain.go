package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"matterfs/policy"
)

// questionOptions is what explain and can are asked with.
type questionOptions struct {
	as     string
	at     string
	groups []string
	own    bool
}

func (o *questionOptions) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.as, "as", "", "`user` whose access is in question, by login name or uid")
	c.Flags().StringVar(&o.at, "at", "", "`time` to decide for, 2026-12-31 or RFC 3339 (default now)")
	c.Flags().StringArrayVar(&o.groups, "group", nil, "unix `group` the user is taken to be in; may be repeated")
	c.Flags().BoolVar(&o.own, "own", false, "the object was created by the user")
}

// gateReport is one gate in JSON.
type gateReport struct {
	Gate   int      `json:"gate"`
	Name   string   `json:"name"`
	Pass   bool     `json:"pass"`
	Decide bool     `json:"decides,omitempty"` // the first that refuses: what is logged and shown
	Rule   string   `json:"rule,omitempty"`
	Reason string   `json:"reason,omitempty"`
	Pos    string   `json:"pos,omitempty"`
	Ask    []string `json:"ask,omitempty"`
}

// explainReport is what explain prints in JSON.
type explainReport struct {
	Allow  bool         `json:"allow"`
	User   string       `json:"user"`
	Op     string       `json:"op"`
	Matter string       `json:"matter"`
	Path   string       `json:"path"`
	Level  string       `json:"level,omitempty"`
	Rule   string       `json:"rule"`
	Shown  string       `json:"shown,omitempty"` // errno of a refusal
	Gates  []gateReport `json:"gates"`
}

func newPolicyExplain(a *app) *cobra.Command {
	var o questionOptions
	c := &cobra.Command{
		Use:   "explain --as USER OP PATH [DIR]",
		Short: "show each gate a user passes or fails",
		Long: "explain asks the policy of the store, or in the policy directory, DIR: may USER do OP on PATH?\n" +
			"OP is read, write, create, delete, rename or a finer operation; PATH is MATTER or MATTER/FOLDER/FILE.\n" +
			"Of a store, --at a moment past asks the policy that was in force then, with the emergency list of then.\n" +
			"It ends with 0 for yes and 1 for no.",
		Args: cobra.RangeArgs(2, 3),
		RunE: func(_ *cobra.Command, args []string) error {
			return runPolicyExplain(a, o, args[0], args[1], optional(args, 2))
		},
	}
	o.flags(c)
	return c
}

func runPolicyExplain(a *app, o questionOptions, op, path, dir string) error {
	q, err := a.questionAbout(o, op, path, dir)
	if err != nil {
		return err
	}
	d := q.p.DecideUser(q.user, q.r)
	gates := q.p.ExplainUser(q.user, q.r)
	if a.json {
		err = a.printJSON(q.report(d, gates))
	} else {
		err = a.printf("%s", a.explainText(d, gates))
	}
	return answer(d.Allow, err)
}

// answer turns no into exit code 1.
func answer(yes bool, err error) error {
	if err == nil && !yes {
		return &exitError{exitNo}
	}
	return err
}

// question is a policy and what is asked of it.
type question struct {
	p    *policy.Policy
	user string
	r    policy.Request
	then *then // what stood beside the policy
}

func (a *app) question(o questionOptions, dir string) (*question, error) {
	if o.as == "" {
		return nil, usagef("whose access? give --as USER")
	}
	p, t, err := a.policyFor(o.at, dir)
	if err != nil {
		return nil, err
	}
	q := &question{p: p, user: userName(p, o.as), then: t}
	in := func(group, _ string) (member, known bool) { return slices.Contains(o.groups, group), true }
	q.r = policy.Request{Own: o.own, Env: t.env(in)}
	q.r.At, err = parseAt(o.at, p.Zone())
	return q, err
}

// policyFor is the policy in force in a store at a moment past, else the one in
// the files.
func (a *app) policyFor(at, dir string) (*policy.Policy, *then, error) {
	if at != "" {
		if p, t, err := a.pastPolicy(dir, at); err != nil || p != nil {
			return p, t, err
		}
	}
	_, p, err := a.policyAt(dir)
	return p, &then{}, err
}

// userName accepts a uid too. Somebody whom the policy does not know is a fair
// question with an answer.
func userName(p *policy.Policy, as string) string {
	if _, known := p.User(as); known {
		return as
	}
	if uid, err := strconv.ParseUint(as, 10, 32); err == nil {
		if u, ok := p.UserByUID(uint32(uid)); ok {
			return u.Name
		}
	}
	return as
}

// parseAt reads a moment; a date alone means noon of that day at the firm.
func parseAt(at string, zone *time.Location) (time.Time, error) {
	if at == "" {
		return time.Now(), nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, at, zone); err == nil {
		return t.Add(12 * time.Hour), nil
	}
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return t, usagef("--at %q is neither a date nor an RFC 3339 time", at)
	}
	return t, nil
}

// questionAbout is a question about one operation on one path.
func (a *app) questionAbout(o questionOptions, op, path, dir string) (*question, error) {
	q, err := a.question(o, dir)
	if err != nil {
		return nil, err
	}
	return q, q.about(op, path)
}

// about sets operation and object.
func (q *question) about(op, path string) error {
	o, ok := policy.ParseOp(op)
	if !ok {
		return usagef("%q is no operation; use read, write, create, delete or rename", op)
	}
	head, rest, _ := strings.Cut(strings.Trim(path, "/"), "/")
	q.r.Op, q.r.Matter, q.r.Path = o, head, rest
	if m, ok := q.p.MatterByFolder(head); ok {
		q.r.Matter = m.ID
	}
	q.r.Sealed = q.then.sealed(q.r.Matter, q.r.Path)
	return nil
}

func (q *question) report(d policy.Decision, gates []policy.GateResult) explainReport {
	r := explainReport{Allow: d.Allow, User: q.user, Op: q.r.Op.String(), Matter: q.r.Matter, Path: q.r.Path, Level: d.Level, Rule: d.Rule}
	if !d.Allow {
		r.Shown = d.Shown.String()
	}
	decided := false
	for _, g := range gates {
		r.Gates = append(r.Gates, gateReport{g.Gate, g.Name, g.Pass, !g.Pass && !decided, g.Rule, g.Reason, g.Pos, g.Ask})
		decided = decided || !g.Pass
	}
	return r
}

// explainText is one line a gate; the last one is the outcome. Gates behind the
// one that decides are told too, as a request would not reach them: an
// administrator who opens one door wants to know of the next.
func (a *app) explainText(d policy.Decision, gates []policy.GateResult) string {
	var b strings.Builder
	decided := false
	for _, g := range gates[:len(gates)-1] {
		mark, behind := "pass", ""
		switch {
		case !g.Pass && decided:
			mark, behind = "fail", "  "+a.text(msgNotReached)
		case !g.Pass:
			mark, decided = "FAIL", true
		}
		fmt.Fprintf(&b, "%d %-8s %s%s%s\n", g.Gate, g.Name, mark, behind, a.gateText(g))
	}
	if d.Allow {
		fmt.Fprintf(&b, "%s%s\n", a.text(msgAllowed), a.gateText(gates[len(gates)-1]))
	} else {
		fmt.Fprintf(&b, "%s (%s)%s\n", a.text(msgRefused), d.Shown, a.gateText(gates[len(gates)-1]))
	}
	return b.String()
}

// gateText is the rule of a gate, why, where it stands and whom to ask.
func (a *app) gateText(g policy.GateResult) string {
	if g.Rule == "" {
		return ""
	}
	detail := strings.TrimPrefix(g.Reason, policy.RuleText(g.Rule, "en"))
	if detail != "" && !strings.HasPrefix(detail, ": ") {
		detail = ": " + detail // words of the policy's own, instead of ours
	}
	s := "  " + g.Rule + ": " + policy.RuleText(g.Rule, a.lang.String()) + detail
	if g.Pos != "" {
		s += "  [" + g.Pos + "]"
	}
	if len(g.Ask) > 0 {
		s += "  " + a.text(msgAsk, strings.Join(g.Ask, ", "))
	}
	return s
}
