package store

import (
	"sync"

	"matterfs/crypto"
)

const (
	// batchBlocks is how many blocks go into one pread or pwrite: 1 MiB of
	// plaintext and one block for an unaligned start.
	batchBlocks = 257
	smallBlocks = 5
)

// buffer holds the packages of a batch, or its records in the journal, and the two edge blocks that a write
// merges with what is stored. One use allocates nothing.
type buffer struct {
	pkgs  []byte
	edges [2][]byte // BlockSize each
}

// buffers pools buffers of two sizes, since most requests are small.
type buffers struct{ small, large sync.Pool }

func (p *buffers) get(blocks uint64) *buffer {
	pool, n := &p.small, smallBlocks
	if blocks > smallBlocks {
		pool, n = &p.large, batchBlocks
	}
	if b, ok := pool.Get().(*buffer); ok {
		return b
	}
	b := &buffer{pkgs: make([]byte, n*recordStride)}
	for i := range b.edges {
		b.edges[i] = make([]byte, crypto.BlockSize)
	}
	return b
}

// put gives b back. Packages in it may have been opened in place: the plaintext
// stays in memory until it is overwritten, like that of every answer.
func (p *buffers) put(b *buffer) {
	if len(b.pkgs) == smallBlocks*recordStride {
		p.small.Put(b)
	} else {
		p.large.Put(b)
	}
}
