package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"matterfs/crypto/statelog"
)

const emergencyHelp = "The daemon must be running. Root, system and security administrators may ask it.\n" +
	"It acts before the command returns, also on open files, survives restarts, and needs no policy file to be in order."

func newUser(a *app) *cobra.Command {
	c := &cobra.Command{Use: "user", Short: "add a person, or stop one at once", Args: cobra.NoArgs, RunE: needVerb}
	c.AddCommand(
		newUserAdd(a),
		newDecree(a, statelog.UserDisable, "disable NAME [DIR]", "refuse a user everything, at once"),
		newDecree(a, statelog.UserEnable, "enable NAME [DIR]", "take back disable"),
		newEmergencyList(a, "who is disabled", func(l *emergencyList) []statelog.Mark { return l.Disabled }),
	)
	return c
}

func newMatter(a *app) *cobra.Command {
	c := &cobra.Command{Use: "matter", Short: "write a new matter, stop work in a matter at once, change levels", Args: cobra.NoArgs, RunE: needVerb}
	c.AddCommand(
		newMatterNew(a),
		newDecree(a, statelog.MatterFreeze, "freeze ID [DIR]", "refuse everybody everything in a matter, at once"),
		newDecree(a, statelog.MatterUnfreeze, "unfreeze ID [DIR]", "take back freeze"),
		newEmergencyList(a, "which matters are frozen", func(l *emergencyList) []statelog.Mark { return l.Frozen }),
		newRelabel(a), newRelabels(a),
	)
	return c
}

func newDecree(a *app, op, use, short string) *cobra.Command {
	q := controlRequest{Op: op}
	c := &cobra.Command{
		Use: use, Short: short, Long: short + ".\n" + emergencyHelp,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			q.Name = args[0]
			return runDecree(a, optional(args, 1), q)
		},
	}
	c.Flags().StringVar(&q.Reason, "reason", "", "`text` for the record, at most 1000 bytes")
	return c
}

var decreeTexts = map[string]msg{
	statelog.UserDisable: msgUserDisabled, statelog.UserEnable: msgUserEnabled,
	statelog.MatterFreeze: msgMatterFrozen, statelog.MatterUnfreeze: msgMatterUnfrozen,
}

func runDecree(a *app, dir string, q controlRequest) error {
	reply, err := a.askOne(dir, q)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(reply.Decree)
	}
	text := a.text(decreeTexts[q.Op], q.Name)
	if !reply.Decree.Changed {
		text = a.text(msgAlready, text)
	}
	return a.printf("%s\n", text)
}

func newEmergencyList(a *app, what string, of func(*emergencyList) []statelog.Mark) *cobra.Command {
	return &cobra.Command{
		Use: "list [DIR]", Short: "tell " + what + ", since when, by whom and why",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			reply, err := a.askOne(optional(args, 0), controlRequest{Op: "emergency"})
			if err != nil {
				return err
			}
			return a.printMarks(of(reply.Emergency))
		},
	}
}

func (a *app) printMarks(marks []statelog.Mark) error {
	if a.json {
		if marks == nil {
			marks = []statelog.Mark{}
		}
		return a.printJSON(marks)
	}
	for i := range marks {
		if err := a.printf("%s\n", markLine(&marks[i])); err != nil {
			return err
		}
	}
	return nil
}

// markLine quotes the reason: it is somebody's text and may hold line breaks.
func markLine(m *statelog.Mark) string {
	by := m.By
	if by == "" {
		by = fmt.Sprintf("uid %d", m.UID)
	}
	words := []string{m.Name, m.Since.Local().Format(time.DateTime), by}
	if m.Reason != "" {
		words = append(words, fmt.Sprintf("%q", m.Reason))
	}
	return strings.Join(words, "  ")
}

// askOne asks the daemon of the store in dir, or the only one of this machine.
func (a *app) askOne(dir string, q controlRequest) (controlReply, error) {
	c, err := a.dialOne(dir)
	if err != nil {
		return controlReply{}, err
	}
	defer c.close()
	return c.request(q)
}

func (a *app) dialOne(dir string) (*client, error) {
	ids, err := a.wantedStores(dir)
	if err != nil {
		return nil, err
	}
	switch len(ids) {
	case 0:
		return nil, &noDaemonError{"any store on this machine"}
	case 1:
		return a.dialStore(ids[0])
	}
	return nil, usagef("%d stores are served here: name one", len(ids))
}
