package policy

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const lintFirm = `
levels: { low: {}, mid: { purpose: session, two_person: { ttl: 4h } }, top: {} }
tags: { t: { purpose: session }, used: { deny_roles: [clerk] } }
departments: [d, e]
roles:
  lawyer: { clearance: low, rights: [read, write] }
  clerk: { clearance: low, rights: [read], approval: required }
  agent: { clearance: low, rights: [read], nda: required }
  nobody: { clearance: low, rights: [read] }
users:
  boss: { uid: 1, role: lawyer, department: d }
  ann: { uid: 2, role: lawyer, until: 2026-12-10 }
  idle: { uid: 3, role: lawyer }
  clerk: { uid: 4, role: clerk }
  agent: { uid: 5, role: agent, nda: { ref: N, signed: 2026-01-01, until: 2026-12-01 } }
  gone: { uid: 6, role: lawyer, status: departed, until: 2026-01-31 }
  duty: { uid: 7, role: lawyer }
groups: { old: { members: [gone] }, used: { members: [ann] }, unused: { members: [ann] } }
duties: { auditor: [duty] }
matters:
  - matter: m
    client: c
    level: low
    lead: boss
    tags: [used]
    members:
      - { user: ann, rights: [read], until: 2026-11-30, ack: required }
      - { user: clerk, rights: [read], until: 2026-01-31 }
      - { user: agent, rights: [read], approval: required }
      - { group: used, rights: [read], until: 2027-06-30 }
  - { matter: n, client: d, level: low, lead: boss }
walls:
  - { id: W1, screen: [user: gone, group: old], from: [matter: n], reason: r }
  - { id: W2, only: [user: gone], to: [client: d], reason: r, until: 2026-12-05 }
  - { id: W3, screen: [user: idle], from: [client: d], reason: r }
  - { id: W4, screen: [user: idle], from: [client: c], reason: r, until: 2026-01-31 }
tests:
  - { as: idle, cannot: read, on: n, because: wall.W3 }
`

func findings(list []*Error) (out []string) {
	for _, e := range list {
		out = append(out, e.where()+" "+e.Msg)
	}
	return out
}

// TestWarnsOfWhatCannotBeMet: each with its place, once.
func TestWarnsOfWhatCannotBeMet(t *testing.T) {
	want := []string{
		"firm.yaml:4:20 `purpose: session` and `two_person` cannot be met in this version: everybody is refused at this level",
		"firm.yaml:5:9 `purpose: session` cannot be met in this version: everybody is refused at this tag",
		"firm.yaml:29:9 `ack: required` cannot be recorded in this version: the grant gives nothing",
		"firm.yaml:30:9 `approval: required` of role \"clerk\" cannot be recorded in this version: the grant gives nothing",
		"firm.yaml:31:9 `approval: required` cannot be recorded in this version: the grant gives nothing",
		"firm.yaml:35:11 wall \"W1\" keeps out nobody: all it names have left",
		"firm.yaml:36:11 wall \"W2\" lets nobody in: all it names have left",
	}
	var got []string
	for _, line := range findings(mustParse(t, lintFirm).Warnings()) {
		if !strings.Contains(line, "may not open") {
			got = append(got, line)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("warnings\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if w := mustParse(t, "levels: { low: { purpose: required } }\nroles: { r: { clearance: low, rights: [read] } }\n").Warnings(); len(w) != 0 {
		t.Errorf("%v", findings(w))
	}
}

// TestWarnsOfRoot: who has uid 0 shares it with every service of the machine; somebody who
// has left has it no more.
func TestWarnsOfRoot(t *testing.T) {
	for status, want := range map[string]int{"active": 1, "departed": 0} {
		text := "levels: { low: {} }\nroles: { r: { clearance: low, rights: [read] } }\nusers:\n  li: { uid: 0, role: r, status: " + status + " }\n"
		got := findings(mustParse(t, text).Warnings())
		if len(got) != want || want == 1 && got[0] != `firm.yaml:6:14 uid 0 is root: everything that runs as root would act as "li"` {
			t.Errorf("%s: %q", status, got)
		}
	}
}

func TestLint(t *testing.T) {
	p := mustParse(t, lintFirm)
	want := []string{
		`firm.yaml:4:20 nothing has level "mid"`,
		`firm.yaml:4:72 nothing has level "top"`,
		`firm.yaml:5:9 nothing has tag "t"`,
		`firm.yaml:6:18 nobody and no matter is in department "e"`,
		`firm.yaml:11:3 nobody has role "nobody"`,
		`firm.yaml:14:3 user "ann" ends on 2026-12-10`,
		`firm.yaml:15:3 user "idle" is in no matter and has no duty`,
		`firm.yaml:17:45 the confidentiality agreement of "agent" ends on 2026-12-01`,
		`firm.yaml:20:63 group "unused" is used nowhere`,
		`firm.yaml:29:9 the grant of "ann" ends on 2026-11-30`,
		`firm.yaml:30:9 the grant of "clerk" ended on 2026-01-31`,
		`firm.yaml:35:11 no test asks about wall "W1"`,
		`firm.yaml:36:11 no test asks about wall "W2"`,
		`firm.yaml:36:11 wall "W2" ends on 2026-12-05`,
		`firm.yaml:38:11 wall "W4" ended on 2026-01-31`,
	}
	got := findings(p.Lint(at, 30*24*time.Hour))
	if !slices.Equal(got, want) {
		t.Errorf("findings\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if soon := findings(p.Lint(at, 0)); slices.ContainsFunc(soon, func(s string) bool { return strings.Contains(s, "ends on") }) {
		t.Errorf("nothing ends today: %q", soon)
	}
	if list := mustParse(t, "levels: { low: {} }\n"+`roles: { r: { clearance: low, rights: [read] } }
users: { u: { uid: 1, role: r } }
matters: [ { matter: m, client: c, level: low, lead: u } ]
`).Lint(at, time.Hour); len(list) != 0 {
		t.Errorf("a tidy firm: %q", findings(list))
	}
}

// TestEntries: who is named in what, and the finding about one of them.
func TestEntries(t *testing.T) {
	list := mustParse(t, lintFirm).Entries(at)
	var got []string
	for _, e := range list {
		got = append(got, e.Matter+" "+e.User+e.Group+" "+e.Rights.String())
	}
	want := []string{
		"m boss read|write|create|delete|rename", "m ann read", "m agent read", "m used read", "n boss read|write|create|delete|rename",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if e := list[1].Unused(90); e.Line != 29 || e.Msg != `"ann" has not used matter "m" for 90 days` {
		t.Errorf("%v", e)
	}
}
