package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
)

type mountOptions struct {
	dir, mnt   string
	background bool
	readyFD    int // set by --background in the process it starts
}

func newMount(a *app) *cobra.Command {
	var o mountOptions
	c := &cobra.Command{
		Use:   "mount [DIR] MOUNTPOINT",
		Short: "serve a store",
		Long: "mount serves the store in DIR (or of --config) on MOUNTPOINT and stays in the foreground.\n" +
			"It prints one line when it is ready. SIGHUP loads the policy anew; SIGINT and SIGTERM unmount.\n" +
			"Keys are opened by --identity, --passphrase-file, $CREDENTIALS_DIRECTORY/identity or /passphrase,\n" +
			"the configured identity, or a passphrase typed at the terminal, whichever comes first.",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			o.mnt = args[len(args)-1]
			if len(args) == 2 {
				o.dir = args[0]
			}
			return runMount(c.Context(), a, o)
		},
	}
	c.Flags().BoolVar(&o.background, "background", false, "return when ready, serve on in the background")
	c.Flags().IntVar(&o.readyFD, "ready-fd", 0, "")
	if f := c.Flags().Lookup("ready-fd"); f != nil {
		f.Hidden = true
	}
	return c
}

func runMount(ctx context.Context, a *app, o mountOptions) (err error) {
	s, err := a.settings(o.dir)
	if err != nil {
		return err
	}
	if o.background {
		return a.spawn(ctx, s)
	}
	mnt, err := a.prepareMountpoint(o.mnt)
	if err != nil {
		return err
	}
	a.warnKernel()
	d := newDaemon(a, s, mnt)
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.open(ctx); err != nil {
		return err
	}
	return d.serve(ctx, o.readyFD)
}
