package policy

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAccessors(t *testing.T) {
	p := lawfirm(t)
	m, ok := p.Matter("2026-0142")
	want := Matter{
		ID: "2026-0142", Client: "C0091", Title: "甲公司诉乙公司买卖合同纠纷", Folder: "2026-0142", Level: "机密", Lead: "zhang.wei",
		LeadUID: 10021, Status: "active", Pos: "matters/2026-0142.yaml:1",
		Folders: []FolderRule{{Path: "鉴定", Level: "绝密"}, {Path: "证据/谈判", Level: "机密", Only: []string{"user:zhang.wei", "user:li.na"}}},
	}
	if !ok || !reflect.DeepEqual(m, want) {
		t.Errorf("got %+v", m)
	}
	if old, ok := p.MatterByFolder("旧案-2025-0031"); !ok || old.ID != "2025-0031" || old.Status != "closed" {
		t.Errorf("by folder: %+v", old)
	}
	if _, ok := p.MatterByFolder("2025-0031"); ok {
		t.Error("a matter with a folder of its own is found by its id")
	}
	if _, ok := p.Matter("none"); ok {
		t.Error("found a matter that is not there")
	}
	u, ok := p.UserByUID(10031)
	if !ok || u.Name != "fan.yi" || u.Display != "范译" || u.Org != "译通翻译" || u.Clearance != "秘密" || u.Role != "contractor" || u.Pos != "firm.yaml:34" {
		t.Errorf("got %+v", u)
	}
	if _, ok := p.UserByUID(1); ok {
		t.Error("found a user that is not there")
	}
	if names := len(p.Users()); names != 13 || len(p.Matters()) != 5 {
		t.Errorf("%d users, %d matters", names, len(p.Matters()))
	}
	if p.StaleAfter() != 72*time.Hour || p.Zone().String() != "Asia/Shanghai" {
		t.Errorf("%v %v", p.StaleAfter(), p.Zone())
	}
}

// TestCallersCannotChangeThePolicy: what accessors return is the caller's own.
func TestCallersCannotChangeThePolicy(t *testing.T) {
	p := lawfirm(t)
	m, _ := p.Matter("2026-0142")
	m.Folders[0].Path = "x"
	p.Duties()["secadmin"][0] = "mallory"
	if again, _ := p.Matter("2026-0142"); again.Folders[0].Path != "鉴定" || p.Duties()["secadmin"][0] != "qian.li" {
		t.Error("the policy was changed through a copy")
	}
}

func TestLevels(t *testing.T) {
	p := lawfirm(t)
	if p.TopLevel() != "绝密" || !p.HigherLevel("绝密", "机密") || p.HigherLevel("机密", "机密") || p.HigherLevel("秘密", "机密") {
		t.Error("levels are out of order")
	}
	if !p.HigherLevel("unheard of", "机密") || p.HigherLevel("unheard of", "绝密") {
		t.Error("an unknown level does not count as the top")
	}
	top, ok := p.Level("绝密")
	if !ok || top.MaxReaders != 5 || !top.NamedOnly || !top.DenyMapping || top.TwoPerson != 4*time.Hour || top.Purpose != "session" ||
		!slices.Equal(top.DeniedRoles, []string{"intern", "contractor"}) {
		t.Errorf("got %+v", top)
	}
	if l, ok := p.Level("x"); ok || l.Name != "绝密" || len(p.Levels()) != 3 {
		t.Errorf("an unknown level is %+v", l)
	}
	for path, want := range map[string]string{"": "机密", "鉴定": "绝密", "鉴定/a/b": "绝密", "鉴定书": "机密", "证据/谈判": "机密"} {
		if got := p.EffectiveLevel("2026-0142", path, nil); got != want {
			t.Errorf("%q is %s, want %s", path, got, want)
		}
	}
	if p.EffectiveLevel("2026-0142", "a", []string{"", "秘密"}) != "绝密" || p.EffectiveLevel("none", "", nil) != "绝密" {
		t.Error("an unknown seal or matter is not at the top")
	}
}

func TestPinned(t *testing.T) {
	p := lawfirm(t)
	for path, want := range map[string]bool{"鉴定": true, "证据": true, "证据/谈判": true, "证据/谈判/a": false, "证据2": false, "a": false} {
		if p.Pinned("2026-0142", path) != want {
			t.Errorf("%q pinned is %v", path, !want)
		}
	}
	if p.Pinned("none", "a") {
		t.Error("a matter that is not there pins")
	}
}

func TestDates(t *testing.T) {
	p := mustParse(t, small, "users: { x: { uid: 9, role: reader, until: 2026-12-31 }, y: { uid: 8, role: reader, until: 2026-12-31T12:00:00+08:00 } }")
	x, _ := p.User("x")
	y, _ := p.User("y")
	if got := x.Until.UTC().Format(time.RFC3339); got != "2026-12-31T16:00:00Z" {
		t.Errorf("the day ends at %s", got)
	}
	if got := y.Until.UTC().Format(time.RFC3339); got != "2026-12-31T04:00:00Z" {
		t.Errorf("the moment is %s", got)
	}
}

// TestIDsAreText: what looks like a number, a date or a truth value stays as
// it is written.
func TestIDsAreText(t *testing.T) {
	p := mustParse(t, small, "matters:\n"+
		"  - { matter: 0123, client: 1e3, level: low, lead: boss }\n  - { matter: 2026-10-31, client: 0x10, level: low, lead: boss }\n  - { matter: true, client: 1_000, level: low, lead: boss }\n")
	for id, client := range map[string]string{"0123": "1e3", "2026-10-31": "0x10", "true": "1_000"} {
		if m, ok := p.Matter(id); !ok || m.Client != client {
			t.Errorf("%s: %+v", id, m)
		}
	}
}

// TestUnlabelledIsTop: a matter without a level has the most restrictive one
// (R27), and the admin is told.
func TestUnlabelledIsTop(t *testing.T) {
	p := mustParse(t, small, "matter: x\nclient: c\nlead: boss\n")
	if m, _ := p.Matter("x"); m.Level != "top" {
		t.Errorf("level %q", m.Level)
	}
	if text := warnings(p); !strings.Contains(text, `matter "x" has no level and is treated as "top"`) {
		t.Errorf("warnings:\n%s", text)
	}
}

func warnings(p *Policy) string {
	var b strings.Builder
	for _, w := range p.Warnings() {
		b.WriteString(w.Warning() + "\n")
	}
	return b.String()
}

func TestWarnings(t *testing.T) {
	p := mustParse(t, small, `users:
  gone: { uid: 90, role: lawyer, status: departed }
  agent: { uid: 91, role: reader, org: Acme }
duties: { auditor: [gone] }
blocked: [ { org: Nobody, reason: r } ]
matters:
  - matter: x
    client: c
    level: top
    lead: intern
    members:
      - { user: gone, rights: [read] }
      - { user: agent, rights: [read] }
      - { user: intern, rights: [read] }
      - { user: boss, rights: [write] }
walls: [ { id: W, between: [[matter: x], [matter: k]], reason: r } ]
`)
	text := warnings(p)
	for _, want := range []string{
		`"gone" has left and holds the duty auditor`, `no user has org "Nobody"`, `lead "intern" may not open level "top"`,
		`member "gone" has left`, `member "agent" may not open level "top"`, `"intern" is the lead and has every right already`,
		"rights without read open nothing", `"boss" is on both sides of wall "W"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no warning %q in\n%s", want, text)
		}
	}
}

// TestUncountableGroups: at a level that limits readers a system group gives
// nothing, because nobody can count it.
func TestUncountableGroups(t *testing.T) {
	p := mustParse(t, `
levels: { low: {}, top: { max_readers: 2 } }
roles: { r: { clearance: top, rights: [read] } }
users: { a: { uid: 1, role: r }, b: { uid: 2, role: r }, c: { uid: 3, role: r } }
groups: { sys: { unix: sys } }
`, "matter: m\nclient: c\nlevel: low\nlead: a\nmembers: [ { group: sys, rights: [read] }, { user: b, rights: [read] } ]\nfolders: [ { path: t, level: top } ]\n")
	everybody := asking(func(string, string) bool { return true })
	for uid, rule := range map[uint32]string{1: "member.lead", 2: "member.user", 3: "level.named"} {
		if d := p.Decide(Request{UID: uid, Matter: "m", Path: "t/x", Op: OpRead, At: at, Env: everybody}); d.Rule != rule {
			t.Errorf("uid %d: %+v", uid, d)
		}
	}
}

// TestBlockedUserUntil: a ban ends when it says so, and the longest counts.
func TestBlockedUserUntil(t *testing.T) {
	p := mustParse(t, small, `users: { x: { uid: 9, role: reader, org: Acme } }
matters: [ { matter: x, client: c, level: low, lead: x } ]
blocked:
  - { org: Acme, reason: r, until: 2026-11-30 }
  - { user: x, reason: r, until: 2026-11-25 }
`)
	for date, want := range map[string]string{"2026-11-25T12:00:00Z": "user.blocked", "2026-11-30T12:00:00Z": "user.blocked", "2026-12-01T12:00:00Z": "member.lead"} {
		when, _ := time.Parse(time.RFC3339, date)
		if d := p.Decide(Request{UID: 9, Matter: "x", Op: OpRead, At: when}); d.Rule != want {
			t.Errorf("%s: %+v", date, d)
		}
	}
}
