package crypto

import (
	"encoding/hex"
	"testing"
)

func seqKey() *Key {
	k := new(Key)
	for i := range k {
		k[i] = byte(i)
	}
	return k
}

// The known answer of an independent prototype.
func TestCommitmentKnownAnswer(t *testing.T) {
	p := Prefix{Format: Format1, Cipher: CipherAES, BlockLog2: BlockLog2, KeyVersion: 1}
	for i := range p.ContentID {
		p.ContentID[i] = 0x5a
	}
	for i := range p.Salt {
		p.Salt[i] = 0xa5
	}
	got := newFileDeriver(&p, ContentKey(seqKey())).commitment()
	if h := hex.EncodeToString(got[:]); h != "e1ff5eab3e2de0978a2fdd414bcdf96f" {
		t.Errorf("commitment %s", h)
	}
	if h := hex.EncodeToString(p.AppendTo(nil)[:32]); h != "4d545246537631000100000c010000005a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a" {
		t.Errorf("prefix %s", h)
	}
}
