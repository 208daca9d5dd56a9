package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"matterfs/crypto/statelog"
)

func newRelabel(a *app) *cobra.Command {
	var approve, refuse bool
	var reason string
	c := &cobra.Command{
		Use:   "relabel MATTER[/PATH] LEVEL [DIR]",
		Short: "change the level of a folder",
		Long: "relabel changes the level that is sealed into a folder, or into the whole matter, with --reason. Root, a security\n" +
			"administrator or the matter's lead may ask. A higher level acts at once. A lower one waits, for 7 days, until a\n" +
			"security administrator other than who asked says the same with --approve, or ends it with --refuse. It is refused\n" +
			"while a rule of the policy or a folder above gives a higher level. Rules go on counting: at a load a rule raises\n" +
			"the level again only if it names that very folder. See relabels for what waits.",
		Args: cobra.RangeArgs(2, 3),
		RunE: func(_ *cobra.Command, args []string) error {
			q := controlRequest{Op: statelog.RelabelAsk, Name: args[0], Level: args[1], Reason: reason}
			switch {
			case approve && refuse:
				return usagef("--approve or --refuse?")
			case approve:
				q.Op = statelog.RelabelApprove
			case refuse:
				q.Op = statelog.RelabelDrop
			}
			return runRelabel(a, optional(args, 2), q)
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "`text` for the record, at most 1000 bytes")
	c.Flags().BoolVar(&approve, "approve", false, "agree to what somebody else asked for")
	c.Flags().BoolVar(&refuse, "refuse", false, "end what somebody asked for")
	return c
}

var relabelTexts = map[string]msg{
	"done": msgRelabelled, "waits": msgRelabelWaits, "unchanged": msgRelabelSame, "dropped": msgRelabelDropped,
}

func runRelabel(a *app, dir string, q controlRequest) error {
	reply, err := a.askOne(dir, q)
	if err != nil {
		return err
	}
	r := reply.Relabel
	if a.json {
		return a.printJSON(r)
	}
	return a.printf("%s\n", a.text(relabelTexts[r.State], placeName(r.Matter, r.Path), dash(r.From), r.To))
}

func newRelabels(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "relabels [DIR]",
		Short: "tell which folders wait for a lower level, who asked and why",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			reply, err := a.askOne(optional(args, 0), controlRequest{Op: evRelabelList})
			if err != nil {
				return err
			}
			return a.printRelabels(reply.Relabels)
		},
	}
}

func (a *app) printRelabels(list []statelog.Relabelling) error {
	if a.json {
		if list == nil {
			list = []statelog.Relabelling{}
		}
		return a.printJSON(list)
	}
	for _, r := range list {
		when := r.Since.Local().Format(time.DateTime)
		if err := a.printf("%s\n", fmt.Sprintf("%s  %s -> %s  %s  %s  %q", placeName(r.Matter, r.Path), dash(r.From), r.To, when, personName(r.Person), r.Reason)); err != nil {
			return err
		}
	}
	return nil
}
