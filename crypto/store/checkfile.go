package store

import (
	"errors"
	"fmt"
	"strings"

	"matterfs/crypto"
)

// fileTask is a file or symlink to check.
type fileTask struct {
	in     *checkFolder
	stored string
	name   string // plain
}

func (t *fileTask) finding(code CheckCode, err error, format string, args ...any) Finding {
	return t.in.finding(code, t.stored, t.name, err, format, args...)
}

func (c *checker) work() {
	defer c.workers.Done()
	for t := range c.tasks {
		if !c.ended() {
			c.file(&t)
		}
		t.in.release()
	}
}

// file checks one file.
func (c *checker) file(t *fileTask) {
	f, err := opening(c.s, func() (File, error) { return t.in.dir.OpenFile(t.stored) })
	if err != nil {
		c.report(t.finding(FoundIO, err, "cannot be opened"))
		return
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		c.report(t.finding(FoundIO, err, "cannot be read"))
		return
	}
	if c.o.Structure {
		c.fileShape(t, f, st)
		return
	}
	o, recovered := c.openFile(t, f, st)
	if o == nil {
		return
	}
	if recovered {
		x := t.finding(FoundRecovery, nil, "was in use when the daemon or the machine died; the drive recovers it at the next access")
		x.Object = o.id
		c.report(x)
	}
	s := &o.file.disk
	c.object(t.in, CheckedObject{ID: o.id, Kind: o.kind, Matter: o.m.id, Path: t.in.join(t.name), Stored: t.in.below(t.stored),
		Version: s.Version, Birth: s.Birth}, func(n *CheckTotals) {
		if o.kind == kindSymlink {
			n.Symlinks++
		} else {
			n.Files++
		}
	})
	c.content(t, o)
	c.xattrs(o, f, func(code CheckCode, err error, what string) Finding { return t.finding(code, err, "%s", what) })
}

// openFile authenticates a header and lets recovery work on a view of the file.
// It returns nil after telling what is wrong.
func (c *checker) openFile(t *fileTask, f File, st Stat) (o *Object, recovered bool) {
	b := make([]byte, crypto.HeaderSize)
	n, err := f.ReadAt(b, 0)
	if err != nil {
		c.report(t.finding(FoundIO, err, "header"))
		return nil, false
	}
	if c.neverWritten(b[:n]) {
		c.report(t.finding(FoundUnwritten, nil, "its header was never written before the power went"))
		return nil, false
	}
	if n < len(b) {
		c.report(t.finding(FoundHeader, nil, "header cut off after %d bytes", n))
		return nil, false
	}
	h, err := openHeader(t.in.m, b)
	if err != nil {
		c.report(t.finding(FoundHeader, err, "header"))
		return nil, false
	}
	s := h.slot()
	if !h.isIn(t.in.id) {
		x := t.finding(FoundMisplaced, nil, "it belongs to another folder (%s)", s.Parent)
		x.Object = s.Object
		c.report(x)
		return nil, false
	}
	o = &Object{s: c.s, m: t.in.m, id: s.Object, kind: s.Kind, dev: st.Dev, ino: st.Ino}
	o.file = newContent(o, h.prefix, h.keys, *s, h.at)
	view := newViewFile(f, st.Size)
	did, err := o.file.repair(&viewDir{Dir: t.in.dir}, t.stored, view, h, t.in.id)
	if err != nil {
		c.report(t.unrecoverable(o, err))
		return nil, false
	}
	o.file.f = view
	return o, len(did) > 0
}

// corrupt makes a finding of an error that tells a reader of one file.
func (t *fileTask) corrupt(code CheckCode, o *Object, err error) Finding {
	var bad *CorruptError
	f := t.finding(FoundIO, err, "cannot be read")
	if errors.As(err, &bad) {
		f = t.finding(code, bad.Err, "%s", bad.What)
	}
	f.Object = o.id
	return f
}

// unrecoverable is why recovery refuses a file: a slot that no crash has torn, or
// blocks that are gone.
func (t *fileTask) unrecoverable(o *Object, err error) Finding {
	f := t.corrupt(FoundSize, o, err)
	if f.Err != nil && f.Code == FoundSize {
		f.Code = FoundHeader
	}
	return f
}

// content reads all blocks.
func (c *checker) content(t *fileTask, o *Object) {
	k := o.file
	c.read(crypto.HeaderSize)
	st, err := k.f.Stat()
	if err != nil {
		c.report(t.corrupt(FoundIO, o, err))
		return
	}
	if want := physical(k.valid); st.Size != want && k.disk.Flags&flagTail == 0 {
		x := t.finding(FoundSize, nil, "it has %d bytes, want %d", st.Size, want)
		x.Object = o.id
		c.report(x)
	}
	bad := badBlocks{}
	plain := make([]byte, min(k.valid, (batchBlocks-1)*crypto.BlockSize))
	for off := uint64(0); off < k.valid && !c.ended(); {
		n, err := k.read(plain[:min(uint64(len(plain)), k.valid-off)], off)
		c.read(n + n/crypto.BlockSize*(crypto.BlockStride-crypto.BlockSize))
		off += uint64(n)
		if isDiskError(err) {
			c.report(t.corrupt(FoundIO, o, err))
			return
		}
		if err != nil {
			bad.add(off/crypto.BlockSize, err)
			off = (off/crypto.BlockSize + 1) * crypto.BlockSize
		}
	}
	if bad.count > 0 {
		x := t.corrupt(FoundBlock, o, bad.first)
		x.What = fmt.Sprintf("%s of %d", &bad, (k.valid+crypto.BlockSize-1)/crypto.BlockSize)
		c.report(x)
	}
	if o.kind == kindSymlink && (k.size == 0 || k.size > crypto.BlockSize || k.valid != k.size) {
		c.report(t.finding(FoundSymlink, nil, "its target has %d bytes", k.size))
	}
}

// badBlocks collects the indexes of damaged blocks as ranges.
type badBlocks struct {
	count  uint64
	ranges [][2]uint64
	first  error
}

const maxRanges = 16

func (b *badBlocks) add(i uint64, err error) {
	b.count++
	if b.first == nil {
		b.first = err
	}
	if n := len(b.ranges); n > 0 && b.ranges[n-1][1]+1 == i {
		b.ranges[n-1][1] = i
	} else if n < maxRanges {
		b.ranges = append(b.ranges, [2]uint64{i, i})
	}
}

// String is like "blocks 3, 7-9 (4)".
func (b *badBlocks) String() string {
	var parts []string
	var named uint64
	for _, r := range b.ranges {
		named += r[1] - r[0] + 1
		if r[0] == r[1] {
			parts = append(parts, fmt.Sprint(r[0]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", r[0], r[1]))
		}
	}
	if named < b.count {
		parts = append(parts, "...")
	}
	return fmt.Sprintf("blocks %s (%d)", strings.Join(parts, ", "), b.count)
}

// xattrs checks the extended attributes of an object whose backing node is n.
func (c *checker) xattrs(o *Object, n Node, finding func(CheckCode, error, string) Finding) {
	list, err := n.ListXattr()
	if err != nil {
		c.report(finding(FoundIO, err, "cannot list its extended attributes"))
		return
	}
	for _, stored := range list {
		sealed, ours := strings.CutPrefix(stored, sealedPrefix)
		if !ours {
			continue
		}
		if err := o.checkXattr(n, stored, sealed); err != nil {
			f := finding(FoundXattr, err, "extended attribute "+stored)
			f.Object, f.Xattr = o.id, stored
			if isDiskError(err) {
				f.Code = FoundIO
			}
			c.report(f)
		}
	}
}

// checkXattr opens one attribute in full: its name must be the one that is
// sealed with its value.
func (o *Object) checkXattr(n Node, stored, sealed string) error {
	name, err := o.xattrName(n, stored, sealed)
	if err != nil {
		return err
	}
	b, err := n.GetXattr(stored)
	if err != nil {
		return err
	}
	got, _, err := openXattr(o.fileKeys().Xattr, b)
	if err != nil {
		return err
	}
	want, _, err := o.fileKeys().XattrName.Seal(o.id, got)
	if err == nil && (got != name || want != sealed) {
		err = errXattr
	}
	return err
}
