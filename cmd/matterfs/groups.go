package main

import (
	"context"
	"maps"
	"os/user"
	"slices"
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
	expiry   *time.Timer // calls changed when no new snapshot came in time
}

// groupSnapshot is immutable once published.
type groupSnapshot struct {
	at     time.Time
	member map[membership]bool // a pair that is not in it is not known
}

type membership struct{ group, user string }

func newGroups(whom func() (users, groups []string), changed func()) *groups {
	g := &groups{whom: whom, gids: lookupGIDs, gid: lookupGID, changed: changed, kick: make(chan struct{}, 1)}
	g.expiry = time.AfterFunc(groupsMaxAge, changed)
	g.expiry.Stop()
	return g
}

// member is policy.Env.Groups. It allocates nothing.
func (g *groups) member(group, user string) (member, known bool) {
	s := g.snapshot.Load()
	if !s.fresh() {
		return false, false
	}
	member, known = s.member[membership{group, user}]
	return member, known
}

func (s *groupSnapshot) fresh() bool {
	return s != nil && time.Since(s.at) < groupsMaxAge
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

// soon asks for a new snapshot without waiting for it.
func (g *groups) soon() {
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
	old := g.snapshot.Swap(s)
	g.expiry.Reset(groupsMaxAge - time.Since(s.at))
	return !old.fresh() || !maps.Equal(old.member, s.member)
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
