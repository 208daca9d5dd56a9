package audit

import (
	"bytes"
	"crypto/sha256"
	"io"
	"slices"
)

// chunk is a run of lines that one goroutine judges while others read and join.
type chunk struct {
	buf   []byte // a byte to spare, then whole lines as they stand in the file
	over  int64  // not 0: instead there is one line, longer than a line may be, of as many bytes
	lines []judged
	ready chan struct{} // one token when lines are judged
	torn  int64         // bytes after the last LF of the file
	err   error         // of reading, io.EOF at the end of the file
}

// chunkBytes is how much a chunk holds, unless a single line is longer: so much that all chunks in use stay in the cache of a processor.
const chunkBytes = 1 << 16

// judge fills lines. It runs beside other chunks. What is hashed must stand in one piece, 0x00 and the line: the byte before a line is
// the LF of the one before, which is needed no more.
func (c *chunk) judge(strict bool) {
	c.lines = c.lines[:0]
	if c.over > 0 {
		c.lines = append(c.lines, judged{size: c.over, why: lineTooLong})
	}
	for at := 1; at < len(c.buf); {
		end := at + bytes.IndexByte(c.buf[at:], '\n')
		j := judged{b: c.buf[at:end], size: int64(end - at + 1)}
		j.parse(strict, end-at > MaxLine)
		if j.why == "" {
			c.buf[at-1] = 0x00
			j.leaf = sha256.Sum256(c.buf[at-1 : end])
		}
		c.lines = append(c.lines, j)
		at = end + 1
	}
	c.ready <- struct{}{}
}

// chunker cuts a file into chunks. It holds a chunk and a line at most.
type chunker struct {
	r    io.Reader
	size int    // of a chunk
	rest []byte // was read and belongs to the next chunk
	err  error  // ended the reading
}

// fill reads until c is full of whole lines or the file ends.
func (k *chunker) fill(c *chunk) {
	c.over, c.torn, c.err = 0, 0, nil
	c.buf = append(append(slices.Grow(c.buf[:0], k.size), 0x00), k.rest...)
	k.rest = k.rest[:0]
	for seen, limit := 1, k.size; ; seen, limit = len(c.buf), limit+k.size {
		c.buf = k.read(c.buf, limit)
		end := 1
		if i := bytes.LastIndexByte(c.buf[seen:], '\n'); i >= 0 {
			end = seen + i + 1
		}
		switch {
		case k.err != nil:
			c.end(int64(len(c.buf)-end), k.err)
		case end > 1:
			k.rest = append(k.rest, c.buf[end:]...)
		case len(c.buf) > MaxLine+1:
			k.skip(c)
		default:
			continue
		}
		c.buf = c.buf[:end]
		return
	}
}

// skip passes over a line that is too long without holding it.
func (k *chunker) skip(c *chunk) {
	n := int64(len(c.buf) - 1)
	for k.err == nil {
		c.buf = k.read(c.buf[:0], k.size)
		if i := bytes.IndexByte(c.buf, '\n'); i >= 0 {
			c.over = n + int64(i) + 1
			k.rest = append(k.rest, c.buf[i+1:]...)
			return
		}
		n += int64(len(c.buf))
	}
	c.end(n, k.err)
}

// end says that nothing comes after c but so many bytes without LF.
func (c *chunk) end(rest int64, err error) {
	if c.err = err; err == io.EOF {
		c.torn = rest
	}
}

// read appends what comes until b has limit bytes or reading ends.
func (k *chunker) read(b []byte, limit int) []byte {
	b = slices.Grow(b, max(0, limit-len(b)))
	for len(b) < limit && k.err == nil {
		var n int
		n, k.err = k.r.Read(b[len(b):limit])
		b = b[:len(b)+n]
	}
	return b
}
