package audit

import (
	"errors"
	"time"
)

// outage is a time during which records are refused.
type outage struct {
	err    error
	since  time.Time // by Options.Now
	tried  time.Time // monotonic: last attempt to end it
	torn   bool      // bytes of a record may stand after st.size
	final  bool      // only a new Open can end it
	drains bool      // only the reserve is short: records of changes are written
}

// Healthy returns nil while all records can be written, else the error that Append would return. It looks at the live file each
// time (three stat calls).
func (l *Log) Healthy() error { return l.ask(wholeLog) }

// Serving says that the log took its last record and knows of nothing that would make it refuse the next one. It asks nobody: a
// trouble that no record, sync or look (one each second) has met yet is not known.
func (l *Log) Serving() bool {
	return !l.blocked.Load() && l.stalled.Load() == nil && !l.closing.Load()
}

// health needs mu held.
func (l *Log) health() error {
	if l.closed {
		return &unavailableError{"append", ErrClosed}
	}
	if l.down != nil {
		return l.revive()
	}
	return l.check()
}

// ready ends an outage if it can, and looks from time to time whether the live file is still ours.
func (l *Log) ready() error {
	if l.closed || l.down != nil {
		return l.health()
	}
	if l.appends++; l.appends >= checkEvery || time.Since(l.checked) >= checkAfter {
		return l.check()
	}
	return nil
}

func (l *Log) check() error {
	l.appends, l.checked = 0, time.Now()
	if err := errors.Join(l.live.Check(int64(l.st.size)), l.head.check()); err != nil {
		return l.fail("check", err)
	}
	return nil
}

// fail begins an outage, or gives a running one a newer cause.
func (l *Log) fail(op string, cause error) error {
	if l.down == nil {
		l.down = &outage{since: l.now()}
	}
	l.down.err = &unavailableError{op, cause}
	l.down.tried = time.Now()
	l.down.drains = false
	l.blocked.Store(true)
	return l.down.err
}

// drains says that an outage leaves the records of changes alone.
func (l *Log) drains() bool { return l.down != nil && l.down.drains }

// revive tries to end an outage, not more often than every env.retry: cut what a failed write left, see that the file is ours,
// write the head, hold the reserve, and record how long nothing could be written.
func (l *Log) revive() error {
	d := l.down
	if d.final || time.Since(d.tried) < l.env.retry {
		return d.err
	}
	if err := l.mend(); err != nil {
		return err
	}
	before, refused := l.st.seq, l.refused.Load()
	err := l.record(&Record{Ev: "audit.recover", Res: "ok", AUID: -1, OUID: -1, Note: "writing failed: " + d.err.Error(),
		Recovery: &Recovery{Since: d.since, Refused: int(refused)}})
	if err != nil && l.st.seq == before {
		return err
	}
	// The record is in the file even when the head could not follow: it must not be written a second time.
	l.refused.Add(-refused)
	if err != nil {
		return err
	}
	l.down = nil
	l.blocked.Store(false)
	return nil
}

// mend does what must work again before an outage is over. The cause that the record will name stays the one that began it
// unless another is found.
func (l *Log) mend() error {
	d := l.down
	if d.torn {
		if err := l.live.Truncate(int64(l.st.size)); err != nil {
			return l.fail("truncate", err)
		}
		d.torn = false
	}
	if err := l.check(); err != nil {
		return err
	}
	if err := l.head.store(&l.st); err != nil {
		return l.fail("head", err)
	}
	return l.secured(int64(frameSize) + 4096)
}
