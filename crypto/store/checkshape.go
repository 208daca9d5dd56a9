package store

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"

	"matterfs/crypto"
)

// Lengths of sealed names: the name in steps of 32 bytes, and 16 (FORMAT.md, 8).
var (
	inlineNames = []int{48, 80, 112}
	longNames   = []int{144, 176, 208, 240, 272}
)

// nameShape tells whether stored can be a name, as far as that shows without
// keys: the form, and the hash of a long one.
func nameShape(stored string, long []byte) error {
	if isLong(stored) {
		sum := sha256.Sum256(long)
		if stored != crypto.LongPrefix+base64.RawURLEncoding.EncodeToString(sum[:]) || !slices.Contains(longNames, len(long)) {
			return &crypto.FormatError{Part: "name", What: "the long form does not fit"}
		}
		return nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(stored)
	if err != nil || !slices.Contains(inlineNames, len(b)) || base64.RawURLEncoding.EncodeToString(b) != stored {
		return &crypto.FormatError{Part: "name", What: fmt.Sprintf("%q has the form of no name", stored)}
	}
	return nil
}

// folderShape looks at a .mfs.dir without its keys.
func (c *checker) folderShape(f *checkFolder, d Dir, in *checkFolder, stored string) bool {
	b, err := readAll(d, dirFile, crypto.DirSize)
	if isDiskError(err) {
		c.report(in.finding(FoundIO, stored, "", err, "%s cannot be read", dirFile))
		return false
	}
	p, perr := crypto.ParsePrefix(b)
	if err == nil {
		err = perr
	}
	if n, ok := crypto.PackageLen(b[min(len(b), crypto.PrefixSize):]); err == nil && (!ok || len(b) != crypto.DirSize || n != crypto.DirSize-crypto.PrefixSize) {
		err = &crypto.FormatError{Part: "directory", What: fmt.Sprintf("%d bytes, or no package of metadata", len(b))}
	}
	if err == nil && p.KeyID != f.keyID {
		err = errOtherKey
	}
	if err != nil {
		c.report(in.finding(FoundFolder, stored, "", err, "%s; nothing else of the folder was checked", dirFile))
		return false
	}
	c.read(crypto.DirSize)
	c.object(in, CheckedObject{ID: p.ContentID}, func(n *CheckTotals) {
		if in.stored == "" {
			n.Matters++
		} else {
			n.Folders++
		}
	})
	return true
}

// fileShape looks at a file without its keys: header, length, and the head of
// each package.
func (c *checker) fileShape(t *fileTask, f File, st Stat) {
	b := make([]byte, crypto.HeaderSize)
	n, err := f.ReadAt(b, 0)
	if err != nil {
		c.report(t.finding(FoundIO, err, "header"))
		return
	}
	if c.neverWritten(b[:n]) {
		c.report(t.finding(FoundUnwritten, nil, "its header was never written before the power went"))
		return
	}
	p, err := headerShape(b[:n])
	if err == nil && p.KeyID != t.in.keyID {
		err = errOtherKey
	}
	if err != nil {
		c.report(t.finding(FoundHeader, err, "header"))
		return
	}
	c.object(t.in, CheckedObject{ID: p.ContentID}, func(n *CheckTotals) { n.Files++ })
	_, jerr := t.in.dir.StatAt(journalName(t.stored))
	c.blockShapes(t, f, st.Size, jerr == nil || c.unclean)
}

func headerShape(b []byte) (crypto.Prefix, error) {
	p, err := crypto.ParsePrefix(b)
	if err != nil {
		return p, err
	}
	if len(b) != crypto.HeaderSize || !allZero(b[slotOffset(2):]) {
		return p, errPadding
	}
	for i := range 2 {
		if n, ok := crypto.PackageLen(b[slotOffset(i):]); !ok || n != crypto.SlotSize {
			return p, &crypto.FormatError{Part: "slot", What: "no package of a slot's length"}
		}
	}
	return p, nil
}

// blockShapes reads the head of each package. The end of a file that was in use
// when the machine died is open.
func (c *checker) blockShapes(t *fileTask, f File, size int64, open bool) {
	c.read(crypto.HeaderSize)
	head := make([]byte, crypto.PackageOverhead)
	var bad badBlocks
	blocks := uint64(0)
	for at := int64(crypto.HeaderSize); at < size && !c.ended(); at += crypto.BlockStride {
		n, err := f.ReadAt(head, at)
		if err != nil {
			c.report(t.finding(FoundIO, err, "block %d", blocks))
			return
		}
		want := min(crypto.BlockStride, size-at)
		if got, ok := crypto.PackageLen(head[:n]); (!ok || int64(got) != want) && !(open && want < crypto.BlockStride) {
			bad.add(blocks, nil)
		}
		blocks++
		c.read(int(want))
	}
	if bad.count > 0 {
		c.report(t.finding(FoundBlock, nil, "%s of %d are no packages of their length", &bad, blocks))
	}
}

// Measure counts the files of a store and their bytes on the disk, for a display of
// what is still to come. It needs no keys and reads no file.
func Measure(d Disk, ended func() bool) (files, bytes uint64, err error) {
	root, err := d.OpenRoot()
	if err != nil {
		return 0, 0, err
	}
	defer root.Close()
	err = measure(root, ended, func(n int64) { files, bytes = files+1, bytes+uint64(n) })
	return files, bytes, err
}

func measure(d Dir, ended func() bool, file func(int64)) error {
	list, err := d.List()
	if err != nil {
		return err
	}
	for _, e := range list {
		if ended() {
			return nil
		}
		if isOwn(e.Name) {
			continue
		}
		if e.Type != TypeDir {
			if st, err := d.StatAt(e.Name); err == nil && st.Type == TypeFile {
				file(st.Size)
			}
			continue
		}
		if sub, err := d.OpenDir(e.Name); err == nil {
			err = measure(sub, ended, file)
			sub.Close()
			if err != nil {
				return err
			}
		}
	}
	return nil
}
