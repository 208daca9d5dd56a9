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
		for at := uint64(off); at < min(end, c.valid); {
			p := zeros[:min(min(end, c.valid)-at, uint64(len(zeros)))]
			k, err := c.write(p, at)
			if err != nil {
				return err
			}
			at += uint64(k)
		}
		if keepSize || end <= c.size {
			return nil
		}
		return c.truncate(end)
	})
}

// resize runs change alone on the file.
func (h *Handle) resize(change func(*content) error) error {
	c := h.o.file
	c.syncMu.Lock()
	defer c.syncMu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := h.canWrite(); err != nil {
		return err
	}
	return change(c)
}

func (c *content) truncate(size uint64) error {
	if size > maxFileSize {
		return syscall.EFBIG
	}
	if size == c.size {
		now := time.Now()
		return c.f.SetTimes(nil, &now)
	}
	if err := c.begin(); err != nil {
		return err
	}
	if size < c.valid {
		return c.shrink(size, size)
	}
	s := c.disk // not slot(): newer blocks may not be durable yet
	s.Size = size
	s.Valid = min(s.Valid, size)
	if err := c.writeSlot(c.f, s); err != nil {
		return err
	}
	c.size = size
	return nil
}

// shrink cuts the stored bytes, of which there are more, to valid and sets the
// size. The slot goes first: a crash after it finds blocks that the slot has cut
// off, and recovery cuts them; a crash before it finds the old file.
func (c *content) shrink(valid, size uint64) error {
	b := c.o.s.bufs.get(1)
	defer c.o.s.bufs.put(b)
	i, rem := valid/crypto.BlockSize, valid%crypto.BlockSize
	if rem > 0 {
		if _, err := c.readBlock(b.edges[0], i); err != nil {
			return err
		}
	}
	if err := c.syncBlocks(); err != nil {
		return err
	}
	old := c.slot()
	c.size, c.valid, c.cutIndex, c.cutSeq = size, valid, i, c.seq
	err := c.writeSlot(c.f, c.slot())
	if err == nil && c.careful() {
		err = c.f.Sync(false)
	}
	if err == nil && rem > 0 {
		c.seq++
		c.writes++
		_, err = c.f.WriteAt(c.keys.Data.SealBlock(b.pkgs[:0], i, c.seq, b.edges[0][:rem]), blockOffset(i))
	}
	if err != nil {
		return errors.Join(err, c.uncut(old))
	}
	c.torn = false
	if err := c.f.Truncate(physical(valid)); err != nil {
		c.broken = true
		return err
	}
	return nil
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

func (h *Handle) extent() (size, valid uint64, err error) {
	c := h.o.file
	c.mu.RLock()
	defer c.mu.RUnlock()
	if h.isClosed() {
		return 0, 0, syscall.EBADF
	}
	return c.size, c.valid, nil
}
