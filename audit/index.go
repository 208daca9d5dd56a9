package audit

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
)

// An index says in which blocks of an older segment a value may be found, so that Query need not read the others. It is made from the
// segment and is no part of the log: it proves nothing, and whoever searches the log keeps their own, away from the log directory.
//
// A block is a run of lines: about blockBytes of them, or a member of a gzip file.

// blockBytes is how long a block is at least, decompressed, but for the last of a segment.
const blockBytes = 32 << 10

// maxMember is how long a gzip member may be, decompressed, to be read alone: a block and the longest line.
const maxMember = blockBytes + MaxLine + 1

// indexed are the fields whose values an index knows.
func indexed() [4]string { return [...]string{"matter", "user", "ev", "res"} }

// block is where a run of lines stands.
type block struct {
	off  int64 // in the file; decompressed where the index is not direct
	size int64 // decompressed
	t    int64 // of its first record, Unix microseconds
}

// index of one segment.
type index struct {
	size   int64    // of the file
	last   [32]byte // LeafHash of the last line, which through the chain stands for all of them
	direct bool     // blocks can be read alone; not so in a gzip file of a single member
	blocks []block
	broken []int            // blocks with lines that are no records
	posts  []map[string]run // for each of the indexed fields: which blocks have a value; nil in one that was read back
	raw    []byte           // the same as it is kept; nil in one that was just made
}

// run is an ascending list of numbers: each as the uvarint of its distance from the one before.
type run struct {
	b    []byte
	next int // one more than the last number
}

func (r run) add(n int) run {
	if n < r.next {
		return r // is there already
	}
	return run{binary.AppendUvarint(r.b, uint64(n-r.next)), n + 1}
}

// each calls fn for every number below limit; false when the bytes are not such a list.
func (r run) each(limit int, fn func(n int)) bool {
	for next := 0; len(r.b) > 0; {
		d, n := binary.Uvarint(r.b)
		if n <= 0 || d >= uint64(limit-next) {
			return false
		}
		r.b = r.b[n:]
		next += int(d)
		fn(next)
		next++
	}
	return true
}

// buildIndex reads a whole segment.
func buildIndex(dir string, s segment) (*index, error) {
	x := newIndexer()
	f, err := s.file(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	x.x.size = fi.Size()
	if x.x.direct = true; !isGzip(f) {
		err := x.stream(f)
		return x.done(), err
	}
	if ok, err := x.members(f); err != nil || ok {
		return x.done(), err
	}
	x = newIndexer() // compressed by something else: it can be read from its beginning only
	x.x.size = fi.Size()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<16))
	if err != nil {
		return nil, err
	}
	err = x.stream(z)
	return x.done(), err
}

// file opens a segment as it stands on the disk, plain or compressed.
func (s segment) file(dir string) (*os.File, error) {
	r, err := s.open(dir)
	if err != nil {
		return nil, err
	}
	f, ok := r.(*os.File)
	if z, packed := r.(*gzFile); packed {
		f, ok = z.f, true
	}
	if !ok {
		return nil, errors.Join(errors.ErrUnsupported, r.Close())
	}
	_, err = f.Seek(0, io.SeekStart)
	return f, err
}

// isGzip says that a file begins as gzip files do (RFC 1952), which no line can.
func isGzip(f io.ReaderAt) bool {
	var b [2]byte
	n, _ := f.ReadAt(b[:], 0)
	return n == 2 && b == [2]byte{0x1f, 0x8b}
}

// indexer makes an index.
type indexer struct {
	x    *index
	tail []byte // the last line
	cur  block
}

func newIndexer() *indexer {
	x := &indexer{x: new(index)}
	for range indexed() {
		x.x.posts = append(x.x.posts, map[string]run{})
	}
	return x
}

func (x *indexer) done() *index {
	x.x.last = LeafHash(x.tail)
	return x.x
}

// stream takes lines and ends a block wherever it is long enough.
func (x *indexer) stream(r io.Reader) error {
	split, off := newLines(r), int64(0)
	x.cur = block{}
	for {
		ln, err := split.next()
		if err == io.EOF {
			x.end()
			return nil
		}
		if err != nil {
			return err
		}
		x.line(ln.b, ln.long || ln.torn)
		off += ln.size
		if x.cur.size += ln.size; x.cur.size >= blockBytes {
			x.end()
			x.cur = block{off: off}
		}
	}
}

// members takes the members of a gzip file as blocks; false: they cannot be.
func (x *indexer) members(f io.ReadSeeker) (ok bool, err error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	counted := &counter{r: f}
	b := bufio.NewReaderSize(counted, 1<<16)
	z, err := gzip.NewReader(b)
	if err != nil {
		return false, err
	}
	var buf bytes.Buffer
	for start := int64(0); ; start = counted.n - int64(b.Buffered()) {
		if start > 0 {
			if err := z.Reset(b); err == io.EOF {
				return true, nil
			} else if err != nil {
				return false, err
			}
		}
		z.Multistream(false)
		buf.Reset()
		n, err := buf.ReadFrom(io.LimitReader(z, maxMember+1))
		switch {
		case err != nil:
			return false, err
		case n > maxMember || n > 0 && buf.Bytes()[n-1] != '\n':
			return false, nil
		}
		x.cur = block{off: start, size: n}
		for line := range bytes.Lines(buf.Bytes()) {
			x.line(line[:len(line)-1], false)
		}
		x.end()
	}
}

// counter counts the bytes read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// line notes the values of a line for the current block.
func (x *indexer) line(line []byte, bad bool) {
	n := len(x.x.blocks)
	x.tail = append(x.tail[:0], line...)
	values, t, ok := peekLine(line)
	if bad || !ok {
		if k := len(x.x.broken); k == 0 || x.x.broken[k-1] != n {
			x.x.broken = append(x.x.broken, n)
		}
		return
	}
	if x.cur.t == 0 {
		x.cur.t = t
	}
	for i, v := range values {
		// The compiler does not allocate for the look-up, only where the list grows.
		if r := x.x.posts[i][string(v)]; r.next <= n {
			x.x.posts[i][string(v)] = r.add(n)
		}
	}
}

func (x *indexer) end() {
	if x.cur.size > 0 {
		x.x.blocks = append(x.x.blocks, x.cur)
	}
}

// peekLine reads what an index needs of a line: the indexed fields, empty where they are not stated, and the time.
func peekLine(line []byte) (values [4][]byte, t int64, ok bool) {
	names := indexed()
	timed := false
	f := scan(line)
	for {
		key, val, more := f.next()
		if !more {
			return values, t, f.bad == "" && timed
		}
		if string(key) == "t" {
			at, good := stamp(val)
			if t, timed = at.UnixMicro(), good; !good {
				return values, t, false
			}
			continue
		}
		name, coded := bytes.CutSuffix(key, []byte("_b64"))
		for i := range names {
			if string(name) != names[i] {
				continue
			}
			if !coded && len(val) > 1 && val[0] == '"' && bytes.IndexByte(val, '\\') < 0 {
				values[i] = val[1 : len(val)-1]
				continue
			}
			s, good := decode(val, coded, true)
			if !good {
				return values, t, false
			}
			values[i] = []byte(s)
		}
	}
}

// indexMagic begins the file of an index.
const indexMagic = "MFINDEX1"

// appendTo writes an index: magic, size, last hash, direct, blocks, broken blocks, and for each field its values with their lists,
// all numbers as uvarints; CRC-32C at the end.
func (x *index) appendTo(b []byte) []byte {
	start := len(b)
	b = append(b, indexMagic...)
	b = binary.AppendUvarint(b, uint64(x.size))
	b = append(b, x.last[:]...)
	direct := byte(0)
	if x.direct {
		direct = 1
	}
	b = append(b, direct)
	b = binary.AppendUvarint(b, uint64(len(x.blocks)))
	var was block
	for _, k := range x.blocks {
		b = binary.AppendUvarint(b, uint64(k.off-was.off))
		b = binary.AppendUvarint(b, uint64(k.size))
		b = binary.AppendVarint(b, k.t-was.t)
		was = k
	}
	var broken run
	for _, n := range x.broken {
		broken = broken.add(n)
	}
	b = appendPart(b, broken.b)
	for _, values := range x.posts {
		b = binary.AppendUvarint(b, uint64(len(values)))
		for v, r := range values {
			b = appendPart(appendPart(b, []byte(v)), r.b)
		}
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli()))
}

func appendPart(b, v []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

// parseIndex reads what appendTo wrote. The lists are read only when they are asked for, and wrong ones then count as none.
func parseIndex(b []byte) (*index, bool) {
	end := len(b) - 4
	if end < len(indexMagic) || string(b[:len(indexMagic)]) != indexMagic ||
		binary.LittleEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli()) {
		return nil, false
	}
	d := &decoder{b: b[len(indexMagic):end]}
	x := &index{size: d.int()}
	copy(x.last[:], d.take(32))
	direct := d.take(1)
	if d.bad || direct[0] > 1 {
		return nil, false
	}
	x.direct = direct[0] == 1
	n := d.int()
	if n > int64(len(d.b)) {
		return nil, false
	}
	var was block
	for range n {
		k := block{off: was.off + d.int(), size: d.int()}
		k.t = was.t + d.signed()
		if k.off < was.off || d.bad {
			return nil, false
		}
		x.blocks = append(x.blocks, k)
		was = k
	}
	ok := run{b: d.bytes()}.each(len(x.blocks), func(n int) { x.broken = append(x.broken, n) })
	x.raw = d.b
	return x, ok && !d.bad
}

// decoder reads uvarints and bytes; after the first one that is not there bad is set and everything is zero.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) fail() { d.b, d.bad = nil, true }

func (d *decoder) int() int64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || v > 1<<62 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return int64(v)
}

func (d *decoder) signed() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) take(n int) []byte {
	if d.bad || n > len(d.b) {
		d.fail()
		return make([]byte, min(n, 32))
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) bytes() []byte {
	n := d.int()
	if n > int64(len(d.b)) {
		d.fail()
		return nil
	}
	return d.take(int(n))
}
