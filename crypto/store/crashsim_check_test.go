package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"matterfs/crypto"
	"matterfs/crypto/store"
)

// violation is a promise of the store that was broken.
type violation struct {
	what   string // "unreadable", "lost", "content", ...
	detail string
}

func (v *violation) Error() string { return v.what + ": " + v.detail }

func broken(what, format string, args ...any) error {
	return &violation{what, fmt.Sprintf(format, args...)}
}

var errUnlisted = errors.New("it is found by its name and not listed")

// readTree reads all there is in the matter. Errors of single names are part of
// the answer.
func readTree(root *store.Object) (*dump, error) {
	d := &dump{objects: map[crypto.ID]*found{}, bad: map[loc]error{}}
	f, err := readObject(root, 0)
	if err != nil {
		return nil, broken("unreadable", "the matter's root: %v", err)
	}
	d.put(root.ID(), f)
	return d, d.walk(root)
}

func (d *dump) put(id crypto.ID, f *found) {
	d.objects[id] = f
	d.order = append(d.order, id)
}

func (d *dump) walk(dir *store.Object) error {
	entries, err := dir.ReadDir()
	if err != nil {
		return broken("unreadable", "listing of %q: %v", dir.Path(), err)
	}
	slices.SortFunc(entries, func(a, b store.Entry) int { return strings.Compare(a.Name, b.Name) })
	if at := (loc{dir.ID(), longName}); !slices.ContainsFunc(entries, func(e store.Entry) bool { return e.Name == longName }) {
		if o, err := dir.Lookup(longName); err == nil {
			o.Release()
			d.bad[at] = errUnlisted
		} else if !errors.Is(err, syscall.ENOENT) {
			d.bad[at] = err
		}
	}
	for _, e := range entries {
		at := loc{dir.ID(), e.Name}
		if err := d.visit(dir, at); err != nil {
			d.bad[at] = err
		}
	}
	return nil
}

func (d *dump) visit(dir *store.Object, at loc) error {
	o, err := dir.Lookup(at.name)
	if errors.Is(err, syscall.ENOENT) {
		return nil // recovery put it aside; if it must be there it will be missed
	}
	if err != nil {
		return err
	}
	defer o.Release()
	f, err := readObject(o, len(dir.Levels()))
	if err != nil {
		return err
	}
	f.at = at
	if d.objects[o.ID()] != nil {
		return fmt.Errorf("object %s is at two places", o.ID())
	}
	d.put(o.ID(), f)
	if o.Kind() == crypto.Dir {
		return d.walk(o)
	}
	return nil
}

// readObject reads all of one object; above is how many levels are sealed in the
// folders above it.
func readObject(o *store.Object, above int) (*found, error) {
	a, err := o.Attr()
	if err != nil {
		return nil, err
	}
	f := &found{kind: o.Kind(), mode: a.Mode, xattrs: map[string]string{}}
	if f.content, err = contentOf(o, a.Size); err != nil {
		return nil, err
	}
	if l := o.Levels(); o.Kind() == crypto.Dir && len(l) > above {
		f.level = l[0]
	}
	names, err := o.ListXattr()
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		v, err := o.GetXattr(n)
		if err != nil {
			return nil, err
		}
		f.xattrs[n] = string(v)
	}
	return f, nil
}

func contentOf(o *store.Object, size uint64) ([]byte, error) {
	switch o.Kind() {
	case crypto.Dir:
		return nil, nil
	case crypto.Symlink:
		s, err := o.Readlink()
		return []byte(s), err
	}
	h, err := o.Open(false)
	if err != nil {
		return nil, err
	}
	p := make([]byte, size)
	n, err := h.ReadAt(p, 0)
	if err == nil && n != len(p) {
		err = fmt.Errorf("read %d of %d bytes", n, len(p))
	}
	return p, errors.Join(err, h.Close())
}

// check compares a tree that was read back with the oracle; cut says that there
// was a power cut, not only a kill.
func (m *model) check(d *dump, cut bool) error {
	for at, err := range d.bad {
		if !m.blocked[at] && (!cut || !m.young || !m.maybeYoung(at)) {
			return broken("unreadable", "%q: %v", at.name, err)
		}
	}
	for _, id := range d.order {
		f, o := d.objects[id], m.byID[id]
		if o == nil {
			if o = m.now.made; o == nil {
				return broken("unknown", "object %s as %q", id, f.at.name)
			}
		}
		if err := m.checkThing(o, f, cut); err != nil {
			return err
		}
	}
	for _, o := range m.things {
		if d.objects[o.id] == nil && m.torn(o, d) {
			return broken("lost", "%s, and %s, which replaced it", m.describe(o), m.describe(o.by))
		}
		if d.objects[o.id] == nil && !m.mayMiss(o, d, cut) {
			return broken("lost", "%s (synced %v), last of %d places; unreadable %v", m.describe(o), o.synced, len(o.locs), d.bad)
		}
	}
	return nil
}

// maybeYoung reports whether a thing that was never synced may be at a place.
func (m *model) maybeYoung(at loc) bool {
	things := m.things
	if m.now.made != nil {
		things = append(slices.Clone(things), m.now.made)
	}
	return slices.ContainsFunc(things, func(o *thing) bool { return !o.synced && slices.Contains(m.places(o, true), at) })
}

func (m *model) describe(o *thing) string {
	return fmt.Sprintf("%s %q", [...]string{"?", "file", "folder", "symlink"}[o.kind], o.at().name)
}

func (m *model) places(o *thing, cut bool) []loc {
	list := o.locs
	if !cut {
		list = list[len(list)-1:]
	}
	if to, ok := m.now.locOf(o); ok {
		list = append(slices.Clone(list), to)
	}
	return list
}

// mayMiss reports whether an object may have no name, or only one that leads to
// nothing because it was never synced, or be in a folder that may be gone.
func (m *model) mayMiss(o *thing, d *dump, cut bool) bool {
	for _, at := range m.places(o, cut) {
		if (at == loc{}) || cut && m.young && d.bad[at] != nil && !o.synced {
			return true
		}
		if p := m.byID[at.parent]; !o.synced && p != nil && d.objects[p.id] == nil && m.mayMiss(p, d, cut) {
			return true
		}
	}
	return false
}

// torn reports whether of a file that was replaced by another one neither is
// there. Folders are replaced in two steps, and a file that was never synced may
// be nothing but a name, which goes.
func (m *model) torn(o *thing, d *dump) bool {
	if o.by == nil || !o.synced || !o.by.synced || o.kind == crypto.Dir {
		return false
	}
	since := m.places(o.by, true)
	i := slices.Index(since, o.last)
	if i < 0 {
		return false // it has moved on, durably
	}
	since = since[i:]
	if f := d.objects[o.by.id]; f != nil {
		return !slices.Contains(since, f.at)
	}
	return !slices.Contains(since, loc{}) && d.bad[o.last] == nil && m.now.made != o.by
}

func (m *model) checkThing(o *thing, f *found, cut bool) error {
	if o.id != m.root && !slices.Contains(m.places(o, cut), f.at) {
		return broken("place", "%s is at %q", m.describe(o), f.at.name)
	}
	if f.kind != o.kind {
		return broken("kind", "%s has become another kind", m.describe(o))
	}
	if o.kind == crypto.Symlink && string(f.content) != string(o.content) {
		return broken("content", "symlink %q leads to %q", f.at.name, f.content)
	}
	if o.kind == crypto.File {
		if err := m.checkContent(o, f.content, cut); err != nil {
			return broken("content", "%s: %v", m.describe(o), err)
		}
	}
	if f.level != o.level && !(m.now.level == o && f.level == m.now.newLvl) {
		return broken("level", "%s has level %q, want %q", m.describe(o), f.level, o.level)
	}
	return m.checkAttrs(o, f, cut)
}

func (m *model) checkAttrs(o *thing, f *found, cut bool) error {
	modes := o.modes
	if !cut {
		modes = modes[len(modes)-1:]
	}
	if !slices.Contains(modes, f.mode) && !(m.now.mode == o && m.now.newMode == f.mode) {
		return broken("mode", "%s has mode %o, want one of %o", m.describe(o), f.mode, modes)
	}
	for name, list := range o.xattrs {
		got, ok := f.xattrs[name]
		if !ok {
			got = absent
		}
		if !cut {
			list = list[len(list)-1:]
		}
		if !slices.Contains(list, got) && !(m.now.xattr == o && m.now.name == name && m.now.value == got) {
			return broken("xattr", "%s has %s=%q", m.describe(o), name, got)
		}
	}
	return nil
}

// fsck wants of a tree that was recovered that Check finds it whole.
func (s *sim) fsck(d store.Disk) error {
	var found []string
	_, err := store.Check(context.Background(), d, s.id, s.key, s.keys, store.CheckOptions{Workers: 1, Found: func(f store.Finding) {
		if f.Damage() {
			found = append(found, fmt.Sprintf("%s %q %s: %s", f.Code, f.Path, f.Stored, f.Text()))
		}
	}})
	if err == nil && found != nil {
		err = broken("check", "%s", strings.Join(found, "; "))
	}
	return err
}

// same reports the first difference between two readings of one tree.
func (d *dump) same(e *dump) error {
	if len(d.objects) != len(e.objects) || len(d.bad) != len(e.bad) {
		return broken("second recovery", "%d objects and then %d", len(d.objects), len(e.objects))
	}
	for id, f := range d.objects {
		g := e.objects[id]
		if g == nil || f.at != g.at || string(f.content) != string(g.content) || f.mode != g.mode || f.level != g.level {
			return broken("second recovery", "%q is not what it was", f.at.name)
		}
	}
	return nil
}
