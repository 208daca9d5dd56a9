package crypto

import (
	"crypto/rand"
	"encoding/hex"
)

// ID names a store, object, directory, content or key: 16 random bytes, not
// secret. The zero ID names nothing.
type ID [16]byte

// NewID returns a random ID. It never fails (see crypto/rand.Read).
func NewID() ID {
	var id ID
	rand.Read(id[:])
	return id
}

// ParseID reads what [ID.String] writes: 32 lower-case hex digits and nothing
// else. The error is a *[FormatError].
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 2*len(id) {
		return ID{}, badf("id", "%q is not 32 hex digits", s)
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil || id.String() != s {
		return ID{}, badf("id", "%q is not 32 lower-case hex digits", s)
	}
	return id, nil
}

// String returns 32 lower-case hex digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether id names nothing.
func (id ID) IsZero() bool { return id == ID{} }
