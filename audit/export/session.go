package export

import (
	"context"
	"errors"
	"time"
)

// session sends what comes after the cursor until the log ends or something breaks.
type session struct {
	*exporter
	ctx     context.Context
	lines   chan *line
	last    position // the last record that was put
	since   time.Time
	pending int // bytes put since the last confirmation
}

// session runs one session. Whatever ends it, what was put is confirmed first, where that can be.
func (e *exporter) session(ctx context.Context) error {
	reading, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &session{exporter: e, ctx: ctx, lines: make(chan *line, aheadLines), last: e.confirmed.position}
	read := make(chan error, 1)
	src := &source{log: e.o.Log, follow: e.o.Follow, cursor: e.cur.path, at: e.cur.now}
	go func() { read <- src.read(reading, s.lines) }()
	err := s.work()
	stop()
	for range s.lines { // lets the reader end
	}
	if ended := <-read; err == nil {
		err = ended
	}
	if broken := (*BrokenError)(nil); errors.As(err, &broken) {
		return err
	}
	if last := s.finish(); err == nil {
		err = last
	}
	return err
}

// work handles one thing after the other. nil: there are no more lines.
func (s *session) work() error {
	tick := time.NewTicker(s.p.beat)
	defer tick.Stop()
	for {
		select {
		case l, more := <-s.lines:
			if !more {
				return nil
			}
			if err := s.put(l); err != nil {
				return err
			}
		case err := <-s.out.broken():
			if err == nil {
				err = errEarly
			}
			return &BrokenError{s.o.Target.String(), err}
		case <-tick.C:
			if err := s.beat(time.Now()); err != nil {
				return err
			}
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
}

func (s *session) put(l *line) error {
	if s.pending == 0 {
		s.since = time.Now()
	}
	if err := s.out.put(s.ctx, l); err != nil {
		return err
	}
	s.last.seq, s.last.hash = l.pos.seq, l.pos.hash
	s.pending += len(l.b)
	s.rep.Sent++
	switch {
	case s.pending >= s.p.confirmBytes:
		return s.confirm()
	case len(s.lines) == 0:
		return s.out.flush(s.ctx)
	}
	return nil
}

// beat confirms what has waited long enough, and moves the cursor to what was confirmed long enough ago.
func (s *session) beat(now time.Time) error {
	if s.pending > 0 && now.Sub(s.since) >= s.confirmAfter {
		return s.confirm()
	}
	return s.believe(now)
}

// believe moves the cursor when nothing broke since a confirmation for as long as it takes.
func (s *session) believe(now time.Time) error {
	if s.waiting == nil || now.Sub(s.waiting.at) < s.settle {
		return nil
	}
	if err := s.cur.save(s.waiting.position, s.waiting.at); err != nil {
		return err
	}
	if s.waiting = nil; s.confirmed.position != s.cur.now {
		next := s.confirmed
		s.waiting = &next
	}
	return nil
}

// confirm makes sure that all that was put has arrived.
func (s *session) confirm() error {
	mark, err := s.out.confirm(s.ctx)
	if err != nil {
		return err
	}
	s.last.mark = mark
	s.confirmed, s.pending = confirmation{s.last, time.Now()}, 0
	if s.waiting == nil {
		next := s.confirmed
		s.waiting = &next
	}
	if s.failed > 0 {
		s.failed = 0
		s.o.Told(Notice{Back: true})
	}
	if s.twice.seq > s.cur.now.seq {
		again := s.twice
		if s.last.seq < again.seq {
			again = s.last
		}
		return s.cur.save(again, s.confirmed.at)
	}
	return s.believe(s.confirmed.at)
}

// finish is an orderly end: what was confirmed is believed at once.
func (s *session) finish() error {
	if s.pending > 0 {
		if err := s.confirm(); err != nil {
			return err
		}
	}
	if s.confirmed.position == s.cur.now {
		return nil
	}
	return s.cur.save(s.confirmed.position, s.confirmed.at)
}
