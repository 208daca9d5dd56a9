package store

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"

	"matterfs/crypto"
)

// seqGap is what recovery adds to the highest sequence it saw: blocks may have
// been written that it did not see, far fewer than this.
const seqGap = 1 << 32

// record is one record of a journal, authenticated.
type record struct {
	index  uint64 // crypto.CommitLabel for a commit record
	seq    uint64
	size   int // of the package
	commit crypto.Commit
}

// parseRecord opens the record at the start of b, in place. ok is false where no
// authentic record of this file begins, or only a part of one.
func parseRecord(keys *crypto.FileKeys, b []byte) (r record, ok bool) {
	if len(b) < crypto.RecordIndex {
		return record{}, false
	}
	r.index = binary.LittleEndian.Uint64(b)
	pkg := b[crypto.RecordIndex:]
	n, ok := crypto.PackageLen(pkg)
	if !ok || n > len(pkg) {
		return record{}, false
	}
	r.size = n
	var err error
	if r.index == crypto.CommitLabel {
		r.commit, err = crypto.OpenCommit(keys.Meta, pkg[:n])
		r.seq = r.commit.Seq
	} else {
		_, r.seq, err = keys.Data.OpenBlock(pkg[:n], r.index)
	}
	return r, err == nil
}

// redo is what a journal has to say about a file: the newest package of each
// block, and how far the file reached when it was last synced.
type redo struct {
	f      File
	blocks map[uint64]redoBlock
	known  extent
	writes uint64
	high   uint64 // highest sequence that counts
	news   bool   // some record is newer than the slot
	wrote  bool   // and is a block
	end    int64  // behind the last record
}

type redoBlock struct {
	at   int64 // of the package
	size int
	seq  uint64
}

// read takes the records of the journal while they authenticate and their
// sequence rises. Those that the slot is newer than are left out: somebody who
// puts an old journal back wins nothing.
func (r *redo) read(c *content) error {
	breaks := c.o.s.opts.breaks
	b := c.o.s.bufs.get(batchBlocks)
	defer c.o.s.bufs.put(b)
	last := uint64(0)
	for at := int64(0); ; {
		n, err := r.f.ReadAt(b.pkgs, at)
		if err != nil {
			return err
		}
		used := 0
		for {
			rec, ok := parseRecord(c.keys, b.pkgs[used:n])
			if !ok || rec.seq <= last && !breaks.noRise {
				break
			}
			last = rec.seq
			if rec.seq > c.disk.SeqBase || breaks.oldRecords {
				r.take(c, rec, at+int64(used)+crypto.RecordIndex)
			}
			used += crypto.RecordIndex + rec.size
			r.end = at + int64(used)
		}
		if used == 0 || n < len(b.pkgs) {
			return nil
		}
		at += int64(used)
	}
}

func (r *redo) close() {
	if r.f != nil {
		r.f.Close()
	}
}

func (r *redo) take(c *content, rec record, at int64) {
	r.news = true
	r.high = max(r.high, rec.seq)
	r.writes++
	if rec.index == crypto.CommitLabel {
		r.known = extent{max(r.known.size, rec.commit.Size), max(r.known.valid, rec.commit.Valid)}
		r.writes = max(r.writes, rec.commit.BlockWrites-min(c.writes, rec.commit.BlockWrites))
		return
	}
	r.wrote = true
	if c.afterCut(rec.index, rec.seq) {
		r.blocks[rec.index] = redoBlock{at, rec.size, rec.seq}
	}
}

// apply writes the blocks into the file that are newer there, or damaged.
func (r *redo) apply(c *content, f File) (n uint64, err error) {
	b := c.o.s.bufs.get(1)
	defer c.o.s.bufs.put(b)
	for _, i := range slices.Sorted(maps.Keys(r.blocks)) {
		rec := r.blocks[i]
		_, seq, err := c.peek(f, b.pkgs, i)
		if isDiskError(err) {
			return n, err
		}
		if err == nil && seq >= rec.seq && !c.o.s.opts.breaks.applyAll {
			continue
		}
		got, err := r.f.ReadAt(b.pkgs[:rec.size], rec.at)
		if err == nil && got < rec.size {
			err = &CorruptError{What: "its journal was cut off while it was read"}
		}
		if err == nil {
			_, err = f.WriteAt(b.pkgs[:rec.size], blockOffset(i))
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

var errNoBlock = errors.New("no authentic block")

// peek opens what stands in place of block i, as long as its header says.
func (c *content) peek(f File, buf []byte, i uint64) (data []byte, seq uint64, err error) {
	n, err := f.ReadAt(buf[:crypto.BlockStride], blockOffset(i))
	if err != nil {
		return nil, 0, err
	}
	size, ok := crypto.PackageLen(buf[:n])
	if !ok || size > n {
		return nil, 0, errNoBlock
	}
	return c.keys.Data.OpenBlock(buf[:size], i)
}

// repair brings a file in order that was in use when the daemon or the machine
// died, or that was on its way to another folder. Nobody else can have it open.
func (c *content) repair(dir Dir, stored string, f File, h *header, parent crypto.ID) (did []Recovery, err error) {
	j, err := c.findJournal(dir, stored)
	if err != nil {
		return nil, err
	}
	r := &redo{f: j, blocks: map[uint64]redoBlock{}}
	defer r.close()
	if j != nil {
		if err := r.read(c); err != nil {
			return nil, err
		}
	}
	torn := !h.whole[1-h.at]
	if torn && !r.news && c.disk.Flags&flagTail == 0 && !c.o.s.opts.breaks.anySlot {
		// Else damaging the newer slot would roll the file back.
		return nil, &CorruptError{What: "header", Err: h.slotErr}
	}
	moving := c.disk.Flags&flagMoving != 0
	if j == nil && !torn && !moving && c.disk.Flags&flagTail == 0 {
		return nil, nil
	}
	mtime, err := r.lastWrite(f)
	if err != nil {
		return nil, err
	}
	c.disk.Parent = parent
	var blocks uint64
	if j != nil || c.disk.Flags&flagTail != 0 {
		if blocks, err = c.recover(dir, stored, f, r); err != nil {
			return nil, err
		}
	}
	if err := c.raise(f, mtime); err != nil {
		return nil, err
	}
	if r.f != nil {
		c.dropFound(dir, stored)
	}
	return c.told(r, torn, moving, blocks), nil
}

// raise ends a recovery: the blocks durable, then slots that no record and no
// block which was there before is newer than, then those durable. Only then may
// the journal go. The file gets the time of its last write.
func (c *content) raise(f File, mtime time.Time) error {
	breaks := c.o.s.opts.breaks
	s := c.slot()
	s.Flags = 0
	if breaks.noRaise {
		s.SeqBase = c.disk.SeqBase
	} else {
		c.seq += seqGap
		s.SeqBase = c.seq
	}
	if !breaks.dropUnsynced {
		if err := c.fsync(f, false); err != nil {
			return err
		}
	}
	if err := errors.Join(c.writeBoth(f, s), f.SetTimes(nil, &mtime)); err != nil {
		return err
	}
	c.marked, c.known = false, extent{c.size, c.valid}
	if breaks.dropUnsynced {
		return nil
	}
	return c.syncFile(f, false)
}

// lastWrite returns the time of the last write before the crash: the later one of
// the file's and the journal's. One that somebody set made the journal's an old one.
func (r *redo) lastWrite(f File) (time.Time, error) {
	st, err := f.Stat()
	if err != nil || !r.wrote {
		return st.Mtime, err
	}
	j, err := r.f.Stat()
	if err == nil && j.Mtime.After(st.Mtime) {
		return j.Mtime, nil
	}
	return st.Mtime, err
}

// told says what a recovery did, for the audit log.
func (c *content) told(r *redo, torn, moving bool, blocks uint64) (list []Recovery) {
	add := func(k RecoveryKind) {
		list = append(list, Recovery{Kind: k, Matter: c.o.m.id, Object: c.o.id, Blocks: blocks})
	}
	if torn {
		add(RecoveredSlot)
	}
	if moving {
		add(RecoveredMove)
	}
	switch {
	case r.news || blocks > 0:
		add(RecoveredFile)
	case r.f != nil:
		add(RecoveredJournal)
	}
	return list
}

// findJournal opens the journal of a file that is being loaded; nil when there
// is none. What is no regular file is none of ours, and not even opened: devices
// do things when they are.
func (c *content) findJournal(dir Dir, stored string) (File, error) {
	st, err := dir.StatAt(journalName(stored))
	if err == nil && st.Type != TypeFile || isGone(err) {
		return nil, nil
	}
	j, err := opening(c.o.s, func() (File, error) { return dir.OpenFile(journalName(stored)) })
	if isGone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := j.DropCache(); err != nil {
		j.Close()
		return nil, err
	}
	return j, nil
}

func (c *content) dropFound(dir Dir, stored string) {
	if err := quietly(dir, func() error { return dir.Unlink(journalName(stored)) }); err != nil {
		c.o.s.log("cannot remove a journal", "object", c.o.id.String(), "err", err)
	}
}

// recover does what the journal says, finds out how far the blocks reach, and
// makes the backing file as long as that. It can be interrupted and repeated:
// the journal is durable before anything is written over what is in place.
func (c *content) recover(dir Dir, stored string, f File, r *redo) (uint64, error) {
	c.seq = max(c.seq, r.high)
	c.writes += r.writes + 2*refreshWrites
	if err := c.recut(dir, stored, f, r); err != nil {
		return 0, err
	}
	if r.f != nil && !c.o.s.opts.breaks.copyUnsynced {
		if err := errors.Join(c.fsync(r.f, false), dir.Sync(true)); err != nil {
			return 0, err
		}
	}
	n, err := r.apply(c, f)
	if err != nil {
		return n, err
	}
	c.valid = max(c.valid, r.known.valid)
	st, err := f.Stat()
	if err != nil {
		return n, err
	}
	if st.Size < physical(c.valid) {
		return n, &CorruptError{What: "backing file cut off behind our back"}
	}
	more, err := c.scanTail(f)
	if err != nil {
		return n, err
	}
	c.size = max(c.size, c.valid, r.known.size)
	c.writes += more
	return n + more, f.Truncate(physical(c.valid))
}

// recut does what an interrupted shrink did not come to: it seals the part of
// the block that stays, in the journal, so that this can be interrupted too.
func (c *content) recut(dir Dir, stored string, f File, r *redo) error {
	i, rem := c.valid/crypto.BlockSize, c.valid%crypto.BlockSize
	if _, ok := r.blocks[i]; ok || rem == 0 || max(c.valid, r.known.valid) > c.valid {
		return nil
	}
	b := c.o.s.bufs.get(1)
	defer c.o.s.bufs.put(b)
	data, seq, err := c.peek(f, b.pkgs, i)
	if isDiskError(err) {
		return err
	}
	if err != nil || c.afterCut(i, seq) || uint64(len(data)) < rem {
		return nil // damaged: reading it will say so
	}
	if r.f == nil {
		if r.f, err = c.createJournal(dir, journalName(stored)); err != nil {
			return err
		}
	}
	c.seq += seqGap
	out := binary.LittleEndian.AppendUint64(nil, i)
	out = c.keys.Data.SealBlock(out, i, c.seq, data[:rem])
	if _, err = r.f.WriteAt(out, r.end); err != nil {
		return err
	}
	r.blocks[i] = redoBlock{r.end + crypto.RecordIndex, len(out) - crypto.RecordIndex, c.seq}
	return nil
}

// scanTail extends valid over the blocks that follow it, as far as they are
// authentic, contiguous, and newer than the slot: an old tail that somebody
// appends again does not count.
func (c *content) scanTail(f File) (n uint64, err error) {
	b := c.o.s.bufs.get(1)
	defer c.o.s.bufs.put(b)
	base := c.disk.SeqBase
	for i := c.valid / crypto.BlockSize; ; i++ {
		data, seq, err := c.peek(f, b.pkgs, i)
		if isDiskError(err) {
			return n, err
		}
		had := storedLen(i, c.valid)
		if err != nil || uint64(len(data)) < had {
			return n, nil
		}
		if fresh := seq > base && c.afterCut(i, seq) || c.o.s.opts.breaks.oldTail; !fresh {
			return n, nil
		}
		c.seq = max(c.seq, seq)
		if more := uint64(len(data)) - had; more > 0 {
			c.valid += more
			n++
		}
		if len(data) < crypto.BlockSize {
			return n, nil
		}
	}
}
