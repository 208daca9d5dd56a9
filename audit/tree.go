package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// tree is the Merkle tree of RFC 6962 over the first n lines of a log, as far as it is needed to go on and to tell the root: of
// the leaves only the roots of the full subtrees are kept, one for each bit of n. It does not grow with the log.
type tree struct {
	n     uint64
	nodes [64][32]byte // nodes[i] is the root of a full subtree of 2^i leaves, when bit i of n is set
}

// add appends a leaf hash: LeafHash of a line.
func (t *tree) add(leaf [32]byte) {
	i := 0
	for ; t.n>>i&1 == 1; i++ {
		leaf = nodeHash(&t.nodes[i], &leaf)
	}
	t.nodes[i] = leaf
	t.n++
}

// root is the Merkle tree hash of RFC 6962 section 2.1; of no leaves SHA-256 of nothing.
func (t *tree) root() (h [32]byte) {
	if t.n == 0 {
		return sha256.Sum256(nil)
	}
	i := bits.TrailingZeros64(t.n)
	h = t.nodes[i]
	for i++; i < 64; i++ {
		if t.n>>i&1 == 1 {
			h = nodeHash(&t.nodes[i], &h)
		}
	}
	return h
}

// nodeHash is SHA-256(0x01 || left || right).
func nodeHash(left, right *[32]byte) [32]byte {
	var b [65]byte
	b[0] = 0x01
	copy(b[1:], left[:])
	copy(b[33:], right[:])
	return sha256.Sum256(b[:])
}

// appendTo writes n as 8 bytes little endian and the roots of the full subtrees, the smallest first.
func (t *tree) appendTo(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, t.n)
	for i := range t.nodes {
		if t.n>>i&1 == 1 {
			b = append(b, t.nodes[i][:]...)
		}
	}
	return b
}

// parseTree reads what appendTo wrote, and nothing else.
func parseTree(b []byte) (t tree, ok bool) {
	if len(b) < 8 {
		return t, false
	}
	t.n, b = binary.LittleEndian.Uint64(b), b[8:]
	if len(b) != 32*bits.OnesCount64(t.n) {
		return tree{}, false
	}
	for i := range t.nodes {
		if t.n>>i&1 == 1 {
			b = b[copy(t.nodes[i][:], b):]
		}
	}
	return t, true
}

// queueSlab is how many hashes a hashQueue takes room for at once.
const queueSlab = 1 << 12

// hashQueue is a row of hashes, of which the oldest leave first. It grows without moving them.
type hashQueue struct {
	slabs []*[queueSlab][32]byte
	begin int // of the oldest in the first slab
	n     int
}

func (q *hashQueue) push(h *[32]byte) {
	end := q.begin + q.n
	if end == len(q.slabs)*queueSlab {
		q.slabs = append(q.slabs, new([queueSlab][32]byte))
	}
	q.slabs[end/queueSlab][end%queueSlab] = *h
	q.n++
}

// at is the hash that stands so many places behind the oldest.
func (q *hashQueue) at(i int) *[32]byte {
	i += q.begin
	return &q.slabs[i/queueSlab][i%queueSlab]
}

// drop takes the n oldest away. The first slab left empty becomes the last.
func (q *hashQueue) drop(n int) {
	q.begin, q.n = q.begin+n, q.n-n
	empty := q.begin / queueSlab
	if empty == 0 {
		return
	}
	first := q.slabs[0]
	q.slabs = append(q.slabs[empty:], first)
	q.begin %= queueSlab
}
