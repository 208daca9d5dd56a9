package main

import (
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"matterfs/audit"
)

func newAuditVerify(a *app) *cobra.Command {
	var storeID string
	c := &cobra.Command{
		Use:   "verify [DIR]",
		Short: "tell whether the log is whole and unchanged",
		Long: "verify reads the whole log of the store in DIR, or in a log directory, and compares it with itself and\n" +
			"with the head in the state directory. It ends with 10 when lines were changed, inserted or taken out,\n" +
			"and with 11 when the end is missing.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runAuditVerify(a, optional(args, 0), storeID) },
	}
	c.Flags().StringVar(&storeID, "store-id", "", "`id` of the store the log belongs to, where its keys directory is out of reach")
	return c
}

func runAuditVerify(a *app, dir, storeID string) error {
	at, err := a.findLog(dir)
	if err != nil {
		return err
	}
	id, err := a.storeIDFor(dir, storeID)
	if err != nil {
		return err
	}
	o := audit.VerifyOptions{Dir: at.log, StateDir: readable(at.state), StoreID: id}
	r, err := audit.Verify(o)
	if err != nil {
		return err
	}
	if err := a.printReport(r); err != nil {
		return err
	}
	if code := r.Code(); code != exitOK {
		return &exitError{code}
	}
	return nil
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

func (a *app) printReport(r *audit.Report) error {
	if a.json {
		return a.printJSON(r)
	}
	for _, p := range r.Problems {
		if err := a.printf("%s\n", p); err != nil {
			return err
		}
	}
	for _, f := range r.Recoveries {
		if !f.Doubtful() {
			continue
		}
		if err := a.printf("%s\n", f); err != nil {
			return err
		}
	}
	if r.UnanchoredTo != 0 {
		if err := a.printf("%s\n", a.text(msgUnanchored, r.UnanchoredFrom, r.UnanchoredTo)); err != nil {
			return err
		}
	}
	line := a.text(msgVerifyOK, r.Records, r.FirstSeq, r.LastSeq)
	if r.Code() != exitOK {
		line = a.text(msgVerifyBad, len(r.Problems)+r.More, r.Records)
	}
	return a.printf("%s\n%s\n", line, r.Assurance)
}
