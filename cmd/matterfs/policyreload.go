package main

import (
	"strings"

	"github.com/spf13/cobra"
)

func newPolicyReload(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "reload [DIR]",
		Short: "make the running daemon load its policy anew",
		Long:  "reload does what SIGHUP does, and tells the result: 3 when the new policy is refused and the old one stays.",
		Args:  cobra.MaximumNArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return runPolicyReload(a, optional(args, 0)) },
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
		return a.printJSON(r)
	case r.Old == r.Hash:
		return a.printf("%s\n", a.text(msgUnchanged, short(r.Hash)))
	}
	return a.printf("%s\n", a.text(msgReloaded, short(r.Hash), r.Users, r.Matters))
}
