package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// together runs f n times at once and waits.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

// expected reports errors that a race between honest callers may give.
func expected(err error) bool {
	for _, e := range []error{syscall.ENOENT, syscall.EEXIST, syscall.EISDIR, syscall.ENOTDIR, syscall.ENOTEMPTY, syscall.EINVAL} {
		if errors.Is(err, e) {
			return true
		}
	}
	return err == nil
}

// TestRaceTree lets many goroutines do everything at the same few names; a
// small descriptor cache makes nodes come and go all the time.
func TestRaceTree(t *testing.T) {
	b := newBench(t, func(b *bench) { b.opts.MaxDescriptors = 3 })
	for _, d := range []string{"a", "b", "a/c"} {
		b.mkdir(d)
	}
	together(8, func(i int) {
		r := rand.New(rand.NewPCG(uint64(i), 7))
		for range 300 {
			if err := b.randomOp(r); !expected(err) {
				t.Errorf("unexpected: %v", err)
				return
			}
		}
	})
	if _, err := b.tree(); err != nil {
		t.Error(err)
	}
	if n := len(b.live); n != 1 {
		t.Errorf("%d objects are live, want the root alone", n)
	}
	b.reopen()
	if _, err := b.tree(); err != nil {
		t.Error(err)
	}
}

func (b *bench) randomOp(r *rand.Rand) error {
	dirs := []string{"", "a", "b", "a/c", "x", "a/y"}
	names := []string{"c", "x", "y", "f", "g"}
	d, err := b.find(dirs[r.IntN(len(dirs))])
	if err != nil {
		return err
	}
	defer d.Release()
	name := names[r.IntN(len(names))]
	switch r.IntN(8) {
	case 0, 1:
		return b.createAndUse(d, name, r)
	case 2:
		return d.Unlink(name)
	case 3:
		return d.Rmdir(name)
	case 4:
		o, err := d.Mkdir(name, staff)
		if err == nil {
			o.Release()
		}
		return err
	case 5:
		_, err := d.ReadDir()
		return err
	case 6:
		o, err := d.Lookup(name)
		if err != nil {
			return err
		}
		defer o.Release()
		mode := uint32(r.UintN(0o777))
		_, err = o.SetAttr(SetAttr{Mode: &mode})
		return err
	}
	e, err := b.find(dirs[r.IntN(len(dirs))])
	if err != nil {
		return err
	}
	defer e.Release()
	return d.Rename(name, e, names[r.IntN(len(names))], r.IntN(3) == 0)
}

func (b *bench) createAndUse(d *Object, name string, r *rand.Rand) error {
	o, h, _, err := d.Create(name, staff, r.IntN(2) == 0)
	if err != nil {
		return err
	}
	defer o.Release()
	_, err = h.WriteAt(make([]byte, r.IntN(9000)), int64(r.IntN(5000)))
	if r.IntN(3) == 0 {
		err = errors.Join(err, h.Truncate(uint64(r.IntN(9000))))
	}
	if r.IntN(5) == 0 {
		err = errors.Join(err, h.Sync())
	}
	_, rerr := readHandle(h)
	return errors.Join(err, rerr, h.Close())
}

// TestRaceContent has writers of whole records, appenders, readers and syncs on
// one file: no read sees half a record, no append is lost.
func TestRaceContent(t *testing.T) {
	const record, records, rounds = 5000, 6, 150
	b := newBench(t)
	b.write("f", bytes.Repeat([]byte{'a'}, record*records))
	var appended atomic.Int64
	together(6, func(i int) {
		o := b.at("f")
		defer o.Release()
		r := rand.New(rand.NewPCG(uint64(i), 9))
		for range rounds {
			h, err := o.Open(true)
			if err != nil {
				t.Error(err)
				return
			}
			off := int64(r.IntN(records)) * record
			p := make([]byte, record)
			n, err := h.ReadAt(p, off)
			if err != nil || n != record || bytes.Count(p, p[:1]) != record {
				t.Errorf("half a record at %d: %d, %v", off, n, err)
			}
			_, err = h.WriteAt(bytes.Repeat([]byte{byte('a' + r.IntN(26))}, record), off)
			if err == nil && i < 2 {
				_, _, err = h.Append([]byte("0123456789"))
				appended.Add(10)
			}
			if err == nil && r.IntN(10) == 0 {
				err = h.Sync()
			}
			if err = errors.Join(err, h.Close()); err != nil {
				t.Error(err)
			}
		}
	})
	got, err := b.read("f")
	must(t, err)
	if want := record*records + int(appended.Load()); len(got) != want {
		t.Errorf("%d bytes, want %d", len(got), want)
	}
	if tail := got[record*records:]; !bytes.Equal(tail, bytes.Repeat([]byte("0123456789"), len(tail)/10)) {
		t.Error("appends are mixed")
	}
}

func TestRaceExclusiveCreate(t *testing.T) {
	b := newBench(t)
	for round := range 50 {
		var won atomic.Int32
		together(4, func(int) {
			o, h, _, err := b.root.Create(fmt.Sprint("f", round), staff, true)
			if err == nil {
				won.Add(1)
				h.Close()
				o.Release()
			} else if err != syscall.EEXIST {
				t.Error(err)
			}
		})
		if won.Load() != 1 {
			t.Fatalf("%d creators won", won.Load())
		}
	}
}

// There is one object for an id, whoever asks, also while it comes and goes.
func TestRaceOneObject(t *testing.T) {
	b := newBench(t)
	b.write("f", []byte("0"))
	together(8, func(i int) {
		for n := range 300 {
			o, err := b.root.Lookup("f")
			if err != nil {
				t.Error(err)
				return
			}
			p, err := b.root.Lookup("f")
			if o != p || err != nil {
				t.Errorf("two objects, %v", err)
			}
			if n%10 == i {
				h, err := o.Open(true)
				if err == nil {
					_, _, err = h.Append([]byte("0"))
					err = errors.Join(err, h.Close())
				}
				if err != nil {
					t.Error(err)
				}
			}
			o.Release()
			p.Release()
		}
	})
	b.wantContent("f", bytes.Repeat([]byte("0"), 241))
}

// Two threads that move folders into each other do not lock each other out, and
// no folder ends up inside itself.
func TestRaceFolderMoves(t *testing.T) {
	b := newBench(t)
	b.mkdir("a")
	b.mkdir("b")
	together(4, func(i int) {
		for range 100 {
			from, to := "a", "b"
			if i%2 == 0 {
				from, to = to, from
			}
			if d, err := b.find(to); err == nil {
				if err := b.root.Rename(from, d, from, false); !expected(err) {
					t.Error(err)
				}
				if err := d.Rename(from, b.root, from, false); !expected(err) {
					t.Error(err)
				}
				d.Release()
			}
		}
	})
	got, err := b.tree()
	if err != nil || len(got) != 2 {
		t.Errorf("%q, %v", got, err)
	}
}

// A change of metadata does not show as a change of content, not for a moment.
func TestRaceAttrSeesNoMovedTime(t *testing.T) {
	b := newBench(t)
	b.mkdir("d")
	b.write("f", []byte("abc"))
	old := time.Unix(1e9, 0)
	for _, p := range []string{"d", "f"} {
		o := b.at(p)
		_, err := o.SetAttr(SetAttr{Mtime: &old})
		must(t, err)
		together(2, func(i int) {
			for n := range uint32(200) {
				mode := n % 0o777
				set := SetAttr{}
				if i == 0 {
					set.Mode = &mode
				}
				if a, err := o.SetAttr(set); err != nil || !a.Mtime.Equal(old) {
					t.Errorf("%s: time %v, %v", p, a.Mtime, err)
					return
				}
			}
		})
		o.Release()
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(list)
}

func TestManyObjectsFewDescriptors(t *testing.T) {
	b := newBench(t, func(b *bench) { b.opts.MaxDescriptors = 32 })
	before := descriptors(t)
	var live []*Object
	for i := range 100 {
		b.mkdir(fmt.Sprint("d", i))
		d := b.at(fmt.Sprint("d", i))
		live = append(live, d)
		for j := range 100 {
			o, h, _, err := d.Create(fmt.Sprint("f", j), staff, true)
			must(t, err)
			_, err = h.WriteAt([]byte{byte(j)}, 0)
			must(t, err)
			must(t, h.Close())
			live = append(live, o)
		}
	}
	if n := descriptors(t) - before; n > 40 {
		t.Errorf("%d descriptors for %d live objects", n, len(live))
	}
	for _, o := range live {
		if _, err := o.Attr(); err != nil {
			t.Fatal(err)
		}
		if o.Kind() != kindFile {
			continue
		}
		h, err := o.Open(false)
		must(t, err)
		p := make([]byte, 2)
		if n, err := h.ReadAt(p, 0); n != 1 || err != nil {
			t.Fatalf("read %d, %v", n, err)
		}
		must(t, h.Close())
	}
	for _, o := range live {
		o.Release()
	}
	if n := len(b.live); n != 1 {
		t.Errorf("%d objects are live", n)
	}
}

func TestOutOfDescriptors(t *testing.T) {
	b := newBench(t)
	for i := range 200 {
		b.write(fmt.Sprint("f", i), []byte("x"))
	}
	b.reopen()
	var lim syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim))
	low := lim
	low.Cur = uint64(descriptors(t) + 40)
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low))
	defer syscall.Setrlimit(syscall.RLIMIT_NOFILE, &lim)
	var live []*Object
	for i := range 200 {
		o, err := b.root.Lookup(fmt.Sprint("f", i))
		must(t, err)
		live = append(live, o)
	}
	for _, o := range live {
		_, err := o.Attr()
		must(t, err)
		o.Release()
	}
}
