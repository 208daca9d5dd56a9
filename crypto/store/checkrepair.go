package store

import (
	"encoding/json"
	"errors"
	"path"
	"slices"
	"strings"
	"time"

	"matterfs/crypto"
)

// lostList is the file in .mfs.lost that says what lay where. It is only
// appended to, one JSON object on a line.
const lostList = "list.jsonl"

// lostRecord is a line of it. Names are stored ones: nothing plain is written.
type lostRecord struct {
	Time  string    `json:"t"`
	Code  CheckCode `json:"code"`
	From  string    `json:"from"`            // from the root of the store
	Lost  string    `json:"lost,omitempty"`  // name in .mfs.lost
	Xattr string    `json:"xattr,omitempty"` // an attribute, which stands here itself
	Value []byte    `json:"value,omitempty"` // its value, sealed as it was
}

// repair moves what was found to .mfs.lost. The record of where it was is
// durable before anything moves, so that a repair that is interrupted can be
// repeated.
func (c *checker) repair() error {
	if len(c.aside) == 0 {
		return nil
	}
	lost, err := c.root.OpenDir(lostName)
	if err != nil {
		return err
	}
	defer lost.Close()
	// What is moved as a whole needs no other repair.
	slices.SortStableFunc(c.aside, func(a, b Finding) int {
		if n := strings.Compare(a.Stored, b.Stored); n != 0 {
			return n
		}
		return strings.Compare(a.Xattr, b.Xattr)
	})
	whole := "" // the last path that was moved as a whole
	for _, f := range c.aside {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if whole != "" && (f.Stored == whole || strings.HasPrefix(f.Stored, whole+"/")) {
			continue
		}
		if err := c.moveAside(lost, f); err != nil {
			return err
		}
		if f.Xattr == "" {
			whole = f.Stored
		}
	}
	return nil
}

// moveAside moves one thing, and the files that belong to it.
func (c *checker) moveAside(lost Dir, f Finding) error {
	dir, base := path.Split(f.Stored)
	d, err := c.openStored(strings.TrimSuffix(dir, "/"))
	if err != nil {
		return err
	}
	defer d.Close()
	if f.Xattr != "" {
		return c.takeXattr(lost, d, base, f)
	}
	for i, name := range []string{base, base + longSuffix, journalName(base)} {
		if i > 0 && (isOwn(base) || path.Dir(f.Stored) == ".") || i == 1 && !isLong(base) {
			continue
		}
		if _, err := d.StatAt(name); isGone(err) {
			continue
		}
		r := lostRecord{Code: f.Code, From: path.Join(dir, name), Lost: crypto.NewID().String()}
		if err := appendLost(lost, r); err != nil {
			return err
		}
		if err := d.Rename(name, lost, r.Lost, true); err != nil {
			return err
		}
		if i == 0 {
			f.Lost = r.Lost
		}
	}
	if err := errors.Join(lost.Sync(true), d.Sync(true)); err != nil {
		return err
	}
	c.moved(f)
	return nil
}

func (c *checker) moved(f Finding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.totals.Moved++
	if c.o.Moved != nil {
		c.o.Moved(f)
	}
}

// takeXattr writes an attribute into the list and takes it off its object.
func (c *checker) takeXattr(lost, d Dir, base string, f Finding) error {
	n, err := openNode(d, base)
	if err != nil {
		return err
	}
	defer n.Close()
	v, err := n.GetXattr(f.Xattr)
	if err != nil {
		return err
	}
	if err := appendLost(lost, lostRecord{Code: f.Code, From: f.Stored, Xattr: f.Xattr, Value: v}); err != nil {
		return err
	}
	if err := n.RemoveXattr(f.Xattr); err != nil {
		return err
	}
	if err := n.Sync(true); err != nil {
		return err
	}
	f.Lost = lostList
	c.moved(f)
	return nil
}

func openNode(d Dir, name string) (Node, error) {
	st, err := d.StatAt(name)
	if err != nil {
		return nil, err
	}
	if st.Type == TypeDir {
		return d.OpenDir(name)
	}
	return d.OpenFile(name)
}

// openStored opens a directory by its path from the root, "" for the root.
func (c *checker) openStored(p string) (Dir, error) {
	d, err := c.s.disk.OpenRoot()
	for part := range strings.SplitSeq(p, "/") {
		if err != nil || part == "" {
			return d, err
		}
		var next Dir
		next, err = d.OpenDir(part)
		d.Close()
		d = next
	}
	return d, err
}

// appendLost makes one line of the list durable.
func appendLost(lost Dir, r lostRecord) error {
	r.Time = time.Now().UTC().Format(time.RFC3339)
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := lost.OpenFile(lostList)
	if isGone(err) {
		if f, err = lost.CreateFile(lostList); err == nil {
			err = lost.Sync(true)
		}
	}
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	// A line that a crash cut off ends here.
	if _, err := f.WriteAt(append(append([]byte("\n"), line...), '\n'), st.Size); err != nil {
		return err
	}
	return f.Sync(true)
}
