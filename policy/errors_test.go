package policy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestBadPolicies compares the whole error text of broken policies with the
// `want` part of testdata/bad/*.txtar. UPDATE_GOLDEN=1 rewrites them; read the
// difference before it is committed.
func TestBadPolicies(t *testing.T) {
	paths, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d golden files, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files, want := badFiles(archive)
			p, err := Parse(files)
			if p != nil || !errors.Is(err, ErrInvalid) {
				t.Fatalf("policy %v, error %v", p, err)
			}
			got := err.Error() + "\n"
			if os.Getenv("UPDATE_GOLDEN") != "" {
				want.Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got != string(want.Data) {
				t.Errorf("got\n%s\nwant\n%s", got, want.Data)
			}
		})
	}
}

func badFiles(archive *txtar.Archive) (map[string][]byte, *txtar.File) {
	files := map[string][]byte{}
	last := len(archive.Files) - 1
	for _, f := range archive.Files[:last] {
		files[f.Name] = f.Data
	}
	return files, &archive.Files[last]
}
