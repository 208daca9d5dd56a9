package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"matterfs/audit"
	"matterfs/crypto"
	"matterfs/crypto/statelog"
)

// The state log (package statelog) refuses an older copy of itself when it is
// told the newest head. That stands in two places:
//
//   - the audit log, in state.head records (note: GENERATION:HASH), written at
//     each mount and after each change: it is chained and has a head of its own,
//     so to take one of them away is to break it;
//   - state/state.anchor, sealed, which says in which record the newest stands,
//     so that a mount reads the log from there on and not from its beginning. It
//     also speaks for records that a power cut took, and where a new log began.
const (
	statePurpose  = "state"
	stateLogName  = "state.log"
	anchorName    = "state.anchor"
	evStateHead   = "state.head"
	evStateMended = "state.recover"
	evStateAccept = "state.accept"
)

func (d *daemon) statePath(name string) string { return filepath.Join(d.s.State, name) }

// stateError is a state log that is not served with.
type stateError struct{ err error }

func (e *stateError) Error() string { return e.err.Error() }
func (e *stateError) Unwrap() error { return e.err }

// strangeStateError is a state directory without anything in it, beside a log with
// records: most likely the name of it is wrong.
type strangeStateError struct{ state, log string }

func (e *strangeStateError) Error() string {
	return fmt.Sprintf("state directory %s has neither %s nor %s, but there are records in %s", e.state, audit.HeadName, stateLogName, e.log)
}

// checkStateDir comes before the log is opened. That would write into the log that its
// head is lost, and the right state directory would not fit it any more.
func (d *daemon) checkStateDir(context.Context) error {
	for _, name := range []string{audit.HeadName, stateLogName} {
		if _, err := os.Lstat(d.statePath(name)); !errors.Is(err, os.ErrNotExist) {
			return nil
		}
	}
	found, err := filepath.Glob(filepath.Join(d.s.Log, "audit*.jsonl*"))
	if err != nil {
		return err
	}
	for _, path := range found {
		if fi, err := os.Lstat(path); err == nil && fi.Size() > 0 {
			return &strangeStateError{d.s.State, d.s.Log}
		}
	}
	return nil
}

// openState loads what people decided while the drive ran, before anybody is
// served.
func (d *daemon) openState(ctx context.Context) error {
	if err := d.replayState(ctx); err != nil {
		return err
	}
	if err := d.checkKeys(); err != nil {
		return err
	}
	return d.recordKeys(self())
}

// replayState opens the state log.
func (d *daemon) replayState(context.Context) error {
	key := d.keys.StoreKey(statePurpose)
	defer key.Wipe()
	known, err := d.knownHeads(key)
	if err != nil {
		return err
	}
	l, mended, err := statelog.Open(d.statePath(stateLogName), statelog.Options{StoreID: d.keys.StoreID(), Key: key, Anchors: known})
	if err != nil {
		return &stateError{err}
	}
	d.onClose(func() { d.warn("close state log", l.Close()) })
	d.emergency.log = l
	d.emergency.inForce.Store(l.State())
	if err := d.recordMended(mended); err != nil {
		return err
	}
	return d.recordHead(self())
}

// knownHeads are the heads that the state log must contain: the one recorded
// last, and the anchor's where its record is not in the log (any more).
func (d *daemon) knownHeads(key *crypto.Key) ([]statelog.Head, error) {
	anchor, known, err := statelog.OpenAnchor(d.statePath(anchorName), d.keys.StoreID(), key)
	if err != nil {
		return nil, err
	}
	last, at, err := d.lastHead(anchor.Seq)
	if err != nil || last != nil && (!known || at == anchor.Seq) {
		return last, err
	}
	if !known {
		return nil, nil
	}
	last, _, err = d.lastHead(0)
	return append(last, anchor.Head), err
}

// lastHead finds the last head in the audit log from a record on, if there is
// one, and the number of the first record there that has one.
func (d *daemon) lastHead(from uint64) (last []statelog.Head, first uint64, err error) {
	err = audit.ReadFrom(d.s.Log, from, func(_ []byte, r *audit.Parsed) error {
		if r.Ev != evStateHead {
			return nil
		}
		h, err := statelog.ParseHead(r.Note)
		if err != nil {
			return fmt.Errorf("record %d: %w", r.Seq, err)
		}
		if last == nil {
			first = r.Seq
		}
		last = []statelog.Head{h}
		return nil
	})
	if err != nil {
		return nil, 0, &logError{err}
	}
	return last, first, nil
}

// recordMended tells what a crash left behind.
func (d *daemon) recordMended(r *statelog.Recovery) error {
	var notes []string
	if r.TornLen > 0 {
		notes = append(notes, fmt.Sprintf("dropped %d bytes of an unfinished record (%s), SHA-256 %x", r.TornLen, r.TornWhy, r.TornHash))
	}
	for _, e := range r.Ahead {
		notes = append(notes, fmt.Sprintf("record %d stands, though a crash came before it was recorded here: %s %s", e.Generation, e.Kind, e.Payload))
	}
	for _, note := range notes {
		if err := d.record(self(), audit.Record{Ev: evStateMended, Res: "ok", Note: note}); err != nil {
			return err
		}
	}
	return nil
}

// recordHead puts the head of the state log into the audit log, and where it
// stands there into the anchor. Without the anchor the next mount only reads
// more.
func (d *daemon) recordHead(who actor) error {
	h := d.emergency.log.Head()
	seq, err := d.recordSeq(who, audit.Record{Ev: evStateHead, Res: "ok", Note: h.String()})
	if err != nil {
		return err
	}
	key := d.keys.StoreKey(statePurpose)
	defer key.Wipe()
	d.warn("anchor state log", statelog.SealAnchor(d.statePath(anchorName), d.keys.StoreID(), key, statelog.Anchor{Head: h, Seq: seq}))
	return nil
}

// acceptState makes a refused state log usable again and says so in the log.
func (d *daemon) acceptState(reason string) (kept string, err error) {
	key := d.keys.StoreKey(statePurpose)
	defer key.Wipe()
	known, err := d.knownHeads(key)
	if err != nil {
		return "", err
	}
	o := statelog.Options{StoreID: d.keys.StoreID(), Key: key, Anchors: known}
	path := d.statePath(stateLogName)
	l, mended, err := statelog.Open(path, o)
	if err == nil {
		return "", errors.Join(d.recordMended(mended), l.Close(), errNothingToAccept)
	}
	refused := err
	if kept, err = statelog.Accept(path, o); err != nil {
		return "", &stateError{err}
	}
	o.Anchors = nil
	if l, _, err = statelog.Open(path, o); err != nil {
		return kept, &stateError{err}
	}
	d.onClose(func() { d.warn("close state log", l.Close()) })
	d.emergency.log = l
	note := fmt.Sprintf("%s; accepted with %d records because: %s", refused, l.Head().Generation, reason)
	if err := d.record(self(), audit.Record{Ev: evStateAccept, Res: "ok", To: filepath.Base(kept), Note: note}); err != nil {
		return kept, err
	}
	return kept, d.recordHead(self())
}
