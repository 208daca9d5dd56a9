package store

import (
	"errors"
	"syscall"

	"matterfs/crypto"
)

// zeros is what gaps are filled with; nobody writes to it.
var zeros [256 * crypto.BlockSize]byte

// WriteAt writes p at off. Bytes between the old end and off read as zeros.
// With an error the first n bytes are written. EBADF on a handle for reading,
// EFBIG beyond the format's or the configured limit, [ErrRekey] when the file's
// key is worn out, *[CorruptError] when a block of which only a part is written
// does not authenticate, and the errors of the disk.
func (h *Handle) WriteAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, syscall.EINVAL
	}
	c := h.o.file
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := h.canWrite(); err != nil {
		return 0, err
	}
	return c.write(p, uint64(off))
}

// Append writes p at the end of the file as it is now and returns where that
// was; no other write comes in between.
func (h *Handle) Append(p []byte) (off int64, n int, err error) {
	c := h.o.file
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := h.canWrite(); err != nil {
		return 0, 0, err
	}
	off = int64(c.size)
	n, err = c.write(p, c.size)
	return off, n, err
}

// write is WriteAt with mu held.
func (c *content) write(p []byte, off uint64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if off+uint64(len(p)) > maxFileSize {
		return 0, syscall.EFBIG
	}
	if off > c.valid && off-c.valid > c.o.s.opts.MaxZeroFill {
		return 0, syscall.EFBIG
	}
	if err := c.begin(); err != nil {
		return 0, err
	}
	if err := c.fill(off); err != nil {
		return 0, err
	}
	n := 0
	for n < len(p) {
		k, err := c.writeBatch(batchOf(p[n:], off+uint64(n)), off+uint64(n))
		n += k
		if err != nil {
			return n, err
		}
	}
	return n, c.refresh()
}

// batchOf returns the part of p that fits one pwrite.
func batchOf(p []byte, off uint64) []byte {
	return p[:min(len(p), (batchBlocks-1)*crypto.BlockSize-int(off%crypto.BlockSize))]
}

// fill seals zeros from valid up to end, so that the stored bytes stay without
// gaps. If the disk is full the file is as before.
func (c *content) fill(end uint64) error {
	size, valid := c.size, c.valid
	for c.valid < end {
		p := batchOf(zeros[:min(end-c.valid, uint64(len(zeros)))], c.valid)
		_, err := c.writeBatch(p, c.valid)
		if err == nil {
			err = c.refresh()
		}
		if err != nil {
			return errors.Join(err, c.unfill(valid, size))
		}
	}
	return nil
}

func (c *content) unfill(valid, size uint64) error {
	if c.valid == valid {
		return nil
	}
	return c.shrink(valid, size)
}

// batch is one write of contiguous blocks on its way.
type batch struct {
	*buffer
	p           []byte
	off, end    uint64
	first, last uint64 // blocks
	valid       uint64 // what will be stored afterwards
}

// writeBatch seals the blocks that p touches and writes them with one pwrite.
// off is not above valid.
func (c *content) writeBatch(p []byte, off uint64) (int, error) {
	end := off + uint64(len(p))
	b := batch{p: p, off: off, end: end, first: off / crypto.BlockSize,
		last: (end - 1) / crypto.BlockSize, valid: max(c.valid, end)}
	count := b.last - b.first + 1
	if c.writes+count > maxBlockWrites {
		return 0, ErrRekey
	}
	b.buffer = c.o.s.bufs.get(count)
	defer c.o.s.bufs.put(b.buffer)
	if err := c.merge(&b); err != nil {
		return 0, err
	}
	out := b.pkgs[:0]
	for i := b.first; i <= b.last; i++ {
		c.seq++
		out = c.keys.Data.SealBlock(out, i, c.seq, b.plain(i))
	}
	c.writes += count
	n, err := c.f.WriteAt(out, blockOffset(b.first))
	if err != nil {
		return c.salvage(&b, n), err
	}
	c.valid, c.size = b.valid, max(c.size, end)
	return len(p), nil
}

// plain returns the whole new plaintext of block i.
func (b *batch) plain(i uint64) []byte {
	start, size := i*crypto.BlockSize, storedLen(i, b.valid)
	switch {
	case b.covers(i):
		return b.p[start-b.off:][:size]
	case i == b.first:
		return b.edges[0][:size]
	}
	return b.edges[1][:size]
}

// covers reports whether p holds all of block i.
func (b *batch) covers(i uint64) bool {
	start := i * crypto.BlockSize
	return b.off <= start && start+storedLen(i, b.valid) <= b.end
}

// merge puts the edge blocks together from what is stored and what is new.
func (c *content) merge(b *batch) error {
	if !b.covers(b.first) {
		if _, err := c.readBlock(b.edges[0], b.first); err != nil {
			return err
		}
		copy(b.edges[0][b.off%crypto.BlockSize:], b.p)
	}
	if b.last != b.first && !b.covers(b.last) {
		if _, err := c.readBlock(b.edges[1], b.last); err != nil {
			return err
		}
		copy(b.edges[1], b.p[b.last*crypto.BlockSize-b.off:])
	}
	return nil
}

// salvage makes the best of a pwrite that stopped after n bytes of packages and
// returns how many bytes of p are stored. The block in which it stopped, if it
// was stored before, is written again as far as it was: that needs no new room.
func (c *content) salvage(b *batch, n int) int {
	whole := uint64(n / crypto.BlockStride)
	stop := b.first + whole
	before := c.valid
	if whole > 0 {
		c.valid = max(c.valid, stop*crypto.BlockSize)
	}
	if size := storedLen(stop, before); n%crypto.BlockStride != 0 && size > 0 {
		c.seq++
		c.writes++
		pkg := c.keys.Data.SealBlock(b.pkgs[:0], stop, c.seq, b.plain(stop)[:size])
		if _, err := c.f.WriteAt(pkg, blockOffset(stop)); err != nil {
			c.torn = true
		}
	}
	if err := c.f.Truncate(physical(c.valid)); err != nil {
		c.broken = true
	}
	if whole == 0 {
		return 0
	}
	done := min(stop*crypto.BlockSize, b.end)
	c.size = max(c.size, c.valid)
	return int(done - b.off)
}
