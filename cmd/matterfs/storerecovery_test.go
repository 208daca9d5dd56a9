package main

import (
	"strings"
	"testing"

	"matterfs/crypto"
	"matterfs/crypto/store"
)

// Each kind of recovery is told in its own words, beginning with its name.
func TestRecoveryNotes(t *testing.T) {
	seen := map[string]bool{}
	for k := store.RecoveredFile; k <= store.RecoveredLost; k++ {
		note := recoveryNote(store.Recovery{Kind: k, Blocks: 3, Lost: "x"})
		if !strings.HasPrefix(note, k.String()+": ") || seen[note] {
			t.Errorf("%v: %q", k, note)
		}
		seen[note] = true
	}
	if fidOf(store.Recovery{}) != "" || len(fidOf(store.Recovery{Object: crypto.NewID()})) != 32 {
		t.Error("object id")
	}
	if recoveryNote(store.Recovery{}) != "unknown" {
		t.Error("an unknown kind has a note")
	}
}
