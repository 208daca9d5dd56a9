package keystore

import (
	"fmt"
	"os"

	"matterfs/crypto"
)

const keySize = len(crypto.Key{})

// maxKeys is how many keys a region holds, the master key among them. Its address
// space (8 MiB) is reserved at once so that no key ever moves; memory is used and
// locked page by page.
const maxKeys = 1 << 18

// region is the one mapping that holds the master key and all matter keys: outside
// the Go heap (so the collector never copies a key), locked into RAM, left out of
// core dumps, empty in a forked child. A page that nothing may touch stands before
// and after. It is not safe for concurrent use: Keystore.write guards it.
type region struct {
	whole  []byte // the mapping with both guard pages
	keys   []byte // the part between them
	ready  int    // bytes of keys that can be read and written
	used   int    // bytes of keys that are taken
	pinned bool   // every page so far could be locked
	pin    func([]byte) error
}

// newRegion reserves the address space for n keys.
func newRegion(n int) (*region, error) {
	page := os.Getpagesize()
	body := (n*keySize + page - 1) / page * page
	whole, err := reserve(body + 2*page)
	if err != nil {
		return nil, fmt.Errorf("memory for keys: %w", err)
	}
	return &region{whole: whole, keys: whole[page : page+body], pinned: true, pin: pinPages}, nil
}

// take returns the next free key, all zeros. It stays where it is until wipe.
func (r *region) take() (*crypto.Key, error) {
	if r.used == len(r.keys) {
		return nil, ErrFull
	}
	if r.used == r.ready {
		if err := r.grow(); err != nil {
			return nil, err
		}
	}
	b := r.keys[r.used : r.used+keySize : r.used+keySize]
	r.used += keySize
	return (*crypto.Key)(b), nil
}

// grow makes one more page usable. A page that cannot be locked is used all the
// same: a firm with a small RLIMIT_MEMLOCK is told so by Locked, not shut out.
func (r *region) grow() error {
	page := r.keys[r.ready : r.ready+os.Getpagesize()]
	if err := openPages(page); err != nil {
		return fmt.Errorf("memory for keys: %w", err)
	}
	if r.pin(page) != nil {
		r.pinned = false
	}
	r.ready += len(page)
	return nil
}

// wipe overwrites every key. close follows it, so that a late user of a key stops
// the process instead of sealing documents under a key of zeros.
func (r *region) wipe() {
	clear(r.keys[:r.ready])
}

// close wipes and makes the address space unusable, but keeps it, since keys that
// were handed out still point into it.
func (r *region) close() error {
	r.wipe()
	r.used, r.ready = len(r.keys), 0
	return closePages(r.whole)
}

// release is close for a region of which no key was handed out.
func (r *region) release() {
	r.wipe()
	unreserve(r.whole)
	r.whole, r.keys, r.ready, r.used = nil, nil, 0, 0
}

// Format prints nothing of what the region holds.
func (r *region) Format(s fmt.State, _ rune) { fmt.Fprint(s, "keystore.region") }
