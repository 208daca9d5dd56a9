package crypto

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"strings"

	"github.com/tink-crypto/tink-go/v2/daead/subtle"
)

const (
	// MaxName is the length of the longest name, in bytes.
	MaxName = 255
	// MaxInline is the length of the longest stored name that holds its
	// ciphertext itself, in bytes.
	MaxInline = 159
	// LongPrefix begins a stored name that only holds a hash.
	LongPrefix = ".l."
)

const (
	namePad    = 32 // names are padded to a multiple of this
	sivKeySize = subtle.AESSIVKeySize
)

// NameCipher seals names with AES-256-SIV (RFC 5297), the directory's id as
// associated data. It is deterministic: who sees the disk sees when two stored
// names in one directory are equal, which they never are. It is safe for
// concurrent use.
type NameCipher struct {
	siv   *subtle.AESSIV
	xattr bool // names of extended attributes may hold "/" and be "." or ".."
}

// NewNameCipher returns the cipher for the names of a matter; its key is
// HKDF-SHA256(matterKey, no salt, "matterfs/v1/names"), 64 bytes.
func NewNameCipher(matterKey *Key) (*NameCipher, error) {
	return newNameCipher(derive(matterKey, "names", sivKeySize), false)
}

func newNameCipher(key []byte, xattr bool) (*NameCipher, error) {
	siv, err := subtle.NewAESSIV(key)
	if err != nil {
		return nil, err
	}
	return &NameCipher{siv: siv, xattr: xattr}, nil
}

// Format writes "[name cipher]" whatever the verb: the cipher holds the key.
func (*NameCipher) Format(f fmt.State, _ rune) { io.WriteString(f, "[name cipher]") }

// Seal returns the stored name of name in the directory dir. When that would be
// longer than MaxInline, stored is LongPrefix and a hash, and long is what must
// be kept in the file stored+".n"; else long is nil. The error is a
// *[FormatError] for what is no name: empty, ".", "..", with "/" or NUL, longer
// than MaxName.
func (n *NameCipher) Seal(dir ID, name string) (stored string, long []byte, err error) {
	if err := n.check(name); err != nil {
		return "", nil, err
	}
	padded := make([]byte, (len(name)+namePad-1)/namePad*namePad)
	copy(padded, name)
	sealed, err := n.siv.EncryptDeterministically(padded, dir[:])
	if err != nil {
		return "", nil, err
	}
	if s := base64.RawURLEncoding.EncodeToString(sealed); len(s) <= MaxInline {
		return s, nil, nil
	}
	return longName(sealed), sealed, nil
}

// Open returns the name whose stored name in dir is stored; long is the content
// of stored+".n" and must be nil for inline names. Each name has exactly one
// stored form and Open takes no other. The error is [ErrAuth] when the bytes
// were not sealed for dir, a *[FormatError] when they cannot be a stored name.
func (n *NameCipher) Open(dir ID, stored string, long []byte) (string, error) {
	sealed, err := sealedName(stored, long)
	if err != nil {
		return "", err
	}
	padded, err := n.siv.DecryptDeterministically(sealed, dir[:])
	if err != nil {
		return "", ErrAuth
	}
	name := string(bytes.TrimRight(padded, "\x00"))
	if err := n.check(name); err != nil {
		return "", err
	}
	if len(padded) != (len(name)+namePad-1)/namePad*namePad {
		return "", badf("name", "padded too far")
	}
	return name, nil
}

func (n *NameCipher) check(name string) error {
	switch {
	case name == "":
		return badf("name", "empty")
	case len(name) > MaxName:
		return badf("name", "%d bytes, at most %d", len(name), MaxName)
	case strings.IndexByte(name, 0) >= 0:
		return badf("name", "%q holds NUL", name)
	case n.xattr:
		return nil
	case name == "." || name == "..":
		return badf("name", "%q", name)
	case strings.IndexByte(name, '/') >= 0:
		return badf("name", "%q holds a slash", name)
	}
	return nil
}

// sealedName returns the SIV ciphertext of a stored name.
func sealedName(stored string, long []byte) ([]byte, error) {
	if strings.HasPrefix(stored, LongPrefix) {
		return sealedLong(stored, long)
	}
	if long != nil {
		return nil, badf("name", "%q is inline and has a long form", stored)
	}
	if len(stored) > MaxInline {
		return nil, badf("name", "stored name of %d bytes, at most %d", len(stored), MaxInline)
	}
	// The decoder skips CR and LF even when strict: compare.
	sealed, err := base64.RawURLEncoding.DecodeString(stored)
	if err != nil || base64.RawURLEncoding.EncodeToString(sealed) != stored {
		return nil, badf("name", "%q is not canonical base64url", stored)
	}
	return sealed, nil
}

func sealedLong(stored string, long []byte) ([]byte, error) {
	if base64.RawURLEncoding.EncodedLen(len(long)) <= MaxInline {
		return nil, badf("name", "long form of %d bytes", len(long))
	}
	if longName(long) != stored {
		return nil, badf("name", "long form does not hash to %q", stored)
	}
	return long, nil
}

func longName(sealed []byte) string {
	sum := sha256.Sum256(sealed)
	return LongPrefix + base64.RawURLEncoding.EncodeToString(sum[:])
}
