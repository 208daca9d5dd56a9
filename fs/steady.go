package fs

import (
	"sync"
	"time"
)

// steady is a clock that stands still while the one that it reads is behind what it
// has shown: an access that has ended does not come back with a clock that was set
// back. The log's times do the same. A clock that ran ahead by mistake is over with
// the next mount.
type steady struct {
	read func() time.Time
	off  *switches

	mu   sync.Mutex // guards last
	last time.Time
}

func (s *steady) now() time.Time {
	t := s.read().Round(0) // the wall clock, as that is what terms are in
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.Before(s.last) && s.off.on(checkSteady) {
		return s.last
	}
	s.last = t
	return t
}
