package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Options configure a Log.
type Options struct {
	Dir          string           // log directory, made if missing (0750)
	StateDir     string           // holds the head, made if missing (0700); not the log's own directory
	StoreID      string           // 32 hex digits; binds log and head to the store
	Now          func() time.Time // nil: time.Now
	SyncInterval time.Duration    // how long a record may be in memory only; 0: 200 ms
	Group        int              // gid that owns the log file, so that auditors can read it; 0 or less: left alone
	Rotate       bool             // begin a new live file at SegmentSize and at midnight, and compress older ones
	SegmentSize  int64            // bytes; 0: 256 MiB
	Retain       time.Duration    // with Rotate: delete segments older than this; 0: never. LeastRetention is the least
	Seal         bool             // sign the log with keys kept in StateDir, see InitKeys
}

// environ is what tests replace.
type environ struct {
	boot  [16]byte
	retry time.Duration // least time between two attempts to recover
	beat  time.Duration // how often the head says that the log is alive
	live  func(dir string, group int) (liveFile, error)
	pace  pace
	step  func(step string) error // called after each step that changes files; an error stops there
}

func realEnviron() environ {
	return environ{boot: bootID(), retry: 250 * time.Millisecond, beat: headBeat, live: openLive, pace: realPace(),
		step: func(string) error { return nil }}
}

// The identity of the live file is looked at again after so many appends, and before an append after so long a time.
const (
	checkEvery = 256
	checkAfter = 10 * time.Millisecond
)

// Log is the one writer of an audit log. It is safe for concurrent use.
type Log struct {
	o   Options
	env environ
	enc *sync.Pool

	sealing sync.Mutex // guards seals, held across a seal, taken before syncing
	seals   sealer
	due     chan struct{} // enough records wait for a seal
	older   chan struct{} // a segment waits to be compressed
	hold    Hold          // as last recorded; guarded by tidying
	tidying sync.Mutex    // held while older segments are worked on; no other lock is taken under it but mu

	syncing sync.Mutex // held across fdatasync, taken before mu; the waiters share one call
	stop    chan struct{}
	stopped sync.WaitGroup

	mu      sync.Mutex // guards all below; never held across fdatasync
	live    liveFile
	head    *headFile
	st      headState     // what the head says, or is about to say
	last    time.Time     // time of the last record
	behind  time.Duration // how far the clock was behind last when audit.clock said so; 0: it did not
	buf     []byte        // 0x00 || line || LF
	appends int           // since the last check of the live file
	checked time.Time     // when that was, monotonic
	first   uint64        // the first record of the live file has this number, or will have
	born    time.Time     // its time
	tidyErr error         // why older segments are not compressed
	down    *outage       // nil while records can be written
	closed  bool          // no more records are taken
	over    bool          // Close has done its last work

	leaves   [][32]byte // hashes of the records that the tree does not have yet
	unsealed int        // records since the last seal, without its own
	oldest   time.Time  // when the first of them was written, monotonic
	sealedTo uint64     // size of the newest checkpoint
	sealErr  error      // why sealing does not go on
}

// outage is a time during which records are refused.
type outage struct {
	err     error
	since   time.Time // by Options.Now
	tried   time.Time // monotonic: last attempt to end it
	refused int
	torn    bool // bytes of a record may stand after st.size
	final   bool // only a new Open can end it
}

// Open opens or creates the log of a store, checks its end against the head and repairs what a crash may leave.
// It refuses with *TamperedError, *IncompleteError or ErrInUse.
func Open(o Options) (*Log, error) { return open(o, realEnviron()) }

func open(o Options, env environ) (*Log, error) {
	if o.StoreID == "" || o.Dir == "" || o.StateDir == "" {
		return nil, errors.New("audit: Dir, StateDir and StoreID must be given")
	}
	if o.Retain > 0 && o.Retain < LeastRetention {
		return nil, fmt.Errorf("audit: records must be kept for %d days at least", LeastRetention/(24*time.Hour))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.SyncInterval <= 0 {
		o.SyncInterval = 200 * time.Millisecond
	}
	if err := errors.Join(os.MkdirAll(o.Dir, 0o750), os.MkdirAll(o.StateDir, 0o700)); err != nil {
		return nil, err
	}
	if o.SegmentSize <= 0 {
		o.SegmentSize = 256 << 20
	}
	head, err := openHead(o.StateDir)
	if err != nil {
		return nil, err
	}
	l := &Log{o: o, env: env, enc: newEncoders(), head: head, stop: make(chan struct{}), due: make(chan struct{}, 1), older: make(chan struct{}, 1), buf: make([]byte, 0, 4096)}
	if err := l.start(); err != nil {
		head.close()
		if l.live != nil {
			l.live.Close()
		}
		return nil, err
	}
	l.stopped.Go(l.background)
	if o.Seal {
		l.stopped.Go(l.sealLoop)
	}
	if o.Rotate {
		l.stopped.Go(l.housekeep)
	}
	return l, nil
}

// Append adds a record and returns its number. When it returns without error the line is in the file (in the page cache: see
// Sync). Otherwise the record does not count, and the operation it stands for must be refused: ErrUnavailable while the log
// cannot be written, *RecordError when the record cannot be encoded.
func (l *Log) Append(r *Record) (uint64, error) {
	e := l.enc.Get().(*encoder)
	defer l.enc.Put(e)
	body, err := e.encode(r)
	if err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.ready(); err != nil {
		if l.down != nil {
			l.down.refused++
		}
		return 0, err
	}
	if err := l.clock(); err != nil {
		l.down.refused++
		return 0, err
	}
	if err := l.commit(body); err != nil {
		l.down.refused++
		return 0, err
	}
	return l.st.seq, nil
}

// ready ends an outage if it can, and looks from time to time whether the live file is still ours.
func (l *Log) ready() error {
	if l.closed {
		return &unavailableError{"append", ErrClosed}
	}
	if l.down != nil {
		return l.revive()
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

// commit frames, hashes and writes one record, then moves the head.
func (l *Log) commit(body []byte) error {
	t := l.now()
	b := frame(append(l.buf[:0], 0x00), l.st.seq+1, t, body, &l.st.hash)
	hash := sum(b)
	b = append(b, '\n')
	l.buf = b
	n, err := l.live.Write(b[1:])
	if err == nil && n < len(b)-1 {
		// Only a further attempt tells why (ENOSPC, EDQUOT ...); a record is never put together from two.
		if _, err = l.live.Write(b[1+n:]); err == nil {
			err = io.ErrShortWrite
		}
	}
	if err != nil {
		torn := l.live.Truncate(int64(l.st.size)) != nil
		err = l.fail("write", err)
		l.down.torn = torn
		return err
	}
	l.last = t
	if l.st.size == 0 {
		l.born = t
	}
	l.st.seq, l.st.hash = l.st.seq+1, hash
	if l.o.Seal {
		l.noted(hash)
	}
	l.st.size += uint64(n)
	l.st.stamp = t.UnixMicro()
	if err := l.head.store(&l.st); err != nil {
		return l.fail("head", err)
	}
	return nil
}

// now never runs backwards: records are ordered by seq and by time alike.
func (l *Log) now() time.Time {
	t := l.o.Now().UTC().Truncate(time.Microsecond)
	if t.Before(l.last) || t.Year() > 9999 {
		return l.last
	}
	return t
}

// fail begins an outage, or gives a running one a newer cause.
func (l *Log) fail(op string, cause error) error {
	if l.down == nil {
		l.down = &outage{since: l.now()}
	}
	l.down.err = &unavailableError{op, cause}
	l.down.tried = time.Now()
	return l.down.err
}

// revive tries to end an outage, not more often than every env.retry: cut what a failed write left, see that the file is ours,
// write the head, and record how long nothing could be written.
func (l *Log) revive() error {
	d := l.down
	if d.final || time.Since(d.tried) < l.env.retry {
		return d.err
	}
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
	before := l.st.seq
	err := l.record(&Record{Ev: "audit.recover", Res: "ok", AUID: -1, OUID: -1, Note: "writing failed: " + d.err.Error(),
		Recovery: &Recovery{Since: d.since, Refused: d.refused}})
	if err != nil && l.st.seq == before {
		return err
	}
	// The record is in the file even when the head could not follow: it must not be written a second time.
	d.refused = 0
	if err != nil {
		return err
	}
	l.down = nil
	return nil
}

// record appends a record of the log's own while mu is held.
func (l *Log) record(r *Record) error {
	e := l.enc.Get().(*encoder)
	defer l.enc.Put(e)
	body, err := e.encode(r)
	if err != nil {
		return err
	}
	return l.commit(body)
}

// Head returns the number and hash of the last record; 0 and the hash of the store id when there is none.
func (l *Log) Head() (seq uint64, hash [32]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.st.seq, l.st.hash
}

// Healthy returns nil while records can be written, else the error that Append would return. It looks at the live file each
// time (two stat calls).
func (l *Log) Healthy() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return &unavailableError{"append", ErrClosed}
	}
	if l.down != nil {
		return l.revive()
	}
	return l.check()
}

// Close syncs everything, marks the head as final and lets go of the log. Records appended afterwards are refused.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	close(l.stop)
	l.stopped.Wait()
	var err error
	if l.o.Seal {
		err = l.seal()
	}
	l.syncing.Lock()
	defer l.syncing.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	return errors.Join(err, l.finish(), l.live.Close(), l.head.close())
}

// finish writes the head for good. After an outage the head stays open-ended: what stands after the last record is not known.
func (l *Log) finish() error {
	if l.down != nil {
		return l.down.err
	}
	if err := l.live.Sync(); err != nil {
		return fmt.Errorf("syncing the log: %w", err)
	}
	l.st.synced, l.st.clean, l.st.stamp = l.st.seq, true, l.now().UnixMicro()
	return errors.Join(l.head.check(), l.head.store(&l.st), l.head.sync())
}
