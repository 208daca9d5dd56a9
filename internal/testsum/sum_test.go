package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// run summarizes what go test says of a small module with the given test source.
func run(t *testing.T, files map[string]string) (counts, string) {
	t.Helper()
	dir := t.TempDir()
	files["go.mod"] = "module small\n\ngo 1.26\n"
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "test", "-json", "./...")
	cmd.Dir = dir
	out, _ := cmd.Output() // go test's own exit code is what the counts must agree with
	var w strings.Builder
	sum, err := summarize(strings.NewReader(string(out)), &w)
	if err != nil {
		t.Fatal(err)
	}
	if ok := cmd.ProcessState.ExitCode() == 0; ok && sum.failed > 0 || !ok && sum.good() {
		t.Errorf("go test exits %d, the summary says %s", cmd.ProcessState.ExitCode(), sum)
	}
	return sum, w.String()
}

const head = "package small\nimport \"testing\"\n"

func TestRealOutput(t *testing.T) {
	for name, c := range map[string]struct {
		src  string
		want counts
		good bool
		says string
	}{
		"passing": {head + `func TestA(t *testing.T) { t.Run("b", func(*testing.T) {}) }`, counts{passed: 2}, true, "ok   small"},
		"failing": {head + `func TestA(t *testing.T) { t.Log("why it failed"); t.Fail() }; func TestB(*testing.T) {}`,
			counts{passed: 1, failed: 1}, false, "why it failed"},
		"skipping": {head + `func TestA(t *testing.T) { t.Skip("no /dev/fuse") }; func TestB(*testing.T) {}`,
			counts{passed: 1, skipped: 1}, false, "no /dev/fuse"},
		"panicking": {head + `func TestA(t *testing.T) { go func() { panic("out of the blue") }(); select {} }`,
			counts{failed: 1}, false, "out of the blue"},
		"exiting": {head + "import \"os\"\n" + `func TestMain(*testing.M) { println("no root"); os.Exit(3) }`,
			counts{failed: 1}, false, "FAIL small"},
		"not building": {head + `func TestA(t *testing.T) { undefined() }`, counts{failed: 1}, false, "undefined: undefined"},
		"empty":        {head + `func helper(t *testing.T) {}`, counts{}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, text := run(t, map[string]string{"a_test.go": c.src})
			if got != c.want || got.good() != c.good {
				t.Errorf("got %v good %v, want %v %v", got, got.good(), c.want, c.good)
			}
			if !strings.Contains(text, c.says) {
				t.Errorf("output lacks %q:\n%s", c.says, text)
			}
		})
	}
}

func TestPackagesWithoutTestsAreNoSkip(t *testing.T) {
	got, text := run(t, map[string]string{"a_test.go": head + `func TestA(*testing.T) {}`, "sub/b.go": "package sub\n"})
	if got != (counts{passed: 1}) || strings.Contains(text, "small/sub") {
		t.Errorf("%v\n%s", got, text)
	}
}

func TestOtherLinesPassThrough(t *testing.T) {
	var w strings.Builder
	got, err := summarize(strings.NewReader("go: downloading something\nno newline at the end"), &w)
	if err != nil || got.good() || w.String() != "go: downloading something\nno newline at the end" {
		t.Errorf("%v %v %q", got, err, w.String())
	}
}

func TestClosingLine(t *testing.T) {
	if got := (counts{12, 3, 4}).String(); got != "12 passed, 3 failed, 4 skipped" {
		t.Error(got)
	}
}
