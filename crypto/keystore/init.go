package keystore

import (
	"crypto/rand"
	"fmt"

	"filippo.io/age"

	"matterfs/crypto"
)

// Init makes a new keystore in dir, with a new store id and a new master key, and
// returns it open. dir is made if it does not exist (its parent must); files there
// that have nothing to do with a keystore are left alone. A directory that holds a
// keystore or parts of one is an *ExistsError and is not changed. Other errors:
// ErrNoRecipients, *RecipientError, and those of the disk. After those Init may be
// called again.
func Init(dir string, o InitOptions) (*Keystore, error) { return initWith(dir, o, nil) }

func initWith(dir string, o InitOptions, step func(call, name string) error) (*Keystore, error) {
	to, err := o.recipients()
	if err != nil {
		return nil, err
	}
	k, err := newKeystore()
	if err != nil {
		return nil, err
	}
	k.head = newHeader(crypto.NewID())
	rand.Read(k.master[:])
	if err := k.found(dir, to, step); err != nil {
		k.discard()
		return nil, err
	}
	return k, nil
}

// found seals the envelopes first, so that nothing is written for a recipient that
// does not work.
func (k *Keystore) found(dir string, to [len(envelopeFiles)][]age.Recipient, step func(call, name string) error) (err error) {
	var files [len(envelopeFiles)][]byte
	blob := masterBlob{store: k.head.id, generation: k.head.Generation, key: k.master}
	for i := range to {
		if len(to[i]) == 0 {
			continue
		}
		if files[i], err = sealEnvelope(blob, to[i]); err != nil {
			return &RecipientError{Envelope: envelopeName(i), What: fmt.Sprintf("cannot be encrypted to: %v", err), Err: err}
		}
	}
	if k.disk, err = makeDisk(dir, step); err != nil {
		return err
	}
	return k.disk.exclusive(func() error { return k.writeNew(files) })
}

// writeNew writes all files; keystore.json comes last and makes it a keystore. The
// caller holds the directory.
func (k *Keystore) writeNew(files [len(envelopeFiles)][]byte) error {
	d := k.disk
	file, unfinished, err := d.remains()
	if err != nil {
		return err
	}
	if file != "" && !unfinished {
		return &ExistsError{Dir: d.path, File: file}
	}
	if err := d.beginInit(); err != nil {
		return err
	}
	l := &list{store: k.head.id, master: k.head.Generation}
	for i, name := range envelopeFiles {
		if files[i] == nil {
			continue
		}
		l.envelopes[i] = hashEnvelope(files[i])
		if err := d.put(name, files[i]); err != nil {
			return err
		}
		k.envelopes = append(k.envelopes, describeEnvelope(i, files[i], nil))
	}
	mark, err := k.saveList(l)
	if err != nil {
		return err
	}
	if err := d.save(headerName, k.head.marshal()); err != nil {
		return err
	}
	k.publish(l, mark, nil)
	return d.endInit()
}

// beginInit marks the directory as unfinished and removes what an interrupted Init
// left: its envelopes hold a master key that never came into use.
func (d *disk) beginInit() error {
	if err := d.begin("chmod", "."); err != nil {
		return err
	}
	if err := d.root.Chmod(".", 0o700); err != nil {
		return err
	}
	if err := d.save(initName, nil); err != nil {
		return err
	}
	for _, name := range append([]string{manifestName}, envelopeFiles[:]...) {
		if err := d.remove(name); err != nil {
			return err
		}
	}
	return d.mkdir(mattersName)
}

func (d *disk) endInit() error {
	if err := d.remove(initName); err != nil {
		return err
	}
	return d.syncDir(".")
}
