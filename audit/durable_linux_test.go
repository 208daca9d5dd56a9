package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
)

// countingLive counts syncs, and remembers how much of the file each brought to the medium: what a power cut leaves at least.
type countingLive struct {
	liveFile
	path   string
	mu     sync.Mutex
	syncs  int
	synced int64         // bytes of the live file
	gate   chan struct{} // a sync takes a value from it first; nil: it does not wait
}

func (f *countingLive) Sync() error {
	f.mu.Lock()
	gate := f.gate
	f.mu.Unlock()
	if gate != nil {
		<-gate
	}
	st, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	if err := f.liveFile.Sync(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.syncs++
	f.synced = st.Size() // bytes written while the call ran may be lost
	return nil
}

func (f *countingLive) seen() (syncs int, synced int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.syncs, f.synced
}

func openCounting(t *testing.T, gate chan struct{}) (*Log, *countingLive, Options) {
	t.Helper()
	o := testOptions(t)
	f := &countingLive{path: livePath(o)}
	o.Wrap = func(file File) File { f.liveFile = file; return f }
	l := mustOpen(t, o)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gate = gate
	return l, f, o
}

// Whoever is answered by Durable finds their record in what was synced, if the power fails at that very moment.
func TestDurableSurvivesAPowerCut(t *testing.T) {
	l, f, o := openCounting(t, nil)
	var wg sync.WaitGroup
	for client := range 8 {
		wg.Go(func() {
			for i := range 50 {
				r := sample(1000*client + i)
				seq, err := l.Append(r)
				if err == nil {
					err = l.Durable(seq, nil)
				}
				if err != nil {
					t.Error(err)
					return
				}
				_, n := f.seen()
				if left := readFile(t, o.Dir+"/"+LiveName)[:n]; !bytes.Contains(left, []byte(fmt.Sprintf(`{"seq":%d,`, seq))) || !bytes.Contains(left, []byte(r.Path)) {
					t.Errorf("record %d is answered and a power cut takes it", seq)
				}
			}
		})
	}
	wg.Wait()
}

// All who come while a sync runs share the next one.
func TestDurableCallersShareASync(t *testing.T) {
	gate := make(chan struct{})
	l, f, _ := openCounting(t, gate)
	defer close(gate)
	const callers = 100
	answers := make(chan error, callers+1)
	wait := func() {
		seq, err := l.Append(sample(0))
		if err == nil {
			err = l.Durable(seq, nil)
		}
		answers <- err
	}
	go wait()
	waitFor(t, "the first call", func() bool { l.group.mu.Lock(); defer l.group.mu.Unlock(); return len(l.group.served) == 1 })
	for range callers {
		go wait()
	}
	waitFor(t, "the others", func() bool { l.group.mu.Lock(); defer l.group.mu.Unlock(); return len(l.group.waiting) == callers })
	select {
	case err := <-answers:
		t.Fatalf("answered before the sync returned: %v", err)
	default:
	}
	before, _ := f.seen()
	for range 2 {
		gate <- struct{}{}
	}
	for range callers + 1 {
		if err := <-answers; err != nil {
			t.Fatal(err)
		}
	}
	if n, _ := f.seen(); n != before+2 {
		t.Errorf("%d syncs for %d callers, want 2", n-before, callers+1)
	}
}

// A failed fdatasync refuses those who wait, and everybody after them: a second call would succeed and prove nothing.
func TestDurableFails(t *testing.T) {
	l, f := openFaulty(t, testOptions(t))
	seq, err := l.Append(sample(0))
	if err != nil {
		t.Fatal(err)
	}
	f.set(func(f *faultyLive) { f.sync = syscall.EIO })
	l.synced.Store(0)
	for i := range 3 {
		if err := l.Durable(seq, nil); !errors.Is(err, ErrUnavailable) || !errors.Is(err, syscall.EIO) {
			t.Errorf("call %d: %v, want ErrUnavailable because of EIO", i, err)
		}
		f.set(func(f *faultyLive) { f.sync = nil })
	}
	if err := l.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Sync after a failed one: %v", err)
	}
	l.flush()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.st.synced >= seq {
		t.Errorf("the head says that record %d is on the medium", l.st.synced)
	}
}

// Nobody waits for a disk that hangs; who gives up is let go at once, and the others go on waiting.
func TestDurableWhileTheDiskHangs(t *testing.T) {
	l, f, look := openHanging(t, testOptions(t))
	appendN(t, l, 3)
	release := f.hang(&f.sync)
	answers, gaveUp := make(chan error, 2), make(chan error, 1)
	cancel := make(chan struct{})
	go func() { answers <- l.Durable(1, nil) }()
	<-f.waiting
	go func() { answers <- l.Durable(2, nil) }()
	go func() { gaveUp <- l.Durable(3, cancel) }()
	waitFor(t, "two who wait", func() bool { l.group.mu.Lock(); defer l.group.mu.Unlock(); return len(l.group.waiting) == 2 })
	close(cancel)
	if err := <-gaveUp; !errors.Is(err, ErrInterrupted) || len(answers) != 0 {
		t.Errorf("interrupted: %v, %d others were answered", err, len(answers))
	}
	look()
	wantHung(t, <-answers)
	wantHung(t, <-answers)
	wantHung(t, l.Durable(3, nil))
	if n := l.Synced(); n != 0 {
		t.Errorf("%d records are said to be on the medium", n)
	}
	release()
	waitFor(t, "recovery", func() bool { look(); return l.Healthy() == nil })
	if err := l.Durable(3, nil); err != nil || l.Synced() < 3 {
		t.Error(err, l.Synced())
	}
}

// The end of the log lets nobody wait for ever.
func TestDurableAndClose(t *testing.T) {
	gate := make(chan struct{})
	l, _, o := openCounting(t, gate)
	answers := make(chan error, 10)
	for range cap(answers) {
		seq, err := l.Append(sample(0))
		if err != nil {
			t.Fatal(err)
		}
		go func() { answers <- l.Durable(seq, nil) }()
	}
	waitFor(t, "all", func() bool {
		l.group.mu.Lock()
		defer l.group.mu.Unlock()
		return len(l.group.waiting)+len(l.group.served) == cap(answers)
	})
	close(gate)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for range cap(answers) {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	if err := l.Durable(1<<40, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	wantClean(t, o, uint64(cap(answers)))
}

// The receipt tells what the line takes.
func TestReceipt(t *testing.T) {
	l, _, o := openCounting(t, nil)
	total := 0
	for i := range 20 {
		got, err := l.Write(Change, sample(i))
		if err != nil || got.Seq != uint64(i+1) {
			t.Fatal(got, err)
		}
		total += got.Bytes
	}
	if n := len(readFile(t, livePath(o))); n != total {
		t.Errorf("receipts over %d bytes for a file of %d", total, n)
	}
}
