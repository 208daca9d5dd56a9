package audit

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Checkpoint says that a log has that many records and that their Merkle tree hash (RFC 6962 section 2.1) is Root. Its text
// form is that of C2SP tlog-checkpoint: origin, size and root, a line each; signed it is a C2SP signed-note.
type Checkpoint struct {
	Origin string   // says which log, see Origin
	Size   uint64   // records 1 to Size
	Root   [32]byte // over the leaf hashes of their lines
}

// Origin names the log of a store in checkpoints and keys.
func Origin(storeID string) string { return "matterfs-audit/" + storeID }

func (c Checkpoint) text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

// errCheckpoint is the cause in a NoteError where the text is no checkpoint.
var errCheckpoint = errors.New("is no checkpoint: want lines with origin, size and root")

// NoteError says that a signed note (a checkpoint, or a change of keys) cannot be accepted.
type NoteError struct {
	What  string // "checkpoint" or "epoch"
	Cause error
}

func (e *NoteError) Error() string { return e.What + ": " + e.Cause.Error() }
func (e *NoteError) Unwrap() error { return e.Cause }

// ParseCheckpoint reads a signed checkpoint without judging its signatures: there must be at least the form of one.
func ParseCheckpoint(signed []byte) (Checkpoint, error) {
	text, _, ok := strings.Cut(string(signed), "\n\n— ")
	if !ok {
		return Checkpoint{}, &NoteError{"checkpoint", errors.New("carries no signature")}
	}
	return checkpointText(text + "\n")
}

// checkpointText reads the text of a checkpoint. Lines after the third are extensions, which are passed over.
func checkpointText(text string) (c Checkpoint, err error) {
	bad := &NoteError{"checkpoint", errCheckpoint}
	l := strings.SplitN(text, "\n", 4)
	if len(l) < 4 || l[0] == "" {
		return c, bad
	}
	size, ok := number([]byte(l[1]))
	root, err := base64.StdEncoding.Strict().DecodeString(l[2])
	if !ok || err != nil || len(root) != len(c.Root) {
		return c, bad
	}
	return Checkpoint{l[0], size, [32]byte(root)}, nil
}

// openCheckpoint reads a checkpoint signed with one of the keys.
func openCheckpoint(signed string, keys ...note.Verifier) (Checkpoint, error) {
	n, err := note.Open([]byte(signed), note.VerifierList(keys...))
	if err != nil {
		return Checkpoint{}, &NoteError{"checkpoint", err}
	}
	return checkpointText(n.Text)
}

// epochHead begins the text of a change of keys.
const epochHead = "matterfs-audit-epoch/v1"

// epoch is the text of a change of keys: from now on key signs for the log, as number n of its keys.
type epoch struct {
	origin string
	n      uint64
	key    string // verification key, in the text form of C2SP signed-note
}

func (e epoch) text() string {
	return fmt.Sprintf("%s\n%s\n%d\n%s\n", epochHead, e.origin, e.n, e.key)
}

func parseEpoch(text string) (e epoch, ok bool) {
	l := strings.Split(text, "\n")
	if len(l) != 5 || l[0] != epochHead || l[4] != "" {
		return e, false
	}
	n, ok := number([]byte(l[2]))
	return epoch{l[1], n, l[3]}, ok && n > 0
}

// openEpoch reads a change of keys. by is the key in force, nil where there is none. fresh: it was not signed with that one but
// with the new key itself, so it begins a new row of keys.
func openEpoch(signed string, by note.Verifier) (e epoch, key note.Verifier, fresh bool, err error) {
	text, _, _ := strings.Cut(signed, "\n\n")
	e, ok := parseEpoch(text + "\n")
	if !ok {
		return e, nil, false, &NoteError{"epoch", errors.New("the text is malformed")}
	}
	if key, err = note.NewVerifier(e.key); err != nil {
		return e, nil, false, &NoteError{"epoch", err}
	}
	if by != nil {
		if _, err := note.Open([]byte(signed), note.VerifierList(by)); err == nil {
			return e, key, false, nil
		}
	}
	if _, err := note.Open([]byte(signed), note.VerifierList(key)); err != nil {
		return e, nil, false, &NoteError{"epoch", err}
	}
	return e, key, true, nil
}

// epochKey is a private key that seals a log for a time.
type epochKey struct {
	n       uint64 // 1 for the first of a log
	created int64  // Unix seconds
	seed    [ed25519.SeedSize]byte
}

// public is the verification key as text.
func (k *epochKey) public(origin string) string {
	key, err := note.NewEd25519VerifierKey(origin, ed25519.NewKeyFromSeed(k.seed[:]).Public().(ed25519.PublicKey))
	if err != nil {
		return "" // only for keys of a wrong length
	}
	return key
}

// sign makes a signed note of text.
func (k *epochKey) sign(origin, text string) (string, error) {
	vkey := k.public(origin)
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return "", err
	}
	key := ed25519.NewKeyFromSeed(k.seed[:])
	defer clear(key)
	b, err := note.Sign(&note.Note{Text: text}, &noteSigner{v, key})
	return string(b), err
}

// noteSigner signs notes without a detour over the text form of a private key, which could not be wiped.
type noteSigner struct {
	note.Verifier
	key ed25519.PrivateKey
}

func (s *noteSigner) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

// CheckKey says why vkey is no verification key of the log of a store, nil when it is one.
func CheckKey(vkey, storeID string) error {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	if v.Name() != Origin(storeID) {
		return errors.New("the key belongs to " + strconv.Quote(v.Name()) + ", not to this log")
	}
	return nil
}
