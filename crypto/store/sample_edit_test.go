package store_test

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"matterfs/crypto/store"
	"matterfs/internal/crashdisk"
)

// edit is one thing that an attacker with the disk does to a data directory.
type edit struct {
	// Op is one of: copy (N bytes of From at Off go to File at At), zero, xor
	// (N bytes at At with X), cut (to At bytes), append (N bytes of From at Off,
	// or zeros), replace (File by From, or by nothing), swap (File and From), move
	// (From to File), remove, attr (the attribute Name of File gets the value of
	// FromName of From).
	Op       string
	File     string
	At       int64  `json:",omitempty"`
	N        int64  `json:",omitempty"`
	From     string `json:",omitempty"` // a path, of another tree with "tree:" in front
	Off      int64  `json:",omitempty"`
	X        byte   `json:",omitempty"`
	Name     string `json:",omitempty"`
	FromName string `json:",omitempty"`
}

// broken is a sample that somebody has edited.
type brokenSample struct {
	Name   string
	Tree   string // which is edited
	Edits  []edit
	Store  string   `json:",omitempty"` // why the store does not open; then nothing is read
	Expect []fact   `json:",omitempty"` // what is otherwise than in the tree
	Gone   []string `json:",omitempty"` // quoted paths that are not there
	Told   []string `json:",omitempty"` // kind and path of each recovery, sorted
}

// apply edits im. trees are those that From can name.
func (e *edit) apply(im image, trees map[string]image) error {
	from, src := im, e.From
	if tree, p, ok := strings.Cut(e.From, ":"); ok {
		from, src = trees[tree], p
	}
	f, g := im[e.File], from[src]
	switch e.Op {
	case "replace":
		im[e.File] = &backing{xattrs: map[string][]byte{}}
		if g != nil {
			im[e.File].data, im[e.File].xattrs = bytes.Clone(g.data), g.xattrs
		}
		return nil
	case "swap":
		im.rename(e.File, "x")
		im.rename(e.From, e.File)
		im.rename("x", e.From)
		return nil
	case "move":
		im.rename(e.From, e.File)
		return nil
	case "remove":
		delete(im, e.File)
		return nil
	}
	if f == nil || e.From != "" && g == nil {
		return fmt.Errorf("%+v: no such file", *e)
	}
	if e.Op == "attr" {
		f.xattrs[e.Name] = bytes.Clone(g.xattrs[e.FromName])
		if e.X != 0 {
			f.xattrs[e.Name][20] ^= e.X
		}
		return nil
	}
	return e.bytes(f, g)
}

func (e *edit) bytes(f, g *backing) error {
	p := make([]byte, e.N)
	if g != nil {
		copy(p, g.data[min(e.Off, int64(len(g.data))):])
	}
	switch e.Op {
	case "copy", "zero":
		copy(f.data[e.At:], p)
	case "xor":
		for i := range e.N {
			f.data[e.At+i] ^= e.X
		}
	case "cut":
		f.data = f.data[:e.At]
	case "append":
		f.data = append(f.data, p...)
	default:
		return fmt.Errorf("no edit %q", e.Op)
	}
	return nil
}

func (im image) rename(from, to string) {
	for p, b := range im {
		if rest, ok := strings.CutPrefix(p, from); ok && (rest == "" || rest[0] == '/') {
			delete(im, p)
			im[to+rest] = b
		}
	}
}

// run opens the edited tree and returns what is in it.
func (b *brokenSample) run(t *testing.T, k *sampleKeys, trees map[string]image) (got []fact, told []string, err error) {
	t.Helper()
	im := trees[b.Tree].clone()
	for _, e := range b.Edits {
		need(t, e.apply(im, trees))
	}
	return k.read(t, im)
}

// read puts a tree on a disk, opens it, and returns what is in it.
func (k *sampleKeys) read(t *testing.T, im image) (got []fact, told []string, err error) {
	t.Helper()
	d := crashdisk.New()
	im.put(t, d)
	var did []store.Recovery
	s, err := k.open(d, &did)
	if err != nil {
		return nil, nil, err
	}
	got = facts(s)
	if err := s.Close(); err != nil {
		t.Errorf("closing: %v", err)
	}
	for _, r := range did {
		told = append(told, r.Kind.String()+" "+strconv.Quote(r.Path))
	}
	slices.Sort(told)
	return got, told, nil
}

// expected are the facts of the tree with those of the row in their place.
func (b *brokenSample) expected(base []fact) []fact {
	list := slices.DeleteFunc(slices.Clone(base), func(f fact) bool {
		return slices.Contains(b.Gone, f.Path) || slices.ContainsFunc(b.Expect, func(e fact) bool { return e.Path == f.Path })
	})
	return append(list, b.Expect...)
}

// fill makes the expectations of a row from what was found.
func (b *brokenSample) fill(got, base []fact) {
	for _, f := range got {
		if !slices.ContainsFunc(base, f.same) {
			b.Expect = append(b.Expect, f)
		}
	}
	for _, f := range base {
		if !slices.ContainsFunc(got, func(g fact) bool { return g.Path == f.Path }) {
			b.Gone = append(b.Gone, f.Path)
		}
	}
}
