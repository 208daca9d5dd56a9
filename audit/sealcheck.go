package audit

import (
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// maxLag is how many records may stand between the last one that a seal covers and the seal itself: verify keeps their hashes.
const maxLag = 1 << 20

// sealCheck follows the seals and keys of a log while a walker follows its chain.
type sealCheck struct {
	origin string
	keys   []string // verification keys that the caller gave, else those that the log directory names
	given  bool     // the caller gave them
	off    bool     // only a part of the log is read
	report func(kind, format string, args ...any)

	base   tree      // over the records that the last seal covers, or more
	leaves hashQueue // hashes of the records after these
	blind  bool      // the tree cannot be known: records are missing, or a problem stands before

	key, next note.Verifier // in force; recorded, but not yet in force
	n, nextN  uint64        // their numbers
	nextAt    uint64        // record that brought next
	covered   bool          // key has sealed that record
	trusted   bool          // the row of keys begins with one of keys
	rows      []string      // keys that have begun a row

	against *Checkpoint // kept elsewhere by the caller; nil: none
	met     bool        // the log has its records, and they have its root
	judged  bool

	seals   uint64 // good seals
	epochs  uint64
	sealed  uint64 // records that the last good seal covers
	fixed   uint64 // records sealed by a key that has been erased since
	unknown bool   // a seal came before any key
}

func (c *sealCheck) size() uint64 { return c.base.n + uint64(c.leaves.n) }

// add takes the hash of the next record. broken says that a problem was found before it.
func (c *sealCheck) add(leaf *[32]byte, broken bool) {
	if c.blind = c.blind || broken || c.off; c.blind {
		return
	}
	if c.leaves.n == maxLag {
		c.fold(c.base.n + maxLag/2)
	}
	c.leaves.push(leaf)
	if c.against != nil && c.size() == c.against.Size {
		c.compare()
	}
}

// fold moves the tree to that size.
func (c *sealCheck) fold(size uint64) {
	n := int(size - c.base.n)
	for i := range n {
		c.base.add(*c.leaves.at(i))
	}
	c.leaves.drop(n)
}

// compare looks whether the log is the one that the caller's checkpoint is of.
func (c *sealCheck) compare() {
	at := c.base
	for i := range c.leaves.n {
		at.add(*c.leaves.at(i))
	}
	c.judged = true
	switch c.met = at.root() == c.against.Root && c.against.Origin == c.origin; {
	case c.against.Origin != c.origin:
		c.report(KindCheckpoint, "the checkpoint belongs to another log: %q", c.against.Origin)
	case !c.met:
		c.report(KindCheckpoint, "records 1 to %d are not those of the checkpoint kept elsewhere", c.against.Size)
	}
}

// record takes a record that the log wrote about itself, after add.
func (c *sealCheck) record(p *Parsed) {
	switch {
	case c.off:
	case p.Ev == "audit.epoch":
		c.epoch(p)
	case p.Ev == "audit.seal":
		c.seal(p)
	}
}

func (c *sealCheck) epoch(p *Parsed) {
	e, key, fresh, err := openEpoch(p.Signed, c.key)
	if c.next != nil && (err != nil || fresh) {
		if e2, key2, fresh2, err2 := openEpoch(p.Signed, c.next); err2 == nil && !fresh2 {
			c.advance() // it changed again without a seal in between
			e, key, fresh, err = e2, key2, false, nil
		}
	}
	switch {
	case err == nil && (e.origin != c.origin || key.Name() != c.origin):
		c.report(KindEpoch, "the change of keys belongs to another log: %q", e.origin)
		return
	case c.blind:
		c.resume(p)
		return
	case err != nil:
		c.report(KindEpoch, "the change of keys is not signed with the key in force: %v", err)
		c.resume(p)
		return
	}
	c.epochs++
	if fresh {
		c.begin(e, key)
		return
	}
	if e.n != c.n+1 {
		c.report(KindEpoch, "epoch %d follows epoch %d: changes of keys are missing", e.n, c.n)
	}
	c.next, c.nextN, c.nextAt, c.covered = key, e.n, p.Seq, false
}

// resume takes over whatever key comes after a problem: what is wrong has been said, once.
func (c *sealCheck) resume(p *Parsed) {
	text, _, _ := strings.Cut(p.Signed, "\n\n")
	e, _ := parseEpoch(text + "\n")
	if key, err := note.NewVerifier(e.key); err == nil {
		c.key, c.n, c.next = key, e.n, nil
	}
}

// begin starts a row of keys: the first one of a log, or one after the keys were lost. Anybody can sign such a record.
func (c *sealCheck) begin(e epoch, key note.Verifier) {
	known := slices.Contains(c.keys, e.key)
	switch {
	case slices.Contains(c.rows, e.key):
		c.report(KindEpoch, "epoch %d begins a row with a key that began one before: a log never goes back to a key, but whoever has stolen one does", e.n)
	case c.key != nil && !(known && c.given):
		c.report(KindEpoch, "epoch %d begins a new row of keys, which no key before it has signed: the keys were lost, or somebody "+
			"else goes on with the log; if it was a loss, verify with the new verification key", e.n)
	case c.key == nil && e.n != 1 && !known:
		c.report(KindEpoch, "the first change of keys is epoch %d: those before it are missing", e.n)
	}
	c.key, c.n, c.next, c.covered = key, e.n, nil, false
	c.trusted = known
	c.rows = append(c.rows, e.key)
}

func (c *sealCheck) seal(p *Parsed) {
	if c.key == nil {
		if !c.unknown && !c.blind {
			c.report(KindEpoch, "a seal stands before any key was recorded")
		}
		c.unknown = true
		return
	}
	cp, err := openCheckpoint(p.Signed, c.key)
	if err != nil && c.next != nil {
		if cp, err = openCheckpoint(p.Signed, c.next); err == nil {
			c.advance()
		}
	}
	switch {
	case c.blind: // what is wrong has been said
	case err != nil:
		c.report(KindSeal, "the seal is not signed with the key of epoch %d: %v", c.n, err)
	case cp.Origin != c.origin:
		c.report(KindSeal, "the seal belongs to another log: %q", cp.Origin)
	case cp.Size >= p.Seq || cp.Size < c.sealed:
		c.report(KindSeal, "the seal is of %d records, after one of %d", cp.Size, c.sealed)
	case c.matches(&cp):
		c.seals, c.sealed = c.seals+1, cp.Size
		c.covered = c.covered || c.next != nil && cp.Size >= c.nextAt
	}
}

// matches compares the tree with a checkpoint.
func (c *sealCheck) matches(cp *Checkpoint) bool {
	if cp.Size < c.base.n {
		c.report(KindSeal, "the seal is of %d records, more than %d before it", cp.Size, maxLag/2)
		return false
	}
	c.fold(cp.Size)
	if c.base.root() != cp.Root {
		c.blind = true
		c.report(KindSeal, "records %d to %d, or earlier ones, are not those that were sealed", c.sealed+1, cp.Size)
		return false
	}
	return true
}

// advance puts the next key in force, when its first seal is seen. The one before must have had the last word on its time:
// whoever has only the new key cannot rewrite what came before it.
func (c *sealCheck) advance() {
	if !c.covered && !c.blind {
		c.report(KindEpoch, "the key of epoch %d has not sealed its end: the records before epoch %d may have been written by somebody who had only "+
			"the new key", c.n, c.nextN)
	}
	c.fixed = max(c.fixed, c.sealed)
	c.key, c.n, c.next = c.next, c.nextN, nil
}

// finish says what only the whole log can tell.
func (c *sealCheck) finish(records bool) {
	if c.against != nil && !c.judged {
		c.judged = true
		switch {
		case c.against.Origin != c.origin:
			c.report(KindCheckpoint, "the checkpoint belongs to another log: %q", c.against.Origin)
		case c.against.Size == 0:
			c.met = c.against.Root == (&tree{}).root()
		case c.blind:
			c.report(KindCheckpoint, "the checkpoint of %d records cannot be compared with a log that is broken before", c.against.Size)
		default:
			c.report(KindCheckpoint, "the checkpoint kept elsewhere is of %d records, the log has only %d", c.against.Size, c.size())
		}
	}
	if records && c.given && !c.trusted && !c.blind {
		c.report(KindEpoch, "no seal of this log goes back to the verification key given")
	}
}
