package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"matterfs/audit"
	"matterfs/crypto/statelog"
)

// A legal hold keeps the log: while it stands, retention deletes nothing of it. Root, security administrators and auditors may set
// one. Who set it does not end it: a security administrator or auditor other than them does, and root only where the policy has
// no such person, since it is root's own doings that may be in question.
const (
	evHold      = "audit.hold"
	holdSet     = "set"
	holdRelease = "release"
	// holdReason bounds a reason, in bytes.
	holdReason = 1000
)

func newAuditHold(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "hold", Short: "keep the whole log for a lawsuit or an inquiry, or stop doing so",
		Args: cobra.NoArgs, RunE: needVerb,
	}
	c.AddCommand(newHoldVerb(a, holdSet, "delete no record, however old"), newHoldVerb(a, holdRelease, "let retention go on"))
	return c
}

func newHoldVerb(a *app, name, short string) *cobra.Command {
	q := controlRequest{Op: evHold, Name: name}
	c := &cobra.Command{
		Use: name + " [DIR]", Short: short,
		Long: "While a legal hold is set retention deletes nothing of the log. It holds the log alone: documents are changed and removed as\n" +
			"before, unless their matter is frozen. Root, security administrators and auditors may set it; somebody else than who\n" +
			"set it ends it, and root only where the policy names no security administrator or auditor who could. Both are recorded at\n" +
			"once. Without a daemon root, or the owner of the state directory, may do it, and the next mount records it.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runAuditHold(a, optional(args, 0), q) },
	}
	c.Flags().StringVar(&q.Reason, "reason", "", "why, in `words`; recorded")
	return c
}

func runAuditHold(a *app, dir string, q controlRequest) error {
	s, err := a.settings(dir)
	if err != nil {
		return err
	}
	if err := checkHoldReason(q.Reason); err != nil {
		return err
	}
	id, err := s.storeID()
	if err != nil {
		return err
	}
	c, err := a.dialStore(id)
	if gone := (*noDaemonError)(nil); errors.As(err, &gone) {
		r, err := holdOffline(s, q)
		return a.showHold(r, err)
	}
	if err != nil {
		return err
	}
	defer c.close()
	reply, err := c.request(q)
	return a.showHold(reply.Decree, err)
}

func checkHoldReason(reason string) error {
	if reason == "" || len(reason) > holdReason {
		return usagef("--reason: say why, in at most %d bytes; it is recorded", holdReason)
	}
	return nil
}

func (a *app) showHold(r *decreeReport, err error) error {
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(r)
	}
	text := a.text(map[string]msg{holdSet: msgHoldSet, holdRelease: msgHoldReleased}[r.Name])
	if !r.Changed {
		text = a.text(msgAlready, text)
	}
	return a.printf("%s\n", text)
}

// holdOffline does it where nobody serves the store, for who may write its state anyway.
func holdOffline(s settings, q controlRequest) (*decreeReport, error) {
	if fi, err := os.Stat(s.State); err != nil || os.Geteuid() != 0 && fi.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) {
		return nil, errors.Join(fmt.Errorf("a hold without a daemon is root's or the owner's of %s: %w", s.State, os.ErrPermission), err)
	}
	who := self()
	h := holdOf(q, statelog.Person{UID: who.uid, AUID: who.auid})
	now, err := audit.ReadHold(s.State)
	if err != nil || now.Set == h.Set {
		return holdReport(q, false), err
	}
	return holdReport(q, true), audit.WriteHold(s.State, h)
}

func holdReport(q controlRequest, changed bool) *decreeReport {
	return &decreeReport{Op: evHold, Name: q.Name, Changed: changed}
}

func holdOf(q controlRequest, who statelog.Person) audit.Hold {
	by := fmt.Sprintf("uid %d", who.UID)
	if who.By != "" {
		by = fmt.Sprintf("%s (uid %d)", who.By, who.UID)
	}
	return audit.Hold{Set: q.Name == holdSet, Reason: q.Reason, By: by, UID: who.UID, AUID: who.AUID, At: time.Now().UTC().Truncate(time.Second)}
}

// setHold carries it out for somebody who has a duty that may ask.
func (d *daemon) setHold(who actor, q controlRequest) (*decreeReport, error) {
	if q.Name != holdSet && q.Name != holdRelease {
		return nil, usagef("control request: hold is %s or %s, not %q", holdSet, holdRelease, q.Name)
	}
	if err := checkHoldReason(q.Reason); err != nil {
		return nil, err
	}
	d.holding.Lock()
	defer d.holding.Unlock()
	now, err := audit.ReadHold(d.s.State)
	if err != nil {
		return nil, err
	}
	me := d.person(who)
	h := holdOf(q, me)
	if now.Set == h.Set {
		return holdReport(q, false), nil
	}
	if !h.Set {
		if err := d.mayRelease(me, now); err != nil {
			d.recordRefusedHold(who, q, "duty.self", 1)
			return nil, err
		}
	}
	r := audit.Record{Ev: evHold, Res: "ok", Note: h.Sentence()}
	return holdReport(q, true), d.log.SetHold(h, func() error { return d.record(who, r) })
}

// mayRelease tells whether somebody with a duty may end a hold that another has set.
func (d *daemon) mayRelease(me statelog.Person, h audit.Hold) error {
	setter := statelog.Person{UID: h.UID, AUID: h.AUID}
	others := d.otherHolders(setter)
	root := me.UID == 0 || me.UID == uint32(os.Geteuid())
	switch {
	case root && !others, !root && !me.Same(setter):
		return nil
	case root:
		return fmt.Errorf("a security administrator or an auditor other than %s ends the hold, not root: %w", h.By, os.ErrPermission)
	}
	return &selfError{"the hold", h.By}
}

// otherHolders tells whether the policy in force has somebody else who could end a hold.
func (d *daemon) otherHolders(setter statelog.Person) bool {
	p := d.currentPolicy()
	for _, u := range p.Users() {
		if u.HasUID && !setter.Same(statelog.Person{UID: u.UID, AUID: -1}) && d.onDuty(u.UID, opDuties[evHold]...) {
			return true
		}
	}
	return false
}

// recordRefusedHold records that somebody asked for a hold, or its end, that is not theirs.
func (d *daemon) recordRefusedHold(who actor, q controlRequest, rule string, count int) {
	r := audit.Record{Ev: evHold, Res: "deny", Rule: rule, Flags: q.Name, Note: q.Reason}
	if count > 1 {
		r.Count = count
	}
	d.warn("record a refusal", d.record(who, r))
}

// holdWarnings say that a hold stands.
func (d *daemon) holdWarnings() []warning {
	h, err := audit.ReadHold(d.s.State)
	if err != nil || !h.Set {
		return nil // a file that cannot be read is log.untidy
	}
	return []warning{warn(false, "log.held", h.By, h.At.Format(time.DateOnly), fmt.Sprintf("%q", h.Reason))}
}
