package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"matterfs/audit"
	"matterfs/crypto/statelog"
	"matterfs/policy"
)

// hashDigits is how much of a hash names a policy to approve.
const hashDigits = 12

// pendingDetail is what somebody who is to say their word is shown.
type pendingDetail struct {
	pendingReport
	Diff *policy.Difference `json:"diff"`
	// Emergency is set when what is in force waits to be seen instead.
	Emergency *statelog.InForce `json:"emergency,omitempty"`
}

// approveReport is what a word did.
type approveReport struct {
	Hash      string         `json:"hash"`
	Applied   bool           `json:"applied"`
	Confirmed bool           `json:"confirmed,omitempty"` // what root did alone
	Pending   *pendingReport `json:"pending,omitempty"`
}

// selfError is the second word of one person.
type selfError struct{ what, by string }

func (e *selfError) Error() string {
	return fmt.Sprintf("%s: %s has spoken already, and somebody else must", e.what, e.by)
}

func (e *selfError) Is(target error) bool { return target == os.ErrPermission }

// pendingPolicy looks at what waits on disk now.
func (d *daemon) pendingPolicy() (*pendingDetail, error) {
	d.reloads.Lock()
	defer d.reloads.Unlock()
	c, err := d.nextPolicy(nil)
	var wait *pendingError
	if errors.As(err, &wait) {
		return &pendingDetail{pendingReport: *wait.report(), Diff: c.diff}, nil
	}
	if err != nil {
		return nil, err
	}
	if f, _ := d.emergency.inForce.Load().InForce(); f.Emergency {
		return &pendingDetail{Emergency: &f}, nil
	}
	return nil, errNothingWaits
}

var errNothingWaits = &usageError{"no policy waits for anybody's word"}

// approve is one word for the policy that waits, or root's for all.
func (d *daemon) approve(who actor, q controlRequest) (approveReport, error) {
	d.reloads.Lock()
	defer d.reloads.Unlock()
	if len(q.Name) < hashDigits {
		return approveReport{}, usagef("%q is too short: a hash of at least %d digits names a policy", q.Name, hashDigits)
	}
	if err := d.log.Healthy(); err != nil {
		return approveReport{}, &logError{err}
	}
	if f, _ := d.emergency.inForce.Load().InForce(); f.Emergency && !q.Emergency && strings.HasPrefix(f.Hash, q.Name) {
		return d.confirm(who, f)
	}
	name, ok := d.secadmin(d.currentPolicy(), who.uid)
	if q.Emergency && who.uid != 0 || !q.Emergency && !ok {
		return approveReport{}, d.refuseWord(who, q, fmt.Errorf("uid %d may not approve a policy: %w", who.uid, os.ErrPermission), "duty.none")
	}
	c, err := d.nextPolicy(nil)
	var wait *pendingError
	switch {
	case err == nil:
		return approveReport{}, errNothingWaits
	case !errors.As(err, &wait):
		return approveReport{}, err
	case !strings.HasPrefix(wait.hash, q.Name):
		return approveReport{}, usagef("the policy that waits is %s, not %s", short(wait.hash), q.Name)
	case q.Emergency:
		return d.approveAlone(who, c, q.Reason)
	}
	return d.sayWord(who, name, c, wait, q)
}

// sayWord seals and records a word, and applies the change when it was the last
// that was missing.
func (d *daemon) sayWord(who actor, name string, c *policyChange, wait *pendingError, q controlRequest) (approveReport, error) {
	me := d.person(who)
	if spoke(wait.words, me) {
		return approveReport{}, d.refuseWord(who, q, &selfError{"policy " + short(wait.hash), name}, "duty.self")
	}
	d.voidOthers(who, wait)
	if err := d.sealState(who, statelog.PolicyApprove, statelog.Approval{Old: wait.old, New: wait.hash, Person: me}); err != nil {
		return approveReport{}, err
	}
	note := fmt.Sprintf("word %d of %d for the change from %s", len(wait.words)+1, wordsNeeded, short(wait.old))
	if err := d.record(who, audit.Record{Ev: evPolicyApprove, Res: "ok", To: short(wait.hash), Note: note}); err != nil {
		return approveReport{}, err
	}
	err := d.needsSecond(c, time.Now())
	r, err := d.take(who, c, err)
	return approveReport{Hash: wait.hash, Applied: err == nil && r.Pending == nil, Pending: r.Pending}, err
}

// refuseWord records a word that does not count.
func (d *daemon) refuseWord(who actor, q controlRequest, err error, rule string) error {
	if count, due := d.refusedAsks.due(who.uid, time.Now()); due || rule == "duty.self" {
		r := audit.Record{Ev: evPolicyApprove, Res: "deny", To: q.Name, Rule: rule, Note: q.Reason}
		if count > 1 {
			r.Count = count
		}
		d.warn("record a refusal", d.record(who, r))
	}
	return err
}

// approveAlone is root's way out when there are no two to ask. It is recorded
// under a name of its own, and status is degraded until one of those who should
// have been asked has seen it.
func (d *daemon) approveAlone(who actor, c *policyChange, reason string) (approveReport, error) {
	if reason == "" {
		return approveReport{}, usagef("say why with --reason")
	}
	if err := d.sealAlone(who, c.old, c.next, reason); err != nil {
		return approveReport{}, err
	}
	_, err := d.take(who, c, nil)
	return approveReport{Hash: c.next.Hash(), Applied: err == nil}, err
}

// sealAlone seals and records what root does alone. old may be unknown.
func (d *daemon) sealAlone(who actor, old, next *policy.Policy, reason string) error {
	now := time.Now()
	f := statelog.Force{Hash: next.Hash(), Two: len(next.Secadmins(now)) >= wordsNeeded, Person: d.person(who), Emergency: true, Reason: reason}
	for _, u := range old.Secadmins(now) {
		f.Confirm = append(f.Confirm, u.UID)
	}
	if err := d.sealState(who, statelog.PolicyForce, f); err != nil {
		return err
	}
	note := fmt.Sprintf("root alone, from %s, because: %s", short(old.Hash()), reason)
	return d.record(who, audit.Record{Ev: evPolicyEmergency, Res: "ok", To: short(next.Hash()), Note: note})
}

// confirm ends the alarm about what root did alone. It takes one of those who
// were to be asked, even if the new policy forgot them.
func (d *daemon) confirm(who actor, f statelog.InForce) (approveReport, error) {
	me := d.person(who)
	_, ok := d.secadmin(d.currentPolicy(), who.uid)
	if len(f.Confirm) > 0 {
		ok = slices.Contains(f.Confirm, who.uid) && !d.emergency.disabled(me.By)
	}
	q := controlRequest{Name: short(f.Hash)}
	switch {
	case !ok:
		return approveReport{}, d.refuseWord(who, q, fmt.Errorf("uid %d may not confirm a policy: %w", who.uid, os.ErrPermission), "duty.none")
	case f.Person.Same(me):
		return approveReport{}, d.refuseWord(who, q, &selfError{"policy " + short(f.Hash), me.By}, "duty.self")
	}
	if err := d.sealState(who, statelog.PolicyConfirm, statelog.Void{Hash: f.Hash, Person: me}); err != nil {
		return approveReport{}, err
	}
	err := d.record(who, audit.Record{Ev: evPolicyConfirm, Res: "ok", To: short(f.Hash), Note: "put in force by root alone because: " + f.Reason})
	return approveReport{Hash: f.Hash, Confirmed: true}, err
}
