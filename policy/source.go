package policy

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// collector gathers what is wrong with all files, so that an admin sees every
// mistake in one run.
type collector struct {
	errs  []*Error
	warns []*Error
}

// source is one policy file while and after it is read.
type source struct {
	file  string
	lines []string // without line ends
	notes *collector
	// inserted are the columns, by line, of blanks that the scan put into the
	// text it hands to the YAML parser; see origCol.
	inserted map[int][]int
	broken   bool // the scan or the parser found a mistake in the text itself
}

// pos is a place in a policy file.
type pos struct {
	src       *source
	line, col int
}

// String is "file:line", or "" for no place.
func (p pos) String() string {
	if p.src == nil {
		return ""
	}
	return fmt.Sprintf("%s:%d", p.src.file, p.line)
}

// errorf adds a mistake at p.
func (p pos) errorf(hint, format string, args ...any) {
	p.src.notes.errs = append(p.src.notes.errs, p.note(hint, format, args...))
}

// warnf adds something that is legal but hardly meant.
func (p pos) warnf(hint, format string, args ...any) {
	p.src.notes.warns = append(p.src.notes.warns, p.note(hint, format, args...))
}

func (p pos) note(hint, format string, args ...any) *Error {
	text := ""
	if p.line >= 1 && p.line <= len(p.src.lines) {
		text = p.src.lines[p.line-1]
	}
	return &Error{File: p.src.file, Line: p.line, Col: p.col, Msg: fmt.Sprintf(format, args...), Hint: hint, Text: text}
}

// at makes a place from a line and a column of the text as the parser saw it.
func (s *source) at(line, col int) pos { return pos{s, line, s.origCol(line, col)} }

// origCol takes the blanks back that the scan put in before col.
func (s *source) origCol(line, col int) int {
	shift := 0
	for _, c := range s.inserted[line] {
		if col > c {
			shift++
		}
	}
	return col - shift
}

// newSource splits a file into lines. Text that is no UTF-8 is reported and
// kept out of the parser.
func newSource(name string, data []byte, notes *collector) *source {
	s := &source{file: name, notes: notes}
	text := string(data)
	s.lines = strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	if len(data) > maxFileSize {
		s.broken = true
		pos{s, 0, 0}.errorf("split the file", "file has %d bytes; at most %d are read", len(data), maxFileSize)
		return s
	}
	if !utf8.ValidString(text) {
		s.broken = true
		s.reportEncoding(data)
	}
	return s
}

// maxFileSize keeps a mistaken file (a backup, a scan) from eating memory.
const maxFileSize = 16 << 20

// reportEncoding names the first byte that is not UTF-8 and what it may be.
func (s *source) reportEncoding(data []byte) {
	for i, line := range s.lines {
		if utf8.ValidString(line) {
			continue
		}
		col, rest := 1, line
		for {
			r, size := utf8.DecodeRuneInString(rest)
			if r == utf8.RuneError && size == 1 {
				break
			}
			col, rest = col+1, rest[size:]
		}
		s.lines[i] = strings.ToValidUTF8(line, "\ufffd")
		pos{s, i + 1, col}.errorf("save the file as UTF-8", "not UTF-8 text%s", guessEncoding(data, rest))
		return
	}
}

// guessEncoding says what Chinese Windows editors usually wrote instead.
func guessEncoding(data []byte, rest string) string {
	if len(data) >= 2 && (data[0] == 0xff && data[1] == 0xfe || data[0] == 0xfe && data[1] == 0xff) {
		return "; it looks like UTF-16"
	}
	if len(rest) >= 2 && rest[0] >= 0x81 && rest[0] <= 0xfe && rest[1] >= 0x40 && rest[1] != 0x7f {
		return "; it looks like GBK"
	}
	return ""
}
