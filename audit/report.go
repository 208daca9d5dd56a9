package audit

import "fmt"

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

// code is the exit code of a log with this problem alone.
func (p Problem) code() int {
	switch p.Kind {
	case KindTail, KindMissing:
		return 11
	case KindCheckpoint, KindWitness:
		return 12
	}
	return 10
}

// heavier says that code a tells of something worse than code b: a log that was tampered with, one that is not that of a
// checkpoint, one that is incomplete.
func heavier(a, b int) bool {
	weight := [...]int{0: 0, 11: 1, 12: 2, 10: 3}
	return weight[a] > weight[b]
}

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

	Seals     uint64        `json:"seals"`               // seals that are right
	SealedTo  uint64        `json:"sealed_to"`           // last record that they cover
	Epochs    uint64        `json:"epochs"`              // changes of keys
	FixedTo   uint64        `json:"fixed_to"`            // last record sealed with a key that has been erased since
	Key       string        `json:"key"`                 // where the verification key came from: "given", "log", "none"
	KeptTo    uint64        `json:"kept_to,omitempty"`   // records that the outside checkpoint covers
	Witnesses []Cosignature `json:"witnesses,omitempty"` // who signed that checkpoint besides the log, and when

	RetiredTo uint64 `json:"retired_to,omitempty"` // records 1 to this one were deleted by retention; what stands for them was checked
	Partial   bool   `json:"partial,omitempty"`    // only a part of the log was read, seals were not checked
	Level     string `json:"level"`                // best assurance there is: "none", "head", "seal", "checkpoint", "witness"

	Recoveries []Found   `json:"recoveries,omitempty"`
	Problems   []Problem `json:"problems"`
	More       int       `json:"more_problems,omitempty"` // problems beyond the first MaxProblems
}

// MaxProblems is how many problems a Report lists.
const MaxProblems = 100

// Code is the exit code: 0 in order, 10 tampered with, 12 not the log of the outside checkpoint, 11 incomplete; of several the
// first in this order.
func (r *Report) Code() int {
	code := 0
	for _, p := range r.Problems {
		if heavier(p.code(), code) {
			code = p.code()
		}
	}
	return code
}

// Levels of assurance: what vouches for a log besides itself.
const (
	LevelNone       = "none"       // only its own chain
	LevelHead       = "head"       // the head in the state directory
	LevelSeal       = "seal"       // seals, with a verification key that was kept elsewhere
	LevelCheckpoint = "checkpoint" // a checkpoint that was kept elsewhere
	LevelWitness    = "witness"    // a checkpoint that a witness signed, too
)

func (v *verifier) finish() {
	w, r, c := v.w, v.rep, v.seals
	r.LastSeq = w.seq
	r.LastHash = string(appendHex(nil, w.hash[:]))
	r.Anchored, r.HeadSeq = v.status == headOK, v.head.seq
	r.Seals, r.SealedTo, r.Epochs, r.FixedTo, r.Partial = c.seals, c.sealed, c.epochs, c.fixed, c.off
	r.Key = c.source()
	if c.met {
		r.KeptTo = c.against.Size
	}
	if len(r.Problems) == 0 && r.Records != r.LastSeq-max(r.FirstSeq, 1)+1 {
		// No walk can end so. If one does, its answer must not be that all is well.
		w.problem(KindOrder, "%d records were counted from record %d to record %d", r.Records, r.FirstSeq, r.LastSeq)
	}
	r.Level = r.level()
	r.Assurance = r.endWords() + "; " + r.sealWords()
	if r.RetiredTo != 0 {
		r.Assurance += fmt.Sprintf("; records 1 to %d were retired by retention: seals speak for their hashes only", r.RetiredTo)
	}
}

// source says where the key came from that the good seals go back to.
func (c *sealCheck) source() string {
	switch {
	case c.seals == 0 || c.key == nil:
		return "none"
	case c.given && c.trusted:
		return "given"
	}
	return "log"
}

func (r *Report) level() string {
	switch {
	case r.KeptTo != 0 && len(r.Witnesses) > 0:
		return LevelWitness
	case r.KeptTo != 0:
		return LevelCheckpoint
	case r.Seals > 0 && r.Key == "given":
		return LevelSeal
	case r.Anchored && r.KeptTo != 0:
		return fmt.Sprintf("chain and order checked; the end is anchored at record %d by the head in the state directory; "+
			"a roll-back of log and state together to record %d or later would not be seen", r.HeadSeq, r.KeptTo)
	case r.Anchored:
		return LevelHead
	}
	return LevelNone
}

// endWords say what vouches for the end of the log.
func (r *Report) endWords() string {
	switch {
	case r.UnanchoredTo != 0:
		return fmt.Sprintf("chain and order checked; the end is anchored at record %d by the head in the state directory; records %d to %d "+
			"after it are NOT anchored: only the chain vouches for them", r.UnanchoredFrom-1, r.UnanchoredFrom, r.UnanchoredTo)
	case r.Anchored:
		return fmt.Sprintf("chain and order checked; the end is anchored at record %d by the head in the state directory; "+
			"a roll-back of log and state together would not be seen", r.HeadSeq)
	}
	if r.KeptTo != 0 {
		return fmt.Sprintf("chain and order checked; the tail is NOT anchored: there is no usable head, so records after %d that were cut off "+
			"the end or rewritten would not be seen", r.KeptTo)
	}
	return "chain and order checked; the tail is NOT anchored: there is no usable head, so records cut off the end " +
		"or a log rewritten as a whole would not be seen"
}

// sealWords say what the seals vouch for.
func (r *Report) sealWords() string {
	switch {
	case r.Partial:
		return "only a part of the log was read, so seals were NOT checked"
	case r.Seals == 0 && r.KeptTo == 0:
		return "no seal vouches for any record"
	case r.KeptTo != 0 && len(r.Witnesses) > 0:
		return r.witnessWords()
	case r.KeptTo != 0:
		return fmt.Sprintf("records 1 to %d are those of the checkpoint kept elsewhere; %s", r.KeptTo, r.rest(r.KeptTo))
	case r.Key == "given":
		return fmt.Sprintf("records 1 to %d are sealed with keys that go back to the verification key given, 1 to %d of them with keys that "+
			"have been erased since; %s", r.SealedTo, r.FixedTo, r.rest(r.SealedTo))
	}
	return fmt.Sprintf("records 1 to %d are sealed, but with keys that only the log itself names: give the verification key that was kept "+
		"elsewhere; %s", r.SealedTo, r.rest(r.SealedTo))
}

// rest says what nothing but the chain vouches for.
func (r *Report) rest(covered uint64) string {
	if r.LastSeq <= covered {
		return "nothing follows them"
	}
	return fmt.Sprintf("records %d to %d are newer", covered+1, r.LastSeq)
}
