package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

const (
	// connectionLimit is how many conversations one person may hold with the
	// daemon at once. Each takes a descriptor, and documents need them too:
	// without a limit anybody on the machine could end the service for all.
	connectionLimit = 16
	// connectionFarewell is how long it may take to say so.
	connectionFarewell = time.Second
)

// connections counts the conversations of each person.
type connections struct {
	mu   sync.Mutex
	held map[string]int
}

// enter counts one more of who, unless that is one too many.
func (c *connections) enter(who string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held[who] >= connectionLimit {
		return false
	}
	if c.held == nil {
		c.held = map[string]int{}
	}
	c.held[who]++
	return true
}

func (c *connections) leave(who string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held[who]--; c.held[who] == 0 {
		delete(c.held, who)
	}
}

// admit counts a conversation and returns what ends the counting; ok is false when
// the person holds too many. Root may always speak: `user disable` must get through.
// Uids that the policy does not know share one count, since some people have thousands
// (subuid(5)).
func (d *daemon) admit(uid uint32) (leave func(), ok bool) {
	if uid == 0 {
		return func() {}, true
	}
	who := ""
	if u, known := d.currentPolicy().UserByUID(uid); known {
		who = u.Name
	}
	return func() { d.connections.leave(who) }, d.connections.enter(who)
}

// turnAway ends a conversation before it begins.
func (d *daemon) turnAway(c net.Conn) {
	defer c.Close()
	b, err := json.Marshal(refusal(fmt.Errorf("more than %d connections at once: %w", connectionLimit, os.ErrPermission)))
	if err != nil || c.SetDeadline(time.Now().Add(connectionFarewell)) != nil {
		return
	}
	_, _ = c.Write(append(b, '\n')) // whoever is not there to hear it misses nothing
}
