package store

import (
	"syscall"

	"matterfs/crypto"
)

// ReadAt reads up to len(p) bytes from off; fewer only at the end of the file,
// without an error. With an error the first n bytes are good: a block that does
// not authenticate is a *[CorruptError], and nothing of it is in p.
func (h *Handle) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, syscall.EINVAL
	}
	c := h.o.file
	c.mu.RLock()
	defer c.mu.RUnlock()
	if h.isClosed() {
		return 0, syscall.EBADF
	}
	return c.read(p, uint64(off))
}

// read is ReadAt with mu held.
func (c *content) read(p []byte, off uint64) (int, error) {
	if off >= c.size {
		return 0, nil
	}
	p = p[:min(uint64(len(p)), c.size-off)]
	n := 0
	for n < len(p) && off+uint64(n) < c.valid {
		k, err := c.readBatch(p[n:], off+uint64(n))
		n += k
		if err != nil {
			return n, err
		}
	}
	clear(p[n:])
	return len(p), nil
}

// run is a range of blocks whose packages one pread fetches, step bytes apart.
type run struct {
	f           File
	at          int64
	step        int
	first, last uint64
}

// runOf returns the run that begins with first: in the journal or in the file.
func (c *content) runOf(first, last uint64) run {
	last = min(last, first+batchBlocks-1)
	if !c.records() {
		return run{c.f, blockOffset(first), crypto.BlockStride, first, last}
	}
	at, recorded := c.j.at[first]
	r := run{c.f, blockOffset(first), crypto.BlockStride, first, first}
	if recorded {
		r.f, r.at, r.step = c.j.f, at, recordStride
	}
	for ; r.last < last; r.last++ {
		next, ok := c.j.at[r.last+1]
		if ok != recorded || ok && next != at+int64(r.last+1-first)*recordStride {
			break
		}
	}
	return r
}

// readBatch reads what one pread can hold of the stored part of a file.
func (c *content) readBatch(p []byte, off uint64) (int, error) {
	first := off / crypto.BlockSize
	end := min(off+uint64(len(p)), c.valid)
	r := c.runOf(first, (end-1)/crypto.BlockSize)
	b := c.o.s.bufs.get(r.last - first + 1)
	defer c.o.s.bufs.put(b)
	tail := int(storedLen(r.last, c.valid)) + crypto.LabelSize + crypto.PackageOverhead
	pkgs := b.pkgs[:int(r.last-first)*r.step+tail]
	got, err := r.f.ReadAt(pkgs, r.at)
	if err != nil {
		return 0, err
	}
	n := 0
	for i := first; i <= r.last; i++ {
		size := int(storedLen(i, c.valid)) + crypto.LabelSize + crypto.PackageOverhead
		at := int(i-first) * r.step
		if at+size > got {
			return n, c.o.corrupt(nil, "block %d is cut off", i)
		}
		data, err := c.openBlock(pkgs[at:at+size], i)
		if err != nil {
			return n, err
		}
		if i == first {
			data = data[off%crypto.BlockSize:]
		}
		n += copy(p[n:], data)
	}
	return n, nil
}

// openBlock opens the package of block i in place. Its sequence must be later
// than the last cut and not later than the slot: blocks that were cut off
// cannot be put back, and an old slot does not go with new blocks.
func (c *content) openBlock(pkg []byte, i uint64) ([]byte, error) {
	data, seq, err := c.keys.Data.OpenBlock(pkg, i)
	if err != nil {
		return nil, c.o.corrupt(err, "block %d", i)
	}
	if !c.afterCut(i, seq) || seq > c.seq {
		clear(data)
		return nil, c.o.corrupt(nil, "block %d is from another state of the file", i)
	}
	return data, nil
}

func (c *content) afterCut(i, seq uint64) bool { return i < c.cutIndex || seq > c.cutSeq }

// readBlock reads the stored bytes of block i into dst, which has room for a
// block, and returns them.
func (c *content) readBlock(dst []byte, i uint64) ([]byte, error) {
	n, err := c.read(dst[:storedLen(i, c.valid)], i*crypto.BlockSize)
	return dst[:n], err
}

// checkEnd makes sure that the backing file is as long as the slot says, unless
// an earlier close could not bring it in order, and that the last block is
// authentic.
func (c *content) checkEnd() error {
	st, err := c.f.Stat()
	if err != nil {
		return err
	}
	open := c.j != nil || c.loose || c.disk.Flags&flagTail != 0
	if want := physical(c.valid); st.Size != want && !open {
		return c.o.corrupt(nil, "backing file has %d bytes, want %d", st.Size, want)
	}
	if c.valid == 0 {
		return nil
	}
	b := c.o.s.bufs.get(1)
	defer c.o.s.bufs.put(b)
	_, err = c.readBlock(b.edges[0], (c.valid-1)/crypto.BlockSize)
	return err
}
