package store_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"matterfs/crypto"
	"matterfs/crypto/store"
)

// fact is what is expected of one object of a sample.
type fact struct {
	Path   string // quoted as in Go: a name may be any bytes
	Kind   string
	Size   uint64            `json:",omitempty"`
	SHA256 string            `json:",omitempty"` // of a file's content, its first 64 KiB at most
	Target string            `json:",omitempty"`
	Mode   string            // octal
	UID    uint32            // of the creator
	GID    uint32            // of the creator
	Birth  int64             // unix time in ns
	Level  string            `json:",omitempty"`
	Xattrs map[string]string `json:",omitempty"` // values quoted
	Fails  string            `json:",omitempty"` // which call is refused; then nothing else is said
	Cause  string            `json:",omitempty"` // see causeOf
}

var kindNames = map[crypto.Kind]string{crypto.File: "file", crypto.Dir: "folder", crypto.Symlink: "symlink"}

// facts reads all that is in a store, sorted by path. What is refused is a fact too.
func facts(s *store.Store) []fact {
	var list []fact
	for _, m := range s.Matters() {
		if m.Err != nil {
			list = append(list, refused(m.Matter, "matter", m.Err))
			continue
		}
		list = append(list, factOf(m.Root, m.Matter))
		list = append(list, factsIn(m.Root, m.Matter)...)
	}
	slices.SortFunc(list, func(a, b fact) int { return strings.Compare(a.Path, b.Path) })
	return list
}

func factsIn(d *store.Object, at string) (list []fact) {
	entries, err := d.ReadDir()
	if err != nil {
		return []fact{refused(at, "list", err)}
	}
	for _, e := range entries {
		p := at + "/" + e.Name
		o, err := d.Lookup(e.Name)
		if err != nil {
			list = append(list, refused(p, "lookup", err))
			continue
		}
		list = append(list, factOf(o, p))
		if o.Kind() == crypto.Dir {
			list = append(list, factsIn(o, p)...)
		}
		o.Release()
	}
	return list
}

func refused(p, call string, err error) fact {
	return fact{Path: strconv.Quote(p), Fails: call, Cause: causeOf(err)}
}

// causeOf says why something was refused: not every refusal has a cause below the
// store.
func causeOf(err error) string {
	var c *store.CorruptError
	var l *crypto.LabelError
	var f *crypto.FormatError
	switch {
	case !errors.As(err, &c):
		return "error " + err.Error()
	case errors.As(err, &l):
		return "label"
	case errors.Is(err, crypto.ErrWrongKey):
		return "wrong key"
	case errors.Is(err, crypto.ErrAuth):
		return "authentication"
	case errors.As(err, &f):
		return "format"
	}
	return "binding"
}

func factOf(o *store.Object, p string) fact {
	a, err := o.Attr()
	if err != nil {
		return refused(p, "attr", err)
	}
	f := fact{Path: strconv.Quote(p), Kind: kindNames[o.Kind()], Mode: fmt.Sprintf("%o", a.Mode),
		UID: a.UID, GID: a.GID, Birth: a.Birth.UnixNano()}
	if call, err := f.content(o, a.Size); err != nil {
		return refused(p, call, err)
	}
	names, err := o.ListXattr()
	for _, n := range names {
		var v []byte
		if err == nil {
			v, err = o.GetXattr(n)
		}
		if f.Xattrs == nil {
			f.Xattrs = map[string]string{}
		}
		f.Xattrs[n] = strconv.Quote(string(v))
	}
	if err != nil {
		return refused(p, "xattr", err)
	}
	return f
}

func (f *fact) content(o *store.Object, size uint64) (call string, err error) {
	switch o.Kind() {
	case crypto.Dir:
		parent, _ := o.Location()
		above := 0
		if parent != nil {
			above = len(parent.Levels())
			parent.Release()
		}
		if l := o.Levels(); len(l) > above {
			f.Level = l[0]
		}
		return "", nil
	case crypto.Symlink:
		f.Target, err = o.Readlink()
		return "read", err
	}
	h, err := o.Open(false)
	if err != nil {
		return "open", err
	}
	defer h.Close()
	p := make([]byte, min(size, 64<<10))
	n, err := h.ReadAt(p, 0)
	sum := sha256.Sum256(p[:n])
	f.Size, f.SHA256 = size, hex.EncodeToString(sum[:])
	return "read", err
}

// diff returns what of got is not as in want, in both ways.
func diff(got, want []fact) (lines []string) {
	say := func(sign string, f *fact) { lines = append(lines, fmt.Sprintf("%s %+v", sign, *f)) }
	for i := range want {
		if !slices.ContainsFunc(got, want[i].same) {
			say("-", &want[i])
		}
	}
	for i := range got {
		if !slices.ContainsFunc(want, got[i].same) {
			say("+", &got[i])
		}
	}
	return lines
}

func (f fact) same(g fact) bool { return fmt.Sprintf("%+v", f) == fmt.Sprintf("%+v", g) }
