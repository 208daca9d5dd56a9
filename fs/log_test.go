package fs

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"matterfs/audit"
	"matterfs/internal/as"
)

// readKey is one answered read as both sides know it.
type readKey struct {
	uid      int
	fid      string
	off, len int
}

// With a record for each read, the reads that clients saw are exactly the reads in the log:
// the multisets of (uid, object, offset, length) are equal.
func TestLogEqualsWhatClientsRead(t *testing.T) {
	d := setup{each: true}.mount(t)
	const files, readsEach = 4, 5000
	lead := as.Start(t, zhang)
	content := bytes.Repeat([]byte("保密资料。"), 4000)
	fid := map[string]string{}
	for i := range files {
		name := fmt.Sprintf("卷宗-%d", i)
		lead.Does(lead.WriteFile(d.in(name), content))
	}
	for _, l := range d.records() {
		if l.str("ev") == "create" && l.str("res") == "ok" {
			fid[l.str("path")] = l.str("fid")
		}
	}
	var mu sync.Mutex
	saw := map[readKey]int{}
	var wg sync.WaitGroup
	for i, uid := range []uint32{zhang, lina} {
		u := as.Start(t, uid)
		rnd := rand.New(rand.NewPCG(1, uint64(i)))
		wg.Go(func() {
			for n := 0; n < readsEach; {
				n += readSome(t, d, u, uid, rnd, fid, min(250, readsEach-n), len(content), &mu, saw)
			}
		})
	}
	wg.Wait()
	logged := map[readKey]int{}
	for _, l := range d.records() {
		if l.str("ev") == "read" && l.str("res") == "ok" {
			logged[readKey{int(l.num("uid")), l.str("fid"), int(l.num("off")), int(l.num("len"))}]++
		}
	}
	total := 0
	for _, n := range saw {
		total += n
	}
	if total != 2*readsEach || !maps.Equal(saw, logged) {
		t.Errorf("clients made %d reads of %d kinds, the log has %d kinds", total, len(saw), len(logged))
		for k, n := range saw {
			if logged[k] != n {
				t.Fatalf("%+v: clients %d, log %d", k, n, logged[k])
			}
		}
	}
}

// readSome opens a file, reads n times at random places and notes each read.
func readSome(t *testing.T, d *drive, u *as.User, uid uint32, rnd *rand.Rand, fid map[string]string, n, size int, mu *sync.Mutex, saw map[readKey]int) int {
	name := fmt.Sprintf("卷宗-%d", rnd.IntN(len(fid)))
	f := u.Opens(d.in(name), syscall.O_RDONLY, 0)
	defer f.Close()
	for range n {
		off, want := rnd.IntN(size+100), 1+rnd.IntN(9000)
		b, err := f.ReadAt(int64(off), want)
		if err != nil {
			t.Errorf("read: %v", err)
			return n
		}
		mu.Lock()
		saw[readKey{int(uid), fid[name], off, len(b)}]++
		mu.Unlock()
	}
	return n
}

// When the log cannot be written, nothing is disclosed and nothing is changed.
func TestFullLogRefuses(t *testing.T) {
	dir := t.TempDir()
	logDir := dir + "/log"
	if err := syscall.Mkdir(logDir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", logDir, "tmpfs", 0, "size=128k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(logDir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	d := setup{dir: dir, each: true}.mount(t) // reads fill the disk
	lead := as.Start(t, zhang)
	lead.Writes(d.in("合同.txt"), "甲方:某某公司")
	f := lead.Opens(d.in("合同.txt"), syscall.O_RDWR, 0)
	var err error
	reads := 0
	for ; err == nil && reads < 10_000; reads++ {
		_, err = f.ReadAt(0, 4)
	}
	lead.Refused(err, syscall.EIO)
	if rs := d.count("ev", "read", "res", "ok"); rs != reads-1 {
		t.Errorf("%d reads were answered, the log has %d", reads-1, rs)
	}
	_, err = f.WriteAt([]byte("乙"), 0)
	lead.Refused(err, syscall.EIO)
	lead.IsDenied(d.in("合同.txt"), syscall.EIO)
	if err := unix.Mount("", logDir, "", unix.MS_REMOUNT, "size=8m"); err != nil {
		t.Fatal(err)
	}
	f2 := eventually(t, func() (*as.File, error) { return lead.Open(d.in("合同.txt"), syscall.O_RDONLY, 0) })
	if b, err := f2.ReadAt(0, 6); err != nil || string(b) != "甲方" {
		t.Errorf("after the log could be written again: %q, %v", b, err)
	}
	f.Close()
	f2.Close()
	d.logged("ev", "audit.recover")
}

// Equal refusals within ten seconds are one record and a count.
func TestRefusalsAreCounted(t *testing.T) {
	d := mountFirm(t)
	outside := as.Start(t, other)
	for i := range 50 {
		want := syscall.ENOENT
		if i >= missesAMinute {
			want = syscall.ENOMEM
		}
		outside.IsDenied(d.in("合同.txt"), want)
	}
	d.unmount()
	n := 0
	for _, l := range d.records() {
		if l.str("res") != "deny" || l.str("user") != "sun.li" {
			continue
		}
		if c := l.num("count"); c > 0 {
			n += int(c)
		} else {
			n++
		}
	}
	if n != 50 {
		t.Errorf("the log counts %d refusals, want 50", n)
	}
	if lines := d.count("res", "deny", "user", "sun.li"); lines > 4 {
		t.Errorf("%d records for 50 equal refusals", lines)
	}
}

// errorsOf maps what goes wrong below to what a caller sees.
func TestErrnoTable(t *testing.T) {
	for _, c := range []struct {
		err  error
		want syscall.Errno
	}{
		{nil, 0},
		{syscall.ENOENT, syscall.ENOENT},
		{fmt.Errorf("backing: %w", syscall.ENOSPC), syscall.ENOSPC},
		{syscall.EACCES, syscall.EIO}, // the backing disk's refusal is no answer to a user
		{syscall.ENOSYS, syscall.EIO},
		{audit.ErrUnavailable, syscall.EIO},
		{fmt.Errorf("something else"), syscall.EIO},
	} {
		if got := errnoOf(c.err); got != c.want {
			t.Errorf("%v is shown as %v, want %v", c.err, got, c.want)
		}
	}
}
