package fs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"matterfs/crypto/store"
	"matterfs/internal/as"
)

// writeDsync is a program: one write with RWF_DSYNC; it prints what it answered.
func writeDsync(args []string) error {
	fd, err := unix.Open(args[0], unix.O_RDWR, 0)
	if err != nil {
		return err
	}
	_, err = unix.Pwritev2(fd, [][]byte{[]byte("d")}, 0, unix.RWF_DSYNC)
	fmt.Print(errnoName(err))
	return nil
}

// A write that asked to be durable, by its descriptor or by itself, fails when the disk does
// not make it so, and the file takes nothing more until it was closed and read from the disk.
func TestFailedSyncIsNoSuccess(t *testing.T) {
	var broken atomic.Bool
	d := setup{disk: func(disk store.Disk) store.Disk {
		return hookedDisk{disk, func(call string) error {
			if call == "sync" && broken.Load() {
				return syscall.EIO
			}
			return nil
		}}
	}}.mount(t)
	lead := as.Start(t, zhang)
	lead.Writes(d.in("合同.txt"), "一")
	full := lead.Opens(d.in("合同.txt"), os.O_RDWR|syscall.O_SYNC, 0)
	data := lead.Opens(d.in("合同.txt"), os.O_RDWR|syscall.O_DSYNC, 0)
	plain := lead.Opens(d.in("合同.txt"), os.O_RDWR, 0)
	for _, f := range []*as.File{full, data} {
		if _, err := f.WriteAt([]byte("二"), 0); err != nil {
			t.Errorf("on a sound disk: %v", err)
		}
	}
	if got := runs(t, lead, "write-dsync", d.in("合同.txt")); got != "ok" {
		t.Errorf("RWF_DSYNC on a sound disk: %s", got)
	}

	broken.Store(true)
	for _, f := range []*as.File{full, data} {
		_, err := f.WriteAt([]byte("三"), 0)
		lead.Refused(err, syscall.EIO)
	}
	if got := runs(t, lead, "write-dsync", d.in("合同.txt")); got != "EIO" {
		t.Errorf("RWF_DSYNC on a disk that cannot sync: %s, want EIO", got)
	}
	lead.Refused(plain.Fsync(), syscall.EIO)
	broken.Store(false)
	// What the kernel has kept of it is not known: a second fsync must not say that all is well.
	lead.Refused(plain.Fsync(), syscall.EIO)
	_, err := plain.WriteAt([]byte("四"), 0)
	lead.Refused(err, syscall.EIO)
	for _, f := range []*as.File{full, data, plain} {
		lead.Does(f.Close())
	}
	lead.Reads(d.in("合同.txt"), "三") // as the disk has it
	lead.Writes(d.in("合同.txt"), "四")
	lead.Reads(d.in("合同.txt"), "四")
}

// mountTmpfs mounts a small disk; it goes with the test.
func mountTmpfs(t *testing.T, dir, size string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// fillDisk takes all the space that a disk has; the returned function gives it back.
func fillDisk(t *testing.T, dir string) (empty func()) {
	t.Helper()
	ballast := filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(ballast); err != nil {
			t.Error(err)
		}
	}
}

// Mapped pages that do not fit on the disk, all of them or the last few, are an error of
// msync: the program still has them and can save elsewhere.
func TestMappedPagesOnAFullDisk(t *testing.T) {
	const size = 1 << 20
	for _, free := range []int{0, 300 << 10} {
		t.Run(fmt.Sprint(free), func(t *testing.T) {
			dir := t.TempDir()
			mountTmpfs(t, dir+"/data", "8m")
			d := mountAt(t, dir, firm())
			lead := as.Start(t, zhang)
			lead.Writes(d.in("占位"), string(make([]byte, free+1)))
			f := lead.Opens(d.in("库"), os.O_RDWR|os.O_CREATE, 0o644)
			lead.Does(f.Truncate(size))
			m, err := f.Map(0, size, true)
			if err != nil {
				t.Fatal(err)
			}
			empty := fillDisk(t, dir+"/data")
			lead.Does(lead.Truncate(d.in("占位"), 0))
			lead.Does(m.Write(bytes.Repeat([]byte("Z"), size), 0))
			lead.Refused(m.Sync(), syscall.ENOSPC)
			if n := d.count("ev", "writeback", "res", "ENOSPC") + d.count("ev", "writeback", "res", "EIO"); n == 0 {
				t.Errorf("no write-back that failed in the log:\n%s", d.tail(6))
			}

			empty()
			lead.Does(m.Write(bytes.Repeat([]byte("Y"), size), 0))
			lead.Does(m.Sync())
			lead.Does(m.Unmap())
			lead.Does(f.Close())
			if b, err := lead.ReadFile(d.in("库")); err != nil || bytes.Count(b, []byte("Y")) != size {
				t.Errorf("after there was room: %d bytes of %d, %v", bytes.Count(b, []byte("Y")), size, err)
			}
		})
	}
}

// clearAppend is a program: it opens to append, takes the flag off and writes at the start.
func clearAppend(args []string) error {
	fd, err := unix.Open(args[0], unix.O_RDWR|unix.O_APPEND, 0)
	if err != nil {
		return err
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, 0); err != nil {
		return err
	}
	_, err = unix.Pwrite(fd, []byte("AB"), 0)
	return err
}

// A descriptor appends as long as it has the flag, not as long as it once had.
func TestAppendFlagCleared(t *testing.T) {
	d := mountFirm(t)
	lead := as.Start(t, zhang)
	lead.Writes(d.in("日志"), "0123456789")
	runs(t, lead, "clear-append", d.in("日志"))
	lead.Reads(d.in("日志"), "AB23456789")
}

// O_TRUNC empties a file whatever else the open asks for, and needs the right to write.
func TestTruncatingOpenForReading(t *testing.T) {
	d := mountFirm(t)
	lead, read := as.Start(t, zhang), as.Start(t, reader)
	lead.Writes(d.in("合同.txt"), "甲方")
	_, err := read.Open(d.in("合同.txt"), os.O_RDONLY|os.O_TRUNC, 0)
	read.Refused(err, syscall.EACCES)
	lead.Reads(d.in("合同.txt"), "甲方")
	f := lead.Opens(d.in("合同.txt"), os.O_RDONLY|os.O_TRUNC, 0)
	lead.Does(f.Close())
	lead.Reads(d.in("合同.txt"), "")
}

// writeAndStat is a program: n files are written and closed, and each is looked at.
func writeAndStat(args []string) error {
	for i := range number(args[1]) {
		p := fmt.Sprint(args[0], i)
		if err := os.WriteFile(p, make([]byte, 10_000), 0o644); err != nil {
			return err
		}
		if _, err := os.Stat(p); err != nil {
			return err
		}
	}
	return nil
}

// printTimes is a program: times and blocks of those files.
func printTimes(args []string) error {
	for i := range number(args[1]) {
		var st unix.Stat_t
		if err := unix.Stat(fmt.Sprint(args[0], i), &st); err != nil {
			return err
		}
		fmt.Println(i, st.Ctim, st.Mtim, st.Blocks)
	}
	return nil
}

// What stat tells after a file was closed does not move later: programs that take a new
// ctime for a change (git, backup) would read everything again.
func TestTimesStandAfterClose(t *testing.T) {
	d := mountFirm(t)
	lead := as.Start(t, zhang)
	const files = "300"
	runs(t, lead, "write-and-stat", d.in("f"), files)
	first := lines(runs(t, lead, "ctimes", d.in("f"), files))
	d.srv.Refresh() // the kernel forgets
	for i, l := range lines(runs(t, lead, "ctimes", d.in("f"), files)) {
		if l != first[i] {
			t.Errorf("stat changed without a change: %s, then %s", first[i], l)
		}
	}
}
