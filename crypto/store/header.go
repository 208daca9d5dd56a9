package store

import (
	"errors"

	"matterfs/crypto"
)

// header is what the first HeaderSize bytes of a file say once authenticated.
type header struct {
	prefix crypto.Prefix
	keys   *crypto.FileKeys
	slots  [2]crypto.Slot
	whole  [2]bool // which slots authenticate
	at     int     // the one that counts
	// slotErr is why the other one does not authenticate: recovery decides
	// whether that is forgiven.
	slotErr error
}

var (
	errOtherKey = errors.New("it is sealed under another matter's key")
	errPadding  = errors.New("bytes behind the slots are not zero")
	errSlots    = errors.New("the two slots contradict each other")
	errFlags    = errors.New("it was written by a later version")
)

// openHeader authenticates a header. Of two slots the higher version counts. One
// that does not authenticate is for [content.repair] to judge, which refuses it
// unless a crash can have torn it: else damaging the newer one would roll the
// file back.
func openHeader(m *matter, b []byte) (*header, error) {
	p, err := crypto.ParsePrefix(b)
	if err != nil {
		return nil, err
	}
	if p.KeyID != m.keyID {
		return nil, errOtherKey
	}
	if len(b) != crypto.HeaderSize || !allZero(b[slotOffset(2):]) {
		return nil, errPadding
	}
	h := &header{prefix: p}
	if h.keys, err = p.Keys(m.content); err != nil {
		return nil, err
	}
	for i := range h.slots {
		h.slots[i], err = crypto.OpenSlot(h.keys.Meta, b[slotOffset(i):slotOffset(i+1)])
		if h.whole[i] = err == nil; !h.whole[i] {
			h.slotErr = err
		}
	}
	return h, h.choose()
}

// choose sets at.
func (h *header) choose() error {
	a, b := &h.slots[0], &h.slots[1]
	switch {
	case h.whole[0] && h.whole[1]:
		if a.Version == b.Version || a.Object != b.Object || a.Kind != b.Kind || a.Birth != b.Birth {
			return errSlots
		}
		if b.Version > a.Version {
			h.at = 1
		}
	case h.whole[1]:
		h.at = 1
	case !h.whole[0]:
		return h.slotErr
	}
	s := h.slot()
	if s.Flags&^knownFlags != 0 || s.Kind == kindDir || s.Object.IsZero() {
		return errFlags
	}
	return nil
}

func (h *header) slot() *crypto.Slot { return &h.slots[h.at] }

// isIn reports whether the slots allow the file to be in the directory dir.
func (h *header) isIn(dir crypto.ID) bool {
	s := h.slot()
	other := 1 - h.at
	return s.Parent == dir ||
		s.Flags&flagMoving != 0 && h.whole[other] && h.slots[other].Parent == dir
}

// newHeader returns the header of a new file: prefix and two slots.
func newHeader(p *crypto.Prefix, keys *crypto.FileKeys, s *crypto.Slot) []byte {
	b := p.AppendTo(make([]byte, 0, crypto.HeaderSize))
	for range 2 {
		s.Version++
		b = append(b, s.Seal(keys.Meta)...)
	}
	return b[:crypto.HeaderSize]
}

// loadFile authenticates a backing file and brings it in order if a crash came
// upon it. The object is reserved but not live yet.
func (d *Object) loadFile(dir Dir, stored, name string) (*Object, Node, error) {
	f, err := opening(d.s, func() (File, error) { return dir.OpenFile(stored) })
	if err != nil {
		return nil, nil, d.openError(name, err)
	}
	o, err := d.authenticate(dir, f, stored, name)
	if err == errNeverWritten {
		err = d.lose(dir, stored, name)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return o, f, nil
}

func (d *Object) authenticate(dir Dir, f File, stored, name string) (*Object, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b := make([]byte, crypto.HeaderSize)
	n, err := f.ReadAt(b, 0)
	if err != nil {
		return nil, err
	}
	if st.Type == TypeFile && d.s.neverWritten(b[:n]) {
		return nil, errNeverWritten
	}
	if st.Type != TypeFile || n < len(b) {
		return nil, d.corruptAt(name, nil, "header cut off after %d bytes", n)
	}
	h, err := openHeader(d.m, b)
	if err == nil {
		h, err = d.fromDisk(dir, stored, f, h, b)
	}
	if err == errNeverWritten || isDiskError(err) {
		return nil, err
	}
	if err != nil {
		return nil, d.corruptAt(name, err, "header")
	}
	if !h.isIn(d.id) {
		return nil, d.corruptAt(name, nil, "it belongs to another folder")
	}
	s := h.slot()
	o := &Object{s: d.s, m: d.m, id: s.Object, kind: s.Kind, dev: st.Dev, ino: st.Ino}
	o.file = newContent(o, h.prefix, h.keys, *s, h.at)
	if err := d.s.reserve(o.id); err != nil {
		return nil, err
	}
	did, err := o.file.repair(dir, stored, f, h, d.id)
	if err != nil {
		d.s.unreserve(o.id)
		return nil, d.repairError(name, err)
	}
	d.s.unsuspect(o.id)
	o.file.metaChanged = d.s.takeStale(o.id)
	for _, r := range did {
		r.Path = d.pathOf(name)
		d.s.recovered(r)
	}
	return o, nil
}

// openError tells a name that leads elsewhere than it did a moment ago, such as
// a symbolic link put in its place, from a failure of the disk.
func (d *Object) openError(name string, err error) error {
	if isGone(err) {
		return d.corruptAt(name, err, "it was replaced while it was opened")
	}
	return err
}

func (d *Object) repairError(name string, err error) error {
	var c *CorruptError
	if errors.As(err, &c) {
		return d.corruptAt(name, c.Err, "%s", c.What)
	}
	return err
}
