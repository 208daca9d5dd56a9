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

// SetHold sets or ends a legal hold at once. record writes the record of it: a hold stands before it is recorded, and ends only
// after that was. What the record did not take of a hold that was set the log itself records within a minute.
func (l *Log) SetHold(h Hold, record func() error) error {
	l.tidying.Lock()
	defer l.tidying.Unlock()
	if !h.Set {
		if err := record(); err != nil {
			return err
		}
	}
	if err := WriteHold(l.o.StateDir, h); err != nil {
		return err
	}
	if h.Set {
		if err := record(); err != nil {
			return fmt.Errorf("in force, but not recorded: %w", err)
		}
	}
	l.hold = h
	return nil
}

// noteHold says whether a legal hold stands, and records what was said about one since it last looked. A hold that stands is
// recorded at each start, its end once. A file that is gone ends nothing: it is written again.
func (l *Log) noteHold() (held bool, err error) {
	h, err := ReadHold(l.o.StateDir)
	if err != nil {
		return true, err
	}
	if h == l.hold {
		return h.Set, nil
	}
	note := h.Sentence()
	if h == (Hold{}) {
		if h = l.hold; !h.Set {
			return false, nil
		}
		note = "the file of the hold was removed and is written again: " + h.Sentence()
		if err := WriteHold(l.o.StateDir, h); err != nil {
			return true, err
		}
	}
	if err := l.own(&Record{Ev: "audit.hold", Res: "ok", AUID: -1, OUID: -1, Note: note}); err != nil {
		return true, err
	}
	l.hold = h
	return h.Set, nil
}
