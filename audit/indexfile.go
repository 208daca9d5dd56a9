package audit

import (
	"encoding/binary"
	"hash/crc32"
)

// indexMagic begins the file of an index.
const indexMagic = "MFINDEX1"

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
