package store

import (
	"matterfs/crypto"
)

// seqGap is what recovery adds to the highest sequence it saw: blocks may have
// been overwritten that it did not look at, far fewer than this.
const seqGap = 1 << 32

// repair brings a file in order that a crash left dirty or on its way to
// another folder. Nobody else can have it open.
func (c *content) repair(f File, h *header, parent crypto.ID) error {
	if c.disk.Flags&(flagDirty|flagMoving) == 0 {
		return nil
	}
	if !h.whole[1-h.at] {
		c.o.s.log("a slot is unreadable after a crash", "object", c.o.id.String())
	}
	c.disk.Parent = parent
	if c.disk.Flags&flagDirty != 0 {
		if err := c.recover(f); err != nil {
			return err
		}
	}
	s := c.slot()
	s.Flags = 0
	if c.torn {
		s.Flags = flagTorn
	}
	return keepTimes(f, func() error { return c.writeBoth(f, s) })
}

// recover finds out how far the blocks reach and makes the backing file as long
// as that. Before the journal exists blocks are overwritten in place, so one
// that a crash tore stays unreadable; the others do not suffer from it.
func (c *content) recover(f File) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if st.Size < physical(c.valid) {
		return &CorruptError{What: "backing file cut off behind our back"}
	}
	before := c.valid
	if err := c.scanTail(f, st.Size); err != nil {
		return err
	}
	c.size = max(c.size, c.valid)
	c.seq += seqGap
	c.synced = c.seq - 1
	c.writes += 2 * refreshWrites
	c.o.s.log("recovered a file after a crash", "object", c.o.id.String(),
		"blocks", (c.valid-before)/crypto.BlockSize, "torn", c.torn)
	if err := f.Truncate(physical(c.valid)); err != nil {
		return err
	}
	return f.Sync(false)
}

// scanTail extends valid over authentic blocks written after the slot, as far
// as they are contiguous.
func (c *content) scanTail(f File, length int64) error {
	if more, err := c.scanBoundary(f, length); err != nil || !more {
		return err
	}
	buf := make([]byte, crypto.BlockStride)
	base := c.disk.SeqBase
	for i := c.valid / crypto.BlockSize; ; i++ {
		n, err := f.ReadAt(buf, blockOffset(i))
		if err != nil {
			return err
		}
		data, seq, err := c.keys.Data.OpenBlock(buf[:n], i)
		if err != nil || seq <= base || !c.afterCut(i, seq) {
			return nil
		}
		c.valid += uint64(len(data))
		c.seq = max(c.seq, seq)
		if len(data) < crypto.BlockSize {
			return nil
		}
	}
}

// scanBoundary looks at the last block of which the slot knows a part. It may
// be as the slot says, or longer by an append, or still uncut by a shrink that
// was interrupted. It reports whether blocks may follow it.
func (c *content) scanBoundary(f File, length int64) (more bool, err error) {
	i, rem := c.valid/crypto.BlockSize, c.valid%crypto.BlockSize
	if rem == 0 {
		return true, nil
	}
	whole := make([]byte, min(length-blockOffset(i), crypto.BlockStride))
	n, err := f.ReadAt(whole, blockOffset(i))
	if err != nil {
		return false, err
	}
	short := append([]byte(nil), whole[:min(n, int(rem)+crypto.LabelSize+crypto.PackageOverhead)]...)
	if _, seq, err := c.keys.Data.OpenBlock(short, i); err == nil && c.afterCut(i, seq) {
		c.seq = max(c.seq, seq)
		return false, nil
	}
	data, seq, err := c.keys.Data.OpenBlock(whole[:n], i)
	switch {
	case err != nil || uint64(len(data)) < rem:
		c.torn = true
		return false, nil
	case !c.afterCut(i, seq):
		return false, c.recut(f, i, data[:rem])
	}
	c.torn = false
	c.valid += uint64(len(data)) - rem
	c.seq = max(c.seq, seq)
	return len(data) == crypto.BlockSize, nil
}

// recut does what an interrupted shrink did not come to: it seals the part of
// the boundary block that stays.
func (c *content) recut(f File, i uint64, data []byte) error {
	c.seq += seqGap
	_, err := f.WriteAt(c.keys.Data.SealBlock(nil, i, c.seq, data), blockOffset(i))
	return err
}
