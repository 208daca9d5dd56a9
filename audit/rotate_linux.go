package audit

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// rotateIfDue begins a new live file when the present one is large enough or from another day, by the clock of the place.
func (l *Log) rotateIfDue() error {
	l.mu.Lock()
	due := l.down == nil && l.st.size > 0 && l.rotationDue(l.now()) && l.roomForAnother()
	l.mu.Unlock()
	if !due {
		return nil
	}
	return l.rotate()
}

func (l *Log) rotationDue(now time.Time) bool {
	born := l.born.Local()
	return int64(l.st.size) >= l.o.SegmentSize || born.Format(time.DateOnly) != now.Local().Format(time.DateOnly) && now.After(born)
}

// rotate makes the live file an older segment and begins a new one. All of the old file is on the medium before the first record
// of the new one: a power cut can never take records from the middle of the log. This is the one sync under mu; what is left for
// it is what was written since the sync just before.
func (l *Log) rotate() error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	l.mu.Lock()
	seq := l.st.seq
	l.mu.Unlock()
	if err := l.syncTo(seq); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down != nil || l.closed || l.st.size == 0 {
		return nil // an older segment has at least one record
	}
	if err := l.check(); err != nil {
		return err
	}
	if err := l.live.Sync(); err != nil {
		err = l.fail("sync", err)
		l.down.final = true
		return err
	}
	l.onMedium(l.st.seq)
	return l.changeFile()
}

// changeFile renames the live file and opens the next one. mu is held.
func (l *Log) changeFile() error {
	live, old := filepath.Join(l.o.Dir, LiveName), filepath.Join(l.o.Dir, segmentName(l.first))
	if err := unix.Renameat2(unix.AT_FDCWD, live, unix.AT_FDCWD, old, unix.RENAME_NOREPLACE); err != nil {
		return l.fail("rotate", &fs.PathError{Op: "rename", Path: old, Err: err})
	}
	if err := l.env.step(stepRenamed); err != nil {
		return err
	}
	next, err := l.env.live(l.o.Dir, l.o.Group) // syncs the directory
	if err != nil {
		// Nothing is written to the old file any more, or records would stand behind its end.
		err = errors.Join(err, os.Rename(old, live))
		return l.fail("rotate", err)
	}
	closeErr := errors.Join(l.giveBack(), l.live.Close())
	l.live, l.st.size, l.held = next, 0, 0
	l.first, l.born = l.st.seq+1, l.now()
	if err := l.head.store(&l.st); err != nil {
		return l.fail("head", err)
	}
	select {
	case l.older <- struct{}{}:
	default:
	}
	return errors.Join(closeErr, l.secured(0))
}

// stepRenamed is where tests stop a rotation.
const stepRenamed = "the live file is renamed"

// housekeep compresses older segments in the background, all but the newest, which people and the next start read, and deletes
// those that retention is over for.
func (l *Log) housekeep() {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		err := errors.Join(l.compressOlder(), l.retireOlder())
		l.shown.set(func(v *shown) { v.tidyErr = err })
		select {
		case <-l.stop:
			return
		case <-l.older:
		case <-tick.C:
		}
	}
}

// Tidied returns why older segments are not compressed or deleted in time; nil when they are.
func (l *Log) Tidied() error {
	l.shown.mu.Lock()
	defer l.shown.mu.Unlock()
	return l.shown.tidyErr
}

func (l *Log) compressOlder() error {
	l.tidying.Lock()
	defer l.tidying.Unlock()
	if err := removeHalves(l.o.Dir); err != nil {
		return err
	}
	list, err := segments(l.o.Dir)
	if err != nil {
		return err
	}
	if n := len(list); n > 0 && list[n-1].live() {
		list = list[:n-1]
	}
	for i, s := range list {
		if s.gz || i == len(list)-1 {
			continue
		}
		if err := l.compress(s.name); err != nil {
			return fmt.Errorf("compressing %s: %w", s.name, err)
		}
	}
	return nil
}

// halfName begins the names of files that are being compressed.
const halfName = ".audit-gz-"

// removeHalves removes what a crash left of a compression.
func removeHalves(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), halfName) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// errStopped: Close does not wait for a compression to end.
var errStopped = errors.New("the log is being closed")

// compress replaces a segment by its gzip form: write that beside it, fsync; read it back and compare; rename; fsync the
// directory; only then remove the plain one.
func (l *Log) compress(name string) error {
	plain := filepath.Join(l.o.Dir, name)
	half, err := l.writeGzip(plain)
	if err != nil {
		return err
	}
	if err := sameBytes(plain, half); err != nil {
		return orRemove(err, half)
	}
	if err := orRemove(os.Rename(half, plain+".gz"), half); err != nil {
		return err
	}
	if err := errors.Join(syncDir(l.o.Dir), l.env.step(stepZipped)); err != nil {
		return err
	}
	return errors.Join(os.Remove(plain), syncDir(l.o.Dir))
}

// stepZipped is where tests stop a compression.
const stepZipped = "both forms of the segment are there"

func (l *Log) writeGzip(plain string) (name string, err error) {
	from, err := openRegular(plain)
	if err != nil {
		return "", err
	}
	defer from.Close()
	to, err := os.CreateTemp(l.o.Dir, halfName)
	if err != nil {
		return "", err
	}
	z := newMemberWriter(to)
	_, err = io.Copy(z, &stoppable{from, l.stop})
	err = errors.Join(err, z.Close(), to.Chmod(0o640))
	if l.o.Group > 0 {
		err = errors.Join(err, to.Chown(-1, l.o.Group))
	}
	return to.Name(), orRemove(errors.Join(err, to.Sync(), to.Close()), to.Name())
}

// stoppable is a file whose reading ends with an error when stop is closed.
type stoppable struct {
	io.Reader
	stop <-chan struct{}
}

func (s *stoppable) Read(p []byte) (int, error) {
	select {
	case <-s.stop:
		return 0, errStopped
	default:
		return s.Reader.Read(p)
	}
}

// sameBytes says why a gzip file does not hold the bytes of a plain one.
func sameBytes(plain, zipped string) error {
	var sums [2][32]byte
	for i, s := range []segment{{name: filepath.Base(plain)}, {name: filepath.Base(zipped), gz: true}} {
		r, err := s.open(filepath.Dir(plain))
		if err != nil {
			return err
		}
		h := sha256.New()
		_, err = io.Copy(h, r)
		if err = errors.Join(err, r.Close()); err != nil {
			return err
		}
		h.Sum(sums[i][:0])
	}
	if sums[0] != sums[1] {
		return errors.New("what was compressed does not read back as it was")
	}
	return nil
}
