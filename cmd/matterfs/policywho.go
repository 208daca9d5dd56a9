package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"matterfs/policy"
)

// whoReport is what who prints in JSON.
type whoReport struct {
	Policy string      `json:"policy"` // hash
	At     time.Time   `json:"at"`
	Op     string      `json:"op"`
	Matter string      `json:"matter"`
	Path   string      `json:"path,omitempty"`
	Notes  []string    `json:"notes"` // what the answer takes for granted
	Who    []whoAnswer `json:"who"`
}

type whoAnswer struct {
	User   string     `json:"user"`
	Name   string     `json:"name,omitempty"`
	Allow  bool       `json:"allow"`
	Rule   string     `json:"rule"`
	Reason string     `json:"reason,omitempty"` // of a refusal
	Pos    string     `json:"pos,omitempty"`
	Until  *time.Time `json:"until,omitempty"` // when time alone may change it
	Ask    []string   `json:"ask,omitempty"`
}

func newPolicyWho(a *app) *cobra.Command {
	var op, at string
	var all bool
	c := &cobra.Command{
		Use:   "who --can OP MATTER[/PATH] [DIR]",
		Short: "tell who may do something, and by which rule",
		Long: "who lists everybody who may do OP (read unless --can says otherwise), the rule that lets them with its place in\n" +
			"the files, and until when. Of a store DIR it answers from the policy in force, now or --at a moment past, with\n" +
			"the emergency list and frozen matters of then; of a policy directory, or for a day to come, from the files.\n" +
			"Unix groups are asked of this machine, now; levels sealed into folders are those that the log tells of. What\n" +
			"the answer takes for granted is said on stderr. It ends with 1 when nobody may.",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			return runPolicyWho(a, whoQuestion{op, at, args[0], optional(args, 1), all})
		},
	}
	c.Flags().StringVar(&op, "can", "read", "`operation`: read, write, create, delete, rename or a finer one")
	c.Flags().StringVar(&at, "at", "", "`time` to answer for, 2026-12-31 or RFC 3339 (default now)")
	c.Flags().BoolVar(&all, "all", false, "list also who is refused, why, and whom they may ask")
	return c
}

type whoQuestion struct {
	op, at, path, dir string
	all               bool
}

func runPolicyWho(a *app, w whoQuestion) error {
	q, notes, err := a.whoQuestion(w)
	if err != nil {
		return err
	}
	if _, ok := q.p.Matter(q.r.Matter); !ok {
		return usagef("the policy knows no matter %q", q.r.Matter)
	}
	r := whoReport{Policy: q.p.Hash(), At: q.r.At, Op: q.r.Op.String(), Matter: q.r.Matter, Path: q.r.Path, Notes: notes, Who: []whoAnswer{}}
	some := false
	for _, ans := range q.p.WhoCan(q.r) {
		some = some || ans.Allow
		if ans.Allow || w.all {
			r.Who = append(r.Who, answerOf(&ans, a.lang))
		}
	}
	if a.json {
		return answer(some, a.printJSON(r))
	}
	return answer(some, a.printWho(q.p, &r))
}

// whoQuestion finds the policy to ask and says what the answer takes for granted.
func (a *app) whoQuestion(w whoQuestion) (*question, []string, error) {
	p, t, err := a.pastPolicy(w.dir, w.at)
	if err != nil {
		return nil, nil, err
	}
	q := &question{p: p, then: t}
	notes := []string{}
	if p == nil {
		if _, q.p, err = a.policyAt(w.dir); err != nil {
			return nil, nil, err
		}
		notes = append(notes, a.text(msgFromFiles))
		t = &then{}
		q.then = t
	}
	if q.r.At, err = parseAt(w.at, q.p.Zone()); err != nil {
		return nil, nil, err
	}
	if err := q.about(w.op, w.path); err != nil {
		return nil, nil, err
	}
	if groups := q.p.UnixGroups(); len(groups) > 0 {
		notes = append(notes, a.text(msgGroupsNow, strings.Join(groups, ", ")))
	}
	if t.accepted {
		notes = append(notes, a.text(msgListsMended))
	}
	if p != nil && w.at != "" && !t.served {
		notes = append(notes, a.text(msgNotServed))
	}
	q.r.Env = t.env(systemGroups(q.p).Groups)
	return q, notes, nil
}

func answerOf(ans *policy.Answer, l lang) whoAnswer {
	w := whoAnswer{User: ans.User.Name, Allow: ans.Allow, Rule: ans.Rule, Pos: ans.Pos}
	if ans.User.Display != ans.User.Name {
		w.Name = ans.User.Display
	}
	if !ans.Allow {
		w.Reason, w.Ask = policy.RuleText(ans.Rule, l.String()), slices.Clone(ans.Ask)
	}
	if !ans.Expires.IsZero() {
		w.Until = &ans.Expires
	}
	return w
}

// printWho is one line a person.
func (a *app) printWho(p *policy.Policy, r *whoReport) error {
	for _, note := range r.Notes {
		fmt.Fprintln(a.err, "matterfs: "+note)
	}
	for i := range r.Who {
		w := &r.Who[i]
		words := []string{w.User}
		if w.Allow {
			words = append(words, a.text(msgAllowed), w.Rule)
		} else {
			words = append(words, a.text(msgRefused), w.Rule+": "+w.Reason)
		}
		if w.Pos != "" {
			words = append(words, "["+w.Pos+"]")
		}
		if w.Allow && w.Until != nil {
			words = append(words, a.text(msgUntil, w.Until.In(p.Zone()).Format(time.RFC3339)))
		}
		if len(w.Ask) > 0 {
			words = append(words, a.text(msgAsk, strings.Join(w.Ask, ", ")))
		}
		if err := a.printf("%s\n", strings.Join(words, "  ")); err != nil {
			return err
		}
	}
	return nil
}
