package policy

import (
	"slices"
	"strings"
	"unicode"
)

const byteOrderMark = "\ufeff"

// scan looks at the plain text of a file for what a YAML parser reports badly
// or not at all: tabs, full-width colons, byte order marks, control characters,
// directives, further documents. It returns the text with those mended (each
// reported), so that the parser still finds the other mistakes.
func (s *source) scan() string {
	var b strings.Builder
	docs := documents{src: s}
	for i, line := range s.lines {
		if i == 0 && strings.HasPrefix(line, byteOrderMark) {
			line = strings.TrimPrefix(line, byteOrderMark)
			s.lines[0] = line
			pos{s, 1, 1}.errorf("save the file as UTF-8 without BOM", "file begins with a byte order mark")
		}
		if docs.marker(i+1, line) {
			line = ""
		}
		if !plain(line) {
			l := lineScan{src: s, line: i + 1, key: true, runes: []rune(line)}
			line = l.scan()
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String()
}

// documents watches for "---", "..." and "%": a policy file is one document
// without directives. Markers stand in the first column only.
type documents struct {
	src            *source
	content, ended bool
}

// marker reports a line that would begin another document and tells whether
// the parser is to see a blank line instead.
func (d *documents) marker(n int, line string) bool {
	trimmed := strings.TrimSpace(line)
	switch {
	case line == "---" || strings.HasPrefix(line, "--- "):
		if d.content {
			d.src.broken = true
			pos{d.src, n, 1}.errorf("put it into a file of its own", "second document in one file")
			return true
		}
		d.content = true
	case line == "..." || strings.HasPrefix(line, "... "):
		d.ended = true
		return true
	case strings.HasPrefix(line, "%") && !d.content:
		d.src.broken = true
		pos{d.src, n, 1}.errorf("remove the line", "YAML directives are not allowed")
		return true
	case trimmed == "" || strings.HasPrefix(trimmed, "#"):
	case d.ended:
		d.src.broken = true
		pos{d.src, n, 1}.errorf("remove the line with ...", "text after the end of the document")
		d.ended = false
	default:
		d.content = true
	}
	return false
}

// lineScan walks along one line. It follows quotes and flow brackets within
// the line only: enough to know whether a character stands where a key ends.
type lineScan struct {
	src   *source
	line  int
	runes []rune
	out   strings.Builder
	quote rune
	flow  int
	token int  // index at which the current token began
	begun bool // the current token has a character that is no blank
	key   bool // the current token may be a key
	added int  // blanks put in so far
}

// plain tells whether a line has nothing that the scan looks for. The lead
// bytes C2, E2 and EF begin the control characters, the line separators and the
// full-width forms.
func plain(line string) bool {
	for i := range len(line) {
		if c := line[i]; c < ' ' || c == 0x7f || c == 0xc2 || c == 0xe2 || c == 0xef {
			return false
		}
	}
	return true
}

func (l *lineScan) scan() string {
	for i, r := range l.runes {
		switch {
		case r == '#' && l.quote == 0 && (i == 0 || unicode.IsSpace(l.runes[i-1])):
			l.controls(i)
			return l.out.String()
		case r == '\t':
			l.report(i, "use blanks", "tab character")
			r = ' '
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '\ufeff':
			l.report(i, "remove it", "control character %U", r)
			r = ' '
		case r == '：' && l.quote == 0 && l.key && l.endsKey(i):
			l.report(i, "use the ASCII colon :", "full-width colon")
			l.colon(i)
			continue
		default:
			l.follow(i, r)
		}
		l.out.WriteRune(r)
	}
	return l.out.String()
}

// controls reports what does not belong into a comment either.
func (l *lineScan) controls(from int) {
	for i, r := range l.runes[from:] {
		if r != '\t' && (unicode.IsControl(r) || r == '\u2028' || r == '\u2029') {
			l.report(from+i, "remove it", "control character %U", r)
		}
	}
}

func (l *lineScan) report(i int, hint, format string, args ...any) {
	l.src.broken = true
	pos{l.src, l.line, i + 1}.errorf(hint, format, args...)
}

// follow keeps track of quotes, brackets and where a key may stand.
func (l *lineScan) follow(i int, r rune) {
	begins := !l.begun
	l.begun = l.begun || !unicode.IsSpace(r)
	switch {
	case l.quote != 0:
		if r == l.quote {
			l.quote = 0
		}
	case (r == '"' || r == '\'') && begins:
		l.quote = r
	case (r == '{' || r == '[') && begins:
		l.flow++
		l.next(i, true)
	case (r == '}' || r == ']') && l.flow > 0:
		l.flow--
		l.next(i, false)
	case r == ',' && l.flow > 0:
		l.next(i, true)
	case r == '-' && begins && l.flow == 0 && l.blankAt(i+1):
		l.next(i, true)
	case r == ':' && l.blankAt(i+1):
		l.next(i, false)
	}
}

func (l *lineScan) next(i int, key bool) { l.token, l.begun, l.key = i+1, false, key }

// blankAt tells whether a token ends before index i.
func (l *lineScan) blankAt(i int) bool {
	return i >= len(l.runes) || l.runes[i] == ' ' || l.runes[i] == '\t'
}

// endsKey tells whether the full-width colon at i was meant to end a key: it
// follows one word, and a blank, a bracket or nothing follows, or the word is
// of our vocabulary.
func (l *lineScan) endsKey(i int) bool {
	if i-l.token > maxName {
		return false
	}
	word := strings.TrimSpace(string(l.runes[l.token:i]))
	if word == "" || strings.ContainsAny(word, " \"'") {
		return false
	}
	return l.blankAt(i+1) || strings.ContainsRune("{[\"'", l.runes[i+1]) || slices.Contains(vocabulary[:], word)
}

// colon writes ":" for the full-width colon at i, with the blank that YAML
// wants after it.
func (l *lineScan) colon(i int) {
	l.out.WriteByte(':')
	if !l.blankAt(i + 1) {
		l.out.WriteByte(' ')
		l.added++
		if l.src.inserted == nil {
			l.src.inserted = map[int][]int{}
		}
		l.src.inserted[l.line] = append(l.src.inserted[l.line], i+1+l.added)
	}
	l.next(i, false)
}
