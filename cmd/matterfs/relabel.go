package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"matterfs/audit"
	"matterfs/crypto"
	"matterfs/crypto/statelog"
	"matterfs/crypto/store"
	"matterfs/policy"
)

// The level of a folder is the highest of the matter's, of the rules that name it
// or a folder above it, and of those sealed into it and the folders above. A
// relabelling changes the one sealed into it: raising it acts at once; lowering
// it takes a second person and is refused while a rule or a folder above gives
// more anyway. Afterwards a load raises it again only if a rule names that very
// folder.
//
// What was asked and who agreed are records of the state log. An approval is
// sealed before the folder is touched and marked as done after, so that a crash
// between is made good at the next start.

const evRelabelList = "relabel.list"

// relabelReport is what a request did.
type relabelReport struct {
	Matter string `json:"matter"`
	Path   string `json:"path,omitempty"`
	From   string `json:"from"` // level in effect before
	To     string `json:"to"`
	State  string `json:"state"` // done, waits, unchanged or dropped
}

// relabelOps are the requests about levels of folders. They judge for themselves
// who may ask: the lead of a matter has no duty.
var relabelOps = map[string]func(*daemon, actor, controlRequest) (relabelReport, error){
	statelog.RelabelAsk: (*daemon).relabel, statelog.RelabelApprove: (*daemon).approveRelabel, statelog.RelabelDrop: (*daemon).dropRelabel,
}

// labelled is a folder with what decides its level.
type labelled struct {
	*store.Object
	p    *policy.Policy
	m    policy.Matter
	own  string   // sealed into it, "" when nothing is
	over []string // sealed into the folders above
}

// folderOf names the matter and the path that a request means.
func (d *daemon) folderOf(name string) (m policy.Matter, path string, err error) {
	p := d.currentPolicy()
	head, path, _ := strings.Cut(strings.Trim(name, "/"), "/")
	m, ok := p.Matter(head)
	if !ok {
		m, ok = p.MatterByFolder(head)
	}
	if !ok || !utf8.ValidString(path) {
		return m, "", usagef("the policy in force knows no matter %q", head)
	}
	return m, path, nil
}

// find opens a folder; it is to be released.
func (d *daemon) find(m policy.Matter, path string) (*labelled, error) {
	for _, r := range d.store.Matters() {
		if r.Matter != m.ID {
			continue
		}
		if r.Err != nil {
			return nil, r.Err
		}
		o, err := r.Root.Descend(path)
		if err == nil && o.Kind() != crypto.Dir {
			o.Release()
			err = syscall.ENOTDIR
		}
		if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOTDIR) {
			return nil, noFolder(m, path)
		}
		if err != nil {
			return nil, err
		}
		f := &labelled{Object: o, p: d.currentPolicy(), m: m}
		f.look()
		return f, nil
	}
	return nil, usagef("matter %s has no data", m.ID)
}

// look reads the sealed levels.
func (f *labelled) look() {
	all := f.Levels()
	parent, _ := f.Location()
	if parent != nil {
		f.over = parent.Levels()
		parent.Release()
	}
	if f.own = ""; len(all) > len(f.over) {
		f.own = all[0]
	}
}

func noFolder(m policy.Matter, path string) error {
	return usagef("matter %s has no folder %q", m.ID, path)
}

// hiddenFrom tells whether a person may not know of the folder: a lead's role can
// leave them below a level of their own matter.
func (f *labelled) hiddenFrom(uid uint32, env *policy.Env) bool {
	dec := f.p.Decide(policy.Request{UID: uid, Matter: f.m.ID, Path: f.Path(), Sealed: f.Levels(), Op: policy.OpLookup, At: time.Now(), Env: env})
	return !dec.Allow && dec.Shown == policy.Hidden
}

// level is the one in effect, base what it would be at least without its own seal.
func (f *labelled) level() string {
	return f.p.EffectiveLevel(f.m.ID, f.Path(), f.Levels())
}

func (f *labelled) base() string { return f.p.EffectiveLevel(f.m.ID, f.Path(), f.over) }

// relabel is what somebody asks for: at once if it raises the level. Who may not ask
// hears one answer, whether or not the matter exists.
func (d *daemon) relabel(who actor, q controlRequest) (r relabelReport, err error) {
	m, path, err := d.folderOf(q.Name)
	me := d.person(who)
	_, secadmin := d.secadmin(d.currentPolicy(), who.uid)
	above := who.uid == 0 || secadmin
	lead := err == nil && me.By == m.Lead && d.onDutyPerson(who.uid)
	if !above && !lead {
		return r, d.refuseRelabel(who, q, m, path, "duty.none", fmt.Errorf("uid %d may not change the level of %q: %w", who.uid, q.Name, os.ErrPermission))
	}
	if err != nil {
		return r, err
	}
	if q.Reason == "" {
		return r, usagef("say why with --reason")
	}
	f, err := d.find(m, path)
	if err != nil {
		return r, err
	}
	defer f.Release()
	if !above && f.hiddenFrom(who.uid, d.env) {
		return r, noFolder(m, path)
	}
	if _, known := f.p.Level(q.Level); !known {
		return r, usagef("%q is no level; the levels are %s", q.Level, levelNames(f.p))
	}
	r = relabelReport{Matter: m.ID, Path: path, From: f.level(), To: q.Level, State: "unchanged"}
	c := statelog.Relabel{FID: f.ID().String(), Matter: m.ID, Path: path, From: f.own, To: q.Level, Person: me, Reason: q.Reason}
	switch {
	case q.Level == r.From:
		return r, nil
	case f.p.HigherLevel(q.Level, r.From):
		r.State = "done"
		return r, d.raise(who, f, c)
	case f.p.HigherLevel(f.base(), q.Level):
		return r, usagef("a rule of the policy, or a folder above, gives %s: change that first", f.base())
	}
	r.State = "waits"
	if err := d.sealState(who, statelog.RelabelAsk, c); err != nil {
		return r, err
	}
	return r, d.recordRelabel(who, statelog.RelabelAsk, "ok", m, &c, fmt.Sprintf("to lower it from %s, because: %s", r.From, q.Reason))
}

// onDutyPerson tells whether somebody may use the drive at all.
func (d *daemon) onDutyPerson(uid uint32) bool {
	return d.currentPolicy().SeesRoot(uid, time.Now(), &policy.Env{Disabled: d.emergency.disabled}).Allow
}

func levelNames(p *policy.Policy) string {
	var names []string
	for _, l := range p.Levels() {
		names = append(names, l.Name)
	}
	return strings.Join(names, ", ")
}

// raise acts first: what cannot be written down does not keep a folder open.
func (d *daemon) raise(who actor, f *labelled, c statelog.Relabel) error {
	if err := f.SetLevel(c.To); err != nil {
		return err
	}
	d.refreshDrive()
	return errors.Join(
		d.recordRelabel(who, evRelabel, "ok", f.m, &c, "because: "+c.Reason),
		d.sealState(who, statelog.RelabelDone, c),
	)
}

// waitingRelabels are those that somebody may still approve.
func (d *daemon) waitingRelabels() (list []statelog.Relabelling) {
	for _, r := range d.emergency.inForce.Load().Relabels() {
		if r.Approved == nil && time.Since(r.Since) < wordLife {
			list = append(list, r)
		}
	}
	return list
}

// asked finds what waits for a folder and a level.
func (d *daemon) asked(m policy.Matter, path, level string) (statelog.Relabelling, error) {
	for _, r := range d.waitingRelabels() {
		if r.Matter == m.ID && r.Path == path && r.To == level {
			return r, nil
		}
	}
	return statelog.Relabelling{}, usagef("nobody asked to lower %s to %q in the last 7 days", placeName(m.ID, path), level)
}

// approveRelabel is the second person's word; then it is done.
func (d *daemon) approveRelabel(who actor, q controlRequest) (r relabelReport, err error) {
	m, path, err := d.folderOf(q.Name)
	name, ok := d.secadmin(d.currentPolicy(), who.uid)
	if !ok {
		return r, d.refuseRelabel(who, q, m, path, "duty.none", fmt.Errorf("uid %d may not approve levels: %w", who.uid, os.ErrPermission))
	}
	if err != nil {
		return r, err
	}
	w, err := d.asked(m, path, q.Level)
	if err != nil {
		return r, err
	}
	c := w.Relabel
	c.Person = d.person(who)
	if w.Person.Same(c.Person) {
		return r, d.refuseRelabel(who, q, m, path, "duty.self", &selfError{"level of " + placeName(m.ID, path), name})
	}
	if err := d.log.Healthy(); err != nil {
		return r, &logError{err}
	}
	if err := d.sealState(who, statelog.RelabelApprove, c); err != nil {
		return r, err
	}
	note := fmt.Sprintf("asked by %s, because: %s", personName(w.Person), w.Reason)
	if err := d.recordRelabel(who, statelog.RelabelApprove, "ok", m, &c, note); err != nil {
		return r, err
	}
	w.Approved = &c.Person
	return d.lower(who, w)
}

// lower does what was approved, or drops it where the folder is not what it was.
func (d *daemon) lower(who actor, w statelog.Relabelling) (relabelReport, error) {
	r := relabelReport{Matter: w.Matter, Path: w.Path, From: w.From, To: w.To, State: "done"}
	m, path, err := d.folderOf(w.Matter + "/" + w.Path)
	if err != nil {
		return r, errors.Join(err, d.dropped(who, w, m, err.Error()))
	}
	f, err := d.find(m, path)
	if err != nil {
		return r, errors.Join(err, d.dropped(who, w, m, err.Error()))
	}
	defer f.Release()
	if why := f.changedSince(&w.Relabel); why != "" {
		return r, errors.Join(usagef("%s: %s; ask anew", placeName(w.Matter, w.Path), why), d.dropped(who, w, m, why))
	}
	r.From = f.level()
	if f.own != w.To {
		if err := f.SetLevel(w.To); err != nil {
			return r, err
		}
	}
	d.refreshDrive()
	note := fmt.Sprintf("lowered from %s; asked by %s, approved by %s, because: %s", dash(w.From), personName(w.Person), personName(*w.Approved), w.Reason)
	return r, errors.Join(d.recordRelabel(who, evRelabel, "ok", m, &w.Relabel, note), d.sealState(who, statelog.RelabelDone, w.Relabel))
}

// changedSince says why a folder is not what somebody agreed to; one that is
// lowered already is what a crash left.
func (f *labelled) changedSince(c *statelog.Relabel) string {
	switch {
	case f.ID().String() != c.FID:
		return "another folder is there now"
	case f.own != c.From && f.own != c.To:
		return fmt.Sprintf("its level is %s now", dash(f.own))
	case f.p.HigherLevel(f.base(), c.To):
		return fmt.Sprintf("a rule of the policy, or a folder above, gives %s", f.base())
	}
	if _, known := f.p.Level(c.To); !known {
		return fmt.Sprintf("%q is no level any more", c.To)
	}
	return ""
}

// dropRelabel is how somebody takes back what they asked for, or a security
// administrator refuses it.
func (d *daemon) dropRelabel(who actor, q controlRequest) (r relabelReport, err error) {
	m, path, err := d.folderOf(q.Name)
	var w statelog.Relabelling
	if err == nil {
		w, err = d.asked(m, path, q.Level)
	}
	_, ok := d.secadmin(d.currentPolicy(), who.uid)
	if !ok && (err != nil || !w.Person.Same(d.person(who))) {
		return r, d.refuseRelabel(who, q, m, path, "duty.none", fmt.Errorf("uid %d may not refuse levels: %w", who.uid, os.ErrPermission))
	}
	if err != nil {
		return r, err
	}
	return relabelReport{Matter: m.ID, Path: path, From: w.From, To: w.To, State: "dropped"}, d.dropped(who, w, m, q.Reason)
}

func (d *daemon) dropped(who actor, w statelog.Relabelling, m policy.Matter, why string) error {
	c := w.Relabel
	c.Person = d.person(who)
	c.Reason = ""
	return errors.Join(d.sealState(who, statelog.RelabelDrop, c),
		d.recordRelabel(who, statelog.RelabelDrop, "ok", m, &c, fmt.Sprintf("asked by %s; %s", personName(w.Person), why)))
}

// resumeRelabels does what was approved when the daemon ended.
func (d *daemon) resumeRelabels() {
	for _, w := range d.emergency.inForce.Load().Relabels() {
		if w.Approved != nil {
			_, err := d.lower(self(), w)
			d.warn("change the level of "+placeName(w.Matter, w.Path), err)
		}
	}
}

func personName(p statelog.Person) string {
	if p.By == "" {
		return fmt.Sprintf("uid %d", p.UID)
	}
	return p.By
}

func (d *daemon) recordRelabel(who actor, ev, res string, m policy.Matter, c *statelog.Relabel, note string) error {
	return d.record(who, audit.Record{Ev: ev, Res: res, Matter: c.Matter, Client: m.Client, Path: c.Path, FID: c.FID, Level: c.To, Note: note})
}

func (d *daemon) refuseRelabel(who actor, q controlRequest, m policy.Matter, path, rule string, err error) error {
	if count, due := d.refusedAsks.due(who.uid, time.Now()); due || rule == "duty.self" {
		r := audit.Record{Ev: q.Op, Res: "deny", Matter: m.ID, Client: m.Client, Path: path, Level: q.Level, Rule: rule, Note: q.Reason}
		if m.ID == "" {
			r.Path = q.Name
		}
		if count > 1 {
			r.Count = count
		}
		d.warn("record a refusal", d.record(who, r))
	}
	return err
}
