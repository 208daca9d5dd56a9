package audit

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Somebody cuts the head file: its pages are gone, and touching them is SIGBUS. The daemon must live and refuse.
func TestHeadFileCutUnderTheLog(t *testing.T) {
	o := testOptions(t)
	l, _ := openFaulty(t, o)
	appendN(t, l, 3)
	truncate(t, headPath(o), 0)
	if _, err := l.Append(sample(0)); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), HeadName) {
		t.Fatalf("Append: %v", err)
	}
	truncate(t, headPath(o), headSize)
	if _, err := l.Append(sample(0)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wantClean(t, o, 6) // the refused record is there: an attempt too many is better than one too few
}

// What is written into a head that nobody finds later vouches for nothing.
func TestHeadChangedUnderTheLog(t *testing.T) {
	for name, attack := range map[string]func(t *testing.T, o Options){
		"deleted":  func(t *testing.T, o Options) { remove(t, headPath(o)) },
		"renamed":  func(t *testing.T, o Options) { rename(t, headPath(o), headPath(o)+".1") },
		"cut":      func(t *testing.T, o Options) { truncate(t, headPath(o), slotSpace) },
		"extended": func(t *testing.T, o Options) { truncate(t, headPath(o), headSize+1) },
		"exchanged": func(t *testing.T, o Options) {
			writeFile(t, headPath(o)+".new", readFile(t, headPath(o)))
			rename(t, headPath(o)+".new", headPath(o))
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t)
			l, _ := openFaulty(t, o)
			appendN(t, l, 3)
			attack(t, o)
			var replaced *ReplacedError
			if err := l.Healthy(); !errors.As(err, &replaced) || replaced.Path != headPath(o) || !errors.Is(err, ErrUnavailable) {
				t.Errorf("Healthy: %v", err)
			}
			if _, err := l.Append(sample(0)); !errors.As(err, &replaced) {
				t.Errorf("Append: %v", err)
			}
		})
	}
}

// A head that goes away at the very end is an error of Close: the mark of a clean end is lost.
func TestCloseNoticesThatTheHeadIsGone(t *testing.T) {
	o := testOptions(t)
	l := mustOpen(t, o)
	appendN(t, l, 1)
	remove(t, headPath(o))
	var replaced *ReplacedError
	if err := l.Close(); !errors.As(err, &replaced) {
		t.Errorf("Close: %v", err)
	}
}

func TestOneWriterOnly(t *testing.T) {
	o := testOptions(t)
	l := mustOpen(t, o)
	if _, err := Open(o); !errors.Is(err, ErrInUse) {
		t.Errorf("second Open: %v", err)
	}
	remove(t, headPath(o))
	if _, err := Open(o); !errors.Is(err, ErrInUse) {
		t.Errorf("second Open without a head: %v", err)
	}
	l.Close() // fails: its head is gone
	fill(t, o, 1)
}

func TestFailedHeadSyncIsFinal(t *testing.T) {
	o := testOptions(t)
	l, _ := openFaulty(t, o)
	appendN(t, l, 1)
	dup := l.head.fd
	l.head.fd = -1
	err := l.flush()
	l.head.fd = dup
	if !errors.Is(err, unix.EBADF) || !errors.Is(err, ErrUnavailable) {
		t.Fatalf("flush: %v", err)
	}
	wantUnavailable(t, l, unix.EBADF)
}
