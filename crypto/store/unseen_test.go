package store

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// until waits for a condition that another goroutine brings about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within a minute: ", what)
		}
	}
}

// TestFsyncMeetsFirstRecord: the block that makes the journal while another handle is inside fsync does not get a
// sequence that the slot of this fsync covers: recovery would take its record for an old one, though it was synced since.
func TestFsyncMeetsFirstRecord(t *testing.T) {
	b, h := oldFile(t, pages('o'))
	c := h.o.file
	now := time.Now()
	_, err := h.o.SetAttr(SetAttr{Mtime: &now})
	must(t, err)
	locked := func() bool {
		if c.mu.TryLock() {
			c.mu.Unlock()
			return false
		}
		return true
	}
	var g sync.WaitGroup
	b.Store.mu.Lock() // both stop where they ask whether the file has a name
	errs := make([]error, 2)
	g.Go(func() { errs[0] = h.Sync() })
	until(t, "fsync has seen that there is no journal", func() bool {
		c.mu.RLock()
		defer c.mu.RUnlock()
		return !c.metaChanged
	})
	g.Go(func() { _, errs[1] = h.WriteAt(pages('n')[:4096], 0) })
	until(t, "the write makes the journal", locked)
	b.Store.mu.Unlock()
	g.Wait()
	must(t, errors.Join(errs...))
	must(t, h.Sync())
	if got := b.first(rules{}); got != 'n' {
		t.Errorf("the synced block is lost: %c", got)
	}
}

// TestAttrDuringCheckpoint: whoever asks while blocks are copied into place and their times put back sees the time that
// was set.
func TestAttrDuringCheckpoint(t *testing.T) {
	b, h := oldFile(t, pages('o'))
	defer b.Store.Close()
	then := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	var set sync.RWMutex // held while the time is another one by right
	done := make(chan struct{})
	var g sync.WaitGroup
	ask := func() bool {
		set.RLock()
		defer set.RUnlock()
		a, err := h.o.Attr()
		if err != nil || !a.Mtime.Equal(then) {
			t.Errorf("time %v, %v", a.Mtime, err)
			return false
		}
		return true
	}
	round := func() {
		set.Lock()
		_, err := h.WriteAt([]byte("2"), 5000)
		must(t, err)
		_, err = h.o.SetAttr(SetAttr{Mtime: &then})
		set.Unlock()
		must(t, err)
		h.o.file.freeze()
		defer h.o.file.thaw()
		must(t, h.o.file.checkpoint())
	}
	round()
	for range 3 {
		g.Go(func() {
			for ask() {
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for range 500 {
		round()
	}
	close(done)
	g.Wait()
}

// TestWriteAfterTimeToCome: a write makes now the time of a file, also when somebody has set one that is yet to come,
// and wherever the write goes.
func TestWriteAfterTimeToCome(t *testing.T) {
	overwrite := func(h *Handle) error { _, err := h.WriteAt([]byte("2"), 5000); return err }
	for name, change := range map[string]func(h *Handle) error{
		"overwrite":      overwrite,
		"append":         func(h *Handle) error { _, _, err := h.Append(make([]byte, 9000)); return err },
		"cut":            func(h *Handle) error { return h.Truncate(10001) },
		"cut at a block": func(h *Handle) error { return h.Truncate(4096) },
		"grow":           func(h *Handle) error { return h.Truncate(50000) },
		"then grow":      func(h *Handle) error { return errors.Join(overwrite(h), h.Truncate(60000)) },
	} {
		t.Run(name, func(t *testing.T) {
			b, h := oldFile(t, pages('o'))
			far := time.Now().Add(24 * time.Hour)
			_, err := h.o.SetAttr(SetAttr{Mtime: &far})
			must(t, err)
			must(t, change(h))
			check := func(when string) {
				t.Helper()
				if m := mtime(t, b.at("f")); m.After(far.Add(-time.Hour)) {
					t.Errorf("%s: %v", when, m)
				}
			}
			check("after the write")
			must(t, h.Close())
			check("after the close")
		})
	}
}

// TestKindsOfWriteMoveTime: once a block is in the journal, what goes past it moves the time too.
func TestKindsOfWriteMoveTime(t *testing.T) {
	for name, change := range map[string]func(h *Handle) error{
		"append":         func(h *Handle) error { _, err := h.WriteAt(make([]byte, 4096), 3*4096); return err },
		"cut at a block": func(h *Handle) error { return h.Truncate(4096) },
		"grow":           func(h *Handle) error { return h.Truncate(50000) },
	} {
		t.Run(name, func(t *testing.T) {
			b, h := oldFile(t, pages('o'))
			b.overwrite(h, []byte("2"), 0)
			before := mtime(t, h.o)
			must(t, change(h))
			if after := mtime(t, h.o); !after.After(before) {
				t.Errorf("%v, before %v", after, before)
			}
		})
	}
}

// TestTimeAfterKill: recovery leaves a file the time of its last write or the one that was set, not that of a checkpoint,
// of a commit record or its own.
func TestTimeAfterKill(t *testing.T) {
	then := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	setTo := func(t *testing.T, h *Handle) {
		_, err := h.o.SetAttr(SetAttr{Mtime: &then})
		must(t, err)
	}
	pass := func(t *testing.T, p string) { // until the clock of the disk goes on
		start := mtimeOf(t, p)
		until(t, "the clock of the disk moves", func() bool { writeFile(t, p, nil); return mtimeOf(t, p).After(start) })
	}
	for name, change := range map[string]func(t *testing.T, b *bench, h *Handle, clock func()) time.Time{
		"written": func(t *testing.T, b *bench, h *Handle, clock func()) time.Time {
			b.overwrite(h, pages('2'), 0)
			clock()
			return mtime(t, h.o)
		},
		"checkpoint": func(t *testing.T, b *bench, h *Handle, clock func()) time.Time {
			b.overwrite(h, pages('2'), 0)
			setTo(t, h)
			must(t, h.o.file.slowCheckpoint(clock))
			return then
		},
		"commit record": func(t *testing.T, b *bench, h *Handle, clock func()) time.Time {
			_, err := h.WriteAt(append(pages('2'), 'x'), 0)
			must(t, err)
			setTo(t, h)
			clock()
			must(t, h.Sync())
			return then
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, h := oldFile(t, pages('o'))
			tick := filepath.Join(t.TempDir(), "clock")
			writeFile(t, tick, nil)
			want := change(t, b, h, func() { pass(t, tick) })
			pass(t, tick)
			b.crash()
			// The clock of the disk is up to a tick behind.
			if got := mtime(t, b.at("f")); got.After(want) || want.Sub(got) > time.Minute {
				t.Errorf("time %v, want %v", got, want)
			}
		})
	}
}

func mtimeOf(t *testing.T, path string) time.Time {
	t.Helper()
	st, err := os.Stat(path)
	must(t, err)
	return st.ModTime()
}

// slowCheckpoint is a checkpoint during which time passes.
func (c *content) slowCheckpoint(pass func()) error {
	c.freeze()
	defer c.thaw()
	if err := c.settle(); err != nil {
		return err
	}
	c.mu.Lock()
	s := c.slot()
	err := c.keepTimes(c.f, func() error { return c.writeSlot(c.f, s) })
	pass()
	c.emptyJournal()
	c.mu.Unlock()
	return err
}

// TestOddJournals: whatever somebody puts where a journal would be, the file is read, and the next overwrite goes well.
func TestOddJournals(t *testing.T) {
	for name, plant := range map[string]func(p, file string) error{
		"fifo":      func(p, _ string) error { return unix.Mkfifo(p, 0o600) },
		"symlink":   func(p, _ string) error { return os.Symlink("/dev/zero", p) },
		"folder":    func(p, _ string) error { return os.MkdirAll(filepath.Join(p, "x"), 0o700) },
		"sparse":    func(p, _ string) error { return errors.Join(os.WriteFile(p, nil, 0o600), os.Truncate(p, 1<<40)) },
		"hard link": func(p, file string) error { return os.Link(file, p) },
	} {
		t.Run(name, func(t *testing.T) {
			b, h := oldFile(t, pages('o'))
			must(t, h.Close())
			must(t, b.Store.Close())
			must(t, plant(b.journalOf("f"), b.backing("f")))
			b.open()
			b.findRoot()
			b.wantContent("f", pages('o'))
			h, err := b.at("f").Open(true)
			must(t, err)
			b.overwrite(h, pages('n'), 0)
			must(t, h.Close())
			b.wantContent("f", pages('n'))
		})
	}
}

// TestUnlinkedOpenedAgain: an unlinked file that nobody has open any more can be opened by who still knows it, as by
// O_PATH descriptors, and has all that was written.
func TestUnlinkedOpenedAgain(t *testing.T) {
	b, h := oldFile(t, pages('o'))
	b.overwrite(h, pages('n'), 0)
	o := h.o
	o.Retain()
	defer o.Release()
	must(t, b.root.Unlink("f"))
	must(t, h.Close())
	h, err := o.Open(false)
	must(t, err)
	defer h.Close()
	if got, err := readHandle(h); err != nil || got[0] != 'n' {
		t.Errorf("%c, %v", got[0], err)
	}
}
