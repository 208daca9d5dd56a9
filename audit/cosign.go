package audit

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/mod/sumdb/note"
)

// A witness signs checkpoints of others beside the log's own signature: C2SP tlog-cosignature with Ed25519. The signature states the
// time, and that this is the largest tree of that log that the witness had seen then, which held all those before it.
const (
	cosignType = 0x04 // of a key for such signatures in signed-note
	stampSize  = 8    // the time stands before the signature, Unix seconds, big endian
)

// CosignName is the file in the log directory that holds the newest checkpoint which a witness has signed.
const CosignName = "checkpoint.cosigned"

// Cosignature is what a witness stated beside a checkpoint.
type Cosignature struct {
	Name string    `json:"name"` // of the witness
	Time time.Time `json:"time"` // when it signed, whole seconds, UTC
}

// Cosigner is the private key of a witness.
type Cosigner struct {
	name string
	key  ed25519.PrivateKey
}

// NewCosigner makes the key of a witness from its name and a seed of 32 bytes.
func NewCosigner(name string, seed []byte) (*Cosigner, error) {
	switch {
	case !validKeyName(name):
		return nil, &NoteError{"witness key", fmt.Errorf("%q is no name of a key: it must not be empty, nor hold spaces, controls or a plus", name)}
	case len(seed) != ed25519.SeedSize:
		return nil, &NoteError{"witness key", errors.New("the seed is not of 32 bytes")}
	}
	return &Cosigner{name, ed25519.NewKeyFromSeed(seed)}, nil
}

// validKeyName is the rule of signed-note.
func validKeyName(name string) bool {
	bad := func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '+' || r == unicode.ReplacementChar
	}
	return name != "" && !strings.ContainsFunc(name, bad)
}

// Key is the verifier key, in the text form of signed-note.
func (c *Cosigner) Key() string {
	pub := append([]byte{cosignType}, c.key.Public().(ed25519.PublicKey)...)
	return fmt.Sprintf("%s+%08x+%s", c.name, cosignID(c.name, pub), base64.StdEncoding.EncodeToString(pub))
}

// Sign gives the signature line, LF included, for the text of a checkpoint.
func (c *Cosigner) Sign(text string, at time.Time) string {
	pub := append([]byte{cosignType}, c.key.Public().(ed25519.PublicKey)...)
	sig := binary.BigEndian.AppendUint32(nil, cosignID(c.name, pub))
	sig = binary.BigEndian.AppendUint64(sig, uint64(at.Unix()))
	sig = append(sig, ed25519.Sign(c.key, cosigned(uint64(at.Unix()), text))...)
	return "— " + c.name + " " + base64.StdEncoding.EncodeToString(sig) + "\n"
}

// cosignID is the key id of signed-note; key begins with its type.
func cosignID(name string, key []byte) uint32 {
	h := sha256.Sum256(append([]byte(name+"\n"), key...))
	return binary.BigEndian.Uint32(h[:])
}

// cosigned is what a witness signs: never the bare text, so that no co-signature passes for the signature of a log.
func cosigned(at uint64, text string) []byte {
	return []byte("cosignature/v1\ntime " + strconv.FormatUint(at, 10) + "\n" + text)
}

// cosignVerifier is the public key of a witness.
type cosignVerifier struct {
	name string
	id   uint32
	key  ed25519.PublicKey
}

var errCosignKey = errors.New("is no verifier key of a witness: want NAME+ID+KEY of type 4, as witness init prints it")

// newCosignVerifier reads the verifier key of a witness, and no other kind of key.
func newCosignVerifier(vkey string) (*cosignVerifier, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	id, key64, _ := strings.Cut(rest, "+")
	n, err1 := strconv.ParseUint(id, 16, 32)
	key, err2 := base64.StdEncoding.Strict().DecodeString(key64)
	if !validKeyName(name) || len(id) != 8 || err1 != nil || err2 != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != cosignType ||
		uint32(n) != cosignID(name, key) {
		return nil, &NoteError{fmt.Sprintf("%q", vkey), errCosignKey}
	}
	return &cosignVerifier{name, uint32(n), key[1:]}, nil
}

// CheckWitnessKey says why vkey is no verifier key of a witness, nil when it is one.
func CheckWitnessKey(vkey string) error {
	_, err := newCosignVerifier(vkey)
	return err
}

func (v *cosignVerifier) Name() string    { return v.name }
func (v *cosignVerifier) KeyHash() uint32 { return v.id }

func (v *cosignVerifier) Verify(msg, sig []byte) bool {
	if len(sig) != stampSize+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	return at != 0 && at < 1<<63 && ed25519.Verify(v.key, cosigned(at, string(msg)), sig[stampSize:])
}

// OpenCosigned reads a checkpoint that at least one of the witnesses has signed; keys are their verifier keys. Whether the log
// signed it, too, is not asked: what a witness signs it has compared with what it signed before. The error is a *NoteError.
func OpenCosigned(signed []byte, keys ...string) (Checkpoint, []Cosignature, error) {
	var list []note.Verifier
	for _, k := range keys {
		v, err := newCosignVerifier(k)
		if err != nil {
			return Checkpoint{}, nil, err
		}
		list = append(list, v)
	}
	n, err := note.Open(signed, note.VerifierList(list...))
	if err != nil {
		return Checkpoint{}, nil, &NoteError{"co-signed checkpoint", err}
	}
	c, err := checkpointText(n.Text)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	var by []Cosignature
	for _, s := range n.Sigs {
		b, _ := base64.StdEncoding.DecodeString(s.Base64) // Open did so
		by = append(by, Cosignature{s.Name, time.Unix(int64(binary.BigEndian.Uint64(b[4:])), 0).UTC()})
	}
	return c, by, nil
}
