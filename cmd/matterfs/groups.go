package main

import (
	"context"
	"maps"
	"os/user"
	"sync/atomic"
	"time"
)

const (
	// groupsEvery is how often memberships are read again.
	groupsEvery = 20 * time.Second
	// groupsMaxAge is how long an answer counts; a resolver that hangs takes
	// access away rather than keeping it (DESIGN 3.2).
	groupsMaxAge = 60 * time.Second
)

// groups answers who is in which unix group from a snapshot that a goroutine
// takes. Asking the system (NSS: LDAP, sssd) can take minutes, and whoever asks
// here answers a file system request: it never waits.
type groups struct {
	snapshot atomic.Pointer[groupSnapshot]
	users    func() []string // whom to look up; called for each snapshot
	lookup   func(name string) ([]string, error)
	changed  func() // called when an answer may differ from before; decisions are cached
	kick     chan struct{}
	expiry   *time.Timer // calls changed when no new snapshot came in time
}

// groupSnapshot is immutable once published.
type groupSnapshot struct {
	at     time.Time
	member map[membership]bool
}

type membership struct{ group, user string }

func newGroups(users func() []string, changed func()) *groups {
	g := &groups{users: users, lookup: lookupGroups, changed: changed, kick: make(chan struct{}, 1)}
	g.expiry = time.AfterFunc(groupsMaxAge, changed)
	g.expiry.Stop()
	return g
}

// member is policy.Env.Groups. It allocates nothing.
func (g *groups) member(group, user string) bool {
	s := g.snapshot.Load()
	return s.fresh() && s.member[membership{group, user}]
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
	s := &groupSnapshot{at: time.Now(), member: make(map[membership]bool)}
	for _, name := range g.users() {
		names, err := g.lookup(name)
		if err != nil {
			continue // failure = not a member
		}
		for _, group := range names {
			s.member[membership{group, name}] = true
		}
	}
	old := g.snapshot.Swap(s)
	g.expiry.Reset(groupsMaxAge - time.Since(s.at))
	return !old.fresh() || !maps.Equal(old.member, s.member)
}

// lookupGroups asks the system for the groups of a login name.
func lookupGroups(name string) ([]string, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, id := range ids {
		if g, err := user.LookupGroupId(id); err == nil {
			names = append(names, g.Name)
		}
	}
	return names, nil
}
