package policy

import (
	"slices"
	"strings"
	"testing"
)

const tagFirm = `
levels: { low: {}, mid: {}, top: {} }
tags:
  国家秘密: { level: top, named_only: true, mapping: deny }
  未成年人: { deny_roles: [agent], purpose: required }
  重要: { level: mid }
roles:
  lawyer: { clearance: top, rights: [read, write, create, delete, rename] }
  junior: { clearance: low, rights: [read, write] }
  agent: { clearance: top, rights: [read] }
users:
  boss: { uid: 1, role: lawyer }
  ann: { uid: 2, role: junior }
  ben: { uid: 3, role: agent }
  cat: { uid: 4, role: lawyer }
  dan: { uid: 5, role: lawyer }
groups: { g: { members: [dan] } }
matters:
  - matter: m
    client: c
    level: low
    lead: boss
    members:
      - { user: ann, rights: [read, write], purpose: p }
      - { user: ben, rights: [read], purpose: p }
      - { user: cat, rights: [read] }
      - { group: g, rights: [read], purpose: p }
    folders:
      - { path: state, tags: [国家秘密] }
      - { path: child, tags: [未成年人, free] }
      - { path: child/state, tags: [国家秘密] }
  - { matter: n, client: c, level: low, lead: boss, tags: [重要, 未成年人], members: [ { user: ann, rights: [read], purpose: p }, { user: ben, rights: [read], purpose: p } ] }
`

// TestTagsRule: tags add to what the level asks for, at the matter or folder
// that has them and below.
func TestTagsRule(t *testing.T) {
	p := mustParse(t, tagFirm)
	boss, ann, ben, cat, dan := as(t, p, "boss"), as(t, p, "ann"), as(t, p, "ben"), as(t, p, "cat"), as(t, p, "dan")
	for _, w := range []person{boss, ann, ben, cat, dan} {
		w.may("m/x", OpRead)
	}
	boss.may("m/state/x", OpRead, OpWrite)
	boss.isDenied(OpFill, "m/state/x", "tag.国家秘密", Refused)
	boss.may("m/x", OpFill)
	ann.isDenied(OpRead, "m/state/x", "level.clearance", Hidden)
	dan.isDenied(OpRead, "m/state/x", "tag.国家秘密", Hidden)
	ben.isDenied(OpRead, "m/child/x", "tag.未成年人", Hidden)
	cat.isDenied(OpRead, "m/child/x", "need.purpose", Refused)
	ann.may("m/child/x", OpRead)
	dan.may("m/child/x", OpRead)
	dan.isDenied(OpRead, "m/child/state/x", "tag.国家秘密", Hidden)
	ben.isDenied(OpRead, "m/child/state/x", "tag.未成年人", Hidden)
	ann.isDenied(OpLookup, "n", "level.clearance", Refused)
	ben.isDenied(OpLookup, "n", "tag.未成年人", Refused)
	for path, want := range map[string]string{"": "low", "state/x": "top", "child": "low", "child/state": "top"} {
		if got := p.EffectiveLevel("m", path, nil); got != want {
			t.Errorf("level of %q is %s, want %s", path, got, want)
		}
	}
	m, _ := p.Matter("m")
	if f := m.Folders[0]; f.Level != "top" || !slices.Equal(f.Tags, []string{"国家秘密"}) {
		t.Errorf("%+v", f)
	}
	if n, _ := p.Matter("n"); n.Level != "mid" {
		t.Errorf("%+v", n)
	}
}

// TestTagExplains: the tag's own line is what an administrator is shown.
func TestTagExplains(t *testing.T) {
	p := mustParse(t, tagFirm)
	for _, c := range []struct {
		user, matter, path string
		op                 Op
		rule, pos          string
	}{
		{"ben", "m", "child/x", OpRead, "tag.未成年人", "firm.yaml:7"},
		{"boss", "m", "state/x", OpFill, "tag.国家秘密", "firm.yaml:6"},
		{"dan", "m", "state/x", OpRead, "tag.国家秘密", "firm.yaml:6"},
		{"cat", "m", "child/x", OpRead, "need.purpose", "firm.yaml:7"},
	} {
		list := p.ExplainUser(c.user, Request{Matter: c.matter, Path: c.path, Op: c.op, At: at})
		if end := list[len(list)-1]; end.Rule != c.rule || end.Pos != c.pos || end.Reason == "" {
			t.Errorf("%s %s: %+v", c.user, c.path, end)
		}
	}
}

// TestTagRaisesAboveWhatIsWritten: a firm may come to ask more of a tag than
// its matters say; that is a warning, and no reason to load nothing.
func TestTagRaisesAboveWhatIsWritten(t *testing.T) {
	p := mustParse(t, strings.Replace(tagFirm, "重要: { level: mid }", "重要: { level: top }\n  free: { level: mid }", 1))
	if n, _ := p.Matter("n"); n.Level != "top" {
		t.Errorf("%+v", n)
	}
	if p.EffectiveLevel("m", "child", nil) != "mid" {
		t.Error("the folder keeps its level")
	}
	if !slices.ContainsFunc(p.Warnings(), func(e *Error) bool { return strings.Contains(e.Msg, `has level "top" by its tags`) && e.Line > 0 }) {
		t.Errorf("%v", p.Warnings())
	}
}
