package keystore_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"matterfs/crypto/keystore"
)

func Example() {
	dir, err := os.MkdirTemp("", "keystore")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	keys := filepath.Join(dir, "keys")

	identity, recipient, err := keystore.GenerateIdentity()
	if err != nil {
		log.Fatal(err)
	}
	ks, err := keystore.Init(keys, keystore.InitOptions{Recipients: []string{recipient}})
	if err != nil {
		log.Fatal(err)
	}
	id, err := ks.Create("2026-0142")
	if err != nil {
		log.Fatal(err)
	}
	ks.Lock()

	ks, err = keystore.Open(keys, keystore.Unlock{Identity: identity})
	if err != nil {
		log.Fatal(err)
	}
	defer ks.Lock()
	key, matter, version, err := ks.Key(id)
	fmt.Println(key, matter, version, err)
	// Output: [key] 2026-0142 1 <nil>
}
