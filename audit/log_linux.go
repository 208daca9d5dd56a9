package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
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
	Reserve      int64            // bytes of the disk kept for records of changes while it is full, see Class; 0: none

	Wrap func(File) File // nil, or stands between the log and the live file, so that tests can let it fail
}

// environ is what tests replace.
type environ struct {
	boot  [16]byte
	retry time.Duration // least time between two attempts to recover
	beat  time.Duration // how often the head says that the log is alive
	slow  time.Duration // a system call that takes longer makes the log unavailable until it returns
	live  func(dir string, group int) (liveFile, error)
	pace  pace
	step  func(step string) error // called after each step that changes files; an error stops there
}

func realEnviron() environ {
	return environ{boot: bootID(), retry: 250 * time.Millisecond, beat: headBeat, slow: slowest, live: openLive, pace: realPace(),
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

	tickets sync.Pool
	queue   chan *ticket           // to the writer; nil ends it
	serving atomic.Pointer[ticket] // what the writer works on
	inside  atomic.Int64           // callers
	stalled atomic.Pointer[stall]  // nil while callers are served
	hung    chan error             // a stall has begun
	gone    chan struct{}          // ends the guard
	guarded sync.WaitGroup         // the guard
	refused atomic.Int64           // records refused that no audit.recover has told of
	changes atomic.Int64           // between Begin and End
	free    atomic.Int64           // see Free
	closing atomic.Bool
	blocked atomic.Bool // l.down is not nil
	shown   shown

	sealing sync.Mutex // guards seals, held across a seal, taken before syncing
	seals   sealer
	due     chan struct{} // enough records wait for a seal
	older   chan struct{} // a segment waits to be compressed
	group   commits
	synced  atomic.Uint64 // the last record known to be on the medium, or one before it
	hold    Hold          // as last recorded; guarded by tidying
	tidying sync.Mutex    // held while older segments are worked on; no other lock is taken under it but mu

	syncing turnLock // held across fdatasync, taken before mu; the waiters share one call
	stop    chan struct{}
	stopped sync.WaitGroup

	mu      turnLock // guards all below; held across writes by the writer and by what works in the background, never across fdatasync
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
	held    int64         // up to here the live file has blocks, whatever its size
	bare    bool          // the file system cannot hold blocks for later
	down    *outage       // nil while records can be written
	closed  bool          // no more records are taken
	over    bool          // Close has done its last work

	leaves   [][32]byte // hashes of the records that the tree does not have yet
	unsealed int        // records since the last seal, without its own
	oldest   time.Time  // when the first of them was written, monotonic
}

// shown is what the log tells about itself. It is kept apart so that it can be asked while a disk hangs.
type shown struct {
	mu       sync.Mutex // guards the rest; taken last, and nothing is called with it held
	seq      uint64
	hash     [32]byte
	sealedTo uint64 // size of the newest checkpoint
	signed   string // the newest checkpoint
	sealErr  error  // why sealing does not go on
	tidyErr  error  // why older segments are not compressed
}

// set changes what is shown.
func (s *shown) set(change func(s *shown)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// Open opens or creates the log of a store, checks its end against the head and repairs what a crash may leave.
// It refuses with *TamperedError, *IncompleteError or ErrInUse.
func Open(o Options) (*Log, error) {
	env := realEnviron()
	if o.Wrap != nil {
		env.live = func(dir string, group int) (liveFile, error) {
			f, err := openLive(dir, group)
			if err != nil {
				return nil, err
			}
			return o.Wrap(f), nil
		}
	}
	return open(o, env)
}

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
	l := &Log{o: o, env: env, enc: newEncoders(), head: head, stop: make(chan struct{}), gone: make(chan struct{}), hung: make(chan error, 1), queue: make(chan *ticket, queued), group: newCommits(),
		due: make(chan struct{}, 1), older: make(chan struct{}, 1), buf: make([]byte, 0, 4096)}
	l.tickets.New = func() any { return newTicket(l.enc.Get().(*encoder)) }
	if err := l.start(); err != nil {
		head.close()
		if l.live != nil {
			l.live.Close()
		}
		return nil, err
	}
	l.run()
	return l, nil
}

// run holds the reserve and starts what works beside the callers.
func (l *Log) run() {
	l.measure()
	l.shown.set(func(v *shown) { v.seq, v.hash = l.st.seq, l.st.hash })
	l.mu.Lock()
	l.secured(0) // what fails is kept in l.down
	l.mu.Unlock()
	go l.writer()
	l.guarded.Go(l.guard)
	l.stopped.Go(l.background)
	l.stopped.Go(l.committer)
	if l.o.Seal {
		l.stopped.Go(l.sealLoop)
	}
	if l.o.Rotate {
		l.stopped.Go(l.housekeep)
	}
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
		l.held = 0 // cutting gives back what is held after the end
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
	l.shown.mu.Lock()
	l.shown.seq, l.shown.hash = l.st.seq, hash
	l.shown.mu.Unlock()
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
	l.shown.mu.Lock()
	defer l.shown.mu.Unlock()
	return l.shown.seq, l.shown.hash
}

// Close syncs everything, marks the head as final and lets go of the log. Records appended afterwards are refused. While a disk
// hangs Close returns an ErrUnavailable at once; what it has to do is done when the disk comes back.
func (l *Log) Close() error {
	if l.closing.Swap(true) {
		return nil
	}
	select {
	case <-l.hung: // that may be over
	default:
	}
	done := make(chan error, 1)
	go func() { done <- l.shut() }()
	if s := l.stalled.Load(); s != nil && !errors.Is(s.err, ErrClosed) {
		return s.err
	}
	select {
	case err := <-done:
		return err
	case err := <-l.hung:
		return err
	}
}

// shut does the work of Close, after what was asked for before it.
func (l *Log) shut() error {
	l.pass()
	l.mu.Lock()
	was := l.closed
	l.closed = true
	l.mu.Unlock()
	if was {
		l.end()
		return nil
	}
	close(l.stop)
	l.stopped.Wait()
	var err error
	if l.o.Seal {
		err = l.seal()
	}
	err = errors.Join(err, l.letGo())
	l.end()
	return err
}

// pass returns when the writer has done all that was asked before, however long the disk hangs, and a stall has been recorded.
func (l *Log) pass() {
	for {
		t := newTicket(nil)
		t.kind = wholeLog
		l.queue <- t
		if <-t.done == nil && l.stalled.Load() == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func (l *Log) letGo() error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	return errors.Join(l.finish(), l.live.Close(), l.head.close())
}

// finish writes the head for good. After an outage the head stays open-ended: what stands after the last record is not known.
func (l *Log) finish() error {
	if l.down != nil {
		return l.down.err
	}
	if err := errors.Join(l.giveBack(), l.live.Sync()); err != nil {
		return fmt.Errorf("syncing the log: %w", err)
	}
	l.st.synced, l.st.clean, l.st.stamp = l.st.seq, true, l.now().UnixMicro()
	return errors.Join(l.head.check(), l.head.store(&l.st), l.head.sync())
}
