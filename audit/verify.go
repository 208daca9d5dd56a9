package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// VerifyOptions name what is to be checked.
type VerifyOptions struct {
	Dir      string // log directory
	StateDir string // where the head is kept; empty: check without it
	StoreID  string // 32 hex digits

	Keys    []string // verification keys that were kept elsewhere; none: those in the log directory, which prove less
	Against []byte   // a signed checkpoint that was kept elsewhere; nil: none
	Witness []string // verifier keys of witnesses: each must have signed Against, or the file CosignName where Against is nil

	// Since: look only at the segments that reach to this time; chain and order are checked, seals are not. Zero: at all.
	Since    time.Time
	Strict   bool                 // check that each line is a whole JSON object even where the hashes are right
	Progress func(records uint64) // called from time to time; may be nil

	mute []string // kinds of problems that a test does not want to hear of, to see what is left without a layer
}

// progressEvery is how many records lie between two calls of Progress.
const progressEvery = 1 << 16

// Verify reads the whole log and compares it with itself, with its seals, with the store id, with the head, and with what the
// caller has kept elsewhere. It may run while the daemon writes. The error tells that it could not be read; what is wrong with it
// stands in the Report.
func Verify(o VerifyOptions) (*Report, error) {
	v := &verifier{o: o, rep: &Report{Problems: []Problem{}}}
	v.w = startWalk(o.StoreID, func(p Problem) {
		v.broken = v.broken || !slices.Contains(o.mute, p.Kind)
		v.problem(p)
	})
	v.w.strict = o.Strict
	v.w.onGood = v.record
	if err := errors.Join(v.before(), v.startSeals()); err != nil {
		return nil, err
	}
	list, err := v.segments()
	if err != nil {
		return nil, err
	}
	defer closeHeld(list)
	for _, s := range list {
		if err := v.segment(s); err != nil {
			return nil, err
		}
	}
	if err := v.after(); err != nil {
		return nil, err
	}
	v.retired()
	v.seals.finish(v.rep.Records > 0)
	v.finish()
	return v.rep, nil
}

type verifier struct {
	o        VerifyOptions
	rep      *Report
	w        *walker
	seals    *sealCheck
	broken   bool   // the walker has found a problem
	recorded uint64 // what records say that retention took
	head     headState
	status   headStatus
	inFile   int // records accepted in the current file
	current  segment
}

// startSeals reads what seals are to be compared with.
func (v *verifier) startSeals() (err error) {
	c := &sealCheck{origin: Origin(v.o.StoreID), keys: v.o.Keys, given: len(v.o.Keys) > 0}
	c.report = func(kind, format string, args ...any) {
		v.problem(Problem{File: v.w.file, Line: v.w.line, Kind: kind, Msg: fmt.Sprintf(format, args...)})
	}
	v.seals = c
	for _, k := range c.keys {
		if err := CheckKey(k, v.o.StoreID); err != nil {
			return &NoteError{"verification key", err}
		}
	}
	if !c.given {
		if c.keys, err = ReadKeys(v.o.Dir); err != nil {
			return err
		}
	}
	c.off = !v.o.Since.IsZero()
	c.against, err = v.openAgainst()
	return err
}

// ReadKeys gives the verification keys that stand in a log directory.
func ReadKeys(dir string) (keys []string, err error) {
	b, err := os.ReadFile(filepath.Join(dir, VKeyName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" {
			keys = append(keys, line)
		}
	}
	return keys, nil
}

// segments lists what is to be read.
func (v *verifier) segments() ([]segment, error) {
	list, err := openLog(v.o.Dir)
	if err != nil {
		return list, err
	}
	s, err := readStub(v.o.Dir, v.o.StoreID)
	if err != nil {
		return nil, err
	}
	list, gone := s.after(list)
	if v.o.Since.IsZero() {
		if gone {
			v.retire(&s)
		}
		return list, nil
	}
	for len(list) > 1 && v.beginsBefore(list[1]) {
		list = list[1:]
		v.w.any = true
	}
	return list, nil
}

// beginsBefore says that the first record of a segment is older than what is asked for.
func (v *verifier) beginsBefore(s segment) bool {
	r, err := s.open(v.o.Dir)
	if err != nil {
		return false
	}
	if s.held == nil {
		defer r.Close()
	}
	ln, err := newLines(r).next()
	h, why := parseHeader(ln.b)
	return err == nil && why == "" && h.t.Before(v.o.Since)
}

func (v *verifier) problem(p Problem) {
	if slices.Contains(v.o.mute, p.Kind) {
		return
	}
	if len(v.rep.Problems) >= MaxProblems {
		// An exit code must not depend on the order of problems: one that means tampering replaces one that does not.
		if last := &v.rep.Problems[MaxProblems-1]; heavier(p.code(), v.rep.Code()) {
			*last = p
		}
		v.rep.More++
		return
	}
	v.rep.Problems = append(v.rep.Problems, p)
}

// before reads the head first: whatever it knows must be in the files read afterwards, though the daemon goes on writing.
func (v *verifier) before() (err error) {
	v.status = headAbsent
	if v.o.StateDir != "" {
		v.head, v.status, err = readHead(v.o.StateDir)
	}
	if err != nil || v.status == headAbsent {
		return err
	}
	path := filepath.Join(v.o.StateDir, HeadName)
	if v.status == headDamaged {
		v.problem(Problem{File: path, Kind: KindHead, Msg: "both slots of the head are damaged"})
		return nil
	}
	if id := StoreHash(v.o.StoreID); v.head.store != [16]byte(id[:16]) {
		v.problem(Problem{File: path, Kind: KindStore, Msg: "the head belongs to another store"})
	}
	v.w.head = v.head
	return nil
}

func (v *verifier) segment(s segment) error {
	v.current, v.inFile = s, 0
	v.rep.Segments++
	v.w.enter(s.name, s.first)
	r, err := s.open(v.o.Dir)
	var system *fs.PathError
	if errors.As(err, &system) {
		return err
	}
	if err != nil {
		v.w.problem(KindMalformed, "the segment cannot be decompressed: %v", err)
		return nil
	}
	defer r.Close()
	torn, err := v.w.read(r)
	switch {
	case err != nil && s.gz:
		v.w.problem(KindMalformed, "the segment cannot be decompressed: %v", err)
	case err != nil:
		return fmt.Errorf("%s: %w", s.name, err)
	case torn > 0 && s.live():
		v.rep.TornBytes = torn
	case torn > 0:
		v.w.line++
		v.w.problem(KindMalformed, "the segment ends in the middle of a line")
	}
	return nil
}

func (v *verifier) record(j *judged) {
	v.rep.Records++
	v.inFile++
	if v.rep.FirstSeq == 0 {
		v.rep.FirstSeq = j.h.seq
	}
	if v.inFile == 1 && v.current.first != 0 && v.current.first != j.h.seq {
		v.w.problem(KindName, "the segment begins with record %d", j.h.seq)
	}
	if v.rep.Records%progressEvery == 0 && v.o.Progress != nil {
		v.o.Progress(v.rep.Records)
	}
	v.seals.add(&j.leaf, v.broken)
	if j.h.own {
		v.own(j.b)
	}
}

// own takes a record that the log wrote about itself.
func (v *verifier) own(line []byte) {
	p, err := ParseLine(line)
	if err != nil {
		v.w.problem(KindMalformed, "the record of the log about itself cannot be read: %v", err)
		return
	}
	v.seals.record(p)
	v.recorded = max(v.recorded, p.Retired)
	if p.Ev != "audit.recover" {
		return
	}
	f := Found{File: v.w.file, Line: v.w.line, Seq: p.Seq, Note: p.Note}
	if p.Recovery != nil {
		f.LostFrom, f.LostTo, f.TornFile = p.Recovery.LostFrom, p.Recovery.LostTo, p.Recovery.TornFile
		f.UnanchoredFrom, f.UnanchoredTo = p.Recovery.UnanchoredFrom, p.Recovery.UnanchoredTo
	}
	v.rep.Recoveries = append(v.rep.Recoveries, f)
}

// after compares the end of the log with the head, and with the head as it is now: of lines that the head does not know there
// may be one, written just before the daemon was killed.
func (v *verifier) after() error {
	if v.status != headOK {
		return nil
	}
	w := v.w
	end := Problem{File: LiveName}
	if w.file == LiveName {
		end.Line = w.line
	}
	if w.moved && v.rep.Code() == 11 {
		v.problem(w.shift()) // not whole files are missing
	}
	if v.head.seq > w.seq {
		end.Kind = KindTail
		end.Msg = fmt.Sprintf("records %d to %d are missing from the end", w.seq+1, v.head.seq) + v.powerCut()
		v.problem(end)
		return nil
	}
	now, st, err := readHead(v.o.StateDir)
	if err != nil || st != headOK {
		return err
	}
	end.Kind = KindForeign
	if end.Msg = v.beyond(&now); end.Msg != "" {
		v.problem(end)
	}
	if now.clean && v.rep.TornBytes > 0 {
		end.Msg = "bytes were added after the log was closed"
		v.problem(end)
	}
	return nil
}

// beyond looks at the records past the last one the head knows and says what is wrong with them.
func (v *verifier) beyond(now *headState) string {
	last, t := v.w.seq, v.w.t
	extra, limited := now.spare(bootID())
	switch {
	case last <= now.seq:
		return ""
	case limited && last > now.seq+extra:
		return fmt.Sprintf("records %d to %d were not written by the daemon", now.seq+extra+1, last)
	case !limited && now.late(t):
		return now.lateMsg(now.seq+1, last, t)
	}
	v.rep.UnanchoredFrom, v.rep.UnanchoredTo = now.seq+1, last
	return ""
}

// powerCut adds what may excuse a missing tail: only the daemon, at its next start, may decide that and records it.
func (v *verifier) powerCut() string {
	if v.head.boot == bootID() || v.w.seq < v.head.synced {
		return ""
	}
	return " (the machine was restarted since; the next mount records them as lost in a power cut)"
}
