package store

import (
	"errors"
	"time"
)

// A checkpoint brings a file in order with its journal: the journal durable
// first, then its blocks in place and durable, then the slot that counts on them
// and says which records are too old from now on, then the journal empty. A
// crash between any two of these finds either the records or the blocks.

// checkpoint does it now. The file is frozen; mu is not held, so reads go on.
func (c *content) checkpoint() error {
	if err := c.settle(); err != nil {
		return err
	}
	return c.seal()
}

// seal writes the slot that counts on the settled blocks and empties the
// journal.
func (c *content) seal() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.slot()
	if err := c.keepTimes(c.f, func() error { return c.writeSlot(c.f, s) }); err != nil {
		return err
	}
	if c.careful() && !c.o.s.opts.breaks.dropFirst {
		if err := c.syncFile(c.f, false); err != nil {
			return err
		}
	}
	c.known = extent{s.Size, s.Valid}
	c.emptyJournal()
	return nil
}

// settle makes all blocks durable in place, and the file as long as they reach.
// Of a file that was never synced a power cut leaves what it leaves: there is no
// order to keep.
func (c *content) settle() error {
	if err := c.sound(); err != nil {
		return err
	}
	breaks := c.o.s.opts.breaks
	if c.records() && c.careful() && !breaks.copyUnsynced {
		if err := c.flushJournal(c.j); err != nil {
			return err
		}
	}
	if err := c.inSilence(func() error { return errors.Join(c.copyHome(), c.trim()) }); err != nil {
		return err
	}
	if !c.careful() || breaks.slotFirst {
		return nil
	}
	return c.syncFile(c.f, false)
}

// inSilence runs what changes the file though nobody writes to it now. Its time
// stays, also for those who look meanwhile: an editor takes a later one for
// somebody else's change. writeMu is held.
func (c *content) inSilence(change func() error) error {
	if !c.records() && !c.loose {
		return change()
	}
	if err := c.hold(); err != nil {
		return err
	}
	err := change()
	c.mu.Lock()
	defer c.mu.Unlock()
	held := c.held
	c.held = time.Time{}
	return errors.Join(err, c.f.SetTimes(nil, &held))
}

// hold takes the time of the last write for the time of the file until held is
// zero again.
func (c *content) hold() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	st, err := c.f.Stat()
	if err != nil {
		return err
	}
	c.held = st.Mtime
	if !c.mtime.IsZero() {
		c.held = c.mtime
	}
	return nil
}

// trim cuts off what lies behind the stored blocks and never counted, or not
// any more.
func (c *content) trim() error {
	if !c.loose {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.f.Truncate(physical(c.valid)); err != nil {
		return err
	}
	c.dirty.Store(true)
	c.loose = false
	return nil
}

// finish ends a session: the last handle is closing and the file is frozen.
// What cannot be written stays in the journal, and recovery does it at the next
// load.
func (c *content) finish() error {
	if c.o.Unlinked() {
		return nil // whoever still knows the object may open it again
	}
	if err := c.sound(); err != nil {
		return err
	}
	if c.j == nil && !c.loose && c.disk.Flags&flagTail == 0 && c.slot() == c.disk {
		return nil
	}
	if err := c.settle(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.keepTimes(c.f, c.lastSlots); err != nil {
		return err
	}
	c.known, c.marked = extent{c.size, c.valid}, false
	c.removeJournal()
	return nil
}

// lastSlots writes the state into both slots, so that damaging one of them
// wins nothing. While there is a journal the first is durable before the
// journal goes; without one recovery finds the same in any case.
func (c *content) lastSlots() error {
	s := c.slot()
	s.Flags &^= flagTail
	if c.j == nil || !c.careful() || c.o.s.opts.breaks.dropFirst {
		return c.writeBoth(c.f, s)
	}
	if err := c.writeSlot(c.f, s); err != nil {
		return err
	}
	if err := c.syncFile(c.f, false); err != nil {
		return err
	}
	return c.writeSlot(c.f, s)
}

// finishNow is finish for handles that nobody closed, when the store closes.
func (c *content) finishNow() error {
	c.freeze()
	defer c.thaw()
	if !c.hasNode() {
		return nil
	}
	err := c.finish()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopParking()
	c.closeJournal()
	c.f = nil
	return err
}

// detach brings the file in order and ends its journal, whose name goes by the
// file's: that is about to change. The file is frozen.
func (c *content) detach(f File) error {
	if err := c.sound(); err != nil {
		return err // a journal may lie beside the file that nobody has open
	}
	if c.j == nil || c.o.s.opts.breaks.renameLive {
		return nil
	}
	defer c.lend(f)()
	if err := c.checkpoint(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removeJournal()
	return nil
}

// lend gives a file that a failed last close left with its journal the node that
// the caller has pinned, and returns how to take it back. Whoever opens the file
// meanwhile keeps it.
func (c *content) lend(f File) (takeBack func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.f != nil {
		return func() {}
	}
	c.f = f
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.handles == 0 {
			c.f = nil
		} else if _, err := c.o.pin(); err != nil {
			c.o.s.log("cannot keep a file open", "object", c.o.id.String(), "err", err)
		}
	}
}

// hasNode reports whether the file is open or parked.
func (c *content) hasNode() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.f != nil
}

// isOpen reports whether handles of the file are open.
func (c *content) isOpen() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.handles > 0
}

// startTimer plans the checkpoint that follows the first record. mu is held.
func (c *content) startTimer() {
	age := c.o.s.opts.JournalAge
	if c.j.timer != nil || age < 0 {
		return
	}
	s, j := c.o.s, c.j
	s.timers.Add(1)
	j.timer = time.AfterFunc(age, func() {
		defer s.timers.Done()
		c.checkpointLater(j)
	})
}

func (c *content) stopTimer() {
	if t := c.j.timer; t != nil && t.Stop() {
		c.o.s.timers.Done()
	}
	c.j.timer = nil
}

// checkpointLater is the checkpoint that nobody waits for. When it fails the
// journal stays, and the next sync or close tells.
func (c *content) checkpointLater(j *journal) {
	c.freeze()
	defer c.thaw()
	if !c.hasNode() || c.j != j {
		return
	}
	c.mu.Lock()
	j.timer = nil
	c.mu.Unlock()
	if err := c.checkpoint(); err != nil {
		c.o.s.log("cannot bring a journal into its file", "object", c.o.id.String(), "err", err)
	}
}
