package store

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"matterfs/crypto"
)

// Names that the store uses for itself. None can be a stored name: those are
// base64url or begin with ".l.".
const (
	ownPrefix  = ".mfs."
	storeFile  = ".mfs.store"
	tmpName    = ".mfs.tmp"
	trashName  = ".mfs.trash"
	lostName   = ".mfs.lost"
	dirFile    = ".mfs.dir"
	nextFile   = ".mfs.next"
	workPrefix = ".mfs.t." // files being made, in the folder they are for
	longSuffix = ".n"
)

const (
	storeMagic   = "MTRFSS1\x00"
	storeFormat  = 1
	storePayload = 32
	storeSize    = len(storeMagic) + storePayload + crypto.PackageOverhead
)

// Keys finds the key of a matter by its key id. keystore.Keystore is one.
type Keys interface {
	Key(keyID crypto.ID) (key *crypto.Key, matter string, version uint32, err error)
}

// Options change how a store works; the zero value will do.
type Options struct {
	// Logger gets diagnostics: a message and pairs of key and value. They may
	// hold stored names, never plain ones or content.
	Logger func(msg string, kv ...any)
	// Now is the clock for birth times; nil means time.Now.
	Now func() time.Time
	// MaxDescriptors is how many backing descriptors are kept open for objects
	// without handles; 0 means 1024. An object with open handles needs one more.
	MaxDescriptors int
	// Descriptors returns how many descriptors the process may have open now; nil
	// means more than are ever used. A file that would leave too few for the rest
	// of the process is not opened: EMFILE.
	Descriptors func() int
	// MaxZeroFill is how many bytes of zeros one write far beyond the valid end
	// may seal before it is refused with EFBIG; 0 means 4 GiB.
	MaxZeroFill uint64
	// JournalBytes is how long the journal of a file may become before its
	// blocks are copied into the file; 0 means 8 MiB.
	JournalBytes int64
	// JournalAge is after how long that happens in any case; 0 means 5 s,
	// less means never.
	JournalAge time.Duration
	// Recovered is told what recovery did, from the call that came upon it; it
	// must not call the store.
	Recovered func(Recovery)

	breaks rules // of tests
}

// Store is an open encrypted tree. It is safe for concurrent use.
//
// Locks are taken in this order, and a lock is never taken while one that
// stands later is held:
//
//  1. moveMu: a directory changes its parent
//  2. folder.ns of one or several directories, ascending by object id: names in
//     a directory. Readers look names up, writers change them
//  3. folder.metaMu: a .mfs.dir is replaced. As under it only the disk is waited
//     for, holders of the next two may take it too
//  4. content.syncMu: sync, checkpoint, change of size, last close. Of two
//     contents that of the smaller object id first
//     then content.writeMu: blocks are written
//  5. content.mu: blocks and slots of one file
//  6. Object.fdMu, child before parent: opening a backing node
//  7. Store.mu, fdCache.mu, Store.freshMu: leaves, never two of them
type Store struct {
	disk   Disk
	keys   Keys
	id     crypto.ID
	opts   Options
	root   Dir
	tmp    Dir
	trash  Dir
	lost   Dir
	fds    *fdCache
	closed atomic.Bool
	bufs   buffers
	timers sync.WaitGroup // checkpoints to come
	parked atomic.Int32   // files whose last close is yet to be done

	unclean atomic.Bool // the store was not closed before it was opened, or an fsync has failed since

	moveMu sync.Mutex

	moves atomic.Uint64 // objects that went to another path

	mu       sync.Mutex
	live     map[crypto.ID]*Object // nil value: an id that is being loaded
	loading  map[loadKey]chan struct{}
	matters  []MatterRoot
	foreign  []string
	handles  map[*content]struct{} // contents with open handles
	freshMu  sync.Mutex
	fresh    map[crypto.ID]freshness // entries that were never made durable
	freshGen uint64
	stale    map[crypto.ID]struct{} // no longer live, times or attributes not durable
	suspects map[crypto.ID]struct{} // an fsync of them failed, and they were not read again since

	syncFailed bool // guarded by freshMu; an fsync has failed since the store was opened
}

// Create makes an empty store in a disk that must not hold one (EEXIST). It
// does not mind other files; Open will report them as foreign.
func Create(d Disk, storeID crypto.ID, storeKey *crypto.Key) error {
	root, err := d.OpenRoot()
	if err != nil {
		return err
	}
	defer root.Close()
	if _, err := root.StatAt(storeFile); err == nil {
		return syscall.EEXIST
	}
	for _, name := range []string{tmpName, trashName, lostName} {
		if err := root.Mkdir(name); err != nil && !errors.Is(err, syscall.EEXIST) {
			return err
		}
	}
	b, err := sealStoreFile(storeID, storeKey)
	if err != nil {
		return err
	}
	tmp, err := root.OpenDir(tmpName)
	if err != nil {
		return err
	}
	defer tmp.Close()
	if err := replaceFile(tmp, root, storeFile, b, true); err != nil {
		return err
	}
	return root.Sync(true)
}

// Open opens a store. Every matter folder whose key is in keys is authenticated;
// see [Store.Matters] and [Store.Foreign]. The errors are [ErrNotStore], a
// *[CorruptError] when the store file was changed or belongs to another store
// or key, and those of the disk.
func Open(d Disk, storeID crypto.ID, storeKey *crypto.Key, keys Keys, o Options) (*Store, error) {
	root, err := d.OpenRoot()
	if err != nil {
		return nil, err
	}
	s := &Store{disk: d, keys: keys, id: storeID, opts: o.withDefaults(), root: root,
		live: map[crypto.ID]*Object{}, loading: map[loadKey]chan struct{}{},
		handles: map[*content]struct{}{}, fresh: map[crypto.ID]freshness{}, stale: map[crypto.ID]struct{}{},
		suspects: map[crypto.ID]struct{}{}}
	s.fds = newFDCache(s.opts.MaxDescriptors)
	s.fds.may = s.opts.Descriptors
	if err := s.open(storeKey); err != nil {
		s.closeDirs()
		return nil, err
	}
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = func(string, ...any) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxDescriptors <= 0 {
		o.MaxDescriptors = 1024
	}
	if o.MaxZeroFill == 0 {
		o.MaxZeroFill = 4 << 30
	}
	if o.JournalBytes <= 0 {
		o.JournalBytes = 8 << 20
	}
	if o.JournalAge == 0 {
		o.JournalAge = 5 * time.Second
	}
	return o
}

func (s *Store) open(storeKey *crypto.Key) error {
	b, err := readAll(s.root, storeFile, storeSize)
	if errors.Is(err, syscall.ENOENT) {
		return ErrNotStore
	}
	if err != nil {
		return err
	}
	id, err := openStoreFile(storeKey, b)
	if err != nil {
		return &CorruptError{What: storeFile, Err: err}
	}
	if id != s.id {
		return &CorruptError{What: fmt.Sprintf("%s is of store %s, not %s", storeFile, id, s.id)}
	}
	if s.tmp, err = s.root.OpenDir(tmpName); err != nil {
		return &CorruptError{What: tmpName, Err: err}
	}
	if s.trash, err = s.root.OpenDir(trashName); err != nil {
		return &CorruptError{What: trashName, Err: err}
	}
	if s.lost, err = s.root.OpenDir(lostName); err != nil {
		return &CorruptError{What: lostName, Err: err}
	}
	s.setLive()
	s.sweep(s.tmp)
	s.sweep(s.trash)
	return s.findMatters()
}

// Close writes back the state of files that are still open and frees
// everything. Objects and handles of the store must not be used afterwards.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return ErrClosed
	}
	var errs []error
	for _, c := range s.openContents() {
		errs = append(errs, c.finishNow())
	}
	s.timers.Wait()
	s.mu.Lock()
	objects := make([]*Object, 0, len(s.live))
	for _, o := range s.live {
		if o != nil {
			objects = append(objects, o)
		}
	}
	s.mu.Unlock()
	for _, o := range objects {
		s.fds.forget(o)
		if o.file != nil {
			o.file.abandon()
		}
	}
	errs = append(errs, s.syncFresh())
	s.dropLive()
	errs = append(errs, s.closeDirs())
	return errors.Join(errs...)
}

func (s *Store) closeDirs() error {
	var errs []error
	for _, d := range []Dir{s.root, s.tmp, s.trash, s.lost} {
		if d != nil {
			errs = append(errs, d.Close())
		}
	}
	return errors.Join(errs...)
}

func (s *Store) openContents() []*content {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*content, 0, len(s.handles))
	for c := range s.handles {
		list = append(list, c)
	}
	return list
}

// StatFS returns the room on the backing file system.
func (s *Store) StatFS() (StatFS, error) { return s.disk.StatFS() }

func (s *Store) now() time.Time { return s.opts.Now() }

func (s *Store) log(msg string, kv ...any) { s.opts.Logger(msg, kv...) }

func sealStoreFile(id crypto.ID, key *crypto.Key) ([]byte, error) {
	sealer, err := crypto.NewSealer(key)
	if err != nil {
		return nil, err
	}
	payload := make([]byte, storePayload)
	copy(payload, id[:])
	payload[16] = storeFormat
	return sealer.Seal([]byte(storeMagic), payload), nil
}

// openStoreFile reads a .mfs.store: magic, then a package of store id, format
// and zeros.
func openStoreFile(key *crypto.Key, b []byte) (crypto.ID, error) {
	if len(b) != storeSize || !bytes.HasPrefix(b, []byte(storeMagic)) {
		return crypto.ID{}, &crypto.FormatError{Part: "store file", What: "wrong magic or length"}
	}
	sealer, err := crypto.NewSealer(key)
	if err != nil {
		return crypto.ID{}, err
	}
	p, err := sealer.Open(nil, b[len(storeMagic):])
	if err != nil {
		return crypto.ID{}, err
	}
	if p[16] != storeFormat || !allZero(p[17:]) {
		return crypto.ID{}, &crypto.FormatError{Part: "store file", What: "unknown format"}
	}
	return crypto.ID(p[:16]), nil
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
