package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"matterfs/crypto/statelog"
	"matterfs/policy"
)

// noteNames is how many people the record of a reload names; all are counted.
const noteNames = 20

// policyChange is a policy on disk beside the one in force.
type policyChange struct {
	old, next *policy.Policy
	diff      *policy.Difference
	failed    error             // tests of next that fail, though it may be in force
	words     []statelog.Signed // that were said for it, where it needs any
}

func (c *policyChange) policy() *policy.Policy {
	if c == nil {
		return nil
	}
	return c.next
}

// nextPolicy loads what is on disk. A policy that fails its own tests is an
// error unless it only takes access away: to keep the old one would keep what
// somebody wanted gone. base, when given, is what was in force before the
// changes of the last moment; a policy that takes away from that does too. A
// change that waits for somebody's word comes with a *pendingError.
func (d *daemon) nextPolicy(base *policy.Policy) (*policyChange, error) {
	next, err := ownPolicy(d.s.Policy)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	c := &policyChange{old: d.currentPolicy(), next: next}
	c.diff = policy.Diff(c.old, next, now, d.env)
	c.failed = failedTests(next)
	narrows := c.diff.Narrows() || base != nil && policy.Diff(base, next, now, d.env).Narrows()
	if c.failed != nil && !narrows {
		return c, c.failed
	}
	if err := d.checkVanished(next); err != nil {
		return c, err
	}
	return c, d.needsSecond(c, now)
}

// narrow puts the policy on disk in force if it only takes access away, and
// returns the one before it.
func (d *daemon) narrow() (*policy.Policy, bool) {
	d.reloads.Lock()
	defer d.reloads.Unlock()
	c, err := d.nextPolicy(nil)
	if err != nil || c.unchanged() || !c.diff.Narrows() {
		return nil, false
	}
	d.tell(d.take(self(), c, nil))
	return c.old, true
}

func (c *policyChange) unchanged() bool { return c.old.Hash() == c.next.Hash() }

// reloadQuietly is a reload that nobody asked for: it says nothing when there
// is nothing new to say.
func (d *daemon) reloadQuietly(base *policy.Policy) {
	d.reloads.Lock()
	defer d.reloads.Unlock()
	_, before := d.policyState()
	c, err := d.nextPolicy(base)
	wait, pending := d.pendingNow(), (*pendingError)(nil)
	switch {
	case err == nil && before == nil && wait == nil && c.unchanged():
	case errors.As(err, &pending) && before == nil && wait != nil && wait.hash == pending.hash && wait.old == pending.old:
	case err != nil && before != nil && err.Error() == before.Error():
	default:
		d.tell(d.take(self(), c, err))
	}
}

// tell says in the diagnostics how a reload went.
func (d *daemon) tell(r reloadReport, err error) {
	if err != nil {
		d.a.say(msgReloadFailed, err)
		return
	}
	if p := r.Pending; p != nil {
		d.a.say(msgPolicyWaits, short(p.Hash), p.Needed, reasonText(p.Reasons))
		return
	}
	d.a.say(msgReloaded, short(r.Hash), r.Users, r.Matters)
	if len(r.Failed) > 0 {
		d.a.say(msgTestsWarned, strings.Join(r.Failed, "\n"))
	}
}

func (c *policyChange) report() reloadReport {
	r := reloadReport{Old: c.old.Hash(), Hash: c.next.Hash(), Users: len(c.next.Users()), Matters: len(c.next.Matters())}
	var tests *policyTestsError
	if errors.As(c.failed, &tests) {
		r.Failed = tests.failed
	}
	return r
}

// note is the change in the record of a reload: who has more and less.
func (c *policyChange) note() string {
	lost, gained := c.people((*policy.AccessChange).Loses), c.people((*policy.AccessChange).Gains)
	s := fmt.Sprintf("old %s new %s; less: %s; more: %s; levels: %d", short(c.old.Hash()), summary(c.next), lost, gained, len(c.diff.Levels))
	for _, w := range c.words {
		s += "; approved by " + w.By
	}
	if c.failed != nil {
		s += "; in force although tests fail, as it only takes away"
	}
	return s
}

// people counts those whose access changes in one direction, and names the
// first of them with their matters.
func (c *policyChange) people(which func(*policy.AccessChange) bool) string {
	var names []string
	count := 0
	last := ""
	for i := range c.diff.Access {
		a := &c.diff.Access[i]
		if !which(a) {
			continue
		}
		if a.User != last {
			last = a.User
			count++
			if count <= noteNames {
				names = append(names, a.User)
			}
		}
	}
	if count == 0 {
		return "nobody"
	}
	s := fmt.Sprintf("%d (%s", count, strings.Join(names, " "))
	if count > noteNames {
		s += " ..."
	}
	return s + ")"
}

// policyFaults is what is wrong with loading, though a policy is in force.
type policyFaults struct {
	tests error // of the policy in force
	watch error // changes of the files are not noticed
	force error // which policy is in force is not sealed
}

func (d *daemon) notRemembered(err error) {
	d.warn("seal which policy is in force", err)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults.force = err
}

func (d *daemon) testsFailed(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults.tests = err
}

func (d *daemon) watchFailed(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults.watch = err
}

// policyWarnings are those about what is on disk and what is in force.
func (d *daemon) policyWarnings() (list []warning) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.reloadErr != nil {
		list = append(list, warn(true, "policy.reload", d.reloadErr.Error()))
	}
	if d.faults.tests != nil {
		list = append(list, warn(true, "policy.tests", d.faults.tests.Error()))
	}
	if d.faults.watch != nil {
		list = append(list, warn(true, "policy.watch", d.faults.watch.Error()))
	}
	if d.faults.force != nil {
		list = append(list, warn(true, "policy.unsealed", d.faults.force.Error()))
	}
	if w := d.pending; w != nil {
		list = append(list, warn(false, "policy.pending", short(w.hash), strconv.Itoa(wordsNeeded-len(w.words)), reasonText(w.reasons)))
	}
	if f, _ := d.emergency.inForce.Load().InForce(); f.Emergency {
		list = append(list, warn(true, "policy.emergency", short(f.Hash), f.Reason))
	}
	if oneAlone(d.policy) {
		list = append(list, warn(false, "policy.alone"))
	}
	return list
}
