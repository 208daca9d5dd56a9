package audit

import (
	"fmt"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// otherTree is a tree of n lines as another implementation has it, with the leaf hashes.
func otherTree(t *testing.T, n int64) (read tlog.HashReader, leaves [][32]byte) {
	t.Helper()
	var hashes []tlog.Hash
	read = tlog.HashReaderFunc(func(list []int64) (out []tlog.Hash, err error) {
		for _, i := range list {
			out = append(out, hashes[i])
		}
		return out, nil
	})
	for i := range n {
		line := fmt.Appendf(nil, "line %d", i)
		more, err := tlog.StoredHashes(i, line, read)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, more...)
		leaves = append(leaves, LeafHash(line))
	}
	return read, leaves
}

// most is how large the trees are that are compared.
const most = 40

// The paths are those of another implementation.
func TestProofPaths(t *testing.T) {
	read, leaves := otherTree(t, most)
	var h harvest
	for m := range uint64(most) {
		for n := m + 1; n <= most; n++ {
			h.want(pathSpans(m, n))
		}
	}
	for _, leaf := range leaves {
		h.add(leaf)
	}
	for n := int64(1); n <= most; n++ {
		for m := range n {
			want, err := tlog.ProveRecord(n, m, read)
			if err != nil {
				t.Fatal(err)
			}
			if got := hashesOf(h.roots(pathSpans(uint64(m), uint64(n)))); !slices.Equal(got, want) {
				t.Errorf("leaf %d of %d: %v, want %v", m, n, got, want)
			}
		}
	}
}

// A proof of growth is that of another implementation, and is made from the edge of the old tree and what came since alone.
func TestGrowthProofs(t *testing.T) {
	read, leaves := otherTree(t, most)
	var old tree
	for m := uint64(1); m <= most; m++ {
		old.add(leaves[m-1])
		for n := m; n <= most; n++ {
			var h harvest
			h.want(growthSpans(m, n))
			h.start(old)
			for _, leaf := range leaves[m:n] {
				h.add(leaf)
			}
			proof := h.roots(growthSpans(m, n))
			want, err := tlog.ProveTree(int64(n), int64(m), read)
			if err != nil {
				t.Fatal(err)
			}
			if got := hashesOf(proof); !slices.Equal(got, tlog.RecordProof(want)) {
				t.Fatalf("%d to %d: %v, want %v", m, n, got, want)
			}
			checkGrowth(t, Checkpoint{"o", m, old.root()}, Checkpoint{"o", n, h.tree.root()}, proof)
		}
	}
}

// checkGrowth sees to it that a proof holds, and that nothing like it does.
func checkGrowth(t *testing.T, old, now Checkpoint, proof [][32]byte) {
	t.Helper()
	if err := CheckGrowth(old, now, proof); err != nil {
		t.Fatalf("%d to %d: %v", old.Size, now.Size, err)
	}
	bad := map[string]error{"one hash more": CheckGrowth(old, now, append(slices.Clone(proof), now.Root))}
	for i := range proof {
		other := slices.Clone(proof)
		other[i][31] ^= 1
		bad[fmt.Sprintf("hash %d changed", i)] = CheckGrowth(old, now, other)
	}
	if len(proof) > 0 {
		bad["one hash less"] = CheckGrowth(old, now, proof[1:])
	}
	forked := old
	forked.Root[0] ^= 1
	bad["another old tree"] = CheckGrowth(forked, now, proof)
	forked = now
	forked.Root[0] ^= 1
	bad["another new tree"] = CheckGrowth(old, forked, proof)
	if old.Size < now.Size {
		bad["shrinks"] = CheckGrowth(now, old, proof)
	}
	for what, err := range bad {
		if err == nil {
			t.Errorf("%d to %d: accepted: %s", old.Size, now.Size, what)
		}
	}
}

// Nothing grows into everything, without a proof; a tree without records has one root only.
func TestGrowthFromNothing(t *testing.T) {
	var empty, one tree
	one.add([32]byte{1})
	none, some := Checkpoint{"o", 0, empty.root()}, Checkpoint{"o", 1, one.root()}
	for what, c := range map[string]struct {
		old, now Checkpoint
		proof    [][32]byte
		ok       bool
	}{
		"to one record":          {none, some, nil, true},
		"to none":                {none, none, nil, true},
		"with a proof":           {none, some, [][32]byte{{}}, false},
		"a root of none":         {none, Checkpoint{"o", 0, [32]byte{1}}, nil, false},
		"more than there can be": {some, Checkpoint{"o", 1 << 62, one.root()}, nil, false},
	} {
		if err := CheckGrowth(c.old, c.now, c.proof); (err == nil) != c.ok {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func hashesOf(list [][32]byte) (out tlog.RecordProof) {
	for _, h := range list {
		out = append(out, h)
	}
	return out
}
