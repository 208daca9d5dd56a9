package crypto

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// Sizes of the format, in bytes.
const (
	BlockSize       = 4096                                    // plaintext of a full block
	LabelSize       = 16                                      // LE64 index, LE64 sequence
	PackageOverhead = pkgHeader + pkgTag                      // what sealing adds
	BlockStride     = BlockSize + LabelSize + PackageOverhead // a full block on disk
	PrefixSize      = 512                                     // plaintext head of a file
	SlotSize        = 1536                                    // one sealed slot on disk
	HeaderSize      = 4096                                    // prefix and two slots, rounded up: where block 0 starts
	MaxPayload      = 1 << 16                                 // plaintext of one package
)

// SlotLabel is the index in the label of a slot; no block has it.
const SlotLabel = 1<<64 - 1

const (
	pkgHeader  = 16   // version, cipher, LE16 length-1, nonce
	pkgTag     = 16   // GCM tag
	pkgAAD     = 4    // the authenticated part of the header
	pkgVersion = 0x20 // DARE 2.0
	pkgAES     = 0x00 // AES-256-GCM
	pkgFinal   = 0x80 // in the first nonce byte: last package of a stream
)

// Sealer seals and opens DARE 2.0 packages with one AES-256-GCM key. It is safe
// for concurrent use and does not allocate when dst has room.
type Sealer struct {
	aead cipher.AEAD
}

// NewSealer returns a sealer for k, which it does not keep: k may be wiped.
// The error is always nil with 32-byte keys on current Go versions.
func NewSealer(k *Key) (*Sealer, error) {
	block, err := aes.NewCipher(k[:])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &Sealer{aead: aead}, nil
}

// Format writes "[sealer]" whatever the verb: the cipher holds the key.
func (*Sealer) Format(f fmt.State, _ rune) { io.WriteString(f, "[sealer]") }

// Seal appends one final package with a fresh random nonce to dst and returns
// the longer slice, len(plaintext)+PackageOverhead bytes more. plaintext must
// not overlap the room behind dst and be 1 to MaxPayload bytes long, else Seal
// panics: DARE cannot express an empty package.
func (s *Sealer) Seal(dst, plaintext []byte) []byte {
	out, pkg := startPackage(dst, len(plaintext))
	s.aead.Seal(pkg[pkgHeader:pkgHeader], pkg[pkgAAD:pkgHeader], plaintext, pkg[:pkgAAD])
	return out
}

// Open appends the plaintext of pkg to dst and returns the longer slice. pkg
// must be exactly one final DARE 2.0 package of AES-256-GCM with sequence number
// 0. The error is a *[FormatError] when the header says otherwise and [ErrAuth]
// when the bytes are not authentic. dst may be pkg[16:16] to open in place;
// then a failed Open has overwritten pkg.
func (s *Sealer) Open(dst, pkg []byte) ([]byte, error) {
	if err := checkPackage(pkg); err != nil {
		return nil, err
	}
	out, err := s.aead.Open(dst, pkg[pkgAAD:pkgHeader], pkg[pkgHeader:], pkg[:pkgAAD])
	if err != nil {
		return nil, ErrAuth
	}
	return out, nil
}

// SealBlock appends the package of block index to dst: sealed are LE64 index,
// LE64 seq and data. data must not overlap the room behind dst and be 1 to
// BlockSize bytes long, index must not be SlotLabel, else SealBlock panics.
func (s *Sealer) SealBlock(dst []byte, index, seq uint64, data []byte) []byte {
	if len(data) == 0 || len(data) > BlockSize || index == SlotLabel {
		panic("crypto: SealBlock: data or index out of range")
	}
	out, pkg := startPackage(dst, LabelSize+len(data))
	payload := pkg[pkgHeader : len(pkg)-pkgTag]
	putLabel(payload, index, seq)
	copy(payload[LabelSize:], data)
	s.sealInPlace(pkg)
	return out
}

// OpenBlock opens the package of block index in place and returns its data,
// which aliases pkg, and its write sequence. The errors are those of
// [Sealer.Open] and a *[LabelError] when the package belongs to another index;
// pkg is overwritten in any case.
func (s *Sealer) OpenBlock(pkg []byte, index uint64) (data []byte, seq uint64, err error) {
	if len(pkg) <= PackageOverhead+LabelSize || len(pkg) > BlockStride {
		return nil, 0, badf("block", "package of %d bytes, want %d to %d", len(pkg), PackageOverhead+LabelSize+1, BlockStride)
	}
	payload, err := s.Open(pkg[pkgHeader:pkgHeader], pkg)
	if err != nil {
		return nil, 0, err
	}
	got := binary.LittleEndian.Uint64(payload)
	if got != index || got == SlotLabel {
		clear(pkg) // the plaintext of another place must not be used by mistake
		return nil, 0, &LabelError{Want: index, Got: got}
	}
	return payload[LabelSize:], binary.LittleEndian.Uint64(payload[8:]), nil
}

// startPackage appends a package for n bytes of payload to dst: the header is
// filled, the rest is to be overwritten.
func startPackage(dst []byte, n int) (out, pkg []byte) {
	if n < 1 || n > MaxPayload {
		panic("crypto: payload of a package out of range")
	}
	start := len(dst)
	out = slices.Grow(dst, n+PackageOverhead)[:start+n+PackageOverhead]
	pkg = out[start:]
	pkg[0], pkg[1] = pkgVersion, pkgAES
	binary.LittleEndian.PutUint16(pkg[2:], uint16(n-1))
	rand.Read(pkg[pkgAAD:pkgHeader])
	pkg[pkgAAD] |= pkgFinal
	return out, pkg
}

// sealInPlace encrypts the payload that stands in pkg in clear. The effective
// nonce is the one in the header because the sequence number is 0.
func (s *Sealer) sealInPlace(pkg []byte) {
	payload := pkg[pkgHeader : len(pkg)-pkgTag]
	s.aead.Seal(payload[:0], pkg[pkgAAD:pkgHeader], payload, pkg[:pkgAAD])
}

// checkPackage refuses every header but that of a single final package of
// exactly len(pkg) bytes. sio by default takes version 1 and other ciphers too.
func checkPackage(pkg []byte) error {
	switch {
	case len(pkg) <= PackageOverhead:
		return badf("package", "%d bytes, want more than %d", len(pkg), PackageOverhead)
	case pkg[0] != pkgVersion:
		return badf("package", "version 0x%02x, want 0x%02x", pkg[0], pkgVersion)
	case pkg[1] != pkgAES:
		return badf("package", "cipher 0x%02x, want 0x%02x", pkg[1], pkgAES)
	case pkg[pkgAAD]&pkgFinal == 0:
		return badf("package", "not a final package")
	}
	if n := int(binary.LittleEndian.Uint16(pkg[2:])) + 1; n+PackageOverhead != len(pkg) {
		return badf("package", "%d bytes, its header says %d", len(pkg), n+PackageOverhead)
	}
	return nil
}

func putLabel(b []byte, index, seq uint64) {
	binary.LittleEndian.PutUint64(b, index)
	binary.LittleEndian.PutUint64(b[8:], seq)
}
