package audit

import (
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// The tree is that of RFC 6962 as another implementation computes it, at every size.
func TestTreeIsRFC6962(t *testing.T) {
	var tr tree
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(at []int64) (out []tlog.Hash, err error) {
		for _, i := range at {
			out = append(out, stored[i])
		}
		return out, nil
	})
	for n := range int64(200) {
		want, err := tlog.TreeHash(n, read)
		if err != nil {
			t.Fatal(err)
		}
		if got := tr.root(); got != [32]byte(want) {
			t.Fatalf("root of %d leaves is %x, want %x", n, got, want)
		}
		back, ok := parseTree(tr.appendTo(nil))
		if !ok || back.root() != tr.root() {
			t.Fatalf("tree of %d leaves is not the same after it was kept", n)
		}
		data := []byte{byte(n), byte(n >> 8)}
		more, err := tlog.StoredHashes(n, data, read)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, more...)
		tr.add(LeafHash(data))
	}
}

// Times are those of the standard library, on every day that a log can have.
func TestStampIsThatOfTheLibrary(t *testing.T) {
	for at := time.Date(0, 1, 1, 23, 59, 59, 999999000, time.UTC); at.Year() < 10000; at = at.AddDate(0, 0, 1) {
		got, ok := stamp([]byte(`"` + at.Format(timeLayout) + `"`))
		if !ok || !got.Equal(at) {
			t.Fatalf("%v is read as %v, %v", at, got, ok)
		}
	}
	for _, bad := range []string{"2026-02-29", "2026-00-01", "2026-13-01", "2026-04-31", "2026-01-00", "1900-02-29"} {
		if _, ok := stamp([]byte(`"` + bad + `T00:00:00.000000Z"`)); ok {
			t.Errorf("%s is taken for a day", bad)
		}
	}
}
