package store

import (
	"bytes"
	"syscall"
	"testing"
)

// full lets room bytes of growth through and then says ENOSPC, as a disk does:
// what is stored already can be overwritten.
func (f *faults) full(length int64, room int64) {
	f.set(func(op string, off int64, size int) (int, error) {
		switch end := off + int64(size); {
		case op == "create" || op == "mkdir" || op == "setxattr" || op == "allocate":
			return 0, syscall.ENOSPC
		case op == "write" && end > length+room:
			return int(max(length+room-off, 0)), syscall.ENOSPC
		}
		return size, nil
	})
}

func TestFullDiskKeepsOldData(t *testing.T) {
	for _, size := range []int{0, 1, 904, 4096, 5000, 3*4096 + 17} {
		for _, room := range []int64{0, 1, 47, 48, 500, 3000, 4144, 5000, 9000, 20_000} {
			for _, off := range []int{size, max(size-300, 0), size + 6000} {
				f := &faults{}
				b := newBench(t, withFaults(f))
				old := random(size)
				b.write("f", old)
				b.fillUp(f, old, off, room)
				b.Store.Close()
			}
		}
	}
}

// fillUp writes 30,000 bytes at off with little room, wants ENOSPC and that
// nothing but what was acknowledged is there, now and after reopening.
func (b *bench) fillUp(f *faults, old []byte, off int, room int64) {
	t := b.t
	t.Helper()
	_, h, _, err := b.root.Create("f", staff, false)
	must(t, err)
	p := random(30_000)
	f.full(physical(uint64(len(old))), room)
	n, err := h.WriteAt(p, int64(off))
	wantErr(t, err, syscall.ENOSPC)
	must(t, h.Close())
	f.set(nil)
	want := old
	if n > 0 {
		want = overwrite(old, p[:n], off)
	}
	for range 2 {
		got, err := b.read("f")
		must(t, err)
		// The block in which the disk filled up may hold new bytes where the
		// write was to overwrite old ones.
		for i := off + n; i < min(len(want), len(got)); i++ {
			if got[i] == p[i-off] {
				want[i] = got[i]
			}
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%d old bytes, write at %d, room %d: %d stored; %d bytes instead of %d, differ at %d",
				len(old), off, room, n, len(got), len(want), differAt(got, want))
		}
		b.reopen()
	}
	b.write("f", p)
	b.wantContent("f", p)
}

func TestFullDiskRefusesNewThings(t *testing.T) {
	f := &faults{}
	b := newBench(t, withFaults(f))
	b.write("f", []byte("abc"))
	b.mkdir("d")
	o := b.at("f")
	h, err := o.Open(true)
	must(t, err)
	f.full(0, 0)
	_, _, _, err = b.root.Create("g", staff, true)
	wantErr(t, err, syscall.ENOSPC)
	_, err = b.root.Mkdir("e", staff)
	wantErr(t, err, syscall.ENOSPC)
	_, err = b.root.Symlink("l", "x", staff)
	wantErr(t, err, syscall.ENOSPC)
	wantErr(t, o.SetXattr("user.a", []byte("1"), 0), syscall.ENOSPC)
	wantErr(t, h.Allocate(0, 1<<20, false), syscall.ENOSPC)
	wantErr(t, b.root.Rename("d", b.root, "e", false), syscall.ENOSPC)
	wantErr(t, b.at("d").SetLevel("机密"), syscall.ENOSPC)
	must(t, b.root.Rename("f", b.root, "h", false))
	f.set(nil)
	must(t, h.Close())
	b.reopen()
	got, err := b.tree()
	must(t, err)
	if !sameTree(got, map[string]string{"h": "abc", "d": "/"}) {
		t.Errorf("found %q", got)
	}
}

// Every call that changes the disk may fail, once, with EIO: the caller is told
// or the state is right, and the file stays readable.
func TestEveryErrorLeavesAReadableFile(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			for k := 0; ; k++ {
				f := &faults{}
				b := newBench(t, withFaults(f))
				b.plant(s.before)
				b.reopen()
				n := 0
				f.set(func(op string, off int64, size int) (int, error) {
					if n++; n == k+1 {
						return 0, syscall.EIO
					}
					return size, nil
				})
				err := s.run(b)
				f.set(nil)
				if _, terr := b.tree(); terr != nil {
					t.Fatalf("call %d failed (%v): %v", k, err, terr)
				}
				b.reopen()
				got, terr := b.tree()
				if terr != nil {
					t.Fatalf("call %d failed (%v), reopened: %v", k, err, terr)
				}
				if err == nil && len(s.after) > 0 && !sameTree(got, s.after[0]) {
					t.Fatalf("call %d failed, nobody was told, and the tree is %q", k, sorted(got))
				}
				b.Store.Close()
				if n <= k {
					return
				}
			}
		})
	}
}

func TestZeroFillLimit(t *testing.T) {
	b := newBench(t, func(b *bench) { b.opts.MaxZeroFill = 1 << 20 })
	_, h, _, err := b.root.Create("f", staff, true)
	must(t, err)
	_, err = h.WriteAt([]byte("x"), 1<<20+1)
	wantErr(t, err, syscall.EFBIG)
	must(t, h.Truncate(1<<40)) // growing is free
	_, err = h.WriteAt([]byte("x"), 1<<20)
	must(t, err)
	must(t, h.Close())
	b.with("f", func(o *Object) {
		a, err := o.Attr()
		must(t, err)
		if a.Size != 1<<40 || a.Blocks*512 > 3<<20 {
			t.Errorf("size %d in %d blocks", a.Size, a.Blocks)
		}
	})
	h, err = b.at("f").Open(true)
	must(t, err)
	defer h.Close()
	_, err = h.WriteAt([]byte("x"), 1<<62)
	wantErr(t, err, syscall.EFBIG)
	wantErr(t, h.Truncate(1<<62), syscall.EFBIG)
	wantErr(t, h.Allocate(1<<61, 1<<61, false), syscall.EFBIG)
	wantErr(t, h.Zero(1<<61, 1<<61, false), syscall.EFBIG)
	_, err = h.WriteAt(nil, -1)
	wantErr(t, err, syscall.EINVAL)
	_, err = h.ReadAt(nil, -1)
	wantErr(t, err, syscall.EINVAL)
	wantErr(t, h.Allocate(-1, 1, false), syscall.EINVAL)
	wantErr(t, h.Zero(0, 0, false), syscall.EINVAL)
}

func TestWornOutKey(t *testing.T) {
	b := newBench(t)
	b.write("f", []byte("abc"))
	h, err := b.at("f").Open(true)
	must(t, err)
	defer h.Close()
	h.o.file.writes = maxBlockWrites - 1
	_, err = h.WriteAt([]byte("x"), 0)
	must(t, err)
	_, err = h.WriteAt([]byte("x"), 0)
	wantErr(t, err, ErrRekey)
}

func TestSeekAllocateZero(t *testing.T) {
	b := newBench(t)
	_, h, _, err := b.root.Create("f", staff, true)
	must(t, err)
	defer h.Close()
	_, err = h.WriteAt(bytes.Repeat([]byte("x"), 10_000), 0)
	must(t, err)
	must(t, h.Allocate(0, 50_000, true))
	must(t, h.Allocate(0, 50_000, false))
	for _, r := range []struct {
		seek func(int64) (int64, error)
		off  int64
		want int64
		err  error
	}{
		{h.SeekData, 0, 0, nil}, {h.SeekData, 9999, 9999, nil}, {h.SeekData, 10_000, 0, syscall.ENXIO},
		{h.SeekData, 60_000, 0, syscall.ENXIO}, {h.SeekData, -1, 0, syscall.ENXIO},
		{h.SeekHole, 0, 10_000, nil}, {h.SeekHole, 20_000, 20_000, nil}, {h.SeekHole, 50_000, 0, syscall.ENXIO},
	} {
		got, err := r.seek(r.off)
		if got != r.want || err != r.err {
			t.Errorf("seek from %d: %d, %v, want %d, %v", r.off, got, err, r.want, r.err)
		}
	}
	must(t, h.Zero(100, 5000, true))
	must(t, h.Zero(49_000, 2000, false))
	want := bytes.Repeat([]byte("x"), 10_000)
	clear(want[100:5100])
	got, err := readHandle(h)
	must(t, err)
	if !bytes.Equal(got, resized(want, 51_000)) {
		t.Errorf("differ at %d", differAt(got, want))
	}
}

// TestFullDiskBeforeGap: a write far beyond the end that fails leaves the file as long as it was, also after a fsync and a
// crash, and what is written next counts.
func TestFullDiskBeforeGap(t *testing.T) {
	f := &faults{}
	for _, next := range []string{"", "more"} {
		b, h := oldFile(t, []byte("short"), withFaults(f))
		want := []byte("SHORT" + next)
		b.overwrite(h, []byte("SHORT"), 0)
		f.set(func(op string, off int64, size int) (int, error) {
			if op == "write" && off == blockOffset(1) {
				return 0, syscall.ENOSPC
			}
			return size, nil
		})
		_, err := h.WriteAt([]byte("far"), 10000)
		wantErr(t, err, syscall.ENOSPC)
		f.set(nil)
		if next != "" {
			b.overwrite(h, []byte(next), 5)
		}
		must(t, h.Sync())
		b.crash()
		b.wantContent("f", want)
	}
}
