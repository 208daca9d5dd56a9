package store_test

import (
	"bytes"
	"fmt"
	"slices"

	"matterfs/crypto"
)

const block = crypto.BlockSize

// loc is where an object is; the zero value means nowhere.
type loc struct {
	parent crypto.ID
	name   string
}

// thing is what the oracle knows of one object: what it is now, and everything
// that a power cut may leave of it, which is what it was at the last sync and
// every state since.
type thing struct {
	id     crypto.ID
	kind   crypto.Kind
	locs   []loc  // the last is now
	synced bool   // at least once
	by     *thing // that replaced it under its last name
	last   loc    // that name

	content []byte           // now; of a symlink its target
	old     map[int][]string // other values of a block since the last sync, padded with zeros
	sizes   []int            // the last is now
	modes   []uint32         // the last is now
	xattrs  map[string][]string
	level   string
}

// absent is the value of an attribute that is not there.
const absent = "\x00absent"

func newThing(kind crypto.Kind, at loc, mode uint32) *thing {
	return &thing{kind: kind, locs: []loc{{}, at}, sizes: []int{0}, modes: []uint32{mode},
		old: map[int][]string{}, xattrs: map[string][]string{}}
}

func (o *thing) at() loc { return o.locs[len(o.locs)-1] }

func (o *thing) gone() bool { return o.at() == loc{} }

// blockOf returns block i of content as it reads with zeros behind the end.
func blockOf(content []byte, i int) string {
	var b [block]byte
	if i*block < len(content) {
		copy(b[:], content[i*block:])
	}
	return string(b[:])
}

func blocks(n int) int { return (n + block - 1) / block }

// setContent makes p the content, what was there one more possibility.
func (o *thing) setContent(p []byte) {
	for i := range max(blocks(len(p)), blocks(len(o.content))) {
		was, is := blockOf(o.content, i), blockOf(p, i)
		if was != is && !slices.Contains(o.old[i], was) {
			o.old[i] = append(o.old[i], was)
		}
	}
	o.content, o.sizes = p, append(o.sizes, len(p))
}

// syncData forgets all but what is now.
func (o *thing) syncData() {
	if o.gone() {
		return // it may come back as it was
	}
	clear(o.old)
	o.sizes, o.modes = o.sizes[len(o.sizes)-1:], o.modes[len(o.modes)-1:]
	o.syncXattrs()
}

func (o *thing) syncXattrs() {
	for name, v := range o.xattrs {
		o.xattrs[name] = v[len(v)-1:]
	}
}

func (o *thing) xattr(name string) string {
	if v := o.xattrs[name]; len(v) > 0 {
		return v[len(v)-1]
	}
	return absent
}

func (o *thing) setXattr(name, v string) {
	if len(o.xattrs[name]) == 0 {
		o.xattrs[name] = []string{absent}
	}
	o.xattrs[name] = append(o.xattrs[name], v)
}

// move is a thing on its way to another place.
type move struct {
	o  *thing
	to loc
}

// effect is what the operation under way will have done.
type effect struct {
	desc    string
	file    *thing // gets content
	content []byte
	partial []int // more sizes that it may have in between
	loose   []int // and after a power cut
	moves   []move
	made    *thing // new; its id is not known before the end
	mode    *thing // gets newMode
	newMode uint32
	xattr   *thing // gets value as name
	name    string
	value   string
	level   *thing // gets newLevel
	newLvl  string
}

func (e *effect) locOf(o *thing) (loc, bool) {
	for _, m := range e.moves {
		if m.o == o {
			return m.to, true
		}
	}
	return loc{}, false
}

// model is everything that the oracle knows.
type model struct {
	root   crypto.ID
	things []*thing // the root first
	byID   map[crypto.ID]*thing
	now    effect

	// young: what was never synced may be unreadable after a power cut.
	young   bool
	blocked map[loc]bool // names that are unreadable for that reason, for good
}

func (m *model) add(o *thing, id crypto.ID) {
	o.id = id
	m.things = append(m.things, o)
	m.byID[id] = o
}

// in returns what is in a directory now, in the order it came.
func (m *model) in(dir crypto.ID) (list []*thing) {
	for _, o := range m.things {
		if !o.gone() && o.id != m.root && o.at().parent == dir {
			list = append(list, o)
		}
	}
	return list
}

func (m *model) child(dir crypto.ID, name string) *thing {
	for _, o := range m.in(dir) {
		if o.at().name == name {
			return o
		}
	}
	return nil
}

// names returns the way from the root to o.
func (m *model) names(o *thing) (names []string) {
	for o.id != m.root {
		names = append([]string{o.at().name}, names...)
		o = m.byID[o.at().parent]
	}
	return names
}

func (m *model) isAbove(a, b *thing) bool {
	for ; ; b = m.byID[b.at().parent] {
		if a == b {
			return true
		}
		if b.id == m.root {
			return false
		}
	}
}

// done makes the effect of the operation that is over part of the model.
func (m *model) done() {
	e := &m.now
	if e.file != nil {
		e.file.sizes = slices.Concat(e.file.sizes, e.partial, e.loose)
		e.file.setContent(e.content)
	}
	for _, mv := range e.moves {
		if mv.to == (loc{}) && e.moves[0].o != mv.o {
			mv.o.by, mv.o.last = e.moves[0].o, mv.o.at()
		}
		mv.o.locs = append(mv.o.locs, mv.to)
	}
	if e.mode != nil {
		e.mode.modes = append(e.mode.modes, e.newMode)
	}
	if e.xattr != nil {
		e.xattr.setXattr(e.name, e.value)
	}
	if e.level != nil {
		e.level.level = e.newLvl
	}
	m.now = effect{}
}

// syncDir makes the last change of every name that has to do with dir durable.
// A file that was never synced itself may still be nothing but a name.
func (m *model) syncDir(dir crypto.ID) {
	for _, o := range m.things {
		first := 0
		for i := 1; i < len(o.locs); i++ {
			if o.locs[i].parent == dir || o.locs[i-1].parent == dir {
				first = i
			}
		}
		never := first > 0 && !o.synced && o.locs[0] == loc{}
		o.locs = o.locs[first:]
		if never && !o.gone() {
			o.locs = append([]loc{{}}, o.locs...)
		}
	}
}

// syncPath makes o and the folders that lead to it durable.
func (m *model) syncPath(o *thing) {
	for ; !o.gone(); o = m.byID[o.at().parent] {
		o.synced = true
		o.locs = o.locs[len(o.locs)-1:]
		if o.id == m.root {
			return
		}
	}
}

// found is what was read back of an object.
type found struct {
	at      loc
	kind    crypto.Kind
	content []byte
	mode    uint32
	xattrs  map[string]string
	level   string
}

// dump is a whole tree as it was read back.
type dump struct {
	objects map[crypto.ID]*found
	order   []crypto.ID
	bad     map[loc]error // names that do not open or read
}

// adoptAll makes what was found after a crash what is now.
func (m *model) adoptAll(d *dump) {
	for at := range d.bad {
		m.blocked[at] = true
	}
	for _, o := range m.things {
		f := d.objects[o.id]
		if f == nil {
			o.moveTo(loc{})
			continue
		}
		if o.id != m.root {
			o.moveTo(f.at)
		}
		if o.kind == crypto.File {
			o.setContent(f.content)
		}
		o.modes, o.level = append(o.modes, f.mode), f.level
		for name := range o.xattrs {
			o.foundXattr(f, name)
		}
	}
}

func (o *thing) moveTo(at loc) {
	if at != o.at() {
		o.locs = append(o.locs, at)
	}
}

func (o *thing) foundXattr(f *found, name string) {
	v, ok := f.xattrs[name]
	if !ok {
		v = absent
	}
	o.setXattr(name, v)
}

// checkContent compares a file with what it may hold after a power cut, or with
// cut false after a kill.
func (m *model) checkContent(o *thing, got []byte, cut bool) error {
	sizes := o.sizes[len(o.sizes)-1:]
	if cut {
		sizes = o.sizes
	}
	values := []([]byte){o.content}
	if m.now.file == o {
		values = append(values, m.now.content)
		sizes = append(slices.Concat(sizes, m.now.partial), len(m.now.content))
		if cut {
			sizes = append(sizes, m.now.loose...)
		}
	}
	if !plausible(len(got), sizes) {
		return fmt.Errorf("size %d, which it never had: %v", len(got), sizes)
	}
	for i := range blocks(len(got)) {
		b := got[i*block : min((i+1)*block, len(got))]
		ok := slices.ContainsFunc(values, func(v []byte) bool { return sameBlock(b, v, i) })
		if !ok && (!cut || !slices.ContainsFunc(o.old[i], func(v string) bool { return v[:len(b)] == string(b) })) {
			return fmt.Errorf("block %d of %d bytes is neither old nor new (synced %v)", i, len(got), o.synced)
		}
	}
	return nil
}

// sameBlock reports whether b is block i of content.
func sameBlock(b, content []byte, i int) bool {
	have := content[min(i*block, len(content)):min(i*block+len(b), len(content))]
	return bytes.Equal(b[:len(have)], have) && len(bytes.TrimLeft(b[len(have):], "\x00")) == 0
}

// plausible reports whether n is one of sizes or a whole number of blocks
// between the least and the greatest: a write of many blocks may be there in
// part.
func plausible(n int, sizes []int) bool {
	return slices.Contains(sizes, n) ||
		n%block == 0 && n > slices.Min(sizes) && n < slices.Max(sizes)
}
