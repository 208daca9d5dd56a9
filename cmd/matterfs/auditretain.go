package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"matterfs/audit"
)

const (
	retentionKey     = "log-retention-days"
	retentionDefault = "1095"
	retentionNever   = "never"
)

// retention is how long records are kept; 0: for ever.
func (s *settings) retention() (time.Duration, error) {
	if s.Retention == retentionNever {
		return 0, nil
	}
	const day = 24 * time.Hour
	n, err := strconv.ParseUint(s.Retention, 10, 16)
	if err != nil || time.Duration(n)*day < audit.LeastRetention {
		return 0, usagef("%s: %s must be a number of days, %d or more, or %s, not %q", s.Config, retentionKey,
			audit.LeastRetention/day, retentionNever, s.Retention)
	}
	return time.Duration(n) * day, nil
}

func newAuditHold(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "hold", Short: "keep the whole log for a lawsuit or an inquiry, or stop doing so",
		Args: cobra.NoArgs, RunE: needVerb,
	}
	c.AddCommand(newHoldVerb(a, "set", true), newHoldVerb(a, "release", false))
	return c
}

func newHoldVerb(a *app, name string, set bool) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   name + " [DIR]",
		Short: map[bool]string{true: "delete no record, however old", false: "let retention go on"}[set],
		Long: "While a legal hold is set retention deletes nothing. The daemon records both ends of it within a minute,\n" +
			"or when it is started next.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runAuditHold(a, optional(args, 0), reason, set) },
	}
	c.Flags().StringVar(&reason, "reason", "", "why, in `words`; recorded")
	return c
}

func runAuditHold(a *app, dir, reason string, set bool) error {
	if reason == "" {
		return usagef("--reason: say why; it is recorded")
	}
	s, err := a.settings(dir)
	if err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Second)
	h := audit.Hold{Set: set, Reason: reason, By: fmt.Sprintf("uid %d", os.Getuid()), At: now}
	if err := audit.WriteHold(s.State, h); err != nil {
		return err
	}
	m := msgHoldReleased
	if set {
		m = msgHoldSet
	}
	return a.printf("%s\n", a.text(m))
}
