package store

// rules are the promises of the crash safety, one switch for each. A test turns
// one on to show that the promise is needed: then a crash or an attack succeeds
// that fails without it. All are off in a store that is in use. Tests set
// Options.breaks before [Open].
type rules struct {
	// Rule 1: what goes where.
	inPlace bool // overwritten blocks go straight into the file
	noMark  bool // blocks beyond the durable end come without a mark before them

	// Rule 2: fsync.
	noDirSync     bool // the name of a new journal is not made durable
	noFileSync    bool // direct blocks are not made durable
	noCommit      bool // no commit record
	noJournalSync bool // the journal is not made durable

	// Rule 3: checkpoint.
	copyUnsynced bool // blocks are copied into place before the journal is durable
	slotFirst    bool // the slot counts on copied blocks that are not durable
	dropFirst    bool // the journal is emptied before the slot is durable

	// Rule 4: recovery.
	oldRecords   bool // records up to the sequence base count
	oldTail      bool // tail blocks up to the sequence base or the cut count
	noRise       bool // sequences of records need not rise
	applyAll     bool // a record replaces a newer block
	noRaise      bool // sequence base and version stay
	anySlot      bool // one readable slot is enough, whatever the journal says
	dropUnsynced bool // the journal goes before its blocks in place are durable

	// Rule 5: shrink, rename, unlink.
	cutFirst   bool // the file is cut before its slot is durable
	renameLive bool // a rename leaves the journal at the old name
	keepName   bool // unlink and replacement leave the journal's name

	// Rule 6: directories and moves.
	oneParent   bool // a moving file names only its new folder
	metaInPlace bool // .mfs.dir is written in place
	noLost      bool // headers that were never written stay where they are

	// Rule 7: failing disks.
	hideErrors bool // a failed write to the journal is not told
	syncAgain  bool // a failed fsync is repeated, and believed
}
