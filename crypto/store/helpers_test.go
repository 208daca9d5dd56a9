package store

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"matterfs/crypto"
)

// ring is a keystore of a few matters.
type ring map[crypto.ID]*ringKey

type ringKey struct {
	key    *crypto.Key
	matter string
}

func (r ring) Key(id crypto.ID) (*crypto.Key, string, uint32, error) {
	k, ok := r[id]
	if !ok {
		return nil, "", 0, errors.New("no such key")
	}
	return k.key, k.matter, 1, nil
}

func (r ring) add(matter string) crypto.ID {
	id := crypto.NewID()
	r[id] = &ringKey{crypto.NewKey(), matter}
	return id
}

func (r ring) idOf(matter string) crypto.ID {
	for id, k := range r {
		if k.matter == matter {
			return id
		}
	}
	return crypto.ID{}
}

// bench is a store on a real directory that tests can attack, crash and reopen.
type bench struct {
	*Store
	t    *testing.T
	path string
	id   crypto.ID
	key  *crypto.Key
	keys ring
	opts Options
	wrap func(Disk) Disk
	root *Object // of matter "m1"
}

var staff = NewAttr{UID: 10021, GID: 100, Mode: 0o640}

func newBench(t *testing.T, change ...func(*bench)) *bench {
	t.Helper()
	b := &bench{t: t, path: t.TempDir(), id: crypto.NewID(), key: crypto.NewKey(), keys: ring{}}
	b.opts.JournalAge = -1 // no test depends on how long it takes
	withFaults(&faults{quiet: true})(b)
	for _, c := range change {
		c(b)
	}
	must(t, Create(b.disk(), b.id, b.key))
	b.open()
	_, err := b.CreateMatter("m1", b.keys.add("m1"), "甲公司", NewAttr{UID: 10021, Mode: 0o770})
	must(t, err)
	b.findRoot()
	t.Cleanup(func() { b.Store.Close() })
	return b
}

func (b *bench) disk() Disk {
	d, err := OpenOSDisk(b.path)
	must(b.t, err)
	if b.wrap != nil {
		return b.wrap(d)
	}
	return d
}

func (b *bench) open() {
	b.t.Helper()
	s, err := Open(b.disk(), b.id, b.key, b.keys, b.opts)
	must(b.t, err)
	b.Store = s
}

func (b *bench) findRoot() {
	b.t.Helper()
	b.root = nil
	for _, m := range b.Matters() {
		if m.Matter == "m1" {
			must(b.t, m.Err)
			b.root = m.Root
		}
	}
	if b.root == nil {
		b.t.Fatal("matter m1 not found")
	}
}

// reopen closes the store and opens it again.
func (b *bench) reopen() {
	b.t.Helper()
	must(b.t, b.Store.Close())
	b.open()
	b.findRoot()
}

// crash leaves the store as a killed daemon does and opens another one.
func (b *bench) crash() {
	b.t.Helper()
	b.open()
	b.findRoot()
}

// at returns the object at a path, released at the end of the test.
func (b *bench) at(path string) *Object {
	b.t.Helper()
	o, err := b.find(path)
	must(b.t, err)
	return o
}

func (b *bench) find(path string) (*Object, error) {
	o := b.root
	o.Retain()
	for _, name := range strings.Split(path, "/") {
		if path == "" {
			break
		}
		next, err := o.Lookup(name)
		o.Release()
		if err != nil {
			return nil, err
		}
		o = next
	}
	return o, nil
}

// with runs f on the object at path and gives it back.
func (b *bench) with(path string, f func(o *Object)) {
	b.t.Helper()
	o := b.at(path)
	defer o.Release()
	f(o)
}

func split(path string) (dir, name string) {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return "", path
}

func (b *bench) mkdir(path string) {
	b.t.Helper()
	dir, name := split(path)
	b.with(dir, func(d *Object) {
		o, err := d.Mkdir(name, NewAttr{UID: 10021, Mode: 0o770})
		must(b.t, err)
		o.Release()
	})
}

// write makes a file with the given content.
func (b *bench) write(path string, content []byte) {
	b.t.Helper()
	must(b.t, b.tryWrite(path, content))
}

func (b *bench) tryWrite(path string, content []byte) error {
	b.t.Helper()
	dir, name := split(path)
	d := b.at(dir)
	defer d.Release()
	o, h, _, err := d.Create(name, staff, false)
	if err != nil {
		return err
	}
	defer o.Release()
	if err := h.Truncate(0); err != nil {
		return errors.Join(err, h.Close())
	}
	_, err = h.WriteAt(content, 0)
	return errors.Join(err, h.Close())
}

func (b *bench) read(path string) ([]byte, error) {
	o, err := b.find(path)
	if err != nil {
		return nil, err
	}
	defer o.Release()
	h, err := o.Open(false)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	return readHandle(h)
}

func readHandle(h *Handle) ([]byte, error) {
	a, err := h.Object().Attr()
	if err != nil {
		return nil, err
	}
	p := make([]byte, a.Size)
	n, err := h.ReadAt(p, 0)
	return p[:n], err
}

func (b *bench) wantContent(path string, want []byte) {
	b.t.Helper()
	got, err := b.read(path)
	if err != nil {
		b.t.Fatalf("read %s: %v", path, err)
	}
	if !bytes.Equal(got, want) {
		b.t.Fatalf("%s has %d bytes, want %d; they differ at %d", path, len(got), len(want), differAt(got, want))
	}
}

func differAt(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// backing returns the path of the backing file or directory of an object.
func (b *bench) backing(path string) string {
	b.t.Helper()
	full := filepath.Join(b.path, b.root.m.stored)
	d := b.root
	for _, name := range strings.Split(path, "/") {
		if path == "" {
			break
		}
		stored, _, err := b.root.m.names.Seal(d.id, name)
		must(b.t, err)
		full = filepath.Join(full, stored)
		if o, err := b.find(strings.TrimPrefix(d.Path()+"/"+name, "/")); err == nil {
			defer o.Release()
			d = o
		}
	}
	return full
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

func isCorrupt(err error) bool {
	var c *CorruptError
	return errors.As(err, &c)
}

func wantCorrupt(t testing.TB, err error) {
	t.Helper()
	if !isCorrupt(err) {
		t.Fatalf("error %v, want a CorruptError", err)
	}
}

func random(n int) []byte {
	p := make([]byte, n)
	rand.Read(p)
	return p
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	p, err := os.ReadFile(path)
	must(t, err)
	return p
}

func writeFile(t testing.TB, path string, p []byte) {
	t.Helper()
	must(t, os.WriteFile(path, p, 0o600))
}

// later is a clock by which every file is old.
func later(b *bench) {
	b.opts.Now = func() time.Time { return time.Now().Add(-time.Hour) }
}
