package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"matterfs/audit"
	"matterfs/policy"
)

type lintOptions struct {
	dir    string
	days   int // what ends within them is soon
	unused int // who used nothing for so many days
}

// findingReport is one finding in JSON.
type findingReport struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
	Col  int    `json:"col,omitempty"`
	Msg  string `json:"msg"`
	Hint string `json:"hint,omitempty"`
}

func newPolicyLint(a *app) *cobra.Command {
	var o lintOptions
	c := &cobra.Command{
		Use:   "lint [DIR]",
		Short: "find what could be tidied up in a policy",
		Long: "lint finds what check does not mind: entries that ended or end soon, users, groups, roles, levels, tags\n" +
			"and departments that nothing uses, walls that no test asks about, and all that check warns of. With --log\n" +
			"it also finds members who did not use a matter for --unused days. It ends with 1 when it finds something.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.dir = optional(args, 0)
			return runPolicyLint(a, o)
		},
	}
	c.Flags().IntVar(&o.days, "days", 30, "what ends within `N` days is soon")
	c.Flags().IntVar(&o.unused, "unused", 90, "with --log: members who used nothing for `N` days")
	return c
}

func runPolicyLint(a *app, o lintOptions) error {
	if o.days < 0 || o.unused < 1 {
		return usagef("--days must not be negative, --unused must be 1 or more")
	}
	_, p, err := a.policyAt(o.dir)
	if err != nil {
		return err
	}
	now := time.Now()
	list := append(p.Warnings(), p.Lint(now, time.Duration(o.days)*24*time.Hour)...)
	if a.flags.log != "" {
		unused, err := a.unusedEntries(p, now, o.unused)
		if err != nil {
			return err
		}
		list = append(list, unused...)
	}
	return answer(len(list) == 0, a.printFindings(list))
}

// unusedEntries finds who is a member and did nothing that the log knows of. A
// log that does not go back far enough says nothing about that.
func (a *app) unusedEntries(p *policy.Policy, now time.Time, days int) ([]*policy.Error, error) {
	since := now.AddDate(0, 0, -days)
	use, err := readUse(a.flags.log, since)
	if err != nil {
		return nil, err
	}
	if use.begins.IsZero() || use.begins.After(since) {
		a.say(msgLogTooShort, days)
		return nil, nil
	}
	var list []*policy.Error
	for _, e := range p.Entries(now) {
		if who := usedBy(e.User, e.Group, e.Matter); !e.Lead && !use.seen[who] {
			list = append(list, e.Unused(days))
		}
	}
	return list, nil
}

// logUse is who used which matter since some day.
type logUse struct {
	begins time.Time // of the log
	seen   map[string]bool
}

// usedBy names a user, or a group, in a matter. Names hold no blanks.
func usedBy(user, group, matter string) string {
	if group != "" {
		return "member.group:" + group + " " + matter
	}
	return user + " " + matter
}

func readUse(dir string, since time.Time) (*logUse, error) {
	u := &logUse{seen: map[string]bool{}}
	err := audit.ReadRecords(dir, func(_ []byte, rec *audit.Parsed) error {
		if u.begins.IsZero() {
			u.begins = rec.Time
		}
		if rec.Res == "ok" && rec.Matter != "" && !rec.Time.Before(since) {
			u.seen[usedBy(rec.User, "", rec.Matter)] = true
			if group, ok := strings.CutPrefix(rec.Rule, "member.group:"); ok {
				u.seen[usedBy("", group, rec.Matter)] = true
			}
		}
		return nil
	})
	return u, err
}

// printFindings writes one line each, as compilers do, so that editors find the
// place.
func (a *app) printFindings(list []*policy.Error) error {
	if a.json {
		out := []findingReport{}
		for _, e := range list {
			out = append(out, findingReport{e.File, e.Line, e.Col, e.Msg, e.Hint})
		}
		return a.printJSON(out)
	}
	for _, e := range list {
		line := fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Msg)
		if e.Hint != "" {
			line += " (" + e.Hint + ")"
		}
		if err := a.printf("%s\n", line); err != nil {
			return err
		}
	}
	return nil
}
