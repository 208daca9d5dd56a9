package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"matterfs/audit"
	"matterfs/policy"
)

// pastEvent is one record about which policy is in force.
type pastEvent struct {
	Seq    uint64    `json:"seq"`
	Time   time.Time `json:"time"`
	Event  string    `json:"event"`
	Policy string    `json:"policy"` // 12 digits of its hash
	User   string    `json:"user,omitempty"`
	UID    uint32    `json:"uid"`
	AUID   *int64    `json:"auid,omitempty"` // login uid, where it is known
	Asked  string    `json:"asked,omitempty"`
	Note   string    `json:"note,omitempty"` // what it changed
	Kept   bool      `json:"kept"`           // its files can be asked
}

// pastEvents are the events of history, and whether the policy is in force from
// then on.
var pastEvents = map[string]bool{
	"policy.load": true, "policy.reload": true, evPolicyEmergency: false,
	evPolicyPending: false, evPolicyApprove: false, evPolicyConfirm: false,
}

func newPolicyHistory(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "history [DIR]",
		Short: "list every policy that was in force",
		Long: "history reads from the log of the store DIR when which policy was loaded, who asked for it (the daemon itself\n" +
			"for a changed file, SIGHUP or a start) and whose access it changed; and which ones waited, for whose word.\n" +
			"`kept` marks those whose files are in state/policies, so that who, can and explain answer with --at.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runPolicyHistory(a, optional(args, 0)) },
	}
}

func runPolicyHistory(a *app, dir string) error {
	at, err := a.findLog(dir)
	if err != nil {
		return err
	}
	list := []pastEvent{}
	err = audit.ReadRecords(at.log, func(_ []byte, r *audit.Parsed) error {
		if e, ok := pastOf(r); ok {
			_, lost := keptNamed(at.state, e.Policy)
			e.Kept = lost == nil
			list = append(list, e)
		}
		return nil
	})
	if err != nil {
		return &logError{err}
	}
	if a.json {
		return a.printJSON(list)
	}
	for i := range list {
		if err := a.printf("%s\n", a.pastLine(&list[i])); err != nil {
			return err
		}
	}
	return nil
}

// pastOf is a record as an event of history; what failed or was refused is none.
func pastOf(r *audit.Parsed) (e pastEvent, ok bool) {
	takes, known := pastEvents[r.Ev]
	if !known || r.Res != "ok" {
		return e, false
	}
	e = pastEvent{Seq: r.Seq, Time: r.Time, Event: r.Ev, Policy: r.To, User: r.User, UID: r.UID, Asked: r.Comm, Note: r.Note}
	if takes {
		e.Policy = r.Pol
	}
	if r.AUID >= 0 {
		e.AUID = &r.AUID
	}
	return e, true
}

func (a *app) pastLine(e *pastEvent) string {
	by := e.User
	if by == "" {
		by = fmt.Sprintf("uid %d", e.UID)
	}
	if e.AUID != nil && *e.AUID != int64(e.UID) {
		by += fmt.Sprintf(" (login uid %d)", *e.AUID)
	}
	kept := "-"
	if e.Kept {
		kept = "kept"
	}
	return strings.TrimRight(fmt.Sprintf("%s  %-16s  %s  %-4s  %s  %s", e.Time.Local().Format(time.DateTime), e.Event, e.Policy, kept, by, e.Note), " ")
}

// keptNamed finds a kept policy by the first digits of its hash.
func keptNamed(state, digits string) (string, error) {
	list, err := filepath.Glob(filepath.Join(state, archiveName, digits+"*"))
	switch {
	case err != nil:
		return "", err
	case len(digits) < hashDigits || strings.Trim(digits, "0123456789abcdef") != "" || len(list) == 0:
		return "", fmt.Errorf("policy %s: %w", digits, os.ErrNotExist)
	case len(list) > 1:
		return "", fmt.Errorf("policy %s: %d kept policies begin so", digits, len(list))
	}
	return list[0], nil
}

// then is what was in force at a moment, as the log tells it.
type then struct {
	hash     string // 12 digits; "" before the first policy
	disabled map[string]bool
	frozen   map[string]bool
	served   bool                    // the drive was mounted
	accepted bool                    // the state log was mended: the lists may have been shorter
	labels   map[string]policy.Label // by folder, under the path of then
}

var errPast = errors.New("the rest of the log is later")

// readThen replays the log up to a moment.
func readThen(log string, at time.Time) (*then, error) {
	t := &then{disabled: map[string]bool{}, frozen: map[string]bool{}, labels: map[string]policy.Label{}}
	err := audit.ReadRecords(log, func(_ []byte, r *audit.Parsed) error {
		if r.Time.After(at) {
			return errPast
		}
		if r.Res == "ok" {
			t.note(r)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errPast) {
		return nil, &logError{err}
	}
	return t, nil
}

func (t *then) note(r *audit.Parsed) {
	switch r.Ev {
	case "user.disable":
		t.disabled[r.To] = true
	case "user.enable":
		delete(t.disabled, r.To)
	case "matter.freeze":
		t.frozen[r.Matter] = true
	case "matter.unfreeze":
		delete(t.frozen, r.Matter)
	case "mount":
		t.served = true
	case "umount":
		t.served = false
	case evStateAccept:
		t.accepted = true
	case evRelabel:
		t.labels[r.FID] = policy.Label{Matter: r.Matter, Path: r.Path, Level: r.Level}
	}
	if pastEvents[r.Ev] {
		t.hash = r.Pol
	}
}

// sealed are the levels that folders at and above a path had.
func (t *then) sealed(matter, path string) (levels []string) {
	for _, l := range t.labels {
		if l.Matter == matter && (l.Path == "" || path == l.Path || strings.HasPrefix(path, l.Path+"/")) {
			levels = append(levels, l.Level)
		}
	}
	return levels
}

// env is what stood beside the policy. Groups are answered by groups.
func (t *then) env(groups func(group, user string) (member, known bool)) *policy.Env {
	return &policy.Env{
		Groups:   groups,
		Disabled: func(user string) bool { return t.disabled[user] },
		Frozen:   func(matter string) bool { return t.frozen[matter] },
	}
}

// pastPolicy finds the policy in force at a moment in the store in dir. There
// is none, without an error, where the answer is in the files: dir is a policy
// directory, the moment is to come, or nothing was in force before it.
func (a *app) pastPolicy(dir, at string) (p *policy.Policy, t *then, err error) {
	if a.flags.policy != "" || dir != "" && !isStore(dir) || dir == "" && a.flags.config == "" {
		return nil, nil, nil
	}
	s, err := a.settings(dir)
	if err != nil {
		return nil, nil, err
	}
	when := time.Now()
	if at != "" {
		zone := time.Local
		if files, err := policy.Load(s.Policy); err == nil {
			zone = files.Zone()
		}
		if when, err = parseAt(at, zone); err != nil || when.After(time.Now()) {
			return nil, nil, err
		}
	}
	if t, err = readThen(s.Log, when); err != nil || t.hash == "" {
		return nil, nil, err
	}
	kept, err := keptNamed(s.State, t.hash)
	if err != nil {
		return nil, nil, usagef("policy %s was in force then, and no copy of it is kept", t.hash)
	}
	if p, err = keptCopy(s.State, filepath.Base(kept)); err != nil {
		return nil, nil, err
	}
	return p, t, nil
}
