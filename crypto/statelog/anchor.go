package statelog

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"

	"matterfs/crypto"
)

// Anchor is a head and where the caller recorded it: Seq numbers the audit
// record. Whoever knows it searches for newer heads from there on only.
type Anchor struct {
	Head Head
	Seq  uint64
}

const anchorSize = 16 + 8 + 8 + 32 // store id, sequence, generation, hash

func anchorSealer(key *crypto.Key) (*crypto.Sealer, error) {
	k := crypto.DeriveKey(key, "statelog/anchor")
	defer k.Wipe()
	return crypto.NewSealer(k)
}

// SealAnchor writes an anchor to a file of its own, by replacing it. It is
// sealed, so that only an older one can be put in its place, which names an
// older place to search from, and does no harm.
func SealAnchor(path string, id crypto.ID, key *crypto.Key, a Anchor) error {
	s, err := anchorSealer(key)
	if err != nil {
		return err
	}
	b := append(make([]byte, 0, anchorSize), id[:]...)
	b = binary.LittleEndian.AppendUint64(b, a.Seq)
	b = binary.LittleEndian.AppendUint64(b, a.Head.Generation)
	return replace(path, s.Seal(nil, append(b, a.Head.Hash[:]...)), noStep)
}

// OpenAnchor reads what [SealAnchor] wrote. A file that is missing, of another
// store or not authentic is none (ok is false): the caller then searches
// everything.
func OpenAnchor(path string, id crypto.ID, key *crypto.Key) (a Anchor, ok bool, err error) {
	s, err := anchorSealer(key)
	if err != nil {
		return a, false, err
	}
	sealed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return a, false, nil
	}
	if err != nil {
		return a, false, err
	}
	b, err := s.Open(nil, sealed)
	if err != nil || len(b) != anchorSize || crypto.ID(b[:16]) != id {
		return a, false, nil
	}
	a.Seq, a.Head.Generation = binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
	copy(a.Head.Hash[:], b[32:])
	return a, true, nil
}
