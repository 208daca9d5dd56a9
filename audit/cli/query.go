package cli

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"matterfs/audit"
)

// zoneFlags say what a day is.
type zoneFlags struct {
	utc  bool
	zone string
}

func (z *zoneFlags) add(f *pflag.FlagSet) {
	f.BoolVar(&z.utc, "utc", false, "dates and times are UTC")
	f.StringVar(&z.zone, "zone", "", "time zone of dates and times, as `Asia/Shanghai` (default: the firm's, else this machine's)")
}

func (t *Tool) location(dir string, z zoneFlags) (*time.Location, error) {
	switch {
	case z.utc:
		return time.UTC, nil
	case z.zone != "":
		loc, err := time.LoadLocation(z.zone)
		if err != nil {
			return nil, usage("--zone: %v", err)
		}
		return loc, nil
	case t.Zone != nil:
		if loc := t.Zone(dir); loc != nil {
			return loc, nil
		}
	}
	return time.Local, nil
}

type queryFlags struct {
	filter, dir     string
	csv, bom, count bool
	noIndex         bool
	index           string
	zoneFlags
}

// NewQuery makes `query FILTER [DIR]`.
func NewQuery(t *Tool) *cobra.Command {
	var o queryFlags
	c := &cobra.Command{
		Use:   "query FILTER [DIR]",
		Short: "print the records that meet conditions",
		Long: "query prints the records of the log that meet all conditions of FILTER, which are parted by blanks:\n\n" +
			"  field=value[,value]   one of these; field= for records that do not state it\n" +
			"  field!=value          none of these\n" +
			"  field~part            this text stands somewhere in it\n" +
			"  denied, ok, failed    the outcome\n" +
			"  since=T, until=T      from T on; before T, or to the end of the day T\n\n" +
			"T is 2026-11-22, 2026-11-22T09:30, or 12h, 7d, 2w before now. A value with blanks or commas stands in double quotes.\n" +
			"With --json records are printed as they stand in the log. The first query makes an index of each file of the log, in\n" +
			"your own cache directory, and the next ones go on with it; what is printed is read from the log itself. A query is\n" +
			"recorded in the log where a daemon serves the store or the log can be opened. verify, not query, tells whether the log\n" +
			"is whole.",
		Example: "  query 'matter=2026-0142 user=zhang.wei ev=open,read since=2026-11-01 until=2026-11-22 path~合同 denied' /srv/firm",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			o.filter, o.dir = args[0], optional(args, 1)
			return runQuery(t, o)
		},
	}
	f := c.Flags()
	f.BoolVar(&o.csv, "csv", false, "print a table (RFC 4180)")
	f.BoolVar(&o.bom, "bom", false, "begin the table with a byte order mark, as Excel wants it")
	f.BoolVar(&o.count, "count", false, "print only how many there are")
	f.StringVar(&o.index, "index", "", "keep indexes in `DIR`, where nobody else may write")
	f.BoolVar(&o.noIndex, "no-index", false, "read all of the log")
	o.zoneFlags.add(f)
	c.MarkFlagsMutuallyExclusive("csv", "count")
	c.MarkFlagsMutuallyExclusive("index", "no-index")
	return c
}

func runQuery(t *Tool, o queryFlags) error {
	if o.csv && *t.JSON {
		return usage("--csv and --json exclude each other")
	}
	at, loc, filter, err := t.search(o.dir, o.filter, o.zoneFlags)
	if err != nil {
		return err
	}
	if err := t.note(o.dir, "query "+o.filter); err != nil {
		return err
	}
	q := audit.QueryOptions{Dir: at.Log, IndexDir: o.indexDir(at.Log)}
	rep, err := t.query(q, filter, o, loc)
	if err != nil {
		return err
	}
	if rep.Unkept != nil {
		t.say(msgIndexUnkept, rep.Unkept)
	}
	if rep.Bad > 0 {
		t.say(msgDamagedLines, rep.Bad, rep.First)
		return &ExitError{10}
	}
	return nil
}

// search finds a log and understands a filter for it.
func (t *Tool) search(dir, text string, z zoneFlags) (at Place, loc *time.Location, filter *audit.Filter, err error) {
	if at, err = t.Find(dir); err != nil {
		return
	}
	if loc, err = t.location(dir, z); err != nil {
		return
	}
	filter, err = audit.ParseFilter(text, loc, time.Now())
	return
}

// note records the query where that can be, and says so where it cannot.
func (t *Tool) note(dir, what string) error {
	if t.Note == nil {
		t.say(msgCopy)
		return nil
	}
	err := t.Note(dir, what)
	if errors.Is(err, ErrCopy) {
		t.say(msgCopy)
		return nil
	}
	if quiet := (*UnrecordedError)(nil); errors.As(err, &quiet) {
		t.say(msgNotRecorded, quiet.Cause)
		return nil
	}
	return err
}

// ErrCopy is what Tool.Note returns for a copy of a log.
var ErrCopy = errors.New("a copy of a log")

// UnrecordedError is what Tool.Note returns where the query goes on though it could not be recorded.
type UnrecordedError struct{ Cause error }

func (e *UnrecordedError) Error() string { return "not recorded: " + e.Cause.Error() }
func (e *UnrecordedError) Unwrap() error { return e.Cause }

func (t *Tool) query(q audit.QueryOptions, filter *audit.Filter, o queryFlags, loc *time.Location) (rep *audit.QueryReport, err error) {
	if o.count {
		if rep, err = audit.Count(q, filter); err == nil {
			err = t.printCount(rep.Matched)
		}
		return rep, err
	}
	out := bufio.NewWriterSize(t.Out, 1<<16) // many records are many more small writes
	if o.csv {
		rep, err = queryTable(q, filter, out, o.bom, loc)
	} else {
		rep, err = audit.Query(q, filter, t.recordPrinter(out, loc))
	}
	return rep, errors.Join(err, out.Flush())
}

func queryTable(q audit.QueryOptions, filter *audit.Filter, out io.Writer, bom bool, loc *time.Location) (*audit.QueryReport, error) {
	if bom {
		if _, err := io.WriteString(out, "\ufeff"); err != nil {
			return nil, err
		}
	}
	w := csv.NewWriter(out)
	w.UseCRLF = true
	if err := w.Write(audit.CSVHeader()); err != nil {
		return nil, err
	}
	rep, err := audit.Query(q, filter, func(_ []byte, p *audit.Parsed) error { return w.Write(audit.CSVRow(p, loc)) })
	w.Flush()
	return rep, errors.Join(err, w.Error())
}

func (t *Tool) printCount(n uint64) error {
	if *t.JSON {
		return t.printJSON(map[string]uint64{"count": n})
	}
	return t.printf("%d\n", n)
}

// recordPrinter prints records on a line each.
func (t *Tool) recordPrinter(out io.Writer, loc *time.Location) func([]byte, *audit.Parsed) error {
	var buf []byte
	return func(line []byte, p *audit.Parsed) error {
		if buf = buf[:0]; *t.JSON {
			buf = append(buf, line...)
		} else {
			buf = append(buf, audit.Human(p, loc, t.Lang)...)
		}
		buf = append(buf, '\n')
		_, err := out.Write(buf)
		return err
	}
}

// indexDir is where the flags want the indexes of a log to be kept.
func (o *queryFlags) indexDir(log string) string {
	if o.index != "" || o.noIndex {
		return o.index
	}
	return IndexDir(log)
}

// IndexDir is where the indexes of a log are kept: in the caller's own cache, apart for each log directory. Empty: nowhere.
func IndexDir(log string) string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	full, err := filepath.Abs(log)
	if err != nil {
		return ""
	}
	id := audit.LeafHash([]byte(full))
	return filepath.Join(cache, "matterfs", "audit-index", fmt.Sprintf("%x", id[:8]))
}
