package crypto

import "encoding/binary"

// Kind says what an object is.
type Kind uint8

// The kinds of objects; 0 is none.
const (
	File    Kind = 1
	Dir     Kind = 2
	Symlink Kind = 3
)

// String returns "file", "dir", "symlink" or "unknown".
func (k Kind) String() string {
	switch k {
	case File:
		return "file"
	case Dir:
		return "dir"
	case Symlink:
		return "symlink"
	}
	return "unknown"
}

// Slot is the sealed metadata of a file or symlink. Two slots stand in a header
// and are written in turn; the one with the higher Version is the truth.
type Slot struct {
	Version     uint64 // counts slot writes
	SeqBase     uint64 // sequences up to here are checkpointed
	TruncIndex  uint64 // block index of the last shrink ...
	TruncSeq    uint64 // ... and its sequence: blocks from there on need a higher one
	Size        uint64 // plaintext bytes
	Valid       uint64 // bytes from here on read as zeros; at most Size
	BlockWrites uint64 // packages sealed with the data key
	Flags       uint32 // reserved for the store
	Kind        Kind   // File, Dir or Symlink
	Object      ID     // for life
	Parent      ID     // object id of the directory that holds it
	UID, GID    uint32 // creator
	Mode        uint32 // permission bits
	Birth       int64  // unix time in ns
}

// Offsets in the payload of a slot, behind the label.
const (
	slotPayload = SlotSize - PackageOverhead
	slotEnd     = 128 // zeros from here on
)

// Seal returns the SlotSize bytes of s. It panics on a slot that [OpenSlot]
// would refuse, since writing it would lose the file.
func (s *Slot) Seal(meta *Sealer) []byte {
	if err := s.check(); err != nil {
		panic(err)
	}
	out, pkg := startPackage(make([]byte, 0, SlotSize), slotPayload)
	b := pkg[pkgHeader : pkgHeader+slotPayload]
	putLabel(b, SlotLabel, s.Version)
	for i, v := range []uint64{s.SeqBase, s.TruncIndex, s.TruncSeq, s.Size, s.Valid, s.BlockWrites} {
		binary.LittleEndian.PutUint64(b[LabelSize+8*i:], v)
	}
	binary.LittleEndian.PutUint32(b[64:], s.Flags)
	b[68] = byte(s.Kind)
	copy(b[72:], s.Object[:])
	copy(b[88:], s.Parent[:])
	binary.LittleEndian.PutUint32(b[104:], s.UID)
	binary.LittleEndian.PutUint32(b[108:], s.GID)
	binary.LittleEndian.PutUint32(b[112:], s.Mode)
	binary.LittleEndian.PutUint64(b[120:], uint64(s.Birth))
	meta.sealInPlace(pkg)
	return out
}

// OpenSlot opens the SlotSize bytes of a slot and leaves b as it is. The errors
// are those of [Sealer.Open], a *[LabelError] when it is no slot, and a
// *[FormatError] when an authentic slot breaks a rule.
func OpenSlot(meta *Sealer, b []byte) (Slot, error) {
	if len(b) != SlotSize {
		return Slot{}, badf("slot", "%d bytes, want %d", len(b), SlotSize)
	}
	p, err := meta.Open(make([]byte, 0, slotPayload), b)
	if err != nil {
		return Slot{}, err
	}
	if got := binary.LittleEndian.Uint64(p); got != SlotLabel {
		return Slot{}, &LabelError{Want: SlotLabel, Got: got}
	}
	if !allZero(p[69:72]) || !allZero(p[116:120]) || !allZero(p[slotEnd:]) {
		return Slot{}, badf("slot", "reserved bytes are not zero")
	}
	s := decodeSlot(p)
	if err := s.check(); err != nil {
		return Slot{}, err
	}
	return s, nil
}

func decodeSlot(p []byte) Slot {
	u64 := func(off int) uint64 { return binary.LittleEndian.Uint64(p[off:]) }
	u32 := func(off int) uint32 { return binary.LittleEndian.Uint32(p[off:]) }
	return Slot{
		Version: u64(8), SeqBase: u64(16), TruncIndex: u64(24), TruncSeq: u64(32),
		Size: u64(40), Valid: u64(48), BlockWrites: u64(56),
		Flags: u32(64), Kind: Kind(p[68]), Object: ID(p[72:88]), Parent: ID(p[88:104]),
		UID: u32(104), GID: u32(108), Mode: u32(112), Birth: int64(u64(120)),
	}
}

func (s *Slot) check() error {
	switch {
	case s.Kind < File || s.Kind > Symlink:
		return badf("slot", "kind %d", uint8(s.Kind))
	case s.Valid > s.Size:
		return badf("slot", "valid %d above size %d", s.Valid, s.Size)
	}
	return nil
}
