package audit

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// RetiredName is the file in the log directory that stands for the oldest segments after retention took them away. It holds
// nothing of their records: only what it takes to check the rest of the log as before.
const RetiredName = "retired"

// retiredHead begins that file.
const retiredHead = "matterfs-audit-retired/v1"

// stub is what is left of records 1 to last.
type stub struct {
	origin string
	last   [32]byte // leaf hash of the last of them
	tree   tree     // over all of them
	epochs []string // the signed changes of keys among them
}

func (s *stub) appendTo(b []byte) []byte {
	enc := base64.StdEncoding
	for _, line := range []string{retiredHead, s.origin, enc.EncodeToString(s.last[:]), enc.EncodeToString(s.tree.appendTo(nil))} {
		b = append(append(b, line...), '\n')
	}
	for _, e := range s.epochs {
		b = append(enc.AppendEncode(b, []byte(e)), '\n')
	}
	return b
}

// parseStub reads what appendTo wrote, and nothing else.
func parseStub(b []byte) (s stub, ok bool) {
	lines := strings.Split(string(b), "\n")
	if len(lines) < 5 || lines[0] != retiredHead || lines[len(lines)-1] != "" {
		return s, false
	}
	s.origin = lines[1]
	for i, l := range lines[2 : len(lines)-1] {
		v, err := base64.StdEncoding.Strict().DecodeString(l)
		switch {
		case err != nil:
			return s, false
		case i == 0 && len(v) == len(s.last):
			s.last = [32]byte(v)
		case i == 1:
			if s.tree, ok = parseTree(v); !ok || s.tree.n == 0 {
				return s, false
			}
		case i > 1:
			s.epochs = append(s.epochs, string(v))
		default:
			return s, false
		}
	}
	return s, true
}

// readStub gives what retention left; its tree is empty where nothing was retired. A file that cannot be read counts as none:
// records are missing then, and that is said.
func readStub(dir, storeID string) (s stub, err error) {
	b, err := os.ReadFile(filepath.Join(dir, RetiredName))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	s, ok := parseStub(b)
	if err != nil || !ok || s.origin != Origin(storeID) {
		return stub{origin: Origin(storeID), last: StoreHash(storeID)}, err
	}
	return s, nil
}

// after drops the segments that the stub stands for. What retention had no time to delete counts as deleted, unless the log
// still begins with record 1.
func (s *stub) after(list []segment) ([]segment, bool) {
	if s.tree.n == 0 || len(list) == 0 || list[0].first == 1 {
		return list, false
	}
	for len(list) > 0 && list[0].first != 0 && list[0].first <= s.tree.n {
		list = list[1:]
	}
	return list, true
}

// retire makes the walker and the check of seals begin after the records that a stub stands for. The row of keys is checked from
// its beginning. The stub itself is believed when the next seal has the root that its tree leads to.
func (v *verifier) retire(s *stub) {
	v.w.seq, v.w.hash, v.w.file = s.tree.n, s.last, RetiredName
	v.rep.RetiredTo = s.tree.n
	c := v.seals
	c.base = s.tree
	for _, signed := range s.epochs {
		c.epoch(&Parsed{Record: Record{Signed: signed}})
		c.covered = true // by seals that are gone; a seal that comes later speaks for them
	}
}

// retired says what is wrong with a stub, when the whole log is known.
func (v *verifier) retired() {
	n := v.rep.RetiredTo
	if n == 0 || v.broken {
		return
	}
	switch {
	case v.recorded < n:
		v.w.problem(KindMissing, "records 1 to %d are missing, and no record says that retention took them", n)
	case v.seals.seals == 0 && !v.seals.off:
		v.w.problem(KindMissing, "records 1 to %d are missing, and no seal speaks for what stands for them", n)
	}
}

// keyOf is the last change of keys that a stub knows.
func (s *stub) keyOf() (last epoch) {
	for _, signed := range s.epochs {
		text, _, _ := strings.Cut(signed, "\n\n")
		if e, ok := parseEpoch(text + "\n"); ok {
			if _, err := note.NewVerifier(e.key); err == nil {
				last = e
			}
		}
	}
	return last
}
