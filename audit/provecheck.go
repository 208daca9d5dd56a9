package audit

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ProofOptions say what a proof is checked with.
type ProofOptions struct {
	Keys []string // verification keys that were kept elsewhere: the first of the log, and one more for each time that keys were lost
	// Retired accepts changes of keys whose records retention took. Then whoever has had any key after these can have made the proof.
	Retired bool

	anyKey bool // a test wants to see what is accepted when a key speaks for all records
}

// Proven is a record that a proof shows to be in the log.
type Proven struct {
	Line   []byte
	Record *Parsed
	Epoch  uint64 // number of the key that sealed it
}

// CheckProof tells which records a proof shows to be in the log of the verification keys, changes of keys among them. The error is a
// *ProofError, and nothing is shown then, or a *NoteError where what was given is no verification key.
func CheckProof(proof []byte, o ProofOptions) ([]Proven, error) {
	if len(o.Keys) == 0 {
		return nil, &NoteError{"verification key", errors.New("none was given")}
	}
	for _, k := range o.Keys {
		if _, err := note.NewVerifier(k); err != nil {
			return nil, &NoteError{"verification key", err}
		}
	}
	blocks, ok := parseProof(string(proof))
	if !ok || len(blocks) == 0 {
		return nil, &ProofError{Cause: errors.New("the text is no proof")}
	}
	c := &proofCheck{o: o}
	for i, b := range blocks {
		if err := c.block(b); err != nil {
			return nil, &ProofError{Block: i + 1, Seq: b.index + 1, Cause: err}
		}
	}
	return c.list, nil
}

// proofBlock is one block. Of a retired epoch only its text is set.
type proofBlock struct {
	epoch      string
	line       []byte
	index      uint64
	path       tlog.RecordProof
	checkpoint string
}

// parseProof reads blocks and nothing else.
func parseProof(text string) (list []proofBlock, ok bool) {
	for text != "" {
		head, rest, _ := strings.Cut(text, "\n")
		var b proofBlock
		switch head {
		case retiredLine:
			line, after, _ := strings.Cut(rest, "\n\n")
			raw, err := base64.StdEncoding.Strict().DecodeString(line)
			if err != nil || len(raw) == 0 {
				return nil, false
			}
			b.epoch, text = string(raw), after
		case proofHead:
			if text, ok = b.parse(rest); !ok {
				return nil, false
			}
		default:
			return nil, false
		}
		list = append(list, b)
	}
	return list, true
}

// parse reads what follows the first line of a block.
func (b *proofBlock) parse(text string) (rest string, ok bool) {
	body, rest, ok := strings.Cut(text, "\n\n")
	l := strings.Split(body, "\n")
	if !ok || len(l) < 2 {
		return "", false
	}
	extra, ok1 := strings.CutPrefix(l[0], "extra ")
	index, ok2 := strings.CutPrefix(l[1], "index ")
	line, err := base64.StdEncoding.Strict().DecodeString(extra)
	n, ok3 := number([]byte(index))
	if !ok1 || !ok2 || !ok3 || err != nil || n >= 1<<62 || len(l) > 66 {
		return "", false
	}
	b.line, b.index = line, n
	for _, s := range l[2:] {
		h, err := base64.StdEncoding.Strict().DecodeString(s)
		if err != nil || len(h) != tlog.HashSize {
			return "", false
		}
		b.path = append(b.path, tlog.Hash(h))
	}
	b.checkpoint = rest
	if i := strings.Index(rest, "\n"+proofHead+"\n"); i >= 0 {
		b.checkpoint = rest[:i+1]
	}
	return rest[len(b.checkpoint):], true
}

// proofCheck goes through the blocks of a proof.
type proofCheck struct {
	o    ProofOptions
	key  note.Verifier // in force; nil: none of the keys given was met yet
	text string        // the same in its text form
	n    uint64        // its number; 0: not known
	rows []string      // keys that have begun a row
	past []note.Verifier
	seq  uint64 // of the record before
	list []Proven
}

func (c *proofCheck) block(b proofBlock) error {
	if b.epoch != "" {
		if !c.o.Retired {
			return errors.New("retention took the record of a change of keys: what is proved with later keys is not bound to its time")
		}
		_, err := c.change(b.epoch)
		return err
	}
	p, err := ParseLine(b.line)
	switch {
	case err != nil:
		return err
	case p.Seq != b.index+1:
		return errors.New("the record does not have the number of its place")
	case p.Seq <= c.seq && !c.o.anyKey:
		return errors.New("the records do not stand in ascending order: the key in force is not that of their time")
	}
	signers := []note.Verifier{c.key}
	if p.Ev == "audit.epoch" {
		fresh, err := c.change(p.Signed)
		if err != nil {
			return err
		}
		if fresh {
			signers[0] = c.key
		}
	}
	if c.o.anyKey {
		signers = c.past
	}
	if err := c.included(b, signers); err != nil {
		return err
	}
	c.seq = p.Seq
	c.list = append(c.list, Proven{b.line, p, c.n})
	return nil
}

// change puts the next key in force: one that the key in force has signed, or one of those given.
func (c *proofCheck) change(signed string) (fresh bool, err error) {
	e, key, fresh, err := openEpoch(signed, c.key)
	switch {
	case err != nil:
		return false, err
	case e.origin != key.Name() || c.key != nil && c.key.Name() != e.origin:
		return false, errors.New("the change of keys belongs to another log")
	case fresh && !slices.Contains(c.o.Keys, e.key):
		return false, errors.New("the key does not go back to the verification key given")
	case fresh && slices.Contains(c.rows, e.key):
		return false, errors.New("a key that the log had before begins a row again: a log never goes back to a key")
	case !fresh && c.n != 0 && e.n != c.n+1:
		return false, errors.New("a change of keys is missing before this one")
	}
	if fresh {
		c.rows = append(c.rows, e.key)
	}
	c.key, c.text, c.n = key, e.key, e.n
	c.past = append(c.past, key)
	return fresh, nil
}

// included says why the checkpoint does not speak for the line at its place; nil when it does.
func (c *proofCheck) included(b proofBlock, signers []note.Verifier) error {
	if signers[0] == nil {
		return errors.New("no key is in force: the change of keys that brings the one given is missing")
	}
	cp, err := openCheckpoint(b.checkpoint, signers...)
	switch {
	case err != nil:
		return err
	case cp.Origin != signers[0].Name():
		return errors.New("the checkpoint belongs to another log")
	case cp.Size >= 1<<62:
		return errors.New("the checkpoint is of more records than there can be")
	}
	return tlog.CheckRecord(b.path, int64(cp.Size), cp.Root, int64(b.index), LeafHash(b.line))
}
