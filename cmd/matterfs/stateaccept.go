package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
)

// errNothingToAccept: the state log is whole.
var errNothingToAccept = errors.New("what is there is whole and the newest; nothing was changed")

func newState(a *app) *cobra.Command {
	c := &cobra.Command{Use: "state", Short: "mend the daemon's own records", Args: cobra.NoArgs, RunE: needVerb}
	c.AddCommand(newStateAccept(a))
	return c
}

func newStateAccept(a *app) *cobra.Command {
	var reason string
	var keys bool
	c := &cobra.Command{
		Use:   "accept DIR --reason TEXT",
		Short: "serve again with a state log that mount refuses",
		Long: "accept is for a state log (who is disabled, which matters are frozen) that is damaged, missing or older than\n" +
			"the audit log says, when its newest copy cannot be brought back. The refused file is kept beside it; what is\n" +
			"authentic of it stays in force; the audit log says so for ever. Look there for user.disable and matter.freeze\n" +
			"records and repeat what is missing after the next mount. The daemon must not be running.\n\n" +
			"With --keys it is for a keys directory that is older than the state log says, when its newest copy is lost.\n" +
			"Matters made since then cannot be read without their keys, and keys destroyed since then are there again.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if reason == "" {
				return usagef("say why with --reason")
			}
			return runStateAccept(c.Context(), a, args[0], keys, reason)
		},
	}
	c.Flags().BoolVar(&keys, "keys", false, "accept an older keys directory")
	c.Flags().StringVar(&reason, "reason", "", "`text` for the record")
	return c
}

func runStateAccept(ctx context.Context, a *app, dir string, keys bool, reason string) (err error) {
	s, err := a.settings(dir)
	if err != nil {
		return err
	}
	d := newDaemon(a, s, "")
	defer func() { err = errors.Join(err, d.close()) }()
	for _, step := range []func(context.Context) error{d.lock, d.loadPolicy, d.unlock, d.openLog} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if keys {
		if err := errors.Join(d.replayState(ctx), d.acceptKeys(reason)); err != nil {
			return err
		}
		return a.printf("%s\n", a.text(msgKeysAccepted, d.keys.Head()))
	}
	kept, err := d.acceptState(reason)
	if err != nil {
		return err
	}
	if kept != "" {
		a.say(msgStateKept, kept)
	}
	return a.printf("%s\n", a.text(msgStateAccepted, d.emergency.log.Head().Generation))
}
