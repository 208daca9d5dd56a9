package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"matterfs/audit"
)

type verifyFlags struct {
	dir, storeID, against, since string
	keys, witnesses              []string
	strict                       bool
}

// NewVerify makes `verify [DIR]`.
func NewVerify(t *Tool) *cobra.Command {
	var o verifyFlags
	c := &cobra.Command{
		Use:   "verify [DIR]",
		Short: "tell whether the log is whole and unchanged",
		Long: "verify reads the whole log of the store in DIR, or in a log directory, and compares it with itself, with its seals,\n" +
			"with the head in the state directory, and with what was kept elsewhere: the verification key that init printed, and\n" +
			"a checkpoint, and the key of a witness. It ends with 10 when lines were changed, inserted or taken out, with 11 when\n" +
			"the end is missing, and with 12 when the log is not the one of the checkpoint, or the witness has not signed that.\n" +
			"The last line says what vouches for which records.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.dir = optional(args, 0)
			return runVerify(t, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.storeID, "store-id", "", "`id` of the store the log belongs to, where its keys directory is out of reach")
	f.StringArrayVar(&o.keys, "key", nil, "verification `key` that was kept elsewhere, or a file that holds it; may be repeated")
	f.StringArrayVar(&o.witnesses, "witness", nil, "verifier `key` of a witness, or a file that holds it: it must have signed the checkpoint of\n"+
		"--against, or else that in checkpoint.cosigned beside the log; may be repeated")
	f.StringVar(&o.against, "against", "", "`FILE` with a checkpoint that was kept elsewhere")
	f.StringVar(&o.since, "since", "", "read only the segments from this `DATE` on (2026-01-31); seals are not checked then")
	f.BoolVar(&o.strict, "strict", false, "check that each line is JSON, even where the hashes are right (slower)")
	return c
}

func runVerify(t *Tool, f verifyFlags) error {
	at, err := t.Find(f.dir)
	if err != nil {
		return err
	}
	o, err := t.verifyOptions(at, f)
	if err != nil {
		return err
	}
	r, err := audit.Verify(o)
	if bad := (*audit.NoteError)(nil); errors.As(err, &bad) {
		return usage("%v", err)
	}
	if err != nil {
		return err
	}
	if err := t.printReport(r); err != nil {
		return err
	}
	if code := r.Code(); code != 0 {
		return &ExitError{code}
	}
	return nil
}

func (t *Tool) verifyOptions(at Place, f verifyFlags) (o audit.VerifyOptions, err error) {
	o = audit.VerifyOptions{Dir: at.Log, StateDir: readable(at.State), Strict: f.strict}
	if o.Keys, err = keptKeys(f.keys); err != nil {
		return o, usage("--key: %v", err)
	}
	if o.Witness, err = keptKeys(f.witnesses); err != nil {
		return o, usage("--witness: %v", err)
	}
	if f.against != "" {
		if o.Against, err = os.ReadFile(f.against); err != nil {
			return o, usage("--against: %v", err)
		}
	}
	if f.since != "" {
		if o.Against != nil || o.Keys != nil || o.Witness != nil {
			return o, usage("--since reads a part of the log; --key, --against and --witness need all of it")
		}
		if o.Since, err = time.ParseInLocation(time.DateOnly, f.since, time.Local); err != nil {
			return o, usage("--since %q is no date like 2026-01-31", f.since)
		}
	}
	if OnTerminal(t.Err) && !*t.JSON {
		o.Progress = func(n uint64) { fmt.Fprintf(t.Err, "\r%d ", n) }
	}
	o.StoreID, err = t.StoreID(f.dir, f.storeID)
	if id := keyStore(o.Keys); err != nil && f.storeID == "" && id != "" {
		o.StoreID, err = id, nil // the key that was kept says which log it is of
	}
	return o, err
}

// keyStore is the store that verification keys belong to, "" where there is none.
func keyStore(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	name, _, _ := strings.Cut(keys[0], "+")
	id, ok := strings.CutPrefix(name, audit.Origin(""))
	if !ok {
		return ""
	}
	return id
}

// readable is the state directory, or nothing where an auditor may not read
// it: the report then says that the end of the log is not anchored.
func readable(dir string) string {
	if dir == "" {
		return ""
	}
	if _, err := os.ReadDir(dir); errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return dir
}

func (t *Tool) printReport(r *audit.Report) error {
	if *t.JSON {
		return t.printJSON(r)
	}
	if OnTerminal(t.Err) {
		fmt.Fprint(t.Err, "\r\x1b[K") // takes the progress away
	}
	for _, p := range r.Problems {
		if err := t.printf("%s\n", p); err != nil {
			return err
		}
	}
	for _, f := range r.Recoveries {
		if !f.Doubtful() {
			continue
		}
		if err := t.printf("%s\n", f); err != nil {
			return err
		}
	}
	if r.UnanchoredTo != 0 {
		if err := t.printf("%s\n", t.text(msgUnanchored, r.UnanchoredFrom, r.UnanchoredTo)); err != nil {
			return err
		}
	}
	line := t.text(msgVerifyOK, r.Records, r.FirstSeq, r.LastSeq)
	if r.Code() != 0 {
		line = t.text(msgVerifyBad, len(r.Problems)+r.More, r.Records)
	}
	return t.printf("%s\n%s\n", line, r.Assurance)
}
