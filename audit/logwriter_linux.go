package audit

import (
	"sync/atomic"
	"time"
)

// ticket is one request to the writer. Its caller waits for an answer from the writer or, when the disk hangs, from the guard. A
// caller whom the guard has answered does not own the ticket any more.
type ticket struct {
	enc   *encoder
	body  []byte // in enc
	kind  kind
	class Class
	state atomic.Uint32 // waiting, left or done
	done  chan *stall   // one value for a caller that waits; nil: got and err are the answer

	got Receipt
	err error
}

func newTicket(e *encoder) *ticket { return &ticket{enc: e, done: make(chan *stall, 1)} }

// kind is what a ticket asks for.
type kind uint8

const (
	aRecord       kind = iota
	wholeLog           // Healthy
	roomForChange      // Ready
)

// A ticket leaves the state waiting once: by whoever then answers its caller.
const (
	waiting uint32 = iota
	left           // its caller is gone
	done
)

// queued is how many tickets may wait; more records of changes than this are lost when a disk hangs.
const queued = 256

// Append adds a record of a disclosure and returns its number. When it returns without error the line is in the file (in the page
// cache: see Sync). Otherwise the operation it stands for must be refused: ErrUnavailable while the log cannot be written,
// *RecordError when the record cannot be encoded. A record that was being written when the disk began to hang may come to stand in
// the log although it was refused.
func (l *Log) Append(r *Record) (uint64, error) { return l.AppendAs(Disclosure, r) }

// AppendAs is Append for a record of another class. A Change, or a Closing, that is refused because the disk hangs is written
// when the disk comes back.
func (l *Log) AppendAs(c Class, r *Record) (uint64, error) {
	got, err := l.Write(c, r)
	return got.Seq, err
}

// Receipt says where a record stands and how much of the disk it takes.
type Receipt struct {
	Seq   uint64
	Bytes int // of its line
}

// Write is AppendAs for a caller who keeps accounts.
func (l *Log) Write(c Class, r *Record) (Receipt, error) {
	t := l.tickets.Get().(*ticket)
	body, err := t.enc.encode(r)
	if err != nil {
		l.tickets.Put(t)
		return Receipt{}, err
	}
	t.kind, t.class, t.body = aRecord, c, body
	got, err := l.hand(t)
	if err != nil {
		l.refused.Add(1)
	}
	return got, err
}

// ask is a question to the writer.
func (l *Log) ask(k kind) error {
	t := l.tickets.Get().(*ticket)
	t.kind, t.class = k, Disclosure
	_, err := l.hand(t)
	return err
}

// hand gives a ticket to the writer and waits for the answer.
func (l *Log) hand(t *ticket) (Receipt, error) {
	l.inside.Add(1)
	defer l.inside.Add(-1)
	t.state.Store(waiting)
	if s := l.stalled.Load(); s != nil {
		l.leaveBehind(t)
		return Receipt{}, s.err
	}
	l.queue <- t
	if s := <-t.done; s != nil {
		return Receipt{}, s.err
	}
	got, err := t.got, t.err
	l.tickets.Put(t)
	return got, err
}

// leaveBehind keeps the record of something that was done for the time when the disk comes back.
func (l *Log) leaveBehind(t *ticket) {
	t.state.Store(left)
	if t.kind == aRecord && t.class != Disclosure && !l.closing.Load() {
		select {
		case l.queue <- t:
			return
		default:
		}
	}
	l.tickets.Put(t)
}

// writer does what tickets ask for, one after the other: a disk that hangs holds up this goroutine and no caller.
func (l *Log) writer() {
	for t := range l.queue {
		if t == nil {
			break
		}
		l.serve(t)
	}
	for l.inside.Load() > 0 { // they came while the log was being closed
		select {
		case t := <-l.queue:
			l.serve(t)
		case <-time.After(time.Millisecond):
		}
	}
}

// serve answers a ticket. What nobody waits for any more is written only if it has been done already.
func (l *Log) serve(t *ticket) {
	l.serving.Store(t)
	if t.state.Load() == waiting || t.class != Disclosure {
		l.mu.Lock()
		t.got, t.err = l.answer(t)
		l.mu.Unlock()
	}
	l.serving.Store(nil)
	if t.state.CompareAndSwap(waiting, done) {
		t.done <- nil
	} else {
		l.tickets.Put(t)
	}
}

// answer needs mu held.
func (l *Log) answer(t *ticket) (Receipt, error) {
	switch t.kind {
	case wholeLog:
		return Receipt{}, l.health()
	case roomForChange:
		return Receipt{}, l.promise()
	}
	if err := l.put(t.class, t.body); err != nil {
		return Receipt{}, err
	}
	return Receipt{l.st.seq, len(l.buf) - 1}, nil
}

// put writes a record if the log can take one of its class.
func (l *Log) put(c Class, body []byte) error {
	err := l.ready()
	n := int64(len(body) + frameSize)
	if err == nil {
		if err = l.clock(); err == nil {
			err = l.secured(n)
		}
	}
	if err != nil && !(l.drains() && l.fits(c, n)) {
		return err
	}
	return l.commit(body)
}
