package audit

import (
	"fmt"
	"io"
	"time"
)

// Kinds of problems that verify reports. KindTail and KindMissing mean an incomplete log (exit code 11), KindCheckpoint one that
// contradicts an outside checkpoint (12), all others one that was tampered with (10).
const (
	KindMalformed = "malformed" // not a record: the line was damaged or put there by somebody else
	KindChain     = "chain"     // the line does not hash to what the next line says: it was changed
	KindGap       = "gap"       // records are missing before the line
	KindOrder     = "order"     // the line's number was there already: inserted, repeated or swapped
	KindTime      = "time"      // time runs backwards
	KindStore     = "store"     // the log or head belongs to another store
	KindHead      = "head"      // the line is not the one the head knows, or the head is damaged
	KindForeign   = "foreign"   // lines after the last one that the daemon wrote
	KindName      = "name"      // a segment does not begin with the record its name says
	KindTail      = "tail"      // records are missing from the end
	KindMissing   = "missing"   // whole segments are missing

	KindSeal       = "seal"       // a seal is not of these records, or not signed with the key in force
	KindEpoch      = "epoch"      // the row of keys is broken
	KindCheckpoint = "checkpoint" // the log is not the one of a checkpoint kept elsewhere
	KindWitness    = "witness"    // a witness has not signed the checkpoint that it should have
)

// walker follows the chain over lines of one or more files. After a problem it goes on from what it found, so that one
// changed line gives one problem.
type walker struct {
	report func(Problem)
	strict bool            // read judges every byte of a line, not only what the chain needs
	onGood func(j *judged) // may be nil; called for every record that continues the log

	file string
	line int // lines read of file
	off  int64

	seq   uint64   // last record that continued the log
	hash  [32]byte // its hash
	known bool     // hash is known; not so after a gap or before the first line of a partial log
	any   bool     // take the first record as it is
	t     time.Time
	good  int64 // end of that record in file
	where Problem

	unread uint64 // malformed lines since
	gapped string // kind of the gap just before that record; empty when the line before the current one had none
	alt    uint64 // number before that gap, to find back when a line's number alone was changed

	head   headState // what the head knows of one record; the zero value knows nothing
	headAt Problem   // where that record stands
	moved  bool      // it does not stand where the daemon wrote it

	h *hasher
}

// startWalk begins at record 1 of a store.
func startWalk(storeID string, report func(Problem)) *walker {
	return &walker{report: report, hash: StoreHash(storeID), known: true, h: newHasher()}
}

func (w *walker) problem(kind, format string, args ...any) {
	w.report(Problem{File: w.file, Line: w.line, Kind: kind, Msg: fmt.Sprintf(format, args...)})
}

// enter begins a file; first is the seq in its name, 0 for the live file.
func (w *walker) enter(name string, first uint64) {
	w.file, w.line, w.off, w.good = name, 0, 0, 0
	if w.seq == 0 && first > 1 && !w.any {
		w.problem(KindMissing, "records 1 to %d are in segments that are not here", first-1)
		w.seq, w.known = first-1, false
	}
}

// read takes all lines of one file and returns how many bytes without LF stand at its end.
func (w *walker) read(r io.Reader) (torn int64, err error) {
	return eachJudged(r, w.strict, w.take)
}

// step is take for a line that was not judged yet.
func (w *walker) step(ln rawLine) {
	j := judgeLine(ln, w.h)
	w.take(&j)
}

// take is given every line of a file in order.
func (w *walker) take(j *judged) {
	w.line++
	w.off += j.size
	gapped := w.gapped
	w.gapped = ""
	if j.why != "" {
		w.problem(KindMalformed, "the line %s", j.why)
		w.unread++
		return
	}
	if w.place(&j.h, gapped) {
		w.accept(j)
	}
}

// place says whether the record continues the log, perhaps after a gap. gapped is the kind of the gap before the line just
// before this one: only then may a number lower than the last one mean that the last one was changed. That gap is reported.
func (w *walker) place(h *header, gapped string) bool {
	if w.any {
		w.any = false
		return true
	}
	switch {
	case gapped != "" && h.seq < w.seq && h.seq == w.alt+2:
		if gapped == KindMissing {
			w.problem(KindOrder, "record %d after record %d: the number of the line before was changed", h.seq, w.seq)
		}
	case h.seq <= w.seq:
		w.problem(KindOrder, "record %d after record %d: inserted, repeated or out of order", h.seq, w.seq)
		return false
	case h.seq-w.seq-1 > w.unread:
		w.gap(w.seq+1, h.seq-1)
	case h.seq == w.seq+1 && w.known && h.prev != w.hash:
		w.broken()
	}
	return true
}

func (w *walker) gap(from, to uint64) {
	w.alt = w.seq
	kind := KindGap
	if w.line == 1 && w.seq > 0 {
		kind = KindMissing // a boundary between files: the end of the last one or whole segments
	}
	w.gapped = kind
	if from == to {
		w.problem(kind, "record %d is missing before this line", from)
		return
	}
	w.problem(kind, "records %d to %d are missing before this line", from, to)
}

// broken blames the line before: either it was changed, or this line's prev was, and then the next line blames this one.
func (w *walker) broken() {
	if w.seq == 0 {
		w.problem(KindStore, "record 1 does not carry the hash of this store's id")
		return
	}
	p := w.where
	p.Kind, p.Msg = KindChain, fmt.Sprintf("the line was changed: record %d does not hash to the prev of record %d", w.seq, w.seq+1)
	w.report(p)
}

func (w *walker) accept(j *judged) {
	h := &j.h
	if h.t.Before(w.t) {
		w.problem(KindTime, "time runs backwards: %s after %s", h.t.Format(timeLayout), w.t.Format(timeLayout))
	} else {
		w.t = h.t
	}
	w.seq, w.hash, w.known, w.unread = h.seq, j.leaf, true, 0
	w.good = w.off
	w.where.File, w.where.Line = w.file, w.line
	if h.seq == w.head.seq {
		w.anchor()
	}
	if w.onGood != nil {
		w.onGood(j)
	}
}

// anchor compares the record just accepted with what the head knows of it.
func (w *walker) anchor() {
	if w.hash != w.head.hash {
		w.problem(KindHead, "the line was changed: record %d is not the one the head knows", w.seq)
	}
	w.headAt = w.where
	w.moved = w.file == LiveName && uint64(w.off) != w.head.size
}

// shift is the problem that records are missing and the one the head knows stands elsewhere in the live file than where it was
// written: lines of that file are missing, not segments.
func (w *walker) shift() Problem {
	p := w.headAt
	p.Kind = KindHead
	p.Msg = fmt.Sprintf("record %d does not end at byte %d of the file, where it was written: lines before it were taken out",
		w.head.seq, w.head.size)
	return p
}
