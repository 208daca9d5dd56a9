package policy

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// NewUser is a person to be added to a policy. Empty fields are left out.
type NewUser struct {
	Login, Role, Name, Org, Department, Clearance string
	UID                                           uint32
	Until                                         string // a date
	NDA                                           string // reference of the agreement; with Signed
	Signed                                        string // a date
}

// NewMember is a person or group in a new matter.
type NewMember struct {
	Name           string // of a user, or else of a group
	Rights         []string
	Until, Purpose string
}

// NewMatter is a matter to be added to a policy. Empty fields are left out.
type NewMatter struct {
	ID, Client, Title, Level, Lead, Department string
	Tags                                       []string
	Members                                    []NewMember
}

// TakenError is a name or a uid that is not free.
type TakenError struct {
	What string // user "li.na", uid 10022, matter "2026-0142"
	By   string // whom or what it belongs to, with file:line
}

// Error says what is taken, and by what.
func (e *TakenError) Error() string { return fmt.Sprintf("%s is taken: %s", e.What, e.By) }

// AddUser writes a person into the users of a policy's files: below the last one
// where users stand on lines of their own, else into a file of its own. It
// returns the file that changed and its new text. What else is in the file stays
// as it is. A login or uid that somebody has, or who left had, is a *TakenError;
// the uid of a leaver is the owner of what they made. The files must be a valid
// policy, and are one with the person in it, or the answer is an *Errors.
func AddUser(files map[string][]byte, u NewUser) (file string, text []byte, err error) {
	p, err := Parse(files)
	if err != nil {
		return "", nil, err
	}
	if old := p.user[u.Login]; old != nil {
		return "", nil, &TakenError{fmt.Sprintf("user %q", u.Login), old.pos.String()}
	}
	for _, old := range p.users {
		if old.HasUID && old.UID == u.UID {
			return "", nil, &TakenError{fmt.Sprintf("uid %d", u.UID), fmt.Sprintf("%s, %s (%s)", old.Name, old.Status, old.pos)}
		}
	}
	line, err := oneLine(u.Login, u.node())
	if err != nil {
		return "", nil, err
	}
	file, text = insertUser(files, line)
	return file, text, checkAdded(files, file, text)
}

func (u *NewUser) node() *yaml.Node {
	n := flowMap("uid", strconv.FormatUint(uint64(u.UID), 10), "role", u.Role, "name", u.Name, "org", u.Org, "department", u.Department,
		"clearance", u.Clearance, "until", u.Until)
	if u.NDA != "" || u.Signed != "" {
		n.Content = append(n.Content, scalar("nda"), flowMap("ref", u.NDA, "signed", u.Signed))
	}
	return n
}

// AddMatter writes a matter into a file of its own below matters/. It returns
// the file and its text. An id that is taken, or a file that is there, is a
// *TakenError; else it is as AddUser.
func AddMatter(files map[string][]byte, m NewMatter) (file string, text []byte, err error) {
	p, err := Parse(files)
	if err != nil {
		return "", nil, err
	}
	if old := p.matter[m.ID]; old != nil {
		return "", nil, &TakenError{fmt.Sprintf("matter %q", m.ID), old.pos.String()}
	}
	if why := badRootName(m.ID); why != "" {
		return "", nil, fmt.Errorf("matter %q %s", m.ID, why)
	}
	file = path.Join("matters", m.ID+".yaml")
	if _, there := files[file]; there {
		return "", nil, &TakenError{fmt.Sprintf("file %q", file), "it holds something else"}
	}
	if text, err = m.text(p); err != nil {
		return "", nil, err
	}
	return file, text, checkAdded(files, file, text)
}

func (m *NewMatter) text(p *Policy) ([]byte, error) {
	root := flowMap("matter", m.ID, "client", m.Client, "title", m.Title, "level", m.Level, "lead", m.Lead, "department", m.Department)
	root.Style, root.Content[1].Style = 0, yaml.DoubleQuotedStyle
	if len(m.Tags) > 0 {
		root.Content = append(root.Content, scalar("tags"), flowList(m.Tags))
	}
	root.Content = append(root.Content, scalar("status"), scalar("active"))
	if len(m.Members) > 0 {
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for _, one := range m.Members {
			list.Content = append(list.Content, one.node(p))
		}
		root.Content = append(root.Content, scalar("members"), list)
	}
	text, err := encode(root)
	if err != nil {
		return nil, err
	}
	return Format(m.ID+".yaml", text)
}

func (m *NewMember) node(p *Policy) *yaml.Node {
	kind := "user"
	if p.user[m.Name] == nil && p.groups[m.Name] != nil {
		kind = "group"
	}
	n := flowMap(kind, m.Name)
	n.Content = append(n.Content, scalar("rights"), flowList(m.Rights))
	n.Content = append(n.Content, flowMap("until", m.Until, "purpose", m.Purpose).Content...)
	return n
}

// checkAdded reads the policy as it would be.
func checkAdded(files map[string][]byte, file string, text []byte) error {
	next := maps.Clone(files)
	next[file] = text
	_, err := Parse(next)
	return err
}

// scalar is text as YAML: in quotes only where another reader would take it for
// something else, so that a date and a number stay as people write them.
func scalar(text string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(text)
	if _, err := time.Parse(time.DateOnly, text); err == nil {
		n.Tag = "!!timestamp"
	} else if num, err := strconv.ParseUint(text, 10, 32); err == nil && strconv.FormatUint(num, 10) == text {
		n.Tag = "!!int"
	}
	return n
}

// flowMap makes { key: value, ... }, without those whose value is empty.
func flowMap(pairs ...string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	for pair := range slices.Chunk(pairs, 2) {
		if pair[1] != "" {
			n.Content = append(n.Content, scalar(pair[0]), scalar(pair[1]))
		}
	}
	return n
}

func flowList(words []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, w := range words {
		n.Content = append(n.Content, scalar(w))
	}
	return n
}

func encode(n *yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	err := e.Encode(n)
	return b.Bytes(), err
}

// oneLine writes `key: { ... }`.
func oneLine(key string, value *yaml.Node) (string, error) {
	text, err := encode(&yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{scalar(key), value}})
	if err != nil {
		return "", err
	}
	line := strings.TrimSuffix(string(text), "\n")
	if strings.Contains(line, "\n") {
		return "", fmt.Errorf("user %q: a value has more than one line", key)
	}
	body, _ := (&flowScan{}).tidy(line)
	return body, nil
}

// peopleFile is where users go when none stand on lines of their own.
const peopleFile = "people.yaml"

// insertUser puts a line below the last of the users, in the first file that has
// some.
func insertUser(files map[string][]byte, line string) (file string, text []byte) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		s := newSource(name, files[name], &collector{})
		if root := s.load(); root != nil {
			if at, indent := lastUser(root, s.lines); at > 0 {
				lines := slices.Insert(slices.Clone(s.lines), at, strings.Repeat(" ", indent)+line)
				return name, []byte(strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n")
			}
		}
	}
	name := peopleFile
	for i := 2; files[name] != nil; i++ {
		name = fmt.Sprintf("people-%d.yaml", i)
	}
	return name, []byte("users:\n  " + line + "\n")
}

// lastUser is the number of the last line that the users of a file take, and
// their indentation; 0 when they do not stand on lines of their own.
func lastUser(root *yaml.Node, lines []string) (line, indent int) {
	for i := 0; root.Kind == yaml.MappingNode && i+1 < len(root.Content); i += 2 {
		users := root.Content[i+1]
		if root.Content[i].Value != "users" || users.Kind != yaml.MappingNode || users.Style&yaml.FlowStyle != 0 || root.Style&yaml.FlowStyle != 0 {
			continue
		}
		last := users.Content[len(users.Content)-2]
		indent, line = last.Column-1, last.Line
		scan := flowScan{}
		scan.tidy(lines[line-1])
		for line < len(lines) && (scan.open() || indentOf(lines[line]) > indent && strings.TrimSpace(lines[line]) != "") {
			scan.tidy(lines[line])
			line++
		}
		return line, indent
	}
	return 0, 0
}
