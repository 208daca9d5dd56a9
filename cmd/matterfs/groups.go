package main

import (
	"context"
	"errors"
	"maps"
	"os/user"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// groupsEvery is how often memberships are read again.
	groupsEvery = 20 * time.Second
	// groupsMaxAge is how long an answer counts; a resolver that hangs takes
	// access away rather than keeping it (DESIGN 3.2): nothing is known then,
	// grants by group end and walls against groups stand for everybody.
	groupsMaxAge = 60 * time.Second
	// groupsFlush is how long an old answer counts after a newer one was asked
	// for: at SIGHUP, a reload and user disable.
	groupsFlush = groupsStart
)

// groups answers who is in which unix group from a snapshot that a goroutine
// takes. Asking the system (NSS: LDAP, sssd) can take minutes, and whoever asks
// here answers a file system request: it never waits.
type groups struct {
	snapshot atomic.Pointer[groupSnapshot]
	whom     func() (users, groups []string)     // who may be asked about; called for each snapshot
	gids     func(user string) ([]string, error) // the ids of a user's groups
	gid      func(group string) (string, error)  // the id of a group
	changed  func()                              // called when an answer may differ from before; decisions are cached
	kick     chan struct{}
	started  time.Time
	expiry   *time.Timer // calls changed when no new snapshot came in time

	// flush guards flushed and the timer: a deadline and its timer are set together.
	flush   sync.Mutex
	flushed time.Time    // when a newer answer was last asked for
	owed    atomic.Int64 // when the old answer ends to count for want of it, Unix nanoseconds; 0: nothing is owed
}

// groupSnapshot is immutable once published.
type groupSnapshot struct {
	at     time.Time
	member map[membership]bool // a pair that is not in it is not known
}

type membership struct{ group, user string }

func newGroups(whom func() (users, groups []string), changed func()) *groups {
	g := &groups{whom: whom, gids: lookupGIDs, gid: lookupGID, changed: changed, kick: make(chan struct{}, 1), started: time.Now()}
	g.expiry = time.AfterFunc(groupsMaxAge, changed)
	g.expiry.Stop()
	return g
}

// member is policy.Env.Groups. It allocates nothing.
func (g *groups) member(group, user string) (member, known bool) {
	s := g.snapshot.Load()
	if !g.fresh(s) {
		return false, false
	}
	member, known = s.member[membership{group, user}]
	return member, known
}

func (g *groups) fresh(s *groupSnapshot) bool {
	return s != nil && time.Now().Before(g.until(s))
}

// until is when an answer ends to count.
func (g *groups) until(s *groupSnapshot) time.Time {
	end := s.at.Add(groupsMaxAge)
	if owed := g.owed.Load(); owed != 0 && time.Unix(0, owed).Before(end) {
		end = time.Unix(0, owed)
	}
	return end
}

// silent is for how long the system has owed an answer that somebody waits for;
// 0 while the last one counts.
func (g *groups) silent() time.Duration {
	s := g.snapshot.Load()
	_, names := g.whom()
	if g.fresh(s) || len(names) == 0 {
		return 0
	}
	since := g.started
	if s != nil {
		since = s.at
	}
	return max(time.Second, time.Since(since).Truncate(time.Second))
}

// run keeps the snapshot fresh until ctx ends.
func (g *groups) run(ctx context.Context) {
	tick := time.NewTicker(groupsEvery)
	defer tick.Stop()
	defer g.expiry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-g.kick:
		}
		if g.refresh() {
			g.changed()
		}
	}
}

// soon asks for a new snapshot without waiting for it. The old one counts for a
// moment more only: who asks has a reason to believe that something changed.
func (g *groups) soon() {
	g.flush.Lock()
	g.flushed = time.Now()
	g.owed.CompareAndSwap(0, g.flushed.Add(groupsFlush).UnixNano()) // the first who asked waits no longer for a second
	g.arm()
	g.flush.Unlock()
	select {
	case g.kick <- struct{}{}:
	default: // one is due already
	}
}

// refresh takes a snapshot and tells whether it answers differently. It is
// dated by its beginning: what it says is no younger.
func (g *groups) refresh() (differs bool) {
	s := &groupSnapshot{at: time.Now()}
	s.member = g.ask(g.whom())
	old := g.snapshot.Load()
	wasFresh := g.fresh(old)
	g.flush.Lock()
	g.snapshot.Store(s)
	if !s.at.Before(g.flushed) {
		g.owed.Store(0)
	}
	g.arm()
	g.flush.Unlock()
	return !wasFresh || !maps.Equal(old.member, s.member)
}

// arm sets the timer to the end of the answer in force. flush is held.
func (g *groups) arm() {
	if s := g.snapshot.Load(); s != nil {
		g.expiry.Reset(time.Until(g.until(s)) + time.Millisecond)
	}
}

// ask finds out what is known. The system answers for a user without those
// groups that it cannot reach, and calls that no error; so each group is asked
// for by name before and after, and what changed in between says nothing.
func (g *groups) ask(users, names []string) map[membership]bool {
	member := map[membership]bool{}
	ids := g.resolve(names)
	if len(ids) == 0 {
		return member // the policy names no group that could be asked about
	}
	for _, user := range users {
		of, err := g.gids(user)
		if err != nil {
			continue // not known
		}
		for name, id := range ids {
			member[membership{name, user}] = slices.Contains(of, id)
		}
	}
	if !maps.Equal(ids, g.resolve(names)) {
		clear(member)
	}
	return member
}

// resolve finds the ids of groups; those that the system does not know, or not
// now, are left out.
func (g *groups) resolve(names []string) map[string]string {
	ids := map[string]string{}
	for _, name := range names {
		if id, err := g.gid(name); err == nil {
			ids[name] = id
		}
	}
	return ids
}

// errNoAnswer: the directory of users and groups takes longer than anybody
// should wait.
var errNoAnswer = errors.New("the system does not answer questions about users and groups")

// answered asks the system something, and waits for the answer as long as a
// mount does. A question without an answer goes on alone.
func answered[T any](ask func() (T, error)) (T, error) {
	type answer struct {
		is  T
		err error
	}
	c := make(chan answer, 1)
	go func() {
		is, err := ask()
		c <- answer{is, err}
	}()
	select {
	case a := <-c:
		return a.is, a.err
	case <-time.After(groupsStart):
		var none T
		return none, errNoAnswer
	}
}

// lookupGIDs asks the system for the groups of a login name.
func lookupGIDs(name string) ([]string, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	return u.GroupIds()
}

// lookupGID asks the system for a group.
func lookupGID(name string) (string, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return "", err
	}
	return g.Gid, nil
}
