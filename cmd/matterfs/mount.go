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
	prepared   int // set by the root step in the program it becomes
}

func newMount(a *app) *cobra.Command {
	var o mountOptions
	c := &cobra.Command{
		Use:   "mount [DIR] MOUNTPOINT",
		Short: "serve a store",
		Long: "mount serves the store in DIR (or of --config) on MOUNTPOINT and stays in the foreground.\n" +
			"It prints one line when it is ready. SIGHUP loads the policy anew; SIGINT and SIGTERM unmount.\n" +
			"Keys are opened by --identity, --passphrase-file, $CREDENTIALS_DIRECTORY/identity or /passphrase,\n" +
			"the configured identity, or a passphrase typed at the terminal, whichever comes first.\n" +
			"With --user the daemon gives up root once all is open; what stays root can only unmount.",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if o.prepared != 0 {
				return a.runPrepared(c.Context(), o.prepared)
			}
			o.mnt = args[len(args)-1]
			if len(args) == 2 {
				o.dir = args[0]
			}
			return runMount(c.Context(), a, o)
		},
	}
	c.Flags().BoolVar(&o.background, "background", false, "return when ready, serve on in the background")
	a.userFlag(c.Flags())
	c.Flags().IntVar(&o.readyFD, "ready-fd", 0, "")
	c.Flags().IntVar(&o.prepared, "prepared", 0, "")
	for _, name := range []string{"ready-fd", "prepared"} {
		if f := c.Flags().Lookup(name); f != nil {
			f.Hidden = true
		}
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
	s.endDying()
	mnt, err := a.prepareMountpoint(o.mnt)
	if err != nil {
		return err
	}
	a.warnKernel()
	if s.User != "" {
		return a.becomeService(ctx, s, mnt, o)
	}
	d := newDaemon(a, s, mnt)
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.open(ctx); err != nil {
		return err
	}
	return d.serve(ctx, o.readyFD)
}
