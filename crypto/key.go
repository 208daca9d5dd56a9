package crypto

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
)

// Key is a secret of 32 bytes. It prints as "[key]" in every way Go prints
// values, with one gap: fmt cannot call the methods of a Key in an unexported
// field. So hold it there by pointer, which prints as an address, and give a
// struct that might be printed with a verb that does not fit pointers (%s, %q)
// a Format method of its own.
type Key [32]byte

const redacted = "[key]"

// NewKey returns a random key. It never fails (see crypto/rand.Read).
func NewKey() *Key {
	k := new(Key)
	rand.Read(k[:])
	return k
}

// Wipe overwrites the key with zeros.
func (k *Key) Wipe() { clear(k[:]) }

// String returns "[key]".
func (Key) String() string { return redacted }

// GoString returns "[key]".
func (Key) GoString() string { return redacted }

// Format writes "[key]" whatever the verb and flags.
func (Key) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// MarshalText returns "[key]"; a key is never stored as text.
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[key]" as a JSON string.
func (Key) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// DeriveKey returns HKDF-SHA256(k, no salt, info "matterfs/v1/"+purpose) of RFC
// 5869. Different purposes give independent keys.
func DeriveKey(k *Key, purpose string) *Key {
	return (*Key)(derive(k, purpose, len(Key{})))
}

// ContentKey returns the key from which the keys of all files and directories
// of a matter are derived: DeriveKey(matterKey, "content").
func ContentKey(matterKey *Key) *Key { return DeriveKey(matterKey, "content") }

func derive(k *Key, purpose string, size int) []byte {
	b, err := hkdf.Key(sha256.New, k[:], nil, "matterfs/v1/"+purpose, size)
	if err != nil {
		panic("crypto: " + err.Error()) // only for sizes above 255*32
	}
	return b
}
