package keystore

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"matterfs/crypto"
)

// Keystore is an open keystore. It is safe for concurrent use, also by several
// processes on one directory.
type Keystore struct {
	disk *disk
	head header
	now  func() time.Time

	// write is held by the one goroutine that changes the keystore, on disk or in
	// memory, and may be held across disk writes and a wait for the directory's lock.
	// It is taken before guard.
	write sync.Mutex
	// guard protects the fields below: changed with both locks held, read with either.
	// Nothing slow happens under it, so that Key never waits for a disk.
	guard     sync.RWMutex
	memory    *region
	master    *crypto.Key // nil once locked
	keys      map[crypto.ID]entry
	matters   map[string]crypto.ID
	list      *list
	mark      Head
	opened    Head // the manifest as Open found it
	envelopes []EnvelopeInfo
	strays    []Stray

	unfinished map[string]crypto.ID // keys written by a Create that failed; under write
}

// entry is one matter key in memory.
type entry struct {
	key     *crypto.Key
	matter  string
	version uint32
}

// Head identifies one state of the manifest. It is not secret. Recorded in the audit
// log, and given back to CheckHead, it shows that a keystore was rolled back.
type Head struct {
	Generation uint64   // grows by one with each change
	Hash       [32]byte // SHA-256 of the sealed manifest
}

// String returns the generation, a colon and the hash as 64 hex digits.
func (h Head) String() string { return fmt.Sprintf("%d:%x", h.Generation, h.Hash) }

// ParseHead reads what Head.String writes and nothing else.
func ParseHead(s string) (Head, error) {
	number, digits, _ := strings.Cut(s, ":")
	var h Head
	n, err := strconv.ParseUint(number, 10, 64)
	if hash, hexErr := hex.DecodeString(digits); err == nil && hexErr == nil && len(hash) == len(h.Hash) {
		h = Head{Generation: n, Hash: [32]byte(hash)}
	}
	if h.String() != s {
		return Head{}, fmt.Errorf("%q is not a manifest generation and hash", s)
	}
	return h, nil
}

// Stray is a file in matters/ that gives no key.
type Stray struct {
	File string // name in the keys directory
	Why  string
}

func newKeystore() (*Keystore, error) {
	mem, err := newRegion(maxKeys)
	if err != nil {
		return nil, err
	}
	master, err := mem.take()
	if err != nil {
		mem.release()
		return nil, err
	}
	return &Keystore{
		now:     time.Now,
		memory:  mem,
		master:  master,
		keys:    make(map[crypto.ID]entry),
		matters: make(map[string]crypto.ID),
		list:    &list{},

		unfinished: make(map[string]crypto.ID),
	}, nil
}

// discard undoes newKeystore for a keystore that nobody got.
func (k *Keystore) discard() {
	k.memory.release()
	if k.disk != nil { // nil when Init got no directory
		k.disk.close()
	}
}

// StoreID returns the id of the store whose keys these are.
func (k *Keystore) StoreID() crypto.ID { return k.head.id }

// StoreKey derives a key of the whole store from the master key, such as "store" or
// "state". It is a copy on the heap that the caller wipes. After Lock it is nil.
func (k *Keystore) StoreKey(purpose string) *crypto.Key {
	k.guard.RLock()
	defer k.guard.RUnlock()
	if k.master == nil {
		return nil
	}
	return crypto.DeriveKey(k.master, storePurpose(purpose))
}

// Matters returns a copy of the map from matter id to the id of the key for new
// files: the one with the highest version.
func (k *Keystore) Matters() map[string]crypto.ID {
	k.guard.RLock()
	defer k.guard.RUnlock()
	return maps.Clone(k.matters)
}

// Key returns a matter key, its matter and its version. The key points into memory
// outside the Go heap: it must not be changed, nor used after Lock, which ends the
// process (SIGSEGV). Errors: ErrNoKey, ErrLocked.
func (k *Keystore) Key(keyID crypto.ID) (key *crypto.Key, matter string, version uint32, err error) {
	k.guard.RLock()
	defer k.guard.RUnlock()
	if k.master == nil {
		return nil, "", 0, ErrLocked
	}
	e, ok := k.keys[keyID]
	if !ok {
		return nil, "", 0, fmt.Errorf("%w: %s", ErrNoKey, keyID)
	}
	return e.key, e.matter, e.version, nil
}

// Envelopes describes the envelopes that were there at Open or Init.
func (k *Keystore) Envelopes() []EnvelopeInfo {
	k.guard.RLock()
	defer k.guard.RUnlock()
	return slices.Clone(k.envelopes)
}

// Strays lists the files in matters/ that are not keys of this keystore: damaged,
// foreign, or of a destroyed matter. They are left alone and never used.
func (k *Keystore) Strays() []Stray {
	k.guard.RLock()
	defer k.guard.RUnlock()
	return slices.Clone(k.strays)
}

// Head identifies the manifest as last read or written by this Keystore.
func (k *Keystore) Head() Head {
	k.guard.RLock()
	defer k.guard.RUnlock()
	return k.mark
}

// CheckHead compares the manifest, as Open found it, with a Head that was recorded
// elsewhere. An older manifest, or another one of the same generation, is a
// *RolledBackError; the zero Head checks nothing. The record may lie sealed under a
// key of this keystore, so that it cannot be asked for before Open.
func (k *Keystore) CheckHead(seen Head) error {
	return k.opened.newerThan(seen, k.disk.file(manifestName))
}

// Locked reports whether all keys so far are locked into RAM (mlock(2)). It is false
// where RLIMIT_MEMLOCK is too small: keys then may reach the swap.
func (k *Keystore) Locked() bool {
	k.guard.RLock()
	defer k.guard.RUnlock()
	return k.memory.pinned
}

// Lock wipes all keys. Keys that were handed out must no longer be in use. A second
// call does nothing.
func (k *Keystore) Lock() {
	k.write.Lock()
	defer k.write.Unlock()
	k.guard.Lock()
	defer k.guard.Unlock()
	if k.master == nil {
		return
	}
	k.master = nil
	clear(k.keys)
	clear(k.matters)
	k.list = &list{}
	_ = k.memory.close() // the keys are wiped even where the pages cannot be given back
	k.disk.close()
}

// Format prints the store id and no more.
func (k *Keystore) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "keystore of store %s", k.head.Store) }

// takeKey returns room for one key. The caller holds k.write.
func (k *Keystore) takeKey() (*crypto.Key, error) {
	k.guard.Lock()
	defer k.guard.Unlock()
	return k.memory.take()
}

// publish makes a list and the keys that came with it visible. The caller holds
// k.write.
func (k *Keystore) publish(l *list, mark Head, fresh map[crypto.ID]entry) {
	k.guard.Lock()
	defer k.guard.Unlock()
	k.list, k.mark = l, mark
	maps.Copy(k.keys, fresh)
	clear(k.matters)
	for _, key := range l.keys {
		if !key.destroyed {
			k.prefer(key)
			continue
		}
		if e, ok := k.keys[key.id]; ok { // destroyed by another process
			e.key.Wipe()
			delete(k.keys, key.id)
		}
	}
}

// prefer makes key the one for new files of its matter, unless one of the same or a
// higher version came before.
func (k *Keystore) prefer(key listed) {
	have, ok := k.matters[key.matter]
	if !ok || k.keys[have].version < key.version {
		k.matters[key.matter] = key.id
	}
}

// damaged makes the error for one file.
func (k *Keystore) damaged(name, what string, err error) error {
	return &DamagedError{Path: k.disk.file(name), What: what, Way: restoreFile, Err: err}
}

// readFile is disk.read for a file that must be there.
func (k *Keystore) readFile(name string) ([]byte, error) {
	b, err := k.disk.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, k.damaged(name, "is missing", err)
	}
	return b, err
}

// readList opens and checks the manifest.
func (k *Keystore) readList() (*list, Head, error) {
	b, err := k.readFile(manifestName)
	if err != nil {
		return nil, Head{}, err
	}
	plaintext, err := unseal(k.master, manifestPurpose, b)
	if err != nil {
		return nil, Head{}, k.damaged(manifestName, "does not authenticate", err)
	}
	l, err := parseList(plaintext)
	if err != nil {
		return nil, Head{}, k.damaged(manifestName, err.Error(), err)
	}
	if l.store != k.head.id || l.master != k.head.Generation {
		return nil, Head{}, k.damaged(manifestName, "belongs to another store or master key", nil)
	}
	return l, Head{Generation: l.generation, Hash: sha256.Sum256(b)}, nil
}

// saveList writes the next generation of the manifest, after the names of the key
// files that it lists are durable.
func (k *Keystore) saveList(l *list) (Head, error) {
	if err := k.disk.syncDir(mattersName); err != nil {
		return Head{}, err
	}
	l.generation++
	b, err := seal(k.master, manifestPurpose, l.marshal())
	if err != nil {
		return Head{}, err
	}
	mark := Head{Generation: l.generation, Hash: sha256.Sum256(b)}
	return mark, k.disk.save(manifestName, b)
}

// with returns a copy of l with more keys.
func (l *list) with(more ...listed) *list {
	c := *l
	c.keys = append(slices.Clone(l.keys), more...)
	return &c
}

// newerThan checks that a manifest is not older than one seen before.
func (h Head) newerThan(seen Head, path string) error {
	if h.Generation < seen.Generation || h.Generation == seen.Generation && h.Hash != seen.Hash {
		return &RolledBackError{Path: path, Have: h, Seen: seen}
	}
	return nil
}
