package audit

import (
	"errors"
	"sync"
	"testing"
	"time"
)

// hangingLive holds up writes and syncs while it is told to.
type hangingLive struct {
	liveFile
	mu          sync.Mutex
	write, sync chan struct{} // calls wait until it is closed
	waiting     chan struct{} // one value for each call that begins to wait
}

func (f *hangingLive) hold(which *chan struct{}) {
	f.mu.Lock()
	ch := *which
	f.mu.Unlock()
	if ch != nil {
		f.waiting <- struct{}{}
		<-ch
	}
}

// hang makes calls wait; the returned function lets them go on.
func (f *hangingLive) hang(which *chan struct{}) (release func()) {
	ch := make(chan struct{})
	f.mu.Lock()
	defer f.mu.Unlock()
	*which = ch
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		close(ch)
		*which = nil
	}
}

func (f *hangingLive) Write(p []byte) (int, error) { f.hold(&f.write); return f.liveFile.Write(p) }
func (f *hangingLive) Sync() error                 { f.hold(&f.sync); return f.liveFile.Sync() }

// openHanging opens a log whose guard looks when the test says so: at each value sent.
func openHanging(t *testing.T, o Options) (*Log, *hangingLive, func()) {
	t.Helper()
	f := &hangingLive{waiting: make(chan struct{}, 100)}
	env := realEnviron()
	env.retry, env.slow = 0, time.Hour
	env.live = func(dir string, group int) (live liveFile, err error) {
		f.liveFile, err = openLive(dir, group)
		return f, err
	}
	l, err := open(o, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var writes, syncs holder
	return l, f, func() {
		for range looks {
			l.look(&writes, &syncs)
		}
	}
}

// wantHung fails unless the log says that the disk hangs.
func wantHung(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, ErrSlow) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable because of ErrSlow", err)
	}
}

func TestHangingWrite(t *testing.T) {
	o := testOptions(t)
	l, f, look := openHanging(t, o)
	appendN(t, l, 3)
	release := f.hang(&f.write)
	answers := make(chan error, 3)
	go func() { _, err := l.Append(sample(3)); answers <- err }()
	<-f.waiting
	go func() { _, err := l.Append(sample(4)); answers <- err }()
	go func() { answers <- l.Ready() }()
	waitFor(t, "the queue", func() bool { return len(l.queue) == 2 })
	look()
	for range 3 {
		wantHung(t, <-answers)
	}
	_, err := l.Append(sample(5))
	wantHung(t, err)
	_, err = l.AppendAs(Change, sample(6))
	wantHung(t, err)
	wantHung(t, l.Healthy())
	wantServing(t, l, false)
	if seq, _ := l.Head(); seq != 3 {
		t.Errorf("the head is asked while the disk hangs: %d", seq)
	}
	release()
	waitFor(t, "recovery", func() bool { look(); return l.Healthy() == nil })
	appendN(t, l, 1)
	wantServing(t, l, true)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	// What was being written stands, the change that was made too; those that only waited do not.
	want := map[string]int{sample(3).Path: 1, sample(4).Path: 0, sample(5).Path: 0, sample(6).Path: 1}
	recovered := 0
	err = ReadRecords(o.Dir, func(_ []byte, p *Parsed) error {
		if _, ok := want[p.Path]; ok {
			want[p.Path]--
		}
		if p.Recovery != nil && p.Recovery.Refused == 4 && !p.Recovery.Since.IsZero() {
			recovered++
		}
		return nil
	})
	if err != nil || recovered != 1 {
		t.Errorf("%v, %d records of the stall", err, recovered)
	}
	for path, n := range want {
		if n != 0 {
			t.Errorf("%s: %d records missing", path, n)
		}
	}
	wantClean(t, o, 7)
}

func TestHangingSync(t *testing.T) {
	o := testOptions(t)
	l, f, look := openHanging(t, o)
	appendN(t, l, 3)
	release := f.hang(&f.sync)
	synced := make(chan error, 1)
	go func() { synced <- l.Sync() }()
	<-f.waiting
	appendN(t, l, 2) // the page cache still takes them
	look()
	_, err := l.Append(sample(5))
	wantHung(t, err)
	release()
	if err := <-synced; err != nil {
		t.Fatal(err)
	}
	waitFor(t, "recovery", func() bool { look(); return l.Healthy() == nil })
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wantClean(t, o, 6)
}

// Close does not wait for a disk that hangs, and nothing is lost when it comes back.
func TestCloseWhileTheDiskHangs(t *testing.T) {
	o := testOptions(t)
	l, f, look := openHanging(t, o)
	appendN(t, l, 3)
	release := f.hang(&f.write)
	refused := make(chan error, 1)
	go func() { _, err := l.Append(sample(3)); refused <- err }()
	<-f.waiting
	closed := make(chan error, 1)
	go func() { closed <- l.Close() }()
	waitFor(t, "the end", l.closing.Load)
	look()
	wantHung(t, <-refused)
	wantHung(t, <-closed)
	release()
	waitFor(t, "the lock of the head", func() bool {
		look()
		l, err := Open(o)
		if err != nil {
			return false
		}
		return l.Close() == nil
	})
	if rep := wantClean(t, o, 5); len(rep.Recoveries) != 1 {
		t.Errorf("%+v", rep.Recoveries)
	}
}

// A holder that comes and goes does not hang, however often it is seen to hold the lock.
func TestTurnsAreNoHang(t *testing.T) {
	var l turnLock
	var h holder
	for range 3 * looks {
		l.Lock()
		if h.hangs(&l) {
			t.Fatal("each look saw another turn")
		}
		l.Unlock()
	}
	if !l.TryLock() || l.TryLock() {
		t.Fatal("TryLock")
	}
	for i := range looks {
		if got := h.hangs(&l); got != (i == looks-1) {
			t.Errorf("look %d: %v", i+1, got)
		}
	}
}
