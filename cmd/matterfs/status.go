package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"matterfs/fs"
)

func newStatus(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "status [DIR]",
		Short: "tell what is served, and what is wrong with it",
		Long: "status asks the daemon of the store in DIR, or every daemon of this machine. What root and the\n" +
			"administrators are told in full, others see in brief. It ends with 4 when no daemon answers and\n" +
			"with 1 when one is degraded.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runStatus(a, optional(args, 0)) },
	}
}

// optional is an argument that may be left out.
func optional(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}

func runStatus(a *app, dir string) error {
	ids, err := a.wantedStores(dir)
	if err != nil {
		return err
	}
	var list []*status
	for _, id := range ids {
		st, err := a.askStatus(id)
		if gone := (*noDaemonError)(nil); errors.As(err, &gone) && dir == "" {
			continue // a socket that a crash left behind
		}
		if err != nil {
			return err
		}
		list = append(list, st)
	}
	if len(list) == 0 {
		return &noDaemonError{"any store on this machine"}
	}
	return a.showStatus(list, dir != "")
}

// wantedStores are the ids of the stores to ask about.
func (a *app) wantedStores(dir string) ([]string, error) {
	if dir == "" && a.flags.config == "" && a.flags.keys == "" {
		return a.sockets(), nil
	}
	s, err := a.settings(dir)
	if err != nil {
		return nil, err
	}
	id, err := s.storeID()
	if err != nil {
		return nil, err
	}
	return []string{id}, nil
}

func (a *app) askStatus(id string) (*status, error) {
	c, err := a.dialStore(id)
	if err != nil {
		return nil, err
	}
	defer c.close()
	r, err := c.ask("status")
	if err == nil && r.Status == nil {
		err = fmt.Errorf("daemon of store %s: answer without a status", id)
	}
	return r.Status, err
}

// showStatus prints; a list in JSON unless one store was asked for.
func (a *app) showStatus(list []*status, one bool) error {
	var err error
	switch {
	case a.json && one:
		err = a.printJSON(list[0])
	case a.json:
		err = a.printJSON(list)
	default:
		for _, st := range list {
			err = errors.Join(err, a.printf("%s", a.statusText(st)))
		}
	}
	for _, st := range list {
		if err == nil && st.Health != healthOK {
			err = &exitError{exitNo}
		}
	}
	return err
}

// statusText is the status for people. Lines begin with a fixed word, so that
// they can be searched for.
func (a *app) statusText(st *status) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-9s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("store", "%s", st.Store)
	line("mount", "%s", st.Mount)
	line("health", "%s", st.Health)
	line("daemon", "pid %d, version %s, up %s", st.PID, st.Version, time.Duration(st.UptimeS)*time.Second)
	if st.UID != nil {
		line("user", "uid %d", *st.UID)
	}
	if p := st.Policy; p != nil {
		line("policy", "%s, %d users, %d matters", short(p.Hash), p.Users, p.Matters)
	}
	for _, m := range st.Matters {
		line("matter", "%s", m.line())
	}
	if l := st.Audit; l != nil {
		line("audit", "record %d %s", l.Seq, short(l.Hash))
		if l.Witness != nil {
			line("witness", "%s", witnessLine(l.Witness))
		}
	}
	for _, e := range st.Keys {
		line("envelope", "%s %s", e.Name, strings.Join(e.Recipients, " "))
	}
	if f := st.Drive; f != nil {
		line("drive", "%d files known, %d open, %d requests met damage", f.Nodes, f.Handles, f.Damaged)
		line("sendfile", "%s", sendfileText(f.Sendfile))
	}
	for _, w := range st.Warnings {
		line("warning", "%s: %s", w.Code, w.text(a.lang))
		if out := w.wayOut(a); out != "" {
			line("", "%s", out)
		}
	}
	return b.String()
}

// sendfileText says what the kernel's way with sendfile means for the audit log.
func sendfileText(does string) string {
	switch does {
	case fs.SendfileSeen:
		return "seen: each sendfile and splice is recorded"
	case fs.SendfileGap:
		return "gap: this kernel does not tell of repeats within a moment; the open and the first are recorded"
	}
	return "unknown: see the diagnostics"
}

func (m *matterStatus) line() string {
	words := []string{m.ID, m.Status}
	if m.Status == "" {
		words[1] = "(not in the policy)"
	}
	if m.Frozen {
		words = append(words, "(frozen)")
	}
	if !m.Data {
		words = append(words, "(no data)")
	}
	if m.Error != "" {
		words = append(words, m.Error)
	}
	return strings.Join(words, " ")
}
