package keystore

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"filippo.io/age"
)

// envelopeFiles are the age files that may hold the master key. age does not mix a
// passphrase or post-quantum recipients with others, hence one file for each use.
var envelopeFiles = [...]string{"admins.age", "recovery.age", "passphrase.age"}

const (
	adminsEnvelope = iota
	recoveryEnvelope
	passphraseEnvelope
)

// maxWorkFactor bounds what an exchanged passphrase.age can make Open spend: scrypt
// with 2^20 takes 1 GiB and some seconds. age's own default for new files is 18.
const maxWorkFactor = 20

// EnvelopeInfo describes one envelope for `status`.
type EnvelopeInfo struct {
	Name  string   // "admins", "recovery" or "passphrase"
	File  string   // name in the keys directory
	Kinds []string // stanza type of each recipient: "X25519", "scrypt", "piv-p256"...
	Err   error    // why it is not the envelope this keystore wrote; only with Unlock.Salvage
}

func envelopeName(i int) string { return strings.TrimSuffix(envelopeFiles[i], ".age") }

// sealEnvelope returns the age file of one envelope.
func sealEnvelope(m masterBlob, to []age.Recipient) ([]byte, error) {
	plaintext := m.marshal()
	defer clear(plaintext)
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to...)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plaintext); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// unlock fills k.master from the first envelope that opens. A damaged envelope is
// named before a wrong secret is: the secret may be the right one.
func (k *Keystore) unlock(u Unlock) error {
	var failed []error
	ids, idErr := u.identities()
	if idErr != nil {
		failed = append(failed, idErr)
	}
	for i := range envelopeFiles {
		with := ids
		if i == passphraseEnvelope {
			with = u.passphrases()
		}
		if len(with) == 0 {
			continue
		}
		err := k.openEnvelope(i, with)
		if err == nil {
			return nil
		}
		failed = append(failed, err)
	}
	return mostTelling(failed)
}

// mostTelling picks the error that says most; all stay matchable.
func mostTelling(failed []error) error {
	if len(failed) == 0 {
		return fmt.Errorf("%w: neither an identity nor a passphrase was given", ErrWrongIdentity)
	}
	for _, err := range failed {
		if !errors.Is(err, ErrWrongIdentity) && !errors.Is(err, ErrWrongPassphrase) {
			return err
		}
	}
	kept := failed[:0]
	for _, err := range failed {
		same := func(e error) bool { return e.Error() == err.Error() }
		if !slices.ContainsFunc(kept, same) {
			kept = append(kept, err)
		}
	}
	return errors.Join(kept...)
}

// openEnvelope tries to fill k.master from one envelope.
func (k *Keystore) openEnvelope(i int, ids []age.Identity) error {
	b, err := k.disk.read(envelopeFiles[i])
	if errors.Is(err, fs.ErrNotExist) {
		return wrongSecret(i)
	}
	if err != nil {
		return err
	}
	if err := checkKinds(i, b); err != nil {
		return k.damaged(envelopeFiles[i], "is not an envelope of this kind", err)
	}
	r, err := age.Decrypt(bytes.NewReader(b), ids...)
	if err != nil {
		return k.ageError(i, err)
	}
	plaintext, err := io.ReadAll(io.LimitReader(r, 2*masterSize))
	defer clear(plaintext)
	if err != nil {
		return k.damaged(envelopeFiles[i], "does not authenticate", err)
	}
	return k.acceptMaster(i, plaintext)
}

// ageError tells apart a secret that does not fit, a plugin that failed, and damage.
func (k *Keystore) ageError(i int, err error) error {
	var noMatch *age.NoIdentityMatchError
	if errors.As(err, &noMatch) {
		return wrongSecret(i)
	}
	var failed *PluginError
	if errors.As(err, &failed) {
		return failed
	}
	return k.damaged(envelopeFiles[i], "cannot be opened", err)
}

func wrongSecret(i int) error {
	if i == passphraseEnvelope {
		return ErrWrongPassphrase
	}
	return ErrWrongIdentity
}

// acceptMaster checks an envelope's plaintext against keystore.json.
func (k *Keystore) acceptMaster(i int, plaintext []byte) error {
	m, err := parseMaster(plaintext, k.master)
	switch {
	case err != nil:
		err = k.damaged(envelopeFiles[i], "holds no master key", err)
	case m.store != k.head.id:
		err = k.damaged(envelopeFiles[i], fmt.Sprintf("belongs to store %s, not to %s", m.store, k.head.id), nil)
	case m.generation != k.head.Generation:
		err = k.damaged(envelopeFiles[i], fmt.Sprintf("has master key generation %d, not %d", m.generation, k.head.Generation), nil)
	}
	if err != nil {
		k.master.Wipe()
	}
	return err
}

// checkEnvelopes compares every envelope with the hash in the manifest, so that the
// damage of the one in the safe is found while another one still opens.
func (k *Keystore) checkEnvelopes(l *list, salvage bool) ([]EnvelopeInfo, error) {
	var infos []EnvelopeInfo
	for i, file := range envelopeFiles {
		b, err := k.disk.read(file)
		if errors.Is(err, fs.ErrNotExist) {
			b, err = nil, nil
		}
		if err != nil {
			return nil, err
		}
		bad := k.checkEnvelope(i, b, l)
		if bad != nil && !salvage {
			return nil, bad
		}
		if b != nil || bad != nil {
			infos = append(infos, describeEnvelope(i, b, bad))
		}
	}
	return infos, nil
}

func (k *Keystore) checkEnvelope(i int, b []byte, l *list) error {
	want := l.envelopes[i]
	switch {
	case b == nil && want == [32]byte{}:
		return nil
	case b == nil:
		return k.damaged(envelopeFiles[i], "is missing", nil)
	case hashEnvelope(b) != want:
		return k.damaged(envelopeFiles[i], "is not the one that the manifest names", nil)
	}
	return nil
}

func describeEnvelope(i int, b []byte, bad error) EnvelopeInfo {
	kinds, _ := parseKinds(b) // of a damaged one there may be none to show
	return EnvelopeInfo{Name: envelopeName(i), File: envelopeFiles[i], Kinds: kinds, Err: bad}
}

// hashEnvelope is zero for an envelope that does not exist.
func hashEnvelope(b []byte) [32]byte {
	if b == nil {
		return [32]byte{}
	}
	return sha256.Sum256(b)
}

// checkKinds refuses a passphrase where recipients belong and the reverse, before
// any work is spent on it.
func checkKinds(i int, b []byte) error {
	kinds, err := parseKinds(b)
	if err != nil {
		return err
	}
	if slices.Contains(kinds, "scrypt") != (i == passphraseEnvelope) {
		return fmt.Errorf("has recipients of kind %q", kinds)
	}
	return nil
}

// parseKinds lists the recipient stanza types of an age file (age-encryption.org/v1,
// "-> TYPE ARGS" lines of the header). age does not say who the recipients are.
func parseKinds(b []byte) ([]string, error) {
	head, err := age.ExtractHeader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	var kinds []string
	for line := range strings.Lines(string(head)) {
		if stanza, ok := strings.CutPrefix(line, "-> "); ok {
			kind, _, _ := strings.Cut(strings.TrimRight(stanza, "\n"), " ")
			kinds = append(kinds, kind)
		}
	}
	return kinds, nil
}
