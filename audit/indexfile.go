package audit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// indexMagic begins the file of an index; one that begins otherwise is made again.
const indexMagic = "MFINDEX2"

// appendTo writes an index: magic, size, last hash, direct, blocks, broken blocks, and for each field its values with their lists,
// all numbers as uvarints; CRC-32C at the end.
func (x *index) appendTo(b []byte) []byte {
	start := len(b)
	b = append(b, indexMagic...)
	b = binary.AppendUvarint(b, uint64(x.size))
	b = append(b, x.last[:]...)
	direct := byte(0)
	if x.direct {
		direct = 1
	}
	b = append(b, direct)
	b = binary.AppendUvarint(b, uint64(len(x.blocks)))
	var was block
	for _, k := range x.blocks {
		b = binary.AppendUvarint(b, uint64(k.off-was.off))
		b = binary.AppendUvarint(b, uint64(k.size))
		b = binary.AppendVarint(b, k.t-was.t)
		was = k
	}
	var broken run
	for _, n := range x.broken {
		broken = broken.add(n)
	}
	b = appendPart(b, broken.b)
	for _, values := range x.posts {
		b = binary.AppendUvarint(b, uint64(len(values)))
		for v, r := range values {
			b = appendPart(appendPart(b, []byte(v)), r.b)
		}
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli()))
}

func appendPart(b, v []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

// parseIndex reads what appendTo wrote. The lists are read only when they are asked for, and wrong ones then count as none.
func parseIndex(b []byte) (*index, bool) {
	end := len(b) - 4
	if end < len(indexMagic) || string(b[:len(indexMagic)]) != indexMagic ||
		binary.LittleEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli()) {
		return nil, false
	}
	d := &decoder{b: b[len(indexMagic):end]}
	x := &index{size: d.int()}
	copy(x.last[:], d.take(32))
	direct := d.take(1)
	if d.bad || direct[0] > 1 {
		return nil, false
	}
	x.direct = direct[0] == 1
	n := d.int()
	if n > int64(len(d.b)) {
		return nil, false
	}
	var was block
	for range n {
		k := block{off: was.off + d.int(), size: d.int()}
		k.t = was.t + d.signed()
		if k.off < was.off || d.bad {
			return nil, false
		}
		x.blocks = append(x.blocks, k)
		was = k
	}
	ok := run{b: d.bytes()}.each(len(x.blocks), func(n int) { x.broken = append(x.broken, n) })
	x.raw = d.b
	return x, ok && !d.bad
}

// decoder reads uvarints and bytes; after the first one that is not there bad is set and everything is zero.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) fail() { d.b, d.bad = nil, true }

func (d *decoder) int() int64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || v > 1<<62 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return int64(v)
}

func (d *decoder) signed() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) take(n int) []byte {
	if d.bad || n > len(d.b) {
		d.fail()
		return make([]byte, min(n, 32))
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) bytes() []byte {
	n := d.int()
	if n > int64(len(d.b)) {
		d.fail()
		return nil
	}
	return d.take(int(n))
}

// postings gives the lists of an index, which is then gone on with; wrong ones are left out.
func (x *index) postings() (posts []map[string]run) {
	if x.raw == nil {
		return x.posts
	}
	d := &decoder{b: x.raw}
	for range indexedFields {
		values := map[string]run{}
		for range d.int() {
			v, r := d.bytes(), run{}
			if (run{b: d.bytes()}).each(len(x.blocks), func(n int) { r = r.add(n) }) && !d.bad {
				values[string(v)] = r
			}
		}
		posts = append(posts, values)
	}
	x.raw = nil
	return posts
}

// readIndex reads an index that the searcher alone may have written.
func readIndex(name string) (*index, bool) {
	f, err := os.Open(name)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || !fi.Mode().IsRegular() || foreignFile(fi) {
		return nil, false
	}
	b := make([]byte, fi.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, false
	}
	return parseIndex(b)
}

func keepIndex(name string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".index-")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}

// index finds the index of a compressed segment or makes it. fresh: makes it in any case.
func (q *search) index(f *os.File, fresh bool) (*index, error) {
	name := q.o.indexName(q.s)
	if x, ok := readIndex(name); ok && !fresh && x.whole(f) {
		return x, nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	x, err := buildIndex(f)
	if err != nil {
		return nil, err
	}
	q.built = true
	b := x.appendTo(nil)
	q.unkept = keepIndex(name, b)
	x, ok := parseIndex(b)
	if !ok {
		return nil, errors.New("an index that was just made cannot be read")
	}
	return x, nil
}

// whole compares an index with the length and the last line of a compressed segment. Whoever changed another line broke the chain:
// Verify says so, here it is not looked for.
func (x *index) whole(f *os.File) bool {
	fi, err := f.Stat()
	if err != nil || fi.Size() != x.size || len(x.blocks) == 0 {
		return false
	}
	return !x.direct || x.ends(f) // the end of one that is not direct cannot be read without all of it
}

// ends says that the last block ends with the line that the index ended with.
func (x *index) ends(f *os.File) bool {
	b, err := (&blockFile{f: f, x: x}).read(len(x.blocks) - 1)
	b, lf := bytes.CutSuffix(b, []byte("\n"))
	return err == nil && lf && LeafHash(b[bytes.LastIndexByte(b, '\n')+1:]) == x.last
}
