package audit

import (
	"crypto/sha256"
	"encoding/hex"
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
	size   int64    // length of the live file
	good   int64    // end of its last good line
	broken *Problem // first thing wrong with it; a missing LF at the end is not
}

// inspect reads the live file, which is small enough for that (it is rotated), and the last segment before it when the live
// file has no record to begin with.
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
	w.headSeq, w.headHash = h.seq, h.hash
	if n := len(list); n > 1 || n == 1 && !list[0].live() {
		w.any = true
		if err := startAtOlder(dir, list, w); err != nil {
			return t, err
		}
	}
	return t, inspectLive(dir, w, &t)
}

// startAtOlder moves the walker to the end of the newest older segment, unless the live file can speak for itself.
func startAtOlder(dir string, list []segment, w *walker) error {
	last := list[len(list)-1]
	if last.live() {
		if fi, err := os.Stat(filepath.Join(dir, last.name)); err != nil || fi.Size() > 0 {
			return err
		}
		last = list[len(list)-2]
	}
	r, err := last.open(dir)
	if err != nil {
		return err
	}
	defer r.Close()
	w.enter(last.name, last.first)
	_, err = w.read(r)
	return err
}

func inspectLive(dir string, w *walker, t *tail) error {
	w.enter(LiveName, 0)
	f, err := openRegular(filepath.Join(dir, LiveName))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err == nil {
		defer f.Close()
		fi, err := f.Stat()
		if err != nil {
			return err
		}
		t.size = fi.Size()
		lines := newLines(f)
		for t.broken == nil {
			ln, err := lines.next()
			if err == io.EOF || err == nil && ln.torn {
				break
			}
			if err != nil {
				return err
			}
			t.take(w)
			w.step(ln)
		}
	}
	if t.broken == nil {
		t.take(w)
	}
	return nil
}

// take keeps the walker's place before the next line, which may turn out to be broken.
func (t *tail) take(w *walker) {
	t.seq, t.hash, t.t, t.good = w.seq, w.hash, w.t, w.good
}

// judge compares the files with the head. It returns what an audit.recover record has to tell (nil: nothing happened), or the
// error that refuses the log. The rule behind it: what was written in this boot, or was synced, must be there.
func judge(t *tail, h *headState, st headStatus, store [16]byte, boot [16]byte) (*Recovery, error) {
	if st != headOK {
		return judgeUnanchored(t, st)
	}
	same := h.boot == boot && boot != [16]byte{}
	extra, limited := h.spare(boot)
	torn := t.size > t.good
	switch {
	case h.store != store:
		return nil, &TamperedError{HeadName, 0, "the head belongs to another store"}
	case t.broken != nil && (same || h.clean || t.seq < h.synced || t.broken.Kind != KindMalformed):
		return nil, &TamperedError{t.broken.File, t.broken.Line, t.broken.Msg}
	case t.seq < h.seq && (same || t.seq < h.synced):
		return nil, &IncompleteError{LiveName, t.seq, h.seq}
	case limited && t.seq > h.seq+extra:
		return nil, &TamperedError{LiveName, 0, fmt.Sprintf("record %d was not written by the daemon", h.seq+extra+1)}
	case h.clean && torn:
		return nil, &TamperedError{LiveName, 0, "bytes were added after the log was closed"}
	case t.seq < h.seq:
		return &Recovery{LostFrom: t.seq + 1, LostTo: h.seq}, nil
	case torn:
		return &Recovery{}, nil
	}
	return nil, nil
}

func judgeUnanchored(t *tail, st headStatus) (*Recovery, error) {
	if t.broken != nil {
		return nil, &TamperedError{t.broken.File, t.broken.Line, t.broken.Msg}
	}
	if st == headAbsent && t.seq == 0 && t.size == 0 {
		return nil, nil // a new log
	}
	return &Recovery{}, nil
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
		if err := rec.embed(filepath.Join(l.o.Dir, LiveName), t.good, t.size); err != nil {
			return err
		}
	}
	if l.live, err = l.env.live(l.o.Dir, l.o.Group); err != nil {
		return err
	}
	l.last = t.t
	if l.last.IsZero() {
		l.last = time.Unix(0, 0).UTC()
	}
	l.st = headState{seq: t.seq, hash: t.hash, size: uint64(t.good), boot: l.env.boot, store: [16]byte(id[:16])}
	l.st.synced = min(h.synced, t.seq)
	return l.repair(&t, st, rec)
}

// embed describes the bytes that will be cut off, from good to size.
func (r *Recovery) embed(path string, good, size int64) error {
	if size == good {
		return nil
	}
	f, err := openRegular(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(f, good, size-good))
	if err != nil {
		return err
	}
	r.TornLen, r.TornHash = n, hex.EncodeToString(h.Sum(nil))
	if n <= MaxTorn {
		r.Torn = make([]byte, n)
		_, err = f.ReadAt(r.Torn, good)
	}
	return err
}

// repair cuts the torn end, records what happened and makes all of it durable before the first record of the new run.
// Unless records were lost the head goes first: it must be open-ended before a line is added. A head that knows of lost
// records is kept until they are recorded, or a second crash would forget them.
func (l *Log) repair(t *tail, st headStatus, rec *Recovery) error {
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
		r := Record{Ev: "audit.recover", Res: "ok", AUID: -1, OUID: -1, Recovery: rec, Note: rec.why(st)}
		if err := l.record(&r); err != nil {
			return err
		}
	}
	if err := l.clock(t.t); err != nil {
		return err
	}
	if err := l.live.Sync(); err != nil {
		return err
	}
	l.st.synced = l.st.seq
	return errors.Join(l.head.store(&l.st), l.head.sync())
}

func (r *Recovery) why(st headStatus) string {
	switch {
	case st == headAbsent:
		return "the head of the log is missing: records may have been cut off the end"
	case st == headDamaged:
		return "the head of the log is damaged: records may have been cut off the end"
	case r.LostTo != 0:
		return "the machine stopped: records that were not yet on the disk may be lost"
	}
	return "the daemon was stopped while it wrote a record"
}

// clock records that the machine's clock is behind the log: times stand still until it has caught up.
func (l *Log) clock(last time.Time) error {
	behind := last.Sub(l.o.Now())
	if last.IsZero() || behind <= clockSlack {
		return nil
	}
	return l.record(&Record{Ev: "audit.clock", Res: "ok", AUID: -1, OUID: -1,
		Note: fmt.Sprintf("the clock is %s behind the log; times stand still until it has caught up", behind.Round(time.Second))})
}
