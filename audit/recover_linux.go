package audit

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// clockSlack is how far the clock may be behind the log before that is worth a record.
const clockSlack = time.Minute

// sum hashes 0x00 || line, which stand together in the buffer of the log.
func sum(b []byte) [32]byte { return sha256.Sum256(b) }

// tail is what the files say about the end of the log.
type tail struct {
	seq    uint64
	hash   [32]byte
	t      time.Time
	size   int64     // length of the live file
	good   int64     // end of its last good line
	first  uint64    // number of the first record of the live file, or of the one that would be
	born   time.Time // its time; zero when there is none
	broken *Problem  // first thing wrong with it; a missing LF at the end is not

	cutSeq uint64    // highest number among the complete records after the break
	cutT   time.Time // latest time among them
}

// leastLine is less than the bytes of any record: it bounds which numbers can stand in the bytes after a break.
const leastLine = 100

// inspect reads the live file, which is small enough for that (it is rotated), after the segment before it: the first line of
// the live file has to continue that one.
func inspect(dir, storeID string, h *headState) (t tail, err error) {
	list, err := segments(dir)
	if err != nil {
		return t, err
	}
	w := startWalk(storeID, func(p Problem) {
		if t.broken == nil {
			t.broken = &p
		}
	})
	w.head = *h
	if n := len(list); n > 0 && list[n-1].live() {
		list = list[:n-1]
	}
	if n := len(list); n > 0 {
		w.any = true
		if err := readOlder(dir, list[n-1], w); err != nil {
			return t, err
		}
		if t.broken != nil { // not the daemon's to repair: it never writes there
			return t, &TamperedError{t.broken.File, t.broken.Line, t.broken.Msg}
		}
	}
	return t, inspectLive(dir, w, &t)
}

// readOlder moves the walker to the end of the newest older segment.
func readOlder(dir string, s segment, w *walker) error {
	r, err := s.open(dir)
	if err != nil {
		return err
	}
	defer r.Close()
	w.enter(s.name, s.first)
	torn, err := w.read(r)
	if err == nil && torn > 0 {
		w.line++
		w.problem(KindMalformed, "the segment ends in the middle of a line")
	}
	return err
}

func inspectLive(dir string, w *walker, t *tail) error {
	w.enter(LiveName, 0)
	t.first = w.seq + 1
	f, err := openRegular(filepath.Join(dir, LiveName))
	if errors.Is(err, os.ErrNotExist) {
		t.take(w)
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	t.size = fi.Size()
	lines := newLines(f)
	for {
		if t.broken == nil {
			t.take(w)
		}
		ln, err := lines.next()
		if err == io.EOF || err == nil && ln.torn {
			return nil
		}
		if err != nil {
			return err
		}
		if t.broken != nil {
			t.cut(ln.b)
			continue
		}
		w.step(ln)
		if t.born.IsZero() && t.broken == nil {
			t.first, t.born = w.seq, w.t
		}
	}
}

// take keeps the walker's place before the next line, which may turn out to be broken.
func (t *tail) take(w *walker) {
	t.seq, t.hash, t.t, t.good = w.seq, w.hash, w.t, w.good
}

// cut looks at a line after the break.
func (t *tail) cut(line []byte) {
	h, why := parseHeader(line)
	if why != "" || h.seq <= t.seq || h.seq-t.seq > uint64(t.size-t.good)/leastLine {
		return
	}
	t.cutSeq = max(t.cutSeq, h.seq)
	if h.t.After(t.cutT) {
		t.cutT = h.t
	}
}

// latest is the time of the newest record, cut or not.
func (t *tail) latest() time.Time {
	if t.cutT.After(t.t) {
		return t.cutT
	}
	return t.t
}

// judge compares the files with the head. It returns what an audit.recover record has to tell (nil: nothing happened), or the
// error that refuses the log. The rule behind it: what was written in this boot, or was synced, must be there; and what the
// head does not know must be recent enough for a head that was on its way to the medium.
func judge(t *tail, h *headState, st headStatus, store [16]byte, boot [16]byte) (*Recovery, error) {
	if st != headOK {
		return judgeUnanchored(t, st)
	}
	same := h.boot == boot && boot != [16]byte{}
	extra, limited := h.spare(boot)
	last := max(t.seq, t.cutSeq)
	switch {
	case h.store != store:
		return nil, &TamperedError{HeadName, 0, "the head belongs to another store"}
	case t.broken != nil && (same || h.clean || t.seq < h.synced || t.broken.Kind != KindMalformed):
		return nil, &TamperedError{t.broken.File, t.broken.Line, t.broken.Msg + t.behind()}
	case t.seq < h.seq && (same || t.seq < h.synced):
		return nil, &IncompleteError{LiveName, t.seq, h.seq}
	case limited && t.seq > h.seq+extra:
		return nil, &TamperedError{LiveName, 0, fmt.Sprintf("record %d was not written by the daemon", h.seq+extra+1)}
	case !limited && last > h.seq && h.late(t.latest()):
		return nil, &TamperedError{LiveName, 0, h.lateMsg(h.seq+1, last, t.latest()) + wayOut}
	case h.clean && t.size > t.good:
		return nil, &TamperedError{LiveName, 0, "bytes were added after the log was closed"}
	}
	return t.recovery(h), nil
}

// wayOut is for lines that only a person can vouch for. Taking the head away is not hidden: the log says so for ever.
const wayOut = "; if they are genuine (a disk that stalled for long, a clock that jumped), move " + HeadName +
	" out of the state directory: the log then goes on and records that its end was not anchored"

// behind says how many good records stand after a break that is refused.
func (t *tail) behind() string {
	if t.cutSeq == 0 {
		return ""
	}
	return fmt.Sprintf("; complete records up to %d follow it, nothing was cut", t.cutSeq)
}

// recovery is what a log that is accepted has to tell, nil when there is nothing.
func (t *tail) recovery(h *headState) *Recovery {
	r := &Recovery{}
	if lost := max(h.seq, t.cutSeq); lost > t.seq {
		r.LostFrom, r.LostTo = t.seq+1, lost
	}
	from := h.seq + 1
	if h.repair != 0 {
		from = min(from, h.repair)
	}
	if t.seq >= from {
		r.UnanchoredFrom, r.UnanchoredTo = from, t.seq
	}
	if t.size == t.good && h.repair == 0 && r.LostTo == 0 && r.UnanchoredTo == 0 {
		return nil
	}
	return r
}

func judgeUnanchored(t *tail, st headStatus) (*Recovery, error) {
	if t.broken != nil {
		return nil, &TamperedError{t.broken.File, t.broken.Line, t.broken.Msg + t.behind()}
	}
	if st == headAbsent && t.seq == 0 && t.size == 0 {
		return nil, nil // a new log
	}
	return t.recovery(&headState{}), nil
}

// start finds the end of the log, repairs it and brings the head up to date.
func (l *Log) start() error {
	h, st := l.head.last, l.head.st
	t, err := inspect(l.o.Dir, l.o.StoreID, &h)
	if err != nil {
		return err
	}
	id := StoreHash(l.o.StoreID)
	rec, err := judge(&t, &h, st, [16]byte(id[:16]), l.env.boot)
	if err != nil {
		return err
	}
	if rec != nil {
		if err := rec.keep(&l.o, &t); err != nil {
			return err
		}
	}
	if l.live, err = l.env.live(l.o.Dir, l.o.Group); err != nil {
		return err
	}
	l.last, l.first, l.born = t.t, t.first, t.born
	if l.last.IsZero() {
		l.last = time.Unix(0, 0).UTC()
	}
	l.st = headState{seq: t.seq, hash: t.hash, size: uint64(t.good), boot: l.env.boot, store: [16]byte(id[:16]), stamp: l.now().UnixMicro()}
	l.st.synced = min(h.synced, t.seq)
	if rec != nil {
		l.st.repair = t.seq + 1
		if rec.UnanchoredFrom != 0 {
			l.st.repair = rec.UnanchoredFrom
		}
	}
	if err := l.repair(&t, rec, rec.why(st, &t, h.boot == l.env.boot)); err != nil || !l.o.Seal {
		return err
	}
	return l.startSeals(&t)
}

// repair cuts the torn end, records what happened and makes all of it durable before the first record of the new run.
// Unless records were lost the head goes first, with a mark that a repair is still to be recorded: it must be open-ended before
// a line is added. A head that knows of lost records is kept until they are recorded, or a second crash would forget them.
func (l *Log) repair(t *tail, rec *Recovery, note string) error {
	if rec == nil || rec.LostTo == 0 {
		if err := errors.Join(l.head.store(&l.st), l.head.sync()); err != nil {
			return err
		}
	}
	if t.size > t.good {
		if err := l.live.Truncate(t.good); err != nil {
			return err
		}
	}
	if rec != nil {
		r := Record{Ev: "audit.recover", Res: "ok", AUID: -1, OUID: -1, Recovery: rec, Note: note}
		if err := l.record(&r); err != nil {
			return err
		}
	}
	if err := l.clock(); err != nil {
		return err
	}
	if err := l.live.Sync(); err != nil {
		return err
	}
	l.st.synced, l.st.repair = l.st.seq, 0
	return errors.Join(l.head.store(&l.st), l.head.sync())
}

// why puts what happened into words. same: the head was written in this boot.
func (r *Recovery) why(st headStatus, t *tail, same bool) string {
	switch {
	case r == nil:
		return ""
	case st == headAbsent:
		return "the head of the log is missing: records may have been cut off the end"
	case st == headDamaged:
		return "the head of the log is damaged: records may have been cut off the end"
	case t.cutSeq > t.seq:
		return "the machine stopped: lines were damaged, and the complete records after them were cut off with them"
	case r.LostTo != 0:
		return "the machine stopped: records that were not yet on the disk may be lost"
	case r.UnanchoredTo != 0 && same:
		return "the daemon was stopped before it noted its last record in the head"
	case r.UnanchoredTo != 0:
		return "the machine stopped: the head on the disk was older than the log"
	}
	return "the daemon was stopped while it wrote a record or repaired the log"
}

// clock records that the machine's clock is behind the log, when that begins, when it gets worse by as much again, and when it
// is over: in between times stand still. A clock that jumped forward and came back is behind, too.
func (l *Log) clock() error {
	behind := l.last.Sub(l.o.Now())
	var note string
	switch {
	case behind > l.behind+clockSlack:
		note = fmt.Sprintf("the clock is %s behind the log; times stand still until it has caught up", behind.Round(time.Second))
	case behind <= 0 && l.behind > 0:
		note = fmt.Sprintf("the clock has caught up with the log; it was %s behind", l.behind.Round(time.Second))
		behind = 0
	default:
		return nil
	}
	if err := l.record(&Record{Ev: "audit.clock", Res: "ok", AUID: -1, OUID: -1, Note: note}); err != nil {
		return err
	}
	l.behind = behind
	return nil
}
