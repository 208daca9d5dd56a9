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
	for n < len(p) || n == 0 {
		part := min(len(p)-n, maxPart-int(uint64(off)+uint64(n))%crypto.BlockSize)
		k, err := h.writePart(p[n:n+part], uint64(off)+uint64(n))
		n += k
		if err != nil || len(p) == 0 {
			return n, err
		}
	}
	return n, nil
}

// maxPart is how much one write does before others get their turn and the
// journal is looked at.
const maxPart = 4 << 20

// writePart is a write of at most maxPart bytes. A disk that is full may have
// room again once the journal is gone.
func (h *Handle) writePart(p []byte, off uint64) (n int, err error) {
	c := h.o.file
	write := func(c *content) (err error) {
		k, err := c.write(p[n:], off+uint64(n))
		n += k
		return err
	}
	err = h.alone(write)
	if errors.Is(err, syscall.ENOSPC) && c.relieve(1) {
		return n, h.alone(write)
	}
	c.relieve(c.o.s.opts.JournalBytes)
	return n, err
}

// alone runs change with the locks of a write.
func (h *Handle) alone(change func(*content) error) error {
	c := h.o.file
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	return h.guarded(change)
}

// guarded runs change where the file may be changed, under the locks of the
// caller.
func (h *Handle) guarded(change func(*content) error) error {
	c := h.o.file
	if err := h.canWrite(); err != nil {
		return err
	}
	if err := c.sound(); err != nil {
		return err
	}
	if err := c.bury(); err != nil {
		return err
	}
	whole := false
	defer c.poison(&whole)
	err := change(c)
	whole = true
	return err
}

// relieve empties the journal if it has limit bytes or more, and reports whether
// it did.
func (c *content) relieve(limit int64) bool {
	if !c.longJournal(limit) {
		return false
	}
	c.freeze()
	defer c.thaw()
	if !c.hasNode() || c.j == nil || c.j.end < limit {
		return false
	}
	if err := c.checkpoint(); err != nil {
		c.o.s.log("cannot bring a journal into its file", "object", c.o.id.String(), "err", err)
		return false
	}
	return true
}

// Append writes p at the end of the file as it is now and returns where that
// was; no other write comes in between.
func (h *Handle) Append(p []byte) (off int64, n int, err error) {
	err = h.alone(func(c *content) (err error) {
		off = int64(c.size)
		n, err = c.write(p, c.size)
		return err
	})
	h.o.file.relieve(h.o.s.opts.JournalBytes)
	return off, n, err
}

func (c *content) longJournal(limit int64) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.j != nil && c.j.end >= limit
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
	size, valid, last := c.size, c.valid, c.boundary()
	// Zeros up to the block of off; those inside it come with the first batch.
	err := c.fill(off - off%crypto.BlockSize)
	n := 0
	for err == nil && n < len(p) {
		var k int
		k, err = c.writeBatch(c.batchOf(p[n:], off+uint64(n)), off+uint64(n))
		n += k
	}
	switch {
	case err == nil:
		err = c.refresh()
	case n == 0 && c.valid != valid:
		c.unfill(size, valid, last)
	}
	return n, err
}

// batchOf returns the part of p that fits one pwrite: blocks that are stored
// already go elsewhere than those that are not.
func (c *content) batchOf(p []byte, off uint64) []byte {
	n := min(len(p), (batchBlocks-1)*crypto.BlockSize-int(off%crypto.BlockSize))
	stored := (c.valid + crypto.BlockSize - 1) / crypto.BlockSize * crypto.BlockSize
	if off < stored {
		n = int(min(uint64(n), stored-off))
	}
	return p[:n]
}

// fill seals zeros from valid up to end, so that the stored bytes stay without
// gaps.
func (c *content) fill(end uint64) error {
	for c.valid < end {
		p := c.batchOf(zeros[:min(end-c.valid, uint64(len(zeros)))], c.valid)
		_, err := c.writeBatch(p, c.valid)
		if err == nil {
			err = c.refresh()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// boundary is where the last stored block is in the journal, 0 when it is in the
// file, and where the journal ends.
type boundary struct{ at, end int64 }

func (c *content) boundary() boundary {
	if c.j == nil {
		return boundary{}
	}
	return boundary{c.j.at[c.valid/crypto.BlockSize], c.j.end}
}

// unfill takes zeros back that no write came to follow. Zeros below the size
// may stay.
func (c *content) unfill(size, valid uint64, last boundary) {
	c.size = size
	if c.valid <= size {
		return
	}
	c.valid = valid
	i := valid / crypto.BlockSize
	if valid%crypto.BlockSize > 0 {
		c.unrecord(i, last)
		i++
	}
	if err := c.f.Truncate(blockOffset(i)); err != nil {
		c.loose = true
	}
	c.dirty.Store(true)
	c.loose = c.loose || valid%crypto.BlockSize > 0
}

// unrecord takes the newest record back, which is of block i: recovery would find
// more of it than there is.
func (c *content) unrecord(i uint64, last boundary) {
	if c.j == nil {
		return
	}
	if last.at > 0 {
		c.j.at[i] = last.at
	} else {
		delete(c.j.at, i)
	}
	if err := c.j.f.Truncate(last.end); err != nil {
		c.o.s.log("cannot cut a journal", "object", c.o.id.String(), "err", err)
		return
	}
	c.j.end = last.end
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
// off is not above valid, or in the block where valid is.
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
	if b.first*crypto.BlockSize < c.valid && !c.o.s.opts.breaks.inPlace {
		return c.record(&b)
	}
	return c.put(&b)
}

// put writes blocks of which nothing is stored yet straight into the file with
// one pwrite. If the disk fills up, the whole ones among them are there.
func (c *content) put(b *batch) (int, error) {
	if err := c.mark(); err != nil {
		return 0, err
	}
	out := b.pkgs[:0]
	for i := b.first; i <= b.last; i++ {
		c.seq++
		out = c.keys.Data.SealBlock(out, i, c.seq, b.plain(i))
	}
	c.writes += b.last - b.first + 1
	n, err := c.f.WriteAt(out, blockOffset(b.first))
	c.dirty.Store(true)
	c.touched()
	if err != nil {
		return c.salvage(b, n), err
	}
	c.valid, c.size = b.valid, max(c.size, b.end)
	return len(b.p), nil
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
		old, err := c.readBlock(b.edges[0], b.first)
		if err != nil {
			return err
		}
		clear(b.edges[0][len(old):])
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

// salvage keeps the whole blocks of a pwrite that stopped after n bytes of
// packages and returns how many bytes of p are stored.
func (c *content) salvage(b *batch, n int) int {
	whole := uint64(n / crypto.BlockStride)
	stop := b.first + whole
	if whole > 0 {
		c.valid = max(c.valid, stop*crypto.BlockSize)
	}
	// While blocks are in the journal those in place are not cut: they are what
	// is left should the journal not reach the disk.
	if c.records() || c.f.Truncate(physical(c.valid)) != nil {
		c.loose = true
	}
	if whole == 0 {
		return 0
	}
	c.size = max(c.size, c.valid)
	return int(min(stop*crypto.BlockSize, b.end) - b.off)
}
