package store

import "matterfs/crypto"

// RecoveryKind says what recovery did.
type RecoveryKind uint8

// What recovery does, and tells of.
const (
	// RecoveredFile: the blocks of a journal, or those behind the last known
	// end, were brought into the file.
	RecoveredFile RecoveryKind = iota + 1
	// RecoveredSlot: one of the two slots was unreadable; the other one and the
	// blocks say what the file is. A disk that tears sectors does this, and so
	// does somebody who wants an older state back.
	RecoveredSlot
	// RecoveredJournal: a journal was there that has nothing new of this file,
	// and was dropped.
	RecoveredJournal
	// RecoveredMove: a file or folder was between two places, and is at this one.
	RecoveredMove
	// RecoveredLost: a header was never written before the power went; what was
	// there is now in .mfs.lost.
	RecoveredLost
)

// String returns "file", "slot", "journal", "move", "lost" or "unknown".
func (k RecoveryKind) String() string {
	names := [...]string{"unknown", "file", "slot", "journal", "move", "lost"}
	if int(k) >= len(names) {
		k = 0
	}
	return names[k]
}

// Recovery is one thing that recovery did to an object. It belongs in the audit
// log: an attacker can make some of them happen.
type Recovery struct {
	Kind   RecoveryKind
	Matter string
	Object crypto.ID // zero when it could not be read
	Path   string    // inside the matter, plain
	Blocks uint64    // brought into place
	Lost   string    // name in .mfs.lost, of RecoveredLost
}

func (s *Store) recovered(r Recovery) {
	s.log("recovery", "kind", r.Kind.String(), "object", r.Object.String(), "blocks", r.Blocks, "lost", r.Lost)
	if s.opts.Recovered != nil {
		s.opts.Recovered(r)
	}
}
