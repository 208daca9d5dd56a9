package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"matterfs/audit"
	"matterfs/policy"
)

const (
	// replayAnswers bounds how many answers are remembered while the log is read,
	// and replayRows how many different refusals are told apart; further ones of
	// the same person, matter and operation are counted together.
	replayAnswers, replayRows = 1 << 16, 1 << 14
	day                       = 24 * time.Hour
)

// replayReport is what diff --against-log prints in JSON.
type replayReport struct {
	diffReport
	From     time.Time    `json:"from"`
	Accesses uint64       `json:"accesses"` // records of accesses since then that were looked at
	Refused  []replayRow  `json:"refused"`  // accesses that the new policy would have refused
	Could    []accessOnly `json:"could"`    // who newly could
}

// replayRow is one kind of access that happened and would be refused.
type replayRow struct {
	User    string    `json:"user"`
	Matter  string    `json:"matter"`
	Path    string    `json:"path,omitempty"`
	More    bool      `json:"more,omitempty"` // other paths too: there were too many to tell apart
	Op      string    `json:"op"`
	Count   uint64    `json:"count"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Rule    string    `json:"rule"`
	Pos     string    `json:"pos,omitempty"`
	Already bool      `json:"already,omitempty"` // the policy in force refuses it by now too
}

// accessOnly is somebody who may do more than before.
type accessOnly struct {
	User   string   `json:"user"`
	Matter string   `json:"matter"`
	Path   string   `json:"path,omitempty"`
	Rights []string `json:"rights"`
}

// replay holds the accesses of a log against two policies.
type replay struct {
	old, next *policy.Policy
	env       *policy.Env
	from      time.Time
	answers   map[replayKey]replayAnswer
	rows      map[replayKey]*replayRow
	accesses  uint64
}

// replayKey tells accesses apart. The level is that of the record.
type replayKey struct {
	user, matter, path, level string
	op                        policy.Op
}

// replayAnswer is what both policies say from a moment on.
type replayAnswer struct {
	since, until time.Time // zero until: for good
	refused      policy.Decision
	allow        bool
	already      bool
}

func newReplay(old, next *policy.Policy, from time.Time, env *policy.Env) *replay {
	return &replay{old: old, next: next, from: from, env: env, answers: map[replayKey]replayAnswer{}, rows: map[replayKey]*replayRow{}}
}

// note takes one record of the log.
func (p *replay) note(r *audit.Parsed) {
	if r.Res != "ok" || r.User == "" || r.Matter == "" || r.Time.Before(p.from) {
		return
	}
	for _, k := range replayKeys(r) {
		p.accesses++
		ans := p.ask(k, r.Time)
		if !ans.allow {
			p.refuse(k, r.Time, &ans)
		}
	}
}

// replayKeys is what a record did, in the words of the policy. Records of the
// daemon's own and of what needs no right are not.
func replayKeys(r *audit.Parsed) []replayKey {
	k := replayKey{user: r.User, matter: r.Matter, path: r.Path, level: r.Level}
	switch r.Ev {
	case "rename":
		to := k
		k.op, to.op, to.path = policy.OpRenameFrom, policy.OpRenameTo, r.To
		return []replayKey{k, to}
	case "writeback":
		k.op = policy.OpWrite
		return []replayKey{k}
	}
	op, ok := policy.ParseOp(r.Ev)
	if k.op = op; !ok {
		return nil
	}
	return []replayKey{k}
}

// ask answers from memory where time has not changed the answer.
func (p *replay) ask(k replayKey, at time.Time) replayAnswer {
	if ans, ok := p.answers[k]; ok && !at.Before(ans.since) && (ans.until.IsZero() || at.Before(ans.until)) {
		return ans
	}
	r := policy.Request{Matter: k.matter, Path: k.path, Op: k.op, At: at, Env: p.env}
	// A level above the one that the rules in force give was sealed in the folder.
	if p.old.HigherLevel(k.level, p.old.EffectiveLevel(k.matter, k.path, nil)) {
		r.Sealed = []string{k.level}
	}
	before := p.old.DecideUser(k.user, r)
	if !before.Allow { // it may have been their own object; the log does not say
		r.Own = true
		before = p.old.DecideUser(k.user, r)
	}
	after := p.next.DecideUser(k.user, r)
	ans := replayAnswer{since: at, until: sooner(before.Expires, after.Expires), refused: after, allow: after.Allow, already: !before.Allow}
	if len(p.answers) >= replayAnswers {
		clear(p.answers)
	}
	p.answers[k] = ans
	return ans
}

// sooner is the earlier of two ends; zero is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (p *replay) refuse(k replayKey, at time.Time, ans *replayAnswer) {
	k.level = ""
	row := p.rows[k]
	if row == nil && len(p.rows) >= replayRows {
		k.path = "\x00more"
		row = p.rows[k]
	}
	if row == nil {
		row = &replayRow{User: k.user, Matter: k.matter, Path: k.path, Op: k.op.String(), First: at, Rule: ans.refused.Rule, Already: true}
		row.Pos = p.place(k, at)
		if k.path == "\x00more" {
			row.Path, row.Pos, row.More = "", "", true
		}
		p.rows[k] = row
	}
	row.Count++
	row.Last = at
	row.Already = row.Already && ans.already
}

// place finds where the rule stands that would have refused.
func (p *replay) place(k replayKey, at time.Time) string {
	gates := p.next.ExplainUser(k.user, policy.Request{Matter: k.matter, Path: k.path, Op: k.op, At: at, Env: p.env, Own: true})
	return gates[len(gates)-1].Pos
}

// report lists what was found, the most frequent first.
func (p *replay) report(d *policy.Difference) replayReport {
	r := replayReport{diffReport: reportDiff(p.old, p.next, d), From: p.from, Accesses: p.accesses, Refused: []replayRow{}, Could: []accessOnly{}}
	for _, row := range p.rows {
		r.Refused = append(r.Refused, *row)
	}
	slices.SortFunc(r.Refused, func(a, b replayRow) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.User, b.User), cmp.Compare(a.Matter, b.Matter), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Op, b.Op))
	})
	for i := range d.Access {
		if c := &d.Access[i]; c.Gains() {
			r.Could = append(r.Could, accessOnly{c.User, c.Matter, c.Path, append([]string{}, (c.After.Rights &^ c.Before.Rights).Names()...)})
		}
	}
	return r
}

// changes tells whether the new policy would have refused what the one in force
// does not, or lets somebody do more.
func (r *replayReport) changes() bool {
	return len(r.Could) > 0 || slices.ContainsFunc(r.Refused, func(row replayRow) bool { return !row.Already })
}

// runPolicyReplay is diff --against-log: args are the store and perhaps a policy
// directory to be held against its log.
func runPolicyReplay(a *app, args []string, days int) error {
	if days < 1 {
		return usagef("--days %d: at least 1", days)
	}
	s, old, next, err := a.replaySides(args)
	if err != nil {
		return err
	}
	now := time.Now()
	env := systemGroups(old, next)
	p := newReplay(old, next, now.Add(-time.Duration(days)*day), env)
	first, err := firstSince(s.Log, p.from)
	if err == nil {
		err = audit.ReadFrom(s.Log, first, func(_ []byte, r *audit.Parsed) error {
			p.note(r)
			return nil
		})
	}
	if err != nil {
		return &logError{err}
	}
	r := p.report(policy.Diff(old, next, now, env))
	if a.json {
		err = a.printJSON(r)
	} else {
		err = a.printf("%s", a.replayText(&r, next))
	}
	return answer(!r.changes(), err)
}

// firstSince finds a record at or before the first one of a time, without reading
// what lies before it.
func firstSince(log string, at time.Time) (uint64, error) {
	last, err := audit.LastSeq(log)
	if err != nil {
		return 0, err
	}
	lo, hi := uint64(0), last
	for lo < hi {
		mid := lo + (hi-lo+1)/2
		when, err := timeOf(log, mid)
		switch {
		case err != nil:
			return 0, err
		case when.Before(at):
			lo = mid
		default:
			hi = mid - 1
		}
	}
	return lo, nil
}

// timeOf is when the first record from a number on was made.
func timeOf(log string, seq uint64) (when time.Time, err error) {
	err = audit.ReadFrom(log, seq, func(_ []byte, r *audit.Parsed) error {
		when = r.Time
		return errPast
	})
	if err == errPast {
		err = nil
	}
	return when, err
}

// replaySides finds the store, the policy in force in it, and the one to judge:
// a directory's or the store's own files.
func (a *app) replaySides(args []string) (s settings, old, next *policy.Policy, err error) {
	if !isStore(args[0]) && a.flags.config == "" {
		return s, nil, nil, usagef("%s is no store: --against-log reads a store's log", args[0])
	}
	if s, err = a.settings(args[0]); err != nil {
		return s, nil, nil, err
	}
	kept, err := a.keptPolicy(args[0])
	if err != nil {
		return s, nil, nil, err
	}
	if old, err = loadPolicyFiles(kept); err != nil {
		return s, nil, nil, fmt.Errorf("%s: %w", kept, err)
	}
	dir, err := a.policyDir(args[len(args)-1])
	if err != nil {
		return s, nil, nil, err
	}
	next, err = loadPolicyFiles(dir)
	return s, old, next, err
}

// replayText is one line a kind of access, then who newly could.
func (a *app) replayText(r *replayReport, p *policy.Policy) string {
	var b strings.Builder
	for i := range r.Refused {
		row := &r.Refused[i]
		place := placeName(row.Matter, row.Path)
		if row.More {
			place += "/..."
		}
		fmt.Fprintf(&b, "- %s %s %s: %s", row.User, row.Op, place, a.text(msgWouldRefuse, row.Count,
			row.First.In(p.Zone()).Format(time.DateTime), row.Last.In(p.Zone()).Format(time.DateTime), row.Rule))
		if row.Pos != "" {
			fmt.Fprintf(&b, " [%s]", row.Pos)
		}
		if row.Already {
			b.WriteString("  " + a.text(msgRefusedAlready))
		}
		b.WriteByte('\n')
	}
	for _, c := range r.Could {
		rights := strings.Join(c.Rights, ",")
		fmt.Fprintf(&b, "+ %s %s: %s\n", c.User, placeName(c.Matter, c.Path), a.text(msgNewlyCould, dash(rights)))
	}
	fmt.Fprintln(&b, a.text(msgReplayed, r.Accesses, r.From.In(p.Zone()).Format(time.DateTime), len(r.Refused), len(r.Could)))
	return b.String()
}
