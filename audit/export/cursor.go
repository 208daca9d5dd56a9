package export

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"matterfs/audit"
)

// position is a record that the target has: all up to it were sent.
type position struct {
	seq  uint64
	hash [32]byte // leaf hash of its line
	mark fileMark // of a file target
}

// cursorFile is the cursor as it stands in its file.
type cursorFile struct {
	Target string    `json:"target"`
	Seq    uint64    `json:"seq"`  // 0: nothing was sent yet
	Hash   string    `json:"hash"` // leaf hash of that record's line
	At     time.Time `json:"at"`   // when it was confirmed

	Offset int64  `json:"offset,omitempty"` // file target: its length after that record
	Tail   string `json:"tail,omitempty"`   // SHA-256 of the last line in it
}

// cursor is where one target stands. It is held locked.
type cursor struct {
	path   string
	target string
	lock   *os.File
	fresh  bool // there was none
	now    position
}

// openCursor locks and reads a cursor; one that is not there stands before the first record.
func openCursor(path, target string) (*cursor, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := private(filepath.Dir(path)); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	c := &cursor{path: path, target: target, lock: f}
	if err := lockFile(f); err != nil {
		f.Close()
		return nil, &BusyError{path}
	}
	if err := c.load(); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *cursor) close() { c.lock.Close() }

func (c *cursor) load() error {
	b, err := os.ReadFile(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		c.fresh = true
		return nil
	}
	if err != nil {
		return err
	}
	if err := private(c.path); err != nil {
		return err
	}
	var f cursorFile
	if err := json.Unmarshal(b, &f); err != nil {
		return &DamagedError{c.path, "cannot be read: " + err.Error()}
	}
	if f.Target != c.target {
		return &DamagedError{c.path, fmt.Sprintf("is that of %s", f.Target)}
	}
	c.now = position{seq: f.Seq, mark: fileMark{off: f.Offset}}
	for _, h := range []struct {
		text string
		to   *[32]byte
		need bool
	}{{f.Hash, &c.now.hash, true}, {f.Tail, &c.now.mark.tail, f.Offset > 0}} {
		v, err := hex.DecodeString(h.text)
		if h.need && (err != nil || len(v) != len(h.to)) {
			return &DamagedError{c.path, "holds a bad hash"}
		}
		copy(h.to[:], v)
	}
	return nil
}

// save makes p the cursor, on the medium.
func (c *cursor) save(p position, at time.Time) error {
	f := cursorFile{Target: c.target, Seq: p.seq, Hash: hex.EncodeToString(p.hash[:]), At: at.UTC().Truncate(time.Second), Offset: p.mark.off}
	if p.mark.off > 0 {
		f.Tail = hex.EncodeToString(p.mark.tail[:])
	}
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if err := replaceFile(c.path, append(b, '\n')); err != nil {
		return fmt.Errorf("cursor: %w", err)
	}
	c.now, c.fresh = p, false
	return nil
}

// replaceFile writes a file beside path, syncs it, and renames it over path.
func replaceFile(path string, b []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".cursor-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(path))
}

// syncDir brings a rename to the medium. Windows has no such call, and needs none.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// private refuses what others may write: they could make the exporter pass records over.
func private(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if runtime.GOOS != "windows" && st.Mode().Perm()&0o022 != 0 {
		return &DamagedError{path, "can be written by others: chmod go-w"}
	}
	return nil
}

// CursorName is the name of the cursor's file for one target and one log directory.
func CursorName(log, target string) (string, error) {
	full, err := filepath.Abs(log)
	if err != nil {
		return "", err
	}
	id := audit.LeafHash([]byte(full + "\x00" + target))
	return fmt.Sprintf("%x.cursor", id[:8]), nil
}
