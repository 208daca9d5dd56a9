package fs

import (
	"slices"
	"strings"
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
	mu    sync.Mutex // guards the rest; held while a record is appended, so that counts are exact
	open  map[refusal]*repeats
	kinds map[uint32]int // how many of them are of one uid
}

// maxKinds is how many different refusals of one uid are kept apart at a time; further ones go by what was asked, whatever the
// name. Nobody fills the log, or the memory, with names that they are refused.
const maxKinds = 1024

// recorder is what refusals are written to.
type recorder interface {
	append(c audit.Class, rec *audit.Record) (audit.Receipt, error)
}

type repeats struct {
	last  *audit.Record
	count int
	ends  time.Time

	matters []string // that there are among the names guessed, each once
	names   bool     // the refusals are of several names
}

// maxGuessed is how many matters the record of guesses names.
const maxGuessed = 32

func (e *repeats) guessed(matter string) {
	if matter != "" && len(e.matters) < maxGuessed && !slices.Contains(e.matters, matter) {
		e.matters = append(e.matters, matter)
	}
}

func newRefusals() *refusals { return &refusals{open: map[refusal]*repeats{}, kinds: map[uint32]int{}} }

// note records one refusal. The error is the log's.
func (s *refusals) note(log recorder, rec *audit.Record, fold bool) error {
	key := refusal{rec.UID, rec.Ev, rec.Rule, rec.Matter, rec.Path}
	guess := ""
	if rec.Rule == ruleGuess {
		key.matter, key.path = "", "" // one record for all names: nobody fills the log with guesses
		guess, rec.Matter, rec.Client, rec.Level = rec.Matter, "", "", ""
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	names := fold || s.kinds[rec.UID] >= maxKinds
	if names {
		key.path = ""
	}
	if e := s.open[key]; e != nil {
		if now.Before(e.ends) {
			e.count++
			e.last = rec
			e.guessed(guess)
			return nil
		}
		if err := e.write(log); err != nil {
			return err
		}
	}
	if _, err := log.append(audit.Disclosure, rec); err != nil {
		return err
	}
	e := &repeats{ends: now.Add(repeatWindow), names: names && rec.Path != ""}
	e.guessed(guess)
	if s.open[key] == nil {
		s.kinds[rec.UID]++
	}
	s.open[key] = e
	return nil
}

// flush writes the counts of the windows that have ended by now; the zero time ends all.
func (s *refusals) flush(log recorder, now time.Time) error {
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
		if s.kinds[key.uid]--; s.kinds[key.uid] == 0 {
			delete(s.kinds, key.uid)
		}
	}
	return nil
}

// write appends the repeats as one record.
func (e *repeats) write(log recorder) error {
	if e.count == 0 {
		return nil
	}
	e.last.Count = e.count
	if e.names {
		e.last.Note = "of several names; this is the last"
	}
	if e.matters != nil {
		e.last.Note = "matters among the names: " + strings.Join(e.matters, ", ")
	}
	if _, err := log.append(audit.Disclosure, e.last); err != nil {
		return err
	}
	e.count, e.matters = 0, nil
	return nil
}
