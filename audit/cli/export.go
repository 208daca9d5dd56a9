package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"matterfs/audit/export"
)

type exportFlags struct {
	dir, to, format, cursor string
	follow, once            bool
	from                    uint64
	host                    string
	tls                     export.TLS
}

// NewExport makes `export --to TARGET [DIR]`.
func NewExport(t *Tool) *cobra.Command {
	var o exportFlags
	c := &cobra.Command{
		Use:   "export --to TARGET [DIR]",
		Short: "send the records to a log collector, or to a file",
		Long: "export sends the records of the log to TARGET, oldest first, and goes on from there the next time. TARGET is\n\n" +
			"  syslog+tls://HOST:PORT   messages of RFC 5424 over TLS (RFC 5425); 6514 where no port is named\n" +
			"  syslog+tcp://127.0.0.1:PORT   the same in clear, to this machine alone\n" +
			"  file:PATH                a line each\n\n" +
			"Each record is sent at least once and in order. After a break some are sent again, which their seq tells. With --follow\n" +
			"it goes on until it is told to end: by SIGTERM, with 0, or by ^C, with 130. It reads the log as any auditor does; the\n" +
			"daemon never waits for it. It ends with 12 when the log is not the one that was sent before, with 11 when records are gone\n" +
			"that were never sent, with 10 when a record does not continue the one before, or the file is not what was written to it.\n" +
			"An export is recorded in the log like a query.",
		Example: "  export --to syslog+tls://log.example:6514 --ca ca.pem --cert me.pem --key me.key --follow /srv/firm\n" +
			"  export --to file:/srv/evidence/firm.jsonl /srv/firm",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.dir = optional(args, 0)
			return runExport(c.Context(), t, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.to, "to", "", "`TARGET` to send to")
	f.StringVar(&o.format, "format", string(export.Raw), "`form` of a record: raw, as it stands in the log, or ecs (Elastic Common Schema)")
	f.BoolVarP(&o.follow, "follow", "f", false, "go on sending as records are written")
	f.BoolVar(&o.once, "once", false, "send what there is, and stop (as without --follow)")
	f.StringVar(&o.cursor, "cursor", "", "`FILE` that remembers what was sent (default: one for each log and target in your state directory)")
	f.Uint64Var(&o.from, "from", 0, "begin anew with record `SEQ`, whatever was sent before")
	f.StringVar(&o.host, "hostname", "", "`name` of this machine in messages (default: its own)")
	f.StringVar(&o.tls.CA, "ca", "", "`FILE` with the authorities of the collector's certificate (default: those of the system)")
	f.StringVar(&o.tls.Cert, "cert", "", "`FILE` with a client certificate")
	f.StringVar(&o.tls.Key, "key", "", "`FILE` with its key")
	f.StringVar(&o.tls.ServerName, "server-name", "", "`name` that the collector's certificate must be for (default: HOST)")
	return c
}

func runExport(ctx context.Context, t *Tool, f exportFlags) error {
	at, err := t.Find(f.dir)
	if err != nil {
		return err
	}
	o, err := f.options(at.Log)
	if err != nil {
		return err
	}
	o.Told = t.tellExport
	if err := t.note(f.dir, f.note(o.Target)); err != nil {
		return err
	}
	rep, err := export.Run(ctx, o)
	if err == nil || errors.Is(err, context.Canceled) {
		err = errors.Join(t.printExport(rep), err)
	}
	if errors.Is(err, context.Canceled) {
		return t.Ended(ctx)
	}
	return err
}

// note is how an export is recorded.
func (f *exportFlags) note(target export.Target) string {
	what := fmt.Sprintf("export to=%s format=%s", target, f.format)
	if f.from != 0 {
		what += fmt.Sprintf(" from=%d", f.from)
	}
	return what
}

func (f *exportFlags) options(log string) (o export.Options, err error) {
	switch {
	case f.to == "":
		return o, usage("export needs --to TARGET")
	case f.follow && (f.once || f.from != 0):
		return o, usage("--follow goes on from where it stopped: not with --once or --from")
	}
	o = export.Options{Log: log, Cursor: f.cursor, From: f.from, Follow: f.follow, Host: f.host}
	if o.Target, err = export.ParseTarget(f.to, f.tls); err != nil {
		return o, usage("%v", err)
	}
	if o.Format, err = export.ParseFormat(f.format); err != nil {
		return o, usage("%v", err)
	}
	if o.Host == "" {
		if o.Host, err = os.Hostname(); err != nil {
			return o, err
		}
	}
	if o.Cursor == "" {
		o.Cursor, err = ownCursor(log, o.Target.String(), os.Getenv)
	}
	return o, err
}

// ownCursor is where the cursor of an export lies unless another place is named: a directory that outlives a clearing of caches, or the
// one that systemd gives a unit (StateDirectory=).
func ownCursor(log, target string, getenv func(string) string) (string, error) {
	name, err := export.CursorName(log, target)
	if err != nil {
		return "", err
	}
	if dir := getenv("STATE_DIRECTORY"); dir != "" {
		return filepath.Join(filepath.SplitList(dir)[0], name), nil
	}
	dir := getenv("XDG_STATE_HOME")
	switch {
	case runtime.GOOS == "windows":
		dir, err = os.UserCacheDir() // %LocalAppData%
	case runtime.GOOS == "darwin":
		dir, err = os.UserConfigDir() // ~/Library/Application Support
	case !filepath.IsAbs(dir):
		dir, err = os.UserHomeDir()
		dir = filepath.Join(dir, ".local", "state")
	}
	if err != nil {
		return "", usage("name a file with --cursor: %v", err)
	}
	return filepath.Join(dir, "matterfs", "export", name), nil
}

func (t *Tool) tellExport(n export.Notice) {
	switch {
	case n.Begin != 0:
		t.say(msgExportBegin, n.Begin)
	case n.Err != nil:
		t.say(msgExportWaits, n.Err, n.Wait.Round(time.Second/10))
	case n.Back:
		t.say(msgExportBack)
	}
}

func (t *Tool) printExport(r export.Report) error {
	if *t.JSON {
		return t.printJSON(r)
	}
	return t.printf("%s\n", t.text(msgExportDone, r.Target, r.Sent, r.Cursor))
}
