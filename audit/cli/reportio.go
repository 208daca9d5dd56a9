package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"matterfs/audit"
	"matterfs/audit/report"
)

// periodFlags say which time a report is about.
type periodFlags struct{ since, until, quarter, month string }

func (p *periodFlags) add(f *pflag.FlagSet) {
	f.StringVar(&p.since, "since", "", "from `T` on: 2026-11-22, 2026-11-22T09:30, or 7d before now (default: the first record)")
	f.StringVar(&p.until, "until", "", "before `T`, or to the end of the day T (default: now)")
	f.StringVar(&p.quarter, "quarter", "", "a quarter, as `2026Q3`")
	f.StringVar(&p.month, "month", "", "a month, as `2026-11`")
}

// read gives the period; zero times are open.
func (p *periodFlags) read(loc *time.Location, now time.Time) (from, until time.Time, err error) {
	given := 0
	for _, on := range []bool{p.since != "" || p.until != "", p.quarter != "", p.month != ""} {
		if on {
			given++
		}
	}
	if given > 1 {
		return from, until, usage("give either --since and --until, --quarter or --month")
	}
	switch {
	case p.quarter != "":
		return quarter(p.quarter, loc)
	case p.month != "":
		t, err := time.ParseInLocation("2006-01", p.month, loc)
		if err != nil {
			return from, until, usage("--month %q is no month like 2026-11", p.month)
		}
		return t, t.AddDate(0, 1, 0), nil
	}
	if from, _, err = bound("--since", p.since, loc, now); err != nil {
		return
	}
	until, day, err := bound("--until", p.until, loc, now)
	if day {
		until = until.AddDate(0, 0, 1)
	}
	return from, until, err
}

func bound(flag, s string, loc *time.Location, now time.Time) (t time.Time, day bool, err error) {
	if s == "" {
		return t, false, nil
	}
	t, day, ok := audit.ParseTime(s, loc, now)
	if !ok {
		err = usage("%s %q is no time like 2026-11-22, 2026-11-22T09:30 or 7d", flag, s)
	}
	return t, day, err
}

func quarter(s string, loc *time.Location) (from, until time.Time, err error) {
	var year, n int
	if _, err := fmt.Sscanf(s, "%4dQ%1d", &year, &n); err != nil || n < 1 || n > 4 || s != fmt.Sprintf("%04dQ%d", year, n) {
		return from, until, usage("--quarter %q is no quarter like 2026Q3", s)
	}
	from = time.Date(year, time.Month(3*n-2), 1, 0, 0, 0, 0, loc)
	return from, from.AddDate(0, 3, 0), nil
}

// facts are those of the file given, or of the store. A report that can do without is made without where there are none.
func (t *Tool) facts(o reportFlags, spec report.Spec, in *report.Input) (*report.Facts, error) {
	if in.Facts != nil || t.Facts == nil {
		return in.Facts, nil
	}
	f, err := t.Facts(o.dir, in.From, in.Until)
	if err != nil && !spec.NeedsFacts {
		t.say(msgNoFacts, err)
		return nil, nil
	}
	return f, err
}

func readFacts(name string) (*report.Facts, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	f := new(report.Facts)
	if err := json.Unmarshal(b, f); err != nil {
		return nil, usage("--facts %s: %v", name, err)
	}
	if f.Made.IsZero() {
		return nil, usage("--facts %s: this is no file of facts", name)
	}
	return f, nil
}

// mayWrite refuses files that exist before the work is done.
func (o *reportFlags) mayWrite() error {
	for _, name := range []string{o.out, o.proofs} {
		if name == "" || o.force {
			continue
		}
		if _, err := os.Lstat(name); err == nil {
			return usage("%s exists; --force writes over it", name)
		}
	}
	return nil
}

// writeNew writes a file whole or not at all, for its owner alone: beside it, then in its place. Unless force is set the name is taken
// first with O_EXCL, so that nothing that exists is lost.
func writeNew(name string, force bool, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".report-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err = errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	if !force {
		reserved, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return usage("%s exists; --force writes over it", name)
		}
		if err != nil {
			return err
		}
		if err := reserved.Close(); err != nil {
			return err
		}
	}
	return os.Rename(f.Name(), name)
}
