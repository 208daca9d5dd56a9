package store

import (
	"errors"
	"syscall"
	"time"

	"matterfs/crypto"
)

// Truncate sets the size in bytes. Growing stores nothing: the new bytes read
// as zeros. Bytes cut off are gone from the file for good. Errors as WriteAt.
func (h *Handle) Truncate(size uint64) error {
	return h.resize(func(c *content) error { return c.truncate(size) })
}

// Allocate reserves room for n bytes from off on; ENOSPC when there is none.
// Without keepSize the file grows to off+n.
func (h *Handle) Allocate(off, n int64, keepSize bool) error {
	if off < 0 || n <= 0 {
		return syscall.EINVAL
	}
	return h.resize(func(c *content) error {
		end := uint64(off) + uint64(n)
		if end > maxFileSize {
			return syscall.EFBIG
		}
		first := blockOffset(uint64(off) / crypto.BlockSize)
		err := c.f.Allocate(first, physical(end)-first)
		if err != nil && !errors.Is(err, syscall.EOPNOTSUPP) {
			return err
		}
		if keepSize || end <= c.size {
			return nil
		}
		return c.truncate(end)
	})
}

// Zero makes n bytes from off on read as zeros (punch hole, zero range).
// Without keepSize the file grows to off+n.
func (h *Handle) Zero(off, n int64, keepSize bool) error {
	if off < 0 || n <= 0 {
		return syscall.EINVAL
	}
	return h.resize(func(c *content) error {
		end := uint64(off) + uint64(n)
		if end > maxFileSize {
			return syscall.EFBIG
		}
		if err := c.zero(uint64(off), min(end, c.valid)); err != nil {
			return err
		}
		if keepSize || end <= c.size {
			return nil
		}
		return c.truncate(end)
	})
}

// zero writes zeros over stored bytes. The file is frozen.
func (c *content) zero(off, end uint64) error {
	for off < end {
		k, err := c.zeroPart(off, end)
		if err == nil && c.longJournal(c.o.s.opts.JournalBytes) {
			err = c.checkpoint()
		}
		if err != nil {
			return err
		}
		off += uint64(k)
	}
	return nil
}

func (c *content) zeroPart(off, end uint64) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.write(zeros[:min(end-off, uint64(len(zeros)))], off)
}

// resize runs change alone on the file, mu not held.
func (h *Handle) resize(change func(*content) error) error {
	c := h.o.file
	c.freeze()
	defer c.thaw()
	return h.guarded(change)
}

func (c *content) truncate(size uint64) error {
	switch {
	case size > maxFileSize:
		return syscall.EFBIG
	case size < c.valid:
		return c.shrink(size)
	case size < c.size && c.j != nil:
		// Commit records may know of the larger size: they must be too old.
		if err := c.settle(); err != nil {
			return err
		}
		c.setSize(size)
		c.touch()
		return c.seal()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if size == c.size {
		now := time.Now()
		c.mtime = time.Time{}
		return c.f.SetTimes(nil, &now)
	}
	s := c.disk // not slot(): newer blocks may not be durable yet
	s.Size = size
	s.Valid = min(s.Valid, size)
	if err := c.writeSlot(c.f, s); err != nil {
		return err
	}
	c.size = size
	c.touched()
	return nil
}

// touch makes now the time of the file, for changes that only slots tell of.
func (c *content) touch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mtime = time.Now()
}

func (c *content) setSize(size uint64) {
	c.mu.Lock()
	c.size = size
	c.mu.Unlock()
}

// shrink cuts the stored bytes, of which there are more, to size. The slot goes
// first: a crash after it finds blocks that the slot has cut off, and recovery
// cuts them; a crash before it finds the old file. The block in which the cut is
// goes to the journal, sealed anew; the whole one stays in place until then.
func (c *content) shrink(size uint64) error {
	b := c.o.s.bufs.get(1)
	defer c.o.s.bufs.put(b)
	cut := batch{buffer: b, off: size - size%crypto.BlockSize, end: size, valid: size}
	cut.first = cut.off / crypto.BlockSize
	cut.last = cut.first
	if cut.end > cut.off {
		if _, err := c.readBlock(b.edges[0], cut.first); err != nil {
			return err
		}
		cut.p = b.edges[0][:cut.end-cut.off]
	}
	if err := c.settle(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.o.s.opts.breaks.cutFirst {
		c.f.Truncate(cut.place())
	}
	old := c.slot()
	if err := c.cut(&cut); err != nil {
		return errors.Join(err, c.uncut(old))
	}
	c.loose = len(cut.p) > 0
	c.dirty.Store(true)
	if err := c.f.Truncate(cut.place()); err != nil {
		c.loose = true
		return err
	}
	return nil
}

// place returns how long the backing file is after a cut, the block in which it
// is still whole.
func (b *batch) place() int64 { return blockOffset((b.end + crypto.BlockSize - 1) / crypto.BlockSize) }

// cut writes the slot of a shrink, and the block in which it is.
func (c *content) cut(b *batch) error {
	c.size, c.valid, c.cutIndex, c.cutSeq = b.end, b.end, b.first, c.seq
	s := c.slot()
	s.Flags |= flagTail
	err := c.writeSlot(c.f, s)
	if err == nil && c.careful() {
		err = c.syncFile(c.f, false)
	}
	if err != nil {
		return err
	}
	c.marked, c.known = true, extent{b.end, b.end}
	c.emptyJournal()
	c.touched()
	if len(b.p) == 0 {
		return nil
	}
	_, err = c.record(b)
	return err
}

// uncut goes back to the state before a shrink of which nothing but the slot
// may have reached the disk.
func (c *content) uncut(old crypto.Slot) error {
	c.size, c.valid, c.cutIndex, c.cutSeq = old.Size, old.Valid, old.TruncIndex, old.TruncSeq
	return c.writeSlot(c.f, c.slot())
}

// SeekData returns the first offset from off on that holds stored bytes; ENXIO
// when there is none.
func (h *Handle) SeekData(off int64) (int64, error) {
	size, valid, err := h.extent()
	if err != nil {
		return 0, err
	}
	if off < 0 || uint64(off) >= min(size, valid) {
		return 0, syscall.ENXIO
	}
	return off, nil
}

// SeekHole returns the first offset from off on that was never written, at the
// latest the end of the file; ENXIO when off is not inside the file.
func (h *Handle) SeekHole(off int64) (int64, error) {
	size, valid, err := h.extent()
	if err != nil {
		return 0, err
	}
	if off < 0 || uint64(off) >= size {
		return 0, syscall.ENXIO
	}
	return max(off, int64(valid)), nil
}

// Size is how long the file is now; 0 when the handle is closed.
func (h *Handle) Size() int64 {
	size, _, err := h.extent()
	if err != nil {
		return 0
	}
	return int64(size)
}

func (h *Handle) extent() (size, valid uint64, err error) {
	c := h.o.file
	c.mu.RLock()
	defer c.mu.RUnlock()
	if h.isClosed() {
		return 0, 0, syscall.EBADF
	}
	return c.size, c.valid, nil
}
