package main

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"matterfs/policy"
)

func newPolicyFmt(a *app) *cobra.Command {
	var check bool
	c := &cobra.Command{
		Use:   "fmt [DIR]",
		Short: "write the policy's files in one form",
		Long: "fmt sets the indentation and the blanks of every policy file right; words, order, quotes, comments and\n" +
			"single empty lines stay. Each file is read again and compared: one that would not say the same stops it\n" +
			"all, and nothing is written. It prints the files that it wrote.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runPolicyFmt(a, optional(args, 0), check) },
	}
	c.Flags().BoolVar(&check, "check", false, "write nothing; print what would be written, and end with 1 when there is any")
	return c
}

func runPolicyFmt(a *app, dir string, check bool) error {
	d, err := a.openDraft(dir)
	if err != nil {
		return err
	}
	defer d.close()
	next := map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(d.before)) {
		if next[name], err = policy.Format(name, d.before[name]); err != nil {
			return &policyError{err}
		}
	}
	changed := d.changed(next)
	if !check && len(changed) > 0 {
		if err := d.install(next); err != nil {
			return err
		}
	}
	err = a.printNames(changed)
	return answer(!check || len(changed) == 0, err)
}

// printNames writes one name a line, or all as JSON.
func (a *app) printNames(names []string) error {
	if a.json {
		return a.printJSON(append([]string{}, names...))
	}
	for _, name := range names {
		if err := a.printf("%s\n", name); err != nil {
			return err
		}
	}
	return nil
}
