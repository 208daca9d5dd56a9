package store

import (
	"sync"
	"sync/atomic"
	"time"

	"matterfs/crypto"
)

// Flags in a slot. A slot with others is of a later version and refused.
const (
	// flagTail: blocks may follow those that the slot counts, and the length of
	// the backing file is open. Set when a file is made, cut, or first written
	// beyond its end; cleared at the last close.
	flagTail = 1 << iota
	// flagMoving: the file is on its way to another folder; it may be in the
	// parent of either slot.
	flagMoving

	knownFlags = flagTail | flagMoving
)

const (
	offSlots = crypto.PrefixSize

	// youngFor is how long the order of writes of a new file is left to the
	// kernel: what a power cut does to it is what it does to any file that was
	// not synced. Older files pay for an fdatasync before their slot changes.
	youngFor = time.Minute

	// refreshWrites is how many block writes may pass without a slot write; it
	// bounds how wrong BlockWrites can be after a crash.
	refreshWrites = 1 << 14

	warnBlockWrites = 1 << 31
	maxBlockWrites  = 1 << 32
	maxFileSize     = 1 << 60
)

// content is the state of a live file or symlink: its keys, its last written
// slot, its journal, and what changed since.
type content struct {
	o      *Object
	prefix crypto.Prefix
	birth  time.Time
	keys   *crypto.FileKeys // while the backing node is open; see fdCache

	// syncMu is held by sync, checkpoint, changes of size, rename and last close
	// from end to end, so that none of them writes a slot that the other has
	// outdated.
	syncMu sync.Mutex

	// writeMu is held by whoever changes blocks, and by a checkpoint while it
	// copies them: readers go on, writers wait.
	writeMu sync.Mutex

	// mu guards everything below and the backing file's bytes. What is written
	// under it by holders of writeMu or syncMu only, they may read without it.
	mu          sync.RWMutex
	disk        crypto.Slot // as last written, or as it should have been
	at          int         // which of the two slots holds it
	size        uint64      // bytes
	valid       uint64      // bytes; from here on zeros; at most size
	seq         uint64      // of the newest block or commit record
	refreshed   uint64      // writes at the last slot write
	writes      uint64      // blocks sealed with this key
	cutIndex    uint64      // a block from here on
	cutSeq      uint64      // needs a sequence above this
	marked      bool        // flagTail is as durable as it needs to be
	loose       bool        // the backing file may be longer than it should be
	kept        bool        // synced since it became live
	metaChanged bool        // times or attributes changed since the last sync
	mtime       time.Time   // of the last write, once one went to the journal; zero: the inode's
	held        time.Time   // what attr says while blocks are copied; zero: what is
	j           *journal    // nil while there is none
	known       extent      // what the journal's last durable commit record says
	undead      bool        // unlinked, and a power cut may bring the name back

	failed atomic.Pointer[SyncError] // an fsync failed since the file was read from the disk

	dirty atomic.Bool // bytes of the file were written since its last fdatasync;
	// set after they were, before mu or writeMu is given up

	handles int         // open ones
	f       File        // the backing node, pinned; nil when nothing is open or parked
	parked  *time.Timer // of the end of the session; see park
}

// extent is how far a file reaches.
type extent struct{ size, valid uint64 }

func newContent(o *Object, p crypto.Prefix, keys *crypto.FileKeys, s crypto.Slot, at int) *content {
	c := &content{o: o, prefix: p, birth: time.Unix(0, s.Birth), keys: keys}
	c.begin(s, at)
	return c
}

// begin takes over what the disk says.
func (c *content) begin(s crypto.Slot, at int) {
	c.disk, c.at = s, at
	c.size, c.valid, c.known = s.Size, s.Valid, extent{s.Size, s.Valid}
	c.seq, c.writes, c.refreshed = s.SeqBase, s.BlockWrites, s.BlockWrites
	c.cutIndex, c.cutSeq = s.TruncIndex, s.TruncSeq
	c.marked, c.loose = s.Flags&flagTail != 0, false
	c.mtime = time.Time{}
	c.dirty.Store(false)
}

// attr completes what the backing inode says. mu is held since that was asked.
func (c *content) attr(a *Attr) {
	a.Size, a.Mode, a.UID, a.GID = c.size, c.disk.Mode, c.disk.UID, c.disk.GID
	a.Birth = c.birth
	switch {
	case !c.mtime.IsZero():
		a.Mtime = c.mtime
	case !c.held.IsZero():
		a.Mtime = c.held
	}
	if c.mtime.After(a.Ctime) {
		a.Ctime = c.mtime
	}
}

// slot returns the slot for the state as it is now, flags of the last one.
func (c *content) slot() crypto.Slot {
	s := c.disk
	s.Size, s.Valid, s.SeqBase, s.BlockWrites = c.size, c.valid, c.seq, c.writes
	s.TruncIndex, s.TruncSeq = c.cutIndex, c.cutSeq
	return s
}

// careful reports whether the file was ever synced or is old enough to be taken
// for it: then its slot must not reach the disk before its blocks, nor blocks
// before the mark that says they come. A file without a name is gone after a
// crash anyway.
func (c *content) careful() bool {
	if c.o.Unlinked() {
		return false
	}
	age := c.o.s.now().Sub(c.birth)
	return c.kept || age < 0 || age >= youngFor || !c.o.s.neverSynced(c.o.id)
}

func slotOffset(i int) int64 { return offSlots + int64(i)*crypto.SlotSize }

// writeSlot writes s as the next version over the older slot.
func (c *content) writeSlot(f File, s crypto.Slot) error {
	s.Version = c.disk.Version + 1
	c.disk.Version++ // never seal other content under a version that may be on the disk
	_, err := f.WriteAt(s.Seal(c.keys.Meta), slotOffset(1-c.at))
	c.dirty.Store(true)
	if err != nil {
		return err
	}
	c.disk, c.at, c.refreshed = s, 1-c.at, c.writes
	return nil
}

// writeBoth writes s over both slots, with the next two versions. Both stand in
// one page, so a kill leaves none half written.
func (c *content) writeBoth(f File, s crypto.Slot) error {
	a, b := s, s
	a.Version, b.Version = c.disk.Version+1, c.disk.Version+2
	out := append(a.Seal(c.keys.Meta), b.Seal(c.keys.Meta)...)
	c.disk.Version += 2
	_, err := f.WriteAt(out, slotOffset(0))
	c.dirty.Store(true)
	if err != nil {
		return err
	}
	c.disk, c.at, c.refreshed = b, 1, c.writes
	return nil
}

// syncFile makes what was written to the backing file durable, if anything was.
func (c *content) syncFile(f File, full bool) error {
	if !c.dirty.Swap(false) && !full {
		return nil
	}
	if err := c.fsync(f, full); err != nil {
		c.dirty.Store(true)
		return err
	}
	return nil
}

// mark says on the disk, before the first block beyond the durable end is
// written, that such blocks may follow: else a file that is longer than its
// slot says would be taken for an attack. A durable journal says so too.
func (c *content) mark() error {
	if c.marked || c.j != nil && c.j.entry || c.o.s.opts.breaks.noMark || c.o.Unlinked() {
		return nil
	}
	if c.disk.Flags&flagTail == 0 {
		s := c.disk
		s.Flags |= flagTail
		if err := c.writeSlot(c.f, s); err != nil {
			return err
		}
	}
	if c.careful() {
		if err := c.syncFile(c.f, false); err != nil {
			return err
		}
	}
	c.marked = true
	return nil
}

// refresh writes a slot when many blocks were written since the last one. It
// tells of their number only: the blocks may not be durable.
func (c *content) refresh() error {
	if c.writes-c.refreshed < refreshWrites {
		return nil
	}
	if c.refreshed < warnBlockWrites && c.writes >= warnBlockWrites {
		c.o.s.log("half of what the key of a file may seal is used: copy the file", "object", c.o.id.String())
	}
	s := c.disk
	s.BlockWrites = c.writes
	return c.writeSlot(c.f, s)
}

// setMode changes the sealed permission bits and nothing else.
func (c *content) setMode(f File, mode uint32) error {
	c.freeze()
	defer c.thaw()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.sound(); err != nil {
		return err
	}
	s := c.disk
	s.Mode = mode
	return c.keepTimes(f, func() error { return c.writeSlot(f, s) })
}

// touched takes now for the time of the last write, if the inode does not say so:
// it may have the time of an earlier write, or one that somebody set, even to
// come. mu is held.
func (c *content) touched() {
	if !c.mtime.IsZero() {
		c.mtime = time.Now()
	}
}

// keepTimes is keepTimes for the backing file: a write that went to the journal
// has changed the time too.
func (c *content) keepTimes(f File, change func() error) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	if !c.mtime.IsZero() {
		st.Mtime = c.mtime
	}
	if err := f.SetTimes(nil, &st.Mtime); err != nil {
		return err
	}
	c.mtime = time.Time{}
	return nil
}

// freeze keeps everybody from changing the file, its slots and its journal.
func (c *content) freeze() {
	c.syncMu.Lock()
	c.writeMu.Lock()
}

func (c *content) thaw() {
	c.writeMu.Unlock()
	c.syncMu.Unlock()
}

// moveTo binds the file to another parent around the rename that takes it
// there: before it the slots name one parent each, after it the new one. The
// file is frozen.
func (c *content) moveTo(f File, parent crypto.ID, rename func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.sound(); err != nil {
		return err
	}
	moved := false
	err := c.keepTimes(f, func() error {
		old := c.disk.Parent
		s := c.disk
		s.Parent = parent
		if !c.o.s.opts.breaks.oneParent {
			s.Flags |= flagMoving
		}
		err := c.writeSlot(f, s)
		if err == nil && c.careful() {
			err = c.syncFile(f, false)
		}
		if err == nil {
			err = rename()
		}
		if err != nil {
			c.disk.Parent = old // whatever is written next says so
		}
		moved = err == nil
		c.settleMove(f)
		return err
	})
	if moved && err != nil {
		c.o.s.log("cannot keep the time of a moved file", "object", c.o.id.String(), "err", err)
		return nil
	}
	return err
}

// settleMove forgets the folder that the file is not in. If that fails both
// stay allowed until the next slot write.
func (c *content) settleMove(f File) {
	s := c.disk
	s.Flags &^= flagMoving
	err := c.writeSlot(f, s)
	if err == nil && c.careful() {
		err = c.syncFile(f, false)
	}
	if err != nil {
		c.o.s.log("cannot settle a moved file", "object", c.o.id.String(), "err", err)
	}
}

// index and byte arithmetic: block i holds bytes [i*BlockSize, (i+1)*BlockSize).

func blockOffset(i uint64) int64 { return crypto.HeaderSize + int64(i)*crypto.BlockStride }

// physical returns the length of the backing file when valid bytes are stored.
func physical(valid uint64) int64 {
	n := blockOffset(valid / crypto.BlockSize)
	if rem := valid % crypto.BlockSize; rem > 0 {
		n += int64(rem) + crypto.LabelSize + crypto.PackageOverhead
	}
	return n
}

// storedLen returns how many bytes of block i are stored when valid bytes are.
func storedLen(i, valid uint64) uint64 {
	start := i * crypto.BlockSize
	if valid <= start {
		return 0
	}
	return min(valid-start, crypto.BlockSize)
}
