package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"matterfs/policy"
)

// policyReport is what check prints about a policy that loads.
type policyReport struct {
	Hash    string `json:"hash"`
	Users   int    `json:"users"`
	Matters int    `json:"matters"`
	Loose   string `json:"loose,omitempty"`   // why a mount would refuse it all the same
	Exposed bool   `json:"exposed,omitempty"` // others can read it
	Alone   bool   `json:"alone,omitempty"`   // one person alone can widen it
}

func newPolicyCheck(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check [DIR]",
		Short: "tell every mistake in a policy",
		Long:  "check loads the policy of the store, or in the policy directory, DIR. It ends with 3 and every mistake as file:line:col.",
		Args:  cobra.MaximumNArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return runPolicyCheck(a, optional(args, 0)) },
	}
}

func runPolicyCheck(a *app, dir string) error {
	dir, p, err := a.policyAt(dir)
	if err != nil {
		return err
	}
	r := policyReport{Hash: p.Hash(), Users: len(p.Users()), Matters: len(p.Matters()), Exposed: exposed(dir)}
	// A draft in somebody's home is fine; one in a store is not.
	if err := policy.CheckOwnership(dir); err != nil {
		r.Loose = err.Error()
		a.say(msgPolicyLoose, err)
	}
	for _, w := range p.Warnings() {
		fmt.Fprintln(a.err, w.Warning())
	}
	if r.Exposed {
		a.say(msgPolicyExposed, dir)
	}
	if oneAlone(p) {
		r.Alone = true
		a.say(msgAlone)
	}
	if a.json {
		return a.printJSON(r)
	}
	return a.printf("%s\n", a.text(msgPolicyOK, short(r.Hash), r.Users, r.Matters))
}
