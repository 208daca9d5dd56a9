package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// world is the model: what a plain file system would hold.
type world struct {
	b     *bench
	r     *rand.Rand
	files map[string][]byte // path -> content
	dirs  map[string]bool
	open  []*openFile
	steps []string
}

// openFile is a handle and the content that it must show, by name or not.
type openFile struct {
	h       *Handle
	path    string // "" once unlinked
	content []byte
}

var modelNames = []string{"a", "b", "合同.docx", strings.Repeat("长", 85), strings.Repeat("n", 200)}

func newWorld(t *testing.T, seed uint64) *world {
	return &world{b: newBench(t), r: rand.New(rand.NewPCG(seed, 1)),
		files: map[string][]byte{}, dirs: map[string]bool{"": true}}
}

func (w *world) step(format string, args ...any) {
	w.steps = append(w.steps, fmt.Sprintf(format, args...))
	if len(w.steps) > 40 {
		w.steps = w.steps[1:]
	}
}

func (w *world) fatalf(format string, args ...any) {
	w.b.t.Helper()
	w.b.t.Fatalf("%s\nafter:\n%s", fmt.Sprintf(format, args...), strings.Join(w.steps, "\n"))
}

// place draws a path in an existing directory.
func (w *world) place() string {
	dirs := sorted(w.dirs)
	d := dirs[w.r.IntN(len(dirs))]
	return strings.TrimPrefix(d+"/"+modelNames[w.r.IntN(len(modelNames))], "/")
}

func sorted[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// offset draws one that is often near the edges of blocks.
func (w *world) offset() int {
	n := w.r.IntN(20) * 4096
	if w.r.IntN(3) > 0 {
		n += w.r.IntN(9) - 4
	}
	return max(n, 0)
}

func (w *world) length() int {
	if w.r.IntN(2) == 0 {
		return 1 + w.r.IntN(300)
	}
	return 1 + w.r.IntN(40_000)
}

func (w *world) fill(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(w.r.UintN(256))
	}
	return p
}

// TestModel runs random operations on the store and on a model of it, with
// several handles open, reopening the store again and again.
func TestModel(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t, seed)
			for range 700 {
				w.randomStep()
			}
			w.reopen(seed%2 == 0)
			w.compare()
		})
	}
}

func (w *world) randomStep() {
	switch n := w.r.IntN(100); {
	case n < 10:
		w.openSome()
	case n < 18:
		w.closeSome()
	case n < 75 && len(w.open) > 0:
		w.useHandle(w.open[w.r.IntN(len(w.open))])
	case n < 80:
		w.mkdir()
	case n < 85:
		w.unlink()
	case n < 88:
		w.rmdir()
	case n < 97:
		w.rename()
	case n < 98:
		w.compare()
	case n == 98:
		w.reopen(w.r.IntN(2) == 0)
	}
}

func (w *world) openSome() {
	path := w.place()
	dir, name := split(path)
	w.step("create %q", path)
	d := w.b.at(dir)
	defer d.Release()
	o, h, created, err := d.Create(name, staff, false)
	_, had := w.files[path]
	switch {
	case w.dirs[path]:
		if err != syscall.EISDIR {
			w.fatalf("create over a directory: %v", err)
		}
		return
	case err != nil || created == had:
		w.fatalf("create %q: created %v, had %v: %v", path, created, had, err)
	}
	o.Release()
	if !had {
		w.files[path] = nil
	}
	f := &openFile{h: h, path: path}
	w.open = append(w.open, f)
}

func (w *world) closeSome() {
	if len(w.open) == 0 {
		return
	}
	i := w.r.IntN(len(w.open))
	w.step("close %q", w.open[i].path)
	must(w.b.t, w.open[i].h.Close())
	w.open = slices.Delete(w.open, i, i+1)
}

// content returns what the file must hold, shared by all its handles.
func (w *world) content(f *openFile) *[]byte {
	if f.path == "" {
		return &f.content
	}
	c := w.files[f.path]
	return &c
}

func (w *world) set(f *openFile, c []byte) {
	if f.path != "" {
		w.files[f.path] = c
		return
	}
	for _, g := range w.open {
		if g.h.Object() == f.h.Object() {
			g.content = c
		}
	}
}

func (w *world) useHandle(f *openFile) {
	c := *w.content(f)
	switch w.r.IntN(10) {
	case 0, 1, 2:
		off, p := w.offset(), w.fill(w.length())
		w.step("write %q %d+%d", f.path, off, len(p))
		n, err := f.h.WriteAt(p, int64(off))
		if err != nil || n != len(p) {
			w.fatalf("write: %d, %v", n, err)
		}
		w.set(f, overwrite(c, p, off))
	case 3:
		p := w.fill(w.length())
		w.step("append %q %d", f.path, len(p))
		off, _, err := f.h.Append(p)
		if err != nil || int(off) != len(c) {
			w.fatalf("append at %d, want %d: %v", off, len(c), err)
		}
		w.set(f, overwrite(c, p, len(c)))
	case 4:
		size := w.offset()
		w.step("truncate %q %d from %d", f.path, size, len(c))
		must(w.b.t, f.h.Truncate(uint64(size)))
		w.set(f, resized(c, size))
	case 5:
		w.zero(f, c)
	case 6:
		w.step("sync %q", f.path)
		must(w.b.t, f.h.Sync())
	default:
		w.readSome(f, c)
	}
}

func (w *world) zero(f *openFile, c []byte) {
	off, n, keep := w.offset(), w.length(), w.r.IntN(2) == 0
	w.step("zero %q %d+%d keep %v", f.path, off, n, keep)
	must(w.b.t, f.h.Zero(int64(off), int64(n), keep))
	want := slices.Clone(c)
	if !keep {
		want = resized(c, max(len(c), off+n))
	}
	if off < len(want) {
		clear(want[off:min(off+n, len(want))])
	}
	w.set(f, want)
}

func overwrite(c, p []byte, off int) []byte {
	out := resized(c, max(len(c), off+len(p)))
	copy(out[off:], p)
	return out
}

func resized(c []byte, n int) []byte {
	out := make([]byte, n)
	copy(out, c)
	return out
}

func (w *world) readSome(f *openFile, c []byte) {
	off, p := w.offset(), make([]byte, w.length())
	w.step("read %q %d+%d", f.path, off, len(p))
	n, err := f.h.ReadAt(p, int64(off))
	var want []byte
	if off < len(c) {
		want = c[off:min(off+len(p), len(c))]
	}
	if err != nil || !bytes.Equal(p[:n], want) {
		w.fatalf("read %d bytes, want %d, they differ at %d: %v", n, len(want), differAt(p[:n], want), err)
	}
}

// reopen closes all handles and opens the store anew, or with kill leaves it
// with everything open, as SIGKILL does.
func (w *world) reopen(kill bool) {
	w.step("reopen, kill %v", kill)
	if kill {
		w.open = nil
		w.b.crash()
		return
	}
	for _, f := range w.open {
		must(w.b.t, f.h.Close())
	}
	w.open = nil
	if n := len(w.b.live); n != 1 {
		w.fatalf("%d objects are live with nothing open, want the root alone", n)
	}
	w.b.reopen()
}

// compare walks the whole tree and compares it with the model.
func (w *world) compare() {
	w.step("compare")
	for dir := range w.dirs {
		var want []string
		for _, p := range append(sorted(w.files), sorted(w.dirs)...) {
			if d, name := split(p); d == dir && p != "" {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		w.b.with(dir, func(d *Object) {
			if got := list(w.b.t, d); !slices.Equal(got, want) {
				w.fatalf("%q holds %q, want %q", dir, got, want)
			}
		})
	}
	for path, c := range w.files {
		got, err := w.b.read(path)
		if err != nil || !bytes.Equal(got, c) {
			w.fatalf("%q has %d bytes, want %d, differ at %d: %v", path, len(got), len(c), differAt(got, c), err)
		}
	}
}
