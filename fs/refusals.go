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
	mu   sync.Mutex // guards open; held while a record is appended, so that counts are exact
	open map[refusal]*repeats
}

type repeats struct {
	last  *audit.Record
	count int
	ends  time.Time

	matters []string // that there are among the names guessed, each once
}

// maxGuessed is how many matters the record of guesses names.
const maxGuessed = 32

func (e *repeats) guessed(matter string) {
	if matter != "" && len(e.matters) < maxGuessed && !slices.Contains(e.matters, matter) {
		e.matters = append(e.matters, matter)
	}
}

func newRefusals() *refusals { return &refusals{open: map[refusal]*repeats{}} }

// note records one refusal. The error is the log's.
func (s *refusals) note(log *audit.Log, rec *audit.Record) error {
	key := refusal{rec.UID, rec.Ev, rec.Rule, rec.Matter, rec.Path}
	guess := ""
	if rec.Rule == ruleGuess {
		key.matter, key.path = "", "" // one record for all names: nobody fills the log with guesses
		guess, rec.Matter, rec.Client, rec.Level = rec.Matter, "", "", ""
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
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
	if _, err := log.Append(rec); err != nil {
		return err
	}
	e := &repeats{ends: now.Add(repeatWindow)}
	e.guessed(guess)
	s.open[key] = e
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
	if e.matters != nil {
		e.last.Note = "matters among the names: " + strings.Join(e.matters, ", ")
	}
	if _, err := log.Append(e.last); err != nil {
		return err
	}
	e.count, e.matters = 0, nil
	return nil
}
