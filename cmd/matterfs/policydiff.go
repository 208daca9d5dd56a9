package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"matterfs/policy"
)

// diffReport is what diff prints in JSON.
type diffReport struct {
	Old     string         `json:"old"` // hashes
	New     string         `json:"new"`
	Narrows bool           `json:"narrows"` // nobody gains anything
	Access  []accessReport `json:"access"`
	Levels  []levelReport  `json:"levels"`
	Wider   []string       `json:"wider"` // what is allowed that was not, in words
}

type accessReport struct {
	User   string      `json:"user"`
	Matter string      `json:"matter,omitempty"` // none: the root of the drive
	Path   string      `json:"path,omitempty"`
	Before stateReport `json:"before"`
	After  stateReport `json:"after"`
}

type stateReport struct {
	Rights []string   `json:"rights"`
	Sees   bool       `json:"sees"`
	Until  *time.Time `json:"until,omitempty"`
	Rule   string     `json:"rule,omitempty"` // that decides on reading
}

type levelReport struct {
	Matter string `json:"matter"`
	Path   string `json:"path,omitempty"`
	Before string `json:"before"`
	After  string `json:"after"`
}

func newPolicyDiff(a *app) *cobra.Command {
	var at string
	var days int
	var replay bool
	c := &cobra.Command{
		Use:   "diff [OLD] NEW | diff --against-log [--days N] STORE [NEW]",
		Short: "show whose access a change changes",
		Long: "diff compares two policy directories, or the policy in force in the store NEW (when none is served,\n" +
			"the one that was last) with the files that are there now: who may do more or less, and where a level\n" +
			"changes. Lines begin with + for more, - for less, ~ for other; `wider` lines say what the new policy\n" +
			"allows beyond the old one, now or later. Unix groups are asked of this machine.\n" +
			"It ends with 0 when nothing differs and with 1 when something does.\n" +
			"With --against-log it reads what people did in STORE in the last N days and tells what of it the policy in\n" +
			"NEW, or in the store's files, would have refused, each access judged for its own time, and who newly could. Lines\n" +
			"marked so are refused by the policy in force by now too. It ends with 1 when work that goes on would be refused\n" +
			"or somebody could do more.",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case replay && at != "":
				return usagef("--at does not go with --against-log: each access is judged for its own time")
			case replay:
				return runPolicyReplay(a, args, days)
			case c.Flags().Changed("days"):
				return usagef("--days goes with --against-log")
			}
			return runPolicyDiff(a, args, at)
		},
	}
	c.Flags().BoolVar(&replay, "against-log", false, "hold the accesses in the store's log against the new policy")
	c.Flags().IntVar(&days, "days", 30, "how many `days` of the log to read")
	c.Flags().StringVar(&at, "at", "", "`time` to compare at, 2026-12-31 or RFC 3339 (default now)")
	return c
}

func runPolicyDiff(a *app, args []string, at string) error {
	old, next, err := a.diffSides(args)
	if err != nil {
		return err
	}
	when, err := parseAt(at, next.Zone())
	if err != nil {
		return err
	}
	d := policy.Diff(old, next, when, systemGroups(old, next))
	if a.json {
		err = a.printJSON(reportDiff(old, next, d))
	} else {
		err = a.printf("%s", a.diffText(d))
	}
	return answer(d.Same(), err)
}

// diffSides loads the two policies to compare.
func (a *app) diffSides(args []string) (old, next *policy.Policy, err error) {
	before, after := "", args[len(args)-1]
	if len(args) == 2 {
		before, err = a.policyDir(args[0])
	} else {
		before, err = a.keptPolicy(args[0])
	}
	if err != nil {
		return nil, nil, err
	}
	if after, err = a.policyDir(after); err != nil {
		return nil, nil, err
	}
	if old, err = loadPolicyFiles(before); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", before, err)
	}
	next, err = loadPolicyFiles(after)
	return old, next, err
}

// keptPolicy finds the copy of the policy in force in a store, or of the one
// that was last when no daemon answers.
func (a *app) keptPolicy(dir string) (string, error) {
	if !isStore(dir) && a.flags.config == "" {
		return "", usagef("%s is no store: name two policy directories", dir)
	}
	s, err := a.settings(dir)
	if err != nil {
		return "", err
	}
	kept := filepath.Join(s.State, archiveName)
	if id, err := s.storeID(); err == nil {
		if st, err := a.askStatus(id); err == nil && st.Policy != nil {
			return filepath.Join(kept, st.Policy.Hash), nil
		}
	}
	return newestDir(kept)
}

// newestDir is the directory in dir that was changed last; archive touches what
// it finds there already.
func newestDir(dir string) (string, error) {
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", usagef("%s: no policy was in force yet", dir)
	}
	if err != nil {
		return "", err
	}
	var newest string
	var at time.Time
	for _, e := range list {
		info, err := e.Info()
		if err == nil && e.IsDir() && !strings.HasPrefix(e.Name(), ".") && info.ModTime().After(at) {
			newest, at = filepath.Join(dir, e.Name()), info.ModTime()
		}
	}
	if newest == "" {
		return "", usagef("%s: no policy was in force yet", dir)
	}
	return newest, nil
}

// systemGroups answers from one look at the groups of this machine.
func systemGroups(list ...*policy.Policy) *policy.Env {
	whom := func() (users, groups []string) {
		for _, p := range list {
			for _, u := range p.Users() {
				users = append(users, u.Name)
			}
			groups = append(groups, p.UnixGroups()...)
		}
		return users, groups
	}
	g := newGroups(whom, func() {})
	member := g.ask(whom())
	return &policy.Env{Groups: func(group, user string) (in, known bool) {
		in, known = member[membership{group, user}]
		return in, known
	}}
}

func reportDiff(old, next *policy.Policy, d *policy.Difference) diffReport {
	r := diffReport{
		Old: old.Hash(), New: next.Hash(), Narrows: d.Narrows(),
		Access: []accessReport{}, Levels: []levelReport{}, Wider: append([]string{}, d.Wider...),
	}
	for _, c := range d.Access {
		r.Access = append(r.Access, accessReport{c.User, c.Matter, c.Path, reportState(c.Before), reportState(c.After)})
	}
	for _, l := range d.Levels {
		r.Levels = append(r.Levels, levelReport(l))
	}
	return r
}

func reportState(s policy.AccessState) stateReport {
	r := stateReport{Rights: append([]string{}, s.Rights.Names()...), Sees: s.Sees, Rule: s.Rule}
	if !s.Until.IsZero() {
		r.Until = &s.Until
	}
	return r
}

// diffText is one line a change.
func (a *app) diffText(d *policy.Difference) string {
	if d.Same() {
		return a.text(msgSameAccess) + "\n"
	}
	var b strings.Builder
	for i := range d.Access {
		c := &d.Access[i]
		fmt.Fprintf(&b, "%s %s %s: %s -> %s\n", sign(c), c.User, placeName(c.Matter, c.Path), stateText(c.Before), stateText(c.After))
	}
	for _, l := range d.Levels {
		fmt.Fprintf(&b, "~ level %s: %s -> %s\n", placeName(l.Matter, l.Path), dash(l.Before), dash(l.After))
	}
	for _, w := range d.Wider {
		fmt.Fprintf(&b, "wider: %s\n", w)
	}
	return b.String()
}

func sign(c *policy.AccessChange) string {
	switch {
	case c.Gains() && c.Loses():
		return "~"
	case c.Gains():
		return "+"
	case c.Loses():
		return "-"
	}
	return "~"
}

func placeName(matter, path string) string {
	if matter == "" {
		return "/"
	}
	return strings.TrimSuffix(matter+"/"+path, "/")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// stateText is the rights, or whether the place is known at all.
func stateText(s policy.AccessState) string {
	words := slices.Clone(s.Rights.Names())
	switch {
	case len(words) == 0 && s.Sees:
		return "sees"
	case len(words) == 0:
		return "nothing"
	}
	text := strings.Join(words, ",")
	if !s.Until.IsZero() {
		text += " until " + s.Until.Format(time.RFC3339)
	}
	return text
}
