package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// canReport is one answer of can in JSON.
type canReport struct {
	Matter string   `json:"matter"`
	Rights []string `json:"rights"`
	Rule   string   `json:"rule"` // that decides on reading
}

func newPolicyCan(a *app) *cobra.Command {
	var o questionOptions
	c := &cobra.Command{
		Use:   "can --as USER [OP PATH] [DIR]",
		Short: "tell what a user may do",
		Long: "can answers whether USER may do OP on PATH, with 0 for yes and 1 for no; without OP and PATH it\n" +
			"lists the rights of USER in each matter that they can see. See explain.",
		Args: cobra.MaximumNArgs(3),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return runPolicyCanList(a, o, optional(args, 0))
			}
			return runPolicyCan(a, o, args[0], args[1], optional(args, 2))
		},
	}
	o.flags(c)
	return c
}

func runPolicyCan(a *app, o questionOptions, op, path, dir string) error {
	q, err := a.questionAbout(o, op, path, dir)
	if err != nil {
		return err
	}
	d := q.p.DecideUser(q.user, q.r)
	word := msgRefused
	if d.Allow {
		word = msgAllowed
	}
	if a.json {
		err = a.printJSON(struct {
			Allow bool   `json:"allow"`
			Rule  string `json:"rule"`
		}{d.Allow, d.Rule})
	} else {
		err = a.printf("%s %s\n", a.text(word), d.Rule)
	}
	return answer(d.Allow, err)
}

func runPolicyCanList(a *app, o questionOptions, dir string) error {
	q, err := a.question(o, dir)
	if err != nil {
		return err
	}
	list := []canReport{}
	for _, acc := range q.p.Can(q.user, q.r.At, q.r.Env) {
		if acc.Rights != 0 {
			list = append(list, canReport{acc.Matter, acc.Rights.Names(), acc.Read.Rule})
		}
	}
	if a.json {
		return answer(len(list) > 0, a.printJSON(list))
	}
	for _, c := range list {
		if err := a.printf("%s %s %s\n", c.Matter, strings.Join(c.Rights, ","), c.Rule); err != nil {
			return err
		}
	}
	return answer(len(list) > 0, nil)
}
