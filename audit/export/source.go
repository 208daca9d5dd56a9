package export

import (
	"context"
	"errors"
	"fmt"

	"matterfs/audit"
)

// line is one record on its way.
type line struct {
	pos position
	b   []byte // as it stands in the log, without LF
	rec *audit.Parsed
}

// aheadLines is how many records are read ahead of what is sent; each may be audit.MaxLine long.
const aheadLines = 16

// source reads the records after a position, each proved to continue the one before.
type source struct {
	log    string
	follow bool
	cursor string   // names the cursor in errors
	at     position // the last record seen
	met    bool     // the record at the cursor, or one that continues it, was found
}

// check finds a log that ends before the cursor, which following would wait for silently.
func (s *source) check() error {
	last, err := audit.LastSeq(s.log)
	if err == nil && last < s.at.seq {
		err = &CursorError{Cursor: s.cursor, Seq: s.at.seq, Short: true, Last: last}
	}
	return err
}

// read delivers records until the end of the log, or until ctx ends where it follows. It closes out.
func (s *source) read(ctx context.Context, out chan<- *line) error {
	defer close(out)
	if err := s.check(); err != nil {
		return err
	}
	deliver := func(b []byte, p *audit.Parsed) error {
		hash := audit.LeafHash(b)
		known, err := s.joins(hash, p)
		if err != nil || known {
			return err
		}
		s.at = position{seq: p.Seq, hash: hash}
		select {
		case out <- &line{pos: s.at, b: append([]byte(nil), b...), rec: p}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if s.follow {
		return audit.Follow(ctx, s.log, s.at.seq, deliver)
	}
	return audit.ReadFrom(s.log, s.at.seq, deliver)
}

// joins tells whether a record is the one at the cursor, or continues the last one.
func (s *source) joins(hash [32]byte, p *audit.Parsed) (known bool, err error) {
	was := s.met
	s.met = true
	switch {
	case !was && p.Seq == s.at.seq && hash == s.at.hash:
		return true, nil
	case p.Seq > s.at.seq+1:
		return false, &GapError{From: s.at.seq + 1, To: p.Seq - 1, Cursor: s.cursor}
	case s.at.seq == 0 || p.Seq == s.at.seq+1 && p.Prev == s.at.hash:
		return false, nil
	case !was:
		return false, &CursorError{Cursor: s.cursor, Seq: s.at.seq}
	}
	return false, &audit.TamperedError{Path: s.log, What: fmt.Sprintf("record %d does not continue the one before%s", p.Seq, wayOut)}
}

// errFound ends a reading that has what it wants.
var errFound = errors.New("found")

// before is the position before record from, or before the first record there is when from is 0.
func before(log string, from uint64) (at position, err error) {
	err = audit.ReadFrom(log, from, func(_ []byte, p *audit.Parsed) error {
		at = position{seq: p.Seq - 1, hash: p.Prev}
		return errFound
	})
	switch {
	case err == nil && from > 1, errors.Is(err, errFound) && from > 0 && at.seq != from-1:
		return at, &FromError{from}
	case errors.Is(err, errFound):
		err = nil
	}
	return at, err
}
