package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func newPolicyApprove(a *app) *cobra.Command {
	var yes bool
	q := controlRequest{Op: evPolicyApprove}
	c := &cobra.Command{
		Use:   "approve HASH [DIR]",
		Short: "say a word for a policy that waits",
		Long: "A policy that gives somebody more at the top level, lowers a level, weakens a tag, drops, shortens or thins out a\n" +
			"wall, or changes who the security administrators are or until when, waits until two of them, by the policy in\n" +
			"force, have said approve.\n" +
			"status and reload tell its HASH, of which 12 digits will do. approve shows whose access changes and asks. A word\n" +
			"counts for 7 days, and is void when the files change again. root has no word; with --emergency root acts alone,\n" +
			"which is recorded as policy.emergency and leaves status degraded until a security administrator approves it.",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			q.Name = args[0]
			return runPolicyApprove(c.Context(), a, optional(args, 1), q, yes)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&q.Emergency, "emergency", false, "root alone, when there are no two to ask")
	c.Flags().StringVar(&q.Reason, "reason", "", "`text` for the record of --emergency, at most 1000 bytes")
	return c
}

func runPolicyApprove(ctx context.Context, a *app, dir string, q controlRequest, yes bool) error {
	if q.Emergency && q.Reason == "" {
		return usagef("say why with --reason")
	}
	shown, err := a.askOne(dir, controlRequest{Op: evPolicyPending})
	if gone := (*noDaemonError)(nil); errors.As(err, &gone) && q.Emergency && dir != "" {
		return approveOffline(ctx, a, dir, q)
	}
	// Who is forgotten by a policy of root's may see no more than its name.
	if forgotten := (*remoteError)(nil); err != nil && !(errors.As(err, &forgotten) && forgotten.code == exitNotPermitted) {
		return err
	}
	if err := a.showPending(shown.Pending); err != nil {
		return err
	}
	if !yes {
		if err := a.askYes(); err != nil {
			return err
		}
	}
	reply, err := a.askOne(dir, q)
	if err != nil {
		return err
	}
	return a.showApproval(reply.Approve)
}

// showPending is what a word would be about.
func (a *app) showPending(p *pendingDetail) error {
	switch {
	case p == nil || a.json:
		return nil
	case p.Emergency != nil:
		f := p.Emergency
		return a.printf("%s\n", a.text(msgPolicySeen, short(f.Hash), f.Since.Local().Format(time.DateTime), f.Reason))
	}
	return a.printf("%s\n%s", a.text(msgPolicyWaits, short(p.Hash), p.Needed, reasonText(p.Reasons)), a.diffText(p.Diff))
}

// askYes asks at a terminal. Without one nobody can have read what is shown.
func (a *app) askYes() error {
	if a.stdin == nil || !term.IsTerminal(int(a.stdin.Fd())) {
		return usagef("nobody is there to be asked: look at it with policy diff, then say --yes")
	}
	fmt.Fprint(a.err, a.text(msgAskYes))
	line, err := bufio.NewReader(a.stdin).ReadString('\n')
	if word := strings.ToLower(strings.TrimSpace(line)); err != nil || word != "y" && word != "yes" {
		a.say(msgNotApproved)
		return &exitError{exitNo}
	}
	return nil
}

func (a *app) showApproval(r *approveReport) error {
	switch {
	case a.json:
		return a.printJSON(r)
	case r.Confirmed:
		return a.printf("%s\n", a.text(msgPolicyConfirmed, short(r.Hash)))
	case r.Applied:
		return a.printf("%s\n", a.text(msgPolicyApplied, short(r.Hash)))
	}
	return a.printf("%s\n", a.text(msgWordCounted, short(r.Hash), r.Pending.Needed))
}

// approveOffline is root's word for a store that does not start: the copy of the
// policy that was in force last is gone, so that nobody can judge the change.
func approveOffline(ctx context.Context, a *app, dir string, q controlRequest) (err error) {
	if os.Geteuid() != 0 {
		return fmt.Errorf("--emergency is root's: %w", os.ErrPermission)
	}
	s, err := a.settings(dir)
	if err != nil {
		return err
	}
	d := newDaemon(a, s, "")
	defer func() { err = errors.Join(err, d.close()) }()
	for _, step := range []func(context.Context) error{d.lock, d.loadPolicy, d.unlock, d.openLog, d.openState} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	f, ok := d.emergency.inForce.Load().InForce()
	switch {
	case !ok || !f.Two || f.Hash == d.policy.Hash():
		return errNothingWaits
	case len(q.Name) < hashDigits || !strings.HasPrefix(d.policy.Hash(), q.Name):
		return usagef("the files are policy %s, not %s", short(d.policy.Hash()), q.Name)
	}
	old, err := keptCopy(s.State, f.Hash)
	if err != nil {
		a.warnLost(err)
		old = nil
	}
	if err := d.sealAlone(self(), old, d.policy, q.Reason); err != nil {
		return err
	}
	return a.showApproval(&approveReport{Hash: d.policy.Hash(), Applied: true})
}

// warnLost says that nobody is named who should look at it.
func (a *app) warnLost(err error) { fmt.Fprintf(a.err, "matterfs: %v\n", err) }
