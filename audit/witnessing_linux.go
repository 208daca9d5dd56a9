package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/sumdb/note"
)

// witnessName is the file in the state directory that spares reading the whole log for the proof that a witness asks for: the tree
// over the records that a witness has last, in the form of audit.tree. It is made again when it is missing or not of this log.
const witnessName = "audit.witness"

// ErrNoChange says that a log has no change of keys that leads from the key that a witness knows to the one in force.
var ErrNoChange = errors.New("the log has no change of keys that leads on from the key that the witness knows")

// BehindError says that a witness has seen more of a log than there is: the log was rolled back, or is another one of that name.
type BehindError struct{ Have, Seen uint64 }

func (e *BehindError) Error() string {
	return fmt.Sprintf("the witness has signed %d records of this log, which has only %d sealed ones: it was rolled back", e.Seen, e.Have)
}

// Submission is what a witness is to be brought next: a checkpoint, and the proof that it grew out of the one before.
type Submission struct {
	Old        uint64 // records of the checkpoint that the witness has
	Size       uint64 // records of this one
	Proof      [][32]byte
	Checkpoint string // signed
	Epoch      string // proof of a change of keys, with this checkpoint at its end; empty: none

	tree treeState
}

// Witnessing prepares what a witness asks for, from the files of a log: it never waits for those who write it, nor they for it. One
// goroutine may use it. Of the log it reads what came since the last checkpoint that a witness has; all of it where that is not known.
type Witnessing struct {
	o      Options
	origin string
	kept   treeState // what a witness has last; no records: not known
}

// Witnessing is one for this log.
func (l *Log) Witnessing() *Witnessing {
	w := &Witnessing{o: l.o, origin: Origin(l.o.StoreID)}
	if b, err := os.ReadFile(filepath.Join(l.o.StateDir, witnessName)); err == nil {
		w.kept, _ = parseTreeState(b)
	}
	return w
}

// Origin names the log.
func (w *Witnessing) Origin() string { return w.origin }

// Known is how many records a witness has as far as was kept.
func (w *Witnessing) Known() uint64 { return w.kept.tree.n }

// Cosigned is the newest checkpoint that a witness has signed, as Keep left it; nil where there is none.
func (w *Witnessing) Cosigned() ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(w.o.Dir, CosignName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// Keep makes a co-signed checkpoint the newest one, in the file CosignName of the log directory.
func (w *Witnessing) Keep(cosigned []byte) error {
	return writeDurable(filepath.Join(w.o.Dir, CosignName), 0o640, w.o.Group, cosigned)
}

// Took says that the witness has taken s.
func (w *Witnessing) Took(s *Submission) error {
	w.kept = s.tree
	return writeAtomic(filepath.Join(w.o.StateDir, witnessName), 0o600, 0, w.kept.appendTo(nil))
}

// Changes are the changes of keys that lead from the key to the one that signed the newest checkpoint: what a witness is told that has
// signed nothing yet.
func (w *Witnessing) Changes(ctx context.Context, vkey, newest string) (list []string, err error) {
	left, err := readStub(w.o.Dir, w.o.StoreID)
	if err != nil {
		return nil, err
	}
	all := left.epochs
	err = w.lines(ctx, left.tree.n+1, func(line []byte, h header) error {
		p, err := own(line, h, "audit.epoch")
		if p != nil {
			all = append(all, p.Signed)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, signed := range all {
		text, _, _ := bytes.Cut([]byte(signed), []byte("\n\n"))
		e, _ := parseEpoch(string(text) + "\n")
		switch {
		case signedBy(newest, vkey):
			return list, nil
		case e.key == vkey:
			list = nil // those before are not asked for
		default:
			list = append(list, signed)
		}
		if signedBy(newest, e.key) {
			return list, nil
		}
	}
	return nil, ErrNoChange
}

// signedBy says that a checkpoint is signed with a key.
func signedBy(signed, vkey string) bool {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return false
	}
	_, err = openCheckpoint(signed, v)
	return err == nil
}

// own is a record of the log about itself that is such an event, nil when the line is none.
func own(line []byte, h header, events ...string) (*Parsed, error) {
	if !h.own {
		return nil, nil
	}
	p, err := ParseLine(line)
	if err != nil || !slices.Contains(events, p.Ev) {
		return nil, err
	}
	return p, nil
}

// lines calls fn for the lines of the log from record from on, and perhaps for some before, until it returns io.EOF or ctx ends.
func (w *Witnessing) lines(ctx context.Context, from uint64, fn func(line []byte, h header) error) error {
	list, err := openLog(w.o.Dir)
	if err != nil {
		return err
	}
	defer closeHeld(list)
	for i, s := range list {
		if i+1 < len(list) && list[i+1].first != 0 && list[i+1].first <= from {
			continue
		}
		err := s.eachRecord(w.o.Dir, from, func(line []byte, h header) error {
			switch {
			case h.seq < from:
				return nil
			case h.seq&0x3ff == 0 && ctx.Err() != nil:
				return ctx.Err()
			}
			return fn(line, h)
		})
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Next prepares what a witness is to be brought that has the first old records, and knows vkey as the key in force; empty: it does not
// follow keys. newest is the newest checkpoint. A *BehindError says that the witness has seen more than there is. There is nothing to
// bring, and s is nil, when the witness knows the next key already, which has not sealed yet.
func (w *Witnessing) Next(ctx context.Context, vkey string, old uint64, newest string) (s *Submission, err error) {
	c, err := ParseCheckpoint([]byte(newest))
	if err != nil {
		return nil, err
	}
	if c.Size < old {
		return nil, &BehindError{c.Size, old}
	}
	if vkey != "" && old > 0 && c.Size == old && !signedBy(newest, vkey) {
		return nil, nil
	}
	s = &Submission{Old: old, Size: c.Size, Checkpoint: newest}
	ch, err := w.change(ctx, vkey, old, newest)
	if err != nil {
		return nil, err
	}
	if ch != nil {
		s.Size, s.Checkpoint = ch.seal.size, ch.seal.signed
	}
	if old == 0 && ch == nil {
		return s, nil // nothing has to be proved; the tree is known when it is asked for
	}
	return s, w.prove(ctx, s, ch)
}

// change finds the change of keys that comes next for a witness, nil when the newest checkpoint does without.
func (w *Witnessing) change(ctx context.Context, vkey string, old uint64, newest string) (*target, error) {
	if vkey == "" || old == 0 {
		return nil, nil
	}
	ch, err := w.findChange(ctx, vkey, old+1, true)
	if err != nil || ch != nil || signedBy(newest, vkey) {
		return ch, err
	}
	// The witness has the record of the change already, but was not told what it means.
	ch, err = w.findChange(ctx, vkey, 1, false)
	if err == nil && ch == nil {
		err = ErrNoChange
	}
	return ch, err
}

// findChange looks from a record on for the first change of keys after that to vkey, with a seal over it by the key before. known: the
// change to vkey stands before that record.
func (w *Witnessing) findChange(ctx context.Context, vkey string, from uint64, known bool) (*target, error) {
	key, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, &NoteError{"verification key", err}
	}
	var t target
	sealed := false
	err = w.lines(ctx, from, func(line []byte, h header) error {
		p, err := own(line, h, "audit.epoch", "audit.seal")
		switch {
		case p == nil:
			return err
		case p.Ev == "audit.seal":
			c, err := ParseCheckpoint([]byte(p.Signed))
			if err == nil && t.seq != 0 && c.Size >= t.seq && signedBy(p.Signed, vkey) {
				t.seal, sealed = sealAt{c.Size, p.Signed}, true
				return io.EOF
			}
			return nil
		case t.seq != 0:
			return nil
		}
		e, _, fresh, err := openEpoch(p.Signed, key)
		switch {
		case err != nil:
			return nil // before the key in force
		case e.key == vkey:
			known = true
		case known:
			t.seq, t.line = h.seq, slices.Clone(line)
			if fresh {
				vkey = e.key // signs for itself
			}
		}
		return nil
	})
	if err != nil || !sealed {
		return nil, err
	}
	return &t, nil
}

// prove adds what leads from the old tree to the new one, and to the record of a change of keys.
func (w *Witnessing) prove(ctx context.Context, s *Submission, ch *target) error {
	err := errStale
	if w.kept.tree.n == s.Old && (ch == nil || ch.seq > s.Old) {
		err = w.proveFrom(ctx, w.kept, s, ch)
	}
	if !errors.Is(err, errStale) {
		return err
	}
	left, err := readStub(w.o.Dir, w.o.StoreID)
	switch {
	case err != nil:
		return err
	case left.tree.n > s.Old:
		return fmt.Errorf("the witness has %d records, and retention took those up to %d: there is no proof that leads on from there", s.Old, left.tree.n)
	}
	if err = w.proveFrom(ctx, treeState{left.last, left.tree}, s, ch); errors.Is(err, errStale) {
		return &TamperedError{w.o.Dir, 0, fmt.Sprintf("records 1 to %d are not those that were sealed", s.Size)}
	}
	return err
}

// errStale says that a tree, or the log, is not what was sealed.
var errStale = errors.New("not the tree that was sealed")

func (w *Witnessing) proveFrom(ctx context.Context, base treeState, s *Submission, ch *target) error {
	var v harvest
	growth := growthSpans(s.Old, s.Size)
	v.want(growth)
	if ch != nil {
		v.want(pathSpans(ch.seq-1, s.Size))
	}
	v.start(base.tree)
	last, hash := base.last, newHasher()
	err := w.lines(ctx, v.tree.n+1, func(line []byte, h header) error {
		switch {
		case v.tree.n == s.Size:
			return io.EOF
		case h.seq != v.tree.n+1 || h.prev != last:
			return errStale
		}
		last = hash.leaf(line)
		v.add(last)
		return nil
	})
	if err != nil {
		return err
	}
	c, err := ParseCheckpoint([]byte(s.Checkpoint))
	if err != nil {
		return err
	}
	if v.tree.n != s.Size || v.tree.root() != c.Root {
		return errStale
	}
	s.tree = treeState{last, v.tree}
	s.Proof = v.roots(growth)
	if ch != nil {
		s.Epoch = ch.block(&v)
	}
	return nil
}
