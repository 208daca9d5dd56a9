package main

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"matterfs/audit"
)

// Alerts tell somebody who does not look: one line of JSON on the standard input of hooks.alert for each change of state, and
// for some of what people do. They leave the circle of those who may read the log (a mail, a chat), so they name people, uids,
// matter numbers and records, but no document, title, client or reason: who wants to know more looks at `status` and the log.
//
// A state is a warning of `status`: whatever that knows is told when it begins and when it ends, by its code. At a start only
// what makes the drive degraded is told.

// alert is one line to the hook. The names of its keys are a contract.
type alert struct {
	Time  time.Time `json:"time"` // of the newest change or event
	Store string    `json:"store"`
	Host  string    `json:"host"`
	What  string    `json:"what"`  // a warning's code, or one of the events below
	State string    `json:"state"` // on, off; event: it happened
	Since time.Time `json:"since"` // when the state began; of events: the oldest that this line is about
	Text  string    `json:"text"`  // English

	User   string  `json:"user,omitempty"`
	UID    *uint32 `json:"uid,omitempty"`
	Matter string  `json:"matter,omitempty"`

	Repeats uint64 `json:"repeats,omitempty"` // how many more of the same this line is about
	Dropped uint64 `json:"dropped,omitempty"` // how many lines before this one were lost
}

const (
	stateOn    = "on"
	stateOff   = "off"
	stateEvent = "event"

	alertDegraded = "degraded"      // the drive is degraded, for whatever reason
	alertRefused  = "start.refused" // a mount was refused for what it found
	alertBulk     = "bulk.read"
	alertUnknown  = "caller.unknown"
	alertDisabled = "caller.disabled"
	alertDeparted = "caller.departed"
)

// callerAlerts are the refusals that are told.
var callerAlerts = map[string]struct{ what, text string }{
	"user.unknown":  {alertUnknown, "somebody whom the policy does not know tried to use the drive"},
	"user.disabled": {alertDisabled, "somebody who is disabled tried to use the drive"},
	"user.departed": {alertDeparted, "somebody who has left tried to use the drive"},
}

const (
	// alertsIn is how many alerts may wait to be looked at, alertsOut how many lines for the hook.
	alertsIn, alertsOut = 256, 64
	// alertBeat is how often the state is looked at.
	alertBeat = 2 * time.Second
	// alertParting is how long the end of the daemon waits for lines that are on their way.
	alertParting = 2 * time.Second
)

// alerts gathers what is to be told and gives it to the hook.
type alerts struct {
	hook *hook // nil: nobody is told
	bulk *bulk
	in   chan alert
	out  chan alert
	lost atomic.Uint64 // since the last line

	limit  limiter
	state  map[string]condition // what is on
	record func(alert)          // writes the record of a bulk.read
}

// condition is a state that is on.
type condition struct {
	since time.Time
	told  bool
}

func newAlerts(h *hook, b *bulk, record func(alert)) *alerts {
	return &alerts{hook: h, bulk: b, record: record, in: make(chan alert, alertsIn), out: make(chan alert, alertsOut), state: map[string]condition{},
		limit: limiter{open: map[string]*window{}}}
}

// post is for those who must not wait.
func (a *alerts) post(al alert) {
	select {
	case a.in <- al:
	default:
		a.lost.Add(1)
	}
}

// seen is fs.Options.Seen.
func (a *alerts) seen(r *audit.Record) {
	if r.Res == "deny" {
		if c, ok := callerAlerts[r.Rule]; ok {
			uid := r.UID
			now := time.Now()
			a.post(alert{Time: now, Since: now, What: c.what, State: stateEvent, Text: c.text, User: r.User, UID: &uid})
		}
		return
	}
	if bulkReads(r) {
		a.bulk.seen(r, time.Now(), a.post)
	}
}

// run looks at what comes and at the state until stop is closed.
func (a *alerts) run(stop <-chan struct{}, warnings func() []warning) {
	tick := time.NewTicker(alertBeat)
	defer tick.Stop()
	defer close(a.out)
	a.look(warnings(), time.Now(), true)
	for {
		select {
		case al := <-a.in:
			if al.What == alertBulk {
				a.record(al)
			}
			a.forward(a.limit.take(al, time.Now()))
		case <-tick.C:
			now := time.Now()
			a.look(warnings(), now, false)
			a.forward(a.limit.due(now))
		case <-stop:
			return
		}
	}
}

// forward gives lines to the hook; what finds no place is counted.
func (a *alerts) forward(list []alert) {
	if a.hook == nil {
		return
	}
	for _, al := range list {
		select {
		case a.out <- al:
		default:
			a.lost.Add(1)
		}
	}
}

// look compares the state with the last one. At the first look there is none, and only what is bad is told.
func (a *alerts) look(list []warning, now time.Time, first bool) {
	on, bad := map[string]string{}, map[string]bool{}
	for _, w := range list {
		on[w.Code] = alertText(w)
		bad[w.Code] = bad[w.Code] || w.bad
	}
	if health(list) != healthOK {
		on[alertDegraded], bad[alertDegraded] = "the drive is degraded: matterfs status tells why", true
	}
	for _, code := range slices.Sorted(maps.Keys(on)) {
		if _, was := a.state[code]; was {
			continue
		}
		c := condition{now, !first || bad[code]}
		if a.state[code] = c; c.told {
			a.forward(a.limit.take(alert{Time: now, Since: now, What: code, State: stateOn, Text: on[code]}, now))
		}
	}
	for _, code := range slices.Sorted(maps.Keys(a.state)) {
		c := a.state[code]
		if _, is := on[code]; is {
			continue
		}
		if delete(a.state, code); c.told {
			a.forward(a.limit.take(alert{Time: now, Since: c.since, What: code, State: stateOff, Text: "it is over"}, now))
		}
	}
}

// plainWarnings are those whose words hold numbers and places of the machine, and nothing of the firm's.
var plainWarnings = []string{"log.unavailable", "log.low", "log.unsealed", "log.untidy", "groups.silent", "state.unwritten", "data.damaged", "hooks.alert"}

// alertText is what may be said of a warning outside.
func alertText(w warning) string {
	if slices.Contains(plainWarnings, w.Code) {
		return w.Text
	}
	return "matterfs status tells more"
}
