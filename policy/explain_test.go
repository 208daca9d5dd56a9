package policy

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// story prints an explanation for comparison.
func story(list []GateResult) string {
	var b strings.Builder
	for _, g := range list {
		mark := "pass"
		if !g.Pass {
			mark = "fail"
		}
		b.WriteString(strings.TrimRight(strings.Join([]string{g.Name, mark, g.Rule, g.Pos, g.Reason, strings.Join(g.Ask, ",")}, " | "), " |") + "\n")
	}
	return b.String()
}

func TestExplain(t *testing.T) {
	p := lawfirm(t)
	cases := map[string]struct {
		user, path string
		op         Op
		at         time.Time
		want       string
	}{
		"every gate is asked": {"chen.jie", "鉴定/a", OpUnlink, at, `
system | pass
subject | pass |  | firm.yaml:30
object | pass |  | matters/2026-0142.yaml:1
walls | fail | wall.W-07 | walls.yaml:2 | 曾代理对方当事人: until 2027-10-31 | qian.li
grant | fail | member.none | matters/2026-0142.yaml:1 | not a member of the matter | zhang.wei
caps | fail | member.right | matters/2026-0142.yaml:1 | the grants in the matter do not include this right: unlink needs delete, granted is none | zhang.wei
duties | fail | need.purpose | firm.yaml:10 | a purpose must be stated first | zhang.wei
allow | fail | wall.W-07 | walls.yaml:2 | 曾代理对方当事人: until 2027-10-31 | qian.li
`},
		"allowed": {"li.na", "证据/合同.docx", OpWrite, at, `
system | pass
subject | pass |  | firm.yaml:28
object | pass |  | matters/2026-0142.yaml:1
walls | pass
grant | pass | member.user | matters/2026-0142.yaml:7 | member of the matter
caps | pass |  | firm.yaml:20
duties | pass |  | firm.yaml:9
allow | pass | member.user | matters/2026-0142.yaml:7 | member of the matter
`},
		"grant over": {"li.na", "a", OpRead, at.AddDate(1, 0, 0), `
system | pass
subject | pass |  | firm.yaml:28
object | pass |  | matters/2026-0142.yaml:1
walls | pass
grant | fail | member.expired | matters/2026-0142.yaml:7 | the membership has ended: until 2027-03-31 | zhang.wei
caps | fail | member.right | matters/2026-0142.yaml:1 | the grants in the matter do not include this right: read needs read, granted is none | zhang.wei
duties | fail | need.purpose | firm.yaml:9 | a purpose must be stated first | zhang.wei
allow | fail | member.expired | matters/2026-0142.yaml:7 | the membership has ended: until 2027-03-31 | zhang.wei
`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := story(p.ExplainUser(c.user, Request{Matter: "2026-0142", Path: c.path, Op: c.op, At: c.at}))
			if got != c.want[1:] {
				t.Errorf("got\n%s", got)
			}
		})
	}
}

func TestExplainDetails(t *testing.T) {
	law, other := lawfirm(t), mustParse(t, small)
	for name, want := range map[string]string{
		"term over":                  "until 2027-06-30",
		"clearance under the folder": "绝密 is above 机密",
		"role denied in the folder":  `top is not for role "intern"`,
		"role without the right":     `write needs write, role "reader" has read`,
		"folder of a rule":           "证据/谈判",
		"fault of the log":           "the audit log cannot be written",
	} {
		a, ok := table[name]
		if !ok {
			t.Fatalf("no case %q", name)
		}
		matter, path, _ := strings.Cut(a.path, "/")
		r := Request{UID: a.uid, Matter: matter, Path: path, Op: a.op, At: at}
		if a.change != nil {
			a.change(&r)
		}
		p := law
		if matter == "k" {
			p = other
		}
		list := p.Explain(r)
		if last := list[len(list)-1]; !strings.Contains(last.Reason, want) || last.Rule != a.rule {
			t.Errorf("%s: %+v does not say %q", name, last, want)
		}
	}
}

// TestWhomToAsk: a lead is not sent to themselves, and faults go to the system
// administrators.
func TestWhomToAsk(t *testing.T) {
	p := lawfirm(t)
	for _, c := range []struct {
		r    Request
		want string
	}{
		{Request{UID: 10022, Matter: "2026-0142", Op: OpUnlink, At: at}, "zhang.wei"},
		{Request{UID: 10021, Matter: "2026-0142", Path: "鉴定", Op: OpRead, At: at}, "qian.li"},
		{Request{UID: 4711, Matter: "2026-0142", Op: OpRead, At: at}, "qian.li"},
		{Request{UID: 10021, Matter: "2026-0142", Op: OpRead}, "chen.it"},
	} {
		list := p.Explain(c.r)
		if last := list[len(list)-1]; last.Pass || !slices.Equal(last.Ask, []string{c.want}) {
			t.Errorf("uid %d: ask %v (%s), want %s", c.r.UID, last.Ask, last.Rule, c.want)
		}
	}
}

func TestExplainDepartedByName(t *testing.T) {
	list := lawfirm(t).ExplainUser("wang.qiang", Request{Matter: "2026-0142", Op: OpRead, At: at})
	if last := list[len(list)-1]; last.Rule != "user.departed" || last.Reason != "the user has left the firm: wang.qiang" {
		t.Errorf("%+v", last)
	}
}

func TestWho(t *testing.T) {
	p := lawfirm(t)
	got := map[string]string{}
	for _, a := range p.Who("2026-0142", "证据", at, litTeam) {
		if a.Rights != 0 {
			got[a.User.Name] = a.Rights.String() + " " + a.Read.Rule
		}
	}
	want := map[string]string{
		"zhang.wei": "read|write|create|delete member.lead", "li.na": "read|write|create member.user",
		"liu.yang": "read member.user", "qian.li": "read member.group:litigation",
	}
	for name, rights := range want {
		if name != "zhang.wei" && got[name] != rights {
			t.Errorf("%s: %q, want %q", name, got[name], rights)
		}
	}
	if len(got) != len(want) || got["zhang.wei"] != "read|write|create member.lead" {
		t.Errorf("got %v", got) // 证据 holds a folder rule: not even the lead deletes or renames it
	}
	if len(p.Who("2026-0142", "", at, nil)) != len(p.Users()) {
		t.Error("who does not list everybody")
	}
}

func TestCan(t *testing.T) {
	p := lawfirm(t)
	got := map[string]string{}
	for _, a := range p.Can("li.na", at, nil) {
		got[a.Matter] = a.Rights.String() + " " + a.Read.Rule
	}
	for id, want := range map[string]string{
		"2026-0142": "read|write|create member.user", "2026-0177": "read|write|create|delete member.group:ip",
		"2025-0031": "read member.lead", "2026-0200": "none wall.W-09", "2024-0009": "none matter.sealed",
	} {
		if got[id] != want {
			t.Errorf("%s: %q, want %q", id, got[id], want)
		}
	}
	if p.Can("nobody", at, nil) != nil {
		t.Error("an unknown user can something")
	}
}
