package policy

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

type rawMatter struct {
	at                                             pos
	id, client, title, folder, level, lead, status val
	purpose, department                            val
	members                                        []rawMember
	folders                                        []rawFolder
	tags                                           []val
}

type rawMember struct {
	at                                 pos
	user, group, purpose, ack, approve val
	rights                             Right
	until                              when
}

type rawFolder struct {
	at          pos
	path, level val
	only        []rawRef
	tags        []val
}

// rawRef is one `kind: name` pair: user: li.na, client: C0091.
type rawRef struct{ kind, name val }

type rawWall struct {
	at                     pos
	id, reason             val
	screen, from, only, to []rawRef
	between                [][]rawRef
	until                  when
}

type rawTest struct {
	at              pos
	as, on, because val
	only            []val
	isOnly          bool
	can, cannot     Right
	date            when
	in              []val
}

func (r *raw) readMatter(s *source, n *yaml.Node) {
	m := rawMatter{at: s.nodePos(n)}
	s.fields(n, "matter", fields{
		"matter":  s.name(&m.id, "matter"),
		"client":  s.name(&m.client, "client"),
		"title":   s.into(&m.title, "title"),
		"folder":  s.into(&m.folder, "folder"),
		"level":   s.name(&m.level, "level"),
		"lead":    s.name(&m.lead, "lead"),
		"purpose": s.into(&m.purpose, "purpose"),
		"status":  s.word(&m.status, "status of a matter", "active", "closed", "sealed", "destroyed"),
		"members": func(n *yaml.Node) {
			s.list(n, "members", func(n *yaml.Node) { m.members = append(m.members, s.member(n)) })
		},
		"folders": func(n *yaml.Node) {
			s.list(n, "folders", func(n *yaml.Node) { m.folders = append(m.folders, s.folder(n)) })
		},
		"tags":       s.names(&m.tags, "tag"),
		"department": s.name(&m.department, "department"),
	}, "matter", "client", "lead")
	r.matters = append(r.matters, m)
}

func (s *source) member(n *yaml.Node) rawMember {
	m := rawMember{at: s.nodePos(n)}
	s.fields(n, "member", fields{
		"user":     s.name(&m.user, "user"),
		"group":    s.name(&m.group, "group"),
		"rights":   s.rights(&m.rights, "member"),
		"until":    s.when(&m.until, "until"),
		"purpose":  s.into(&m.purpose, "purpose"),
		"ack":      s.word(&m.ack, "ack", "required"),
		"approval": s.word(&m.approve, "approval", "required"),
	}, "rights")
	if n.Kind == yaml.MappingNode && hasKey(n, "user") == hasKey(n, "group") {
		m.at.errorf("", "member needs either user or group")
	}
	return m
}

func (s *source) folder(n *yaml.Node) rawFolder {
	f := rawFolder{at: s.nodePos(n)}
	s.fields(n, "folder", fields{
		"path":  s.into(&f.path, "path"),
		"level": s.name(&f.level, "level"),
		"only":  s.refs(&f.only, "only", "user", "group"),
		"tags":  s.names(&f.tags, "tag"),
	}, "path")
	if n.Kind == yaml.MappingNode && !hasKey(n, "level") && !hasKey(n, "only") && len(f.tags) == 0 {
		f.at.errorf("", "folder needs level, only or tags")
	}
	return f
}

// refs reads a list of `kind: name` pairs, kind being one of allowed. Neither
// the list nor an item may be empty: it would be a wall in front of nobody.
func (s *source) refs(out *[]rawRef, what string, allowed ...string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		s.list(n, what, func(n *yaml.Node) { s.ref(n, out, what, allowed) })
		if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
			s.nodePos(n).errorf("", "%s must not be empty", what)
		}
	}
}

func (s *source) ref(n *yaml.Node, out *[]rawRef, what string, allowed []string) {
	if n.Kind == yaml.ScalarNode && !isNull(n) && strings.TrimSpace(n.Value) != "" {
		s.nodePos(n).errorf("write "+allowed[0]+": "+n.Value, "%s must say what %q is", what, n.Value)
		return
	}
	f := fields{}
	for _, kind := range allowed {
		ref := rawRef{kind: val{kind, s.nodePos(n)}}
		f[kind] = func(n *yaml.Node) {
			s.name(&ref.name, kind)(n)
			if ref.name.given() {
				*out = append(*out, ref)
			}
		}
	}
	s.fields(n, what, f)
	if n.Kind == yaml.MappingNode && len(n.Content) != 2 {
		s.nodePos(n).errorf("", "an item of %s has one key: %s", what, strings.Join(allowed, " or "))
	}
}

// sides reads the sides of a `between`. One side, or sides of people only,
// would divide nothing.
func (s *source) sides(out *[][]rawRef) func(*yaml.Node) {
	kinds := append([]string{"user", "group"}, objectKinds...)
	return func(n *yaml.Node) {
		matters := false
		s.list(n, "between", func(n *yaml.Node) {
			var side []rawRef
			s.refs(&side, "side of between", kinds...)(n)
			*out = append(*out, side)
			matters = matters || slices.ContainsFunc(side, func(r rawRef) bool { return slices.Contains(objectKinds, r.kind.s) })
		})
		switch {
		case n.Kind != yaml.SequenceNode:
		case len(n.Content) < 2:
			s.nodePos(n).errorf("write between: [[client: C1], [client: C2]]", "between needs two sides")
		case !matters:
			s.nodePos(n).errorf("name a matter, client or tag", "between names nothing that could be kept apart")
		}
	}
}

var objectKinds = []string{"matter", "client", "tag"}

func (r *raw) readWall(s *source, n *yaml.Node) {
	w := rawWall{at: s.nodePos(n)}
	s.fields(n, "wall", fields{
		"id":      s.name(&w.id, "wall id"),
		"reason":  s.into(&w.reason, "reason"),
		"until":   s.when(&w.until, "until"),
		"screen":  s.refs(&w.screen, "screen", "user", "group"),
		"from":    s.refs(&w.from, "from", objectKinds...),
		"only":    s.refs(&w.only, "only", "user", "group"),
		"to":      s.refs(&w.to, "to", objectKinds...),
		"between": s.sides(&w.between),
	}, "id", "reason")
	if n.Kind == yaml.MappingNode {
		s.wallForm(n)
	}
	r.walls = append(r.walls, w)
}

// wallForm checks that a wall is one of its three kinds.
func (s *source) wallForm(n *yaml.Node) {
	form := ""
	for _, key := range []string{"screen", "from", "only", "to", "between"} {
		if hasKey(n, key) {
			form += key + " "
		}
	}
	switch form {
	case "screen from ", "only to ", "between ":
	default:
		s.nodePos(n).errorf("", "wall needs screen and from, or only and to, or between")
	}
}

func (r *raw) readTest(s *source, n *yaml.Node) {
	t := rawTest{at: s.nodePos(n)}
	s.fields(n, "test", fields{
		"as":      s.name(&t.as, "user"),
		"only":    func(n *yaml.Node) { t.isOnly = true; s.names(&t.only, "user")(n) },
		"can":     s.rights(&t.can, "can"),
		"cannot":  s.rights(&t.cannot, "cannot"),
		"on":      s.into(&t.on, "on"),
		"because": s.name(&t.because, "because"),
		"at":      s.when(&t.date, "at"),
		"in":      s.names(&t.in, "group"),
	}, "on")
	if n.Kind == yaml.MappingNode {
		s.testForm(n)
	}
	r.tests = append(r.tests, t)
}

// testForm checks that a test asks one question.
func (s *source) testForm(n *yaml.Node) {
	only, as := hasKey(n, "only"), hasKey(n, "as")
	can, cannot := hasKey(n, "can"), hasKey(n, "cannot")
	switch {
	case only == as:
		s.nodePos(n).errorf("", "test needs either as or only")
	case only && (cannot || !can || hasKey(n, "because")):
		s.nodePos(n).errorf("", "test with only takes can, on, at and in")
	case !can && !cannot:
		s.nodePos(n).errorf("", "test needs can or cannot")
	}
}
