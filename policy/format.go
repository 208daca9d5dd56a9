package policy

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// FormatError is a file that cannot be rewritten without changing what it
// says, or a comment in it.
type FormatError struct {
	File string
	What string // what would change
}

// Error names the file.
func (e *FormatError) Error() string {
	return fmt.Sprintf("%s: cannot be formatted: %s would change", e.File, e.What)
}

// Format writes a policy file with two blanks for each step of indentation,
// one blank inside braces and after commas, no blanks at the ends of lines, no
// two empty lines together and LF at the end of each line. Words, order, quotes,
// comments and the blanks in front of them, single empty lines and line breaks
// stay as they are. The result is read again: it holds the same values and the
// same comments, else the answer is a *FormatError. A file that is no sound YAML,
// or breaks the rules that hold for all of a policy's text, is an *Errors; unknown
// keys and names do not matter.
func Format(file string, data []byte) ([]byte, error) {
	notes := &collector{}
	s := newSource(file, data, notes)
	root := s.load()
	if len(notes.errs) > 0 {
		return nil, &Errors{sortErrors(notes.errs)}
	}
	l := newLayout(s.lines)
	if root != nil {
		l.block(root, 0)
	}
	text, comments := l.write()
	again := newSource(file, []byte(text), notes)
	switch after := again.load(); {
	case len(notes.errs) > 0 || !sameNode(root, after):
		return nil, &FormatError{file, "what it says"}
	case !slices.Equal(comments, commentsOf(again.lines)):
		return nil, &FormatError{file, "a comment"}
	}
	return []byte(text), nil
}

// sameNode compares what two texts say. The kind of a value counts too: 0123 and
// "0123" are the same to us, and not to other readers.
func sameNode(a, b *yaml.Node) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Kind == b.Kind && a.Value == b.Value && a.ShortTag() == b.ShortTag() && slices.EqualFunc(a.Content, b.Content, sameNode)
}

// layout is a file on the way to its canonical form.
type layout struct {
	lines []string
	to    []int // the new indentation of a line that begins a key or an item; -1: it begins none
}

func newLayout(lines []string) *layout {
	l := &layout{lines: lines, to: make([]int, len(lines))}
	for i := range l.to {
		l.to[i] = -1
	}
	return l
}

// begin notes that a key or an item begins on a line. The outermost of those on
// one line counts.
func (l *layout) begin(line, indent int) {
	if line >= 1 && line <= len(l.to) && l.to[line-1] < 0 {
		l.to[line-1] = indent
	}
}

// block walks down what is written on lines of its own; what is in brackets is
// part of the line on which it begins.
func (l *layout) block(n *yaml.Node, indent int) {
	if n.Style&yaml.FlowStyle != 0 {
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			l.begin(n.Content[i].Line, indent)
			l.block(n.Content[i+1], indent+2)
		}
	case yaml.SequenceNode:
		from := n.Line
		for _, item := range n.Content {
			l.begin(l.dash(item.Line, from), indent)
			l.block(item, indent+2)
			from = item.Line + 1
		}
	}
}

// dash finds the line with the dash of an item: its own, or one before.
func (l *layout) dash(line, from int) int {
	for i := line; i >= from && i >= 1; i-- {
		if strings.HasPrefix(strings.TrimLeft(l.lines[i-1], " "), "-") {
			return i
		}
	}
	return line
}

// write puts the lines out, and says which comments it met.
func (l *layout) write() (text string, comments []string) {
	var b strings.Builder
	scan, empty, shift := flowScan{}, true, 0
	for i, line := range l.lines {
		indent := indentOf(line)
		inside := scan.open() // of a bracket or a quote that began on an earlier line
		body, comment := scan.tidy(line[indent:])
		if comment != "" {
			comments = append(comments, comment)
		}
		if body == "" && empty && !inside {
			continue
		}
		empty = body == ""
		switch {
		case empty:
			indent = 0
		case strings.HasPrefix(body, "#") && !inside:
			indent += l.comment(i, indent)
		case l.to[i] >= 0 && !inside:
			shift = l.to[i] - indent
			fallthrough
		default:
			indent += shift
		}
		b.WriteString(strings.Repeat(" ", max(0, indent)) + body + "\n")
	}
	if text = strings.TrimRight(b.String(), "\n"); text != "" {
		text += "\n"
	}
	return text, comments
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// comment is by how much a comment on a line of its own moves: like the next
// line if it stands in its column, else like the last one before that does, else
// like the next.
func (l *layout) comment(at, indent int) int {
	next := slices.IndexFunc(l.to[at:], func(to int) bool { return to >= 0 })
	if next >= 0 && indentOf(l.lines[at+next]) == indent {
		return l.to[at+next] - indent
	}
	for i := at - 1; i >= 0; i-- {
		if l.to[i] >= 0 && indentOf(l.lines[i]) == indent {
			return l.to[i] - indent
		}
	}
	if next >= 0 {
		return l.to[at+next] - indentOf(l.lines[at+next])
	}
	return 0
}
