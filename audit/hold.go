package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// HoldName is the file in the state directory that says whether a legal hold stands: while it does, retention deletes nothing.
const HoldName = "audit.hold"

// Hold is a legal hold, or its end.
type Hold struct {
	Set    bool      `json:"set"`
	Reason string    `json:"reason"`
	By     string    `json:"by"`    // who said so
	UID    uint32    `json:"uid"`   // and under which uid
	AUID   int64     `json:"login"` // and login uid, -1 where that is not known
	At     time.Time `json:"at"`
}

// ReadHold returns what was last said about a legal hold; the zero value when nothing was. A file that cannot be read is an
// error, and retention stands still on any error.
func ReadHold(stateDir string) (h Hold, err error) {
	b, err := os.ReadFile(filepath.Join(stateDir, HoldName))
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &h)
	}
	return h, err
}

// Sentence says in words what a record says of a hold.
func (h *Hold) Sentence() string {
	word := "ended"
	if h.Set {
		word = "set"
	}
	return fmt.Sprintf("legal hold %s by %s on %s: %s", word, h.By, h.At.UTC().Format(timeLayout), h.Reason)
}
