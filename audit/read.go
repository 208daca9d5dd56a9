package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// pollEvery is how often Follow looks for new lines. Polling works on every file system and sees a record that was rolled back.
const pollEvery = 100 * time.Millisecond

// ReadRecords calls fn for every record of a log, oldest first. line is valid until fn returns. An error of fn ends the reading
// and is returned; so does a *LineError, also where a number does not follow the one before it in the file. An unfinished last line of the live file is left out: it is being written, or was torn.
// The chain is not checked: that is Verify.
func ReadRecords(dir string, fn func(line []byte, rec *Parsed) error) error {
	return ReadFrom(dir, 0, fn)
}

// ReadFrom is ReadRecords from record number from on. It finds the place without reading what lies before in plain segments.
func ReadFrom(dir string, from uint64, fn func(line []byte, rec *Parsed) error) error {
	list, err := openLog(dir)
	if err != nil {
		return err
	}
	defer closeHeld(list)
	c := &cursor{dir: dir, next: from, fn: fn}
	for i, s := range list {
		if i+1 < len(list) && list[i+1].first != 0 && list[i+1].first <= from {
			continue
		}
		if err := c.segment(s); err != nil {
			return err
		}
	}
	return nil
}

// LastSeq is the number of the last complete record, 0 when there is none.
func LastSeq(dir string) (uint64, error) {
	list, err := openLog(dir)
	if err != nil {
		return 0, err
	}
	defer closeHeld(list)
	for i := len(list) - 1; i >= 0; i-- {
		c := &cursor{dir: dir, next: 1<<64 - 1, fn: func([]byte, *Parsed) error { return nil }}
		if err := c.segment(list[i]); err != nil || c.last > 0 {
			return c.last, err
		}
	}
	return 0, nil
}

// cursor delivers records in order.
type cursor struct {
	dir  string
	next uint64 // records before it are passed over
	last uint64 // number of the last record seen, delivered or not
	here uint64 // the same in the current file; 0 at its beginning
	fn   func(line []byte, rec *Parsed) error
}

func (c *cursor) segment(s segment) error {
	r, err := s.open(c.dir)
	if err != nil {
		return err
	}
	defer r.Close()
	c.here = 0
	off := int64(0)
	if f, plain := r.(*os.File); plain && c.next > 1 {
		if off, err = seekSeq(f, c.next); err != nil {
			return err
		}
	}
	_, err = c.lines(filepath.Join(c.dir, s.name), r, off > 0)
	return err
}

// lines delivers the complete lines of r and returns how many bytes they take. inside: r does not begin at the first line, so
// lines cannot be numbered.
func (c *cursor) lines(path string, r io.Reader, inside bool) (n int64, err error) {
	split := newLines(r)
	for line := 1; ; line++ {
		ln, err := split.next()
		if err == io.EOF || err == nil && ln.torn {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if err := c.deliver(ln); err != nil {
			var bad *LineError
			if errors.As(err, &bad) && bad.Path == "" {
				bad.Path = path
				if !inside {
					bad.Line = line
				}
			}
			return n, err
		}
		n += ln.size
	}
}

func (c *cursor) deliver(ln rawLine) error {
	if ln.long {
		return &LineError{What: "is longer than a line may be"}
	}
	h, why := parseHeader(ln.b)
	switch {
	case why != "":
		return &LineError{What: why}
	case h.seq <= c.here:
		return &LineError{What: fmt.Sprintf("is record %d after record %d: inserted, repeated or out of order", h.seq, c.here)}
	}
	c.here = h.seq
	if h.seq < c.next {
		c.last = h.seq
		return nil
	}
	p, err := ParseLine(ln.b)
	if err != nil {
		return err
	}
	c.last, c.next = p.Seq, p.Seq+1
	return c.fn(ln.b, p)
}

// seekSeq moves f to the beginning of a line at or before record seq, by bisection, and returns that offset.
func seekSeq(f *os.File, seq uint64) (int64, error) {
	fi, err := f.Stat()
	if err != nil {
		return 0, err
	}
	lo, hi := int64(0), fi.Size()
	for hi-lo > 1<<16 {
		mid := lo + (hi-lo)/2
		start, at, ok := lineAfter(f, mid)
		switch {
		case !ok || at >= seq || start >= hi:
			hi = mid
		default:
			lo = start
		}
	}
	return f.Seek(lo, io.SeekStart)
}

// lineAfter finds the first line that begins after off, and its number.
func lineAfter(f io.ReaderAt, off int64) (start int64, seq uint64, ok bool) {
	l := newLines(io.NewSectionReader(f, off, 2*MaxLine))
	cut, err := l.next()
	if err != nil || cut.torn {
		return 0, 0, false
	}
	ln, err := l.next()
	if err != nil || ln.torn {
		return 0, 0, false
	}
	h, why := parseHeader(ln.b)
	return off + cut.size, h.seq, why == ""
}

// Follow is ReadFrom that goes on with every record appended later, through rotations of the live file, until ctx ends (its
// error is returned), fn fails, or the live file shrinks.
func Follow(ctx context.Context, dir string, from uint64, fn func(line []byte, rec *Parsed) error) error {
	c := &cursor{dir: dir, next: from, fn: fn}
	for ctx.Err() == nil {
		// The live file is opened before the others are listed: if it is rotated meanwhile, its records come twice and are
		// passed over once, instead of not at all.
		f, err := openRegular(filepath.Join(dir, LiveName))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := c.older(); err != nil {
			return closeWith(f, err)
		}
		if f == nil {
			pause(ctx)
			continue
		}
		if err := closeWith(f, c.follow(ctx, f)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// older delivers what the segments before the live file have from c.next on.
func (c *cursor) older() error {
	list, err := segments(c.dir)
	if err != nil {
		return err
	}
	for i, s := range list {
		if s.live() || i+1 < len(list) && list[i+1].first != 0 && list[i+1].first <= c.next {
			continue
		}
		if i == len(list)-2 && list[i+1].live() && c.last != 0 && c.last >= s.first {
			continue // followed to its end when it was the live file
		}
		if err := c.segment(s); err != nil {
			return err
		}
	}
	return nil
}

// follow delivers the lines of one live file until it is not the live file any more (nil) or ctx ends.
func (c *cursor) follow(ctx context.Context, f *os.File) error {
	off, err := seekSeq(f, c.next)
	if err != nil {
		return err
	}
	inside := off > 0
	c.here = 0
	for {
		rotated := !stillLive(f) // asked before reading: a rotated file does not grow any more
		fi, err := f.Stat()
		if err != nil {
			return err
		}
		if fi.Size() < off {
			return &TamperedError{f.Name(), 0, "the file was cut while it was followed"}
		}
		if fi.Size() > off {
			// From the end of the last complete line each time: an unfinished one may be rolled back and written differently.
			n, err := c.lines(f.Name(), io.NewSectionReader(f, off, fi.Size()-off), inside)
			if err != nil {
				return err
			}
			off, inside = off+n, true
		}
		if rotated || ctx.Err() != nil {
			return nil
		}
		pause(ctx)
	}
}

func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(pollEvery):
	}
}
