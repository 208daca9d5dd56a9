package keystore

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"matterfs/crypto"
)

// Open unlocks the keystore in dir. Every file of it is checked: an envelope that is
// not the one the manifest names, a listed key file that is missing or does not
// authenticate are a *DamagedError. Whether the keystore is an older copy of itself
// is for CheckHead to say. Other errors: ErrNoKeystore, ErrWrongIdentity, ErrWrongPassphrase,
// *PluginError, and those of the disk. A key file that a crash left unlisted is taken
// into the manifest.
func Open(dir string, u Unlock) (*Keystore, error) { return openWith(dir, u, nil) }

func openWith(dir string, u Unlock, step func(call, name string) error) (*Keystore, error) {
	d, h, err := find(dir)
	if err != nil {
		return nil, err
	}
	d.step = step
	k, err := newKeystore()
	if err != nil {
		d.close()
		return nil, err
	}
	k.disk, k.head = d, h
	if err = k.unlock(u); err == nil {
		err = d.exclusive(func() error { return k.start(u) })
	}
	if err != nil {
		k.discard()
		return nil, err
	}
	return k, nil
}

// ReadStoreID returns the store id of the keystore in dir without unlocking it, and
// so without any proof. Errors as for Open.
func ReadStoreID(dir string) (crypto.ID, error) {
	d, h, err := find(dir)
	if err != nil {
		return crypto.ID{}, err
	}
	d.close()
	return h.id, nil
}

// find opens the directory and reads keystore.json.
func find(dir string) (*disk, header, error) {
	d, err := openDisk(dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %q does not exist", ErrNoKeystore, dir)
	}
	if err != nil {
		return nil, header{}, err
	}
	h, err := d.header()
	if err != nil {
		d.close()
		return nil, header{}, err
	}
	return d, h, nil
}

func (d *disk) header() (header, error) {
	b, err := d.read(headerName)
	if errors.Is(err, fs.ErrNotExist) {
		return header{}, d.noHeader()
	}
	if err != nil {
		return header{}, err
	}
	h, err := parseHeader(b)
	if err != nil {
		return header{}, &DamagedError{Path: d.file(headerName), What: "is not a keystore header", Way: restoreFile, Err: err}
	}
	return h, nil
}

// noHeader tells a directory without a keystore from one that lost its header.
func (d *disk) noHeader() error {
	file, unfinished, err := d.remains()
	switch {
	case err != nil:
		return err
	case unfinished:
		return fmt.Errorf("%w: an init in %q was interrupted: run it again", ErrNoKeystore, d.path)
	case file != "":
		return &DamagedError{Path: d.file(headerName), What: "is missing", Way: restoreFile}
	}
	return fmt.Errorf("%w: %q has no %s", ErrNoKeystore, d.path, headerName)
}

// remains names the first file of a keystore that is there, if any. unfinished says
// that all there is comes from an Init that never finished: no key was handed out.
func (d *disk) remains() (file string, unfinished bool, err error) {
	for _, name := range append([]string{headerName, manifestName}, envelopeFiles[:]...) {
		ok, err := d.exists(name)
		if err != nil {
			return "", false, err
		}
		if ok && file == "" {
			file = name
		}
	}
	keys, err := d.list(mattersName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", false, err
	}
	if len(keys) > 0 && file == "" {
		file = mattersName
	}
	marker, err := d.exists(initName)
	return file, marker && file != headerName && len(keys) == 0, err
}

// start reads everything but the envelope that opened. The caller holds the
// directory.
func (k *Keystore) start(u Unlock) error {
	k.write.Lock()
	defer k.write.Unlock()
	l, mark, err := k.readList()
	if err != nil {
		return err
	}
	k.opened = mark
	if k.envelopes, err = k.checkEnvelopes(l, u.Salvage); err != nil {
		return err
	}
	_ = k.disk.remove(initName) // only left by a crash of Init, and harmless
	_, err = k.load(l, mark)
	return err
}

// refresh takes over what other processes changed. The caller holds k.write and the
// directory.
func (k *Keystore) refresh() (adopted []listed, err error) {
	l, mark, err := k.readList()
	if err != nil {
		return nil, err
	}
	if err := mark.newerThan(k.mark, k.disk.file(manifestName)); err != nil {
		return nil, err
	}
	return k.load(l, mark)
}

// load reads the key files that are not in memory yet and adopts unlisted ones.
func (k *Keystore) load(l *list, mark Head) (adopted []listed, err error) {
	fresh := make(map[crypto.ID]entry)
	for _, key := range l.keys {
		if _, have := k.keys[key.id]; have || key.destroyed {
			continue
		}
		if fresh[key.id], err = k.loadListed(key); err != nil {
			return nil, err
		}
	}
	adopted, strays, err := k.findUnlisted(l, fresh)
	if err != nil {
		return nil, err
	}
	if len(adopted) > 0 {
		l = l.with(adopted...)
		if mark, err = k.saveList(l); err != nil {
			return nil, err
		}
	}
	k.publish(l, mark, fresh)
	k.guard.Lock()
	defer k.guard.Unlock()
	k.strays = strays
	return adopted, nil
}

// loadListed reads the file of a listed key, which must hold what the list says.
func (k *Keystore) loadListed(want listed) (entry, error) {
	m, err := k.loadKey(want.id)
	if err != nil {
		return entry{}, fmt.Errorf("key of matter %q: %w", want.matter, err)
	}
	if m.matter != want.matter || m.version != want.version || m.created != want.time {
		return entry{}, k.damaged(keyFile(want.id), "is not the key that the manifest lists", nil)
	}
	return m.entry(), nil
}

// loadKey reads and authenticates matters/KEYID; its key comes to lie in the region.
func (k *Keystore) loadKey(id crypto.ID) (matterBlob, error) {
	b, err := k.readFile(keyFile(id))
	if err != nil {
		return matterBlob{}, err
	}
	plaintext, err := unseal(k.master, matterPurpose(id), b)
	defer clear(plaintext)
	if err != nil {
		return matterBlob{}, k.damaged(keyFile(id), "does not authenticate", err)
	}
	key, err := k.takeKey()
	if err != nil {
		return matterBlob{}, err
	}
	m, err := parseMatter(plaintext, key)
	if err == nil && (m.store != k.head.id || m.id != id) {
		err = errors.New("belongs to another store or key id")
	}
	if err != nil {
		key.Wipe()
		return matterBlob{}, k.damaged(keyFile(id), err.Error(), err)
	}
	return m, nil
}

// findUnlisted looks at the files in matters/ that the list does not name. One that
// authenticates was written by a Create that a crash kept from listing it, or was
// listed in a newer manifest than this one: it is adopted, which loses no key either
// way.
func (k *Keystore) findUnlisted(l *list, fresh map[crypto.ID]entry) (adopted []listed, strays []Stray, err error) {
	names, err := k.disk.list(mattersName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, k.damaged(mattersName, "is missing", err)
	}
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(names)
	byID := make(map[crypto.ID]bool, len(l.keys)) // value: destroyed
	for _, key := range l.keys {
		byID[key.id] = key.destroyed
	}
	for _, name := range names {
		id, idErr := crypto.ParseID(name)
		destroyed, known := byID[id]
		switch {
		case idErr != nil:
			strays = append(strays, Stray{mattersName + "/" + name, "is not a key file"})
		case destroyed:
			strays = append(strays, Stray{keyFile(id), "holds a destroyed key"})
		case !known:
			m, err := k.loadKey(id)
			if err == nil && l.destroyed(m.matter) {
				m.key.Wipe()
				err = ErrMatterDestroyed
			}
			if err != nil {
				strays = append(strays, newStray(id, err))
				continue
			}
			fresh[id] = m.entry()
			adopted = append(adopted, m.listed())
		}
	}
	return adopted, strays, nil
}

// newStray leaves out the way out that a DamagedError names: this file is not missed.
func newStray(id crypto.ID, err error) Stray {
	var damaged *DamagedError
	if errors.As(err, &damaged) {
		return Stray{keyFile(id), damaged.What}
	}
	return Stray{keyFile(id), err.Error()}
}

// destroyed reports whether the keys of a matter were destroyed: tombstones alone,
// no live key.
func (l *list) destroyed(matter string) bool {
	gone := false
	for _, key := range l.keys {
		if key.matter == matter && !key.destroyed {
			return false
		}
		gone = gone || key.matter == matter
	}
	return gone
}

func (m matterBlob) listed() listed {
	return listed{id: m.id, version: m.version, time: m.created, matter: m.matter}
}

func (m matterBlob) entry() entry {
	return entry{key: m.key, matter: m.matter, version: m.version}
}

func keyFile(id crypto.ID) string { return mattersName + "/" + id.String() }
