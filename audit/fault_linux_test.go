package audit

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// faultyLive lets single system calls on the live file fail.
type faultyLive struct {
	liveFile
	mu       sync.Mutex
	write    error // returned by Write
	short    int   // bytes that Write puts out before it fails
	truncate error
	sync     error
}

func (f *faultyLive) set(change func(f *faultyLive)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *faultyLive) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.write == nil && f.short == 0 {
		return f.liveFile.Write(p)
	}
	n, err := f.liveFile.Write(p[:f.short])
	return n, errors.Join(err, f.write)
}

func (f *faultyLive) Truncate(size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.truncate != nil {
		return f.truncate
	}
	return f.liveFile.Truncate(size)
}

func (f *faultyLive) Sync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sync != nil {
		return f.sync
	}
	return f.liveFile.Sync()
}

// openFaulty opens a log that tries to recover at every Append.
func openFaulty(t *testing.T, o Options) (*Log, *faultyLive) {
	t.Helper()
	f := new(faultyLive)
	env := realEnviron()
	env.retry = 0
	env.live = func(dir string, group int) (live liveFile, err error) {
		f.liveFile, err = openLive(dir, group)
		return f, err
	}
	l, err := open(o, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, f
}

// wantUnavailable appends and fails unless that is refused because of cause.
func wantUnavailable(t *testing.T, l *Log, cause error) {
	t.Helper()
	if _, err := l.Append(sample(0)); !errors.Is(err, ErrUnavailable) || !errors.Is(err, cause) {
		t.Fatalf("Append: %v, want ErrUnavailable because of %v", err, cause)
	}
	if err := l.Healthy(); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("Healthy: %v", err)
	}
}

func TestFailedWritesAreRolledBackAndRecorded(t *testing.T) {
	for name, fault := range map[string]func(f *faultyLive){
		"error":                    func(f *faultyLive) { f.write = syscall.EIO },
		"short write":              func(f *faultyLive) { f.short = 100 },
		"short write, then error":  func(f *faultyLive) { f.short, f.write = 100, syscall.EIO },
		"and it cannot be cut off": func(f *faultyLive) { f.short, f.write, f.truncate = 100, syscall.EIO, syscall.EROFS },
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t)
			l, f := openFaulty(t, o)
			appendN(t, l, 3)
			f.set(fault)
			for range 4 {
				if _, err := l.Append(sample(0)); !errors.Is(err, ErrUnavailable) {
					t.Fatalf("Append: %v", err)
				}
			}
			wantUnavailable(t, l, ErrUnavailable)
			wantServing(t, l, false)
			f.set(func(f *faultyLive) { f.write, f.short, f.truncate = nil, 0, nil })
			seq, err := l.Append(sample(1))
			if err != nil || seq != 5 {
				t.Fatalf("after recovery: %d, %v", seq, err)
			}
			wantServing(t, l, true)
			if err := errors.Join(l.Healthy(), l.Close()); err != nil {
				t.Fatal(err)
			}
			wantServing(t, l, false)
			checkOutage(t, o, 5)
		})
	}
}

func wantServing(t *testing.T, l *Log, want bool) {
	t.Helper()
	if l.Serving() != want {
		t.Errorf("Serving says %v", !want)
	}
}

// checkOutage looks for the record of an outage just before the last record.
func checkOutage(t *testing.T, o Options, refused int) {
	t.Helper()
	rep := wantClean(t, o, 5)
	if len(rep.Recoveries) != 1 || rep.Recoveries[0].Seq != 4 {
		t.Fatalf("%+v", rep.Recoveries)
	}
	err := ReadFrom(o.Dir, 4, func(_ []byte, p *Parsed) error {
		if p.Seq == 4 && (p.Recovery.Since.IsZero() || p.Recovery.Refused != refused || p.Note == "") {
			t.Errorf("%+v, want %d refused", p.Recovery, refused)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRecoveryIsNotTriedAtEveryAppend(t *testing.T) {
	l, f := openFaulty(t, testOptions(t))
	l.env.retry = time.Hour
	f.set(func(f *faultyLive) { f.write = syscall.EIO })
	wantUnavailable(t, l, syscall.EIO)
	f.set(func(f *faultyLive) { f.write = nil })
	wantUnavailable(t, l, syscall.EIO)
}

func TestFailedSyncIsFinal(t *testing.T) {
	o := testOptions(t)
	l, f := openFaulty(t, o)
	appendN(t, l, 3)
	f.set(func(f *faultyLive) { f.sync = syscall.EIO })
	if err := l.Sync(); !errors.Is(err, syscall.EIO) || !errors.Is(err, ErrUnavailable) {
		t.Fatalf("Sync: %v", err)
	}
	f.set(func(f *faultyLive) { f.sync = nil })
	wantUnavailable(t, l, syscall.EIO)
	if err := l.Close(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Close hides the failure: %v", err)
	}
	fill(t, o, 1)
	wantClean(t, o, 4)
}

func TestSyncReachesTheHead(t *testing.T) {
	o := testOptions(t)
	l := mustOpen(t, o)
	appendN(t, l, 3)
	if h, _, _ := readHead(o.StateDir); h.seq != 3 || h.synced != 0 || h.clean {
		t.Errorf("before: %+v", h)
	}
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	if h, _, _ := readHead(o.StateDir); h.synced != 3 {
		t.Errorf("after: %+v", h)
	}
}

func TestBackgroundSyncs(t *testing.T) {
	o := testOptions(t)
	o.SyncInterval = time.Millisecond
	l := mustOpen(t, o)
	appendN(t, l, 3)
	for h, _, _ := readHead(o.StateDir); h.synced != 3; h, _, _ = readHead(o.StateDir) {
		time.Sleep(time.Millisecond)
	}
}

// smallDisk mounts a tmpfs of 64 KiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatalf("these tests must run as root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestFullDisk(t *testing.T) {
	o := testOptions(t)
	o.Dir = smallDisk(t)
	l, _ := openFaulty(t, o)
	ballast := filepath.Join(o.Dir, "ballast")
	writeFile(t, ballast, make([]byte, 32<<10))
	n := uint64(0)
	for {
		if _, err := l.Append(sample(0)); err != nil {
			break
		}
		n++
	}
	wantUnavailable(t, l, syscall.ENOSPC)
	if seq, _ := l.Head(); seq != n || n == 0 {
		t.Errorf("head at %d after %d records", seq, n)
	}
	remove(t, ballast)
	if seq, err := l.Append(sample(0)); err != nil || seq != n+2 {
		t.Fatalf("with space again: %d %v", seq, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wantClean(t, o, n+2)
}

func TestLiveFileChangedUnderTheLog(t *testing.T) {
	for name, attack := range map[string]func(t *testing.T, o Options){
		"deleted":   func(t *testing.T, o Options) { remove(t, livePath(o)) },
		"cut":       func(t *testing.T, o Options) { truncate(t, livePath(o), 100) },
		"emptied":   func(t *testing.T, o Options) { truncate(t, livePath(o), 0) },
		"extended":  func(t *testing.T, o Options) { writeFile(t, livePath(o), append(readFile(t, livePath(o)), "x\n"...)) },
		"renamed":   func(t *testing.T, o Options) { rename(t, livePath(o), livePath(o)+".1") },
		"exchanged": exchange,
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t)
			l, _ := openFaulty(t, o)
			appendN(t, l, 3)
			attack(t, o)
			var replaced *ReplacedError
			if err := l.Healthy(); !errors.As(err, &replaced) || !errors.Is(err, ErrUnavailable) {
				t.Errorf("Healthy: %v", err)
			}
			if _, err := l.Append(sample(0)); !errors.As(err, &replaced) {
				t.Errorf("Append: %v", err)
			}
		})
	}
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

// exchange puts an exact copy in the place of the live file.
func exchange(t *testing.T, o Options) {
	b := readFile(t, livePath(o))
	writeFile(t, livePath(o)+".new", b)
	rename(t, livePath(o)+".new", livePath(o))
}

func TestReplacementIsNoticedWhileAppending(t *testing.T) {
	o := testOptions(t)
	l, _ := openFaulty(t, o)
	appendN(t, l, 3)
	exchange(t, o)
	var err error
	n := 0
	for ; err == nil; n++ {
		_, err = l.Append(sample(0))
	}
	var replaced *ReplacedError
	if !errors.As(err, &replaced) || n > checkEvery {
		t.Errorf("noticed after %d records: %v", n, err)
	}
}

func TestClosedLogRefuses(t *testing.T) {
	o := testOptions(t)
	l := mustOpen(t, o)
	appendN(t, l, 1)
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(sample(0)); !errors.Is(err, ErrUnavailable) || !errors.Is(err, ErrClosed) {
		t.Errorf("Append: %v", err)
	}
	if err := l.Healthy(); !errors.Is(err, ErrClosed) {
		t.Errorf("Healthy: %v", err)
	}
}

func TestOpenRefusesWhatItCannotUse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, nil)
	for name, spoil := range map[string]func(o *Options){
		"no store id":            func(o *Options) { o.StoreID = "" },
		"log dir is a file":      func(o *Options) { o.Dir = file },
		"state dir is a file":    func(o *Options) { o.StateDir = file },
		"live is a symlink":      func(o *Options) { mkdir(t, o.Dir); link(t, file, livePath(*o)) },
		"live is a pipe":         func(o *Options) { mkdir(t, o.Dir); pipe(t, livePath(*o)) },
		"live is a directory":    func(o *Options) { mkdir(t, livePath(*o)) },
		"head is a symlink":      func(o *Options) { mkdir(t, o.StateDir); link(t, file, headPath(*o)) },
		"head is a directory":    func(o *Options) { mkdir(t, headPath(*o)) },
		"log directory is /proc": func(o *Options) { o.Dir = "/proc/1" },
	} {
		o := testOptions(t)
		spoil(&o)
		if l, err := Open(o); err == nil {
			l.Close()
			t.Errorf("%s: no error", name)
		}
	}
}

func mkdir(t testing.TB, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func pipe(t *testing.T, path string) {
	t.Helper()
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestModesAndGroup(t *testing.T) {
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	o := testOptions(t)
	o.Group = 12345
	mustOpen(t, o)
	fi, err := os.Stat(livePath(o))
	if err != nil {
		t.Fatal(err)
	}
	if gid := fi.Sys().(*syscall.Stat_t).Gid; fi.Mode().Perm() != 0o640 || gid != 12345 {
		t.Errorf("mode %v, gid %d", fi.Mode(), gid)
	}
	if fi, err := os.Stat(headPath(o)); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("head: %v %v", fi.Mode(), err)
	}
}
