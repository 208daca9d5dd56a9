package export

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// fileMark says how far a target file was written, and what stands last in it.
type fileMark struct {
	off  int64
	tail [32]byte // SHA-256 of the last line, with its LF
}

// file appends records to a file, a line each. What it wrote itself after its mark it cuts off; all else it leaves alone.
type file struct {
	path   string
	format formatter
	begun  func(fileMark) error // told before the first line of another file than before is written

	f     *os.File
	w     *bufio.Writer
	mark  fileMark // with all that is buffered
	doubt bool     // there is something in it, though nothing is known to have been written: it may be a first line that a crash cut off
	buf   []byte
}

// open opens the file and cuts it at the mark. A file that is gone was moved away by somebody, and another begins.
func (t *file) open(m fileMark, fresh bool) error {
	st, err := os.Lstat(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return t.create(m)
	}
	if err != nil {
		return t.fail(err)
	}
	if !st.Mode().IsRegular() {
		return &FileError{t.path, "is not a regular file"}
	}
	if fresh && st.Size() > 0 {
		return &FileError{t.path, "holds something that was not exported to it"}
	}
	if t.f, err = os.OpenFile(t.path, os.O_RDWR, 0); err != nil {
		return t.fail(err)
	}
	t.mark, t.doubt = m, m.off == 0 && st.Size() > 0
	if err = lockFile(t.f); err != nil {
		err = &BusyError{t.path}
	}
	if err == nil && st.Size() == 0 && m.off > 0 {
		t.mark = fileMark{} // emptied after it was copied
		err = t.begun(t.mark)
	}
	if err == nil && !t.doubt {
		err = t.cut()
	}
	if err != nil {
		t.close()
		return err
	}
	t.w = bufio.NewWriterSize(t.f, 1<<18)
	return nil
}

func (t *file) create(m fileMark) (err error) {
	if t.f, err = os.OpenFile(t.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return t.fail(err)
	}
	if err := errors.Join(lockFile(t.f), syncDir(filepath.Dir(t.path))); err != nil {
		return t.fail(err)
	}
	t.w, t.mark, t.doubt = bufio.NewWriterSize(t.f, 1<<18), fileMark{}, false
	if m == t.mark {
		return nil
	}
	return t.begun(t.mark)
}

// cut takes away what the cursor does not know, after it has seen that what it knows is there.
func (t *file) cut() error {
	from := t.mark.off
	if from > 0 {
		last, err := lastLine(t.f, from)
		if err != nil {
			return err
		}
		if sha256.Sum256(last) != t.mark.tail {
			return &FileError{t.path, "is not what was exported to it"}
		}
	}
	if err := t.f.Truncate(from); err != nil {
		return t.fail(err)
	}
	_, err := t.f.Seek(from, io.SeekStart)
	return err
}

// lastLine is the line that ends at off, with its LF; nothing when the file does not reach so far.
func lastLine(f io.ReaderAt, off int64) ([]byte, error) {
	for size := int64(1 << 12); ; size *= 4 {
		start := max(off-size, 0)
		b := make([]byte, off-start)
		if n, err := f.ReadAt(b, start); n < len(b) {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return nil, err
		}
		if i := bytes.LastIndexByte(b[:len(b)-1], '\n'); i >= 0 || start == 0 {
			return b[i+1:], nil
		}
	}
}

func (t *file) fail(err error) error { return &BrokenError{"file:" + t.path, err} }

// put writes a line. When the file was moved away meanwhile, as logrotate does, the next lines begin another.
func (t *file) put(_ context.Context, l *line) error {
	if t.f != nil && t.w.Buffered() == 0 && t.moved() {
		t.close()
	}
	if t.f == nil {
		if err := t.open(t.mark, false); err != nil {
			return err
		}
	}
	b, err := t.format.body(t.buf[:0], l)
	if err != nil {
		return err
	}
	t.buf = append(b, '\n')
	if t.doubt {
		if err := t.settleDoubt(t.buf); err != nil {
			return err
		}
	}
	if _, err := t.w.Write(t.buf); err != nil {
		return t.fail(err)
	}
	t.mark = fileMark{t.mark.off + int64(len(t.buf)), sha256.Sum256(t.buf)}
	return nil
}

// settleDoubt empties the file when it begins as the line that comes now.
func (t *file) settleDoubt(first []byte) error {
	b := make([]byte, len(first))
	n, err := t.f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return t.fail(err)
	}
	if !bytes.Equal(b[:n], first[:n]) {
		return &FileError{t.path, "holds something that was not exported to it"}
	}
	t.doubt = false
	return t.cut()
}

func (t *file) flush(context.Context) error { return nil }

func (t *file) confirm(context.Context) (fileMark, error) {
	if t.f == nil {
		return t.mark, nil
	}
	if err := errors.Join(t.w.Flush(), t.f.Sync()); err != nil {
		return t.mark, t.fail(err)
	}
	return t.mark, nil
}

// moved tells whether the file's name is that of another one now, or of none.
func (t *file) moved() bool {
	named, err1 := os.Stat(t.path)
	held, err2 := t.f.Stat()
	return err1 != nil || err2 != nil || !os.SameFile(named, held)
}

func (t *file) broken() <-chan error { return nil }

func (t *file) close() {
	if t.f != nil {
		t.f.Close()
	}
	t.f, t.w = nil, nil
}
