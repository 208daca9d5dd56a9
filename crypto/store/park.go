package store

import "time"

// maxParked is how many files may wait for their checkpoint after the last
// close; each holds two descriptors.
const maxParked = 256

// park lets the checkpoint of the last close wait for up to JournalAge: who
// saves a file again and again pays for one. The content stays open meanwhile, as
// after a kill the journal has all of it. It reports whether that was possible.
// The file is frozen, mu is held, and no handle is left.
func (c *content) park() bool {
	if c.parked != nil {
		return true
	}
	s := c.o.s
	if s.opts.JournalAge < 0 || !c.records() || c.sound() != nil || !c.careful() || s.closed.Load() {
		return false
	}
	if s.parked.Add(1) > maxParked || !s.mayOpen(2) {
		s.parked.Add(-1)
		return false
	}
	c.o.Retain()
	s.timers.Add(1)
	c.parked = time.AfterFunc(s.opts.JournalAge, func() {
		defer s.timers.Done()
		c.unpark()
	})
	return true
}

// unpark does what the last close left, unless the file is open again.
func (c *content) unpark() {
	c.freeze()
	defer c.o.Release()
	defer c.thaw()
	c.mu.Lock()
	c.parked = nil
	idle := c.handles == 0 && c.f != nil
	c.mu.Unlock()
	c.o.s.parked.Add(-1)
	if !idle {
		return
	}
	if err := c.shut(); err != nil {
		c.o.s.log("cannot bring a journal into its file", "object", c.o.id.String(), "err", err)
	}
}

// stopParking is for the end of the store: whoever calls it brings the file in
// order. mu is held.
func (c *content) stopParking() {
	if t := c.parked; t != nil && t.Stop() {
		c.parked = nil
		c.o.s.timers.Done()
	}
}
