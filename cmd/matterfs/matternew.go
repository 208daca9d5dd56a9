package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"matterfs/policy"
)

func newMatterNew(a *app) *cobra.Command {
	var m policy.NewMatter
	var members []string
	c := &cobra.Command{
		Use:   "new ID [DIR]",
		Short: "write a new matter into the policy",
		Long: "new writes matters/ID.yaml. A member is NAME:RIGHT,RIGHT, and if need be :UNTIL and :PURPOSE; NAME is a user or\n" +
			"a group: --member li.na:read,write:2027-03-31:证据整理\n" + additionHelp,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := givenFlags(c, "client", "title", "level", "lead"); err != nil {
				return err
			}
			m.ID = args[0]
			for _, text := range members {
				one, err := parseMember(text)
				if err != nil {
					return err
				}
				m.Members = append(m.Members, one)
			}
			return runAddition(a, optional(args, 1), func(files map[string][]byte) (string, []byte, error) { return policy.AddMatter(files, m) })
		},
	}
	f := c.Flags()
	f.StringVar(&m.Client, "client", "", "the `client`: walls go by it")
	f.StringVar(&m.Title, "title", "", "what it is about, in `words`")
	f.StringVar(&m.Level, "level", "", "a `level` of the policy")
	f.StringVar(&m.Lead, "lead", "", "`user` who leads it")
	f.StringVar(&m.Department, "department", "", "a `department` of the policy")
	f.StringSliceVar(&m.Tags, "tag", nil, "a `tag`; may be repeated")
	f.StringArrayVar(&members, "member", nil, "`NAME:RIGHTS[:UNTIL[:PURPOSE]]`; may be repeated")
	return c
}

// parseMember reads NAME:RIGHTS[:UNTIL[:PURPOSE]]. What the words mean is for the
// policy to say.
func parseMember(text string) (policy.NewMember, error) {
	parts := append(strings.SplitN(text, ":", 4), "", "")
	if parts[0] == "" || parts[1] == "" {
		return policy.NewMember{}, usagef("--member %q: write NAME:RIGHT,RIGHT", text)
	}
	return policy.NewMember{Name: parts[0], Rights: strings.Split(parts[1], ","), Until: parts[2], Purpose: parts[3]}, nil
}

// additionError tells a policy that is invalid from a name that is taken.
func additionError(err error) error {
	if taken := (*policy.TakenError)(nil); errors.As(err, &taken) || !errors.Is(err, policy.ErrInvalid) {
		return err
	}
	return &policyError{err}
}
