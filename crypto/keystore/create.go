package keystore

import (
	"crypto/rand"
	"fmt"
	"maps"

	"matterfs/crypto"
)

// Create makes the first key of a matter and returns its id once key and manifest
// are durable. Errors: ErrMatterExists, ErrMatterDestroyed, ErrMatterID, ErrFull,
// ErrLocked, *DamagedError, *RolledBackError, and those of the disk. After an error
// Create may be called again.
func (k *Keystore) Create(matter string) (keyID crypto.ID, err error) {
	ids, err := k.CreateAll([]string{matter})
	return ids[matter], err
}

// CreateAll is Create for many matters with one change of the manifest. It returns
// the ids of all of them or an error, after which none is in use.
func (k *Keystore) CreateAll(matters []string) (map[string]crypto.ID, error) {
	for _, m := range matters {
		if len(m) == 0 || len(m) > maxMatterID {
			return nil, fmt.Errorf("%w: %q", ErrMatterID, m)
		}
	}
	k.write.Lock()
	defer k.write.Unlock()
	if k.master == nil {
		return nil, ErrLocked
	}
	var ids map[string]crypto.ID
	err := k.disk.exclusive(func() (err error) {
		ids, err = k.create(matters)
		return err
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// create writes the keys, then the manifest. The caller holds k.write and the
// directory.
func (k *Keystore) create(matters []string) (map[string]crypto.ID, error) {
	adopted, err := k.refresh()
	if err != nil || len(matters) == 0 {
		return nil, err
	}
	ids, err := k.vacant(matters, adopted)
	if err != nil {
		return nil, err
	}
	fresh := make(map[crypto.ID]entry)
	var more []listed
	for _, matter := range matters {
		if _, taken := ids[matter]; taken {
			continue
		}
		m, err := k.writeKey(matter)
		if err != nil {
			return nil, err
		}
		ids[matter], k.unfinished[matter] = m.id, m.id
		more = append(more, m.listed())
		fresh[m.id] = m.entry()
	}
	// Written also when nothing is new: an earlier Create may have failed to sync.
	if err := k.enlist(more, fresh); err != nil {
		return nil, err
	}
	for matter := range ids {
		delete(k.unfinished, matter)
	}
	return ids, nil
}

// vacant checks that the matters have no key yet, and returns the keys that lie ready
// for them: those of a Create that failed or was cut short, which nobody got.
func (k *Keystore) vacant(matters []string, adopted []listed) (map[string]crypto.ID, error) {
	ready := maps.Clone(k.unfinished)
	for _, key := range adopted {
		ready[key.matter] = key.id
	}
	ids := make(map[string]crypto.ID)
	for _, m := range matters {
		have, exists := k.matters[m]
		if exists && have != ready[m] {
			return nil, fmt.Errorf("%w: %q", ErrMatterExists, m)
		}
		if k.list.destroyed(m) {
			return nil, fmt.Errorf("%w: %q", ErrMatterDestroyed, m)
		}
		if exists {
			ids[m] = have
		}
	}
	return ids, nil
}

// writeKey makes a random key, which lies in the region from the start, and writes
// its file. The directory is not synced yet.
func (k *Keystore) writeKey(matter string) (matterBlob, error) {
	key, err := k.takeKey()
	if err != nil {
		return matterBlob{}, err
	}
	rand.Read(key[:])
	m := matterBlob{store: k.head.id, id: crypto.NewID(), matter: matter, version: 1, created: k.now().Unix(), key: key}
	plaintext := m.marshal()
	defer clear(plaintext)
	b, err := seal(k.master, matterPurpose(m.id), plaintext)
	if err == nil {
		err = k.disk.put(keyFile(m.id), b)
	}
	if err != nil {
		key.Wipe()
		return matterBlob{}, err
	}
	return m, nil
}

// enlist lists keys whose files are written.
func (k *Keystore) enlist(more []listed, fresh map[crypto.ID]entry) error {
	l := k.list.with(more...)
	mark, err := k.saveList(l)
	if err != nil {
		return err
	}
	k.publish(l, mark, fresh)
	return nil
}
