package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"matterfs/audit"
)

type tailOptions struct {
	dir, where string
	follow     bool
	n          int
	zoneFlags
}

// NewTail makes `tail [DIR]`.
func NewTail(t *Tool) *cobra.Command {
	var o tailOptions
	c := &cobra.Command{
		Use:   "tail [DIR]",
		Short: "print the newest records",
		Long: "tail prints the newest records of the store in DIR, or in a log directory, in local time; with --json as they stand in the log,\n" +
			"with --where only those that meet the conditions of a FILTER, as query takes it.\n" +
			"With -f it goes on until it is told to end: by SIGTERM, with 0, or by ^C, with 130; where FILTER has until=T it ends by itself\n" +
			"when that time has come.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.dir = optional(args, 0)
			return runTail(c.Context(), t, o)
		},
	}
	f := c.Flags()
	f.BoolVarP(&o.follow, "follow", "f", false, "go on printing as records are written")
	f.IntVarP(&o.n, "lines", "n", 10, "print the last `N` records")
	f.StringVar(&o.where, "where", "", "print only the records that `FILTER` chooses")
	o.zoneFlags.add(f)
	return c
}

func runTail(ctx context.Context, t *Tool, o tailOptions) error {
	if o.n < 0 {
		return usage("-n %d: must not be negative", o.n)
	}
	at, loc, filter, err := t.search(o.dir, o.where, o.zoneFlags)
	if err != nil {
		return err
	}
	print := t.recordPrinter(t.Out, loc)
	var from uint64
	if o.where == "" {
		from, err = TailFrom(at.Log, uint64(o.n))
	} else if err = t.note(o.dir, "tail "+o.where); err == nil {
		from, err = t.lastMatches(at.Log, filter, o.n, print)
	}
	if err != nil {
		return err
	}
	chosen := func(line []byte, p *audit.Parsed) error {
		if !filter.Match(p) {
			return nil
		}
		return print(line, p)
	}
	if !o.follow {
		return audit.ReadFrom(at.Log, from, chosen)
	}
	err = follow(ctx, at.Log, from, filter.Until(), chosen)
	if errors.Is(err, context.Canceled) {
		err = t.Ended(ctx)
	}
	return err
}

// errOver: the time has come from which on nothing is chosen.
var errOver = errors.New("over")

// lateness is how much later than its time a record may come into the log.
const lateness = 2 * time.Second

// follow goes on with the records of a log until a time, or for ever where that is zero.
func follow(ctx context.Context, log string, from uint64, until time.Time, fn func([]byte, *audit.Parsed) error) error {
	if until.IsZero() {
		return audit.Follow(ctx, log, from, fn)
	}
	ctx, end := context.WithDeadlineCause(ctx, until.Add(lateness), errOver)
	defer end()
	err := audit.Follow(ctx, log, from, func(line []byte, p *audit.Parsed) error {
		if !p.Time.Before(until) {
			return errOver
		}
		return fn(line, p)
	})
	if err == errOver || errors.Is(err, context.DeadlineExceeded) && context.Cause(ctx) == errOver {
		return nil
	}
	return err
}

// lastMatches prints the last n records that a filter chooses and returns the number of the record after which they end.
func (t *Tool) lastMatches(log string, filter *audit.Filter, n int, print func([]byte, *audit.Parsed) error) (next uint64, err error) {
	type match struct {
		line []byte
		p    *audit.Parsed
	}
	last, err := audit.LastSeq(log)
	if err != nil {
		return 0, err
	}
	var list []match
	_, err = audit.Query(audit.QueryOptions{Dir: log, IndexDir: IndexDir(log)}, filter, func(line []byte, p *audit.Parsed) error {
		if p.Seq > last {
			return nil // it comes again
		}
		if list = append(list, match{line, p}); len(list) > 2*n {
			list = append(list[:0], list[len(list)-n:]...)
		}
		return nil
	})
	for _, m := range list[max(0, len(list)-n):] {
		if err == nil {
			err = print(m.line, m.p)
		}
	}
	return last + 1, err
}

// TailFrom is the number of the first of the last n records.
func TailFrom(dir string, n uint64) (uint64, error) {
	last, err := audit.LastSeq(dir)
	if err != nil {
		return 0, err
	}
	return last - min(n, last) + 1, nil
}
