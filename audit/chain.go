package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strconv"
)

// LeafHash is SHA-256(0x00 || line), the leaf hash of RFC 6962 section 2.1: what the next line carries as prev. The line is
// taken without its LF.
func LeafHash(line []byte) [32]byte {
	return newHasher().leaf(line)
}

// StoreHash is the prev of record 1: SHA-256 over the store id as text (32 hex digits).
func StoreHash(storeID string) [32]byte {
	return sha256.Sum256([]byte(storeID))
}

// hasher hashes many lines without allocating.
type hasher struct {
	h   hash.Hash
	out [32]byte
}

func newHasher() *hasher { return &hasher{h: sha256.New()} }

func (s *hasher) leaf(line []byte) [32]byte {
	s.h.Reset()
	s.out[0] = 0x00
	s.h.Write(s.out[:1])
	s.h.Write(line)
	s.h.Sum(s.out[:0])
	return s.out
}

func appendUint(b []byte, v uint64) []byte { return strconv.AppendUint(b, v, 10) }

func appendHex(b, src []byte) []byte { return hex.AppendEncode(b, src) }
