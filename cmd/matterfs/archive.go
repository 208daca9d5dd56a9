package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"matterfs/policy"
)

// archiveName is where each policy that was in force is kept, by its hash, so
// that records made under it can be explained for as long as they are kept.
const archiveName = "policies"

// archive copies a policy's files to state/policies/HASH. The copy appears
// under that name only when it is that very policy: the files may have been
// edited since they were loaded.
func archive(state, dir string, p *policy.Policy) error {
	to := filepath.Join(state, archiveName, p.Hash())
	if _, err := os.Stat(to); err == nil {
		now := time.Now()
		return os.Chtimes(to, now, now) // the newest is the one in force, see keptPolicy
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(to), ".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := copyYAML(tmp, dir); err != nil {
		return err
	}
	kept, err := policy.Load(tmp)
	if err != nil || kept.Hash() != p.Hash() {
		return fmt.Errorf("policy %s was edited while it was loaded; it is not kept", short(p.Hash()))
	}
	return os.Rename(tmp, to)
}

// copyYAML copies what policy.Load reads, and perhaps more.
func copyYAML(to, from string) error {
	from, err := filepath.EvalSymlinks(from) // WalkDir would look at the link only
	if err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return ignoreExists(os.Mkdir(filepath.Join(to, rel), 0o700))
		}
		if ext := filepath.Ext(path); !d.Type().IsRegular() || ext != ".yaml" && ext != ".yml" {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	})
}

func ignoreExists(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
