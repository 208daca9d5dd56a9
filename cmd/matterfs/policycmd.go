package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"matterfs/policy"
)

func newPolicy(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "policy", Short: "check, test, edit and explain a policy",
		Args: cobra.NoArgs, RunE: needVerb,
	}
	c.AddCommand(newPolicyCheck(a), newPolicyTest(a), newPolicyExplain(a), newPolicyCan(a), newPolicyDiff(a), newPolicyReload(a), newPolicyApprove(a), newPolicyWho(a), newPolicyHistory(a))
	c.AddCommand(newPolicyFmt(a), newPolicyLint(a), newPolicyEdit(a), newPolicySchema(a))
	return c
}

// policyDir finds the policy to work on: --policy, the store in dir, or dir
// itself when it is no store. Nothing else of a store is needed, so a policy
// can be checked where it is written.
func (a *app) policyDir(dir string) (string, error) {
	switch {
	case a.flags.policy != "" && dir == "":
		return filepath.Abs(a.flags.policy)
	case dir != "" && a.flags.config == "" && !isStore(dir):
		return bareDir(dir)
	}
	s, err := a.settings(dir)
	return s.Policy, err
}

// policyAt loads the policy that policyDir finds, and tells where that is.
func (a *app) policyAt(dir string) (at string, p *policy.Policy, err error) {
	if at, err = a.policyDir(dir); err != nil {
		return "", nil, err
	}
	p, err = loadPolicyFiles(at)
	return at, p, err
}

func bareDir(dir string) (string, error) {
	st, err := os.Stat(dir)
	if err != nil {
		return "", usagef("%v", err)
	}
	if !st.IsDir() {
		return "", usagef("%s is not a directory", dir)
	}
	return filepath.Abs(dir)
}
