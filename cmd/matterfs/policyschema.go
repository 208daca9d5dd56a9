package main

import (
	"github.com/spf13/cobra"

	"matterfs/policy"
)

func newPolicySchema(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "print the JSON Schema of a policy file, for editors",
		Long: "schema prints a JSON Schema (draft 2020-12) of the whole language. Editors with yaml-language-server\n" +
			"mark mistakes and complete keys by it when a file begins with\n\n" +
			"  # yaml-language-server: $schema=/usr/local/share/matterfs/policy.schema.json",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.printf("%s", policy.Schema()) },
	}
}
