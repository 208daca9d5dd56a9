package statelog

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"matterfs/crypto"
)

// scanned is what a file's bytes say, without any judgement of what should be
// there.
type scanned struct {
	entries []Entry
	hashes  [][32]byte // of each entry's frame
	good    int64      // length of what is whole
	tail    []byte     // behind it: nothing, or what a crash can have left of one frame
	why     string     // what is wrong with the tail
}

// head of the records found; there is always record 0.
func (s *scanned) head() Head {
	n := len(s.hashes) - 1
	return Head{uint64(n), s.hashes[n]}
}

// contains tells whether a head lies on the chain.
func (s *scanned) contains(h Head) bool {
	return h.Generation < uint64(len(s.hashes)) && s.hashes[h.Generation] == h.Hash
}

// scan reads a whole file. The errors are *ForeignError, crypto.ErrWrongKey and
// *DamagedError, all for path. What a crash can have left at the end is no error.
func scan(path string, b []byte, k *keys) (*scanned, error) {
	if err := checkHead(path, b, k); err != nil {
		return nil, err
	}
	s := &scanned{good: headSize}
	prev := k.start()
	for s.good < int64(len(b)) {
		rest := b[s.good:]
		frame, why := cutFrame(rest)
		var e Entry
		var before [32]byte
		if frame != nil {
			var err error
			if e, before, err = k.open(frame); err != nil {
				why = fmt.Sprintf("record %d does not authenticate", len(s.entries))
			}
		}
		if why != "" {
			return s, s.end(path, rest, frame, why)
		}
		if e.Generation != uint64(len(s.entries)) || before != prev || (e.Kind == beginKind) != (e.Generation == 0) {
			return s, &DamagedError{path, s.good, fmt.Sprintf("record %d stands where record %d of this log belongs", e.Generation, len(s.entries))}
		}
		prev = sha256.Sum256(frame)
		s.entries, s.hashes = append(s.entries, e), append(s.hashes, prev)
		s.good += int64(len(frame))
	}
	if len(s.entries) == 0 {
		return s, &DamagedError{path, s.good, "there is no record 0"}
	}
	return s, nil
}

// cutFrame takes the first frame off b, or says why there is none.
func cutFrame(b []byte) (frame []byte, why string) {
	if len(b) < lengthSize {
		return nil, "an unfinished length"
	}
	n := binary.LittleEndian.Uint32(b)
	switch {
	case n <= crypto.PackageOverhead || n > maxPackage:
		return nil, fmt.Sprintf("a record of %d bytes", n)
	case int(n) > len(b)-lengthSize:
		return nil, "an unfinished record"
	}
	return b[:lengthSize+n], ""
}

// end judges bytes that are no record. One write is under way at a time and the
// next waits until it is on the medium, so a crash leaves no more than one
// frame, and nothing behind it.
func (s *scanned) end(path string, rest, frame []byte, why string) error {
	last := frame == nil && len(rest) <= maxFrame || len(frame) == len(rest)
	if !last || len(s.entries) == 0 {
		return &DamagedError{path, s.good, why}
	}
	s.tail, s.why = rest, why
	return nil
}

func checkHead(path string, b []byte, k *keys) error {
	if len(b) < headSize || string(b[:8]) != magic {
		return &DamagedError{path, 0, "this is no state log"}
	}
	have, want := crypto.ID(b[8:24]), crypto.ID(k.head[8:24])
	if have != want {
		return &ForeignError{path, have, want}
	}
	if !bytes.Equal(b[:headSize], k.head[:]) {
		return fmt.Errorf("state log %s: %w", path, crypto.ErrWrongKey)
	}
	return nil
}

// judge compares what was found with what was acknowledged: every anchor must
// lie on the chain.
func (s *scanned) judge(path string, anchors []Head) error {
	if len(anchors) == 0 && len(s.tail) > 0 {
		// Nothing says that the bytes were not acknowledged.
		return &DamagedError{path, s.good, s.why + ", and nothing says where the log ended"}
	}
	for _, a := range anchors {
		switch {
		case s.contains(a):
		case a.Generation >= uint64(len(s.hashes)) && len(s.tail) > 0:
			return &DamagedError{path, s.good, fmt.Sprintf("%s, and record %d was acknowledged", s.why, a.Generation)}
		default:
			return &RolledBackError{Path: path, Have: s.head(), Want: a}
		}
	}
	return nil
}

// newest is the one of several heads that has the highest generation.
func newest(anchors []Head) Head {
	return slices.MaxFunc(anchors, func(a, b Head) int { return cmp.Compare(a.Generation, b.Generation) })
}

// refused tells the errors that Accept is for.
func refused(err error) bool {
	return isA[*RolledBackError](err) || isA[*DamagedError](err) || isA[*ForeignError](err) || errors.Is(err, crypto.ErrWrongKey)
}

func isA[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}
