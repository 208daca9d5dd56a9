package crypto_test

import (
	"errors"
	"fmt"

	"matterfs/crypto"
)

// A file of one block, written and read again.
func Example() {
	matterKey, keyID := crypto.NewKey(), crypto.NewID()
	content := crypto.ContentKey(matterKey)

	prefix, keys, err := crypto.NewFile(content, keyID, 1)
	if err != nil {
		panic(err)
	}
	slot := crypto.Slot{Version: 1, Kind: crypto.File, Size: 6, Valid: 6, Object: crypto.NewID()}
	header := append(prefix.AppendTo(nil), slot.Seal(keys.Meta)...)
	block := keys.Data.SealBlock(nil, 0, 1, []byte("agreed"))

	p, err := crypto.ParsePrefix(header)
	if err != nil {
		panic(err)
	}
	fmt.Println("key found:", p.KeyID == keyID)
	keys, err = p.Keys(content)
	if err != nil {
		panic(err)
	}
	s, err := crypto.OpenSlot(keys.Meta, header[crypto.PrefixSize:][:crypto.SlotSize])
	fmt.Println(s.Kind, s.Size, err)
	data, seq, err := keys.Data.OpenBlock(block, 0)
	fmt.Printf("%s %d %v\n", data, seq, err)

	_, err = p.Keys(crypto.NewKey())
	fmt.Println(errors.Is(err, crypto.ErrWrongKey))
	// Output:
	// key found: true
	// file 6 <nil>
	// agreed 1 <nil>
	// true
}

func ExampleNameCipher() {
	names, err := crypto.NewNameCipher(crypto.NewKey())
	if err != nil {
		panic(err)
	}
	folder := crypto.NewID()
	stored, long, err := names.Seal(folder, "合同.docx")
	fmt.Println(len(stored), long == nil, err)
	name, err := names.Open(folder, stored, long)
	fmt.Println(name, err)
	_, err = names.Open(crypto.NewID(), stored, long)
	fmt.Println(err)
	// Output:
	// 64 true <nil>
	// 合同.docx <nil>
	// crypto: authentication failed
}
