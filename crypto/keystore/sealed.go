package keystore

import (
	"bytes"
	"fmt"
	"io"

	"github.com/minio/sio"

	"matterfs/crypto"
)

// seal encrypts a plaintext as a DARE 2.0 stream (sio, AES-256-GCM) under the key
// that master gives for purpose. Each file has a purpose of its own, so no file opens
// in another one's place.
func seal(master *crypto.Key, purpose string, plaintext []byte) ([]byte, error) {
	key := crypto.DeriveKey(master, purpose)
	defer key.Wipe()
	var out bytes.Buffer
	if _, err := sio.Encrypt(&out, bytes.NewReader(plaintext), dare(key)); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return out.Bytes(), nil
}

// unseal reverses seal; the caller wipes what it gets. Where a stream has several
// packages, DARE lets an attacker cut packages off its front or change their order by
// another nonce in the headers, so every plaintext begins with a magic, which pins the
// first package to the first place and by it the nonce of all.
func unseal(master *crypto.Key, purpose string, sealed []byte) ([]byte, error) {
	key := crypto.DeriveKey(master, purpose)
	defer key.Wipe()
	r, err := sio.DecryptReader(bytes.NewReader(sealed), dare(key))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// dare pins version and cipher: sio's defaults accept version 1 too.
func dare(key *crypto.Key) sio.Config {
	return sio.Config{
		MinVersion:   sio.Version20,
		MaxVersion:   sio.Version20,
		CipherSuites: []byte{sio.AES_256_GCM},
		Key:          key[:],
	}
}

// The purposes below are DeriveKey purposes of the master key.

func matterPurpose(id crypto.ID) string { return "keystore/matter/" + id.String() }

const manifestPurpose = "keystore/manifest"

// storePurpose keeps StoreKey's purposes apart from the keystore's own.
func storePurpose(purpose string) string { return "storekey/" + purpose }
