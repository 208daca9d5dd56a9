package audit

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// QueryOptions name the log to search.
type QueryOptions struct {
	Dir string // log directory
	// IndexDir is a directory for indexes, made when it is missing. Nobody else should be able to write there: an index that leaves
	// something out hides it. Empty: all of the log is read.
	IndexDir string
}

// QueryReport says how an answer was come by.
type QueryReport struct {
	Matched uint64     // records delivered
	Bytes   int64      // bytes of lines read, decompressed
	Built   int        // indexes made by this query
	Bad     int        // lines read that are no records; verify tells what is wrong with them
	First   *LineError // the first of them
	Unkept  error      // why an index could not be kept; nil: all could. The answer does not depend on it.
}

// Query calls fn for every record that the filter chooses, oldest first; line stays as it is. Each record is read from the
// log itself. The chain is not checked: that is Verify. An error of fn ends it and is returned.
func Query(o QueryOptions, f *Filter, fn func(line []byte, rec *Parsed) error) (*QueryReport, error) {
	list, err := openLog(o.Dir)
	if err != nil {
		return nil, err
	}
	defer closeHeld(list)
	stop := make(chan struct{})
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	var tasks []*search
	for _, s := range list {
		tasks = append(tasks, &search{o: o, f: f, s: s, out: make(chan []hit, 4), stop: stop})
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for _, t := range tasks {
			select { // in order: the oldest one is always being worked on
			case slots <- struct{}{}:
				go func() { t.run(); <-slots }()
			case <-stop:
				close(t.out)
			}
		}
	}()
	rep := new(QueryReport)
	for _, t := range tasks {
		for hits := range t.out {
			err = deliverHits(hits, rep, err, stop, fn)
		}
		if err == nil {
			if err = t.err; err != nil {
				close(stop)
			}
		}
		rep.take(t)
	}
	<-ended
	return rep, err
}

// deliverHits hands hits to the caller until there was an error, which it returns, and stops the search.
func deliverHits(hits []hit, rep *QueryReport, err error, stop chan struct{}, fn func([]byte, *Parsed) error) error {
	for _, h := range hits {
		if err != nil {
			return err
		}
		if err = fn(h.line, h.rec); err != nil {
			close(stop)
			return err
		}
		rep.Matched++
	}
	return err
}

func (r *QueryReport) take(t *search) {
	r.Bytes += t.bytes
	r.Bad += t.bad
	if r.First == nil {
		r.First = t.first
	}
	if t.built {
		r.Built++
	}
	if r.Unkept == nil {
		r.Unkept = t.unkept
	}
}

// hit is a record found.
type hit struct {
	line []byte
	rec  *Parsed
}

// search looks through one segment.
type search struct {
	o    QueryOptions
	f    *Filter
	s    segment
	out  chan []hit
	stop chan struct{} // closed when nobody waits for hits any more

	hits   []hit
	gave   bool // some hits were handed over
	bytes  int64
	bad    int
	first  *LineError
	built  bool
	unkept error
	err    error
}

// hitBatch is how many hits are handed over at once.
const hitBatch = 256

// errSearchStopped: nobody waits for the rest.
var errSearchStopped = errors.New("search stopped")

func (q *search) run() {
	defer close(q.out)
	if q.err = q.segment(); q.err == nil {
		q.err = q.hand()
	}
	if q.err == errSearchStopped {
		q.err = nil
	}
}

func (q *search) hand() error {
	select {
	case q.out <- q.hits:
		q.hits, q.gave = nil, true
		return nil
	case <-q.stop:
		return errSearchStopped
	}
}

func (q *search) segment() error {
	if q.s.live() || q.o.IndexDir == "" {
		return q.all()
	}
	for fresh := false; ; fresh = true {
		x, err := q.index(fresh)
		if err != nil {
			return err
		}
		err = q.blocks(x, x.candidates(q.f))
		if err == nil || fresh || q.gave || err == errSearchStopped {
			return err
		}
		q.hits = nil // the segment does not have its blocks where the index says: the index is made again
	}
}

// all reads a segment from beginning to end.
func (q *search) all() error {
	r, err := q.s.open(q.o.Dir)
	if err != nil {
		return err
	}
	defer r.Close()
	split := newLines(r)
	for line := 1; ; line++ {
		ln, err := split.next()
		if err == io.EOF || err == nil && ln.torn {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(q.o.Dir, q.s.name), err)
		}
		q.bytes += ln.size
		if err := q.look(ln, line); err != nil {
			return err
		}
	}
}

// look takes a line; its number is 0 where it is not known.
func (q *search) look(ln rawLine, line int) error {
	if !q.f.maybe(ln.b) {
		return nil
	}
	if ln.long {
		return q.damaged("is longer than a line may be", line)
	}
	p, err := ParseLine(ln.b)
	if bad := (*LineError)(nil); errors.As(err, &bad) {
		return q.damaged(bad.What, line)
	}
	if !q.f.Match(p) {
		return nil
	}
	if q.hits = append(q.hits, hit{bytes.Clone(ln.b), p}); len(q.hits) < hitBatch {
		return nil
	}
	return q.hand()
}

func (q *search) damaged(what string, line int) error {
	if q.bad++; q.first == nil {
		q.first = &LineError{Path: filepath.Join(q.o.Dir, q.s.name), Line: line, What: what}
	}
	return nil
}

// index finds the index of the segment or makes it. fresh: makes it in any case.
func (q *search) index(fresh bool) (*index, error) {
	name := filepath.Join(q.o.IndexDir, strings.TrimSuffix(q.s.name, ".gz")+".index")
	if b, err := os.ReadFile(name); err == nil && !fresh {
		if x, ok := parseIndex(b); ok && q.belongs(x) {
			return x, nil
		}
	}
	x, err := buildIndex(q.o.Dir, q.s)
	if err != nil {
		return nil, err
	}
	q.built = true
	b := x.appendTo(nil)
	q.unkept = keepIndex(name, b)
	x, ok := parseIndex(b)
	if !ok {
		return nil, errors.New("an index that was just made cannot be read")
	}
	return x, nil
}

func keepIndex(name string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".index-")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}

// belongs compares an index with the length and the last line of the segment. Whoever changed another line broke the chain: Verify
// says so, here it is not looked for.
func (q *search) belongs(x *index) bool {
	f, err := q.s.file(q.o.Dir)
	if err != nil {
		return false
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || fi.Size() != x.size || len(x.blocks) == 0 {
		return false
	}
	if !x.direct {
		return true // its end cannot be read without all of it
	}
	b, err := (&blockFile{f: f, x: x}).read(len(x.blocks) - 1)
	b, whole := bytes.CutSuffix(b, []byte("\n"))
	return err == nil && whole && LeafHash(b[bytes.LastIndexByte(b, '\n')+1:]) == x.last
}

// blockFile reads blocks of a segment, one after the other, with buffers of its own.
type blockFile struct {
	f      *os.File
	x      *index
	packed []byte // a block as it stands in the file
	plain  []byte // and its lines
	src    *bytes.Reader
	z      *gzip.Reader
}

func (b *blockFile) read(n int) ([]byte, error) {
	k, end := b.x.blocks[n], b.x.size
	if n+1 < len(b.x.blocks) {
		end = b.x.blocks[n+1].off
	}
	if k.off > end || end > b.x.size || k.size > 2*maxMember {
		return nil, errBlock
	}
	b.packed = slices.Grow(b.packed[:0], int(end-k.off))[:end-k.off]
	if _, err := b.f.ReadAt(b.packed, k.off); err != nil {
		return nil, err
	}
	if !isGzip(bytes.NewReader(b.packed)) {
		return b.packed, nil
	}
	if b.src == nil {
		b.src, b.z = new(bytes.Reader), new(gzip.Reader)
	}
	b.src.Reset(b.packed)
	if err := b.z.Reset(b.src); err != nil {
		return nil, err
	}
	b.plain = slices.Grow(b.plain[:0], int(k.size))[:k.size]
	_, err := io.ReadFull(b.z, b.plain)
	return b.plain, err
}

// errBlock: an index that names places which the segment does not have.
var errBlock = errors.New("the index is not of this segment")

// blocks looks at the blocks of the segment with these numbers.
func (q *search) blocks(x *index, numbers []int) error {
	if len(numbers) == 0 {
		return nil
	}
	if !x.direct {
		return q.all()
	}
	f, err := q.s.file(q.o.Dir)
	if err != nil {
		return err
	}
	defer f.Close()
	file := &blockFile{f: f, x: x}
	for _, n := range numbers {
		b, err := file.read(n)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
		q.bytes += int64(len(b))
		for line := range bytes.Lines(b) {
			if err := q.look(rawLine{b: bytes.TrimSuffix(line, []byte("\n")), long: len(line) > MaxLine+1}, 0); err != nil {
				return err
			}
		}
	}
	return nil
}
