package policy_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// The firms of the model: plain lists of words and day numbers, made by chance
// and written out as policy files. Day 5 is the fifth of November 2026; 0
// stands for no end.

type mFirm struct {
	levels  []mLevel // low to high
	roles   []mRole
	users   []mUser
	groups  []mGroup
	blocked []mBlock
	matters []mMatter
	walls   []mWall
	tags    []mTag
	wide    bool
}

// mTag is what the firm says of a tag.
type mTag struct {
	name, level, purpose string
	named, nomap         bool
	denied               []string
}

type mLevel struct {
	name, purpose     string
	two, named, nomap bool
	max               int
	denied            []string
}

type mRole struct {
	name, clearance, wide string
	rights                []string
	approval, nda         bool
}

type mUser struct {
	name, role, clearance, org, dept string
	uid, until                       int
	departed, signed                 bool
	ndaFrom, ndaUntil                int
}

type mGroup struct {
	name, unix string
	members    []string
}

type mBlock struct {
	user, org string
	until     int
}

type mGrant struct {
	user, group   string
	rights        []string
	until         int
	purpose       string
	ack, approval bool
	wide          bool // by the role, no entry of the matter
}

type mFolder struct {
	path, level string
	only        []mRef
	tags        []string
}

type mMatter struct {
	id, client, tag, level, lead, status, dept string
	members                                    []mGrant
	folders                                    []mFolder
}

type mRef struct{ kind, name string }

type mWall struct {
	id, form        string // screen, only, between
	people, objects []mRef
	sides           [][]mRef
	until           int
}

const mDay = "2006-01-02"

// date is a day of the model in a zone whose midnight is nobody else's.
func date(day int) time.Time { return time.Date(2026, 11, day, 0, 0, 0, 0, shanghai) }

var shanghai = time.FixedZone("CST", 8*3600)

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// some takes each of a list with one chance in n.
func some[T any](r *rand.Rand, n int, list ...T) (out []T) {
	for _, v := range list {
		if r.IntN(n) == 0 {
			out = append(out, v)
		}
	}
	return out
}

func one(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }

// end is no end, or a day from 3 to 7.
func end(r *rand.Rand) int { return pick(r, 0, 0, 0, 3+r.IntN(5)) }

func randomModel(r *rand.Rand) *mFirm {
	f := &mFirm{}
	f.levels = []mLevel{
		{name: "low", nomap: one(r, 4)},
		{name: "mid", purpose: pick(r, "", "required"), nomap: one(r, 2)},
		{name: "few", max: 1 + r.IntN(3), two: one(r, 6)},
		{name: "top", purpose: pick(r, "", "", "session"), two: one(r, 4), named: one(r, 2), denied: some(r, 3, "lawyer", "clerk")},
	}
	f.roles = []mRole{
		{name: "lawyer", clearance: "top", rights: all},
		{name: "clerk", clearance: "top", rights: []string{"read", "write"}},
		{name: "junior", clearance: "mid", rights: []string{"read", "create", "delete"}},
		{name: "agent", clearance: "few", rights: []string{"read"}, nda: true, approval: one(r, 3)},
		{name: "blind", clearance: "top", rights: []string{"write"}},
		{name: "chief", clearance: "top", rights: []string{"read", "write"}, wide: pick(r, "department", "firm")},
	}
	f.wide, f.tags = !one(r, 4), randomTags(r)
	for i := range 7 {
		f.users = append(f.users, randomUser(r, i))
	}
	f.groups = []mGroup{{name: "g0", members: []string{"u1", "u2"}}, {name: "g1", unix: "sys"}, {name: "g2", unix: "net", members: []string{"u3"}}}
	for range r.IntN(3) {
		f.blocked = append(f.blocked, mBlock{user: pick(r, "u1", "u2", ""), org: "acme", until: end(r)})
	}
	for i := range 3 {
		f.matters = append(f.matters, randomMatter(r, i))
	}
	for i := range r.IntN(3) {
		f.walls = append(f.walls, randomWall(r, i))
	}
	return f
}

var all = []string{"read", "write", "create", "delete", "rename"}

// randomTags gives rules to some of the tags that matters (t) and folders (s)
// have.
func randomTags(r *rand.Rand) (list []mTag) {
	for _, name := range append(some(r, 2, "s0", "s1"), some(r, 4, "t0", "t1")...) {
		t := mTag{name: name, level: pick(r, "", "", "low", "mid", "few", "top"), purpose: pick(r, "", "", "", "", "required", "session")}
		t.named, t.nomap, t.denied = one(r, 2) && (name[0] == 's' || one(r, 4)), one(r, 2), some(r, 6, "lawyer", "clerk", "chief")
		if t.level+t.purpose != "" || t.named || t.nomap || t.denied != nil {
			list = append(list, t)
		}
	}
	return list
}

// randomUser makes u0 a lawyer who leads, u6 a leaver who may have left a uid to
// u5, and chance the others.
func randomUser(r *rand.Rand, i int) mUser {
	u := mUser{name: fmt.Sprintf("u%d", i), uid: 100 + i, role: pick(r, "lawyer", "lawyer", "clerk", "junior", "agent", "blind", "chief", "chief", "chief"), dept: pick(r, "", "d0", "d0", "d0", "d1")}
	switch i {
	case 0:
		u.role = "lawyer"
		return u
	case 6:
		u.departed, u.uid = true, pick(r, 105, 106)
		return u
	}
	u.departed, u.until, u.org = one(r, 8), end(r), pick(r, "", "acme", "zeta")
	if u.role == "lawyer" && one(r, 3) {
		u.clearance = pick(r, "low", "mid")
	}
	if u.signed = !one(r, 4); u.signed {
		u.ndaFrom, u.ndaUntil = 1+r.IntN(5), pick(r, 0, 6, 7)
	}
	return u
}

func randomMatter(r *rand.Rand, i int) mMatter {
	m := mMatter{id: fmt.Sprintf("m%d", i), client: fmt.Sprintf("c%d", i%2), lead: pick(r, "u0", "u0", "u0", "u1"),
		dept: pick(r, "", "d0", "d0", "d0", "d1"), tag: fmt.Sprintf("t%d", i/2), level: pick(r, "low", "low", "low", "low", "mid", "mid", "few", "top"), status: pick(r, "active", "active", "active", "active", "closed", "sealed", "destroyed")}
	waits, who := pick(r, "ack", "approval"), []string{"u1", "u2", "u3", "u4", "u5", "u6"}
	if m.level == "low" || m.level == "mid" {
		who = append(who, "g0", "g1", "g2")
	}
	for _, who := range some(r, 2, who...) {
		g := mGrant{user: who, until: end(r), purpose: pick(r, "", "why"), rights: append([]string{"read"}, some(r, 3, all[1:]...)...)}
		if who[0] == 'g' {
			g.user, g.group = "", who
		}
		if one(r, 10) {
			g.rights = []string{"write"}
		}
		wait := one(r, 6)
		g.ack, g.approval = wait && waits == "ack", wait && waits == "approval"
		m.members = append(m.members, g)
	}
	for _, path := range some(r, 3, "d", "d/e", "d/e/f", "x") {
		m.folders = append(m.folders, m.randomFolder(r, path))
	}
	return m
}

// randomFolder raises the level of a folder, or narrows it to members.
func (m *mMatter) randomFolder(r *rand.Rand, path string) mFolder {
	f := mFolder{path: path, level: pick(r, "", "mid", "few", "top", "top")}
	if m.level != "low" {
		f.level = pick(r, "", "top")
	}
	f.tags = some(r, 3, "s0", "s1", "t0")
	if f.level != "" && !one(r, 3) {
		return f
	}
	f.only = []mRef{{"user", m.lead}}
	for _, g := range some(r, 2, m.members...) {
		f.only = append(f.only, pick(r, mRef{"user", g.user}, mRef{"group", "g0"}, mRef{"group", "g1"}, mRef{"group", "g2"}))
	}
	f.only = slices.DeleteFunc(f.only, func(r mRef) bool { return r.name == "" })
	return f
}

func somePeople(r *rand.Rand) []mRef {
	return some(r, 3, mRef{"user", "u1"}, mRef{"user", "u2"}, mRef{"user", "u3"}, mRef{"group", "g0"}, mRef{"group", "g1"}, mRef{"group", "g2"})
}

func someObjects(r *rand.Rand) mRef {
	return pick(r, mRef{"matter", "m0"}, mRef{"matter", "m1"}, mRef{"client", "c0"}, mRef{"client", "c1"}, mRef{"tag", "t0"}, mRef{"tag", "t1"})
}

func randomWall(r *rand.Rand, i int) mWall {
	w := mWall{id: fmt.Sprintf("W%d", i), form: pick(r, "screen", "only", "between"), until: end(r)}
	if w.form == "between" {
		kind := pick(r, "matter m", "client c", "tag t", "matter m")
		kind, name, _ := strings.Cut(kind, " ")
		w.sides = [][]mRef{append(some(r, 3, mRef{"user", "u4"}, mRef{"group", "g1"}), mRef{kind, name + "0"}), append(somePeople(r), mRef{kind, name + "1"})}
		return w
	}
	w.people, w.objects = append(somePeople(r), pick(r, mRef{"user", "u1"}, mRef{"user", "u5"})), []mRef{someObjects(r)}
	return w
}

// find is the first of a list that is meant.
func find[T any](list []T, is func(T) bool) (T, bool) {
	i := slices.IndexFunc(list, is)
	if i < 0 {
		var none T
		return none, false
	}
	return list[i], true
}
