package audit

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// reserving opens a log with a reserve of 512 KiB on a disk of 4 MiB.
func reserving(t *testing.T) (Options, *Log) {
	t.Helper()
	o := reserveOptions(t)
	l, _ := openFaulty(t, o)
	return o, l
}

func reserveOptions(t *testing.T) Options {
	t.Helper()
	o := testOptions(t)
	o.Dir, o.Reserve = t.TempDir(), 512<<10
	if err := unix.Mount("tmpfs", o.Dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Fatalf("these tests must run as root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(o.Dir, 0); err != nil {
			t.Error(err)
		}
	})
	return o
}

// fillUp takes all that the disk has left, and returns the file that does.
func fillUp(t *testing.T, dir string) (ballast string) {
	t.Helper()
	ballast = filepath.Join(dir, "ballast")
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	writeFile(t, ballast, make([]byte, int64(st.Bavail)*st.Bsize))
	return ballast
}

// disclosures appends until that is refused, and returns how many were not.
func disclosures(t *testing.T, l *Log) (n uint64) {
	t.Helper()
	for ; n < 100_000; n++ {
		if _, err := l.Append(sample(1)); err != nil {
			if !errors.Is(err, ErrUnavailable) || !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("the disk does not become full")
	return 0
}

// On a full disk disclosures end, changes go on while their records fit, and each that was promised room has it.
func TestReserveIsForChanges(t *testing.T) {
	o, l := reserving(t)
	ballast := fillUp(t, o.Dir)
	n := disclosures(t, l)
	if err := l.Healthy(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Healthy: %v", err)
	}
	wantServing(t, l, false)
	changes, late := uint64(0), 0
	for l.Begin(); l.Ready() == nil; changes++ {
		if _, err := l.AppendAs(Change, sample(2)); err != nil {
			t.Fatalf("a change was promised room: %v", err)
		}
		if _, err := l.Append(sample(1)); err == nil {
			t.Fatal("a disclosure was recorded from the reserve")
		}
		late++
	}
	if changes < 300 {
		t.Errorf("%d changes fit into the reserve", changes)
	}
	// The room that is left belongs to the change that has begun.
	if _, err := l.AppendAs(Closing, sample(3)); err == nil {
		t.Error("a closing took the room that was promised to a change")
	}
	l.End()
	if _, err := l.AppendAs(Closing, sample(3)); err != nil {
		t.Errorf("a closing finds no room: %v", err)
	}
	remove(t, ballast)
	if err := l.Healthy(); err != nil {
		t.Fatalf("with space again: %v", err)
	}
	wantServing(t, l, true)
	appendN(t, l, 1)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if rep := wantClean(t, o, n+changes+3); len(rep.Recoveries) != 1 {
		t.Fatalf("%+v", rep.Recoveries)
	}
	err := ReadRecords(o.Dir, func(_ []byte, p *Parsed) error {
		if p.Recovery != nil && (p.Recovery.Refused != late+2 || p.Recovery.Since.IsZero()) { // the first refused, and one closing
			t.Errorf("%+v, want %d refused", p.Recovery, late+2)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// As many changes as are under way have room, each for the longest record.
func TestReadyCountsWhatIsUnderWay(t *testing.T) {
	o, l := reserving(t)
	l.o.Reserve = 4 * MostOfChange
	fillUp(t, o.Dir)
	disclosures(t, l)
	n := 0
	for ; n < 100; n++ {
		if l.Begin(); l.Ready() != nil {
			break
		}
	}
	l.mu.Lock()
	room := l.room()
	l.mu.Unlock()
	if n == 0 || int64(n)*MostOfChange > room || int64(n+1)*MostOfChange <= room {
		t.Errorf("%d changes were promised %d bytes each, %d are there", n, MostOfChange, room)
	}
}

// While the disk has space the reserve grows with what is under way.
func TestReadyOnADiskWithSpace(t *testing.T) {
	_, l := reserving(t)
	for i := range 12 {
		if l.Begin(); l.Ready() != nil {
			t.Fatalf("change %d was refused", i+1)
		}
	}
}

// The reserve is not part of the file, follows a rotation and is given back.
func TestReserveIsInNoFile(t *testing.T) {
	o := reserveOptions(t)
	l := mustOpen(t, o)
	blocks := func(path string) int64 {
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil {
			t.Fatal(err)
		}
		return st.Blocks * 512
	}
	appendN(t, l, 10)
	if got := blocks(livePath(o)); got < o.Reserve {
		t.Errorf("%d bytes are held", got)
	}
	mustRotate(t, l)
	appendN(t, l, 10)
	if got := blocks(filepath.Join(o.Dir, segmentName(1))); got > 16<<10 {
		t.Errorf("the older segment keeps %d bytes", got)
	}
	if got := blocks(livePath(o)); got < o.Reserve {
		t.Errorf("%d bytes are held after the rotation", got)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := blocks(livePath(o)); got > 16<<10 {
		t.Errorf("the closed log keeps %d bytes", got)
	}
	wantClean(t, o, 20)
}

// A disk that cannot hold the reserve at the start serves nothing until it can.
func TestFullDiskAtTheStart(t *testing.T) {
	o, l := reserving(t)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	ballast := fillUp(t, o.Dir)
	l, _ = openFaulty(t, o)
	if _, err := l.Append(sample(1)); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("Append: %v", err)
	}
	remove(t, ballast)
	appendN(t, l, 1)
}

// oldFS is a file system that cannot hold blocks for later.
type oldFS struct{ liveFile }

func (oldFS) Allocate(_, _ int64) error { return unix.EOPNOTSUPP }

func TestFileSystemWithoutReserve(t *testing.T) {
	o := testOptions(t)
	o.Reserve = 1 << 20
	env := realEnviron()
	env.live = func(dir string, group int) (liveFile, error) {
		f, err := openLive(dir, group)
		return oldFS{f}, err
	}
	l, err := open(o, env)
	if err != nil {
		t.Fatal(err)
	}
	l.Begin()
	if err := l.Ready(); err != nil {
		t.Fatal(err)
	}
	appendN(t, l, 3)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wantClean(t, o, 3)
}

func TestFreeIsMeasured(t *testing.T) {
	o, l := reserving(t)
	if got := ReserveFor(o.Dir); got != 512<<10 {
		t.Errorf("a disk of 4 MiB has a reserve of %d", got)
	}
	if got := ReserveFor(smallDisk(t)); got != 0 {
		t.Errorf("a disk of 64 KiB has a reserve of %d", got)
	}
	if got := ReserveFor("/proc"); got != DefaultReserve {
		t.Errorf("where sizes are not known the reserve is %d", got)
	}
	if free := l.Free(); free <= 0 || free > 4<<20 {
		t.Errorf("%d bytes free on a disk of 4 MiB", free)
	}
	l.o.Dir = "/does/not/exist"
	if l.measure(); l.Free() >= 0 {
		t.Errorf("%d bytes free nowhere", l.Free())
	}
}
