package store

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"syscall"
	"time"

	"matterfs/crypto"
)

// journalPrefix begins the names of journals: then the base64url of the SHA-256
// of the file's stored name.
const journalPrefix = ".j."

// recordStride is how far apart the records of full blocks stand in a journal.
const recordStride = crypto.RecordIndex + crypto.BlockStride

// journalName returns the name of the journal of the file with a stored name,
// in the same directory.
func journalName(stored string) string {
	sum := sha256.Sum256([]byte(stored))
	return journalPrefix + base64.RawURLEncoding.EncodeToString(sum[:])
}

// journal is where the overwritten blocks of an open file go. Reads look there
// first; a checkpoint brings the blocks into the file and empties it. It has no
// name once its file has none.
type journal struct {
	f       File
	parent  *Object // whose folder its name is in; nil: no name
	name    string
	at      map[uint64]int64 // block -> offset of its newest package
	end     int64            // behind the last record
	durable int64            // the end at the last fdatasync
	entry   bool             // its name is durable
	wrote   time.Time        // of the last block; recovery takes the journal's time for it
	timer   *time.Timer      // of the checkpoint; nil while it is empty
}

// records reports whether blocks are in the journal.
func (c *content) records() bool { return c.j != nil && len(c.j.at) > 0 }

// useJournal makes the journal if there is none yet. writeMu and mu are held.
func (c *content) useJournal() error {
	if c.j != nil {
		return nil
	}
	j := &journal{at: map[uint64]int64{}}
	err := error(nil)
	if c.o.Unlinked() {
		j.f, err = c.o.s.namelessFile()
	} else {
		err = c.namedJournal(j)
	}
	if err == nil {
		c.j = j
	}
	return err
}

// namedJournal makes the journal's file. Whatever has the name is not ours:
// the file's own was consumed when it was loaded.
func (c *content) namedJournal(j *journal) error {
	parent, name := c.o.at()
	stored, _, err := c.o.m.names.Seal(parent.id, name)
	if err != nil {
		return err
	}
	dir, err := parent.pinDir()
	if err != nil {
		return err
	}
	defer parent.unpin()
	j.parent, j.name = parent, journalName(stored)
	return quietly(dir, func() error {
		j.f, err = c.createJournal(dir, j.name)
		return err
	})
}

// createJournal makes an empty journal in place of whatever stands there. A
// planted directory need not be empty: it is moved aside.
func (c *content) createJournal(dir Dir, name string) (File, error) {
	create := func() (File, error) { return dir.CreateFile(name) }
	f, err := opening(c.o.s, create)
	if !errors.Is(err, syscall.EEXIST) {
		return f, err
	}
	c.o.s.log("a journal stood where there should be none", "object", c.o.id.String())
	err = dir.Unlink(name)
	if errors.Is(err, syscall.EISDIR) {
		err = dir.Rename(name, c.o.s.lost, crypto.NewID().String(), true)
	}
	if err != nil {
		return nil, err
	}
	return create()
}

// quietly runs what changes the names in a directory without anybody having
// asked for it, and puts its modification time back if that can be done.
func quietly(dir Dir, change func() error) error {
	st, err := dir.Stat()
	if err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	dir.SetTimes(nil, &st.Mtime)
	return nil
}

// namelessFile returns a file that goes when it is closed.
func (s *Store) namelessFile() (File, error) {
	t := crypto.NewID().String()
	f, err := opening(s, func() (File, error) { return s.tmp.CreateFile(t) })
	if err != nil {
		return nil, err
	}
	if err := s.tmp.Unlink(t); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// record appends the blocks of b to the journal with one pwrite. If that fails
// the file is as before: what is behind end does not count.
func (c *content) record(b *batch) (int, error) {
	if err := c.useJournal(); err != nil {
		return 0, err
	}
	out := b.pkgs[:0]
	for i := b.first; i <= b.last; i++ {
		c.seq++
		out = binary.LittleEndian.AppendUint64(out, i)
		out = c.keys.Data.SealBlock(out, i, c.seq, b.plain(i))
	}
	c.writes += b.last - b.first + 1
	j := c.j
	if _, err := j.f.WriteAt(out, j.end); err != nil && !c.o.s.opts.breaks.hideErrors {
		return 0, err
	}
	for i, at := b.first, j.end; i <= b.last; i++ {
		j.at[i] = at + crypto.RecordIndex
		at += recordStride
	}
	j.end += int64(len(out))
	c.valid, c.size = b.valid, max(c.size, b.end)
	c.mtime = time.Now()
	j.wrote = c.mtime
	c.startTimer()
	return len(b.p), nil
}

// commitRecord appends the record that says how long the file is. writeMu or
// syncMu is held, and mu.
func (c *content) commitRecord(size, valid uint64) error {
	if err := c.useJournal(); err != nil {
		return err
	}
	c.seq++
	r := crypto.Commit{Seq: c.seq, Size: size, Valid: valid, BlockWrites: c.writes}
	out := binary.LittleEndian.AppendUint64(make([]byte, 0, crypto.RecordIndex+crypto.CommitSize), crypto.CommitLabel)
	if _, err := c.j.f.WriteAt(r.AppendTo(out, c.keys.Meta), c.j.end); err != nil {
		return err
	}
	c.j.end += crypto.RecordIndex + crypto.CommitSize
	if c.j.wrote.IsZero() {
		return nil
	}
	return c.j.f.SetTimes(nil, &c.j.wrote) // this was no write
}

// age makes the journal, if there is one, older than any time that somebody sets.
func (j *journal) age() error {
	if j == nil {
		return nil
	}
	j.wrote = time.Unix(0, 0)
	return j.f.SetTimes(nil, &j.wrote)
}

// copyHome writes the newest packages into place. mu need not be held: readers
// take these blocks from the journal. The file is frozen.
func (c *content) copyHome() error {
	if !c.records() {
		return nil
	}
	defer c.dirty.Store(true)
	blocks := slices.Sorted(maps.Keys(c.j.at))
	for len(blocks) > 0 {
		n := 1
		for n < min(len(blocks), batchBlocks) && c.j.follows(blocks[0], blocks[n], n) {
			n++
		}
		if err := c.copyRun(blocks[0], uint64(n)); err != nil {
			return err
		}
		blocks = blocks[n:]
	}
	return nil
}

// follows reports whether block b stands n blocks and n records behind first.
func (j *journal) follows(first, b uint64, n int) bool {
	return b == first+uint64(n) && j.at[b] == j.at[first]+int64(n)*recordStride
}

// copyRun copies n blocks that follow each other in the journal with one pread
// and one pwrite.
func (c *content) copyRun(first, n uint64) error {
	b := c.o.s.bufs.get(n)
	defer c.o.s.bufs.put(b)
	last := int(storedLen(first+n-1, c.valid)) + crypto.LabelSize + crypto.PackageOverhead
	size := int(n-1)*recordStride + last
	got, err := c.j.f.ReadAt(b.pkgs[:size], c.j.at[first])
	if err == nil && got < size {
		err = c.o.corrupt(nil, "its journal was cut off")
	}
	if err != nil {
		return err
	}
	for k := 1; k < int(n); k++ {
		copy(b.pkgs[k*crypto.BlockStride:], b.pkgs[k*recordStride:min((k+1)*recordStride, size)])
	}
	_, err = c.f.WriteAt(b.pkgs[:int(n-1)*crypto.BlockStride+last], blockOffset(first))
	return err
}

// emptyJournal forgets the records: the slot on the disk covers them. Records
// that stay because the disk fails are too old to count. mu is held.
func (c *content) emptyJournal() {
	j := c.j
	if j == nil {
		return
	}
	c.stopTimer()
	if err := j.f.Truncate(0); err != nil {
		c.o.s.log("cannot empty a journal", "object", c.o.id.String(), "err", err)
	}
	j.end, j.durable = 0, 0
	clear(j.at)
}

// removeJournal ends the journal, whose records the slot on the disk covers.
// If its name stays, recovery finds nothing in it. mu is held.
func (c *content) removeJournal() {
	c.dropJournalName()
	c.closeJournal()
}

func (c *content) closeJournal() {
	if c.j == nil {
		return
	}
	c.stopTimer()
	c.j.f.Close()
	c.j = nil
}

// abandon frees a journal that the last close could not bring into the file.
// Recovery will, when the file is next loaded.
func (c *content) abandon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeJournal()
	if c.metaChanged {
		c.o.s.leaveStale(c.o.id)
	}
}

// dropJournalName takes the journal out of its folder, of which an open file
// need not know. writeMu is held.
func (c *content) dropJournalName() {
	j := c.j
	if j == nil || j.parent == nil {
		return
	}
	dir, err := j.parent.pinDir()
	if err == nil {
		defer j.parent.unpin()
		err = quietly(dir, func() error { return dir.Unlink(j.name) })
	}
	if err != nil {
		c.o.s.log("cannot remove a journal", "object", c.o.id.String(), "err", err)
	}
	j.parent = nil
}

// loseName takes the journal's name from its folder, the file's own name having
// gone from dir. While the file may come back with a power cut, so may the
// journal. The file is frozen.
func (c *content) loseName(dir Dir) {
	c.undead = c.careful() // also if nobody has it open: who knows it may open it yet
	if c.j == nil || c.o.s.opts.breaks.keepName {
		return
	}
	if c.undead && c.isOpen() {
		if err := dir.Sync(true); err != nil {
			c.o.s.log("cannot sync a folder after a removal", "err", err)
			return // the journal stays: recovery drops it
		}
		c.undead = false
	}
	c.dropJournalName()
}

// bury makes it durable, before the first change of a file that was unlinked,
// that it has no name: nobody will then look at what a crash leaves of it.
// writeMu is held.
func (c *content) bury() error {
	if !c.undead {
		return nil
	}
	parent, _ := c.o.at()
	dir, err := parent.pinDir()
	if err != nil {
		return err
	}
	defer parent.unpin()
	if err := dir.Sync(true); err != nil {
		return err
	}
	c.undead = false
	return nil
}

// syncJournalName makes the journal's name durable, once. syncMu is held.
func (c *content) syncJournalName(j *journal) error {
	if j.entry || j.parent == nil || c.o.s.opts.breaks.noDirSync {
		return nil
	}
	dir, err := j.parent.pinDir()
	if err != nil {
		return err
	}
	defer j.parent.unpin()
	if err := dir.Sync(true); err != nil {
		return err
	}
	c.mu.Lock()
	j.entry = true
	c.mu.Unlock()
	return nil
}
