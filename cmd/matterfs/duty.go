package main

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"matterfs/crypto/statelog"
	"matterfs/policy"
)

// opDuties says for each request to the daemon which duties it takes. Root and
// the daemon's own uid may ask for all; what is not named here is nobody else's.
var opDuties = map[string][]string{
	"reload": {"sysadmin", "secadmin"}, "umount": {"sysadmin"},
	evPolicyPending: {"sysadmin", "secadmin"}, evRelabelList: {"sysadmin", "secadmin", "auditor"},
	"user.disable": {"sysadmin", "secadmin"}, "user.enable": {"sysadmin", "secadmin"},
	"matter.freeze": {"sysadmin", "secadmin"}, "matter.unfreeze": {"sysadmin", "secadmin"},
	"emergency": {"sysadmin", "secadmin", "auditor"},
	evQuery:     {"sysadmin", "secadmin", "auditor"},
	evHold:      {"secadmin", "auditor"},
}

// may tells whether a uid may ask for something now. Somebody who was disabled,
// left or whose term is over has no duty any more: the same that keeps them out
// of the drive.
func (d *daemon) may(uid uint32, op string) bool {
	return selfJudged[op] || d.onDuty(uid, opDuties[op]...)
}

// selfJudged are requests that decide for themselves who may ask, and refuse root
// what the others may.
var selfJudged = map[string]bool{
	evPolicyApprove: true, statelog.RelabelAsk: true, statelog.RelabelApprove: true, statelog.RelabelDrop: true,
}

func (d *daemon) onDuty(uid uint32, duties ...string) bool {
	if uid == 0 || uid == uint32(os.Geteuid()) {
		return true
	}
	p := d.currentPolicy()
	u, ok := p.UserByUID(uid)
	// Not the drive's own Env: a stale policy must not lock out who can mend it.
	person := &policy.Env{Disabled: d.emergency.disabled}
	if !ok || !p.SeesRoot(uid, time.Now(), person).Allow {
		return false
	}
	for _, duty := range duties {
		if slices.Contains(p.Duties()[duty], u.Name) {
			return true
		}
	}
	return false
}

// refusedEvery is how often a refusal of the same uid is recorded; those between
// are counted, so that nobody fills the log through the socket.
const refusedEvery = 10 * time.Second

// refusedAsks remembers whose refusals were recorded when.
type refusedAsks struct {
	mu    sync.Mutex
	since map[uint32]time.Time
	count map[uint32]int
}

// due tells whether a refusal is to be recorded now, and how many it stands for.
func (r *refusedAsks) due(uid uint32, now time.Time) (count int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.since == nil {
		r.since, r.count = map[uint32]time.Time{}, map[uint32]int{}
	}
	r.count[uid]++
	if at, seen := r.since[uid]; seen && now.Sub(at) < refusedEvery {
		return 0, false
	}
	count = r.count[uid]
	r.since[uid], r.count[uid] = now, 0
	return count, true
}

// refuseAsk records that somebody asked the daemon for what is not theirs.
func (d *daemon) refuseAsk(who actor, q controlRequest) error {
	if q.Op == evHold {
		if count, ok := d.refusedAsks.due(who.uid, time.Now()); ok {
			d.recordRefusedHold(who, q, "duty.none", count)
		}
	} else if decrees[q.Op].what != "" {
		if count, ok := d.refusedAsks.due(who.uid, time.Now()); ok {
			r := decreeRecord(q.Op, "deny", q.Name, q.Reason)
			r.Rule = "duty.none"
			if count > 1 {
				r.Count = count
			}
			d.warn("record a refusal", d.record(who, r))
		}
	}
	return fmt.Errorf("uid %d may not ask for %q: %w", who.uid, q.Op, os.ErrPermission)
}
