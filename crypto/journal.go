package crypto

import "encoding/binary"

// CommitLabel is the index in the label of a commit record.
const CommitLabel = SlotLabel - 2

// Sizes in a journal, in bytes.
const (
	RecordIndex = 8                               // LE64 index before each package
	CommitSize  = commitPayload + PackageOverhead // a commit record's package

	commitPayload = 64
	commitEnd     = 40 // zeros from here on
)

// Commit is the sealed record by which a journal says how long the file was
// when it was last synced.
type Commit struct {
	Seq         uint64 // in the order of the block writes
	Size        uint64 // plaintext bytes
	Valid       uint64 // bytes from here on read as zeros; at most Size
	BlockWrites uint64 // packages sealed with the data key
}

// AppendTo appends the CommitSize bytes of c to dst, sealed with the meta key.
// It panics on a record that [OpenCommit] would refuse.
func (c *Commit) AppendTo(dst []byte, meta *Sealer) []byte {
	if c.Valid > c.Size {
		panic(badf("commit", "valid %d above size %d", c.Valid, c.Size))
	}
	out, pkg := startPackage(dst, commitPayload)
	b := pkg[pkgHeader : pkgHeader+commitPayload]
	clear(b)
	putLabel(b, CommitLabel, c.Seq)
	for i, v := range []uint64{c.Size, c.Valid, c.BlockWrites} {
		binary.LittleEndian.PutUint64(b[LabelSize+8*i:], v)
	}
	meta.sealInPlace(pkg)
	return out
}

// OpenCommit opens the CommitSize bytes of a commit record and leaves b as it
// is. The errors are those of [Sealer.Open], a *[LabelError] when it is no
// commit record, and a *[FormatError] when an authentic one breaks a rule.
func OpenCommit(meta *Sealer, b []byte) (Commit, error) {
	if len(b) != CommitSize {
		return Commit{}, badf("commit", "%d bytes, want %d", len(b), CommitSize)
	}
	var buf [commitPayload]byte
	p, err := meta.Open(buf[:0], b)
	if err != nil {
		return Commit{}, err
	}
	u64 := func(off int) uint64 { return binary.LittleEndian.Uint64(p[off:]) }
	if u64(0) != CommitLabel {
		return Commit{}, &LabelError{Want: CommitLabel, Got: u64(0)}
	}
	c := Commit{Seq: u64(8), Size: u64(16), Valid: u64(24), BlockWrites: u64(32)}
	if c.Valid > c.Size || !allZero(p[commitEnd:]) {
		return Commit{}, badf("commit", "valid above size, or reserved bytes are not zero")
	}
	return c, nil
}

// PackageLen returns how long the package at the start of b is by its header,
// which only opening it proves. ok is false when b is too short for a header
// or holds something else.
func PackageLen(b []byte) (n int, ok bool) {
	if len(b) < pkgHeader || b[0] != pkgVersion || b[1] != pkgAES || b[pkgAAD]&pkgFinal == 0 {
		return 0, false
	}
	return int(binary.LittleEndian.Uint16(b[2:])) + 1 + PackageOverhead, true
}
