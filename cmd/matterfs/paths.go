package main

import (
	"os"
	"path/filepath"

	"matterfs/crypto/keystore"
)

// place is a directory that must not share files with the other ones.
type place struct{ what, path string }

// places are the directories of a store and what it is mounted on.
func (s *settings) places() []place {
	return []place{{"data", s.Data}, {"keys", s.Keys}, {"policy", s.Policy}, {"log", s.Log}, {"state", s.State}}
}

// checkOverlap refuses places of which one lies in another: a mount over the
// keys hides them, a log in the data directory is lost with it, and a policy
// that the daemon's own files lie in is not the admins' any more. Paths are
// compared by the file they reach, so links and bind mounts do not deceive it.
func checkOverlap(places []place) error {
	for i, p := range places {
		for _, q := range places[i+1:] {
			if within(p.path, q.path) || within(q.path, p.path) {
				return &overlapError{p.what, p.path, q.what, q.path}
			}
		}
	}
	return nil
}

// within reports whether path is dir or lies below it. What does not exist yet
// is judged by its nearest existing parent.
func within(path, dir string) bool {
	path, dir = resolve(path), resolve(dir)
	want, err := os.Stat(dir)
	for {
		if path == dir {
			return true
		}
		if got, err2 := os.Stat(path); err == nil && err2 == nil && os.SameFile(got, want) {
			return true
		}
		up := filepath.Dir(path)
		if up == path {
			return false
		}
		path = up
	}
}

// resolve follows links as far as the path exists.
func resolve(path string) string {
	if r, err := filepath.EvalSymlinks(path); err == nil {
		return r
	}
	up := filepath.Dir(path)
	if up == path {
		return path
	}
	return filepath.Join(resolve(up), filepath.Base(path))
}

// checkDirs names a missing or wrong directory of the store before anything is
// opened, because the errors that come later do not say whose it is.
func (s *settings) checkDirs() error {
	for _, p := range s.places() {
		st, err := os.Stat(p.path)
		switch {
		case os.IsNotExist(err) && p.what == "keys":
			return keystoreMissing(p.path)
		case os.IsNotExist(err):
			return &partError{place: p, why: "does not exist"}
		case err != nil:
			return err
		case !st.IsDir():
			return &partError{place: p, why: "is not a directory"}
		}
	}
	return nil
}

func keystoreMissing(path string) error {
	return &os.PathError{Op: "open keys", Path: path, Err: keystore.ErrNoKeystore}
}
