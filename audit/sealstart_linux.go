package audit

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// startSeals brings the tree to the end of the log, finds out which key signs now and ends a change of keys that a crash cut
// short. t is the end of the log as it was found.
func (l *Log) startSeals(t *tail) error {
	s := &l.seals
	s.origin = Origin(l.o.StoreID)
	err := errors.Join(removeHalfWritten(filepath.Join(l.o.StateDir, KeysName)), removeHalfWritten(filepath.Join(l.o.StateDir, treeName)),
		removeHalfWritten(filepath.Join(l.o.Dir, CheckpointName)), removeHalfWritten(filepath.Join(l.o.Dir, CosignName)),
		removeHalfWritten(filepath.Join(l.o.StateDir, witnessName)))
	if err != nil {
		return err
	}
	if s.tree, err = l.growTree(t); err != nil {
		return err
	}
	s.last, s.at = t.hash, time.Now()
	if t.seq > 0 && l.unsealed == 0 {
		l.unsealed, l.oldest = 1, time.Now()
	}
	if s.keys, err = loadKeys(l.o.StateDir); err != nil {
		return err
	}
	found, err := lastEpoch(l.o.Dir, l.o.StoreID)
	if err != nil {
		return err
	}
	if err := l.chooseKeys(found); err != nil {
		return err
	}
	l.sealing.Lock()
	defer l.sealing.Unlock()
	err = l.finishEpoch()
	if errors.Is(err, ErrUnavailable) {
		return nil // as with any record: tried again while the log is open
	}
	return err
}

// chooseKeys compares the keys with the last change of keys in the log. Keys that are gone or not those of this log, as after a
// backup was brought back, are replaced by a new row, which the log and every verification then tell.
func (l *Log) chooseKeys(found epoch) error {
	s := &l.seals
	k := &s.keys
	is := func(key *epochKey) bool { return key.n != 0 && key.n == found.n && key.public(s.origin) == found.key }
	switch {
	case is(&k.next):
		s.recorded = true
		return nil
	case is(&k.cur), k.cur.n == 0 && k.next.n != 0 && found.n == 0:
		return nil
	}
	if found.n != 0 || k.cur.n != 0 {
		s.note = "the keys that sealed the log are not here: a new row of keys begins"
	}
	*k = epochKeys{next: newEpochKey(found.n+1, l.o.Now())}
	return saveKeys(l.o.StateDir, k)
}

// lastEpoch finds the newest change of keys in a log; its number is 0 when there is none.
func lastEpoch(dir, storeID string) (epoch, error) {
	list, err := segments(dir)
	if err != nil {
		return epoch{}, err
	}
	for i := len(list) - 1; i >= 0; i-- {
		e, err := lastEpochIn(dir, list[i])
		if err != nil || e.n != 0 {
			return e, err
		}
	}
	s, err := readStub(dir, storeID)
	return s.keyOf(), err
}

func lastEpochIn(dir string, s segment) (last epoch, err error) {
	err = s.each(dir, 0, func(line []byte) error {
		if !bytes.Contains(line, []byte(`"ev":"audit.epoch"`)) {
			return nil
		}
		p, err := ParseLine(line)
		if err != nil || p.Ev != "audit.epoch" {
			return err
		}
		text, _, _ := bytes.Cut([]byte(p.Signed), []byte("\n\n"))
		if e, ok := parseEpoch(string(text) + "\n"); ok {
			last = e
		}
		return nil
	})
	return last, err
}

// growTree is the tree over the log up to its end, from the one kept at the last seal if that belongs to this log.
func (l *Log) growTree(t *tail) (tree, error) {
	b, err := os.ReadFile(filepath.Join(l.o.StateDir, treeName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return tree{}, err
	}
	if kept, ok := parseTreeState(b); ok && kept.tree.n <= t.seq {
		switch tr, good, err := extendTree(l.o.Dir, kept, t); {
		case err != nil:
			return tr, err
		case good:
			return tr, nil
		}
	}
	left, err := readStub(l.o.Dir, l.o.StoreID)
	if err != nil {
		return tree{}, err
	}
	for _, from := range []treeState{{last: StoreHash(l.o.StoreID)}, {left.last, left.tree}} {
		if tr, good, err := extendTree(l.o.Dir, from, t); err != nil || good {
			return tr, err
		}
	}
	return tree{}, &TamperedError{LiveName, 0, "the log does not begin with record 1, nor where retention ended: nothing can be sealed"}
}

// extendTree adds the records after those of kept. good is false when kept is not about this log.
func extendTree(dir string, kept treeState, t *tail) (tr tree, good bool, err error) {
	tr, last := kept.tree, kept.last
	hash := newHasher()
	err = eachLine(dir, tr.n+1, func(line []byte) error {
		h, why := parseHeader(line)
		if why != "" || h.seq <= tr.n || h.seq > t.seq || h.seq != tr.n+1 || h.prev != last {
			return nil
		}
		last = hash.leaf(line)
		tr.add(last)
		return nil
	})
	return tr, tr.n == t.seq && last == t.hash, err
}

// eachLine calls fn for the complete lines of a log from record from on, and perhaps for some before.
func eachLine(dir string, from uint64, fn func(line []byte) error) error {
	list, err := segments(dir)
	if err != nil {
		return err
	}
	for i, s := range list {
		if i+1 < len(list) && list[i+1].first != 0 && list[i+1].first <= from {
			continue
		}
		if err := s.each(dir, from, fn); err != nil {
			return err
		}
	}
	return nil
}
