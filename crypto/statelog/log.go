package statelog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"matterfs/crypto"
)

// Options is what a log is opened with.
type Options struct {
	StoreID crypto.ID        // the log belongs to this store
	Key     *crypto.Key      // not kept: may be wiped after Open
	Anchors []Head           // heads that were acknowledged, the newest among them; none: none is known
	Now     func() time.Time // default time.Now

	step func(call string) error // tests: before each call that changes the file
}

// Recovery says what Open found and did.
type Recovery struct {
	Created  bool     // there was no file, and none was expected
	TornLen  int      // bytes of an unfinished record that were cut off; 0: none
	TornHash [32]byte // SHA-256 of these
	TornWhy  string
	Ahead    []Entry // authentic records behind all anchors: a crash came before their acknowledgement
}

// Log is an open state log. It is safe for concurrent use.
type Log struct {
	path string
	now  func() time.Time
	step func(call string) error
	keys *keys

	state atomic.Pointer[State]

	mu     sync.Mutex // guards the rest
	f      *os.File
	size   int64
	head   Head
	broken error
}

// Open opens the log and replays it; where there is none and no anchor says that
// there was one it makes an empty one. The errors are *[RolledBackError],
// *[DamagedError], *[ForeignError] and crypto.ErrWrongKey, for which [Accept] is
// the way out, *[NewerError], [ErrInUse] and those of the file system. A refused
// file is left as it is.
func Open(path string, o Options) (*Log, *Recovery, error) {
	l := &Log{path: path, now: o.Now, step: o.step}
	if l.now == nil {
		l.now = time.Now
	}
	var err error
	if l.keys, err = newKeys(o.StoreID, o.Key); err != nil {
		return nil, nil, err
	}
	created, err := l.ensure(o.Anchors)
	if err != nil {
		return nil, nil, err
	}
	if l.f, err = openLocked(path); err != nil {
		return nil, nil, err
	}
	r, err := l.load(o.Anchors)
	if err != nil {
		return nil, nil, errors.Join(err, l.f.Close())
	}
	r.Created = created
	return l, r, nil
}

// ensure makes the file where there is none.
func (l *Log) ensure(anchors []Head) (created bool, err error) {
	if _, err := os.Lstat(l.path); !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if len(anchors) > 0 {
		return false, &RolledBackError{Path: l.path, Want: newest(anchors), Missing: true}
	}
	first := l.keys.seal(&Entry{Time: l.now(), Kind: beginKind, Payload: json.RawMessage("{}")}, l.keys.start())
	return true, replace(l.path, append(l.keys.head[:], first...), l.begin)
}

// openLocked opens an existing log, once at a time.
func openLocked(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, ErrInUse), f.Close())
	} else if err != nil {
		return nil, errors.Join(&fs.PathError{Op: "lock", Path: path, Err: err}, f.Close())
	}
	return f, nil
}

// load reads, judges and replays the file, then cuts off a torn end.
func (l *Log) load(anchors []Head) (*Recovery, error) {
	b, err := readAll(l.f)
	if err != nil {
		return nil, err
	}
	found, err := scan(l.path, b, l.keys)
	if err != nil {
		return nil, err
	}
	if err := found.judge(l.path, anchors); err != nil {
		return nil, err
	}
	s := newState()
	for i := range found.entries {
		if err := s.apply(&found.entries[i]); err != nil {
			return nil, err
		}
	}
	r := &Recovery{TornLen: len(found.tail), TornWhy: found.why}
	if len(anchors) > 0 {
		r.Ahead = found.entries[newest(anchors).Generation+1:]
	}
	if len(found.tail) > 0 {
		r.TornHash = sum(found.tail)
		if err := l.cut(found.good); err != nil {
			return nil, err
		}
	}
	l.size, l.head = found.good, found.head()
	l.state.Store(s)
	return r, nil
}

// cut takes the file back to a length, for good.
func (l *Log) cut(size int64) error {
	if err := l.begin("truncate"); err != nil {
		return err
	}
	if err := l.f.Truncate(size); err != nil {
		return err
	}
	if err := l.begin("sync"); err != nil {
		return err
	}
	return l.f.Sync()
}

// State is what all records add up to.
func (l *Log) State() *State { return l.state.Load() }

// Head is the end of the log, to be kept elsewhere.
func (l *Log) Head() Head {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head
}

// Append writes a record and returns the new head when it is on the medium and
// in [Log.State]. A record that the state does not understand is refused with
// *[NewerError] and not written. After an error nothing has changed, but after
// [ErrBroken] it may show at the next Open.
func (l *Log) Append(kind string, payload any) (Head, error) {
	b, err := json.Marshal(payload)
	if err != nil {
		return Head{}, err
	}
	if len(b) > MaxPayload {
		return Head{}, fmt.Errorf("statelog: a payload of %d bytes, at most %d", len(b), MaxPayload)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e := &Entry{Generation: l.head.Generation + 1, Time: l.now().UTC().Truncate(time.Microsecond), Kind: kind, Payload: b}
	next := l.state.Load().clone()
	if err := next.apply(e); err != nil {
		return Head{}, err
	}
	if kind == beginKind {
		return Head{}, &NewerError{Generation: e.Generation, Kind: kind, Err: errors.New("only the first record begins")}
	}
	frame := l.keys.seal(e, l.head.Hash)
	if err := l.write(frame); err != nil {
		return Head{}, err
	}
	l.size += int64(len(frame))
	l.head = Head{e.Generation, sum(frame)}
	l.state.Store(next)
	return l.head, nil
}

// write puts a frame behind the last one, durably, or takes it back.
func (l *Log) write(frame []byte) error {
	if l.broken != nil {
		return errors.Join(ErrBroken, l.broken)
	}
	if err := l.check(); err != nil {
		return err
	}
	err := l.begin("write")
	if err == nil {
		_, err = l.f.WriteAt(frame, l.size)
	}
	if err != nil {
		if undo := l.cut(l.size); undo != nil {
			l.broken = undo
		}
		return err
	}
	if err := l.begin("sync"); err != nil {
		return l.fail(err)
	}
	if err := unix.Fdatasync(int(l.f.Fd())); err != nil {
		return l.fail(&fs.PathError{Op: "fdatasync", Path: l.path, Err: err})
	}
	return nil
}

// fail gives up: after a failed sync nobody knows what is on the medium, and a
// second one may succeed without writing anything.
func (l *Log) fail(err error) error {
	l.broken = err
	return errors.Join(ErrBroken, err)
}

// check tells whether the file is still the one that was opened.
func (l *Log) check() error {
	held, err := l.f.Stat()
	if err != nil {
		return err
	}
	named, err := os.Lstat(l.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &ReplacedError{l.path, "deleted"}
	case err != nil:
		return err
	case !os.SameFile(held, named):
		return &ReplacedError{l.path, "replaced"}
	case held.Size() != l.size:
		return &ReplacedError{l.path, fmt.Sprintf("changed: it has %d bytes, %d were written", held.Size(), l.size)}
	}
	return nil
}

func (l *Log) begin(call string) error {
	if l.step == nil {
		return nil
	}
	return l.step(call)
}

// Close lets go of the file. Nothing is left to write.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = os.ErrClosed
	return l.f.Close()
}
