package policy

import "strings"

// flowScan follows brackets and quotes over the lines of a file, as far as it
// takes to know where blanks do not matter.
type flowScan struct {
	depth int  // of open brackets
	quote byte // that is open
}

// open tells whether a bracket or quote goes on in the next line.
func (s *flowScan) open() bool { return s.quote != 0 || s.depth > 0 }

// tidy returns a line without its indentation, its blanks set right, and the
// comment in it. A line inside a bracket or a quote that began on an earlier one,
// or in which one begins that goes on, only loses the blanks at its end.
func (s *flowScan) tidy(line string) (body, comment string) {
	plain := !s.open()
	pieces := s.split(line)
	if n := len(pieces); n > 0 && pieces[n-1].kind == '#' {
		comment = strings.TrimRight(pieces[n-1].text, " ")
	}
	switch {
	case plain && !s.open():
		return strings.TrimRight(join(pieces), " "), comment
	case s.quote != 0:
		return line, comment
	}
	return strings.TrimRight(line, " "), comment
}

// piece is a part of a line: a bracket, a comma, a comment (#), or text (0)
// with the blanks around it.
type piece struct {
	kind byte
	text string
}

// split cuts a line at what brackets hold apart. A bracket or a quote counts
// where a value may begin, as in YAML (1.2.2, section 7.3).
func (s *flowScan) split(line string) (list []piece) {
	from, begins := 0, true
	cut := func(i int, kind byte) {
		if i > from {
			list = append(list, piece{0, line[from:i]})
		}
		list = append(list, piece{kind, line[i : i+1]})
		from, begins = i+1, true
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case s.quote != 0:
			if c == '\\' && s.quote == '"' {
				i++
			} else if c == s.quote {
				s.quote = 0
			}
		case c == '#' && (i == 0 || line[i-1] == ' '):
			cut(i, '#')
			list[len(list)-1].text = line[i:]
			return list
		case (c == '"' || c == '\'') && begins:
			s.quote, begins = c, false
		case (c == '{' || c == '[') && begins:
			s.depth++
			cut(i, c)
		case (c == '}' || c == ']') && s.depth > 0:
			s.depth--
			cut(i, c)
			begins = false
		case c == ',' && s.depth > 0:
			cut(i, c)
		case c == ' ':
		default:
			ends := i+1 == len(line) || line[i+1] == ' '
			begins = ends && (c == ':' || c == '-' && begins && s.depth == 0)
		}
	}
	if from < len(line) {
		list = append(list, piece{0, line[from:]})
	}
	return list
}

// join puts a line together again: what stands outside brackets as it is, but
// for the blanks after a dash; inside, one blank where one belongs.
func join(list []piece) string {
	var b strings.Builder
	depth, last := 0, byte(0)
	for i, p := range list {
		text := p.text
		switch {
		case p.kind == 0 && depth == 0:
			if i == 0 {
				text = dashes(text)
			}
		case p.kind == 0:
			if text = strings.TrimSpace(text); text == "" {
				continue
			}
		}
		if depth > 0 && gap(last, p.kind) {
			b.WriteByte(' ')
		}
		b.WriteString(text)
		switch last = p.kind; last {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
	}
	return b.String()
}

// gap tells whether a blank belongs between two pieces inside brackets.
func gap(before, after byte) bool {
	switch {
	case after == ',' || after == ']' || before == '[':
		return false
	case before == '{' && after == '}':
		return false
	}
	return true
}

// dashes leaves one blank after each dash that begins an item.
func dashes(text string) string {
	rest, begin := text, ""
	for strings.HasPrefix(rest, "- ") {
		rest, begin = strings.TrimLeft(rest[1:], " "), begin+"- "
	}
	return begin + rest
}

// commentsOf lists the comments of a text.
func commentsOf(lines []string) (list []string) {
	scan := flowScan{}
	for _, line := range lines {
		if _, comment := scan.tidy(strings.TrimLeft(line, " ")); comment != "" {
			list = append(list, comment)
		}
	}
	return list
}
