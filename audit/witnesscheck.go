package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// openAgainst reads what the caller kept elsewhere: a checkpoint, or what a witness signed. A checkpoint counts as evidence by having
// been kept elsewhere, so its signature is looked at only where the key is known. What a witness signed may lie beside the log:
// nobody else can sign so.
func (v *verifier) openAgainst() (*Checkpoint, error) {
	for _, k := range v.o.Witness {
		if err := CheckWitnessKey(k); err != nil {
			return nil, err
		}
	}
	signed, file := v.o.Against, ""
	if signed == nil && len(v.o.Witness) > 0 {
		file = CosignName
		b, err := os.ReadFile(filepath.Join(v.o.Dir, CosignName))
		if errors.Is(err, fs.ErrNotExist) {
			v.problem(Problem{File: file, Kind: KindWitness, Msg: "no witness has signed a checkpoint of this log, or the file was taken away"})
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		signed = b
	}
	if signed == nil {
		return nil, nil
	}
	good := v.witnessed(signed, file)
	c, err := ParseCheckpoint(signed)
	switch {
	case err != nil && file != "", !good && file != "":
		return nil, nil // said; it proves nothing
	case err != nil:
		return nil, fmt.Errorf("the checkpoint to compare with: %w", err)
	}
	return &c, nil
}

// witnessed says that every witness asked for has signed a checkpoint, and reports each that has not.
func (v *verifier) witnessed(signed []byte, file string) bool {
	good := true
	for _, k := range v.o.Witness {
		_, by, err := OpenCosigned(signed, k)
		if err != nil {
			good = false
			v.problem(Problem{File: file, Kind: KindWitness, Msg: fmt.Sprintf("the checkpoint is not signed by the witness %s: %v", keyOrigin(k), err)})
		}
		v.rep.Witnesses = append(v.rep.Witnesses, by...)
	}
	return good
}

// witnessWords say who saw which records, and when.
func (r *Report) witnessWords() string {
	var by []string
	for _, w := range r.Witnesses {
		by = append(by, fmt.Sprintf("%s on %s", w.Name, w.Time.Format(time.RFC3339)))
	}
	words := fmt.Sprintf("records 1 to %d are those that were signed by %s", r.KeptTo, strings.Join(by, ", by "))
	if r.LastSeq <= r.KeptTo {
		return words + "; nothing follows them"
	}
	return words + fmt.Sprintf("; NO witness vouches for records %d to %d", r.KeptTo+1, r.LastSeq)
}
