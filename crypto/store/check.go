package store

import (
	"cmp"
	"context"
	"runtime"
	"sync"

	"matterfs/crypto"
)

// CheckCode says what kind of thing [Check] found. The words are stable.
type CheckCode string

// What Check finds. Behind each stands whether it is damage or a leftover, and
// whether a repair moves it aside.
const (
	FoundStore      CheckCode = "store"        // damage: .mfs.store or a work directory
	FoundMatter     CheckCode = "matter"       // damage: a matter's own folder
	FoundMatterTwin CheckCode = "matter-twin"  // damage: a matter has more than one folder
	FoundKey        CheckCode = "unknown-key"  // damage: nobody has the key of a folder in the root
	FoundRoot       CheckCode = "foreign-root" // damage: a directory in the root that is no matter's
	FoundForeign    CheckCode = "foreign"      // damage, moved: what the store never makes
	FoundType       CheckCode = "type"         // damage, moved: a link, pipe, device or socket
	FoundName       CheckCode = "name"         // damage, moved: not the name of anything in this folder
	FoundFolder     CheckCode = "folder"       // damage, moved: a .mfs.dir
	FoundMisplaced  CheckCode = "misplaced"    // damage, moved: authentic, but of another place
	FoundHeader     CheckCode = "header"       // damage, moved: prefix or slots of a file
	FoundSize       CheckCode = "size"         // damage, moved: cut off or too long
	FoundBlock      CheckCode = "block"        // damage, moved: blocks of a file
	FoundSymlink    CheckCode = "symlink"      // damage, moved: the target of a link
	FoundXattr      CheckCode = "xattr"        // damage, moved: an extended attribute
	FoundTwin       CheckCode = "twin"         // damage, moved: one object at two places, each of them
	FoundIO         CheckCode = "io"           // damage: the disk does not answer
	FoundUnwritten  CheckCode = "unwritten"    // leftover, moved: a header that a power cut kept from the disk
	FoundLeftover   CheckCode = "leftover"     // leftover, moved: of work that a crash ended
	FoundRecovery   CheckCode = "recovery"     // leftover: whole, once the drive has recovered it
)

// codeRule is how findings of one code are treated.
type codeRule struct{ leftover, moved bool }

var codeRules = map[CheckCode]codeRule{
	FoundStore: {}, FoundMatter: {}, FoundMatterTwin: {}, FoundKey: {}, FoundRoot: {}, FoundIO: {},
	FoundForeign: {moved: true}, FoundType: {moved: true}, FoundName: {moved: true}, FoundFolder: {moved: true},
	FoundMisplaced: {moved: true}, FoundHeader: {moved: true}, FoundSize: {moved: true}, FoundBlock: {moved: true},
	FoundSymlink: {moved: true}, FoundXattr: {moved: true}, FoundTwin: {moved: true},
	FoundUnwritten: {leftover: true, moved: true}, FoundLeftover: {leftover: true, moved: true}, FoundRecovery: {leftover: true},
}

// Finding is one thing that is not as the store leaves it.
type Finding struct {
	Code   CheckCode
	Stored string    // where it lies, from the root of the store, stored names
	Matter string    // matter id; "" outside of matters and where no key tells
	Path   string    // inside the matter, plain; "" where it is not known
	Object crypto.ID // zero where it is not known
	Xattr  string    // stored name of the attribute, of FoundXattr
	What   string    // the rule that is broken, in words
	Err    error     // from package crypto or the disk; may be nil
	Lost   string    // name in .mfs.lost, once it was moved there
}

// Damage reports whether the drive refuses what was found. What is no damage
// was left by a crash: the drive mends it or passes over it.
func (f *Finding) Damage() bool { return !codeRules[f.Code].leftover }

// Text is What and Err on one line.
func (f *Finding) Text() string {
	if f.Err == nil {
		return f.What
	}
	return f.What + ": " + f.Err.Error()
}

// CheckedObject is a file, directory or symlink that is authentic and at its place;
// blocks and extended attributes of it may be damaged.
type CheckedObject struct {
	ID      crypto.ID
	Kind    crypto.Kind
	Matter  string
	Path    string // inside the matter, plain; "" for the matter's own folder
	Stored  string // from the root of the store
	Version uint64 // of the slot that counts, as recovery would leave it; 0 for directories
	Level   string // sealed in a directory
	Birth   int64  // sealed; unix time in ns
}

// CheckTotals are what a check has seen so far.
type CheckTotals struct {
	Matters, Folders, Files, Symlinks uint64
	Bytes                             uint64 // read, on the backing disk
	Damaged, Leftovers                uint64 // findings
	Lost                              uint64 // things in .mfs.lost, which are no findings
	Passed                            uint64 // folders in the root that were not asked for
	Moved                             uint64 // things that the repair moved
}

// CheckOptions say what to check and whom to tell. The functions are called one
// at a time; they must not call the store.
type CheckOptions struct {
	Matters   []string            // ids of the matters to check; nil means all
	Structure bool                // only what shows without keys
	Repair    bool                // move what is damaged or left over to .mfs.lost
	Workers   int                 // files checked at once; 0 means one for each processor
	Found     func(Finding)       // told of each thing found, in no order
	Object    func(CheckedObject) // told of each object, in no order; never with Structure
	Progress  func(CheckTotals)   // told now and then
	Moved     func(Finding)       // told of each thing moved, with Lost set
}

// Check reads a whole store and reports what is not as the store leaves it:
// every prefix, slot, block, journal, .mfs.dir, name, symlink and extended
// attribute must be authentic, at its own place, there once, and as long as its
// slot says; and nothing else may lie there. A file that a crash came upon is
// checked as recovery would leave it, in memory. Nothing is written unless
// [CheckOptions].Repair is set.
//
// The store must not be open; the caller holds its lock. storeKey and keys are
// those of [Open]; with Structure they are not used and may be nil, and then
// only shapes are seen: sizes, magic, reserved bytes, lengths of packages,
// forms of names, side files, copies of one content id.
//
// The error is that of ctx, [ErrNotStore], or one of the disk that ends the
// check; findings are no error. Memory is about 40 bytes for each object, and
// the longest listing of one directory.
//
// What Check cannot see is said in the package's comment under "What is checked".
func Check(ctx context.Context, d Disk, storeID crypto.ID, storeKey *crypto.Key, keys Keys, o CheckOptions) (CheckTotals, error) {
	root, err := d.OpenRoot()
	if err != nil {
		return CheckTotals{}, err
	}
	defer root.Close()
	c := newChecker(ctx, d, root, keys, o)
	if err := c.checkRoot(storeID, storeKey); err != nil {
		return c.totals, err
	}
	if err := cmp.Or(ctx.Err(), c.nameTwins()); err != nil {
		return c.totals, err
	}
	if o.Repair {
		err = c.repair()
	}
	return c.totals, err
}

// checker is one run of Check.
type checker struct {
	ctx     context.Context
	s       *Store // never opened: what the code for one file asks of its store
	o       CheckOptions
	root    Dir
	unclean bool                // the store was not closed
	matters map[string][]string // folders of each matter
	tasks   chan fileTask
	workers sync.WaitGroup

	mu      sync.Mutex // guards what is below, and calls of the options' functions
	totals  CheckTotals
	told    uint64                 // Bytes at the last Progress
	seen    map[crypto.ID]uint32   // object id, or content id: number of the folder it is in
	folders []folderPlace          // by number
	twins   map[crypto.ID][]uint32 // ids at more than one place, and the folders
	aside   []Finding              // to be moved
}

func newChecker(ctx context.Context, d Disk, root Dir, keys Keys, o CheckOptions) *checker {
	s := &Store{disk: d, keys: keys, opts: Options{JournalAge: -1}.withDefaults(), root: root, fds: newFDCache(1)}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	return &checker{ctx: ctx, s: s, o: o, root: root, matters: map[string][]string{},
		tasks: make(chan fileTask, 4*o.Workers), seen: map[crypto.ID]uint32{}, twins: map[crypto.ID][]uint32{}}
}

// report tells of a finding and remembers it for the repair.
func (c *checker) report(f Finding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.Damage() {
		c.totals.Damaged++
	} else {
		c.totals.Leftovers++
	}
	if c.o.Repair && codeRules[f.Code].moved {
		c.aside = append(c.aside, f)
	}
	if c.o.Found != nil {
		c.o.Found(f)
	}
}

// object notes an object in a folder; count is what it adds to the totals.
func (c *checker) object(in *checkFolder, o CheckedObject, count func(*CheckTotals)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	count(&c.totals)
	c.note(o.ID, in.number)
	if c.o.Object != nil && !c.o.Structure {
		c.o.Object(o)
	}
}

// progressEvery is how many bytes are read between two calls of Progress.
const progressEvery = 4 << 20

func (c *checker) read(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.totals.Bytes += uint64(n)
	if c.o.Progress != nil && c.totals.Bytes-c.told >= progressEvery {
		c.told = c.totals.Bytes
		c.o.Progress(c.totals)
	}
}

// ended reports whether nothing more is to be looked at.
func (c *checker) ended() bool { return c.ctx.Err() != nil }
