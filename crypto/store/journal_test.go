package store

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"matterfs/crypto"
)

// journalOf returns the path of the journal of a file.
func (b *bench) journalOf(path string) string {
	b.t.Helper()
	p := b.backing(path)
	return filepath.Join(filepath.Dir(p), journalName(filepath.Base(p)))
}

// oldFile makes "f", which is old enough to be ordered, and opens it.
func oldFile(t *testing.T, content []byte, change ...func(*bench)) (*bench, *Handle) {
	b := newBench(t, change...)
	b.write("f", content)
	later(b)
	b.reopen()
	h, err := b.at("f").Open(true)
	must(t, err)
	return b, h
}

func (b *bench) overwrite(h *Handle, p []byte, off int64) {
	b.t.Helper()
	_, err := h.WriteAt(p, off)
	must(b.t, err)
	must(b.t, h.Sync())
}

// pages returns three blocks of which the first is filled with c.
func pages(c byte) []byte {
	return slices.Concat(bytes.Repeat([]byte{c}, 4096), bytes.Repeat([]byte("."), 2*4096))
}

// first reads the first byte of f after a crash, with some rules broken.
func (b *bench) first(breaks rules) byte {
	b.t.Helper()
	b.opts.breaks = breaks
	b.crash()
	b.opts.breaks = rules{}
	p, err := b.read("f")
	must(b.t, err)
	return p[0]
}

// An old journal put back changes nothing.
func TestAttackOldJournal(t *testing.T) {
	for _, r := range []struct {
		breaks rules
		want   byte
	}{{rules{oldRecords: true, applyAll: true}, 'A'}, {rules{}, 'B'}} {
		b, h := oldFile(t, pages('o'))
		b.overwrite(h, pages('A'), 0)
		old := readFile(t, b.journalOf("f"))
		must(t, h.Close())
		b.reopen()
		h, err := b.at("f").Open(true)
		must(t, err)
		b.overwrite(h, pages('B'), 0)
		must(t, h.Close())
		b.reopen()
		b.wantContent("f", pages('B'))
		writeFile(t, b.journalOf("f"), old)
		if got := b.first(r.breaks); got != r.want {
			t.Errorf("%+v: %c, want %c", r.breaks, got, r.want)
		}
		if _, err := os.Stat(b.journalOf("f")); err == nil {
			t.Error("the journal is still there")
		}
	}
}

// A record that is repeated behind a newer one does not bring the older back.
func TestAttackRecordsRepeated(t *testing.T) {
	for _, r := range []struct {
		breaks rules
		want   byte
	}{{rules{noRise: true}, 'A'}, {rules{}, 'B'}} {
		b, h := oldFile(t, pages('o'))
		b.overwrite(h, pages('A'), 0)
		old := readFile(t, b.journalOf("f"))
		b.overwrite(h, pages('B'), 0)
		writeFile(t, b.journalOf("f"), append(readFile(t, b.journalOf("f")), old...))
		if got := b.first(r.breaks); got != r.want {
			t.Errorf("%+v: %c, want %c", r.breaks, got, r.want)
		}
	}
}

// What a cut took off does not come back as a tail that a crash left. That the
// reader would refuse it is no help to who needs the file.
func TestAttackTailAppended(t *testing.T) {
	for _, breaks := range []rules{{oldTail: true}, {}} {
		b, h := oldFile(t, pages('o'))
		tail := readFile(t, b.backing("f"))[blockOffset(1):]
		must(t, h.Truncate(4096))
		must(t, h.Sync())
		writeFile(t, b.backing("f"), append(readFile(t, b.backing("f")), tail...))
		b.opts.breaks = breaks
		b.crash()
		got, err := b.read("f")
		if good := err == nil && bytes.Equal(got, pages('o')[:4096]); good == breaks.oldTail {
			t.Errorf("%+v: %d bytes, %v", breaks, len(got), err)
		}
	}
}

// A commit record keeps what was synced from being cut off after a crash.
func TestAttackTailCut(t *testing.T) {
	for _, breaks := range []rules{{noCommit: true}, {}} {
		b, h := oldFile(t, pages('o'), func(b *bench) { b.opts.breaks = breaks })
		b.overwrite(h, []byte("x"), 0)
		b.overwrite(h, pages('n'), 3*4096)
		must(t, os.Truncate(b.backing("f"), blockOffset(4)))
		b.crash()
		_, err := b.read("f")
		if corrupt := isCorrupt(err); corrupt == breaks.noCommit {
			t.Errorf("%+v: %v", breaks, err)
		}
	}
}

// Damaging the newer slot does not roll a file back, whatever is planted beside
// it.
func TestAttackSlotAndPlantedJournal(t *testing.T) {
	for _, breaks := range []rules{{anySlot: true}, {}} {
		b, h := oldFile(t, pages('o'))
		must(t, h.Close())
		mode := uint32(0o400)
		_, err := b.at("f").SetAttr(SetAttr{Mode: &mode})
		must(t, err)
		at := b.at("f").file.at
		b.reopen()
		p := readFile(t, b.backing("f"))
		p[slotOffset(at)+100] ^= 1
		writeFile(t, b.backing("f"), p)
		writeFile(t, b.journalOf("f"), nil)
		b.opts.breaks = breaks
		b.crash()
		o, err := b.find("f")
		if !breaks.anySlot {
			wantCorrupt(t, err)
			continue
		}
		must(t, err)
		if a, err := o.Attr(); err != nil || a.Mode == mode {
			t.Errorf("mode %o, %v: not rolled back", a.Mode, err)
		}
	}
}

// A journal that was changed in any way leaves each block old or new, and the
// file readable; one of another file does nothing.
func TestAttackJournalBytes(t *testing.T) {
	b, h := oldFile(t, pages('o'))
	b.write("g", pages('g'))
	g, err := b.at("g").Open(true)
	must(t, err)
	b.overwrite(g, pages('G'), 0)
	b.overwrite(h, pages('1'), 0)
	b.overwrite(h, pages('2'), 0)
	file, j := readFile(t, b.backing("f")), readFile(t, b.journalOf("f"))
	path := b.journalOf("f")
	attacks := map[string][]byte{"of another file": readFile(t, b.journalOf("g")), "empty": nil, "garbage": random(9000),
		"turned": append(bytes.Clone(j[3*recordStride:]), j[:3*recordStride]...)}
	for n := 0; n < len(j); n += 997 {
		flipped := bytes.Clone(j)
		flipped[n] ^= 1 << (n % 8)
		attacks["flipped "+time.Duration(n).String()] = flipped
		attacks["cut "+time.Duration(n).String()] = j[:n]
	}
	for name, attacked := range attacks {
		writeFile(t, b.backing("f"), file)
		writeFile(t, path, attacked)
		if got := b.first(rules{}); got != 'o' && got != '1' && got != '2' || name == "of another file" && got != 'o' {
			t.Errorf("%s: %c", name, got)
		}
	}
	writeFile(t, b.backing("f"), file)
	writeFile(t, path, j)
	if got := b.first(rules{}); got != '2' {
		t.Errorf("unchanged: %c", got)
	}
	writeFile(t, b.backing("f"), file) // without its journal: as old as its blocks
	if got := b.first(rules{}); got != 'o' {
		t.Errorf("removed: %c", got)
	}
}

// Whatever the store writes, no plaintext reaches the disk.
func TestNoPlaintextOnTheDisk(t *testing.T) {
	secret := []byte("绝密-secret-0123456789")
	b, h := oldFile(t, bytes.Repeat(secret, 1000))
	b.overwrite(h, secret, 5)
	b.overwrite(h, secret, int64(len(secret)*1000))
	must(t, h.Truncate(7000))
	must(t, b.at("f").SetXattr("user.a", secret, 0))
	b.write(string(secret), secret)
	files := 0
	must(t, filepath.WalkDir(b.path, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		if p := readFile(t, path); bytes.Contains(p, secret) || bytes.Contains([]byte(path), secret) {
			t.Errorf("plaintext in %s", path)
		}
		return nil
	}))
	if _, err := os.Stat(b.journalOf("f")); err != nil || files < 4 {
		t.Errorf("no live journal among %d files: %v", files, err)
	}
}

// The journal is emptied when it is long and when it is old, and goes with the
// end of the store.
func TestCheckpoints(t *testing.T) {
	b, h := oldFile(t, make([]byte, 40*4096), func(b *bench) { b.opts.JournalBytes = 100_000 })
	want := random(40 * 4096)
	for i := range 40 {
		_, err := h.WriteAt(want[i*4096:(i+1)*4096], int64(i*4096))
		must(t, err)
		if st, err := os.Stat(b.journalOf("f")); err != nil || st.Size() > 110_000 {
			t.Fatalf("write %d: journal %v, %v", i, st, err)
		}
	}
	must(t, h.Close())
	if _, err := os.Stat(b.journalOf("f")); err == nil {
		t.Error("the journal outlives the file's last handle")
	}
	b.opts.JournalAge = time.Millisecond
	b.reopen()
	h, err := b.at("f").Open(true)
	must(t, err)
	b.overwrite(h, []byte("x"), 0)
	for deadline := time.Now().Add(time.Minute); b.journalSize() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the journal was never emptied")
		}
	}
	want[0] = 'x'
	must(t, h.Close())
	b.reopen()
	b.wantContent("f", want)
}

func (b *bench) journalSize() int64 {
	st, err := os.Stat(b.journalOf("f"))
	if err != nil {
		return 0
	}
	return st.Size()
}

// A file that is saved again and again pays for one checkpoint: until then it
// stays as it is after the last close, by whatever it is called.
func TestParkedFiles(t *testing.T) {
	f := &faults{}
	b, h := oldFile(t, pages('o'), withFaults(f), func(b *bench) { b.opts.JournalAge = time.Hour })
	b.overwrite(h, pages('1'), 0)
	if got := f.calls(func() { must(t, h.Close()) }); len(got) != 0 {
		t.Errorf("the close costs %q", got)
	}
	h, err := b.at("f").Open(true)
	must(t, err)
	got := f.calls(func() { b.overwrite(h, pages('2'), 0) })
	if !slices.Equal(got, []string{"write", "sync"}) {
		t.Errorf("the next save costs %q", got)
	}
	must(t, h.Close())
	must(t, b.root.Rename("f", b.root, "g", false))
	b.wantContent("g", pages('2'))
	b.write("g", pages('3'))
	must(t, b.root.Rename("g", b.root, "f", false))
	must(t, b.Store.Close())
	if b.journalSize() > 0 {
		t.Error("a journal outlives the store")
	}
	b.open()
	b.findRoot()
	b.wantContent("f", pages('3'))
}

// An overwrite that finds the disk full makes room by emptying the journal, and
// else changes nothing.
func TestFullDiskAndJournal(t *testing.T) {
	f := &faults{}
	b, h := oldFile(t, pages('o'), withFaults(f))
	b.overwrite(h, pages('1'), 0)
	f.set(func(op string, off int64, size int) (int, error) {
		if op == "write" && b.journalSize() > 0 && size == 3*recordStride {
			return 0, syscall.ENOSPC
		}
		return size, nil
	})
	b.overwrite(h, pages('2'), 0)
	f.set(func(op string, off int64, size int) (int, error) {
		if op == "write" && size == 3*recordStride {
			return 100, syscall.ENOSPC
		}
		return size, nil
	})
	n, err := h.WriteAt(pages('3'), 0)
	wantErr(t, err, syscall.ENOSPC)
	f.set(nil)
	b.wantContent("f", pages('2'))
	if n != 0 || b.first(rules{}) != '2' {
		t.Errorf("%d bytes stored of a write that failed", n)
	}
}

// The times that people see are those of the last write, though it went to the
// journal.
func TestTimesOfJournalledWrites(t *testing.T) {
	b, h := oldFile(t, pages('o'))
	past := time.Now().Add(-time.Hour)
	o := b.at("f")
	_, err := o.SetAttr(SetAttr{Mtime: &past})
	must(t, err)
	start := time.Now()
	b.overwrite(h, pages('1'), 0)
	a, err := o.Attr()
	must(t, err)
	if a.Mtime.Before(start) {
		t.Errorf("mtime %v before the write at %v", a.Mtime, start)
	}
	b.first(rules{})
	if c, err := b.at("f").Attr(); err != nil || !c.Mtime.After(past.Add(time.Minute)) {
		t.Errorf("after a crash: %v, %v", c.Mtime, err)
	}
	if a, err = b.at("f").SetAttr(SetAttr{Mtime: &past}); err != nil || !a.Mtime.Equal(past) {
		t.Errorf("mtime %v, set to %v, %v", a.Mtime, past, err)
	}
}

// What recovery does is told, once.
func TestRecoveryIsTold(t *testing.T) {
	var told []Recovery
	b, h := oldFile(t, pages('o'), func(b *bench) { b.opts.Recovered = func(r Recovery) { told = append(told, r) } })
	b.overwrite(h, pages('1'), 0)
	id := h.Object().ID()
	for range 2 {
		b.first(rules{})
	}
	if len(told) != 1 || told[0] != (Recovery{Kind: RecoveredFile, Matter: "m1", Object: id, Path: "f", Blocks: 3}) {
		t.Errorf("told %+v", told)
	}
	must(t, os.Truncate(b.backing("f"), 0))
	told = nil
	b.crash()
	_, err := b.find("f")
	wantErr(t, err, syscall.ENOENT)
	if len(told) != 1 || told[0].Kind != RecoveredLost || told[0].Path != "f" {
		t.Fatalf("told %+v", told)
	}
	if _, err := os.Stat(filepath.Join(b.path, lostName, told[0].Lost)); err != nil {
		t.Error(err)
	}
	for k, want := range []string{"unknown", "file", "slot", "journal", "move", "lost", "unknown"} {
		if s := RecoveryKind(k).String(); s != want {
			t.Errorf("%d: %q, want %q", k, s, want)
		}
	}
}

func TestJournalNames(t *testing.T) {
	n := journalName("kX0vJ3")
	if len(n) != 46 || !isJournal(n) || !isOwn(n) || n == journalName("kX0vJ4") {
		t.Errorf("%q", n)
	}
	if recordStride != crypto.BlockStride+8 {
		t.Errorf("a record of %d bytes", recordStride)
	}
}
