package policy

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// load scans and parses a file and returns its root node, nil for an empty
// file or one that the parser cannot make sense of.
func (s *source) load() *yaml.Node {
	if s.broken {
		return nil
	}
	text := s.scan()
	root, err := parseNode(text)
	switch {
	case err != nil && !s.broken:
		s.broken = true
		s.reportSyntax(text, err)
	case err == nil && root != nil:
		s.inspect(root)
		return root
	}
	return nil
}

// parseNode turns YAML text into nodes. The parser is a large third-party
// piece: a panic in it is an error of the file, never the end of the daemon.
func parseNode(text string) (root *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: parser failed: %v", r)
		}
	}()
	var doc yaml.Node
	err = yaml.NewDecoder(strings.NewReader(text)).Decode(&doc)
	if errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return doc.Content[0], nil
}

// yamlPrefix is what yaml.v3 puts before its messages; its line is often
// wrong, so ours is looked for.
var yamlPrefix = regexp.MustCompile(`^yaml: (line \d+: )?`)

// reportSyntax reports the parser's message at the line that breaks the file:
// the one after the longest beginning that still parses.
func (s *source) reportSyntax(text string, err error) {
	line := min(breakingLine(text), len(s.lines))
	indent := len(s.lines[line-1]) - len(strings.TrimLeft(s.lines[line-1], " "))
	msg := yamlPrefix.ReplaceAllString(err.Error(), "")
	hint := "check quotes, brackets and indentation here and on the line above"
	if i := strings.IndexAny(s.lines[line-1], fullWidth); i >= 0 {
		wide, _ := utf8.DecodeRuneInString(s.lines[line-1][i:])
		hint += fmt.Sprintf("; %c is full-width, YAML needs the ASCII one", wide)
	}
	s.at(line, indent+1).errorf(hint, "%s", msg)
}

// fullWidth are the marks of a Chinese keyboard that stand where YAML needs others. A
// colon is found before.
const fullWidth = "，、｛｝［］【】“”‘’＃"

// linearSearch is the work (lines times bytes) up to which every beginning is
// tried.
const linearSearch = 4 << 20

func breakingLine(text string) int {
	lines := strings.SplitAfter(text, "\n")
	good := func(n int) bool {
		_, err := parseNode(strings.Join(lines[:n], ""))
		return err == nil
	}
	n := len(lines) - 1
	if n*len(text) > linearSearch {
		// Not monotonic inside brackets that span lines; then the line is that
		// of some bracket before the mistake.
		for low := 0; n-low > 1; {
			if mid := (low + n) / 2; good(mid) {
				low = mid
			} else {
				n = mid
			}
		}
		return n
	}
	for n > 0 && !good(n) {
		n--
	}
	return n + 1
}

// inspect refuses what makes a policy hard to read for people: anchors,
// aliases and tags.
func (s *source) inspect(n *yaml.Node) {
	if n.Anchor != "" {
		s.nodePos(n).errorf("write the value out", "anchors are not allowed (&%s)", n.Anchor)
	}
	if n.Kind == yaml.AliasNode {
		s.nodePos(n).errorf("write the value out", "aliases are not allowed (*%s)", n.Value)
		return
	}
	if n.Style&yaml.TaggedStyle != 0 {
		s.nodePos(n).errorf("remove the tag", "tags are not allowed (%s)", n.Tag)
	}
	for _, child := range n.Content {
		s.inspect(child)
	}
}

func (s *source) nodePos(n *yaml.Node) pos { return s.at(n.Line, n.Column) }

// val is a scalar as it stands in the file, with its place. The zero val is
// "not given".
type val struct {
	s  string
	at pos
}

func (v val) given() bool { return v.at.src != nil }

// fields is a vocabulary: what to do with the value of each key.
type fields map[string]func(*yaml.Node)

func (f fields) names() []string {
	names := make([]string, 0, len(f))
	for name := range f {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// fields reads a mapping of fixed vocabulary and reports unknown, double and
// missing keys. what names the thing in messages ("user", "wall").
func (s *source) fields(n *yaml.Node, what string, f fields, required ...string) {
	seen := map[string]bool{}
	ok := s.pairs(n, what, func(key val, value *yaml.Node) {
		seen[key.s] = true
		set, known := f[key.s]
		if !known {
			key.at.errorf(didYouMean(key.s, f.names()), "unknown key %q in %s", key.s, what)
			return
		}
		set(value)
	})
	for _, name := range required {
		if ok && !seen[name] {
			s.nodePos(n).errorf("", "%s needs %q", what, name)
		}
	}
}

// pairs walks a mapping and reports keys that stand there twice. It is false
// when n is none.
func (s *source) pairs(n *yaml.Node, what string, each func(key val, value *yaml.Node)) bool {
	if !s.want(n, yaml.MappingNode, what, "a mapping (key: value)") {
		return false
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, ok := s.text(n.Content[i], "key in "+what)
		if !ok {
			continue
		}
		if first, dup := lines[key.s]; dup {
			key.at.errorf("", "%q stands twice in %s, first on line %d", key.s, what, first)
			continue
		}
		lines[key.s] = key.at.line
		each(key, n.Content[i+1])
	}
	return true
}

// list walks a sequence, which may be empty when it is written as [].
func (s *source) list(n *yaml.Node, what string, each func(*yaml.Node)) {
	if !s.want(n, yaml.SequenceNode, what, "a list") {
		return
	}
	for _, item := range n.Content {
		each(item)
	}
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// want reports a node of another kind. A key without a value is a mistake
// whatever it would hold: a list of members, rights or walls that is lost in
// editing must not read as none. Aliases were reported already.
func (s *source) want(n *yaml.Node, kind yaml.Kind, what, kindName string) bool {
	switch {
	case n.Kind == kind:
		return true
	case isNull(n):
		s.nodePos(n).errorf("fill it in or leave it out", "%s must not be empty", what)
	case n.Kind != yaml.AliasNode:
		s.nodePos(n).errorf("", "%s must be %s, not %s", what, kindName, describe(n))
	}
	return false
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a mapping"
	}
	return fmt.Sprintf("%q", n.Value)
}

// text reads a scalar as the characters in the file: 0123 stays "0123".
func (s *source) text(n *yaml.Node, what string) (val, bool) {
	if n.Kind == yaml.ScalarNode && (isNull(n) || strings.TrimSpace(n.Value) == "") {
		s.nodePos(n).errorf("", "%s must not be empty", what)
		return val{}, false
	}
	if !s.want(n, yaml.ScalarNode, what, "one value") {
		return val{}, false
	}
	return val{n.Value, s.nodePos(n)}, true
}
