package store

import (
	"syscall"

	"matterfs/crypto"
)

// maxFresh is how many unsynced entries are remembered one by one; beyond it
// one sync of the whole disk makes them all durable.
const maxFresh = 1 << 16

// Sync makes everything written so far durable: the blocks and the record or
// slot that counts on them, then, if it never was, the name of the file and the
// folders above it.
func (h *Handle) Sync() error {
	if h.closed.Load() {
		return syscall.EBADF
	}
	if err := h.o.file.sync(); err != nil {
		return err
	}
	return h.o.s.syncEntry(h.o)
}

// sync lets readers and writers go on while the disk works; only changes of
// size, checkpoints and the last close wait.
func (c *content) sync() error {
	c.syncMu.Lock()
	defer c.syncMu.Unlock()
	c.mu.Lock()
	// The slot as long as there is no journal: it must not cover a first record that comes now.
	f, j, full, now := c.f, c.j, c.metaChanged, c.slot()
	c.metaChanged = false
	c.mu.Unlock()
	if f == nil {
		return ErrClosed
	}
	whole := false
	defer c.poison(&whole)
	err := c.sound()
	switch {
	case err != nil:
	case c.o.Unlinked():
		err = c.fsync(f, full)
	case j == nil:
		err = c.syncSlot(f, now, full)
	case c.careful():
		err = c.syncJournal(f, full)
	default:
		err = c.syncYoung(f, full)
	}
	whole = true
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = c.kept || err == nil
	c.metaChanged = c.metaChanged || full && err != nil
	return err
}

// syncSlot is the fsync of a file that had no journal when its slot was now: its
// blocks, then the slot that counts them. Records made meanwhile are newer.
func (c *content) syncSlot(f File, now crypto.Slot, full bool) error {
	c.dirty.Store(false)
	if err := c.fsync(f, full); err != nil {
		c.dirty.Store(true)
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.disk // mode and parent may have changed meanwhile
	s.SeqBase, s.TruncIndex, s.TruncSeq = now.SeqBase, now.TruncIndex, now.TruncSeq
	s.Size, s.Valid, s.BlockWrites = now.Size, now.Valid, now.BlockWrites
	if s == c.disk {
		return nil
	}
	if err := c.keepTimes(f, func() error { return c.writeSlot(f, s) }); err != nil {
		return err
	}
	c.known = extent{s.Size, s.Valid}
	return c.syncFile(f, false)
}

// syncJournal is the fsync of a file with a journal: the blocks that went
// straight into the file, if any, a commit record if the file reaches farther
// than what is durable says, and the journal. syncMu is held.
func (c *content) syncJournal(f File, full bool) error {
	breaks := c.o.s.opts.breaks
	c.mu.Lock()
	j, now, dirty := c.j, extent{c.size, c.valid}, c.dirty.Swap(false)
	c.mu.Unlock()
	if (dirty || full) && !breaks.noFileSync {
		if err := c.fsync(f, full); err != nil {
			c.dirty.Store(true)
			return err
		}
	}
	if err := c.commit(now); err != nil {
		return err
	}
	if err := c.flushJournal(j); err != nil {
		return err
	}
	c.mu.Lock()
	c.known = now
	c.mu.Unlock()
	return nil
}

// commit appends a commit record if the file does not reach as far as the last one
// says.
func (c *content) commit(now extent) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now == c.known || c.o.s.opts.breaks.noCommit {
		return nil
	}
	return c.commitRecord(now.size, now.valid)
}

// flushJournal makes the records of the journal durable, and its name. syncMu is
// held.
func (c *content) flushJournal(j *journal) error {
	c.mu.RLock()
	end := j.end
	c.mu.RUnlock()
	if end > j.durable && !c.o.s.opts.breaks.noJournalSync {
		if err := c.fsync(j.f, false); err != nil {
			return err
		}
	}
	j.durable = end
	return c.syncJournalName(j)
}

// syncYoung is the first fsync of a file with a journal. As nothing of it is
// durable yet, its blocks can go into place at once.
func (c *content) syncYoung(f File, full bool) error {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	if err := c.settle(); err != nil {
		return err
	}
	if err := c.fsync(f, full); err != nil {
		return err
	}
	c.mu.Lock()
	c.kept = true
	c.mu.Unlock()
	return c.seal()
}

// syncFresh makes durable, when the store closes, what the next one to open it
// will take for durable.
func (s *Store) syncFresh() error {
	s.freshMu.Lock()
	defer s.freshMu.Unlock()
	if len(s.fresh)+len(s.stale) == 0 {
		return nil
	}
	return s.disk.SyncAll()
}

// leaveStale remembers that times or attributes of an object that leaves memory
// are not durable.
func (s *Store) leaveStale(id crypto.ID) {
	s.freshMu.Lock()
	defer s.freshMu.Unlock()
	s.stale[id] = struct{}{}
	if len(s.stale) <= maxFresh {
		return
	}
	if err := s.disk.SyncAll(); err != nil {
		s.log("cannot sync the disk", "err", err)
		return
	}
	clear(s.stale)
}

// takeStale reports and forgets that.
func (s *Store) takeStale(id crypto.ID) bool {
	s.freshMu.Lock()
	defer s.freshMu.Unlock()
	_, ok := s.stale[id]
	delete(s.stale, id)
	return ok
}

type freshness struct {
	gen     uint64
	created bool // not merely renamed
}

// markFresh remembers that the entry of an object is not durable. It may sync
// the whole disk to forget what it remembers.
func (s *Store) markFresh(id crypto.ID, created bool) {
	s.freshMu.Lock()
	defer s.freshMu.Unlock()
	s.freshGen++
	s.fresh[id] = freshness{s.freshGen, created || s.fresh[id].created}
	if len(s.fresh) <= maxFresh {
		return
	}
	if err := s.disk.SyncAll(); err != nil {
		s.log("cannot sync the disk", "err", err)
		return
	}
	clear(s.fresh)
}

// neverSynced reports whether the object was created and not synced since.
func (s *Store) neverSynced(id crypto.ID) bool {
	s.freshMu.Lock()
	defer s.freshMu.Unlock()
	return s.fresh[id].created
}

func (s *Store) freshOf(id crypto.ID) (freshness, bool) {
	s.freshMu.Lock()
	defer s.freshMu.Unlock()
	f, ok := s.fresh[id]
	return f, ok
}

// unmarkFresh forgets what f knew, unless the object was renamed meanwhile.
func (s *Store) unmarkFresh(id crypto.ID, f freshness) {
	s.freshMu.Lock()
	defer s.freshMu.Unlock()
	if s.fresh[id].gen == f.gen {
		delete(s.fresh, id)
	}
}

// syncEntry makes the name of o durable and, as far as needed, the folders that
// lead to it.
func (s *Store) syncEntry(o *Object) error {
	o.Retain()
	for {
		f, ok := s.freshOf(o.id)
		parent, name := o.Location()
		if !ok || parent == nil {
			o.Release()
			if parent != nil {
				parent.Release()
			}
			return nil
		}
		err := s.syncOne(o, parent, name)
		if now, newName := o.at(); err != nil && (now != parent || newName != name || o.Unlinked()) {
			parent.Release() // it was renamed in between
			continue
		}
		o.Release()
		if err != nil {
			parent.Release()
			return err
		}
		s.unmarkFresh(o.id, f)
		o = parent
	}
}

func (s *Store) syncOne(o, parent *Object, name string) error {
	if o.dir != nil {
		if err := o.syncMeta(); err != nil {
			return err
		}
	}
	again := s.isSuspect(o.id)
	dir, err := parent.pinDir()
	if err != nil {
		return err
	}
	defer parent.unpin()
	stored, long, err := parent.m.names.Seal(parent.id, name)
	if err != nil {
		return err
	}
	switch {
	case long != nil && again:
		err = s.putLong(dir, stored, long, true)
	case long != nil:
		err = s.syncSide(o, dir, stored+longSuffix)
	}
	if err != nil {
		return err
	}
	return dir.Sync(true)
}

// syncSide makes a file durable that never changes once written. If that fails
// the next attempt writes another one: the kernel takes this one for clean.
func (s *Store) syncSide(o *Object, dir Dir, name string) error {
	err := syncFile(dir, name)
	if err != nil {
		s.suspect(o.id)
	}
	return err
}

func (o *Object) syncMeta() error {
	if o.s.isSuspect(o.id) {
		err := o.changeMeta(func(*crypto.DirMeta) {})
		if err == nil {
			o.s.unsuspect(o.id)
		}
		return err
	}
	d, err := o.pinDir()
	if err != nil {
		return err
	}
	defer o.unpin()
	if err := o.s.syncSide(o, d, dirFile); err != nil {
		return err
	}
	return d.Sync(true)
}

func syncFile(dir Dir, name string) error {
	f, err := dir.OpenFile(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync(false)
}
