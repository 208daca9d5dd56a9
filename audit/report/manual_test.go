package report

import (
	"os"
	"strings"
	"testing"
)

// TestManualHasTheParameters: each parameter of anomalies with its default, and each kind of finding, stand in the manual.
func TestManualHasTheParameters(t *testing.T) {
	b, err := os.ReadFile("../../contrib/man/matterfs-report.7")
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	for _, p := range anomalyParams() {
		if !strings.Contains(page, p.Key+"=") || p.Key != "tools" && !strings.Contains(page, p.Default) {
			t.Errorf("the manual lacks %s=%s", p.Key, p.Default)
		}
	}
	for _, d := range detectors() {
		if kind := anomalyTexts["kind."+d.id][0]; !strings.Contains(page, kind) {
			t.Errorf("the manual lacks %q", kind)
		}
	}
}
