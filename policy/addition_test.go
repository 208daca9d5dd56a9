package policy

import (
	"errors"
	"maps"
	"strings"
	"testing"
)

const addFirm = `# the firm
version: 1
timezone: Asia/Shanghai
levels: { low: {}, high: {} }
roles:
  lawyer: { clearance: high, rights: [read, write, create] }
  agent: { clearance: low, rights: [read], until: required, nda: required }
users: # who
    boss: { uid: 1, role: lawyer } # leads
    # who left
    gone:
      uid: 2
      role: lawyer
      status: departed

    ann: { uid: 3,
      role: lawyer }

groups:
  g: { members: [ann] }
`

func addTo(text string) map[string][]byte { return map[string][]byte{"firm.yaml": []byte(text)} }

func TestAddUser(t *testing.T) {
	file, text, err := AddUser(addTo(addFirm), NewUser{Login: "li.na", UID: 10022, Role: "lawyer", Name: "李娜"})
	want := strings.Replace(addFirm, "      role: lawyer }\n", "      role: lawyer }\n    li.na: { uid: 10022, role: lawyer, name: 李娜 }\n", 1)
	if err != nil || file != "firm.yaml" || string(text) != want {
		t.Errorf("%s %v\n%s", file, err, text)
	}
	_, text, err = AddUser(addTo(addFirm), NewUser{Login: "fan", UID: 7, Role: "agent", Name: "0123, {x}: #", Org: "译通 翻译", Until: "2027-01-31", NDA: "N-1", Signed: "2026-07-01"})
	line := `    fan: { uid: 7, role: agent, name: '0123, {x}: #', org: 译通 翻译, until: 2027-01-31, nda: { ref: N-1, signed: 2026-07-01 } }`
	if err != nil || !strings.Contains(string(text), line+"\n") {
		t.Errorf("%v\n%s", err, text)
	}
	files := addTo(addFirm)
	files["firm.yaml"] = text
	p, err := Parse(files)
	if u, ok := p.User("fan"); err != nil || !ok || u.Display != "0123, {x}: #" || u.Org != "译通 翻译" {
		t.Errorf("%v %+v", err, u)
	}
}

// TestAddUserElsewhere: where users stand in brackets or nowhere, they get a file.
func TestAddUserElsewhere(t *testing.T) {
	head, _, _ := strings.Cut(addFirm, "users:")
	for _, users := range []string{"", "users: { boss: { uid: 1, role: lawyer } }\n"} {
		files := addTo(head + users)
		for _, want := range []string{"people.yaml", "people-2.yaml"} {
			file, text, err := AddUser(files, NewUser{Login: "x", UID: 9, Role: "lawyer"})
			if err != nil || file != want || string(text) != "users:\n  x: { uid: 9, role: lawyer }\n" {
				t.Errorf("%s %q %v", file, text, err)
			}
			files["people.yaml"] = []byte("# nobody\n")
		}
	}
}

func TestAddUserRefuses(t *testing.T) {
	for _, c := range []struct {
		u    NewUser
		want string
	}{
		{NewUser{Login: "ann", UID: 9, Role: "lawyer"}, `user "ann" is taken: firm.yaml:16`},
		{NewUser{Login: "x", UID: 1, Role: "lawyer"}, "uid 1 is taken: boss, active (firm.yaml:9)"},
		{NewUser{Login: "x", UID: 2, Role: "lawyer"}, "uid 2 is taken: gone, departed (firm.yaml:11)"},
		{NewUser{Login: "x", UID: 9, Role: "lawer"}, `unknown role "lawer"`},
		{NewUser{Login: "x", UID: 9, Role: "lawer"}, `did you mean "lawyer"?`},
		{NewUser{Login: "x", UID: 9, Role: "agent"}, "needs an end date"},
		{NewUser{Login: "x y", UID: 9, Role: "lawyer"}, "blank"},
		{NewUser{Login: "x", UID: 9}, `user needs "role"`},
		{NewUser{Login: "x", UID: 9, Role: "lawyer", Name: "two\nlines"}, "line"},
		{NewUser{Login: "x", UID: 9, Role: "lawyer", Until: "soon"}, "no date"},
	} {
		if _, _, err := AddUser(addTo(addFirm), c.u); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.u, err, c.want)
		}
	}
	if _, _, err := AddUser(addTo("version: 7"), NewUser{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a policy that is none: %v", err)
	}
}

func TestAddMatter(t *testing.T) {
	files := addTo(addFirm)
	file, text, err := AddMatter(files, NewMatter{
		ID: "2026-0142", Client: "0091", Title: "甲: 公司诉乙", Level: "low", Lead: "boss", Tags: []string{"t"},
		Members: []NewMember{{Name: "ann", Rights: []string{"read", "write"}, Until: "2027-03-31", Purpose: "证据"}, {Name: "g", Rights: []string{"read"}}},
	})
	want := `matter: "2026-0142"
client: "0091"
title: '甲: 公司诉乙'
level: low
lead: boss
tags: [t]
status: active
members:
  - { user: ann, rights: [read, write], until: 2027-03-31, purpose: 证据 }
  - { group: g, rights: [read] }
`
	if err != nil || file != "matters/2026-0142.yaml" || string(text) != want {
		t.Fatalf("%s %v\n%s", file, err, text)
	}
	for _, c := range []struct {
		m    NewMatter
		want string
	}{
		{NewMatter{ID: "2026-0142", Client: "c", Lead: "boss"}, "is taken: matters/2026-0142.yaml:1"},
		{NewMatter{ID: "n", Client: "c", Lead: "bos"}, `did you mean "boss"?`},
		{NewMatter{ID: "n", Client: "c"}, `matter needs "lead"`},
		{NewMatter{ID: "../n", Client: "c", Lead: "boss"}, "slash"},
		{NewMatter{ID: "", Client: "c", Lead: "boss"}, "is empty"},
		{NewMatter{ID: "n", Client: "c", Lead: "boss", Level: "hihg"}, `did you mean "high"?`},
		{NewMatter{ID: "n", Client: "c", Lead: "gone"}, "has left"},
		{NewMatter{ID: "n", Client: "c", Lead: "boss", Members: []NewMember{{Name: "nn", Rights: []string{"read"}}}}, `unknown user "nn"`},
		{NewMatter{ID: "n", Client: "c", Lead: "boss", Members: []NewMember{{Name: "ann"}}}, "names no right"},
		{NewMatter{ID: "other", Client: "c", Lead: "boss"}, "it holds something else"},
	} {
		next := maps.Clone(files)
		next[file] = text
		next["matters/other.yaml"] = []byte("# nothing\n")
		if _, _, err := AddMatter(next, c.m); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.m, err, c.want)
		}
	}
}
