package audit

import (
	"encoding/binary"
	"hash/crc32"
)

// KeysName is the file in the state directory that holds the private key of the epoch.
const KeysName = "audit.keys"

// VKeyName is the file in the log directory that holds the verification keys, a line each: the one that init printed, and one
// more for each time that the private keys were lost.
const VKeyName = "verification.key"

// CheckpointName is the file in the log directory that holds the newest checkpoint.
const CheckpointName = "checkpoint"

const (
	keysMagic = "MFKEYS01"
	keysSize  = 108
)

// epochKeys are the private keys as they are kept: the one in force, and while keys change the next one. A number of 0 means
// that there is none: a new log has a next key only.
type epochKeys struct{ cur, next epochKey }

func (k *epochKeys) appendTo(b []byte) []byte {
	start := len(b)
	b = append(b, keysMagic...)
	for _, e := range [...]*epochKey{&k.cur, &k.next} {
		b = binary.LittleEndian.AppendUint64(b, e.n)
		b = binary.LittleEndian.AppendUint64(b, uint64(e.created))
		b = append(b, e.seed[:]...)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli()))
}

// parseKeys reads what appendTo wrote, and nothing else.
func parseKeys(b []byte) (k epochKeys, ok bool) {
	if len(b) != keysSize || string(b[:8]) != keysMagic {
		return k, false
	}
	if binary.LittleEndian.Uint32(b[keysSize-4:]) != crc32.Checksum(b[:keysSize-4], castagnoli()) {
		return k, false
	}
	for i, e := range [...]*epochKey{&k.cur, &k.next} {
		f := b[8+48*i:]
		e.n, e.created = binary.LittleEndian.Uint64(f), int64(binary.LittleEndian.Uint64(f[8:]))
		copy(e.seed[:], f[16:48])
	}
	return k, k.cur.n != 0 || k.next.n != 0
}

// signer is the key that signs now: before the first change has ended the next one, else the one in force.
func (k *epochKeys) signer() *epochKey {
	if k.cur.n == 0 {
		return &k.next
	}
	return &k.cur
}

// treeName is the file in the state directory that spares a start from reading the whole log: the tree as it was at a seal. It
// is made again when it is missing or does not belong to the log.
const treeName = "audit.tree"

const treeMagic = "MFTREE01"

// treeState is the tree over the first records of a log, with the hash of the last of them.
type treeState struct {
	last [32]byte
	tree tree
}

func (s *treeState) appendTo(b []byte) []byte {
	start := len(b)
	b = append(append(b, treeMagic...), s.last[:]...)
	b = s.tree.appendTo(b)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli()))
}

// parseTreeState reads what appendTo wrote, and nothing else.
func parseTreeState(b []byte) (s treeState, ok bool) {
	end := len(b) - 4
	if end < 40 || string(b[:8]) != treeMagic || binary.LittleEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli()) {
		return s, false
	}
	copy(s.last[:], b[8:])
	s.tree, ok = parseTree(b[40:end])
	return s, ok
}
