package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrNoPolicy is returned for a directory without any policy file.
var ErrNoPolicy = errors.New("no policy files (*.yaml)")

// OwnershipError is a policy file or directory that others may change.
type OwnershipError struct {
	Path string
	What string // "is owned by uid 1000", "is writable by group or others"
}

// Error names the path and how to mend it.
func (e *OwnershipError) Error() string {
	return fmt.Sprintf("policy %q %s: it must be owned by root and writable by nobody else (chown root, chmod go-w)", e.Path, e.What)
}

// Load reads every *.yaml and *.yml file below dir, hidden ones left out, and
// parses them. A mistake in the files is an *Errors.
func Load(dir string) (*Policy, error) {
	files, err := ReadFiles(dir)
	if err != nil {
		return nil, err
	}
	return Parse(files)
}

// ReadFiles collects the policy files below dir, as Parse takes them: by name
// relative to it. It goes through os.Root, so
// no symbolic link leads out, and refuses links that look like policy files: a
// rule that is silently not read is worse than an error.
func ReadFiles(dir string) (map[string][]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("policy directory: %w", err)
	}
	defer root.Close()
	files := map[string][]byte{}
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") && path != "." {
			return skip(d)
		}
		if d.IsDir() || !isPolicyFile(d) {
			return nil
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("policy file %q is no regular file", path)
		}
		data, err := root.ReadFile(path)
		files[path] = data
		return err
	})
	if err == nil && len(files) == 0 {
		return nil, fmt.Errorf("%w in %q", ErrNoPolicy, dir)
	}
	return files, err
}

func skip(d fs.DirEntry) error {
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// isPolicyFile tells whether an entry is read. A symbolic link counts whatever
// its name: it may be a whole folder of matters.
func isPolicyFile(d fs.DirEntry) bool {
	ext := strings.ToLower(filepath.Ext(d.Name()))
	return ext == ".yaml" || ext == ".yml" || d.Type()&fs.ModeSymlink != 0
}

// CheckOwnership refuses a policy that anybody but root could change: dir and
// everything that Load reads below it must belong to root and be writable by
// nobody else. The error is an *OwnershipError.
func CheckOwnership(dir string) error { return checkOwner(dir, 0) }

func checkOwner(dir string, owner uint32) error {
	dir, err := filepath.EvalSymlinks(dir) // WalkDir would look at the link only
	if err != nil {
		return fmt.Errorf("policy directory: %w", err)
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") && path != dir {
			return skip(d)
		}
		if !d.IsDir() && !isPolicyFile(d) {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return ownedBy(path, info, owner)
	})
}

func ownedBy(path string, info fs.FileInfo, owner uint32) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid != owner {
		return &OwnershipError{path, fmt.Sprintf("is not owned by uid %d", owner)}
	}
	if info.Mode()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o022 != 0 {
		return &OwnershipError{path, "is writable by group or others"}
	}
	return nil
}
