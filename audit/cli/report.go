package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"matterfs/audit"
	"matterfs/audit/report"
)

type reportFlags struct {
	name, dir     string
	params        map[string]string
	list          bool
	period        periodFlags
	lang, format  string
	out, section  string
	bom, force    bool
	facts, proofs string
	seed, index   string
	noIndex       bool
	zoneFlags
}

// NewReport makes `report NAME [KEY=VALUE...] [DIR]`.
func NewReport(t *Tool) *cobra.Command {
	var o reportFlags
	c := &cobra.Command{
		Use:   "report NAME [KEY=VALUE...] [DIR]",
		Short: "make a report of the log",
		Long: "report makes the report NAME of the log: figures, tables and charts, in Chinese or English, as text, CSV, JSON or one HTML file.\n" +
			"--list tells which there are and what each can be asked about. Figures state the filter that counts them again, see query.\n" +
			"What a log does not say, such as the names of people, comes from the policies of the store, or from a file given with --facts.\n" +
			"A report is recorded in the log, as a query is. It does not tell whether the log is whole: that is verify.",
		Example: "  report matter matter=2026-0142 --quarter 2026Q3 /srv/firm --out register.html\n" +
			"  report client client=C0091 --since 2026-01-01 --lang zh --out C0091.html --proofs C0091.proof /srv/firm\n" +
			"  report sample n=20 by=level --month 2026-11 --seed half-year-2 /srv/firm",
		RunE: func(_ *cobra.Command, args []string) error {
			if err := o.read(args); err != nil {
				return err
			}
			if o.list {
				return t.listReports(o.lang)
			}
			return runReport(t, o)
		},
	}
	o.add(c)
	return c
}

func (o *reportFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&o.list, "list", false, "tell which reports there are")
	o.period.add(f)
	f.StringVar(&o.lang, "lang", "", "language of the report: `zh` or en (default: that of the locale)")
	f.StringVar(&o.format, "format", "", "text, csv, json or html as `FORMAT` (default: by the ending of --out, else text)")
	f.StringVar(&o.out, "out", "", "write the report to `FILE`, which must not exist")
	f.BoolVar(&o.force, "force", false, "write over files that exist")
	f.StringVar(&o.section, "section", "", "CSV: only the section `ID`")
	f.BoolVar(&o.bom, "bom", false, "CSV: begin with a byte order mark, as Excel wants it")
	f.StringVar(&o.facts, "facts", "", "take the names of people and matters from `FILE`")
	f.StringVar(&o.proofs, "proofs", "", "write proofs of the records that the report rests on to `FILE` (report client)")
	f.StringVar(&o.seed, "seed", "", "the same as seed=`TEXT` (report sample)")
	f.StringVar(&o.index, "index", "", "keep indexes in `DIR`, where nobody else may write")
	f.BoolVar(&o.noIndex, "no-index", false, "read all of the log")
	o.zoneFlags.add(f)
	c.MarkFlagsMutuallyExclusive("index", "no-index")
}

// read takes the arguments: the name, parameters, and at the end the store or log directory.
func (o *reportFlags) read(args []string) error {
	o.params = map[string]string{}
	if len(args) == 0 {
		if !o.list {
			return usage("name a report; --list tells which there are")
		}
		return nil
	}
	o.name = args[0]
	for i, a := range args[1:] {
		key, value, ok := strings.Cut(a, "=")
		switch {
		case ok && key != "" && !strings.ContainsAny(key, `/\.`):
			if _, twice := o.params[key]; twice {
				return usage("%s is given twice", key)
			}
			o.params[key] = value
		case i == len(args)-2:
			o.dir = a
		default:
			return usage("%q is no key=value, and the directory stands last", a)
		}
	}
	if o.seed != "" {
		o.params["seed"] = o.seed
	}
	return o.readFormat()
}

// formats are the forms of a report and the endings of files that ask for them.
func formats() []string { return []string{"text", "csv", "json", "html"} }

// readFormat decides the form and refuses what does not go with it.
func (o *reportFlags) readFormat() error {
	if o.format == "" {
		o.format = "text"
		for _, f := range formats() {
			if strings.HasSuffix(strings.ToLower(o.out), "."+f) {
				o.format = f
			}
		}
	}
	switch {
	case !slices.Contains(formats(), o.format):
		return usage("--format %q is none of %s", o.format, strings.Join(formats(), ", "))
	case o.format != "csv" && (o.section != "" || o.bom):
		return usage("--section and --bom go with --format csv")
	case o.lang != "" && o.lang != "zh" && o.lang != "en":
		return usage("--lang %q is neither zh nor en", o.lang)
	case o.proofs != "" && o.proofs == o.out:
		return usage("--proofs and --out name the same file")
	}
	return nil
}

func runReport(t *Tool, o reportFlags) error {
	if *t.JSON {
		if o.format != "text" && o.format != "json" {
			return usage("--json and --format %s exclude each other", o.format)
		}
		o.format = "json"
	}
	if err := o.mayWrite(); err != nil {
		return err
	}
	spec, err := report.Find(o.name)
	if err != nil {
		return asUsage(err)
	}
	if o.proofs != "" && !spec.Proofs {
		return usage("the report %s gives no proofs; client does", o.name)
	}
	at, err := t.Find(o.dir)
	if err != nil {
		return err
	}
	in, err := t.input(at, o)
	if err != nil {
		return err
	}
	if err := t.note(o.dir, o.noted(&in)); err != nil {
		return err
	}
	if in.Facts, err = t.facts(o, spec, &in); err != nil {
		return err
	}
	rep, err := makeReport(o.name, in)
	if err != nil {
		return asUsage(err)
	}
	if err := t.deliver(rep, at, o); err != nil {
		return err
	}
	if rep.Basis.Bad > 0 {
		t.say(msgDamagedLines, rep.Basis.Bad, rep.Basis.FirstBad)
		return &ExitError{10}
	}
	return nil
}

func makeReport(name string, in report.Input) (*report.Report, error) {
	b, in, err := report.New(name, in)
	if err != nil {
		return nil, err
	}
	return report.Run(report.RunOptions{Name: name, Input: in}, b)
}

// asUsage turns what is wrong with a request into a *UsageError.
func asUsage(err error) error {
	for _, is := range []bool{isA[*report.UnknownError](err), isA[*report.ParamError](err), isA[*report.FactsError](err), isA[*report.FactsSpanError](err), isA[*report.SectionError](err)} {
		if is {
			return usage("%v", err)
		}
	}
	return err
}

func isA[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

// input is what the report is made from, with the facts of the file given. Where nothing says what a day is they do.
func (t *Tool) input(at Place, o reportFlags) (in report.Input, err error) {
	q := queryFlags{index: o.index, noIndex: o.noIndex}
	in = report.Input{Params: o.params, Lang: o.lang, Now: time.Now().Truncate(time.Microsecond), Log: audit.QueryOptions{Dir: at.Log, IndexDir: q.indexDir(at.Log)}}
	if in.Lang == "" {
		in.Lang = t.Lang
	}
	if o.facts != "" {
		if in.Facts, err = readFacts(o.facts); err != nil {
			return in, err
		}
		if o.zone == "" && !o.utc {
			o.zone = in.Facts.Zone
		}
	}
	if in.Zone, err = t.location(o.dir, o.zoneFlags); err == nil {
		in.Now = in.Now.In(in.Zone)
		in.From, in.Until, err = o.period.read(in.Zone, in.Now)
	}
	if in.Until.IsZero() {
		in.Until = in.Now
	}
	return in, err
}

// noted is what the log is told of the report.
func (o *reportFlags) noted(in *report.Input) string {
	s := "report " + o.name
	for _, key := range slices.Sorted(maps.Keys(o.params)) {
		s += " " + key + "=" + audit.FilterValue(o.params[key])
	}
	if !in.From.IsZero() {
		s += " since=" + in.From.In(in.Zone).Format(time.RFC3339)
	}
	return s + " until=" + in.Until.In(in.Zone).Format(time.RFC3339)
}

// deliver writes the report, and its proofs, to where they are wanted.
func (t *Tool) deliver(rep *report.Report, at Place, o reportFlags) error {
	var proofs []byte
	if o.proofs != "" {
		if len(rep.Proofs) == 0 || len(rep.Proofs) > maxBundle {
			return &ProofsError{Records: len(rep.Proofs)}
		}
		var err error
		if proofs, err = t.prove(at.Log, rep.Proofs); err != nil {
			return err
		}
	}
	write := func(w io.Writer) error { return asUsage(t.render(w, rep, o)) }
	if o.out == "" {
		if err := write(t.Out); err != nil {
			return err
		}
	} else if err := writeNew(o.out, o.force, write); err != nil {
		return err
	}
	if o.proofs == "" {
		return nil
	}
	return writeNew(o.proofs, o.force, func(w io.Writer) error {
		_, err := w.Write(proofs)
		return err
	})
}

// ProofsError is a report of which no proofs can be written.
type ProofsError struct{ Records int }

func (e *ProofsError) Error() string {
	if e.Records == 0 {
		return "no record of this report can be proved without naming others, or there is none"
	}
	return fmt.Sprintf("proofs of %d records are too many; %d is the most: take a shorter period", e.Records, maxBundle)
}

func (t *Tool) render(w io.Writer, rep *report.Report, o reportFlags) error {
	switch o.format {
	case "csv":
		if o.bom {
			if _, err := io.WriteString(w, "\ufeff"); err != nil {
				return err
			}
		}
		return report.WriteCSV(w, rep, o.section)
	case "json":
		return report.WriteJSON(w, rep)
	case "html":
		return report.HTML(w, rep)
	}
	return report.WriteText(w, rep, terminalWidth(w))
}

// terminalWidth is how many columns there are; 0 where it is not a terminal.
func terminalWidth(w io.Writer) int {
	if f, ok := w.(*os.File); ok && OnTerminal(w) {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil {
			return n
		}
	}
	return 0
}

// listReports tells which reports there are.
func (t *Tool) listReports(lang string) error {
	if lang == "" {
		lang = t.Lang
	}
	i := 0
	if lang == "zh" {
		i = 1
	}
	type param struct {
		Key      string `json:"key"`
		Required bool   `json:"required,omitempty"`
		Default  string `json:"default,omitempty"`
		Help     string `json:"help"`
	}
	for _, s := range report.Specs() {
		var list []param
		text := fmt.Sprintf("%-14s %s\n", s.Name, s.Short[i])
		for _, p := range s.Params {
			list = append(list, param{p.Key, p.Required, p.Default, p.Help[i]})
			text += "    " + paramText(p, i) + "\n"
		}
		if !*t.JSON {
			if err := t.printf("%s", text); err != nil {
				return err
			}
			continue
		}
		if err := t.printJSON(map[string]any{"report": s.Name, "short": s.Short[i], "params": list, "facts": s.NeedsFacts}); err != nil {
			return err
		}
	}
	return nil
}

func paramText(p report.ParamSpec, lang int) string {
	s := p.Key + "="
	if p.Default != "" {
		s += p.Default
	}
	if !p.Required {
		s = "[" + s + "]"
	}
	return fmt.Sprintf("%-12s %s", s, p.Help[lang])
}
