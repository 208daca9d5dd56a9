package policy

import (
	"slices"
	"strings"
	"testing"
)

// wideFirm has two chiefs: one of a department, one of the firm.
const wideFirm = `
wide_roles: allow
departments: [诉讼部, 知产部]
levels: { low: {}, asked: { purpose: required }, few: { max_readers: 3 }, top: {} }
roles:
  lawyer: { clearance: top, rights: [read, write, create, delete, rename] }
  head: { clearance: top, rights: [read, write], wide: department }
  director: { clearance: top, rights: [read, write], wide: firm }
users:
  boss: { uid: 1, role: lawyer }
  hu: { uid: 2, role: head, department: 诉讼部 }
  dong: { uid: 3, role: director }
  ann: { uid: 4, role: lawyer, department: 诉讼部 }
tags: { secret: { named_only: true } }
matters:
  - { matter: suit, client: A, level: low, lead: boss, department: 诉讼部, folders: [ { path: f, level: top }, { path: g, only: [user: boss] }, { path: s, tags: [secret] } ] }
  - { matter: brand, client: B, level: low, lead: boss, department: 知产部 }
  - { matter: loose, client: B, level: low, lead: boss }
  - { matter: asked, client: B, level: asked, lead: boss, department: 诉讼部 }
  - { matter: few, client: B, level: few, lead: boss, department: 诉讼部 }
  - { matter: top, client: B, level: top, lead: boss, department: 诉讼部 }
  - { matter: named, client: B, level: low, lead: boss, department: 诉讼部, tags: [secret] }
  - { matter: left, client: C, level: low, lead: boss, department: 诉讼部 }
  - { matter: right, client: D, level: low, lead: ann, department: 诉讼部 }
  - { matter: shut, client: E, level: low, lead: boss, department: 诉讼部 }
  - { matter: kept, client: F, level: low, lead: boss, department: 诉讼部 }
walls:
  - { id: B, between: [[matter: left], [matter: right]], reason: r }
  - { id: S, screen: [user: hu, user: dong], from: [matter: shut], reason: r }
  - { id: O, only: [user: boss], to: [matter: kept], reason: r }
`

// reads lists the matters and folders that somebody reads.
func reads(p *Policy, name string) (list []string) {
	for _, m := range p.Matters() {
		for _, path := range []string{"", "f", "g", "s"} {
			if p.DecideUser(name, Request{Matter: m.ID, Path: path, Op: OpRead, At: at}).Allow {
				list = append(list, strings.TrimSuffix(m.ID+"/"+path, "/"))
			}
		}
	}
	return list
}

// TestWideReads: what is switched off gives nothing; switched on, it reaches
// only what no wall, level, tag or list of people keeps from it.
func TestWideReads(t *testing.T) {
	p := mustParse(t, wideFirm)
	for name, want := range map[string][]string{
		"hu":   {"suit"},
		"dong": {"brand", "brand/f", "brand/g", "brand/s", "loose", "loose/f", "loose/g", "loose/s", "suit"},
		"ann":  {"right", "right/f", "right/g", "right/s"},
	} {
		got := reads(p, name)
		if !slices.Equal(got, want) {
			t.Errorf("%s reads %q, want %q", name, got, want)
		}
	}
	for _, off := range []string{"", "wide_roles: deny\n"} {
		p := mustParse(t, strings.Replace(wideFirm, "wide_roles: allow\n", off, 1))
		if got := append(reads(p, "hu"), reads(p, "dong")...); got != nil {
			t.Errorf("switched off, they read %q", got)
		}
		if w := p.Warnings(); !slices.ContainsFunc(w, func(e *Error) bool { return strings.Contains(e.Msg, "not switched on") }) {
			t.Errorf("nothing warns: %v", w)
		}
	}
}

// TestWideIsShown: each access by a role has its own rule, the matters that it
// does not reach do not exist for it, and it only reads.
func TestWideIsShown(t *testing.T) {
	p := mustParse(t, wideFirm)
	hu, dong := as(t, p, "hu"), as(t, p, "dong")
	if d := hu.ask(OpRead, "suit/x", false); !d.Allow || d.Rule != "member.wide.department" || d.Purpose != "" {
		t.Errorf("%+v", d)
	}
	if d := dong.ask(OpRead, "brand/x", false); !d.Allow || d.Rule != "member.wide.firm" {
		t.Errorf("%+v", d)
	}
	hu.isDenied(OpWrite, "suit/x", "member.right", Refused)
	hu.isDenied(OpRead, "brand/x", "member.none", Hidden)
	hu.isDenied(OpLookup, "few", "member.none", Hidden)
	hu.isDenied(OpLookup, "top", "member.none", Hidden)
	hu.isDenied(OpLookup, "named", "member.none", Hidden)
	hu.isDenied(OpLookup, "left", "member.none", Hidden)
	hu.isDenied(OpLookup, "right", "member.none", Hidden)
	hu.isDenied(OpRead, "asked/x", "need.purpose", Refused)
	hu.isDenied(OpRead, "suit/f", "level.named", Hidden)
	hu.isDenied(OpRead, "suit/g", "member.folder", Hidden)
	hu.isDenied(OpRead, "suit/s", "tag.secret", Hidden)
	hu.isDenied(OpLookup, "shut", "wall.S", Hidden)
	dong.isDenied(OpLookup, "kept", "wall.O", Hidden)
	if list := p.ExplainUser("hu", Request{Matter: "suit", Op: OpRead, At: at}); list[7].Rule != "member.wide.department" || list[7].Pos != "firm.yaml:9" {
		t.Errorf("%+v", list[7])
	}
	if d := p.DecideUser("hu", Request{Matter: "suit", Path: "x", Sealed: []string{"top"}, Op: OpRead, At: at}); d.Allow || d.Shown != Hidden {
		t.Errorf("a folder that was sealed at the top level: %+v", d)
	}
}

// TestWideLeadKeepsTheirSide: who leads one side of a wall keeps it, whatever their
// role reads elsewhere.
func TestWideLeadKeepsTheirSide(t *testing.T) {
	p := mustParse(t, strings.Replace(wideFirm, "matter: left, client: C, level: low, lead: boss", "matter: left, client: C, level: low, lead: dong", 1))
	dong := as(t, p, "dong")
	dong.may("left/x", OpRead, OpWrite)
	dong.isDenied(OpRead, "right/x", "wall.B", Hidden)
}
