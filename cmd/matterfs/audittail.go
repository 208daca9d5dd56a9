package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"matterfs/audit"
)

type tailOptions struct {
	dir    string
	follow bool
	n      int
}

func newAuditTail(a *app) *cobra.Command {
	var o tailOptions
	c := &cobra.Command{
		Use:   "tail [DIR]",
		Short: "print the newest records",
		Long: "tail prints the newest records of the store in DIR, or in a log directory, in local time; with --json as they stand in the log.\n" +
			"With -f it goes on until it is told to end: by SIGTERM, with 0, or by ^C, with 130.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.dir = optional(args, 0)
			return runAuditTail(c.Context(), a, o)
		},
	}
	c.Flags().BoolVarP(&o.follow, "follow", "f", false, "go on printing as records are written")
	c.Flags().IntVarP(&o.n, "lines", "n", 10, "print the last `N` records")
	return c
}

func runAuditTail(ctx context.Context, a *app, o tailOptions) error {
	if o.n < 0 {
		return usagef("-n %d: must not be negative", o.n)
	}
	at, err := a.findLog(o.dir)
	if err != nil {
		return err
	}
	from, err := tailFrom(at.log, uint64(o.n))
	if err != nil {
		return err
	}
	if o.follow {
		err := audit.Follow(ctx, at.log, from, a.printRecord)
		if errors.Is(err, context.Canceled) {
			err = toldToEnd(ctx)
		}
		return err
	}
	return audit.ReadFrom(at.log, from, a.printRecord)
}

// tailFrom is the number of the first of the last n records.
func tailFrom(dir string, n uint64) (uint64, error) {
	last, err := audit.LastSeq(dir)
	if err != nil {
		return 0, err
	}
	return last - min(n, last) + 1, nil
}

func (a *app) printRecord(line []byte, rec *audit.Parsed) error {
	if a.json {
		return a.printf("%s\n", line)
	}
	return a.printf("%s\n", audit.Human(rec, time.Local, a.lang.String()))
}
