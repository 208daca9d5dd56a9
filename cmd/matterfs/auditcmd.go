package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"matterfs/audit"
	"matterfs/audit/cli"
	"matterfs/crypto"
	"matterfs/crypto/keystore"
)

func newAudit(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "audit", Short: "read and verify the log",
		Args: cobra.NoArgs, RunE: needVerb,
	}
	t := a.auditTool()
	c.AddCommand(cli.NewVerify(t), cli.NewTail(t), cli.NewQuery(t), cli.NewReport(t), cli.NewProve(t), cli.NewBundle(t), cli.NewCheckpoint(t),
		cli.NewKey(t), cli.NewExport(t), newAuditHold(a), newAuditFacts(a))
	return c
}

// newWitness is for a machine of somebody else: it needs no store.
func newWitness(a *app) *cobra.Command { return cli.NewWitness(a.auditTool()) }

// auditTool gives the commands that read a log what they need to know of the store.
func (a *app) auditTool() *cli.Tool {
	return &cli.Tool{Name: "matterfs", Out: a.out, Err: a.err, Lang: a.lang.String(), JSON: &a.json,
		Find: func(dir string) (cli.Place, error) {
			at, err := a.findLog(dir)
			return cli.Place{Log: at.log, State: at.state}, err
		},
		StoreID: a.storeIDFor, Ended: toldToEnd, Zone: a.firmZone, Note: a.noteQuery, Facts: a.reportFacts}
}

// logPlace is where a log and its head are found.
type logPlace struct{ log, state string }

// findLog finds the log to work on: the store in dir, --log, or dir itself
// when it is a bare log directory such as an auditor's copy.
func (a *app) findLog(dir string) (logPlace, error) {
	switch {
	case a.flags.log != "" && dir == "" && a.flags.config == "":
		return logPlace{a.flags.log, a.flags.state}, nil
	case dir != "" && a.flags.config == "" && isLog(dir):
		return logPlace{dir, a.flags.state}, nil
	}
	s, err := a.settings(dir)
	return logPlace{s.Log, s.State}, err
}

func isLog(dir string) bool {
	if isStore(dir) {
		return false
	}
	_, err := os.Stat(filepath.Join(dir, audit.LiveName))
	return err == nil
}

// storeIDFor is the id that the log's first record must be chained to: as
// given, else as the store says.
func (a *app) storeIDFor(dir, given string) (string, error) {
	if given != "" {
		if _, err := crypto.ParseID(given); err != nil {
			return "", usagef("--store-id %q is no store id", given)
		}
		return given, nil
	}
	if keys := a.flags.keys; keys != "" {
		id, err := keystore.ReadStoreID(keys)
		if err != nil {
			return "", keysError(keys, err)
		}
		return id.String(), nil
	}
	s, err := a.settings(dir)
	if bad := (*usageError)(nil); errors.As(err, &bad) {
		return "", usagef("give the store's id with --store-id (init and status print it): %v", err)
	}
	if err != nil {
		return "", err
	}
	return s.storeID()
}
