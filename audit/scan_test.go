package audit

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// Eight bytes at a time stop where one at a time does, whatever stands before and after.
func TestPlainStopsAtEachByteThatItShould(t *testing.T) {
	stops := func(c byte) bool { return c == '"' || c == '\\' || c < 0x20 }
	r := rand.New(rand.NewPCG(8, 8))
	for range 200_000 {
		b := make([]byte, r.IntN(40))
		for i := range b {
			b[i] = []byte{byte(r.IntN(256)), byte(r.IntN(256)), 0x20, 0x1f, 0x21, 0x23, 0x5b, 0x5d, 0x7f, 0x80, 0xa2, 0xdc, 0xff, 'a', 'b'}[r.IntN(15)]
		}
		want := 0
		for want < len(b) && !stops(b[want]) {
			want++
		}
		if got := plain(b); got != want {
			t.Fatalf("%q: %d, want %d", b, got, want)
		}
	}
	for c := range 256 { // each byte, at each place of eight
		for at := range 8 {
			b := bytes.Repeat([]byte("z"), 8)
			b[at] = byte(c)
			if want := map[bool]int{true: at, false: 8}[stops(byte(c))]; plain(b) != want {
				t.Errorf("byte %d at %d: %d", c, at, plain(b))
			}
		}
	}
}
