package store_test

import (
	"path"
	"slices"
	"strings"

	"matterfs/crypto/store"
)

// Places in a backing file, as in crypto/FORMAT.md.
const (
	slotA, slotB, block0 = 512, 2048, 4096
	stride               = 4144
)

// rows makes the table of broken samples: each thing that an attacker with the
// disk can do, and what this version finds. It is looked through by people before
// it is committed, and compared for ever.
func (m *maker) rows(ex map[string]*expectation) (rows []*brokenSample) {
	add := func(tree, name string, edits ...edit) {
		b := &brokenSample{Name: name, Tree: tree, Edits: edits}
		got, told, err := b.run(m.t, m.keys, m.trees)
		if err != nil {
			b.Store = causeOf(err)
		} else {
			b.fill(got, ex[tree].Facts)
		}
		b.Told = told
		rows = append(rows, b)
	}
	m.blockRows(add)
	m.headerRows(add)
	m.lengthRows(add)
	m.placeRows(add)
	m.folderRows(add)
	m.oldRows(add)
	m.journalRows(add)
	return rows
}

type addRow func(tree, name string, edits ...edit)

func (m *maker) blockRows(add addRow) {
	f, g := m.paths["合同.docx"], m.paths["副本.docx"]
	cp := func(at int64, from string, off, n int64) edit {
		return edit{Op: "copy", File: f, At: at, From: from, Off: off, N: n}
	}
	one, two := int64(block0+stride), int64(block0+2*stride)
	zero := func(at, n int64) edit { return edit{Op: "zero", File: f, At: at, N: n} }
	xor := func(at int64, x byte) edit { return edit{Op: "xor", File: f, At: at, N: 1, X: x} }
	add("good", "block moved", cp(one, f, block0, stride), zero(block0, stride))
	add("good", "block duplicated", cp(one, f, block0, stride))
	add("good", "blocks swapped", cp(one, f, block0, stride), cp(block0, "good:"+f, one, stride))
	add("good", "block moved with the XOR trick", cp(one, f, block0, stride), xor(one+12, 1))
	add("good", "block of another file", cp(one, g, one, stride))
	add("good", "block of another matter", cp(one, m.paths["m2"], one, stride))
	add("good", "block zeroed", zero(one, stride))
	add("good", "last block zeroed", zero(two, 1048))
	add("good", "last block of another file", cp(two, g, two, 1048))
	add("good", "all blocks of another file", cp(block0, g, block0, 2*stride+1048))
	add("good", "bit of a block flipped", xor(one+1000, 4))
	add("good", "version byte of a block", xor(one, 0x30))
	add("good", "cipher byte of a block", xor(one+1, 1))
	add("good", "length of a block", xor(one+2, 1))
	add("good", "final flag of a block", xor(one+4, 0x80))
	add("good", "nonce of a block", xor(one+9, 1))
	add("good", "slot in the place of a block", cp(block0, f, slotA, 1536))
	add("good", "unnoticed: older block", edit{Op: "copy", File: m.paths["重写.txt"], At: one, From: "older:" + m.paths["重写.txt"], Off: one, N: stride})
}

func (m *maker) headerRows(add addRow) {
	f, g := m.paths["合同.docx"], m.paths["副本.docx"]
	cp := func(at int64, from string, off, n int64) edit {
		return edit{Op: "copy", File: f, At: at, From: from, Off: off, N: n}
	}
	for name, at := range map[string]int64{"magic": 0, "format": 8, "cipher": 9, "block size": 11, "key version": 12, "content id": 16,
		"salt": 40, "commitment": 70, "key id": 85, "reserved": 300} {
		add("good", "prefix: "+name, edit{Op: "xor", File: f, At: at, N: 1, X: 2})
	}
	add("good", "prefix of another file", cp(0, g, 0, 512))
	add("good", "prefix of another matter", cp(0, m.paths["m2"], 0, 512))
	add("good", "header of another file", cp(0, g, 0, 4096))
	add("good", "slots of another file", cp(slotA, g, slotA, 3072))
	add("good", "slot A damaged", edit{Op: "xor", File: f, At: slotA + 600, N: 1, X: 1})
	add("good", "slot B damaged", edit{Op: "xor", File: f, At: slotB + 600, N: 1, X: 1})
	add("good", "slot A zeroed", edit{Op: "zero", File: f, At: slotA, N: 1536})
	add("good", "slot B zeroed", edit{Op: "zero", File: f, At: slotB, N: 1536})
	add("good", "both slots the same", cp(slotA, f, slotB, 1536))
	add("good", "block in the place of a slot", cp(slotA, f, block0, 1536))
	add("good", "byte behind the slots", edit{Op: "xor", File: f, At: 4000, N: 1, X: 1})
	add("good", "header zeroed", edit{Op: "zero", File: f, N: 4096})
	add("good", "header of an older version", edit{Op: "copy", File: m.paths["缩短.txt"], From: "older:" + m.paths["缩短.txt"], N: 4096})
}

func (m *maker) lengthRows(add addRow) {
	f := m.paths["合同.docx"]
	for name, n := range map[string]int64{"to nothing": 0, "inside the prefix": 511, "inside the slots": 3000, "to the header": 4096,
		"at a block": block0 + stride, "inside a block": block0 + stride + 17, "by one byte": block0 + 2*stride + 1047} {
		add("good", "cut "+name, edit{Op: "cut", File: f, At: n})
	}
	add("good", "longer by a zero", edit{Op: "append", File: f, N: 1})
	add("good", "longer by zeros", edit{Op: "append", File: f, N: stride})
	add("good", "longer by a block of its own", edit{Op: "append", File: f, From: f, Off: block0, N: stride})
	short := m.paths["缩短.txt"]
	add("good", "cut-off blocks put back", edit{Op: "cut", File: short, At: block0 + stride},
		edit{Op: "append", File: short, From: "older:" + short, Off: block0 + stride, N: stride + 1048})
	add("good", "an empty file", edit{Op: "replace", File: f})
}

func (m *maker) placeRows(add addRow) {
	f, g := m.paths["合同.docx"], m.paths["副本.docx"]
	secret, news := m.paths["绝密/底价"], m.paths["公开/新闻"]
	add("good", "file of another matter", edit{Op: "replace", File: f, From: m.paths["m2"]})
	add("good", "file of another folder", edit{Op: "replace", File: news, From: secret})
	add("good", "file moved to another folder", edit{Op: "move", From: secret, File: path.Join(path.Dir(news), path.Base(secret))})
	add("good", "unnoticed: names of a symlink and a file exchanged", edit{Op: "swap", File: m.paths["链接"], From: f})
	add("good", "attribute has the value of another one", edit{Op: "attr", File: f, Name: m.attr(f, 0), From: f, FromName: m.attr(f, 1)})
	add("good", "attribute of another file", edit{Op: "attr", File: f, Name: m.attr(f, 0), From: g, FromName: m.attr(g, 0)})
	add("good", "attribute damaged", edit{Op: "attr", File: f, Name: m.attr(f, 0), From: f, FromName: m.attr(f, 0), X: 1})
	add("good", "name that is none", edit{Op: "move", From: f, File: path.Join(path.Dir(f), "合同.docx")})
	add("good", "name damaged", edit{Op: "move", From: f, File: f[:len(f)-2] + "AA"})
	// What v1 does not notice by itself: the audit log tells.
	add("good", "unnoticed: names of two files exchanged", edit{Op: "swap", File: f, From: g})
	add("good", "unnoticed: file removed", edit{Op: "remove", File: f})
}

// attr returns the stored name of the nth attribute.
func (m *maker) attr(p string, n int) string {
	var names []string
	for name := range m.trees["good"][p].xattrs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names[n]
}

func (m *maker) folderRows(add addRow) {
	secret, pub := m.paths["绝密"], m.paths["公开"]
	matter1, matter2 := path.Dir(secret), path.Dir(m.paths["m2"])
	long := m.paths["绝密/"+long1]
	add("good", "folders exchanged", edit{Op: "swap", File: secret, From: pub})
	add("good", "folder moved into another", edit{Op: "move", From: secret, File: path.Join(pub, path.Base(secret))})
	add("good", "folder of another matter", edit{Op: "replace", File: secret + "/.mfs.dir", From: matter2 + "/.mfs.dir"})
	add("good", ".mfs.dir of another folder", edit{Op: "replace", File: secret + "/.mfs.dir", From: pub + "/.mfs.dir"})
	add("good", ".mfs.dir flipped", edit{Op: "xor", File: secret + "/.mfs.dir", At: 1000, N: 1, X: 8})
	add("good", ".mfs.dir zeroed", edit{Op: "zero", File: secret + "/.mfs.dir", N: 2560})
	add("good", ".mfs.dir removed", edit{Op: "remove", File: secret + "/.mfs.dir"})
	add("good", ".mfs.dir cut", edit{Op: "cut", File: secret + "/.mfs.dir", At: 2559})
	add("good", ".mfs.dir longer", edit{Op: "append", File: secret + "/.mfs.dir", N: 1})
	add("good", "long name's side file damaged", edit{Op: "xor", File: long + ".n", At: 3, N: 1, X: 1})
	add("good", "long name's side file removed", edit{Op: "remove", File: long + ".n"})
	add("good", "long name's side file of another", edit{Op: "replace", File: long + ".n", From: m.paths["绝密/"+long1+"/"+long2] + ".n"})
	add("good", "matters exchanged", edit{Op: "swap", File: matter1, From: matter2})
	add("good", "matter's .mfs.dir damaged", edit{Op: "xor", File: matter1 + "/.mfs.dir", At: 700, N: 1, X: 1})
	add("good", "matter's .mfs.dir of another", edit{Op: "replace", File: matter1 + "/.mfs.dir", From: matter2 + "/.mfs.dir"})
	add("good", ".mfs.store damaged", edit{Op: "xor", File: ".mfs.store", At: 30, N: 1, X: 1})
	add("good", ".mfs.store cut", edit{Op: "cut", File: ".mfs.store", At: 20})
	add("good", "unnoticed: older folder put back", edit{Op: "replace", File: pub + "/.mfs.dir", From: "older:" + pub + "/.mfs.dir"})
	add("moving", "the next .mfs.dir removed", edit{Op: "remove", File: m.paths["绝密/公开"] + "/.mfs.next"})
	add("moving", "the next .mfs.dir damaged", edit{Op: "xor", File: m.paths["绝密/公开"] + "/.mfs.next", At: 1000, N: 1, X: 1})
}

func (m *maker) oldRows(add addRow) {
	short, f := m.paths["缩短.txt"], m.paths["重写.txt"]
	add("good", "unnoticed: older version of a file", edit{Op: "replace", File: f, From: "older:" + f})
	add("good", "newer slot of an older version", edit{Op: "copy", File: short, At: slotB, From: "older:" + short, Off: slotB, N: 1536})
	add("good", "older slot of an older version", edit{Op: "copy", File: short, At: slotA, From: "older:" + short, Off: slotA, N: 1536})
}

func (m *maker) journalRows(add addRow) {
	ja, jb := store.JournalPath(m.paths["合同.docx"]), store.JournalPath(m.paths["副本.docx"])
	const record = 8 + stride
	add("journal", "journal of another file", edit{Op: "replace", File: ja, From: jb})
	add("journal", "journals exchanged", edit{Op: "swap", File: ja, From: jb})
	add("journal", "older journal put back", edit{Op: "replace", File: ja, From: "journal-older:" + ja})
	add("journal", "journal removed", edit{Op: "remove", File: ja})
	add("journal", "journal cut inside a record", edit{Op: "cut", File: ja, At: record + 100})
	add("journal", "journal emptied", edit{Op: "cut", File: jb, At: 0})
	add("journal", "first record flipped", edit{Op: "xor", File: ja, At: 500, N: 1, X: 1})
	add("journal", "index of a record changed", edit{Op: "xor", File: ja, N: 1, X: 1})
	add("journal", "last record flipped", edit{Op: "xor", File: ja, At: 2*record + 500, N: 1, X: 1})
	add("journal", "first record once more at the end", edit{Op: "append", File: ja, From: ja, N: record})
	add("journal", "records turned round", edit{Op: "copy", File: ja, From: ja, Off: 2 * record, N: record}, edit{Op: "copy", File: ja, At: 2 * record, From: "journal:" + ja, N: record})
	add("journal", "file cut below its commit record", edit{Op: "cut", File: m.paths["副本.docx"], At: block0 + 2*stride})
	add("journal", "one slot of a file with a journal damaged", edit{Op: "xor", File: m.paths["合同.docx"], At: slotB + 9, N: 1, X: 1})
	add("journal", "slots of a file with a journal damaged", edit{Op: "xor", File: m.paths["合同.docx"], At: slotB + 9, N: 1, X: 1},
		edit{Op: "xor", File: m.paths["合同.docx"], At: slotA + 9, N: 1, X: 1})
	add("good", "unnoticed: a newer journal beside an older file", edit{Op: "replace", File: ja, From: "journal:" + ja})
	add("good", "journal of zeros planted", edit{Op: "replace", File: ja}, edit{Op: "append", File: ja, N: record})
	add("good", "journal of a file that is gone", edit{Op: "replace", File: strings.Replace(ja, ".j.", ".j.x", 1), From: "journal:" + ja})
}
