package main

import (
	"context"
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
	kick     chan struct{}
}

// groupSnapshot is immutable once published.
type groupSnapshot struct {
	at     time.Time
	member map[membership]bool
}

type membership struct{ group, user string }

func newGroups(users func() []string) *groups {
	return &groups{users: users, lookup: lookupGroups, kick: make(chan struct{}, 1)}
}

// member is policy.Env.Groups. It allocates nothing.
func (g *groups) member(group, user string) bool {
	s := g.snapshot.Load()
	return s != nil && time.Since(s.at) < groupsMaxAge && s.member[membership{group, user}]
}

// run keeps the snapshot fresh until ctx ends.
func (g *groups) run(ctx context.Context) {
	tick := time.NewTicker(groupsEvery)
	defer tick.Stop()
	for {
		g.refresh()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-g.kick:
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

// refresh dates the snapshot by its beginning: what it says is no younger.
func (g *groups) refresh() {
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
	g.snapshot.Store(s)
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
