package fs

import (
	"sync"
	"time"

	"matterfs/audit"
)

// repeatWindow is how long equal refusals are counted instead of written one by one.
const repeatWindow = 10 * time.Second

// refusal names what makes two refusals equal.
type refusal struct {
	uid                    uint32
	ev, rule, matter, path string
}

// refusals writes the first refusal at once and counts its repeats; when the window ends,
// one record carries the count.
type refusals struct {
	mu   sync.Mutex // guards open; held while a record is appended, so that counts are exact
	open map[refusal]*repeats
}

type repeats struct {
	last  *audit.Record
	count int
	ends  time.Time
}

func newRefusals() *refusals { return &refusals{open: map[refusal]*repeats{}} }

// note records one refusal. The error is the log's.
func (s *refusals) note(log *audit.Log, rec *audit.Record) error {
	key := refusal{rec.UID, rec.Ev, rec.Rule, rec.Matter, rec.Path}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.open[key]; e != nil {
		if now.Before(e.ends) {
			e.count++
			e.last = rec
			return nil
		}
		if err := e.write(log); err != nil {
			return err
		}
	}
	if _, err := log.Append(rec); err != nil {
		return err
	}
	s.open[key] = &repeats{ends: now.Add(repeatWindow)}
	return nil
}

// flush writes the counts of the windows that have ended by now; the zero time ends all.
func (s *refusals) flush(log *audit.Log, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, e := range s.open {
		if !now.IsZero() && now.Before(e.ends) {
			continue
		}
		if err := e.write(log); err != nil {
			return err
		}
		delete(s.open, key)
	}
	return nil
}

// write appends the repeats as one record.
func (e *repeats) write(log *audit.Log) error {
	if e.count == 0 {
		return nil
	}
	e.last.Count = e.count
	if _, err := log.Append(e.last); err != nil {
		return err
	}
	e.count = 0
	return nil
}
