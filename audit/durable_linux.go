package audit

import "sync"

// commits are the callers who wait for their records to come to the medium. All who come while one fdatasync runs share the
// next: however many they are, each waits for two calls at most.
type commits struct {
	wake chan struct{} // somebody waits

	mu      sync.Mutex // guards the rest; nothing is called with it held
	waiting []*durable // for the next call
	served  []*durable // by the call that runs
	over    bool
}

// durable is one caller who waits.
type durable struct {
	seq  uint64
	done chan error // of size 1: the first answer counts
}

func newCommits() commits { return commits{wake: make(chan struct{}, 1)} }

// Durable returns when record seq, and so every one before it, is on the medium. Callers share an fdatasync. It does not wait for a
// disk that hangs longer than other callers do (ErrSlow), nor after cancel is closed: then the error is ErrInterrupted and the
// record stands all the same. After any error nothing may be disclosed on the strength of the record.
func (l *Log) Durable(seq uint64, cancel <-chan struct{}) error {
	if l.Synced() >= seq {
		return nil
	}
	w := &durable{seq, make(chan error, 1)}
	if !l.group.add(w) {
		return &unavailableError{"sync", ErrClosed}
	}
	if s := l.stalled.Load(); s != nil {
		w.answer(s.err)
	}
	select {
	case err := <-w.done:
		return err
	case <-cancel:
		return ErrInterrupted
	}
}

// answer lets the caller go; later answers are nobody's.
func (w *durable) answer(err error) {
	select {
	case w.done <- err:
	default:
	}
}

// add is false after the end.
func (c *commits) add(w *durable) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	c.waiting = append(c.waiting, w)
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return true
}

// take moves those who wait to the call that begins.
func (c *commits) take(last bool) []*durable {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = c.over || last
	c.served, c.waiting = c.waiting, nil
	return c.served
}

// turnAway answers all, because the disk hangs.
func (c *commits) turnAway(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.served {
		w.answer(err)
	}
	for _, w := range c.waiting {
		w.answer(err)
	}
	c.waiting = nil
}

// committer makes one fdatasync for all who wait, again and again.
func (l *Log) committer() {
	for {
		select {
		case <-l.stop:
			l.commitGroup(true)
			return
		case <-l.group.wake:
			l.commitGroup(false)
		}
	}
}

func (l *Log) commitGroup(last bool) {
	group := l.group.take(last)
	var want uint64
	for _, w := range group {
		want = max(want, w.seq)
	}
	if want == 0 {
		return
	}
	l.syncing.Lock()
	err := l.syncTo(want)
	l.syncing.Unlock()
	for _, w := range group {
		w.answer(err)
	}
}
