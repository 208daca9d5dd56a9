package audit

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
)

// An index says in which blocks of an older segment a value may be found, so that Query need not read the others. It is made from the
// segment and is no part of the log: it proves nothing, and whoever searches the log keeps their own, away from the log directory.
//
// A block is a run of lines: about blockBytes of them, or a member of a gzip file.

// blockBytes is how long a block is at least, decompressed, but for the last of a segment.
const blockBytes = 16 << 10

// maxMember is how long a gzip member may be, decompressed, to be read alone: a block and the longest line. Logs were written with blocks
// of 32 KiB.
const maxMember = 32<<10 + MaxLine + 1

// indexedFields is how many fields an index knows.
const indexedFields = 5

// indexed are the fields whose values an index knows.
func indexed() [indexedFields]string { return [...]string{"matter", "client", "user", "ev", "res"} }

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

// before is r without its last number; nothing can be added to it.
func (r run) before() run {
	i := len(r.b) - 1
	for i > 0 && r.b[i-1] >= 0x80 { // the bytes of a uvarint but its last
		i--
	}
	return run{r.b[:i], r.next}
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

// buildIndex reads a whole segment that is compressed.
func buildIndex(f *os.File) (*index, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	x := newIndexer(&index{size: fi.Size(), direct: true})
	if ok, err := x.members(f); err != nil || ok {
		return x.done(), err
	}
	x = newIndexer(&index{size: fi.Size()}) // compressed by something else: it can be read from its beginning only
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

// indexer makes an index, or goes on with one. A nil one takes no notice.
type indexer struct {
	x     *index
	tail  []byte // the last line
	cur   block
	ended bool // takes no more lines
}

// newIndexer goes on after the last block of x.
func newIndexer(x *index) *indexer {
	n := &indexer{x: x}
	x.posts = x.postings()
	for len(x.posts) < indexedFields {
		x.posts = append(x.posts, map[string]run{})
	}
	return n
}

// done ends the last block.
func (x *indexer) done() *index {
	x.end()
	return x.x
}

// drop forgets the block that has not ended; after this x takes no more lines.
func (x *indexer) drop() {
	n := len(x.x.blocks)
	for _, values := range x.x.posts {
		for v, r := range values {
			if r.next <= n {
				continue
			}
			if values[v] = r.before(); len(values[v].b) == 0 {
				delete(values, v)
			}
		}
	}
	x.ended = true
}

// shut takes no more lines: one came that no block may hold.
func (x *indexer) shut() {
	if x != nil {
		x.ended = true
	}
}

// lines takes whole lines.
func (x *indexer) lines(b []byte) {
	if x == nil {
		return
	}
	for line := range bytes.Lines(b) {
		if x.ended = x.ended || len(line) > MaxLine+1; x.ended {
			return
		}
		x.take(line[:len(line)-1], int64(len(line)), false)
	}
}

// take takes a line of so many bytes in the file, and ends a block wherever it is long enough.
func (x *indexer) take(line []byte, size int64, bad bool) {
	x.line(line, bad)
	if x.cur.size += size; x.cur.size >= blockBytes {
		x.end()
	}
}

// stream takes all lines of r.
func (x *indexer) stream(r io.Reader) error {
	split := newLines(r)
	for {
		ln, err := split.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		x.take(ln.b, ln.size, ln.long || ln.torn)
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
	if x.cur.size == 0 {
		return
	}
	x.x.blocks = append(x.x.blocks, x.cur)
	x.x.last = LeafHash(x.tail)
	x.cur = block{off: x.cur.off + x.cur.size}
}

// peekLine reads what an index needs of a line: the indexed fields, empty where they are not stated, and the time.
func peekLine(line []byte) (values [indexedFields][]byte, t int64, ok bool) {
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
