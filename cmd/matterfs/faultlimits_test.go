package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"matterfs/internal/as"
)

// TestTenThousandOpens: a daemon that may have 1024 descriptors refuses what is too
// much, and everything else goes on: what is open, names, status, the log.
func TestTenThousandOpens(t *testing.T) {
	f := startFirm(t)
	lead, member := f.user(leadUID), f.user(memberUID)
	kept := filepath.Join(f.matter(), "已存.txt")
	lead.Writes(kept, "保存好的")
	reading := member.Opens(kept, os.O_RDONLY, 0)
	pid := f.status().PID
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1024, Max: 1024}, nil); err != nil {
		t.Fatal(err)
	}
	var open []*as.File
	refused := 0
	for i := range 10_000 {
		h, err := lead.Open(filepath.Join(f.matter(), fmt.Sprint(i)), os.O_RDWR|os.O_CREATE, 0o600)
		switch {
		case err == nil:
			open = append(open, h)
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
			refused++
		default:
			t.Fatalf("open %d: %v", i, err)
		}
	}
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files are open, %d were refused, the daemon has %d descriptors", len(open), refused, len(list))
	if len(open) < 200 || refused < 9000 || len(list) > 900 {
		t.Errorf("%d files are open, %d were refused, the daemon has %d descriptors", len(open), refused, len(list))
	}
	if b, err := reading.ReadAt(0, 100); err != nil || string(b) != "保存好的" {
		t.Errorf("what was open before reads %q, %v", b, err)
	}
	for _, h := range open[:20] {
		_, err := h.WriteAt(bytes.Repeat([]byte("满"), 3000), 0)
		lead.Does(errors.Join(err, h.Fsync()))
	}
	lead.Does(lead.Mkdir(filepath.Join(f.matter(), "目录")))
	if names, err := member.ReadDir(f.matter()); err != nil || len(names) != len(open)+2 {
		t.Errorf("%d names, want %d: %v", len(names), len(open)+2, err)
	}
	if st := f.status(); st.PID != pid {
		t.Errorf("status: %+v", st)
	}
	for _, h := range open {
		lead.Does(h.Close())
	}
	lead.Does(retry(func() error { _, err := lead.ReadFile(kept); return err })) // closes are told when the kernel pleases
	lead.Does(reading.Close())
	f.umount()
	f.verified()
}

// TestMemoryLimit: 1 GiB written by four people at once, and read back in part, stays
// within 256 MiB.
func TestMemoryLimit(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "200MiB")
	f := startFirm(t)
	const part = 1 << 20
	var wg sync.WaitGroup
	for i := range 4 {
		u := f.user(leadUID)
		wg.Go(func() {
			h := u.Opens(filepath.Join(f.matter(), fmt.Sprintf("大-%d", i)), os.O_RDWR|os.O_CREATE, 0o600)
			p := bytes.Repeat([]byte{byte('a' + i)}, part)
			for n := range int64(256) {
				if _, err := h.WriteAt(p, n*part); err != nil {
					t.Errorf("write %d of %d: %v", n, i, err)
					return
				}
			}
			if _, err := h.WriteAt(p, 100*part); err != nil { // and over what is stored
				t.Errorf("overwrite: %v", err)
			}
			u.Does(h.Fsync())
			if got, err := h.ReadAt(255*part, part); err != nil || !bytes.Equal(got, p) {
				t.Errorf("read back %d bytes, %v", len(got), err)
			}
			u.Does(h.Close())
		})
	}
	wg.Wait()
	peak := peakMemory(t, f.status().PID)
	t.Logf("the daemon had %d MiB at most", peak>>10)
	if peak > 256<<10 {
		t.Errorf("the daemon had %d MiB", peak>>10)
	}
	f.umount()
	f.verified()
}

// peakMemory returns the most that a process had in memory, in KiB.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(b), "\n") {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(v), " kB"))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

// TestDataGone: a drive whose data folder is not there is not mounted, and no new
// tree is begun in its place; one that goes away under the daemon is mounted again
// when it is back.
func TestDataGone(t *testing.T) {
	f := startFirm(t)
	lead := f.user(leadUID)
	kept := filepath.Join(f.matter(), "已存.txt")
	lead.Writes(kept, "保存好的")
	away := f.s.Data + ".away"
	if err := os.Rename(f.s.Data, away); err != nil {
		t.Fatal(err)
	}
	lead.Reads(kept, "保存好的") // the daemon holds the folder, not its name
	f.umount()
	code, _, errs := f.exec("mount", f.s.Dir, f.mnt, "--background")
	if code == 0 {
		t.Error("mounted without data")
	}
	if _, err := os.Lstat(f.s.Data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after a mount without data there is something in their place: %v (%s)", err, errs)
	}
	if err := os.Rename(away, f.s.Data); err != nil {
		t.Fatal(err)
	}
	f.mount()
	lead.Reads(kept, "保存好的")
	f.umount()
	f.verified()
}
