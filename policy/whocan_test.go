package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestWhoCan: each user once, with the rule that decides, where it stands, and
// whom to ask.
func TestWhoCan(t *testing.T) {
	p := mustParse(t, approveFirm)
	var got []string
	for _, a := range p.WhoCan(Request{UID: 99, Matter: "m", Path: "f/x", Op: OpOpenRead, At: at, Env: asking(func(_, u string) bool { return u == "zhou" })}) {
		got = append(got, fmt.Sprint(a.User.Name, " ", a.Allow, " ", a.Rule, " ", a.Ask, " ", a.Pos != ""))
	}
	want := []string{
		"chen false level.role [qian wu] true", "gone false user.departed [qian wu] true",
		"late false user.blocked [qian wu] true", "lead true member.lead [] true",
		"li false member.folder [lead] true", "qian false member.none [lead] true", "sun false member.ack [lead] true",
		"wu false member.none [lead] true", "zhou false member.folder [lead] true",
	}
	if !slices.Equal(got, want) {
		t.Errorf("\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var none *Policy
	if none.WhoCan(Request{}) != nil {
		t.Error("a policy that is not there answers")
	}
}

// TestWhoCanAgreesWithWho: on the root of each matter of a firm.
func TestWhoCanAgreesWithWho(t *testing.T) {
	p, err := Load("testdata/lawfirm")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range p.Matters() {
		who := p.Who(m.ID, "", at, litTeam)
		for i, a := range p.WhoCan(Request{Matter: m.ID, Op: OpOpenRead, At: at, Env: litTeam}) {
			if a.User.Name != who[i].User.Name || a.Allow != (who[i].Rights&Read != 0) || a.Rule != who[i].Read.Rule || !a.Expires.Equal(who[i].Read.Expires) {
				t.Errorf("%s in %s: %+v, but %+v", a.User.Name, m.ID, a, who[i])
			}
		}
	}
}
