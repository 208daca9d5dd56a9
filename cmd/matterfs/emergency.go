package main

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"matterfs/audit"
	"matterfs/crypto/statelog"
	"matterfs/policy"
)

// emergency is what people decided beside the policy: it acts at once, and
// also while the policy's files are broken.
type emergency struct {
	log *statelog.Log
	// inForce is read for every request to the drive.
	inForce atomic.Pointer[statelog.State]
	// mu lets one change happen at a time; it is taken before daemon.mu.
	mu sync.Mutex
	// unwritten are changes in force that the state log could not take.
	unwritten atomic.Pointer[[]unwritten]
}

type unwritten struct {
	kind string
	c    statelog.Change
}

// disabled is policy.Env.Disabled.
func (e *emergency) disabled(user string) bool {
	_, ok := e.inForce.Load().Disabled(user)
	return ok
}

// frozen is policy.Env.Frozen.
func (e *emergency) frozen(matter string) bool {
	_, ok := e.inForce.Load().Frozen(matter)
	return ok
}

// decree is one kind of change as the control socket names it, which is also its
// record's kind and event.
type decree struct {
	of       func(*statelog.State, string) (statelog.Mark, bool)
	known    func(*policy.Policy, string) bool
	what     string
	restrict bool
	inverse  string
}

var decrees = map[string]decree{
	statelog.UserDisable:    {(*statelog.State).Disabled, knownUser, "user", true, statelog.UserEnable},
	statelog.UserEnable:     {(*statelog.State).Disabled, knownUser, "user", false, statelog.UserDisable},
	statelog.MatterFreeze:   {(*statelog.State).Frozen, knownMatter, "matter", true, statelog.MatterUnfreeze},
	statelog.MatterUnfreeze: {(*statelog.State).Frozen, knownMatter, "matter", false, statelog.MatterFreeze},
}

func knownUser(p *policy.Policy, name string) bool {
	_, ok := p.User(name)
	return ok
}

func knownMatter(p *policy.Policy, id string) bool {
	_, ok := p.Matter(id)
	return ok
}

// decreeReport is what a change did.
type decreeReport struct {
	Op      string `json:"op"`
	Name    string `json:"name"`
	Changed bool   `json:"changed"` // false: it was so already
}

// unwrittenError: a change acts, but only until the daemon ends.
type unwrittenError struct{ err error }

func (e *unwrittenError) Error() string {
	return fmt.Sprintf("in force, but not kept for the next mount: %v", e.err)
}
func (e *unwrittenError) Unwrap() error { return e.err }

// decree carries out one change for somebody who may ask for it.
func (d *daemon) decree(who actor, q controlRequest) (decreeReport, error) {
	e, k := &d.emergency, decrees[q.Op]
	e.mu.Lock()
	defer e.mu.Unlock()
	p := d.currentPolicy()
	by, _ := p.UserByUID(who.uid)
	c := statelog.Change{Name: q.Name, By: by.Name, UID: who.uid, Reason: q.Reason}
	r := decreeReport{Op: q.Op, Name: q.Name}
	now := e.inForce.Load()
	mark, on := k.of(now, q.Name)
	if !on && !k.known(p, q.Name) {
		return r, usagef("the policy in force knows no %s %q", k.what, q.Name)
	}
	if _, err := now.With(q.Op, c, time.Now()); err != nil {
		return r, usagef("%v", errors.Unwrap(err))
	}
	if r.Changed = on != k.restrict; !r.Changed {
		return r, e.writeRest()
	}
	if k.restrict {
		return r, d.restrict(who, q.Op, c)
	}
	return r, d.relax(who, q.Op, c, mark)
}

// restrict takes something away: first it acts, then it is written, then
// recorded. What fails does not undo what acts.
func (d *daemon) restrict(who actor, kind string, c statelog.Change) error {
	e := &d.emergency
	next, err := e.inForce.Load().With(kind, c, time.Now())
	if err != nil {
		return err
	}
	e.inForce.Store(next)
	d.refreshDrive()
	d.groups.soon()
	list := append(e.rest(), unwritten{kind, c})
	e.unwritten.Store(&list)
	notWritten := e.writeRest()
	if err := d.recordDecree(who, kind, c); err != nil {
		return fmt.Errorf("in force, but not recorded: %w", err)
	}
	return notWritten
}

// relax gives something back: first it is written, then recorded, then it acts.
// What cannot be recorded is taken back and does not act.
func (d *daemon) relax(who actor, kind string, c statelog.Change, mark statelog.Mark) error {
	e := &d.emergency
	if err := d.log.Healthy(); err != nil {
		return &logError{err}
	}
	if err := e.writeRest(); err != nil {
		return err
	}
	if _, err := e.log.Append(kind, c); err != nil {
		return &stateError{err}
	}
	if err := d.recordDecree(who, kind, c); err != nil {
		_, undo := e.log.Append(decrees[kind].inverse, mark.Change)
		d.warn("take back what could not be recorded", undo)
		return err
	}
	e.inForce.Store(e.log.State())
	d.refreshDrive()
	d.groups.soon()
	return nil
}

// rest is what acts and is not written.
func (e *emergency) rest() []unwritten {
	if list := e.unwritten.Load(); list != nil {
		return slices.Clone(*list)
	}
	return nil
}

// writeRest writes what is not written yet, oldest first. When all is, the log's
// state is what is in force.
func (e *emergency) writeRest() error {
	list := e.rest()
	if len(list) == 0 {
		return nil
	}
	for len(list) > 0 {
		if _, err := e.log.Append(list[0].kind, list[0].c); err != nil {
			e.unwritten.Store(&list)
			return &unwrittenError{err}
		}
		list = list[1:]
	}
	e.unwritten.Store(nil)
	e.inForce.Store(e.log.State())
	return nil
}

// recordDecree writes who asked for what, and the head that it led to.
func (d *daemon) recordDecree(who actor, kind string, c statelog.Change) error {
	if err := d.record(who, decreeRecord(kind, "ok", c.Name, c.Reason)); err != nil {
		return err
	}
	return d.recordHead(who)
}

// decreeRecord names a user in `to` and a matter in `matter`.
func decreeRecord(kind, res, name, reason string) audit.Record {
	r := audit.Record{Ev: kind, Res: res, Note: reason}
	if decrees[kind].what == "matter" {
		r.Matter = name
	} else {
		r.To = name
	}
	return r
}

// emergencyList is what is in force beside the policy.
type emergencyList struct {
	Disabled []statelog.Mark `json:"disabled"`
	Frozen   []statelog.Mark `json:"frozen"`
}

func (d *daemon) emergencyList() *emergencyList {
	s := d.emergency.inForce.Load()
	return &emergencyList{Disabled: s.DisabledUsers(), Frozen: s.FrozenMatters()}
}
