package audit

import "time"

// Sync returns when every record appended before the call is on the medium (fdatasync), however long that takes. A failed sync ends writing until the
// log is opened again: the kernel has dropped what it could not write, and a second fdatasync would report success.
func (l *Log) Sync() error {
	l.mu.Lock()
	want := l.st.seq
	l.mu.Unlock()
	l.syncing.Lock()
	defer l.syncing.Unlock()
	return l.syncTo(want)
}

// syncTo needs syncing held.
func (l *Log) syncTo(want uint64) error {
	l.mu.Lock()
	seq, done, over := l.st.seq, l.st.synced, l.over
	var final error
	if l.down != nil && l.down.final {
		final = l.down.err // what did not come to the medium never will, whatever a further call says
	}
	l.mu.Unlock()
	if done >= want {
		return nil
	}
	if final != nil {
		return final
	}
	if over {
		return &unavailableError{"sync", ErrClosed}
	}
	err := l.live.Sync()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		err = l.fail("sync", err)
		l.down.final = true
		return err
	}
	l.onMedium(seq)
	if err := l.head.store(&l.st); err != nil {
		return l.fail("head", err)
	}
	return nil
}

// onMedium needs syncing and mu held.
func (l *Log) onMedium(seq uint64) {
	l.st.synced = seq
	l.synced.Store(seq)
}

// Synced returns the number of a record that is on the medium with all before it. There may be more by now.
func (l *Log) Synced() uint64 { return l.synced.Load() }

// background syncs what was written, brings the head to the medium after it, and notices when live file or head go away or
// when an outage can end although nobody appends.
func (l *Log) background() {
	tick := time.NewTicker(l.o.SyncInterval)
	defer tick.Stop()
	beat := time.NewTicker(l.env.beat)
	defer beat.Stop()
	checked := time.Now()
	for {
		select {
		case <-l.stop:
			return
		case <-beat.C:
			l.beat()
			continue
		case <-tick.C:
		}
		l.flush()
		if l.o.Rotate {
			l.rotateIfDue() // its errors are kept in l.down
		}
		if time.Since(checked) >= time.Second {
			checked = time.Now()
			l.measure()
			l.mu.Lock()
			l.health() // its result is kept in l.down
			l.mu.Unlock()
		}
	}
}

// flush syncs log and head when there is something new that still can be. Errors are kept in l.down.
func (l *Log) flush() error {
	l.mu.Lock()
	seq, synced := l.st.seq, l.st.synced
	final := l.down != nil && l.down.final
	l.mu.Unlock()
	if seq == synced || final {
		return nil
	}
	l.syncing.Lock()
	defer l.syncing.Unlock()
	if err := l.syncTo(seq); err != nil {
		return err
	}
	return l.syncHead()
}

// syncHead needs syncing held. A head that does not reach the medium would make the log look forged after a power cut, so that
// is as final as a failed sync of the log.
func (l *Log) syncHead() error {
	err := l.head.sync()
	if err == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	err = l.fail("sync", err)
	l.down.final = true
	return err
}

// beat brings to the medium that the log was alive now and which record was the last: what is dated much later and unknown to
// the head cannot be excused by a power cut.
func (l *Log) beat() error {
	l.mu.Lock()
	if l.down != nil {
		l.mu.Unlock()
		return nil
	}
	l.st.stamp = l.now().UnixMicro()
	err := l.head.store(&l.st)
	if err != nil {
		err = l.fail("head", err)
	}
	l.mu.Unlock()
	if err != nil {
		return err
	}
	l.syncing.Lock()
	defer l.syncing.Unlock()
	return l.syncHead()
}
