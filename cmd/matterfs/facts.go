package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"matterfs/audit/report"
	"matterfs/policy"
)

func newAuditFacts(a *app) *cobra.Command {
	var o factsOptions
	c := &cobra.Command{
		Use:   "facts [DIR]",
		Short: "write who could do what, from when to when",
		Long: "facts writes, as JSON, what reports need to know beside the log of the store DIR: from the policies that were in force and\n" +
			"are kept, the emergency list and frozen matters that the log tells of, and the unix groups of now, who could do what in\n" +
			"which matter and folder, from when to when, to the moment. Take it along with a copy of the log for\n" +
			"`matterfs-audit report --facts FILE`.\n\n" +
			"It takes whoever may read the state directory: root or the daemon's account. What is written names people, clients and\n" +
			"who is walled off: it is for nobody who may not read the policy. It is recorded in the log with its SHA-256, so that who\n" +
			"is given the file sees whether it is that one; where it cannot be recorded, nothing is written.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.dir = optional(args, 0)
			return runFacts(a, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.since, "since", "", "leave out rights that ended before `time`, 2026-07-01 or RFC 3339")
	f.StringVar(&o.until, "until", "", "leave out rights that began later; a day is meant whole")
	f.StringVar(&o.out, "out", "", "write to `FILE`, mode 0600, which must not be there (default stdout)")
	return c
}

type factsOptions struct{ dir, since, until, out string }

// factsUnrecordedError: what names clients and walls is not given to anybody unseen.
type factsUnrecordedError struct{ err error }

func (e *factsUnrecordedError) Error() string {
	return fmt.Sprintf("facts of the policies are not given out unrecorded: %v", e.err)
}
func (e *factsUnrecordedError) Unwrap() error { return e.err }

func runFacts(a *app, o factsOptions) error {
	if o.dir != "" && a.flags.config == "" && isLog(o.dir) {
		return usagef("%s is a log alone: the policies are in the state directory of its store", o.dir)
	}
	zone := a.firmZone(o.dir)
	if zone == nil {
		zone = time.Local
	}
	w := period{now: time.Now().UTC().Truncate(time.Microsecond)}
	var err error
	if w.since, err = bound("since", o.since, zone, 0); err != nil {
		return err
	}
	if w.until, err = bound("until", o.until, zone, 1); err != nil {
		return err
	}
	f, err := a.factsOf(o.dir, w)
	if err != nil {
		return err
	}
	text, err := factsText(f)
	if err != nil {
		return err
	}
	what := strings.Join(strings.Fields(fmt.Sprintf("facts since=%s until=%s rights=%d sha256=%x", o.since, o.until, len(f.Rights), sha256.Sum256(text))), " ")
	if err := a.noteQuery(o.dir, what); err != nil {
		return &factsUnrecordedError{err}
	}
	return a.writeFacts(o.out, text, f)
}

// bound reads an end of the period; days are added to a date alone.
func bound(flag, text string, zone *time.Location, days int) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return t.AddDate(0, 0, days), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, usagef("--%s %q is neither a date nor an RFC 3339 time", flag, text)
	}
	return t, nil
}

// factsOf makes the facts of a store; a zero end of the period is now.
func (a *app) factsOf(dir string, w period) (*report.Facts, error) {
	s, err := a.settings(dir)
	if err != nil {
		return nil, err
	}
	if w.until.IsZero() || w.until.After(w.now) {
		w.until = w.now
	}
	if !w.since.Before(w.until) {
		return nil, usagef("since is not before until")
	}
	if _, err := os.ReadDir(filepath.Join(s.State, archiveName)); errors.Is(err, os.ErrPermission) {
		return nil, err // else every policy would seem to be lost
	}
	p, err := readPast(s.Log)
	if err != nil {
		return nil, err
	}
	if len(p.policies) == 0 {
		return nil, usagef("%s: no policy was in force yet", s.Log)
	}
	var groups []string
	f := newFacts(p, s.State, func(list ...*policy.Policy) *policy.Env {
		for _, one := range list {
			groups = append(groups, one.UnixGroups()...)
		}
		return systemGroups(list...)
	}, w)
	slices.Sort(groups)
	f.Gaps = p.gaps(len(slices.Compact(groups)))
	return f, nil
}

// factsText is one line for each right: such a file can be looked at, and compared with the one before.
func factsText(f *report.Facts) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	head := *f
	head.Rights = []report.Right{}
	if err := e.Encode(head); err != nil {
		return nil, err
	}
	const mark = `"rights":[]`
	before, after, ok := bytes.Cut(bytes.Clone(b.Bytes()), []byte(mark))
	if !ok {
		return nil, errors.New("facts without rights")
	}
	b.Reset()
	b.Write(before)
	b.WriteString(`"rights":[`)
	for i := range f.Rights {
		b.WriteString("\n")
		if err := e.Encode(&f.Rights[i]); err != nil {
			return nil, err
		}
		b.Truncate(b.Len() - 1)
		if i < len(f.Rights)-1 {
			b.WriteByte(',')
		}
	}
	b.WriteString("]")
	b.Write(after)
	return b.Bytes(), nil
}

// writeFacts writes to a new file that nobody else may read, or to stdout.
func (a *app) writeFacts(name string, text []byte, f *report.Facts) error {
	if name == "" {
		_, err := a.out.Write(text)
		return err
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return &existsError{name, "is there already"}
	}
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	a.say(msgFactsWritten, name, len(f.Rights), len(f.People), len(f.Matters))
	return nil
}

// reportFacts are the facts for `audit report`, for a time; zero ends are open. Of a copy of a log there are none: nil.
func (a *app) reportFacts(dir string, from, until time.Time) (*report.Facts, error) {
	if dir != "" && a.flags.config == "" && isLog(dir) {
		return nil, nil
	}
	return a.factsOf(dir, period{since: from, until: until, now: time.Now().UTC().Truncate(time.Microsecond)})
}
