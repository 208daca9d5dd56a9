package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"matterfs/audit"
	"matterfs/policy"
)

// reloadReport is what a reload did.
type reloadReport struct {
	Old     string `json:"old"` // hashes
	Hash    string `json:"hash"`
	Users   int    `json:"users"`
	Matters int    `json:"matters"`

	Failed  []string       `json:"failed_tests,omitempty"` // of a policy in force all the same
	Pending *pendingReport `json:"pending,omitempty"`      // the new policy waits; the old one is in force
}

// loadPolicy is the policy a mount starts with.
func (d *daemon) loadPolicy(context.Context) (err error) {
	if d.policy, err = readPolicy(d.s.Policy); err == nil && exposed(d.s.Policy) {
		d.a.say(msgPolicyExposed, d.s.Policy)
	}
	return err
}

// readPolicy loads a policy that may be put in force: nobody but root could
// have written it, it has no mistakes, and it does what its own tests say.
func readPolicy(dir string) (*policy.Policy, error) {
	p, err := ownPolicy(dir)
	if err != nil {
		return nil, err
	}
	return p, failedTests(p)
}

// ownPolicy loads a policy that nobody but root could have written.
func ownPolicy(dir string) (*policy.Policy, error) {
	if err := policy.CheckOwnership(dir); err != nil {
		return nil, &policyError{err}
	}
	return loadPolicyFiles(dir)
}

// loadPolicyFiles gives every failure to load the same exit code.
func loadPolicyFiles(dir string) (*policy.Policy, error) {
	p, err := policy.Load(dir)
	if err != nil {
		return nil, &policyError{err}
	}
	return p, nil
}

func failedTests(p *policy.Policy) error {
	var failed []string
	for _, r := range p.RunTests(time.Now()) {
		if !r.OK {
			failed = append(failed, testLine(r))
		}
	}
	if failed == nil {
		return nil
	}
	return &policyTestsError{failed}
}

// reload puts the policy on disk in force, or leaves the old one and says why
// in the log, to the caller and in status.
func (d *daemon) reload(who actor) (reloadReport, error) {
	d.reloads.Lock()
	defer d.reloads.Unlock()
	c, err := d.nextPolicy(nil)
	return d.take(who, c, err)
}

// take puts a change in force unless err speaks against it; a *pendingError leaves
// it waiting, which is no failure.
func (d *daemon) take(who actor, c *policyChange, err error) (reloadReport, error) {
	if wait := (*pendingError)(nil); errors.As(err, &wait) {
		return d.hold(who, c, wait)
	}
	first := err == nil && c.diff.Narrows()
	if first { // what it takes away is gone before anything else is seen to
		d.setPolicy(c.next, nil)
	}
	if err == nil {
		err = d.adopt(c.next)
	}
	if err == nil && !first { // what gives something is sealed before it acts
		err = d.remember(who, c.next)
	}
	if err != nil || !first {
		d.setPolicy(c.policy(), err)
	}
	if err != nil {
		note := strings.ReplaceAll(err.Error(), "\n", "; ")
		d.warn("record reload", d.record(who, audit.Record{Ev: "policy.reload", Res: "fail", Note: note}))
		return reloadReport{}, err
	}
	if first {
		d.notRemembered(d.remember(who, c.next))
	}
	d.testsFailed(c.failed)
	d.groups.soon()
	d.keepPolicy()
	return c.report(), d.record(who, audit.Record{Ev: "policy.reload", Res: "ok", Note: c.note()})
}

// keepPolicy archives the policy in force; to fail there is no reason to keep
// an older one in force.
func (d *daemon) keepPolicy() {
	d.warn("keep policy", archive(d.s.State, d.s.Policy, d.currentPolicy()))
}

// adopt makes ready what a policy needs before it can be in force.
func (d *daemon) adopt(next *policy.Policy) error {
	if err := d.checkVanished(next); err != nil {
		return err
	}
	if err := d.provision(next); err != nil {
		return err
	}
	d.sealLevels(next)
	return nil
}

// setPolicy swaps the policy when err is nil, and remembers err for status.
// Swapping comes before its record: a policy that takes access away does so
// even when the log cannot be written.
func (d *daemon) setPolicy(next *policy.Policy, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	failedBefore := d.reloadErr != nil
	d.reloadErr = err
	if err == nil {
		d.staleAt.Store(0)
		d.policy, d.pending = next, nil
		d.srv.SetPolicy(next)
	} else if after := d.policy.StaleAfter(); after > 0 && !failedBefore {
		d.staleAt.Store(time.Now().Add(after).UnixNano())
		time.AfterFunc(after, d.refreshDrive)
	}
}

// fault is policy.Env.Fault: keeping an old policy fails open for those who
// left since, so the firm may set an end to it (limits.stale).
func (d *daemon) fault() string {
	if at := d.staleAt.Load(); at != 0 && time.Now().UnixNano() >= at {
		return "sys.stale"
	}
	return ""
}
