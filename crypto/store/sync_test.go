package store

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// calls runs f and returns what it asked the disk, in order.
func (f *faults) calls(run func()) []string {
	f.set(nil)
	run()
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.ops)
}

func TestSyncOrder(t *testing.T) {
	f := &faults{}
	b := newBench(t, withFaults(f))
	b.mkdir("d")
	d := b.at("d")
	_, h, _, err := d.Create("f", staff, true)
	must(t, err)
	got := f.calls(func() {
		_, err := h.WriteAt([]byte("abc"), 0)
		must(t, err)
		must(t, h.Sync())
	})
	// block; block synced; slot, time; slot synced; folder of the file; .mfs.dir
	// of the folder, itself; its parent
	want := "write sync write times sync syncdir sync syncdir syncdir"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("first sync: %s\nwant %s", s, want)
	}
	got = f.calls(func() {
		_, err := h.WriteAt([]byte("abc"), 0)
		must(t, err)
		must(t, h.Sync())
	})
	// journal, time of its folder; record; journal synced, its name
	if s := strings.Join(got, " "); s != "create times write sync syncdir" {
		t.Errorf("second sync: %s", s)
	}
	got = f.calls(func() {
		_, err := h.WriteAt([]byte("abc"), 0)
		must(t, err)
		must(t, h.Sync())
	})
	if s := strings.Join(got, " "); s != "write sync" {
		t.Errorf("an overwrite and its sync cost: %s", s)
	}
	if s := strings.Join(f.calls(func() { must(t, h.Sync()) }), " "); s != "" {
		t.Errorf("sync of nothing: %s", s)
	}
	must(t, b.root.Rename("d", b.root, "e", false))
	must(t, d.Rename("f", b.root, "g", false))
	// The rename has brought the journal into the file.
	if s := strings.Join(f.calls(func() { must(t, h.Sync()) }), " "); s != "sync syncdir" {
		t.Errorf("sync after a rename: %s", s)
	}
	must(t, h.Close())
}

// Of a file that was there before, what is overwritten goes to the journal. It
// and its name are durable before the file is written to, the blocks before the
// slot that counts on them, the slot before the journal goes.
func TestOldFilesAreOrdered(t *testing.T) {
	f := &faults{}
	b := newBench(t, withFaults(f))
	b.write("f", random(10_000))
	later(b)
	b.reopen()
	_, h, _, err := b.root.Create("f", staff, false)
	must(t, err)
	for _, r := range []struct {
		run  func() error
		want string
	}{
		{func() error { _, err := h.WriteAt([]byte("abc"), 0); return err }, "create times write"},
		{func() error { _, err := h.WriteAt([]byte("abc"), 0); return err }, "write"},
		// journal, name; block in place, durable; slot, durable; journal emptied;
		// the part of the block that stays; the cut
		{func() error { return h.Truncate(5000) }, "sync syncdir write times sync write sync truncate write truncate"},
		// journal; block in place, cut to its length, durable; slot, durable; the
		// other slot, time; journal gone, time of the folder
		{h.Close, "sync write truncate times sync write sync write times unlink times"},
	} {
		if s := strings.Join(f.calls(func() { must(t, r.run()) }), " "); s != r.want {
			t.Errorf("calls: %s\nwant   %s", s, r.want)
		}
	}
}

func TestNewFilesAreQuick(t *testing.T) {
	f := &faults{}
	b := newBench(t, withFaults(f))
	got := f.calls(func() { b.write("f", random(10_000)) })
	if slices.Contains(got, "sync") || len(got) > 9 {
		t.Errorf("a new file costs %q", got)
	}
	got = f.calls(func() { b.wantContent("f", must1(b.read("f"))) })
	if len(got) != 0 {
		t.Errorf("reading changes the disk: %q", got)
	}
}

func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestManyUnsyncedEntriesAreSyncedAtOnce(t *testing.T) {
	f := &faults{}
	b := newBench(t, withFaults(f))
	b.write("f", nil)
	id := b.at("f").ID()
	for i := range uint64(maxFresh) {
		b.markFresh([16]byte{1, byte(i), byte(i >> 8), byte(i >> 16)}, true)
	}
	if f.count("syncall") != 1 || b.neverSynced(id) {
		t.Errorf("%d syncs of the disk, %d entries remembered", f.count("syncall"), len(b.fresh))
	}
	f.set(func(op string, _ int64, size int) (int, error) { return size, syscall.EIO })
	for i := range uint64(maxFresh + 5) {
		b.markFresh([16]byte{2, byte(i), byte(i >> 8), byte(i >> 16)}, true)
	}
	f.set(nil)
	if !b.neverSynced([16]byte{2}) {
		t.Error("forgot entries although the sync failed")
	}
}

// A failed sync is told, and not forgotten: that of a folder until it works,
// that of a file until the file was closed.
func TestFailedSync(t *testing.T) {
	f := &faults{}
	b := newBench(t, withFaults(f))
	o, h, _, err := b.root.Create("f", staff, true)
	must(t, err)
	defer func() { must(t, h.Close()) }()
	_, err = h.WriteAt([]byte("abc"), 0)
	must(t, err)
	for _, bad := range []string{"write", "syncdir", "sync"} {
		f.set(func(op string, _ int64, size int) (int, error) {
			if op == bad {
				return 0, syscall.EIO
			}
			return size, nil
		})
		if err := h.Sync(); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s failed: %v", bad, err)
		}
	}
	f.set(nil)
	wantErr(t, h.Sync(), syscall.EIO)
	wantErr(t, h.Close(), syscall.EIO)
	h, err = o.Open(true)
	must(t, err)
	must(t, h.Sync())
	if b.neverSynced(o.ID()) {
		t.Error("not synced")
	}
}

// Contiguous blocks go to the disk in one call.
func TestOneCallPerRequest(t *testing.T) {
	f := &faults{}
	b := newBench(t, withFaults(f))
	b.write("f", nil)
	h, err := b.at("f").Open(true)
	must(t, err)
	defer h.Close()
	_, err = h.WriteAt([]byte("x"), 0)
	must(t, err)
	f.set(nil)
	_, err = h.WriteAt(make([]byte, 1<<20), 0)
	must(t, err)
	_, err = h.WriteAt(make([]byte, 1<<20), 100)
	must(t, err)
	if n := f.count("write"); n > 4 { // in each some blocks are stored, some not
		t.Errorf("%d writes for two requests of 1 MiB, one of them unaligned", n)
	}
}
