package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
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
	Built   int        // indexes made or extended by this query
	Bad     int        // lines read that are no records; verify tells what is wrong with them
	First   *LineError // the first of them
	Unkept  error      // why an index could not be kept; nil: all could. The answer does not depend on it.
}

// Query calls fn for every record that the filter chooses, oldest first; line stays as it is. Each record is read from the
// log itself, on all processors. The chain is not checked: that is Verify. An error of fn ends it and is returned.
func Query(o QueryOptions, f *Filter, fn func(line []byte, rec *Parsed) error) (*QueryReport, error) {
	return query(search{o: o, f: f}, fn)
}

// Count is Query that tells only how many records there are.
func Count(o QueryOptions, f *Filter) (*QueryReport, error) {
	return query(search{o: o, f: f, count: true}, nil)
}

// query makes a search like proto of each segment.
func query(proto search, fn func([]byte, *Parsed) error) (*QueryReport, error) {
	list, err := openLog(proto.o.Dir)
	if err != nil {
		return nil, err
	}
	defer closeHeld(list)
	proto.o.adopt(list)
	proto.stop = make(chan struct{})
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	var tasks []*search
	for _, s := range list {
		t := proto
		t.s, t.out = s, make(chan []hit, 4)
		tasks = append(tasks, &t)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for _, t := range tasks {
			select { // in order: the oldest one is always being worked on
			case slots <- struct{}{}:
				go func() { t.run(); <-slots }()
			case <-proto.stop:
				close(t.out)
			}
		}
	}()
	rep := new(QueryReport)
	for _, t := range tasks {
		for hits := range t.out {
			err = deliverHits(hits, rep, err, proto.stop, fn)
		}
		if err == nil {
			if err = t.err; err != nil {
				close(proto.stop)
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
	r.Matched += t.counted
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
	o     QueryOptions
	f     *Filter
	count bool // hits are counted, not handed over
	s     segment
	out   chan []hit
	stop  chan struct{} // closed when nobody waits for hits any more

	find    finder
	hits    []hit
	gave    bool // some hits were handed over or counted
	counted uint64
	bytes   int64
	bad     int
	first   *LineError
	built   bool
	unkept  error
	err     error
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
	if q.hits == nil {
		return nil
	}
	select {
	case q.out <- q.hits:
		q.hits, q.gave = nil, true
		return nil
	case <-q.stop:
		return errSearchStopped
	}
}

func (q *search) segment() error {
	f, err := q.s.file(q.o.Dir)
	if err != nil {
		return err
	}
	if q.s.held == nil {
		defer f.Close()
	}
	switch {
	case !isGzip(f):
		return q.plain(f)
	case q.o.IndexDir == "":
		return q.all()
	}
	for fresh := false; ; fresh = true {
		x, err := q.index(f, fresh)
		if err != nil {
			return err
		}
		if !x.direct {
			if len(x.candidates(q.f)) > 0 {
				err = q.all()
			}
			return err
		}
		err = q.blocks(f, x, x.candidates(q.f))
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
	return q.stream(r, 1, nil)
}

// stream looks at all lines of r. first is the number of the first one, 0 where it is not known; learn takes them too, unless nil.
func (q *search) stream(r io.Reader, first int, learn *indexer) error {
	k, c := chunker{r: r, size: chunkBytes}, new(chunk)
	for c.err == nil {
		k.fill(c)
		b := c.buf[1:]
		q.bytes += int64(len(b)) + c.over
		if c.over > 0 {
			q.damaged(lineTooLong, first)
			learn.shut()
		}
		if err := q.lines(b, first); err != nil {
			return err
		}
		learn.lines(b)
		if first > 0 {
			first += bytes.Count(b, []byte("\n")) + int(min(c.over, 1))
		}
	}
	if c.err != io.EOF {
		return fmt.Errorf("%s: %w", filepath.Join(q.o.Dir, q.s.name), c.err)
	}
	if c.torn > 0 && !q.s.live() {
		q.damaged("is not ended: the segment was cut", first)
	}
	return nil
}

// lines looks at whole lines; first is the number of the first of them, 0 where it is not known.
func (q *search) lines(b []byte, first int) error {
	q.find.begin(q.f, b)
	for line := q.find.next(); line != nil; line = q.find.next() {
		what, err := q.look(line)
		if err != nil {
			return err
		}
		if what == "" {
			continue
		}
		at := first
		if first > 0 {
			at += bytes.Count(b[:q.find.at-1], []byte("\n"))
		}
		q.damaged(what, at)
	}
	return nil
}

// look takes a line that the filter may choose, and says what is wrong with it when it is no record.
func (q *search) look(line []byte) (what string, err error) {
	if len(line) > MaxLine {
		return lineTooLong, nil
	}
	p, err := ParseLine(line)
	if bad := (*LineError)(nil); errors.As(err, &bad) {
		return bad.What, nil
	}
	if !q.f.Match(p) {
		return "", nil
	}
	if q.count {
		q.counted, q.gave = q.counted+1, true
		return "", nil
	}
	if q.hits = append(q.hits, hit{bytes.Clone(line), p}); len(q.hits) < hitBatch {
		return "", nil
	}
	return "", q.hand()
}

// damaged notes a line that is no record; its number is 0 where it is not known.
func (q *search) damaged(what string, line int) {
	if q.bad++; q.first == nil {
		q.first = &LineError{Path: filepath.Join(q.o.Dir, q.s.name), Line: line, What: what}
	}
}
