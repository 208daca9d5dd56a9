package policy

import (
	"time"

	"gopkg.in/yaml.v3"
)

// raw is what the files say, names not yet resolved. The file readers fill it
// in any order; build makes a Policy of it.
type raw struct {
	notes              *collector
	version            int64
	timezone, wide     val
	asOf               when
	stale              time.Duration
	levels             []rawLevel
	roles              []rawRole
	users              []rawUser
	groups             []rawGroup
	departments        []val
	tags               []rawTag
	duties             []rawDuty
	blocked            []rawBlock
	matters            []rawMatter
	walls              []rawWall
	tests              []rawTest
	seenAt             map[string]pos // where each firm-wide key stands
	broken             bool           // some file could not be read: names may be missing for that reason
	versionAt, limitAt pos
}

type rawLevel struct {
	name, purpose, mapping, reads, logSync val
	ttl                                    time.Duration
	maxReaders                             int64
	denyRoles                              []val
	namedOnly                              bool
}

// rawTag is what the firm says of a tag: rules on top of those of the level.
type rawTag struct {
	name, level, purpose, mapping, reads, logSync val
	denyRoles                                     []val
	namedOnly                                     bool
}

type rawRole struct {
	name, clearance, approval, until, nda, wide val
	rights                                      Right
}

type rawUser struct {
	name, role, display, status, clearance, org, department val

	uid          int64 // -1 when not given
	uidAt        pos
	since, until when
	nda          rawNDA
}

type rawNDA struct {
	ref           val
	signed, until when
}

type rawGroup struct {
	name, unix val
	members    []val
}

type rawDuty struct {
	name  val
	users []val
}

type rawBlock struct {
	user, org, reason val
	until             when
}

// read takes one file: a matter, or any of the firm-wide parts.
func (r *raw) read(s *source, root *yaml.Node) {
	r.broken = r.broken || s.broken && root == nil
	if root == nil || isNull(root) {
		return
	}
	if hasKey(root, "matter") {
		r.readMatter(s, root)
		return
	}
	s.fields(root, "policy file", r.topLevel(s))
}

func hasKey(n *yaml.Node, key string) bool {
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}

func (r *raw) topLevel(s *source) fields {
	return fields{
		"version":     r.once(s, "version", func(n *yaml.Node) { r.versionAt = s.nodePos(n); s.count(&r.version, "version", 1, 1)(n) }),
		"timezone":    r.once(s, "timezone", s.into(&r.timezone, "timezone")),
		"as_of":       r.once(s, "as_of", s.when(&r.asOf, "as_of")),
		"levels":      r.once(s, "levels", func(n *yaml.Node) { s.pairs(n, "levels", r.level(s)) }),
		"limits":      r.once(s, "limits", func(n *yaml.Node) { r.limits(s, n) }),
		"wide_roles":  r.once(s, "wide_roles", s.word(&r.wide, "wide_roles", "allow", "deny")),
		"departments": s.names(&r.departments, "department"),
		"tags":        func(n *yaml.Node) { s.pairs(n, "tags", r.tag(s)) },
		"roles":       func(n *yaml.Node) { s.pairs(n, "roles", r.role(s)) },
		"users":       func(n *yaml.Node) { s.pairs(n, "users", r.user(s)) },
		"groups":      func(n *yaml.Node) { s.pairs(n, "groups", r.group(s)) },
		"duties":      func(n *yaml.Node) { s.pairs(n, "duties", r.duty(s)) },
		"blocked":     func(n *yaml.Node) { s.list(n, "blocked", r.block(s)) },
		"matters":     func(n *yaml.Node) { s.list(n, "matters", func(n *yaml.Node) { r.readMatter(s, n) }) },
		"walls":       func(n *yaml.Node) { s.list(n, "walls", func(n *yaml.Node) { r.readWall(s, n) }) },
		"tests":       func(n *yaml.Node) { s.list(n, "tests", func(n *yaml.Node) { r.readTest(s, n) }) },
	}
}

// once guards what the whole policy may say only once, in whichever file.
func (r *raw) once(s *source, key string, read func(*yaml.Node)) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if first, dup := r.seenAt[key]; dup {
			s.nodePos(n).errorf("", "%s is given again, first at %s", key, first)
			return
		}
		r.seenAt[key] = s.nodePos(n)
		read(n)
	}
}

func (r *raw) limits(s *source, n *yaml.Node) {
	r.limitAt = s.nodePos(n)
	s.fields(n, "limits", fields{"stale": s.duration(&r.stale, "limits.stale")})
}

func (r *raw) level(s *source) func(val, *yaml.Node) {
	return func(name val, n *yaml.Node) {
		if !s.isName(name, "level") {
			return
		}
		l := rawLevel{name: name}
		s.fields(n, "level", fields{
			"purpose":     s.word(&l.purpose, "purpose", "required", "session"),
			"two_person":  func(n *yaml.Node) { s.fields(n, "two_person", fields{"ttl": s.duration(&l.ttl, "ttl")}, "ttl") },
			"max_readers": s.count(&l.maxReaders, "max_readers", 1, 1_000_000),
			"deny_roles":  s.names(&l.denyRoles, "role"),
			"named_only":  s.truth(&l.namedOnly, "named_only"),
			"mapping":     s.word(&l.mapping, "mapping", "allow", "deny"),
			"log_sync":    s.word(&l.logSync, "log_sync", "group"),
			"log_reads":   s.word(&l.reads, "log_reads", EachRead, CoverReads),
		})
		r.levels = append(r.levels, l)
	}
}

func (r *raw) tag(s *source) func(val, *yaml.Node) {
	return func(name val, n *yaml.Node) {
		if !s.isName(name, "tag") {
			return
		}
		t := rawTag{name: name}
		s.fields(n, "tag", fields{
			"level":      s.name(&t.level, "level"),
			"purpose":    s.word(&t.purpose, "purpose", "required", "session"),
			"deny_roles": s.names(&t.denyRoles, "role"),
			"named_only": s.truth(&t.namedOnly, "named_only"),
			"mapping":    s.word(&t.mapping, "mapping", "deny"),
			"log_sync":   s.word(&t.logSync, "log_sync", "group"),
			"log_reads":  s.word(&t.reads, "log_reads of a tag", EachRead),
		})
		if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
			s.nodePos(n).errorf("give it a rule, or leave it out: tags without rules need no entry", "tag %q has no rule", name.s)
		}
		r.tags = append(r.tags, t)
	}
}

func (r *raw) role(s *source) func(val, *yaml.Node) {
	return func(name val, n *yaml.Node) {
		if !s.isName(name, "role") {
			return
		}
		o := rawRole{name: name}
		s.fields(n, "role", fields{
			"clearance": s.name(&o.clearance, "clearance"),
			"rights":    s.rights(&o.rights, "role"),
			"approval":  s.word(&o.approval, "approval", "required"),
			"until":     s.word(&o.until, "until of a role", "required"),
			"nda":       s.word(&o.nda, "nda of a role", "required"),
			"wide":      s.word(&o.wide, "wide", "department", "firm"),
		}, "clearance", "rights")
		r.roles = append(r.roles, o)
	}
}

func (r *raw) user(s *source) func(val, *yaml.Node) {
	return func(name val, n *yaml.Node) {
		if !s.isName(name, "user") {
			return
		}
		u := rawUser{name: name, uid: -1}
		s.fields(n, "user", fields{
			"uid":        func(n *yaml.Node) { u.uidAt = s.nodePos(n); s.count(&u.uid, "uid", 0, 1<<32-2)(n) },
			"role":       s.name(&u.role, "role"),
			"name":       s.into(&u.display, "name"),
			"status":     s.word(&u.status, "status of a user", "active", "departed"),
			"since":      s.when(&u.since, "since"),
			"until":      s.when(&u.until, "until"),
			"clearance":  s.name(&u.clearance, "clearance"),
			"org":        s.into(&u.org, "org"),
			"department": s.name(&u.department, "department"),
			"nda":        func(n *yaml.Node) { r.nda(s, n, &u.nda) },
		}, "role")
		r.users = append(r.users, u)
	}
}

func (r *raw) nda(s *source, n *yaml.Node, out *rawNDA) {
	s.fields(n, "nda", fields{
		"ref":    s.into(&out.ref, "ref"),
		"signed": s.when(&out.signed, "signed"),
		"until":  s.when(&out.until, "until"),
	}, "ref", "signed")
}

func (r *raw) group(s *source) func(val, *yaml.Node) {
	return func(name val, n *yaml.Node) {
		if !s.isName(name, "group") {
			return
		}
		g := rawGroup{name: name}
		s.fields(n, "group", fields{
			"unix":    s.name(&g.unix, "unix group"),
			"members": s.names(&g.members, "user"),
		})
		r.groups = append(r.groups, g)
	}
}

func (r *raw) duty(s *source) func(val, *yaml.Node) {
	return func(name val, n *yaml.Node) {
		d := rawDuty{name: name}
		s.names(&d.users, "user")(n)
		r.duties = append(r.duties, d)
	}
}

func (r *raw) block(s *source) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var b rawBlock
		s.fields(n, "blocked entry", fields{
			"user":   s.name(&b.user, "user"),
			"org":    s.into(&b.org, "org"),
			"until":  s.when(&b.until, "until"),
			"reason": s.into(&b.reason, "reason"),
		}, "reason")
		if b.user.given() == b.org.given() {
			s.nodePos(n).errorf("", "blocked entry needs either user or org")
		}
		r.blocked = append(r.blocked, b)
	}
}
