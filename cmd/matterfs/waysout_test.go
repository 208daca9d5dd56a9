package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestEveryDegradedStateHasAWayOut goes through the sources: whatever makes a
// drive degraded has a hint, and `status` shows it.
func TestEveryDegradedStateHasAWayOut(t *testing.T) {
	seen := 0
	for _, file := range globbed("*.go") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range regexp.MustCompile(`warn\(true, "([a-z.]+)"`).FindAllStringSubmatch(string(text), -1) {
			seen++
			w := warn(true, m[1])
			for _, l := range []lang{en, zh} {
				a := &app{lang: l}
				if hint := w.wayOut(a); hint == "" || !strings.Contains(a.statusText(&status{Warnings: []warning{w}}), hint) {
					t.Errorf("%s: %s has no way out", file, m[1])
				}
			}
		}
	}
	if seen < 5 {
		t.Errorf("%d places found", seen)
	}
}

// TestEveryRefusalHasAWayOut: a state in which nothing is served ends with a
// code of its own, and each of these has a hint.
func TestEveryRefusalHasAWayOut(t *testing.T) {
	for i, row := range exitTable {
		switch row.code {
		case exitPolicy, exitKey, exitLog, exitTampered, exitIncomplete, exitCheckpoint, exitCorrupt, exitNotPermitted:
			if row.hint == noMsg {
				t.Errorf("row %d (exit code %d) has no hint", i, row.code)
			}
		}
	}
}
