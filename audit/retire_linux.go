package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// LeastRetention is the shortest time that records are kept (six months, as the rules for logs of networks ask for).
const LeastRetention = 183 * 24 * time.Hour

// retireOlder takes away the segments of which every record is older than Retain, unless a legal hold stands. First the stub is
// on the medium, then the record that says so, then the files go.
func (l *Log) retireOlder() error {
	l.tidying.Lock()
	defer l.tidying.Unlock()
	held, err := l.noteHold()
	if err != nil || held || l.o.Retain <= 0 {
		return err
	}
	list, err := l.expired()
	if err != nil || len(list) == 0 {
		return err
	}
	s, err := readStub(l.o.Dir, l.o.StoreID)
	if err != nil {
		return err
	}
	if err := s.take(l.o.Dir, l.o.StoreID, list); err != nil {
		return err
	}
	if err := writeDurable(filepath.Join(l.o.Dir, RetiredName), 0o640, l.o.Group, s.appendTo(nil)); err != nil {
		return err
	}
	if err := l.env.step(stepStub); err != nil {
		return err
	}
	note := fmt.Sprintf("retention of %d days: %d segments are deleted", int(l.o.Retain/(24*time.Hour)), len(list))
	err = l.own(&Record{Ev: "audit.retire", Res: "ok", AUID: -1, OUID: -1, Note: note, Retired: s.tree.n})
	if err = errors.Join(err, l.Sync()); err != nil {
		return err
	}
	if err := l.env.step(stepRetired); err != nil {
		return err
	}
	return l.deleteSegments(list)
}

// steps of retention, for tests that stop at each.
const (
	stepStub    = "the stub is written"
	stepRetired = "the retention is recorded"
)

// expired lists the oldest segments of which all records are too old. The newest older one stays in any case.
func (l *Log) expired() ([]segment, error) {
	list, err := segments(l.o.Dir)
	if err != nil {
		return nil, err
	}
	limit := l.o.Now().Add(-l.o.Retain)
	n := 0
	for n+2 < len(list) && !list[n+1].live() {
		first, err := firstTime(l.o.Dir, list[n+1])
		if err != nil {
			return nil, err
		}
		if !first.Before(limit) {
			break
		}
		n++
	}
	return list[:n], nil
}

// firstTime is when the first record of a segment was written.
func firstTime(dir string, s segment) (time.Time, error) {
	r, err := s.open(dir)
	if err != nil {
		return time.Time{}, err
	}
	defer r.Close()
	ln, err := newLines(r).next()
	h, why := parseHeader(ln.b)
	if err == nil && why != "" {
		err = &TamperedError{s.name, 1, "the line " + why}
	}
	return h.t, err
}

// take reads the segments that are to go and adds them to the stub. What is damaged is evidence, and stays.
func (s *stub) take(dir, storeID string, list []segment) error {
	var bad *Problem
	w := startWalk(storeID, func(p Problem) {
		if bad == nil {
			bad = &p
		}
	})
	w.seq, w.hash = s.tree.n, s.last
	w.onGood = func(j *judged) {
		s.tree.add(w.hash)
		if !j.h.own {
			return
		}
		if p, err := ParseLine(j.b); err == nil && p.Ev == "audit.epoch" {
			s.epochs = append(s.epochs, p.Signed)
		}
	}
	for _, g := range list {
		if g.first <= s.tree.n {
			continue // in the stub since a retention that a crash cut short
		}
		if err := readOlder(dir, g, w); err != nil {
			return err
		}
		if bad != nil {
			return &TamperedError{bad.File, bad.Line, bad.Msg + "; the segment is kept beyond its time"}
		}
	}
	s.last = w.hash
	return nil
}

// deleteSegments removes both forms of each, the oldest first.
func (l *Log) deleteSegments(list []segment) error {
	for _, g := range list {
		plain := filepath.Join(l.o.Dir, strings.TrimSuffix(g.name, ".gz"))
		for _, path := range []string{plain, plain + ".gz"} {
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return syncDir(l.o.Dir)
}
