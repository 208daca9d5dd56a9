package main

import (
	"regexp"
	"strings"
	"testing"

	"matterfs/policy"
)

// TestSectionsOfANewStore: what a new matterfs.yaml shows as comments can be
// used by taking the marks away, changes nothing that has a default, and names
// every key there is.
func TestSectionsOfANewStore(t *testing.T) {
	s := defaults("/srv/firm/matterfs.yaml")
	text := regexp.MustCompile(`(?m)^# `).ReplaceAllString(s.sectionsText(), "")
	got := defaults("/srv/firm/matterfs.yaml")
	if err := policy.DecodeStrict("matterfs.yaml", []byte(text), got.fields()); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	was := s.fields()
	for key, value := range got.fields() {
		section, name, nested := strings.Cut(key, ".")
		if !nested {
			continue
		}
		if !strings.Contains(text, "\n"+section+":\n") || !strings.Contains(text, "  "+name+": "+*value) {
			t.Errorf("%s is not shown in\n%s", key, text)
		}
		if *was[key] != "" && *value != *was[key] {
			t.Errorf("%s is %q, without it %q", key, *value, *was[key])
		}
	}
}
