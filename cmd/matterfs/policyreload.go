package main

import (
	"strings"

	"github.com/spf13/cobra"
)

func newPolicyReload(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "reload [DIR]",
		Short: "make the running daemon load its policy anew",
		Long: "reload does what SIGHUP does, and tells the result: 3 when the new policy is refused and the old one stays,\n" +
			"1 when the new policy waits for the word of others; see approve.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runPolicyReload(a, optional(args, 0)) },
	}
}

func runPolicyReload(a *app, dir string) error {
	reply, err := a.askOne(dir, controlRequest{Op: "reload"})
	if err != nil {
		return err
	}
	r := reply.Reload
	if len(r.Failed) > 0 {
		a.say(msgTestsWarned, strings.Join(r.Failed, "\n"))
	}
	switch {
	case a.json:
		return answer(r.Pending == nil, a.printJSON(r))
	case r.Pending != nil:
		p := r.Pending
		return answer(false, a.printf("%s\n", a.text(msgPolicyWaits, short(p.Hash), p.Needed, reasonText(p.Reasons))))
	case r.Old == r.Hash:
		return a.printf("%s\n", a.text(msgUnchanged, short(r.Hash)))
	}
	return a.printf("%s\n", a.text(msgReloaded, short(r.Hash), r.Users, r.Matters))
}
