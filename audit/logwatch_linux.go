package audit

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// slowest is how long a system call on the log may take before records are refused.
const slowest = 5 * time.Second

// looks is how often the guard looks in that time.
const looks = 8

// ErrSlow is the cause of an ErrUnavailable while a system call on the log, or on its head, does not return.
var ErrSlow = errors.New("the disk does not answer")

// turnLock is a mutex that can be seen from outside to be held by the same holder all the time.
type turnLock struct {
	mu    sync.Mutex
	turns atomic.Uint64 // odd while it is held
}

// Lock takes the lock.
func (t *turnLock) Lock() { t.mu.Lock(); t.turns.Add(1) }

// TryLock takes the lock when it is free.
func (t *turnLock) TryLock() bool {
	ok := t.mu.TryLock()
	if ok {
		t.turns.Add(1)
	}
	return ok
}

// Unlock gives the lock back.
func (t *turnLock) Unlock() { t.turns.Add(1); t.mu.Unlock() }

// holder follows one lock. It counts looks and does not ask a clock: a process that was stopped for a while has not seen a disk
// hang.
type holder struct {
	turn uint64
	seen int
}

// hangs says that the lock was held by the same holder at so many looks that it has been for about env.slow.
func (h *holder) hangs(l *turnLock) bool {
	turn := l.turns.Load()
	if turn != h.turn || turn%2 == 0 {
		*h = holder{turn: turn}
		return false
	}
	h.seen++
	return h.seen >= looks-1
}

// stall is why nobody is served: the disk hangs, or the log is closed. It never changes.
type stall struct {
	err   error
	since time.Time // by Options.Now
}

// guard looks whether those who hold the locks across system calls get on.
func (l *Log) guard() {
	tick := time.NewTicker(l.env.slow / looks)
	defer tick.Stop()
	var writes, syncs holder
	for {
		select {
		case <-l.gone:
			return
		case <-tick.C:
			l.look(&writes, &syncs)
		}
	}
}

// look begins a stall when something hangs, and ends it when nothing does any more.
func (l *Log) look(writes, syncs *holder) {
	s := l.stalled.Load()
	writing, syncing := writes.hangs(&l.mu), syncs.hangs(&l.syncing)
	switch {
	case writing || syncing:
		if s == nil {
			s = l.stall(writing)
		}
		l.turnAway(s)
	case s != nil:
		l.resume(s)
	}
}

func (l *Log) stall(writing bool) *stall {
	op := "sync"
	if writing {
		op = "write"
	}
	s := &stall{&unavailableError{op, fmt.Errorf("%w for %s", ErrSlow, l.env.slow)}, l.o.Now().Add(-l.env.slow)}
	l.stalled.Store(s)
	select {
	case l.hung <- s.err:
	default:
	}
	return s
}

// turnAway answers all callers that wait, those too that came just before the stall was known. The records of what was done stay.
func (l *Log) turnAway(s *stall) {
	l.group.turnAway(s.err)
	if t := l.serving.Load(); t != nil && t.state.CompareAndSwap(waiting, left) {
		t.done <- s
	}
	var keep []*ticket
	for {
		select {
		case t := <-l.queue:
			if t != nil && t.state.CompareAndSwap(waiting, left) {
				t.done <- s
			}
			keep = append(keep, t)
			continue
		default:
		}
		break
	}
	for _, t := range keep {
		select {
		case l.queue <- t:
		default:
		}
	}
}

// resume goes on after the disk has come back, and records at once that records were refused.
func (l *Log) resume(s *stall) {
	if !l.mu.TryLock() {
		return // busy; the next look will do
	}
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	if l.down == nil {
		l.fail("write", ErrSlow)
		l.down.err, l.down.since = s.err, s.since
	}
	l.down.tried = time.Time{}
	l.stalled.Store(nil)
	l.revive() // what fails is kept in l.down
}

// end lets nobody wait any more.
func (l *Log) end() {
	close(l.gone)
	l.guarded.Wait()
	l.stalled.Store(&stall{err: &unavailableError{"append", ErrClosed}})
	l.queue <- nil
}
