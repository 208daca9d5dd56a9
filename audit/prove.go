package audit

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"

	"golang.org/x/mod/sumdb/note"
)

// A proof shows with the verification key alone that records are in a log. It is text, a block for each record in ascending order,
// each in the form of C2SP tlog-proof: the record's line, its index in the tree, the hashes that lead from it to the root (RFC 6962
// section 2.1.1), and a checkpoint of the log signed with the key that was in force when the record was written:
//
//	c2sp.org/tlog-proof@v1
//	extra BASE64 OF THE LINE
//	index SEQ - 1
//	HASH, base64, one a line, from the leaf upwards
//
//	CHECKPOINT
//
// Every audit.epoch record up to the last record is among them, for it brings the next key. Because it is itself proved with the key
// before, a key speaks only for records after the one that brought it: whoever has the key of this hour cannot prove what was never
// there in the hours before. Where retention took an audit.epoch record, its signed text alone stands for it:
//
//	matterfs-audit/retired-epoch@v1
//	BASE64 OF THE SIGNED TEXT
const (
	proofHead   = "c2sp.org/tlog-proof@v1"
	retiredLine = "matterfs-audit/retired-epoch@v1"
)

// ErrNoRecord is the cause of a *ProofError where the log has no such record, or not any more.
var ErrNoRecord = errors.New("is not in the log")

// ErrNotSealed is the cause of a *ProofError where no seal speaks for the record yet: that takes a minute at most.
var ErrNotSealed = errors.New("is not sealed yet with the key in force")

// ProofError says why a record cannot be proved, or a proof does not hold.
type ProofError struct {
	Seq   uint64 // the record; 0: none in particular
	Block int    // of a proof that is checked, 1-based; 0: while one is made
	Cause error
}

func (e *ProofError) Error() string {
	s := "proof"
	if e.Block > 0 {
		s += fmt.Sprintf(", block %d", e.Block)
	}
	if e.Seq > 0 {
		s += fmt.Sprintf(": record %d", e.Seq)
	}
	return s + ": " + e.Cause.Error()
}

func (e *ProofError) Unwrap() error { return e.Cause }

// Prove writes a proof of the records with these numbers. It reads the log twice. That the proof holds is for CheckProof to say: where
// the log does not agree with its seals it will not.
func Prove(dir string, seqs []uint64, w io.Writer) error {
	if len(seqs) == 0 {
		return &ProofError{Cause: errors.New("no record was named")}
	}
	seqs = slices.Compact(slices.Sorted(slices.Values(seqs)))
	p := &prover{dir: dir, want: map[uint64]bool{}, last: seqs[len(seqs)-1]}
	for _, s := range seqs {
		p.want[s] = true
	}
	b, err := os.ReadFile(filepath.Join(dir, RetiredName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if s, ok := parseStub(b); ok {
		p.stub = s
	}
	if err := p.collect(); err != nil {
		return err
	}
	if err := p.complete(seqs); err != nil {
		return err
	}
	if err := p.hash(); err != nil {
		return err
	}
	return p.write(w)
}

// prover makes one proof.
type prover struct {
	dir  string
	stub stub
	want map[uint64]bool
	last uint64 // greatest record asked for

	targets []target
	seals   []sealAt
	harvest harvest // the hashes that the paths need
}

// target is a record to be proved.
type target struct {
	seq    uint64
	line   []byte
	signed string // audit.epoch: its signed text
	seal   sealAt
}

type sealAt struct {
	size   uint64
	signed string
}

// collect finds the records to be proved and the seals.
func (p *prover) collect() error {
	covered := false
	return p.each(func(line []byte, h header) error {
		if h.seq > p.last && covered {
			return io.EOF
		}
		var rec *Parsed
		if h.own {
			var err error
			if rec, err = ParseLine(line); err != nil {
				return err
			}
		}
		if rec != nil && rec.Ev == "audit.seal" {
			c, err := ParseCheckpoint([]byte(rec.Signed))
			if err != nil {
				return err
			}
			p.seals = append(p.seals, sealAt{c.Size, rec.Signed})
		}
		epoch := rec != nil && rec.Ev == "audit.epoch"
		if p.want[h.seq] || epoch && h.seq <= p.last {
			t := target{seq: h.seq, line: slices.Clone(line)}
			if epoch {
				t.signed = rec.Signed
			}
			p.targets = append(p.targets, t)
		}
		return nil
	})
}

// each calls fn for every line of the log until it returns io.EOF.
func (p *prover) each(fn func(line []byte, h header) error) error {
	list, err := openLog(p.dir)
	if err != nil {
		return err
	}
	defer closeHeld(list)
	list, _ = p.stub.after(list)
	for _, s := range list {
		err := s.eachRecord(p.dir, 0, fn)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// complete finds the seal of each record: the first one over it that is signed with the key in force.
func (p *prover) complete(asked []uint64) error {
	for _, seq := range asked {
		if i := slices.IndexFunc(p.targets, func(t target) bool { return t.seq == seq }); i < 0 {
			return &ProofError{Seq: seq, Cause: ErrNoRecord}
		}
	}
	key, err := p.stubKey()
	if err != nil {
		return err
	}
	for i := range p.targets {
		t := &p.targets[i]
		signer, next := key, key
		if t.signed != "" {
			_, k, fresh, err := openEpoch(t.signed, key)
			if err != nil {
				return &ProofError{Seq: t.seq, Cause: err}
			}
			if next = k; fresh {
				signer = k
			}
		}
		if !p.sealed(t, signer) {
			return &ProofError{Seq: t.seq, Cause: ErrNotSealed}
		}
		key = next
	}
	return nil
}

// stubKey is the key in force after the records that retention took; nil where it took none.
func (p *prover) stubKey() (note.Verifier, error) {
	if len(p.stub.epochs) == 0 {
		return nil, nil
	}
	return note.NewVerifier(p.stub.keyOf().key)
}

func (p *prover) sealed(t *target, key note.Verifier) bool {
	if key == nil {
		return false
	}
	at := sort.Search(len(p.seals), func(i int) bool { return p.seals[i].size >= t.seq })
	for _, s := range p.seals[at:] {
		if _, err := openCheckpoint(s.signed, key); err == nil {
			t.seal = s
			return true
		}
	}
	return false
}

// hash computes the nodes of all paths in one pass.
func (p *prover) hash() error {
	size := uint64(0)
	for _, t := range p.targets {
		size = max(size, t.seal.size)
		p.harvest.want(pathSpans(t.seq-1, t.seal.size))
	}
	p.harvest.start(p.stub.tree)
	tr := &p.harvest.tree
	hash := newHasher()
	err := p.each(func(line []byte, h header) error {
		if tr.n == size {
			return io.EOF
		}
		if h.seq != tr.n+1 {
			return &ProofError{Seq: tr.n + 1, Cause: ErrNoRecord}
		}
		p.harvest.add(hash.leaf(line))
		return nil
	})
	if err == nil && tr.n < size {
		err = &ProofError{Seq: tr.n + 1, Cause: ErrNoRecord}
	}
	return err
}

func (p *prover) write(to io.Writer) error {
	w := bufio.NewWriter(to)
	w.WriteString(EpochBlocks(p.stub.epochs))
	for _, t := range p.targets {
		w.WriteString(t.block(&p.harvest))
	}
	return w.Flush() // tells what failed above, too
}

// block is the proof of a record, of hashes that were harvested for its path.
func (t *target) block(v *harvest) string {
	return fmt.Sprintf("%s\nextra %s\nindex %d\n%s\n%s", proofHead, base64.StdEncoding.EncodeToString(t.line), t.seq-1,
		EncodeHashes(v.roots(pathSpans(t.seq-1, t.seal.size))), t.seal.signed)
}
