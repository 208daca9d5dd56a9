package audit

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// WriteHold sets or ends a legal hold. The daemon records it within a minute, or when it is started next.
func WriteHold(stateDir string, h Hold) error {
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	path := filepath.Join(stateDir, HoldName)
	if err := writeDurable(path, 0o600, 0, append(b, '\n')); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Stat(stateDir, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: stateDir, Err: err}
	}
	return os.Lchown(path, int(st.Uid), -1) // the daemon may have an account of its own
}

// noteHold says whether a legal hold stands, and records what was said about one since it last looked. A hold that stands is
// recorded at each start, its end once.
func (l *Log) noteHold() (held bool, err error) {
	h, err := ReadHold(l.o.StateDir)
	if err != nil {
		return true, err
	}
	if h == l.hold {
		return h.Set, nil
	}
	word := "ended"
	if h.Set {
		word = "set"
	}
	if h != (Hold{}) {
		note := fmt.Sprintf("legal hold %s by %s on %s: %s", word, h.By, h.At.UTC().Format(timeLayout), h.Reason)
		if err := l.own(&Record{Ev: "audit.hold", Res: "ok", AUID: -1, OUID: -1, Note: note}); err != nil {
			return true, err
		}
	}
	l.hold = h
	return h.Set, nil
}
