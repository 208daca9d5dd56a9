// Command matterfs-audit reads and verifies the log of a matterfs store on a machine that has nothing else of it: an auditor's copy
// of the log directory, on any system.
//
//	matterfs-audit verify --store-id ID --key KEY --against KEPT DIR    is the log whole and unchanged?
//	matterfs-audit query 'matter=2026-0142 since=30d denied' DIR        who was refused there?
//	matterfs-audit tail -n 20 DIR
//	matterfs-audit witness serve DIR --key KEY                          sign what the log grows to, and nothing else
//	matterfs-audit export --to syslog+tls://log.example:6514 DIR
//
// KEY is the verification key that init printed, KEPT a checkpoint that was kept elsewhere. Exit codes are those of matterfs: 0 ok,
// 1 other failure, 2 usage, 6 not permitted, 10 log tampered with, 11 incomplete, 12 not that of the checkpoint, 130 interrupted.
//
// It trusts nothing in the directory but what it verifies, and it has no way to record that the log was searched.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // --zone names a time zone; not every system has zone files

	"github.com/spf13/cobra"

	"matterfs/audit"
	"matterfs/audit/cli"
	"matterfs/audit/export"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr, os.Getenv))
}

// run executes one command line and returns its exit code.
func run(args []string, stdout, stderr io.Writer, getenv func(string) string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	started := false
	root := newRoot(stdout, stderr, language(getenv))
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if quiet := (*cli.ExitError)(nil); errors.As(err, &quiet) {
		return quiet.Code
	}
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "matterfs-audit: %v\n", err)
	if !started {
		return 2
	}
	return exitCode(err)
}

// exitCode is the code of an error that was told.
func exitCode(err error) int {
	var proof *audit.ProofError
	checked := errors.As(err, &proof) && (proof.Block > 0 || proof.Seq == 0) // not: a proof that cannot be made
	for _, row := range []struct {
		match bool
		code  int
	}{
		{is[*cli.UsageError](err) || is[*audit.FilterError](err), 2},
		{errors.Is(err, fs.ErrPermission), 6},
		{is[*audit.TamperedError](err) || is[*audit.LineError](err) || is[*cli.BundleError](err) || is[*export.FileError](err) || checked, 10},
		{is[*audit.IncompleteError](err) || is[*export.GapError](err), 11},
		{is[*export.CursorError](err), 12},
	} {
		if row.match {
			return row.code
		}
	}
	return 1
}

func is[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

// language follows the order of setlocale(3).
func language(getenv func(string) string) string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := getenv(name); v != "" {
			if strings.HasPrefix(v, "zh") {
				return "zh"
			}
			return "en"
		}
	}
	return "en"
}

func newRoot(stdout, stderr io.Writer, lang string) *cobra.Command {
	root := &cobra.Command{
		Use: "matterfs-audit", Short: "read and verify a copy of a matterfs log",
		SilenceErrors: true, SilenceUsage: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return &cli.UsageError{Msg: "matterfs-audit needs a verb; see matterfs-audit --help"}
		},
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	asJSON := root.PersistentFlags().Bool("json", false, "report as JSON on one line; records as they stand in the log")
	t := &cli.Tool{Name: "matterfs-audit", Out: stdout, Err: stderr, Lang: lang, JSON: asJSON, Find: find, StoreID: storeID,
		Ended: func(context.Context) error { return &cli.ExitError{Code: 130} }}
	root.AddCommand(cli.NewVerify(t), cli.NewTail(t), cli.NewQuery(t), cli.NewReport(t), cli.NewCheckpoint(t), cli.NewKey(t), cli.NewProve(t),
		cli.NewBundle(t), cli.NewExport(t), cli.NewWitness(t))
	return root
}

// find takes a directory for a log, the working directory where none is named.
func find(dir string) (cli.Place, error) {
	if dir == "" {
		dir = "."
	}
	if _, err := os.Stat(dir); err != nil {
		return cli.Place{}, err
	}
	return cli.Place{Log: dir}, nil
}

// storeID is the one given, or that of the verification keys in the directory, which verify then compares with the first record.
func storeID(dir, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	at, err := find(dir)
	if err != nil {
		return "", err
	}
	keys, err := audit.ReadKeys(at.Log)
	if err != nil {
		return "", err
	}
	for _, k := range keys {
		name, _, _ := strings.Cut(k, "+")
		if id, ok := strings.CutPrefix(name, "matterfs-audit/"); ok {
			return id, nil
		}
	}
	return "", &cli.UsageError{Msg: "give the store's id with --store-id (init and status print it)"}
}
