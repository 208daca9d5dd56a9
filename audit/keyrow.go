package audit

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// KeyRow is what somebody outside, a witness, knows of the keys of a log: it follows their row one by one. Only the key in force
// speaks for the log, so that a key which was erased since, and stolen before, gains its thief nothing.
type KeyRow struct {
	Given  []string // verification keys of the log that its operator was given
	Key    string   // in force
	Number uint64   // its number; 0: not known, as of a key that was given
	Rows   []string // those of Given that have begun a row: each does so once
}

// StartKeys is the row of a log of which nothing is known but keys: the first one is in force.
func StartKeys(given []string) (KeyRow, error) {
	if len(given) == 0 {
		return KeyRow{}, &NoteError{"verification key", errors.New("none was given")}
	}
	for _, k := range given {
		if v, err := note.NewVerifier(k); err != nil || v.Name() != keyOrigin(given[0]) {
			return KeyRow{}, &NoteError{"verification key", fmt.Errorf("%q is none of the log %s", k, keyOrigin(given[0]))}
		}
	}
	return KeyRow{Given: given, Key: given[0], Rows: given[:1:1]}, nil
}

// keyOrigin is the log that a verification key belongs to.
func keyOrigin(vkey string) string {
	name, _, _ := strings.Cut(vkey, "+")
	return name
}

// Origin is the log that the keys belong to.
func (r KeyRow) Origin() string { return keyOrigin(r.Key) }

// Open reads a checkpoint signed with the key in force; text is what it signed. A *NoteError wraps what package note said.
func (r KeyRow) Open(signed string) (c Checkpoint, text string, err error) {
	v, err := note.NewVerifier(r.Key)
	if err != nil {
		return c, "", &NoteError{"verification key", err}
	}
	n, err := note.Open([]byte(signed), note.VerifierList(v))
	if err != nil {
		return c, "", &NoteError{"checkpoint", err}
	}
	if c, err = checkpointText(n.Text); err == nil && c.Origin != r.Origin() {
		err = &NoteError{"checkpoint", fmt.Errorf("belongs to another log: %q", c.Origin)}
	}
	return c, n.Text, err
}

// Proved is the row after a change of keys, which proof shows to be in the log: one block of a proof (see Prove), of the record
// audit.epoch, with a checkpoint signed by the key in force. So whoever has only the new key cannot rewrite what came before it.
// Where the new key begins a row of its own, because the keys were lost, it must be among those given, and signs the checkpoint.
func (r KeyRow) Proved(proof string) (next KeyRow, c Checkpoint, text string, err error) {
	blocks, ok := parseProof(proof)
	if !ok || len(blocks) != 1 || blocks[0].epoch != "" {
		return r, c, "", &ProofError{Cause: errors.New("the text is no proof of one record")}
	}
	check, err := r.check()
	if err != nil {
		return r, c, "", err
	}
	b := blocks[0]
	if err := check.block(b); err != nil {
		return r, c, "", &ProofError{Block: 1, Seq: b.index + 1, Cause: err}
	}
	next = r.at(check)
	if next.Key == r.Key {
		return r, c, "", &ProofError{Block: 1, Seq: b.index + 1, Cause: errors.New("the record is no change of keys")}
	}
	signer := r
	if len(next.Rows) > len(r.Rows) {
		signer = next
	}
	c, text, err = signer.Open(b.checkpoint)
	return next, c, text, err
}

// Unproved is the row after changes of keys without a proof that they are in the log: blocks as EpochBlocks makes them. That will do
// only where nothing is known of the log yet.
func (r KeyRow) Unproved(blocks string) (KeyRow, error) {
	list, ok := parseProof(blocks)
	if !ok || len(list) == 0 {
		return r, &ProofError{Cause: errors.New("the text is no row of changes of keys")}
	}
	check, err := r.check()
	if err != nil {
		return r, err
	}
	for i, b := range list {
		if b.epoch == "" {
			return r, &ProofError{Block: i + 1, Cause: errors.New("a change of keys with a proof stands among those without")}
		}
		if _, err := check.change(b.epoch); err != nil {
			return r, &ProofError{Block: i + 1, Cause: err}
		}
	}
	return r.at(check), nil
}

// EpochBlocks writes the signed texts of changes of keys, in the form in which a proof has those that retention took.
func EpochBlocks(signed []string) string {
	var b strings.Builder
	for _, s := range signed {
		fmt.Fprintf(&b, "%s\n%s\n\n", retiredLine, base64.StdEncoding.EncodeToString([]byte(s)))
	}
	return b.String()
}

func (r KeyRow) check() (*proofCheck, error) {
	v, err := note.NewVerifier(r.Key)
	if err != nil {
		return nil, &NoteError{"verification key", err}
	}
	return &proofCheck{o: ProofOptions{Keys: r.Given}, key: v, text: r.Key, n: r.Number, rows: slices.Clone(r.Rows)}, nil
}

func (r KeyRow) at(c *proofCheck) KeyRow { return KeyRow{r.Given, c.text, c.n, c.rows} }

// CheckGrowth says why a tree is not one that grew out of another; nil when proof, a consistency proof of RFC 6962 section 2.1.2, shows
// that it is. Of nothing everything grows, and an equal size must have the equal root; proof must be empty then.
func CheckGrowth(old, now Checkpoint, proof [][32]byte) error {
	const most = 1 << 62
	switch {
	case old.Size > now.Size || now.Size >= most:
		return fmt.Errorf("a tree of %d records does not grow out of one of %d", now.Size, old.Size)
	case now.Size == 0 && now.Root != (&tree{}).root():
		return errors.New("the root of no records is not that of an empty tree")
	case old.Size == 0 && len(proof) != 0:
		return errors.New("a proof for the growth from nothing must be empty")
	case old.Size == 0:
		return nil
	}
	p := make(tlog.TreeProof, len(proof))
	for i, h := range proof {
		p[i] = h
	}
	return tlog.CheckTree(p, int64(now.Size), now.Root, int64(old.Size), old.Root)
}

// EncodeHashes writes hashes as proofs have them, a line each.
func EncodeHashes(list [][32]byte) string {
	var b strings.Builder
	for _, h := range list {
		b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	return b.String()
}
