package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"matterfs/audit"
	"matterfs/crypto/statelog"
	"matterfs/policy"
)

// Some changes of the policy may not be one person's (policy.NeedsSecond). Such
// a policy is not applied when it is found on disk, whoever asked and also at a
// start: the one before it stays in force, and two security administrators say
// `policy approve HASH`, each for themselves. Nobody can tell who edited a file,
// so the first of them proposes and the second approves.
//
// Their words and the hash of the policy in force are records of the state log.
// A word is for one change from one policy to another, counts for a week and
// while its speaker is still a security administrator; it is void as soon as
// another policy waits, and used up when one comes into force.
const (
	wordLife = 7 * 24 * time.Hour
	// wordsNeeded is how many people it takes.
	wordsNeeded = 2

	evPolicyPending   = "policy.pending"
	evPolicyApprove   = "policy.approve"
	evPolicyConfirm   = "policy.confirm"
	evPolicyEmergency = "policy.emergency"
)

// pendingError is a policy on disk that waits for more words.
type pendingError struct {
	old, hash string
	reasons   []policy.Reason
	words     []statelog.Signed // that count
	since     time.Time
}

func (e *pendingError) Error() string {
	return fmt.Sprintf("policy %s waits for the word of %d more security administrators:\n%s",
		short(e.hash), wordsNeeded-len(e.words), reasonText(e.reasons))
}

func reasonText(reasons []policy.Reason) string {
	lines := make([]string, len(reasons))
	for i, r := range reasons {
		lines[i] = r.Kind + ": " + r.Text
	}
	return strings.Join(lines, "\n")
}

// pendingReport is a waiting policy in status and reports.
type pendingReport struct {
	Old     string          `json:"old"` // hashes
	Hash    string          `json:"hash"`
	Since   time.Time       `json:"since"`
	Reasons []policy.Reason `json:"reasons"`
	Words   []wordReport    `json:"words"`
	Needed  int             `json:"needed"` // words that are missing
}

// wordReport is one word for a change.
type wordReport struct {
	By      string    `json:"by"`
	UID     uint32    `json:"uid"`
	Since   time.Time `json:"since"`
	Expires time.Time `json:"expires"`
}

func (e *pendingError) report() *pendingReport {
	if e == nil {
		return nil
	}
	r := &pendingReport{Old: e.old, Hash: e.hash, Since: e.since.UTC().Truncate(time.Second), Reasons: e.reasons,
		Words: []wordReport{}, Needed: wordsNeeded - len(e.words)}
	for _, w := range e.words {
		r.Words = append(r.Words, wordReport{w.By, w.UID, w.Since, w.Since.Add(wordLife)})
	}
	return r
}

// needsSecond is a *pendingError unless the change needs nobody's word or has
// all that it needs.
func (d *daemon) needsSecond(c *policyChange, now time.Time) error {
	reasons := policy.NeedsSecond(c.old, c.next, now, d.env, d.labels()...)
	if len(reasons) == 0 {
		return nil
	}
	c.words = d.words(c, now)
	if len(c.words) >= wordsNeeded {
		return nil
	}
	return &pendingError{c.old.Hash(), c.next.Hash(), reasons, c.words, now}
}

// labels are the levels that folders got beside the policy.
func (d *daemon) labels() (list []policy.Label) {
	for _, r := range d.emergency.inForce.Load().Labels() {
		list = append(list, policy.Label{Matter: r.Matter, Path: r.Path, Level: r.To})
	}
	return list
}

// words are those for a change that count: said lately, by different people who
// are security administrators still.
func (d *daemon) words(c *policyChange, now time.Time) (list []statelog.Signed) {
	for _, w := range d.emergency.inForce.Load().Approvals(c.old.Hash(), c.next.Hash()) {
		name, ok := d.secadmin(c.old, w.UID)
		if ok && name == w.By && now.Sub(w.Since) < wordLife && !spoke(list, w.Person) {
			list = append(list, w)
		}
	}
	return list
}

func spoke(list []statelog.Signed, who statelog.Person) bool {
	for _, w := range list {
		if w.Same(who) {
			return true
		}
	}
	return false
}

// secadmin finds the security administrator behind a uid, by a policy and the
// emergency list. Root is none.
func (d *daemon) secadmin(p *policy.Policy, uid uint32) (name string, ok bool) {
	for _, u := range p.Secadmins(time.Now()) {
		if u.UID == uid && !d.emergency.disabled(u.Name) {
			return u.Name, true
		}
	}
	return "", false
}

// hold leaves a policy waiting and says so once.
func (d *daemon) hold(who actor, c *policyChange, wait *pendingError) (reloadReport, error) {
	r := c.report()
	r.Pending = wait.report()
	if !d.setPending(wait) {
		return r, nil
	}
	d.voidOthers(who, wait)
	return r, d.recordPending(who, wait)
}

func (d *daemon) recordPending(who actor, wait *pendingError) error {
	note := fmt.Sprintf("%s waits, %s stays in force; %s", short(wait.hash), short(wait.old), strings.ReplaceAll(reasonText(wait.reasons), "\n", "; "))
	return d.record(who, audit.Record{Ev: evPolicyPending, Res: "ok", To: short(wait.hash), Note: note})
}

// setPending remembers what waits. The files are in order, so what was wrong
// with them before is over. It tells whether this is news.
func (d *daemon) setPending(wait *pendingError) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	news := d.pending == nil || d.pending.hash != wait.hash || d.pending.old != wait.old
	if !news {
		wait.since = d.pending.since
	}
	d.pending, d.reloadErr = wait, nil
	d.staleAt.Store(0)
	return news
}

// voidOthers takes back what was said for another policy than the one that waits.
func (d *daemon) voidOthers(who actor, wait *pendingError) {
	for _, w := range d.emergency.inForce.Load().Approved() {
		if w.New != wait.hash || w.Old != wait.old {
			d.warn("void words", d.sealState(who, statelog.PolicyVoid, statelog.Void{Hash: wait.hash, Person: d.person(who)}))
			return
		}
	}
}

func (d *daemon) pendingNow() *pendingError {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.pending
}

// person is an actor as the state log keeps it. A login uid that is the daemon's
// own tells nobody apart: everything here was started from that session.
func (d *daemon) person(who actor) statelog.Person {
	name := ""
	if u, ok := d.currentPolicy().UserByUID(who.uid); ok {
		name = u.Name
	}
	auid := who.auid
	if auid == self().auid {
		auid = -1
	}
	return statelog.Person{By: name, UID: who.uid, AUID: auid}
}

// sealState appends one record to the state log, and its head to the audit log.
func (d *daemon) sealState(who actor, kind string, payload any) error {
	e := &d.emergency
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.writeRest(); err != nil {
		return err
	}
	if _, err := e.log.Append(kind, payload); err != nil {
		return &stateError{err}
	}
	e.inForce.Store(e.log.State())
	return d.recordHead(who)
}

// oneAlone tells whether nobody's word is needed though there are people.
func oneAlone(p *policy.Policy) bool {
	return len(p.Users()) > 0 && len(p.Secadmins(time.Now())) < wordsNeeded
}

// remember seals which policy is in force, for the next start, where that
// matters: while there are two to ask, and once after.
func (d *daemon) remember(who actor, p *policy.Policy) error {
	f, ok := d.emergency.inForce.Load().InForce()
	two := len(p.Secadmins(time.Now())) >= wordsNeeded
	if !two && !f.Two && !f.Emergency || ok && f.Hash == p.Hash() {
		return nil
	}
	return d.sealState(who, statelog.PolicyForce, statelog.Force{
		Hash: p.Hash(), Two: two, Person: d.person(who), Emergency: f.Emergency, Confirm: f.Confirm, Reason: f.Reason,
	})
}

// lostPolicyError: whether the policy on disk may come into force cannot be
// judged, because no copy of the one before it is left.
type lostPolicyError struct {
	old, hash string
	err       error
}

func (e *lostPolicyError) Error() string {
	return fmt.Sprintf("policy %s was in force last, and the files are another one, %s: %v", short(e.old), short(e.hash), e.err)
}

func (e *lostPolicyError) Unwrap() error { return e.err }

// startPolicy holds the files against the policy that was in force last: what
// would wait while the daemon runs is not let in by a restart.
func (d *daemon) startPolicy(context.Context) error {
	f, ok := d.emergency.inForce.Load().InForce()
	if !ok || !f.Two || f.Hash == d.policy.Hash() {
		return nil
	}
	old, err := keptCopy(d.s.State, f.Hash)
	if err != nil {
		return &lostPolicyError{f.Hash, d.policy.Hash(), err}
	}
	c := &policyChange{old: old, next: d.policy}
	wait, ok := d.needsSecond(c, time.Now()).(*pendingError)
	if !ok {
		return nil
	}
	d.policy = old
	d.setPending(wait)
	d.voidOthers(self(), wait)
	d.a.say(msgPolicyWaits, short(wait.hash), wait.report().Needed, reasonText(wait.reasons))
	return d.recordPending(self(), wait)
}

// keptCopy loads a policy that was in force from its copy, and believes it only
// if it is that very policy.
func keptCopy(state, hash string) (*policy.Policy, error) {
	dir := filepath.Join(state, archiveName, hash)
	p, err := policy.Load(dir)
	if err == nil && p.Hash() != hash {
		err = fmt.Errorf("%s holds another policy, %s", dir, short(p.Hash()))
	}
	return p, err
}
