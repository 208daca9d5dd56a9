package main

import (
	"strings"
	"testing"
	"time"
)

func TestRetentionSetting(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		retentionDefault: 1095 * day, "183": 183 * day, retentionNever: 0,
		"182": -1, "0": -1, "": -1, "3y": -1, "-200": -1, "70000": -1,
	} {
		s := settings{Config: "matterfs.yaml", Retention: text}
		got, err := s.retention()
		if want < 0 {
			if !asErr[*usageError](err) || !strings.Contains(err.Error(), retentionKey) {
				t.Errorf("%q: %v, %v", text, got, err)
			}
		} else if got != want || err != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
