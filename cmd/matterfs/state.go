package main

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"matterfs/audit/witness"
	"matterfs/fs"
	"matterfs/policy"
)

// status is what a daemon tells about itself. The names of its JSON keys are a
// contract with monitoring. Everybody gets the first part, those who may steer
// the daemon all of it.
type status struct {
	Store    string    `json:"store"`
	Mount    string    `json:"mount"`
	PID      int       `json:"pid"`
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	UptimeS  int64     `json:"uptime_s"`
	Health   string    `json:"health"` // "ok" or "degraded"
	Warnings []warning `json:"warnings,omitempty"`

	Paths   *settings      `json:"paths,omitempty"`
	UID     *int           `json:"uid,omitempty"` // of the daemon
	Policy  *policyStatus  `json:"policy,omitempty"`
	Matters []matterStatus `json:"matters,omitempty"`
	Audit   *auditStatus   `json:"audit,omitempty"`
	Keys    []envelope     `json:"envelopes,omitempty"`
	Drive   *fs.Stats      `json:"drive,omitempty"`
}

const (
	healthOK       = "ok"
	healthDegraded = "degraded"
)

// warning is something an administrator should mend. The code is stable; the
// text is made by who shows it, in the reader's language.
type warning struct {
	Code string   `json:"code"`
	Args []string `json:"args,omitempty"`
	Text string   `json:"text"` // English
	bad  bool     // makes the daemon degraded
}

type policyStatus struct {
	Hash    string `json:"hash"`
	Users   int    `json:"users"`
	Matters int    `json:"matters"`
	Error   string `json:"error,omitempty"` // of the last reload

	Pending *pendingReport `json:"pending,omitempty"`
}

type matterStatus struct {
	ID     string `json:"id"`
	Status string `json:"status"` // as the policy says; "" when it does not know it
	Data   bool   `json:"data"`   // it has a folder
	Frozen bool   `json:"frozen,omitempty"`
	Error  string `json:"error,omitempty"`
}

type auditStatus struct {
	Seq   uint64 `json:"seq"`
	Hash  string `json:"hash"`
	Error string `json:"error,omitempty"` // why nothing can be recorded

	Witness *witness.State `json:"witness,omitempty"`
}

type envelope struct {
	Name       string   `json:"name"`
	Recipients []string `json:"recipients"` // kinds
}

// status gathers what the daemon knows; full is for those who may steer it.
func (d *daemon) status(full bool) *status {
	warnings := d.warnings()
	st := &status{
		Store: d.storeID, Mount: d.mnt, PID: os.Getpid(), Version: readVersion().Version,
		Started: d.started.UTC().Truncate(time.Second), UptimeS: int64(time.Since(d.started).Seconds()),
		Health: health(warnings),
	}
	if !full {
		return st
	}
	stats := d.srv.Stats()
	uid := os.Geteuid()
	st.Warnings, st.Paths, st.UID, st.Drive = warnings, &d.s, &uid, &stats
	p, reloadErr := d.policyState()
	st.Policy = &policyStatus{p.Hash(), len(p.Users()), len(p.Matters()), errorText(reloadErr), d.pendingNow().report()}
	st.Matters = d.matterStates(p)
	st.Audit = d.auditState()
	for _, e := range d.keys.Envelopes() {
		st.Keys = append(st.Keys, envelope{e.Name, e.Kinds})
	}
	return st
}

func health(warnings []warning) string {
	for _, w := range warnings {
		if w.bad {
			return healthDegraded
		}
	}
	return healthOK
}

func (d *daemon) policyState() (*policy.Policy, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.policy, d.reloadErr
}

func (d *daemon) auditState() *auditStatus {
	seq, hash := d.log.Head()
	return &auditStatus{seq, hex.EncodeToString(hash[:]), errorText(d.log.Healthy()), d.witnessState()}
}

// matterStates lists the policy's matters, then data that no rule covers.
func (d *daemon) matterStates(p *policy.Policy) []matterStatus {
	var list []matterStatus
	at := make(map[string]int)
	for _, m := range p.Matters() {
		at[m.ID] = len(list)
		list = append(list, matterStatus{ID: m.ID, Status: m.Status, Frozen: d.emergency.frozen(m.ID)})
	}
	for _, m := range d.store.Matters() {
		i, ok := at[m.Matter]
		if !ok {
			i = len(list)
			list = append(list, matterStatus{ID: m.Matter})
		}
		list[i].Data, list[i].Error = true, errorText(m.Err)
	}
	return list
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// warningTexts says what each warning code means to a person.
var warningTexts = map[string]msg{
	"keys.samedevice": msgSameDevice, "keys.swap": msgSwap,
	"identity.inside": msgIdentityInside, "identity.loose": msgIdentityLoose,
	"daemon.root": msgAsRoot, "groups.silent": msgGroupsSilent,
	"kernel.old": msgOldKernel, "policy.reload": msgReloadFailed,
	"policy.tests": msgTestsWarned, "policy.watch": msgWatchFailed,
	"policy.pending": msgPolicyWaits, "policy.alone": msgAlone, "policy.emergency": msgPolicyAlone, "policy.unsealed": msgPolicyUnsealed,
	"relabel.waits":   msgLabelWaits,
	"log.unavailable": msgLogDown, "log.low": msgLogLow, "log.unsealed": msgLogUnsealed, "log.untidy": msgLogUntidy, "log.flood": msgLogFlood, "data.foreign": msgForeign, "data.matter": msgBadMatter,
	"witness.fork": msgWitnessFork, "witness.late": msgWitnessLate,
	"data.damaged": msgDamaged, "policy.exposed": msgPolicyExposed, "state.unwritten": msgUnwritten,
	"hooks.alert": msgHookFails, "log.held": msgLogHeld,
}

func warn(bad bool, code string, args ...string) warning {
	w := warning{Code: code, Args: args, bad: bad}
	w.Text = w.text(en)
	return w
}

// text is the warning in words; a code this version does not know is shown as
// the daemon put it.
func (w *warning) text(l lang) string {
	m, ok := warningTexts[w.Code]
	if !ok {
		return w.Text
	}
	args := make([]any, len(w.Args))
	for i, a := range w.Args {
		args[i] = a
	}
	return (&app{lang: l}).text(m, args...)
}

// warnings looks at what can go wrong without stopping the service.
func (d *daemon) warnings() []warning {
	var list []warning
	list = append(list, d.policyWarnings()...)
	if err := d.log.Healthy(); err != nil {
		list = append(list, warn(true, "log.unavailable", err.Error()))
	}
	list = append(list, lowWarnings(d.log.Free())...)
	if _, err := d.log.Sealed(); err != nil {
		list = append(list, warn(true, "log.unsealed", err.Error()))
	}
	if err := d.log.Tidied(); err != nil {
		list = append(list, warn(true, "log.untidy", err.Error()))
	}
	list = append(list, floodWarnings(d.srv.Stats().Floods)...)
	list = append(list, witnessWarnings(d.witnessState(), time.Now())...)
	for _, r := range d.waitingRelabels() {
		list = append(list, warn(false, "relabel.waits", personName(r.Person), placeName(r.Matter, r.Path), r.To))
	}
	if n := len(d.emergency.rest()); n > 0 {
		list = append(list, warn(true, "state.unwritten", strconv.Itoa(n)))
	}
	for _, m := range d.store.Matters() {
		if m.Err != nil {
			list = append(list, warn(true, "data.matter", m.Matter, m.Err.Error()))
		}
	}
	if n := d.srv.Damaged(); n > 0 {
		list = append(list, warn(true, "data.damaged", strconv.FormatUint(n, 10)))
	}
	list = append(append(list, d.hookWarnings()...), d.holdWarnings()...)
	for _, name := range d.store.Foreign() {
		list = append(list, warn(false, "data.foreign", name))
	}
	if !d.keys.Locked() {
		list = append(list, warn(false, "keys.swap"))
	}
	if os.Geteuid() == 0 {
		list = append(list, warn(false, "daemon.root"))
	}
	if since := d.groups.silent(); since > 0 {
		list = append(list, warn(true, "groups.silent", since.String()))
	}
	if release, old := oldKernel(); old {
		list = append(list, warn(false, "kernel.old", release))
	}
	return append(list, d.s.warnings()...)
}

// Bytes left for the log at which status warns, and at which the drive counts as degraded.
const (
	logLow     = 512 << 20
	logVeryLow = 64 << 20
)

// lowWarnings warn before the disk of the log is full; free is negative when it is not known.
func lowWarnings(free int64) []warning {
	if free < 0 || free >= logLow {
		return nil
	}
	return []warning{warn(free < logVeryLow, "log.low", strconv.FormatInt(free>>20, 10))}
}

// floodWarnings name those who have used up their budget of records.
func floodWarnings(floods []fs.Flood) (list []warning) {
	for _, f := range floods {
		who := f.User
		if who == "" {
			who = "uid " + strconv.FormatUint(uint64(f.UID), 10)
		}
		list = append(list, warn(false, "log.flood", who, f.Since.Format(time.RFC3339), strconv.Itoa(f.Waited)))
	}
	return list
}

// warnings are those about where the parts of the store lie.
func (s *settings) warnings() []warning {
	var list []warning
	if exposed(s.Policy) {
		list = append(list, warn(false, "policy.exposed", s.Policy))
	}
	if sameDevice(s.Keys, s.Data) {
		list = append(list, warn(false, "keys.samedevice"))
	}
	if s.Identity == "" {
		return list
	}
	st, err := os.Stat(s.Identity)
	if err != nil {
		return list // not there is where it should be
	}
	if within(s.Identity, s.Dir) {
		list = append(list, warn(false, "identity.inside", s.Identity))
	}
	if st.Mode().Perm()&0o077 != 0 {
		list = append(list, warn(false, "identity.loose", s.Identity))
	}
	return list
}

func sameDevice(a, b string) bool {
	var x, y unix.Stat_t
	if unix.Stat(filepath.Clean(a), &x) != nil || unix.Stat(filepath.Clean(b), &y) != nil {
		return false
	}
	return x.Dev == y.Dev
}
