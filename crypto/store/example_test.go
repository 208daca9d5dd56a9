package store_test

import (
	"fmt"
	"os"

	"matterfs/crypto"
	"matterfs/crypto/store"
)

// oneKey is a keystore with the key of one matter.
type oneKey struct {
	id  crypto.ID
	key *crypto.Key
}

func (k oneKey) Key(id crypto.ID) (*crypto.Key, string, uint32, error) {
	if id != k.id {
		return nil, "", 0, os.ErrNotExist
	}
	return k.key, "2026-0142", 1, nil
}

func Example() {
	dir, err := os.MkdirTemp("", "store")
	check(err)
	defer os.RemoveAll(dir)
	disk, err := store.OpenOSDisk(dir)
	check(err)
	defer disk.Close()
	storeID, storeKey := crypto.NewID(), crypto.NewKey()
	check(store.Create(disk, storeID, storeKey))
	keys := oneKey{crypto.NewID(), crypto.NewKey()}
	s, err := store.Open(disk, storeID, storeKey, keys, store.Options{})
	check(err)
	defer s.Close()

	root, err := s.CreateMatter("2026-0142", keys.id, "2026-0142", store.NewAttr{UID: 10021, Mode: 0o770})
	check(err)
	o, h, _, err := root.Create("合同.docx", store.NewAttr{UID: 10021, Mode: 0o640}, true)
	check(err)
	_, err = h.WriteAt([]byte("第一条"), 0)
	check(err)
	check(h.Sync())
	check(h.Close())
	a, err := o.Attr()
	check(err)
	fmt.Println(o.Path(), a.Size, a.Kind)
	o.Release()
	root.Release()
	// Output: 合同.docx 9 file
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
