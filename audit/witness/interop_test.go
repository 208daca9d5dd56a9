package witness

import (
	"testing"
	"time"

	"github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// The library that public witnesses and logs are built with reads what we sign, with the key as we print it.
func TestOtherLibraryReadsTheSignature(t *testing.T) {
	l := newForeignLog(t, "example.com/log")
	s := startService(t, "", l.vkey())
	l.add(t, numbered(0, 100)...)
	s.wantSigned(t, l, 0, 77)
	a := s.ask(t, "GET", Hash(l.origin)+"/checkpoint", "")
	witness, err := fnote.NewVerifierForCosignatureV1(s.Key())
	if err != nil {
		t.Fatal(err)
	}
	own, err := note.NewVerifier(l.vkey())
	if err != nil {
		t.Fatal(err)
	}
	cp, _, n, err := log.ParseCheckpoint([]byte(a.body), l.origin, own, witness)
	if err != nil || cp.Size != 77 || len(n.Sigs) != 2 {
		t.Fatalf("%+v, %+v, %v", cp, n, err)
	}
	at, err := fnote.CoSigV1Timestamp(n.Sigs[1])
	if err != nil || time.Since(at) > time.Hour || time.Since(at) < -time.Second {
		t.Errorf("signed at %v, %v", at, err)
	}
}
