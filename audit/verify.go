package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// VerifyOptions name what is to be checked.
type VerifyOptions struct {
	Dir      string // log directory
	StateDir string // where the head is kept; empty: check without it
	StoreID  string // 32 hex digits
}

// Problem is one thing wrong with a log.
type Problem struct {
	File string `json:"file"`
	Line int    `json:"line"` // 1-based; 0 when no line is meant
	Kind string `json:"kind"` // one of the Kind constants
	Msg  string `json:"msg"`
}

func (p Problem) String() string {
	return at(p.File, p.Line) + ": " + p.Kind + ": " + p.Msg
}

func (p Problem) incomplete() bool { return p.Kind == KindTail || p.Kind == KindMissing }

// Found is an audit.recover record: the log says itself that something happened to it.
type Found struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Seq      uint64 `json:"seq"`
	LostFrom uint64 `json:"lost_from,omitempty"` // records a power cut may have taken
	LostTo   uint64 `json:"lost_to,omitempty"`

	UnanchoredFrom uint64 `json:"unanchored_from,omitempty"` // records that no head vouched for
	UnanchoredTo   uint64 `json:"unanchored_to,omitempty"`

	TornFile string `json:"torn_file,omitempty"` // keeps what was cut off
	Note     string `json:"note,omitempty"`
}

// Doubtful says that records are named which are lost or for which only the chain vouches.
func (f Found) Doubtful() bool { return f.LostTo != 0 || f.UnanchoredTo != 0 }

func (f Found) String() string {
	s := at(f.File, f.Line) + ": recover: " + quote(f.Note)
	if f.LostTo != 0 {
		s += fmt.Sprintf("; records %d to %d lost", f.LostFrom, f.LostTo)
	}
	if f.UnanchoredTo != 0 {
		s += fmt.Sprintf("; records %d to %d not anchored", f.UnanchoredFrom, f.UnanchoredTo)
	}
	if f.TornFile != "" {
		s += "; bytes kept in " + quote(f.TornFile)
	}
	return s
}

// Report is the result of Verify.
type Report struct {
	Records  uint64 `json:"records"`
	Segments int    `json:"segments"`
	FirstSeq uint64 `json:"first_seq"`
	LastSeq  uint64 `json:"last_seq"`
	LastHash string `json:"last_hash"` // of the last record, 64 hex digits

	Anchored  bool   `json:"anchored"`  // the end of the log was compared with the head
	HeadSeq   uint64 `json:"head_seq"`  // last record the head knows
	Assurance string `json:"assurance"` // in words: what this result can and cannot say
	TornBytes int64  `json:"torn_bytes,omitempty"`

	UnanchoredFrom uint64 `json:"unanchored_from,omitempty"` // records at the end that the head does not know; both 0: none
	UnanchoredTo   uint64 `json:"unanchored_to,omitempty"`

	Recoveries []Found   `json:"recoveries,omitempty"`
	Problems   []Problem `json:"problems"`
	More       int       `json:"more_problems,omitempty"` // problems beyond the first MaxProblems
}

// MaxProblems is how many problems a Report lists.
const MaxProblems = 100

// Code is the exit code: 0 in order, 10 tampered with, 11 incomplete.
func (r *Report) Code() int {
	code := 0
	for _, p := range r.Problems {
		if !p.incomplete() {
			return 10
		}
		code = 11
	}
	return code
}

// Verify reads the whole log and compares it with itself, with the store id and with the head. It may run while the daemon
// writes. The error tells that it could not be read; what is wrong with it stands in the Report.
func Verify(o VerifyOptions) (*Report, error) {
	v := &verifier{o: o, rep: &Report{Problems: []Problem{}}}
	v.w = startWalk(o.StoreID, v.problem)
	v.w.onGood = v.record
	if err := v.before(); err != nil {
		return nil, err
	}
	list, err := segments(o.Dir)
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		if err := v.segment(s); err != nil {
			return nil, err
		}
	}
	if err := v.after(); err != nil {
		return nil, err
	}
	v.finish()
	return v.rep, nil
}

type verifier struct {
	o       VerifyOptions
	rep     *Report
	w       *walker
	head    headState
	status  headStatus
	inFile  int // records accepted in the current file
	current segment
}

func (v *verifier) problem(p Problem) {
	if len(v.rep.Problems) >= MaxProblems {
		// An exit code must not depend on the order of problems: one that means tampering replaces one that does not.
		if last := &v.rep.Problems[MaxProblems-1]; last.incomplete() && !p.incomplete() {
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

func (v *verifier) record(h header, line []byte) {
	v.rep.Records++
	v.inFile++
	if v.rep.FirstSeq == 0 {
		v.rep.FirstSeq = h.seq
	}
	if v.inFile == 1 && v.current.first != 0 && v.current.first != h.seq {
		v.w.problem(KindName, "the segment begins with record %d", h.seq)
	}
	if h.recover {
		v.recovery(line)
	}
}

func (v *verifier) recovery(line []byte) {
	p, err := ParseLine(line)
	if err != nil {
		v.w.problem(KindMalformed, "the record of a recovery cannot be read: %v", err)
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

func (v *verifier) finish() {
	w, r := v.w, v.rep
	r.LastSeq = w.seq
	r.LastHash = string(appendHex(nil, w.hash[:]))
	r.Anchored, r.HeadSeq = v.status == headOK, v.head.seq
	if len(r.Problems) == 0 && r.Records != r.LastSeq-max(r.FirstSeq, 1)+1 {
		// No walk can end so. If one does, its answer must not be that all is well.
		w.problem(KindOrder, "%d records were counted from record %d to record %d", r.Records, r.FirstSeq, r.LastSeq)
	}
	switch {
	case r.UnanchoredTo != 0:
		r.Assurance = fmt.Sprintf("chain and order checked; the end is anchored at record %d by the head in the state directory; records %d to %d "+
			"after it are NOT anchored: only the chain vouches for them", r.UnanchoredFrom-1, r.UnanchoredFrom, r.UnanchoredTo)
	case r.Anchored:
		r.Assurance = fmt.Sprintf("chain and order checked; the end is anchored at record %d by the head in the state directory; "+
			"a roll-back of log and state together would not be seen", v.head.seq)
	default:
		r.Assurance = "chain and order checked; the tail is NOT anchored: there is no usable head, so records cut off the end " +
			"or a log rewritten as a whole would not be seen"
	}
}
