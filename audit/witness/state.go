package witness

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"matterfs/audit"
)

// logsName is the directory with a file for each log.
const logsName = "logs"

// stateHead begins each of them.
const stateHead = "matterfs-witness-log/v1"

// Hash is how URLs and files name a log: the SHA-256 of its origin in lower-case hex.
func Hash(origin string) string {
	h := sha256.Sum256([]byte(origin))
	return hex.EncodeToString(h[:])
}

// logState is what the witness knows of one log.
type logState struct {
	row  audit.KeyRow
	last audit.Checkpoint // of the origin of row; of no records while nothing was signed
	note string           // last, with all signatures; empty while nothing was signed
}

func (s *logState) encode() []byte {
	return fmt.Appendf(nil, "%s\n%s\n%d\n%s\n%s\n\n%s", stateHead, s.row.Origin(), s.row.Number, s.row.Key, strings.Join(s.row.Rows, " "), s.note)
}

// StateError says that what a witness kept of a log cannot be used. It must not be passed over: the witness would sign a second history.
type StateError struct{ Path, What string }

func (e *StateError) Error() string {
	return fmt.Sprintf("%s: %s; bring the file back, or, when it is lost, move it away: the witness then vouches for the log from now on only", e.Path, e.What)
}

// parseState reads what encode wrote, for a log of which the operator gave keys, and what this witness signed.
func parseState(b []byte, given []string, vkey string) (*logState, string) {
	head, signed, ok := strings.Cut(string(b), "\n\n")
	l := strings.Split(head, "\n")
	if !ok || len(l) != 5 || l[0] != stateHead {
		return nil, "it is no state of a log"
	}
	n, err := strconv.ParseUint(l[2], 10, 64)
	s := &logState{row: audit.KeyRow{Given: given, Key: l[3], Number: n, Rows: strings.Fields(l[4])}, note: signed}
	if start, bad := audit.StartKeys([]string{l[3]}); err != nil || bad != nil || start.Origin() != l[1] {
		return nil, "it is damaged"
	}
	s.last.Origin = l[1]
	if signed == "" {
		return s, ""
	}
	if s.last, _, err = audit.OpenCosigned([]byte(signed), vkey); err != nil || s.last.Origin != l[1] {
		return nil, "its checkpoint was not signed with the key of this witness"
	}
	return s, ""
}
