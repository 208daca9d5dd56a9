package audit

import (
	"math/bits"
	"slices"
)

// harvest keeps the hashes that proofs need while a tree grows: no more than those, however long the log is.
type harvest struct {
	tree  tree
	nodes map[node][32]byte
}

// node is a full subtree: 2^level leaves from leaf index<<level on.
type node struct {
	level int
	index uint64
}

// span is a run of leaves, to but not included.
type span struct{ from, to uint64 }

// want names subtrees whose roots are to be had when the tree has them whole.
func (v *harvest) want(list []span) {
	if v.nodes == nil {
		v.nodes = map[node][32]byte{}
	}
	for _, s := range list {
		for _, n := range s.nodes() {
			v.nodes[n] = [32]byte{}
		}
	}
}

// start begins with a tree that is known already. What is wanted lies at its edge or after it.
func (v *harvest) start(t tree) {
	v.tree = t
	start := uint64(0)
	for i := 63; i >= 0; i-- {
		if t.n>>i&1 == 1 {
			v.keep(node{i, start >> i}, t.nodes[i])
			start += 1 << i
		}
	}
}

// add is tree.add that keeps the nodes asked for.
func (v *harvest) add(h [32]byte) {
	t := &v.tree
	v.keep(node{0, t.n}, h)
	level := 0
	for ; t.n>>level&1 == 1; level++ {
		h = nodeHash(&t.nodes[level], &h)
		v.keep(node{level + 1, t.n >> (level + 1)}, h)
	}
	t.nodes[level] = h
	t.n++
}

func (v *harvest) keep(n node, h [32]byte) {
	if _, ok := v.nodes[n]; ok {
		v.nodes[n] = h
	}
}

// root is that of a subtree that was wanted.
func (v *harvest) root(s span) [32]byte {
	list := s.nodes()
	h := v.nodes[list[len(list)-1]]
	for i := len(list) - 2; i >= 0; i-- {
		left := v.nodes[list[i]]
		h = nodeHash(&left, &h)
	}
	return h
}

func (v *harvest) roots(list []span) (roots [][32]byte) {
	for _, s := range list {
		roots = append(roots, v.root(s))
	}
	return roots
}

// pathSpans are the subtrees beside the way from leaf m of a tree of n leaves to its root, the lowest first (RFC 6962 section 2.1.1).
func pathSpans(m, n uint64) (list []span) {
	lo, hi := uint64(0), n
	for hi-lo > 1 {
		mid := lo + 1<<(bits.Len64(hi-lo-1)-1)
		if m < mid {
			list, hi = append(list, span{mid, hi}), mid
		} else {
			list, lo = append(list, span{lo, mid}), mid
		}
	}
	slices.Reverse(list)
	return list
}

// growthSpans are the subtrees of which a proof consists that the first m of n leaves were the whole tree once, in the order of the
// proof (RFC 6962 section 2.1.2), 0 < m <= n.
func growthSpans(m, n uint64) (list []span) {
	lo, hi := uint64(0), n
	for m < hi {
		mid := lo + 1<<(bits.Len64(hi-lo-1)-1)
		if m <= mid {
			list, hi = append(list, span{mid, hi}), mid
		} else {
			list, lo = append(list, span{lo, mid}), mid
		}
	}
	if lo > 0 {
		list = append(list, span{lo, hi})
	}
	slices.Reverse(list)
	return list
}

// nodes are the full subtrees of which a subtree consists, the largest first.
func (s span) nodes() (list []node) {
	for from := s.from; from < s.to; {
		level := bits.Len64(s.to-from) - 1
		list = append(list, node{level, from >> level})
		from += 1 << level
	}
	return list
}
