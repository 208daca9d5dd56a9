package audit

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// pace says when seals and changes of keys are due.
type pace struct {
	records int           // unsealed records that ask for a seal at once
	busy    time.Duration // longest time that a record stays unsealed
	idle    time.Duration // longest time without a seal at all
	epoch   time.Duration // how long one key signs
	look    time.Duration // how often the clock is asked
}

func realPace() pace {
	return pace{records: 1000, busy: 10 * time.Second, idle: time.Minute, epoch: time.Hour, look: time.Second}
}

// steps of a change of keys, for tests that stop at each.
const (
	stepPersisted = "the new key is kept"
	stepRecorded  = "its record is written"
	stepSealed    = "the old key has sealed it"
	stepErased    = "the old key is erased"
)

// sealer signs what the log holds. Its fields are guarded by Log.sealing.
type sealer struct {
	origin    string
	keys      epochKeys
	recorded  bool       // the audit.epoch record of keys.next is in the log
	note      string     // for that record
	tree      tree       // over the records folded so far
	last      [32]byte   // hash of the newest of them
	spare     [][32]byte // exchanged with Log.leaves
	at        time.Time  // when the newest seal was made, monotonic
	published error      // why the newest checkpoint is not in its file
}

// Sealed returns how many records the newest seal covers, and why sealing does not go on; nil when it does.
func (l *Log) Sealed() (records uint64, err error) {
	l.shown.mu.Lock()
	defer l.shown.mu.Unlock()
	return l.shown.sealedTo, l.shown.sealErr
}

// Checkpoint returns the newest signed checkpoint and how many records it covers; nothing before the first seal since Open.
func (l *Log) Checkpoint() (signed string, records uint64) {
	l.shown.mu.Lock()
	defer l.shown.mu.Unlock()
	return l.shown.signed, l.shown.sealedTo
}

// Seal signs all records there are now, without waiting until that is due.
func (l *Log) Seal() error { return l.seal() }

// seal signs all records there are now and records the signature. Records are on the medium before anything vouches for them.
func (l *Log) seal() error {
	l.sealing.Lock()
	defer l.sealing.Unlock()
	err := l.finishEpoch()
	if err == nil && l.epochDue() {
		err = l.changeEpoch()
	} else if err == nil && l.unsealedRecords() {
		err = l.sealNow()
	}
	l.shown.set(func(v *shown) { v.sealErr = errors.Join(err, l.seals.published) })
	return err
}

// unsealedRecords is false when all that follows the last seal is its own record, and that is young.
func (l *Log) unsealedRecords() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.unsealed > 0 || time.Since(l.seals.at) >= l.env.pace.idle
}

// sealNow needs sealing held.
func (l *Log) sealNow() error {
	s := &l.seals
	seq := l.grow()
	l.syncing.Lock()
	err := l.syncTo(seq)
	l.syncing.Unlock()
	if err != nil {
		return err
	}
	signed, err := s.keys.signer().sign(s.origin, Checkpoint{s.origin, seq, s.tree.root()}.text())
	if err != nil {
		return err
	}
	kept := treeState{s.last, s.tree}
	err = l.own(&Record{Ev: "audit.seal", Res: "ok", AUID: -1, OUID: -1, Signed: signed})
	if err != nil {
		return err
	}
	s.at = time.Now()
	l.shown.set(func(v *shown) { v.sealedTo, v.signed = seq, signed })
	// The record is the seal. These two files are for convenience, and a failure must not make more of them.
	s.published = errors.Join(
		writeAtomic(filepath.Join(l.o.Dir, CheckpointName), 0o640, l.o.Group, []byte(signed)),
		writeAtomic(filepath.Join(l.o.StateDir, treeName), 0o600, 0, kept.appendTo(nil)))
	return nil
}

// grow folds the records written since into the tree and returns how many records it has now.
func (l *Log) grow() uint64 {
	s := &l.seals
	l.mu.Lock()
	leaves, seq := l.leaves, l.st.seq
	s.last = l.st.hash
	l.leaves, s.spare = s.spare[:0], leaves
	l.unsealed, l.oldest = 0, time.Time{}
	l.mu.Unlock()
	for _, h := range leaves {
		s.tree.add(h)
	}
	return seq
}

// own appends a record of the log about itself.
func (l *Log) own(r *Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down != nil {
		return l.down.err
	}
	unsealed, oldest := l.unsealed, l.oldest
	err := l.record(r)
	if r.Ev == "audit.seal" {
		l.unsealed, l.oldest = unsealed, oldest // a seal does not ask for another one
	}
	return err
}

// noted counts a record for the next seal; mu is held.
func (l *Log) noted(hash [32]byte) {
	l.leaves = append(l.leaves, hash)
	if l.unsealed++; l.unsealed == 1 {
		l.oldest = time.Now()
	}
	if l.unsealed == l.env.pace.records {
		select {
		case l.due <- struct{}{}:
		default:
		}
	}
}

// sealLoop seals in the background, apart from the goroutine that syncs.
func (l *Log) sealLoop() {
	tick := time.NewTicker(l.env.pace.look)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-l.due:
			l.seal()
		case <-tick.C:
			if l.sealIsDue() {
				l.seal() // its error is kept for Sealed
			}
		}
	}
}

func (l *Log) sealIsDue() bool {
	l.sealing.Lock()
	defer l.sealing.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seals.keys.next.n != 0 || l.epochDue() || time.Since(l.seals.at) >= l.env.pace.idle ||
		l.unsealed > 0 && time.Since(l.oldest) >= l.env.pace.busy
}

// epochDue says that the key in force has signed for long enough; a clock that was set back does not make it live longer.
func (l *Log) epochDue() bool {
	created := time.Unix(l.seals.keys.cur.created, 0)
	age := l.o.Now().Sub(created)
	return l.seals.keys.cur.n != 0 && (age >= l.env.pace.epoch || age < -l.env.pace.epoch)
}

// changeEpoch makes a new key and ends the life of the one in force.
func (l *Log) changeEpoch() error {
	s := &l.seals
	keys := s.keys
	keys.next = newEpochKey(keys.cur.n+1, l.o.Now())
	if err := saveKeys(l.o.StateDir, &keys); err != nil {
		return err
	}
	s.keys, s.recorded, s.note = keys, false, ""
	if err := l.env.step(stepPersisted); err != nil {
		return err
	}
	return l.finishEpoch()
}

// finishEpoch goes on with a change of keys where it stands: record the new key, seal that with the old one, bring it to the
// medium, erase the old one. Each step may be repeated after a crash.
func (l *Log) finishEpoch() error {
	s := &l.seals
	if s.keys.next.n == 0 {
		return nil
	}
	if !s.recorded {
		if err := l.recordEpoch(); err != nil {
			return err
		}
	}
	if err := l.env.step(stepRecorded); err != nil {
		return err
	}
	if err := l.sealNow(); err != nil {
		return err
	}
	if err := errors.Join(l.Sync(), l.env.step(stepSealed)); err != nil {
		return err
	}
	keys := epochKeys{cur: s.keys.next}
	if err := saveKeys(l.o.StateDir, &keys); err != nil {
		return err
	}
	s.keys = keys
	return l.env.step(stepErased)
}

func (l *Log) recordEpoch() error {
	s := &l.seals
	next := &s.keys.next
	vkey := next.public(s.origin)
	signed, err := s.keys.signer().sign(s.origin, epoch{s.origin, next.n, vkey}.text())
	if err != nil {
		return err
	}
	if s.keys.cur.n == 0 {
		if err := publishKey(&l.o, vkey); err != nil {
			return err
		}
	}
	note := s.note
	if note == "" {
		note = fmt.Sprintf("epoch %d begins", next.n)
	}
	err = l.own(&Record{Ev: "audit.epoch", Res: "ok", AUID: -1, OUID: -1, Note: note, Signed: signed})
	s.recorded = err == nil
	return err
}
