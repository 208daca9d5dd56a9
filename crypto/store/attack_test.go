package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"

	"matterfs/crypto"
)

// victim is a file of 5 blocks and a part, its content, and another file of the
// same shape in the same folder, one in another matter.
type victim struct {
	*bench
	content []byte
	path    string // of the backing file
	whole   []byte // its bytes
}

const victimSize = 5*4096 + 1000

func newVictim(t *testing.T) *victim {
	b := newBench(t)
	v := &victim{bench: b, content: random(victimSize)}
	b.write("f", v.content)
	b.write("g", random(victimSize))
	must(t, b.Store.Close())
	b.crash()
	v.path = b.backing("f")
	v.whole = readFile(t, v.path)
	return v
}

// check attacks the file with the given bytes and wants that reading all of it
// fails, and that what is read before the failure is true.
func (v *victim) check(name string, attacked []byte) {
	v.t.Helper()
	writeFile(v.t, v.path, attacked)
	got, err := v.read("f")
	if !isCorrupt(err) {
		v.t.Errorf("%s: error %v, want a CorruptError", name, err)
	}
	if !bytes.HasPrefix(v.content, got) {
		v.t.Errorf("%s: served bytes that are not the file's", name)
	}
	writeFile(v.t, v.path, v.whole)
	v.wantContent("f", v.content)
}

func (v *victim) changed(change func(p []byte)) []byte {
	p := bytes.Clone(v.whole)
	change(p)
	return p
}

func block(p []byte, i int) []byte {
	off := int(blockOffset(uint64(i)))
	return p[off:min(off+crypto.BlockStride, len(p))]
}

func TestAttackBitFlips(t *testing.T) {
	v := newVictim(t)
	for _, r := range []struct {
		name     string
		from, to int
		step     int
	}{
		{"prefix", 0, crypto.PrefixSize, 7},
		{"slot A", 0x200, 0x800, 53},
		{"slot B", 0x800, 0xe00, 53},
		{"padding", 0xe00, 0x1000, 61},
		{"first block", 0x1000, 0x1000 + 4144, 97},
		{"last block", int(blockOffset(5)), len(v.whole), 31},
		{"every field of a package header", int(blockOffset(2)), int(blockOffset(2)) + 33, 1},
	} {
		for off := r.from; off < r.to; off += r.step {
			v.check(fmt.Sprintf("%s, byte %d", r.name, off),
				v.changed(func(p []byte) { p[off] ^= 1 << (off % 8) }))
		}
	}
}

func TestAttackBlocks(t *testing.T) {
	v := newVictim(t)
	other := readFile(t, v.backing("g"))
	for name, change := range map[string]func(p []byte){
		"moved":      func(p []byte) { copy(block(p, 3), block(v.whole, 1)); clear(block(p, 1)) },
		"duplicated": func(p []byte) { copy(block(p, 3), block(v.whole, 1)) },
		"swapped":    func(p []byte) { copy(block(p, 3), block(v.whole, 1)); copy(block(p, 1), block(v.whole, 3)) },
		"moved with the XOR trick": func(p []byte) {
			copy(block(p, 3), block(v.whole, 1))
			nonce := block(p, 3)[12:16]
			binary.LittleEndian.PutUint32(nonce, binary.LittleEndian.Uint32(nonce)^1^3)
		},
		"of another file":        func(p []byte) { copy(block(p, 2), block(other, 2)) },
		"last of another file":   func(p []byte) { copy(block(p, 5), block(other, 5)) },
		"zeroed":                 func(p []byte) { clear(block(p, 2)) },
		"last zeroed":            func(p []byte) { clear(block(p, 5)) },
		"cipher byte":            func(p []byte) { block(p, 0)[1] = 1 },
		"package version 1":      func(p []byte) { block(p, 0)[0] = 0x10 },
		"not final":              func(p []byte) { block(p, 0)[4] &^= 0x80 },
		"slot put into a block":  func(p []byte) { copy(block(p, 0), v.whole[0x200:0x800]) },
		"all blocks of another":  func(p []byte) { copy(p[0x1000:], other[0x1000:]) },
		"header of another file": func(p []byte) { copy(p, other[:0x1000]) },
		"prefix of another file": func(p []byte) { copy(p, other[:0x200]) },
		"slots of another file":  func(p []byte) { copy(p[0x200:], other[0x200:0xe00]) },
		"block put into a slot":  func(p []byte) { copy(p[0x200:0x800], block(v.whole, 0)) },
		"slot A zeroed":          func(p []byte) { clear(p[0x200:0x800]) },
		"slot B zeroed":          func(p []byte) { clear(p[0x800:0xe00]) },
		"both slots the same":    func(p []byte) { copy(p[0x200:0x800], v.whole[0x800:0xe00]) },
		"header zeroed":          func(p []byte) { clear(p[:0x1000]) },
	} {
		v.check(name, v.changed(change))
	}
}

func TestAttackLength(t *testing.T) {
	v := newVictim(t)
	n := len(v.whole)
	for _, cut := range []int{0, 1, 511, 512, 0xdff, 0xfff, 0x1000, 0x1001, 0x1000 + 4144, 0x1000 + 4144 + 17,
		int(blockOffset(5)), int(blockOffset(5)) + 1, int(blockOffset(5)) + 48, n - 1} {
		v.check(fmt.Sprintf("cut to %d of %d", cut, n), v.whole[:cut])
	}
	for _, tail := range [][]byte{{0}, make([]byte, 48), make([]byte, 4144), block(v.whole, 0), block(v.whole, 5)} {
		v.check(fmt.Sprintf("longer by %d", len(tail)), append(bytes.Clone(v.whole), tail...))
	}
	for _, size := range []int{1, 16, 47, 600, 4095, 4096, 5000} {
		v.check(fmt.Sprintf("%d bytes of garbage", size), random(size))
	}
}

// An older version of the whole file is served: DESIGN section 12, only the log
// can tell. Parts of it are not, wherever a sequence or a length tells.
func TestAttackOlderVersions(t *testing.T) {
	v := newVictim(t)
	old := v.whole
	content := bytes.Clone(v.content)
	copy(content[4096:], "overwritten")
	v.with("f", func(o *Object) {
		h, err := o.Open(true)
		must(t, err)
		_, err = h.WriteAt([]byte("overwritten"), 4096)
		must(t, err)
		must(t, h.Close())
	})
	v.content, v.whole = content, readFile(t, v.path)
	v.check("header of an older version", v.changed(func(p []byte) { copy(p, old[:0x1000]) }))
	v.check("newer slot damaged", v.changed(func(p []byte) { p[0x900] ^= 1 }))
	v.check("older slot damaged", v.changed(func(p []byte) { p[0x300] ^= 1 }))
	writeFile(t, v.path, old)
	got, err := v.read("f")
	must(t, err)
	if bytes.Equal(got, content) {
		t.Error("the older version is not what was served")
	}
}

// Blocks that were cut off cannot be put back, not even whole and at their
// place: neither as a longer file nor after the file has grown again.
func TestAttackCutOffBlocks(t *testing.T) {
	v := newVictim(t)
	old := v.whole
	v.with("f", func(o *Object) {
		h, err := o.Open(true)
		must(t, err)
		must(t, h.Truncate(4096+100))
		must(t, h.Close())
	})
	v.content, v.whole = v.content[:4196], readFile(t, v.path)
	v.check("put back behind the end", append(bytes.Clone(v.whole[:blockOffset(1)]), old[blockOffset(1):]...))
	v.with("f", func(o *Object) {
		h, err := o.Open(true)
		must(t, err)
		_, err = h.WriteAt(random(victimSize-4196), 4196)
		must(t, err)
		must(t, h.Close())
	})
	v.content, _ = v.read("f")
	v.whole = readFile(t, v.path)
	for i := 1; i < 6; i++ {
		v.check(fmt.Sprintf("block %d put back", i), v.changed(func(p []byte) { copy(block(p, i), block(old, i)) }))
	}
}

func TestAttackOtherMatter(t *testing.T) {
	v := newVictim(t)
	r2, err := v.CreateMatter("m2", v.keys.add("m2"), "乙公司", NewAttr{})
	must(t, err)
	o, h, _, err := r2.Create("f", staff, true)
	must(t, err)
	_, err = h.WriteAt(random(victimSize), 0)
	must(t, err)
	must(t, h.Close())
	o.Release()
	stored, _, err := r2.m.names.Seal(r2.id, "f")
	must(t, err)
	other := readFile(t, filepath.Join(v.bench.path, r2.m.stored, stored))
	v.check("file of another matter", other)
	v.check("prefix of another matter", v.changed(func(p []byte) { copy(p, other[:0x200]) }))
	v.check("slots of another matter", v.changed(func(p []byte) { copy(p[0x200:], other[0x200:0xe00]) }))
	v.check("block of another matter", v.changed(func(p []byte) { copy(block(p, 1), block(other, 1)) }))
}

// A torn or attacked block does not take the rest of the file with it.
func TestOtherBlocksStayReadable(t *testing.T) {
	v := newVictim(t)
	writeFile(t, v.path, v.changed(func(p []byte) { clear(block(p, 2)) }))
	v.with("f", func(o *Object) {
		h, err := o.Open(true)
		must(t, err)
		defer h.Close()
		p := make([]byte, victimSize)
		n, err := h.ReadAt(p, 0)
		wantCorrupt(t, err)
		if n != 2*4096 || !bytes.Equal(p[:n], v.content[:n]) {
			t.Errorf("read %d bytes before the bad block", n)
		}
		n, err = h.ReadAt(p, 3*4096)
		if err != nil || !bytes.Equal(p[:n], v.content[3*4096:]) {
			t.Errorf("read %d bytes behind the bad block: %v", n, err)
		}
		_, err = h.WriteAt([]byte("part"), 2*4096+9)
		wantCorrupt(t, err)
		_, err = h.WriteAt(v.content[2*4096:3*4096], 2*4096)
		must(t, err)
	})
	v.wantContent("f", v.content)
}

func TestAttackXattrs(t *testing.T) {
	b := newBench(t)
	b.write("f", nil)
	b.write("g", nil)
	for _, name := range []string{"f", "g"} {
		b.with(name, func(o *Object) {
			must(t, o.SetXattr("user.a", []byte("值"+name), 0))
			must(t, o.SetXattr("user.b", []byte("other"), 0))
		})
	}
	d := b.at("f")
	node, err := d.pin()
	must(t, err)
	defer d.unpin()
	names, err := node.ListXattr()
	must(t, err)
	stored := func(o *Object, name string) string {
		s, _, err := o.file.keys.XattrName.Seal(o.id, name)
		must(t, err)
		return sealedPrefix + s
	}
	a, bb := stored(d, "user.a"), stored(d, "user.b")
	if len(names) != 2 {
		t.Fatalf("backing attributes %q", names)
	}
	va, err := node.GetXattr(a)
	must(t, err)
	vb, err := node.GetXattr(bb)
	must(t, err)
	must(t, node.SetXattr(a, vb, 0))
	_, err = d.GetXattr("user.a")
	wantCorrupt(t, err)
	for i := range va {
		p := bytes.Clone(va)
		p[i] ^= 4
		must(t, node.SetXattr(a, p, 0))
		_, err = d.GetXattr("user.a")
		wantCorrupt(t, err)
	}
	g := b.at("g")
	gn, err := g.pin()
	must(t, err)
	defer g.unpin()
	vg, err := gn.GetXattr(stored(g, "user.a"))
	must(t, err)
	must(t, node.SetXattr(a, vg, 0))
	_, err = d.GetXattr("user.a")
	wantCorrupt(t, err)
}
