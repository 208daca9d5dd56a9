package policy

import (
	"strings"
	"testing"
	"time"
)

// person asks as one user of a policy; the tests below read as stories.
type person struct {
	t    *testing.T
	p    *Policy
	uid  uint32
	name string
	day  time.Time
	env  *Env
}

func as(t *testing.T, p *Policy, name string) person {
	t.Helper()
	u, ok := p.User(name)
	if !ok || !u.HasUID {
		t.Fatalf("no user %q with a uid", name)
	}
	return person{t: t, p: p, uid: u.UID, name: name, day: at}
}

func (w person) on(date string) person {
	day, err := time.ParseInLocation(time.DateOnly, date, w.p.Zone())
	if err != nil {
		w.t.Fatal(err)
	}
	w.day = day.Add(9 * time.Hour)
	return w
}

func (w person) knowing(env *Env) person {
	w.env = env
	return w
}

func (w person) ask(op Op, object string, own bool) Decision {
	matter, path, _ := strings.Cut(object, "/")
	return w.p.Decide(Request{UID: w.uid, Matter: matter, Path: path, Op: op, Own: own, At: w.day, Env: w.env})
}

func (w person) may(object string, ops ...Op) {
	w.t.Helper()
	for _, op := range ops {
		if d := w.ask(op, object, false); !d.Allow {
			w.t.Errorf("%s may not %s %s: %s", w.name, op, object, d.Rule)
		}
	}
}

func (w person) isDenied(op Op, object, rule string, shown Shown) {
	w.t.Helper()
	if d := w.ask(op, object, false); d.Allow || d.Rule != rule || d.Shown != shown {
		w.t.Errorf("%s, %s %s: got %v %s %s, want %s %s", w.name, op, object, d.Allow, d.Rule, d.Shown, rule, shown)
	}
}

// TestSaveInAnEditor: a member who may write saves by temporary file and
// rename and cleans up after it, and touches nobody else's documents.
func TestSaveInAnEditor(t *testing.T) {
	p := mustParse(t, small, "matter: w\nclient: c\nlevel: low\nlead: boss\nmembers: [ { user: intern, rights: [read, write] } ]\n")
	intern := as(t, p, "intern")
	intern.may("w/合同.docx", OpOpenRead, OpRead, OpOpenWrite, OpWrite, OpTruncate, OpFsync, OpSetattr, OpRenameTo, OpRenameReplace)
	intern.may("w/.~lock.合同.docx#", OpCreate, OpWrite)
	for _, op := range []Op{OpUnlink, OpRenameFrom} {
		if d := intern.ask(op, "w/.合同.docx.swp", true); !d.Allow {
			t.Errorf("own temporary file, %s: %s", op, d.Rule)
		}
		intern.isDenied(op, "w/判决.pdf", "member.right", Refused)
	}
	intern.isDenied(OpMkdir, "w/new", "member.right", Refused)
	intern.isDenied(OpSymlink, "w/new", "member.right", Refused)
}

// TestCreateAlone: who may create, and not write, fills, saves and takes back
// what they made, and changes nothing of the others'.
func TestCreateAlone(t *testing.T) {
	p := mustParse(t, small, "matter: w\nclient: c\nlevel: low\nlead: boss\nmembers: [ { user: grouped, rights: [read, create] } ]\n")
	member := as(t, p, "grouped")
	for _, op := range Ops() {
		if d := member.ask(op, "w/意见.docx", true); !d.Allow {
			t.Errorf("their own, %s: %s", op, d.Rule)
		}
		if op.Modifies() && op != OpCreate && op != OpMkdir && op != OpSymlink && op != OpRenameTo {
			member.isDenied(op, "w/合同.docx", "member.right", Refused)
		}
	}
	member.may("w/合同.docx", OpOpenRead, OpRead, OpFsync)
}

// TestEngagementOfAContractor: inactive without an agreement, let in with one,
// out when the engagement, the agreement or the membership ends (R14, R15).
func TestEngagementOfAContractor(t *testing.T) {
	const firm = `
levels: { low: {} }
roles:
  lawyer: { clearance: low, rights: [read, write] }
  contractor: { clearance: low, rights: [read], until: required, nda: required }
users:
  boss: { uid: 1, role: lawyer }
  fan: { uid: 2, role: contractor, until: 2027-01-31NDA }
matters: [ { matter: m, client: c, level: low, lead: boss, members: [ { user: fan, rights: [read, write] } ] } ]
`
	before := as(t, mustParse(t, strings.Replace(firm, "NDA", "", 1)), "fan")
	before.isDenied(OpRead, "m/a", "user.nda", Refused)
	fan := as(t, mustParse(t, strings.Replace(firm, "NDA", ", nda: { ref: N-1, signed: 2026-12-01, until: 2027-01-15 }", 1)), "fan")
	fan.isDenied(OpRead, "m/a", "user.nda", Refused)
	fan.on("2026-12-01").may("m/a", OpRead, OpLookup, OpList)
	fan.on("2026-12-01").isDenied(OpWrite, "m/a", "role.right", Refused)
	fan.on("2027-01-15").may("m/a", OpRead)
	fan.on("2027-01-16").isDenied(OpRead, "m/a", "user.nda", Refused)
	fan.on("2027-02-01").isDenied(OpRead, "m/a", "user.expired", Refused)
	if d := fan.on("2026-12-01").ask(OpRead, "m/a", false); d.Expires.Format(time.DateOnly) != "2027-01-16" {
		t.Errorf("access ends %v, not with the agreement", d.Expires)
	}
}

// TestApprovalOfOneEntry: an entry that waits for approval gives nothing, and
// does not take away what another entry gives.
func TestApprovalOfOneEntry(t *testing.T) {
	p := mustParse(t, small, `
matter: m
client: c
level: low
lead: boss
members:
  - { user: grouped, rights: [read, write], approval: required }
  - { user: twice, rights: [write], approval: required }
  - { group: g2, rights: [read] }
`)
	as(t, p, "grouped").isDenied(OpRead, "m/a", "member.approval", Refused)
	as(t, p, "twice").may("m/a", OpRead)
	as(t, p, "twice").isDenied(OpWrite, "m/a", "member.right", Refused)
}

// TestWallsBeatEveryAllow: lead, member and group member alike, by matter, by
// client and by tag (R30).
func TestWallsBeatEveryAllow(t *testing.T) {
	const matter = `
matter: m
client: C9
level: low
lead: boss
tags: [未成年人]
members: [ { user: intern, rights: [read] }, { group: g, rights: [read] } ]
`
	names := []string{"boss", "intern", "grouped"}
	for _, from := range []string{"matter: m", "client: C9", "tag: 未成年人"} {
		for _, who := range names {
			p := mustParse(t, small, matter, "walls: [ { id: W, screen: [user: "+who+"], from: ["+from+"], reason: r } ]")
			for _, name := range names {
				if name == who {
					as(t, p, name).isDenied(OpRead, "m/a", "wall.W", Hidden)
				} else {
					as(t, p, name).may("m/a", OpRead)
				}
			}
			as(t, p, who).may("k/a", OpLookup)
		}
	}
}

// TestBetweenTeams: whoever works, or worked, on one side sees nothing of the
// other; system groups count while their members are members.
func TestBetweenTeams(t *testing.T) {
	p := mustParse(t, small, `
matters:
  - { matter: a, client: A, level: low, lead: boss, members: [ { user: intern, rights: [read], until: 2026-01-31 }, { group: sys, rights: [read] } ] }
  - { matter: b, client: B, level: low, lead: grouped, members: [ { user: intern, rights: [read] }, { user: twice, rights: [read] }, { user: purposed, rights: [read] } ] }
groups: { sys: { unix: staff } }
walls: [ { id: W, between: [[client: A, user: purposed], [client: B]], until: 2026-12-31, reason: r } ]
`)
	staff := asking(func(g, user string) bool { return g == "staff" && user == "twice" })
	as(t, p, "boss").may("a/x", OpRead)
	as(t, p, "boss").isDenied(OpRead, "b/x", "wall.W", Hidden)
	as(t, p, "intern").knowing(staff).isDenied(OpRead, "b/x", "wall.W", Hidden)
	as(t, p, "purposed").knowing(staff).isDenied(OpRead, "b/x", "wall.W", Hidden)
	as(t, p, "twice").knowing(staff).isDenied(OpRead, "b/x", "wall.W", Hidden)
	as(t, p, "twice").knowing(staff).isDenied(OpRead, "a/x", "wall.W", Hidden)
	as(t, p, "twice").knowing(asking(func(string, string) bool { return false })).may("b/x", OpRead)
	as(t, p, "twice").on("2027-01-01").knowing(staff).may("b/x", OpRead)
	as(t, p, "twice").on("2027-01-01").knowing(staff).may("a/x", OpRead)
}

// TestNeedToKnow: a folder for some members is no folder at all for the rest
// (R4), whatever is asked.
func TestNeedToKnow(t *testing.T) {
	p := lawfirm(t)
	for _, op := range Ops() {
		if d := as(t, p, "liu.yang").ask(op, "2026-0142/证据/谈判/底价.docx", false); d.Shown != Hidden {
			t.Errorf("%s shows %s", op, d.Shown)
		}
	}
	as(t, p, "li.na").may("2026-0142/证据/谈判/底价.docx", OpRead, OpWrite)
	as(t, p, "zhang.wei").isDenied(OpRmdir, "2026-0142/证据/谈判", "level.pinned", Refused)
	as(t, p, "zhang.wei").may("2026-0142/证据/谈判/底价.docx", OpUnlink, OpRenameFrom)
}

// TestClosedThenSealed: closing keeps reading, sealing hides from all.
func TestClosedThenSealed(t *testing.T) {
	open := "matter: m\nclient: c\nlevel: low\nlead: boss\nstatus: "
	active, closed, sealed := mustParse(t, small, open+"active\n"), mustParse(t, small, open+"closed\n"), mustParse(t, small, open+"sealed\n")
	as(t, active, "boss").may("m/a", OpRead, OpWrite, OpUnlink)
	for _, op := range Ops() {
		if op.Modifies() {
			as(t, closed, "boss").isDenied(op, "m/a", "matter.closed", ReadOnly)
			as(t, closed, "intern").isDenied(op, "m/a", "matter.closed", Hidden)
		} else {
			as(t, closed, "boss").may("m/a", op)
		}
		as(t, sealed, "boss").isDenied(op, "m/a", "matter.sealed", Hidden)
	}
}

func TestShownNames(t *testing.T) {
	for shown, want := range map[Shown]string{Refused: "EACCES", Hidden: "ENOENT", ReadOnly: "EROFS", Unavailable: "EIO"} {
		if shown.String() != want {
			t.Errorf("%d is %s", shown, shown)
		}
	}
}
