package main

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"matterfs/internal/as"
)

// readDoc returns a file of the top of the repository.
func readDoc(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// codeBlocks are the indented blocks of a document, without the indent. An
// empty line does not end one.
func codeBlocks(text string) []string {
	var list []string
	in, empty := false, false
	for line := range strings.SplitSeq(text, "\n") {
		code, ok := strings.CutPrefix(line, "    ")
		switch {
		case ok && in && empty:
			list[len(list)-1] += "\n" + code + "\n"
		case ok && in:
			list[len(list)-1] += code + "\n"
		case ok:
			list = append(list, code+"\n")
		}
		in, empty = ok || in && line == "", line == ""
	}
	return list
}

// section is what stands under a heading, up to the next one.
func section(t *testing.T, text, heading string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "\n"+heading)
	if !ok {
		t.Fatalf("no heading %q", heading)
	}
	if i := regexp.MustCompile(`\n##+ `).FindStringIndex(rest); i != nil {
		rest = rest[:i[0]]
	}
	return rest
}

func TestCodeBlocks(t *testing.T) {
	got := codeBlocks("a\n\n    1\n      2\n\n    3\nb\n\n    4\n\nc\n")
	if want := []string{"1\n  2\n\n3\n", "4\n"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestReadmeFirstMount types the first mount as the README has it, on a real
// mount as real people, and sees what it promises.
func TestReadmeFirstMount(t *testing.T) {
	list := codeBlocks(section(t, readDoc(t, "README.md"), "## First mount"))
	if len(list) != 1 || !strings.HasPrefix(list[0], "make install ") {
		t.Fatalf("the first mount is not one block that begins with make install: %q", list)
	}
	_, script, _ := strings.Cut(list[0], "\n") // the command is here already
	work := as.Dir(t)
	t.Cleanup(func() { unmountAll(work) })
	script = strings.NewReplacer("/srv/firm", work+"/firm", "/mnt/firm", work+"/mnt").Replace(script)
	var out, errs bytes.Buffer
	shell := exec.Command("bash", "-c", "trap 'echo \"FAILED $BASH_COMMAND\"' ERR\n"+script)
	shell.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC", "MATTERFS_RUN_DIR="+filepath.Join(work, "run"))
	shell.Stdout, shell.Stderr = &out, &errs
	if err := shell.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, &out, &errs)
	}
	var failed []string
	for _, m := range regexp.MustCompile(`(?m)^FAILED (\S+ \S+ \S+)`).FindAllStringSubmatch(out.String(), -1) {
		failed = append(failed, m[1])
	}
	if want := []string{"setpriv --reuid 10031", "matterfs policy explain"}; !slices.Equal(failed, want) {
		t.Errorf("what is refused is %q, want %q\n%s%s", failed, want, &out, &errs)
	}
	for _, want := range []string{"policy ok: ", "\nhealth    ok\n", "\n草稿\n", "\nrefused (ENOENT)  member.none", "chen.jie"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("stdout lacks %q:\n%s", want, &out)
		}
	}
	if !strings.Contains(errs.String(), "起诉状.txt: No such file or directory") || strings.Contains(errs.String(), "can read the policy") {
		t.Errorf("stderr:\n%s", &errs)
	}
}

// TestReadmesAgree: both languages give the same commands and examples; only
// what follows them as an explanation differs.
func TestReadmesAgree(t *testing.T) {
	english, chinese := codeBlocks(readDoc(t, "README.md")), codeBlocks(readDoc(t, "README.zh.md"))
	if len(english) != len(chinese) || len(english) < 5 {
		t.Fatalf("%d and %d blocks of code", len(english), len(chinese))
	}
	for i := range english {
		if e, c := bare(english[i]), bare(chinese[i]); e != c {
			t.Errorf("block %d: README.md has\n%s\nREADME.zh.md has\n%s", i, e, c)
		}
	}
}

// bare takes off what explains: after a #, or after a folder.
func bare(block string) string {
	return regexp.MustCompile(`(?m)(\S +#|^\S+/ ).*$`).ReplaceAllStringFunc(block, func(s string) string {
		s, _, _ = strings.Cut(s, " ")
		return s
	})
}

// TestReadmePolicyExample: the policy that the README shows is sound, once the
// people and the group in it are known.
func TestReadmePolicyExample(t *testing.T) {
	const people = `users:
  zhang.wei: { uid: 10021, role: lawyer }
  li.na: { uid: 10022, role: lawyer }
groups: { litigation: { unix: lit-team } }
duties: { secadmin: [zhang.wei, li.na] }
`
	for name, heading := range map[string]string{"README.md": "### The policy", "README.zh.md": "### 策略"} {
		dir := t.TempDir()
		matter := codeBlocks(section(t, readDoc(t, name), heading))[0]
		for file, text := range map[string]string{"firm.yaml": firmTemplate, "people.yaml": people, "matter.yaml": matter} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o640); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(dir, 0o750); err != nil {
			t.Fatal(err)
		}
		if code, out, errs := invoke("policy", "check", dir); code != exitOK || errs != "" || !strings.Contains(out, "1 matters") {
			t.Errorf("%s: exit code %d: %s%s", name, code, out, errs)
		}
	}
}

// TestReadmeDependencies: the table names each module that our code imports,
// says which only the tests do, and names no other.
func TestReadmeDependencies(t *testing.T) {
	code := modules(t, "{{range .Imports}}{{.}}\n{{end}}")
	all := modules(t, "{{range .Imports}}{{.}}\n{{end}}{{range .TestImports}}{{.}}\n{{end}}{{range .XTestImports}}{{.}}\n{{end}}")
	for name, what := range map[string]struct{ heading, tests string }{
		"README.md": {"## Dependencies", "tests"}, "README.zh.md": {"## 依赖", "测试"},
	} {
		listed := map[string]bool{}
		for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*`) \\| ([^|]*) \\|").FindAllStringSubmatch(section(t, readDoc(t, name), what.heading), -1) {
			for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
				listed[m[1]] = true
				if onlyTests := row[2] == what.tests; onlyTests == code[m[1]] {
					t.Errorf("%s: %s is said to be for %s", name, m[1], row[2])
				}
			}
		}
		if !maps.Equal(listed, all) {
			t.Errorf("%s lists\n%q\nimported are\n%q", name, slices.Sorted(maps.Keys(listed)), slices.Sorted(maps.Keys(all)))
		}
	}
}

// modules are the modules of others that the imports of our packages come from.
func modules(t *testing.T, imports string) map[string]bool {
	t.Helper()
	var paths []string
	for path := range strings.Lines(goList(t, "-f", imports, "matterfs/...")) {
		path = strings.TrimSpace(path)
		if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	found := map[string]bool{}
	for m := range strings.FieldsSeq(goList(t, append([]string{"-f", "{{with .Module}}{{.Path}}{{end}}"}, slices.Compact(paths)...)...)) {
		found[m] = true
	}
	return found
}

func goList(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &errs)
	}
	return string(out)
}
