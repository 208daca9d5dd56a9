package policy

import (
	"slices"
	"strings"
	"testing"
)

// Every rule of the drive has a sentence in both languages, and what is hidden has the same
// one whatever the rule.
func TestDriveRulesHaveWords(t *testing.T) {
	for rule := range driveReasons {
		zh, en := RuleText(rule, "zh"), RuleText(rule, "en")
		if zh == en || zh == "" || en == "" || en == rule {
			t.Errorf("%s: %q, %q", rule, zh, en)
		}
		if slices.Contains(Rules(), rule) {
			t.Errorf("a policy's tests can name %s", rule)
		}
	}
	if HiddenText("zh") != RuleText("root.guess", "zh") || HiddenText("en") != RuleText("own.other", "en") {
		t.Error("what is hidden has words of its own")
	}
	if strings.Contains(HiddenText("en"), "matter") {
		t.Errorf("%q tells what is hidden", HiddenText("en"))
	}
}

func TestAskNamesNoLeadOfAHiddenMatter(t *testing.T) {
	p := lawfirm(t)
	m, _ := p.Matter("2026-0142")
	lead := p.Ask("nobody", m.ID, "member.right")
	if len(lead) != 1 || slices.Contains(p.Duties()["secadmin"], lead[0]) {
		t.Errorf("the lead of %s is %q", m.ID, lead)
	}
	if got := p.Ask("nobody", "", "member.right"); !slices.Equal(got, p.Duties()["secadmin"]) {
		t.Errorf("without a matter %q are asked", got)
	}
	if got := (*Policy)(nil).Ask("x", "", "root"); got != nil {
		t.Errorf("without a policy %q are asked", got)
	}
}
