package audit

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// holdNotes are what a log says of holds.
func holdNotes(t *testing.T, dir string) (notes []string) {
	t.Helper()
	if err := ReadRecords(dir, func(_ []byte, p *Parsed) error {
		if p.Ev == "audit.hold" {
			notes = append(notes, p.Note)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return notes
}

// A hold whose file somebody takes away still stands, and the log says what happened.
func TestHoldFileTakenAway(t *testing.T) {
	o, env, _ := aged(t)
	l := openSealed(t, o, env)
	h := Hold{Set: true, Reason: "保全", By: "zhou.hua (uid 7)", UID: 7, AUID: -1, At: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	if err := l.SetHold(h, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	before := len(files(t, o))
	path := filepath.Join(o.StateDir, HoldName)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(l.retireOlder(), l.retireOlder()); err != nil {
		t.Fatal(err)
	}
	if got := len(files(t, o)); got != before {
		t.Errorf("%d files, %d before", got, before)
	}
	if back, err := ReadHold(o.StateDir); err != nil || back != h {
		t.Errorf("%+v, %v", back, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if notes := holdNotes(t, o.Dir); len(notes) != 1 || !strings.Contains(notes[0], "was removed and is written again: legal hold set by zhou.hua") {
		t.Errorf("%q", notes)
	}
}

// A hold stands before it is recorded, and ends only after that was; what was recorded is not recorded again.
func TestSetHoldAndItsRecord(t *testing.T) {
	o, env, _ := aged(t)
	l := openSealed(t, o, env)
	failed := errors.New("full")
	h := Hold{Set: true, Reason: "r", By: "a", At: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	stands := func() bool {
		now, err := ReadHold(o.StateDir)
		return err == nil && now.Set
	}
	if err := l.SetHold(h, func() error { return failed }); !errors.Is(err, failed) || !stands() {
		t.Errorf("%v; it stands: %v", err, stands())
	}
	if err := l.retireOlder(); err != nil { // records it instead
		t.Fatal(err)
	}
	end := h
	end.Set = false
	if err := l.SetHold(end, func() error { return failed }); !errors.Is(err, failed) || !stands() {
		t.Errorf("%v; it stands: %v", err, stands())
	}
	if err := l.SetHold(end, func() error {
		if !stands() {
			t.Error("it ended before its record")
		}
		return nil
	}); err != nil || stands() {
		t.Errorf("%v; it stands: %v", err, stands())
	}
	if err := errors.Join(l.retireOlder(), l.Close()); err != nil {
		t.Fatal(err)
	}
	if notes := holdNotes(t, o.Dir); len(notes) != 1 || !strings.HasPrefix(notes[0], "legal hold set by a on 2026-11-22T09:00:00") {
		t.Errorf("%q", notes)
	}
}
