package main

import (
	"github.com/spf13/cobra"

	"matterfs/policy"
)

const additionHelp = "The new text is checked and the policy's tests are run before anything is written; comments and all other\n" +
	"lines stay as they are. A daemon that serves the policy takes it over by itself."

// additionReport is what user add and matter new tell in JSON.
type additionReport struct {
	File string `json:"file"` // that was written, in the policy directory
	Hash string `json:"hash"` // of the policy as it is now
}

func newUserAdd(a *app) *cobra.Command {
	var u policy.NewUser
	c := &cobra.Command{
		Use:   "add LOGIN [DIR]",
		Short: "write a person into the policy",
		Long: "add writes a person into the users of the policy. LOGIN and the uid must be new: the uid of somebody who has\n" +
			"left owns what they made. It gives no access yet: see matter new, and members.\n" + additionHelp,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := givenFlags(c, "uid", "role"); err != nil {
				return err
			}
			u.Login = args[0]
			return runAddition(a, optional(args, 1), func(files map[string][]byte) (string, []byte, error) { return policy.AddUser(files, u) })
		},
	}
	f := c.Flags()
	f.Uint32Var(&u.UID, "uid", 0, "the person's `uid` (id -u LOGIN)")
	f.StringVar(&u.Role, "role", "", "a `role` of the policy")
	f.StringVar(&u.Name, "name", "", "the person's `name`")
	f.StringVar(&u.Org, "org", "", "`organisation` of an outsider")
	f.StringVar(&u.Department, "department", "", "a `department` of the policy")
	f.StringVar(&u.Clearance, "clearance", "", "a `level` below that of the role")
	f.StringVar(&u.Until, "until", "", "last `day`, 2026-12-31")
	f.StringVar(&u.NDA, "nda", "", "`reference` of the confidentiality agreement")
	f.StringVar(&u.Signed, "signed", "", "`day` on which it was signed")
	return c
}

// givenFlags is an error for the first flag that is not given.
func givenFlags(c *cobra.Command, names ...string) error {
	for _, name := range names {
		if !c.Flags().Changed(name) {
			return usagef("give --%s", name)
		}
	}
	return nil
}

// runAddition writes one file that add makes, and tells whose access changes.
func runAddition(a *app, dir string, add func(map[string][]byte) (string, []byte, error)) error {
	d, err := a.openDraft(dir)
	if err != nil {
		return err
	}
	defer d.close()
	file, text, err := add(d.before)
	if err != nil {
		return additionError(err)
	}
	next := d.with(file, text)
	p, err := checkFiles(next)
	if err != nil {
		return err
	}
	if err := d.install(next); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(additionReport{file, p.Hash()})
	}
	return a.printf("%s\n%s", a.text(msgWrittenTo, file), d.difference(a, p))
}
