package audit

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"
)

// childRotates in the environment makes it seal, rotate and compress as fast as it can.
const childRotates = "AUDIT_TEST_ROTATES"

// childDir in the environment makes the test binary a daemon that appends records until it is killed.
const childDir = "AUDIT_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// child appends from two goroutines and says every number on stdout after Append returned it.
func child(dir string) error {
	o := Options{Dir: dir + "/log", StateDir: dir + "/state", StoreID: testStore, SyncInterval: time.Millisecond}
	if os.Getenv(childRotates) != "" {
		o.Seal, o.Rotate, o.SegmentSize = true, true, 20000
	}
	l, err := Open(o)
	if err != nil {
		return err
	}
	errs := make(chan error)
	for range 2 {
		go func() {
			for i := 0; ; i++ {
				seq, err := l.Append(sample(i))
				if err != nil {
					errs <- err
					return
				}
				fmt.Printf("%d\n", seq)
				if o.Rotate && i%50 == 49 { // not only when the clock ticks
					if err := l.rotateIfDue(); err != nil {
						errs <- err
						return
					}
				}
			}
		}()
	}
	return <-errs
}

// Killed at any moment, the log holds every record that Append had returned, and goes on.
func TestKilledWriter(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir + "/log", StateDir: dir + "/state", StoreID: testStore}
	for round := range 12 {
		told := runAndKill(t, dir, 1+round*97)
		rep := mustVerify(t, o)
		if rep.Code() != 0 || rep.LastSeq < told {
			t.Fatalf("round %d: code %d, last record %d, told %d: %v", round, rep.Code(), rep.LastSeq, told, rep.Problems)
		}
		fill(t, o, 1)
		if rep := mustVerify(t, o); rep.Code() != 0 || rep.LastSeq <= told {
			t.Fatalf("round %d after repair: code %d: %v", round, rep.Code(), rep.Problems)
		}
	}
}

// runAndKill starts a child, kills it after so many records, and returns the highest number it told.
func runAndKill(t *testing.T, dir string, records int, env ...string) (told uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), childDir+"="+dir), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		if n == records {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		if seq, err := strconv.ParseUint(lines.Text(), 10, 64); err == nil {
			told = max(told, seq)
		}
	}
	var ended *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &ended) || ended.ExitCode() != -1 || told == 0 {
		t.Fatalf("the child ended by itself: %v, told %d", err, told)
	}
	return told
}

func TestConcurrentAppends(t *testing.T) {
	o := testOptions(t)
	o.SyncInterval = time.Millisecond
	l := mustOpen(t, o)
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[uint64]bool{}
	for range 8 {
		wg.Go(func() {
			for i := range 250 {
				seq, err := l.Append(sample(i))
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				seen[seq] = true
				mu.Unlock()
				if i%50 == 0 {
					if err := l.Sync(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if len(seen) != 2000 || !seen[1] || !seen[2000] {
		t.Errorf("%d different numbers", len(seen))
	}
	wantClean(t, o, 2000)
}

func TestVerifyBesideARunningWriter(t *testing.T) {
	o := testOptions(t)
	l := mustOpen(t, o)
	done := make(chan bool)
	go func() {
		defer close(done)
		for i := range 5000 {
			if _, err := l.Append(sample(i)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if rep := mustVerify(t, o); rep.Code() != 0 {
			t.Fatalf("%v", rep.Problems)
		}
	}
	wantClean(t, o, 5000)
}
