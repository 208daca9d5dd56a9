package store

import (
	"sync"
	"time"

	"matterfs/crypto"
)

// Flags in a slot. A slot with others is of a later version and refused.
const (
	// flagDirty: blocks may be newer than the slot says. It is set before the
	// first change of a session and cleared at the last close.
	flagDirty = 1 << iota
	// flagTorn: recovery found the last block unreadable; opening the file does
	// not check it.
	flagTorn
	// flagMoving: the file is on its way to another folder; it may be in the
	// parent of either slot.
	flagMoving

	knownFlags = flagDirty | flagTorn | flagMoving
)

const (
	offSlots = crypto.PrefixSize

	// youngFor is how long the order of writes of a new file is left to the
	// kernel: what a power cut does to it is what it does to any file that was
	// not synced. Older files pay for an fdatasync before their slot changes.
	youngFor = time.Minute

	// refreshWrites is how many block writes may pass without a slot write; it
	// bounds what recovery has to scan and how wrong BlockWrites can be.
	refreshWrites = 1 << 14

	maxBlockWrites = 1 << 32
	maxFileSize    = 1 << 60
)

// content is the state of a live file or symlink: its keys, its last written
// slot, and what changed since.
type content struct {
	o      *Object
	prefix crypto.Prefix
	keys   *crypto.FileKeys // while the backing node is open; see fdCache

	// syncMu is held by sync, changes of size and last close from end to end,
	// so that none of them writes a slot that the other has outdated.
	syncMu sync.Mutex

	mu          sync.RWMutex // guards everything below and the backing file's bytes
	disk        crypto.Slot  // as last written, or as it should have been
	at          int          // which of the two slots holds it
	size        uint64       // bytes
	valid       uint64       // bytes; from here on zeros; at most size
	seq         uint64       // of the newest block
	synced      uint64       // seq at the last fdatasync
	refreshed   uint64       // writes at the last slot write
	writes      uint64       // blocks sealed with this key
	cutIndex    uint64       // a block from here on
	cutSeq      uint64       // needs a sequence above this
	torn        bool         // the last block may be unreadable
	broken      bool         // the backing length may be wrong
	kept        bool         // synced since it became live
	metaChanged bool         // times or attributes changed since the last sync

	handles int  // open ones; the backing node is pinned while > 0
	f       File // that node
}

func newContent(o *Object, p crypto.Prefix, keys *crypto.FileKeys, s crypto.Slot, at int) *content {
	return &content{o: o, prefix: p, keys: keys, disk: s, at: at, size: s.Size, valid: s.Valid,
		seq: s.SeqBase, synced: s.SeqBase, writes: s.BlockWrites, refreshed: s.BlockWrites,
		cutIndex: s.TruncIndex, cutSeq: s.TruncSeq, torn: s.Flags&flagTorn != 0}
}

func (c *content) attr(a *Attr) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	a.Size, a.Mode, a.UID, a.GID = c.size, c.disk.Mode, c.disk.UID, c.disk.GID
	a.Birth = time.Unix(0, c.disk.Birth)
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
// before the mark that says they come.
func (c *content) careful() bool {
	age := c.o.s.now().Sub(time.Unix(0, c.disk.Birth))
	return c.kept || age < 0 || age >= youngFor || !c.o.s.neverSynced(c.o.id)
}

func slotOffset(i int) int64 { return offSlots + int64(i)*crypto.SlotSize }

// writeSlot writes s as the next version over the older slot.
func (c *content) writeSlot(f File, s crypto.Slot) error {
	s.Version = c.disk.Version + 1
	if _, err := f.WriteAt(s.Seal(c.keys.Meta), slotOffset(1-c.at)); err != nil {
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
	c.disk.Version += 2 // never seal other content under a version that may be on the disk
	if _, err := f.WriteAt(out, slotOffset(0)); err != nil {
		return err
	}
	c.disk, c.at, c.refreshed = b, 1, c.writes
	return nil
}

// begin marks the file dirty on the disk before its first change.
func (c *content) begin() error {
	if c.disk.Flags&flagDirty != 0 {
		return nil
	}
	s := c.disk
	s.Flags |= flagDirty
	if err := c.writeSlot(c.f, s); err != nil {
		return err
	}
	if c.careful() {
		return c.f.Sync(false)
	}
	return nil
}

// syncBlocks makes the blocks durable before a slot that counts on them.
func (c *content) syncBlocks() error {
	if c.synced == c.seq || !c.careful() {
		return nil
	}
	if err := c.f.Sync(false); err != nil {
		return err
	}
	c.synced = c.seq
	return nil
}

// finish ends a session: the last handle is closing. What it cannot write stays
// marked dirty, and recovery does it at the next load.
func (c *content) finish() error {
	if c.disk.Flags&flagDirty == 0 || c.o.Unlinked() {
		return nil
	}
	if c.broken {
		if err := c.f.Truncate(physical(c.valid)); err != nil {
			return err
		}
		c.broken = false
	}
	if err := c.syncBlocks(); err != nil {
		return err
	}
	s := c.slot()
	s.Flags &^= flagDirty | flagTorn
	if c.torn {
		s.Flags |= flagTorn
	}
	return keepTimes(c.f, func() error { return c.writeBoth(c.f, s) })
}

// finishNow is finish for handles that nobody closed, when the store closes.
func (c *content) finishNow() error {
	c.syncMu.Lock()
	defer c.syncMu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.handles == 0 {
		return nil
	}
	err := c.finish()
	c.f = nil
	return err
}

// refresh writes a slot when many blocks were written since the last one. An
// old file's slot may not tell of blocks that are not durable: only the count.
func (c *content) refresh() error {
	if c.writes-c.refreshed < refreshWrites {
		return nil
	}
	s := c.slot()
	if c.careful() {
		s = c.disk
		s.BlockWrites = c.writes
	}
	return c.writeSlot(c.f, s)
}

// setMode changes the sealed permission bits and nothing else.
func (c *content) setMode(f File, mode uint32) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.disk
	s.Mode = mode
	return keepTimes(f, func() error { return c.writeSlot(f, s) })
}

// moveTo binds the file to another parent around the rename that takes it
// there: before it the slots name one parent each, after it the new one.
func (c *content) moveTo(f File, parent crypto.ID, rename func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return keepTimes(f, func() error {
		old := c.disk.Parent
		s := c.disk
		s.Parent, s.Flags = parent, s.Flags|flagMoving
		err := c.writeSlot(f, s)
		if err == nil && c.careful() {
			err = f.Sync(false)
		}
		if err == nil {
			err = rename()
		}
		if err != nil {
			c.disk.Parent = old // whatever is written next says so
		}
		s = c.disk
		s.Flags &^= flagMoving
		if serr := c.writeSlot(f, s); serr != nil {
			// Both parents stay allowed until the next slot write.
			c.o.s.log("cannot settle a moved file", "object", c.o.id.String(), "err", serr)
		}
		return err
	})
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
