package crypto

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"slices"
)

// What format v1 fixes.
const (
	Format1   = 1  // the only value of Prefix.Format
	CipherAES = 0  // the only value of Prefix.Cipher
	BlockLog2 = 12 // the only value of Prefix.BlockLog2: BlockSize = 1<<12
)

const prefixMagic = "MTRFSv1\x00"

// Offsets in a prefix; [0:prefixInfo] enters every key derivation as info.
const (
	prefixInfo     = 32
	offSalt        = 32
	offCommitment  = 64
	offKeyID       = 80
	offPrefixZeros = 96
)

// Prefix is the plaintext head of a file or .mfs.dir, written once. No field is
// secret; each one enters the derivation of the file's keys.
type Prefix struct {
	Format, Cipher, BlockLog2 uint8    // Format1, CipherAES, BlockLog2
	KeyVersion                uint32   // version of the matter key
	ContentID                 ID       // random; new when a file is re-keyed
	Salt                      [32]byte // random
	Commitment                [16]byte // tells a wrong key from damaged data
	KeyID                     ID       // which matter key, for finding it
}

// FileKeys seals and opens the parts of one file or directory.
type FileKeys struct {
	Data      *Sealer     // blocks
	Meta      *Sealer     // slots, directory metadata
	Xattr     *Sealer     // values of extended attributes
	XattrName *NameCipher // names of extended attributes; "/" is allowed in them
}

// ParsePrefix reads the first PrefixSize bytes of b, which may be longer: a
// file's header or a whole .mfs.dir. It needs no key and proves nothing; the
// proof is [Prefix.Keys]. The error is a *[FormatError].
func ParsePrefix(b []byte) (Prefix, error) {
	if len(b) < PrefixSize {
		return Prefix{}, badf("prefix", "%d bytes, want %d", len(b), PrefixSize)
	}
	if !bytes.HasPrefix(b, []byte(prefixMagic)) {
		return Prefix{}, badf("prefix", "magic %q, want %q", b[:8], prefixMagic)
	}
	if b[10] != 0 || !allZero(b[offPrefixZeros:PrefixSize]) {
		return Prefix{}, badf("prefix", "reserved bytes are not zero")
	}
	p := Prefix{Format: b[8], Cipher: b[9], BlockLog2: b[11], KeyVersion: binary.LittleEndian.Uint32(b[12:])}
	copy(p.ContentID[:], b[16:])
	copy(p.Salt[:], b[offSalt:])
	copy(p.Commitment[:], b[offCommitment:])
	copy(p.KeyID[:], b[offKeyID:])
	if err := p.check(); err != nil {
		return Prefix{}, err
	}
	return p, nil
}

// AppendTo appends the PrefixSize bytes of p to b.
func (p *Prefix) AppendTo(b []byte) []byte {
	b = append(b, prefixMagic...)
	b = append(b, p.Format, p.Cipher, 0, p.BlockLog2)
	b = binary.LittleEndian.AppendUint32(b, p.KeyVersion)
	b = append(b, p.ContentID[:]...)
	b = append(b, p.Salt[:]...)
	b = append(b, p.Commitment[:]...)
	b = append(b, p.KeyID[:]...)
	return append(b, make([]byte, PrefixSize-offPrefixZeros)...)
}

// NewFile makes the prefix and keys of a new file of the matter whose content
// key, key id and key version are given: new content id and salt, commitment
// filled in.
func NewFile(content *Key, keyID ID, keyVersion uint32) (Prefix, *FileKeys, error) {
	p := Prefix{Format: Format1, Cipher: CipherAES, BlockLog2: BlockLog2,
		KeyVersion: keyVersion, ContentID: NewID(), KeyID: keyID}
	rand.Read(p.Salt[:])
	d := newFileDeriver(&p, content)
	defer d.wipe()
	p.Commitment = d.commitment()
	keys, err := d.keys()
	return p, keys, err
}

// Keys derives the keys of the file. The error is [ErrWrongKey] when the
// commitment does not fit content and the other fields, a *[FormatError] when p
// is not of format v1.
func (p *Prefix) Keys(content *Key) (*FileKeys, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	d := newFileDeriver(p, content)
	defer d.wipe()
	want := d.commitment()
	if subtle.ConstantTimeCompare(want[:], p.Commitment[:]) != 1 {
		return nil, ErrWrongKey
	}
	return d.keys()
}

func (p *Prefix) check() error {
	switch {
	case p.Format != Format1:
		return badf("prefix", "format %d, want %d", p.Format, Format1)
	case p.Cipher != CipherAES:
		return badf("prefix", "cipher %d, want %d", p.Cipher, CipherAES)
	case p.BlockLog2 != BlockLog2:
		return badf("prefix", "block size 2^%d, want 2^%d", p.BlockLog2, BlockLog2)
	}
	return nil
}

// fileDeriver holds PRK = HKDF-Extract(salt || key id, content key) of one file.
// HMAC pads its key with zeros, so a zero key id is the same as none.
type fileDeriver struct {
	prk  []byte
	info string
}

func newFileDeriver(p *Prefix, content *Key) *fileDeriver {
	prk, err := hkdf.Extract(sha256.New, content[:], slices.Concat(p.Salt[:], p.KeyID[:]))
	if err != nil {
		panic("crypto: " + err.Error()) // only in FIPS-only mode with short keys
	}
	return &fileDeriver{prk: prk, info: string(p.AppendTo(nil)[:prefixInfo])}
}

func (d *fileDeriver) wipe() { clear(d.prk) }

func (d *fileDeriver) expand(purpose string, size int) []byte {
	b, err := hkdf.Expand(sha256.New, d.prk, "matterfs/v1/file\x00"+purpose+"\x00"+d.info, size)
	if err != nil {
		panic("crypto: " + err.Error()) // only for sizes above 255*32
	}
	return b
}

func (d *fileDeriver) commitment() [16]byte { return [16]byte(d.expand("commit", 16)) }

func (d *fileDeriver) sealer(purpose string) (*Sealer, error) {
	k := (*Key)(d.expand(purpose, len(Key{})))
	defer k.Wipe()
	return NewSealer(k)
}

func (d *fileDeriver) keys() (*FileKeys, error) {
	data, errData := d.sealer("data")
	meta, errMeta := d.sealer("meta")
	xattr, errXattr := d.sealer("xattr")
	names, errNames := newNameCipher(d.expand("xattrnames", sivKeySize), true)
	if err := errors.Join(errData, errMeta, errXattr, errNames); err != nil {
		return nil, err
	}
	return &FileKeys{Data: data, Meta: meta, Xattr: xattr, XattrName: names}, nil
}

// allZero compares b with itself one byte on, which is several times faster
// than a loop.
func allZero(b []byte) bool {
	return len(b) == 0 || b[0] == 0 && bytes.Equal(b[:len(b)-1], b[1:])
}
