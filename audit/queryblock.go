package audit

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// blockFile reads blocks of a segment, one after the other, with buffers of its own.
type blockFile struct {
	f      *os.File
	x      *index
	packed []byte // a block as it stands in the file
	plain  []byte // and its lines
	src    byteSource
	z      *gzip.Reader
}

// byteSource gives bytes one by one, which is how gzip takes them; bytes.Reader takes twice as long.
type byteSource struct {
	b []byte
	i int
}

// ReadByte gives the next byte.
func (s *byteSource) ReadByte() (byte, error) {
	if s.i >= len(s.b) {
		return 0, io.EOF
	}
	c := s.b[s.i]
	s.i++
	return c, nil
}

// Read gives as many as there are.
func (s *byteSource) Read(p []byte) (int, error) {
	n := copy(p, s.b[s.i:])
	s.i += n
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// read gives the lines of a block, valid until the next is read.
func (b *blockFile) read(n int) ([]byte, error) {
	k, end := b.x.blocks[n], b.x.size
	if n+1 < len(b.x.blocks) {
		end = b.x.blocks[n+1].off
	}
	if k.off > end || end > b.x.size || k.size > maxMember || end-k.off > 2*maxMember {
		return nil, errBlock
	}
	b.packed = slices.Grow(b.packed[:0], int(end-k.off))[:end-k.off]
	if _, err := b.f.ReadAt(b.packed, k.off); err != nil {
		return nil, err
	}
	if !isGzip(bytes.NewReader(b.packed)) {
		return b.packed, nil
	}
	if b.z == nil {
		b.z = new(gzip.Reader)
	}
	b.src = byteSource{b: b.packed}
	if err := b.z.Reset(&b.src); err != nil {
		return nil, err
	}
	b.plain = slices.Grow(b.plain[:0], int(k.size))[:k.size]
	_, err := io.ReadFull(b.z, b.plain)
	return b.plain, err
}

// errBlock: an index that names places which the segment does not have.
var errBlock = errors.New("the index is not of this segment")

// blocks looks at the blocks of a segment with these numbers.
func (q *search) blocks(f *os.File, x *index, numbers []int) error {
	file := &blockFile{f: f, x: x}
	for _, n := range numbers {
		b, err := file.read(n)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
		q.bytes += int64(len(b))
		if err := q.lines(b, 0); err != nil {
			return err
		}
	}
	return nil
}

// finder goes over the lines that a filter may choose. Most others are passed over without being looked at: what one condition
// wants to stand in a line is looked for in all of them at once.
type finder struct {
	f     *Filter
	b     []byte
	at    int      // the next line begins there
	marks [][]byte // one of these stands in every line that the filter may choose; nil: that cannot be said
	pos   []int    // where each of them is next; len(b): nowhere
}

func (d *finder) begin(f *Filter, b []byte) {
	d.f, d.b, d.at, d.marks = f, b, 0, nil
	t := f.rarest()
	if t == nil || escaped(b) {
		return
	}
	d.marks, d.pos = t.marks, d.pos[:0]
	for range d.marks {
		d.pos = append(d.pos, -1)
	}
}

// next is the next line, without its LF; nil when there is none.
func (d *finder) next() []byte {
	for {
		if d.marks != nil {
			d.seek()
		}
		if d.at >= len(d.b) {
			return nil
		}
		line := d.b[d.at:]
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i]
		}
		d.at += len(line) + 1
		if d.f.maybe(line) {
			return line
		}
	}
}

// seek moves to the beginning of the next line that has a mark.
func (d *finder) seek() {
	next := len(d.b)
	for i, p := range d.pos {
		if p < d.at {
			p = len(d.b)
			if n := bytes.Index(d.b[min(d.at, p):], d.marks[i]); n >= 0 {
				p = d.at + n
			}
			d.pos[i] = p
		}
		next = min(next, p)
	}
	if d.at = next; next < len(d.b) {
		d.at = bytes.LastIndexByte(d.b[:next], '\n') + 1
	}
}
