package policy

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const tinyFirm = firmHead + "levels: { low: {} }\n"

// writeTree makes files below a new directory.
func writeTree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLoadReadsEveryPolicyFile(t *testing.T) {
	dir := writeTree(t, map[string]string{
		"firm.yaml": tinyFirm, "deep/er/roles.YML": "roles: { r: { clearance: low, rights: [read] } }\nusers: { u: { role: r } }\n",
		".hidden.yaml": "broken: [", ".git/config.yaml": "broken: [", "notes.txt": "：", "walls.yaml.bak": "broken: [",
	})
	p, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if u, ok := p.User("u"); !ok || u.HasUID {
		t.Errorf("the file deep down was not read: %+v", p.Users())
	}
}

func TestLoadRefuses(t *testing.T) {
	link := writeTree(t, map[string]string{"firm.yaml": tinyFirm})
	if err := os.Symlink("/etc", filepath.Join(link, "matters")); err != nil {
		t.Fatal(err)
	}
	fifo := writeTree(t, map[string]string{"firm.yaml": tinyFirm, "walls.yaml/x": ""})
	cases := map[string]struct {
		dir  string
		is   error
		says string
	}{
		"no directory": {filepath.Join(t.TempDir(), "none"), fs.ErrNotExist, "policy directory"},
		"no files":     {t.TempDir(), ErrNoPolicy, "no policy files"},
		"a link":       {link, nil, `"matters" is no regular file`},
		"mistakes":     {writeTree(t, map[string]string{"firm.yaml": "version: 7"}), ErrInvalid, "firm.yaml:1:10: error: version must be 1"},
	}
	for name, c := range cases {
		p, err := Load(c.dir)
		if p != nil || err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: policy %v, error %v", name, p, err)
		}
	}
	if _, err := Load(fifo); err != nil {
		t.Errorf("a directory named like a file: %v", err)
	}
}

func TestErrorsAsOne(t *testing.T) {
	_, err := Load(writeTree(t, map[string]string{"firm.yaml": "version: 7\n"}))
	var list *Errors
	var one *Error
	if !errors.As(err, &list) || !errors.As(err, &one) || len(list.List) != 3 || list.List[2].Line != 1 || list.List[2].Col != 10 {
		t.Errorf("%v", err)
	}
}

func TestCheckOwnership(t *testing.T) {
	owner := uint32(os.Getuid())
	dir := writeTree(t, map[string]string{"firm.yaml": tinyFirm, "matters/a.yaml": "", "notes.txt": "", ".swap.yaml": ""})
	steps := []struct {
		path string
		mode fs.FileMode
		bad  bool
	}{
		{"firm.yaml", 0o644, false},
		{"notes.txt", 0o666, false},
		{".swap.yaml", 0o666, false},
		{"matters/a.yaml", 0o664, true},
		{"matters/a.yaml", 0o640, false},
		{"matters", 0o777, true},
		{"matters", 0o755, false},
		{".", 0o775, true},
		{".", 0o755, false},
	}
	for _, s := range steps {
		path := filepath.Join(dir, s.path)
		if err := os.Chmod(path, s.mode); err != nil {
			t.Fatal(err)
		}
		err := checkOwner(dir, owner)
		var bad *OwnershipError
		if errors.As(err, &bad) != s.bad || s.bad && bad.Path != path {
			t.Errorf("%s with %v: %v", s.path, s.mode, err)
		}
	}
	if err := checkOwner(dir, owner+1); err == nil || !strings.Contains(err.Error(), "is not owned by uid") {
		t.Errorf("another owner: %v", err)
	}
	link := filepath.Join(t.TempDir(), "policy")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "firm.yaml"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := checkOwner(link, owner); err == nil {
		t.Error("a linked policy directory is not looked into")
	}
	if err := CheckOwnership(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

func TestHash(t *testing.T) {
	files := map[string][]byte{"firm.yaml": []byte(tinyFirm), "b.yaml": []byte("# c\n")}
	hash := func() string {
		p, err := Parse(files)
		if err != nil {
			t.Fatal(err)
		}
		return p.Hash()
	}
	first := hash()
	if len(first) != 64 || first != hash() {
		t.Errorf("hash %q", first)
	}
	files["b.yaml"] = []byte("# d\n")
	second := hash()
	files["c.yaml"] = files["b.yaml"]
	delete(files, "b.yaml")
	if third := hash(); first == second || second == third {
		t.Errorf("content or name does not count: %s %s %s", first, second, third)
	}
}
