package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadsSetting(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "cover",
		"audit: { reads: each }\n":     "each",
		"audit:\n  reads: cover\n":     "cover",
		"audit: { reads: none }\n":     "",
		"audit: { reads: each\n":       "",
		"audit: each\n":                "",
		"audit: { read: each }\n":      "",
		"reads: each\n":                "",
		"audit.reads: each\n":          "",
		"audit: { reads: [each] }\n":   "",
		"audit: { reads: Each }\n":     "",
		"audit: { reads: \"each \"}\n": "",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, configName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := defaults(filepath.Join(dir, configName))
		err := s.load()
		each := false
		if err == nil {
			each, err = s.eachRead()
		}
		switch {
		case want == "" && (!asErr[*usageError](err) || !strings.Contains(err.Error(), configName)):
			t.Errorf("%q: %v, %v", text, each, err)
		case want != "" && (err != nil || each != (want == "each")):
			t.Errorf("%q: %v, %v", text, each, err)
		}
	}
}
