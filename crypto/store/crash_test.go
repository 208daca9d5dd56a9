package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"matterfs/crypto"
)

func (b *bench) plant(tree map[string]string) {
	for _, p := range sorted(tree) {
		if tree[p] == "/" {
			b.mkdir(p)
		} else {
			b.write(p, []byte(tree[p]))
		}
	}
}

// tree reads everything back.
func (b *bench) tree() (map[string]string, error) {
	m := map[string]string{}
	return m, b.walk(b.root, "", m)
}

func (b *bench) walk(d *Object, path string, m map[string]string) error {
	entries, err := d.ReadDir()
	for _, e := range entries {
		o, lerr := d.Lookup(e.Name)
		if lerr != nil {
			return lerr
		}
		p := strings.TrimPrefix(path+"/"+e.Name, "/")
		switch o.Kind() {
		case crypto.Dir:
			m[p] = "/"
			err = errors.Join(err, b.walk(o, p, m))
		case crypto.Symlink:
			target, rerr := o.Readlink()
			m[p], err = "->"+target, errors.Join(err, rerr)
		default:
			c, rerr := b.read(p)
			m[p], err = string(c), errors.Join(err, rerr)
		}
		o.Release()
	}
	return err
}

func sameTree(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || w != v {
			return false
		}
	}
	return true
}

// TestKillAtEveryStep kills each operation after each of its system calls and
// wants the old tree or the new one, every file readable, and that the store
// goes on working. With old files every write that has to be durable in between
// is there too.
func TestKillAtEveryStep(t *testing.T) {
	for _, s := range scenarios() {
		for _, old := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/old=%v", s.name, old), func(t *testing.T) { s.killAll(t, old) })
		}
	}
}

func (s scenario) killAll(t *testing.T, old bool) {
	for k := 0; ; k++ {
		f := &faults{}
		b := newBench(t, withFaults(f))
		b.plant(s.before)
		if old {
			later(b)
		}
		b.reopen()
		f.killAt(k, false)
		err := s.run(b)
		f.set(nil)
		b.crash()
		got, terr := b.tree()
		if terr != nil {
			t.Fatalf("killed after %d calls: %v", k, terr)
		}
		ok := sameTree(got, s.before) || slices.ContainsFunc(s.after, func(m map[string]string) bool { return sameTree(got, m) })
		if !ok {
			t.Fatalf("killed after %d calls (%v): found %q", k, err, sorted(got))
		}
		b.write("still works", []byte("yes"))
		if err == nil {
			if len(s.after) > 0 && !sameTree(got, s.after[0]) {
				t.Fatalf("acknowledged and lost: found %q", sorted(got))
			}
			return
		}
		b.Store.Close()
	}
}

// TestTornWrites kills in the middle of each write: the kernel stops at a page.
// Not even the block that was being overwritten may be lost.
func TestTornWrites(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			for k := 0; ; k++ {
				f := &faults{}
				b := newBench(t, withFaults(f))
				b.plant(s.before)
				b.reopen()
				f.killAt(k, true)
				err := s.run(b)
				f.set(nil)
				b.crash()
				if got, err := b.find("f"); err == nil {
					b.checkTorn(got, s, k)
					got.Release()
				} else if isCorrupt(err) {
					t.Fatalf("torn at call %d: %v", k, err)
				}
				b.Store.Close()
				if err == nil {
					return
				}
			}
		})
	}
}

// checkTorn reads a file block by block.
func (b *bench) checkTorn(o *Object, s scenario, k int) {
	b.t.Helper()
	h, err := o.Open(false)
	must(b.t, err)
	defer h.Close()
	a, err := o.Attr()
	must(b.t, err)
	p := make([]byte, 4096)
	for off := int64(0); off < int64(a.Size); off += 4096 {
		n, err := h.ReadAt(p, off)
		if err != nil {
			b.t.Fatalf("torn at call %d: block at %d is lost: %v", k, off, err)
		}
		was := []byte(s.before["f"])
		if want := was[min(off, int64(len(was))):min(off+int64(n), int64(len(was)))]; off+int64(n) <= int64(len(was)) &&
			!bytes.Equal(p[:n], want) && !bytes.HasPrefix([]byte(bigNew), p[:min(n, 16)]) {
			b.t.Fatalf("torn at call %d: block at %d is neither old nor new", k, off)
		}
	}
}

// What is written and acknowledged survives the death of the daemon without
// any sync or close, as with every file system.
func TestKillKeepsAcknowledgedWrites(t *testing.T) {
	for _, old := range []bool{false, true} {
		b := newBench(t)
		b.write("f", []byte(bigOld))
		if old {
			later(b)
		}
		b.reopen()
		o, h, _, err := b.root.Create("f", staff, false)
		must(t, err)
		want := []byte(bigOld)
		for i := range 40 {
			p := random(1000 + 333*i)
			_, _, err := h.Append(p)
			must(t, err)
			want = append(want, p...)
			copy(want[i*100:], "middle")
			_, err = h.WriteAt([]byte("middle"), int64(i*100))
			must(t, err)
			if i%10 == 3 {
				must(t, h.Sync())
			}
		}
		_, _ = o, h
		b.crash()
		b.wantContent("f", want)
		b.reopen()
		b.wantContent("f", want)
	}
}

// A slot is written now and then, so that recovery never scans for long.
func TestLongSessionsRefreshTheSlot(t *testing.T) {
	for _, old := range []bool{false, true} {
		b := newBench(t)
		b.write("f", []byte("x"))
		if old {
			later(b)
		}
		b.reopen()
		_, h, _, err := b.root.Create("f", staff, false)
		must(t, err)
		p := random(1 << 20)
		for range 70 {
			_, _, err := h.Append(p)
			must(t, err)
		}
		c := h.o.file
		if c.writes-c.refreshed > refreshWrites {
			t.Errorf("old %v: %d writes since the last slot", old, c.writes-c.refreshed)
		}
		b.crash()
		b.with("f", func(o *Object) {
			if a, err := o.Attr(); err != nil || a.Size != 70<<20+1 {
				t.Errorf("old %v: size %d, %v", old, a.Size, err)
			}
		})
	}
}

// A dirty file is not free for all: it cannot be cut short, and blocks from
// before its slot do not count as its tail.
func TestAttackDirtyFile(t *testing.T) {
	b := newBench(t)
	b.write("f", []byte(bigOld))
	path := b.backing("f")
	before := readFile(t, path)
	_, h, _, err := b.root.Create("f", staff, false)
	must(t, err)
	must(t, h.Truncate(8192))
	whole := readFile(t, path)
	for name, attacked := range map[string][]byte{
		"cut":             whole[:blockOffset(1)],
		"cut in a block":  whole[:blockOffset(1)+100],
		"header cut":      whole[:100],
		"slots exchanged": append(append(append(bytes.Clone(whole[:0x200]), random(0x600)...), random(0x600)...), whole[0xe00:]...),
	} {
		b.crash()
		writeFile(t, path, attacked)
		if _, err := b.read("f"); !isCorrupt(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, tail := range [][]byte{before[blockOffset(2):], before[blockOffset(0):blockOffset(1)], random(500)} {
		writeFile(t, path, append(bytes.Clone(whole), tail...))
		b.crash()
		b.wantContent("f", []byte(bigOld[:8192]))
	}
	writeFile(t, path, whole)
	b.crash()
	b.wantContent("f", []byte(bigOld[:8192]))
}

// Recovery itself may be killed, and then starts anew.
func TestKillInRecovery(t *testing.T) {
	for _, s := range contentScenarios() {
		if s.before["f"] == "" || len(s.after) == 0 {
			continue
		}
		for first := 0; first < 8; first++ {
			for second := 0; second < 6; second++ {
				f := &faults{}
				b := newBench(t, withFaults(f))
				b.plant(s.before)
				f.killAt(first, false)
				s.run(b)
				f.set(nil)
				b.open()
				b.findRoot()
				f.killAt(second, false)
				b.read("f")
				f.set(nil)
				b.crash()
				got, err := b.tree()
				ok := sameTree(got, s.before) || slices.ContainsFunc(s.after, func(m map[string]string) bool { return sameTree(got, m) })
				if err != nil || !ok {
					t.Fatalf("%s killed after %d calls, recovery after %d: %v", s.name, first, second, err)
				}
				b.Store.Close()
			}
		}
	}
}

// The keys of objects that nobody uses are not kept.
func TestKeysGoWithDescriptors(t *testing.T) {
	b := newBench(t)
	b.write("f", []byte("abc"))
	o := b.at("f")
	if o.file.keys == nil {
		t.Error("no keys although the node is open")
	}
	b.dropDescriptors()
	if o.file.keys != nil || b.root.dir.keys != nil {
		t.Error("keys outlive the descriptor")
	}
	must(t, o.SetXattr("user.a", []byte("1"), 0))
	must(t, b.root.SetXattr("user.a", []byte("1"), 0))
	b.wantContent("f", []byte("abc"))
}
