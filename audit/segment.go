package audit

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// segment is one file of the log.
type segment struct {
	name  string
	first uint64 // seq of its first record, from its name; 0 for the live file, which does not say
	gz    bool
	held  *os.File // the live file, opened when the others were listed; nil: opened by its name
}

func (s segment) live() bool { return s.name == LiveName }

// parseSegment reads audit-<firstseq>.jsonl or audit-<firstseq>.jsonl.gz.
func parseSegment(name string) (segment, bool) {
	if name == LiveName {
		return segment{name: name}, true
	}
	num, ok := strings.CutPrefix(name, "audit-")
	num, gz := strings.CutSuffix(num, ".gz")
	num, ext := strings.CutSuffix(num, ".jsonl")
	first, err := strconv.ParseUint(num, 10, 64)
	if !ok || !ext || err != nil || first == 0 || num[0] == '+' {
		return segment{}, false
	}
	return segment{name: name, first: first, gz: gz}, true
}

// segmentName is the name of an older segment.
func segmentName(first uint64) string { return fmt.Sprintf("audit-%012d.jsonl", first) }

// segments lists the files of a log in the order of their records, the live one last. Of a segment that is there plain and
// compressed the plain one counts: compression had not ended.
func segments(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var list []segment
	for _, e := range entries {
		if s, ok := parseSegment(e.Name()); ok {
			list = append(list, s)
		}
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if a.live() != b.live() {
			return b.live()
		}
		if a.first != b.first {
			return a.first < b.first
		}
		return !a.gz && b.gz
	})
	return dropCopies(list), nil
}

// openLog lists the files of a log as they were at one moment, with the live file open: a rotation in between would hide a file.
// closeHeld ends it.
func openLog(dir string) ([]segment, error) {
	for {
		live, err := openRegular(filepath.Join(dir, LiveName))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		list, err := segments(dir)
		if err != nil {
			return nil, closeWith(live, err)
		}
		last := len(list) - 1
		listed := last >= 0 && list[last].live()
		if live == nil && !listed {
			return list, nil
		}
		if live != nil && listed && stillLive(live) {
			list[last].held = live
			return list, nil
		}
		closeWith(live, nil)
	}
}

func closeHeld(list []segment) {
	for _, s := range list {
		closeWith(s.held, nil)
	}
}

func closeWith(f *os.File, err error) error {
	if f != nil {
		f.Close()
	}
	return err
}

func stillLive(f *os.File) bool {
	held, err1 := f.Stat()
	named, err2 := os.Stat(f.Name())
	return err1 == nil && err2 == nil && os.SameFile(held, named)
}

func dropCopies(list []segment) []segment {
	kept := list[:0]
	for _, s := range list {
		if n := len(kept); n > 0 && !s.live() && kept[n-1].first == s.first {
			continue
		}
		kept = append(kept, s)
	}
	return kept
}

// open gives the records of a segment, decompressed. A plain one may have been compressed since it was listed.
func (s segment) open(dir string) (io.ReadCloser, error) {
	if s.held != nil {
		_, err := s.held.Seek(0, io.SeekStart)
		return s.held, err
	}
	f, err := openRegular(filepath.Join(dir, s.name))
	if errors.Is(err, fs.ErrNotExist) && !s.gz && !s.live() {
		s.gz = true
		f, err = openRegular(filepath.Join(dir, s.name+".gz"))
	}
	if err != nil || !s.gz {
		return f, err
	}
	z, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<16))
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return &gzFile{z, f}, nil
}

// each calls fn for the complete lines of a segment from record from on, and perhaps for some before.
func (s segment) each(dir string, from uint64, fn func(line []byte) error) error {
	r, err := s.open(dir)
	if err != nil {
		return err
	}
	defer r.Close()
	if f, plain := r.(*os.File); plain && from > 1 {
		if _, err := seekSeq(f, from); err != nil {
			return err
		}
	}
	split := newLines(r)
	for {
		ln, err := split.next()
		if err == io.EOF || err == nil && ln.torn {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(ln.b); err != nil {
			return err
		}
	}
}

// eachRecord is each with the header of every line; one that has none is a *LineError.
func (s segment) eachRecord(dir string, from uint64, fn func(line []byte, h header) error) error {
	return s.each(dir, from, func(line []byte) error {
		h, ok := quick(line)
		if !ok {
			var why string
			if h, why = parseHeader(line); why != "" {
				return &LineError{Path: filepath.Join(dir, s.name), What: why}
			}
		}
		return fn(line, h)
	})
}

// openRegular opens a file for reading and refuses pipes and devices, which could block a reader for ever.
func openRegular(path string) (*os.File, error) {
	if fi, err := os.Stat(path); err != nil {
		return nil, err
	} else if !fi.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("not a regular file")}
	}
	return os.Open(path)
}

type gzFile struct {
	*gzip.Reader
	f *os.File
}

func (g *gzFile) Close() error {
	return errors.Join(g.Reader.Close(), g.f.Close())
}

// rawLine is a line as it stands in a file.
type rawLine struct {
	b    []byte // without LF; valid until the next line is read; its beginning only when long
	size int64  // bytes it takes in the file, LF included
	torn bool   // the file ends without LF
	long bool   // longer than MaxLine
}

// lines splits a stream at LF, holding at most MaxLine bytes.
type lines struct {
	r    *bufio.Reader
	long []byte
}

func newLines(r io.Reader) *lines {
	return &lines{r: bufio.NewReaderSize(r, 1<<18)}
}

// next gives io.EOF when nothing is left; what stands before the end without an LF comes first, as torn.
func (l *lines) next() (rawLine, error) {
	b, err := l.r.ReadSlice('\n')
	if err == nil {
		return rawLine{b: b[:len(b)-1], size: int64(len(b))}, nil
	}
	ln := rawLine{}
	l.long = l.long[:0]
	for {
		ln.size += int64(len(b))
		if room := MaxLine + 1 - len(l.long); room > 0 {
			l.long = append(l.long, b[:min(room, len(b))]...)
		}
		if err != bufio.ErrBufferFull {
			break
		}
		b, err = l.r.ReadSlice('\n')
	}
	if err != nil && (err != io.EOF || ln.size == 0) {
		return ln, err
	}
	ln.b, ln.torn = l.long, err == io.EOF
	if !ln.torn && ln.size <= MaxLine+1 {
		ln.b = ln.b[:len(ln.b)-1]
	}
	ln.long = len(ln.b) > MaxLine
	return ln, nil
}
