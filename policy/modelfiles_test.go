package policy_test

import (
	"fmt"
	"strings"
)

// entry collects `key: value` pairs; those without a value are left out.
type entry []string

func (e *entry) add(key, value string) {
	if value != "" {
		*e = append(*e, key+": "+value)
	}
}

func (e *entry) list(key string, words []string) {
	if len(words) > 0 {
		e.add(key, "["+strings.Join(words, ", ")+"]")
	}
}

func (e *entry) flag(key string, on bool, value string) {
	if on {
		e.add(key, value)
	}
}

func (e *entry) day(key string, day int) { e.flag(key, day > 0, date(day).Format(mDay)) }

func (e *entry) refs(key string, refs []mRef) { e.list(key, refTexts(refs)) }

func (e entry) String() string { return "{ " + strings.Join(e, ", ") + " }" }

func refTexts(refs []mRef) (out []string) {
	for _, r := range refs {
		out = append(out, r.kind+": "+r.name)
	}
	return out
}

// files writes the firm as a policy.
func (f *mFirm) files() map[string][]byte {
	var b strings.Builder
	b.WriteString("version: 1\ntimezone: Asia/Shanghai\nlevels:\n")
	for _, l := range f.levels {
		fmt.Fprintf(&b, "  %s: %s\n", l.name, l.entry())
	}
	if len(f.tags) > 0 {
		b.WriteString("tags:\n")
	}
	for _, t := range f.tags {
		fmt.Fprintf(&b, "  %s: %s\n", t.name, t.entry())
	}
	if f.wide {
		b.WriteString("wide_roles: allow\n")
	}
	b.WriteString("departments: [d0, d1]\nroles:\n")
	for _, o := range f.roles {
		fmt.Fprintf(&b, "  %s: %s\n", o.name, o.entry())
	}
	b.WriteString("users:\n")
	for _, u := range f.users {
		fmt.Fprintf(&b, "  %s: %s\n", u.name, u.entry())
	}
	b.WriteString("groups:\n")
	for _, g := range f.groups {
		var e entry
		e.add("unix", g.unix)
		e.list("members", g.members)
		fmt.Fprintf(&b, "  %s: %s\n", g.name, e)
	}
	fmt.Fprintf(&b, "blocked: %s\nmatters: %s\nwalls: %s\n", items(f.blocked), items(f.matters), items(f.walls))
	return map[string][]byte{"firm.yaml": []byte(b.String())}
}

// items writes a list of things that have an entry, one a line.
func items[T interface{ entry() entry }](list []T) string {
	var b strings.Builder
	for _, one := range list {
		fmt.Fprintf(&b, "\n  - %s", one.entry())
	}
	if len(list) == 0 {
		return "[]"
	}
	return b.String()
}

func (l mLevel) entry() (e entry) {
	e.add("purpose", l.purpose)
	e.flag("two_person", l.two, "{ ttl: 4h }")
	e.flag("max_readers", l.max > 0, fmt.Sprint(l.max))
	e.list("deny_roles", l.denied)
	e.flag("named_only", l.named, "true")
	e.flag("mapping", l.nomap, "deny")
	return e
}

func (t mTag) entry() (e entry) {
	e.add("level", t.level)
	e.add("purpose", t.purpose)
	e.list("deny_roles", t.denied)
	e.flag("named_only", t.named, "true")
	e.flag("mapping", t.nomap, "deny")
	return e
}

func (o mRole) entry() (e entry) {
	e.add("wide", o.wide)
	e.add("clearance", o.clearance)
	e.list("rights", o.rights)
	e.flag("approval", o.approval, "required")
	e.flag("nda", o.nda, "required")
	return e
}

func (u mUser) entry() (e entry) {
	e.add("uid", fmt.Sprint(u.uid))
	e.add("role", u.role)
	e.add("clearance", u.clearance)
	e.add("org", u.org)
	e.add("department", u.dept)
	e.flag("status", u.departed, "departed")
	e.day("until", u.until)
	if u.signed {
		nda := entry{"ref: N"}
		nda.day("signed", u.ndaFrom)
		nda.day("until", u.ndaUntil)
		e.add("nda", nda.String())
	}
	return e
}

func (b mBlock) entry() (e entry) {
	e.add("user", b.user)
	e.flag("org", b.user == "", b.org)
	e.day("until", b.until)
	return append(e, "reason: r")
}

func (g mGrant) entry() (e entry) {
	e.add("user", g.user)
	e.add("group", g.group)
	e.list("rights", g.rights)
	e.day("until", g.until)
	e.add("purpose", g.purpose)
	e.flag("ack", g.ack, "required")
	e.flag("approval", g.approval, "required")
	return e
}

func (m mMatter) entry() entry {
	e := entry{"matter: " + m.id, "client: " + m.client, "tags: [" + m.tag + "]", "level: " + m.level, "lead: " + m.lead, "status: " + m.status}
	e.add("department", m.dept)
	for _, l := range []struct {
		key   string
		texts []string
	}{{"members", entries(m.members)}, {"folders", entries(m.folders)}} {
		e.list(l.key, l.texts)
	}
	return e
}

func (f mFolder) entry() (e entry) {
	e.add("path", f.path)
	e.add("level", f.level)
	e.refs("only", f.only)
	e.list("tags", f.tags)
	return e
}

func (w mWall) entry() entry {
	e := entry{"id: " + w.id, "reason: because of " + w.id}
	e.day("until", w.until)
	switch w.form {
	case "screen":
		e.refs("screen", w.people)
		e.refs("from", w.objects)
	case "only":
		e.refs("only", w.people)
		e.refs("to", w.objects)
	default:
		var sides []string
		for _, side := range w.sides {
			sides = append(sides, "["+strings.Join(refTexts(side), ", ")+"]")
		}
		e.list("between", sides)
	}
	return e
}

func entries[T interface{ entry() entry }](list []T) (out []string) {
	for _, one := range list {
		out = append(out, one.entry().String())
	}
	return out
}
