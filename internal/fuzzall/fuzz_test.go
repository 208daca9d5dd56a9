package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// module makes a small module from file names and contents.
func module(t *testing.T, files map[string]string) string {
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
	return dir
}

const head = "package small\nimport \"testing\"\n"

func TestDiscover(t *testing.T) {
	dir := module(t, map[string]string{
		"a_test.go":          head + "func FuzzB(f *testing.F) {}\nfunc FuzzA(f *testing.F) {}\nfunc TestFuzz(t *testing.T) {}",
		"a.go":               head + "func FuzzNotInATestFile(f *testing.F) {}",
		"b/c/c_test.go":      "package c\nimport \"testing\"\nfunc FuzzC(f *testing.F) {}\nfunc FuzzHelper(f *testing.F, n int) {}",
		"testdata/t_test.go": "package t\nfunc FuzzNo(f *testing.F) {}",
		".git/g_test.go":     "not go at all",
	})
	got, err := discover(dir)
	want := []target{{dir, "FuzzA"}, {dir, "FuzzB"}, {filepath.Join(dir, "b/c"), "FuzzC"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestDiscoverReportsBadSource(t *testing.T) {
	if _, err := discover(module(t, map[string]string{"a_test.go": "package"})); err == nil {
		t.Error("a file that does not parse was passed over")
	}
}

// fuzz runs the command's work on a module with one test file.
func fuzz(t *testing.T, src string) (string, error) {
	t.Helper()
	var w strings.Builder
	err := run(module(t, map[string]string{"a_test.go": src}), 300*time.Millisecond, 2, &w)
	return w.String(), err
}

func TestNoTargetsIsFine(t *testing.T) {
	out, err := fuzz(t, head+"func TestA(*testing.T) {}")
	if err != nil || out != "fuzz: 0 targets, 300ms each, 0 failed\n" {
		t.Errorf("%v %q", err, out)
	}
}

func TestGoodTargetsPass(t *testing.T) {
	out, err := fuzz(t, head+`
func FuzzA(f *testing.F) { f.Add(1); f.Add(2); f.Fuzz(func(t *testing.T, n int) {}) }
func FuzzB(f *testing.F) { f.Add("x"); f.Fuzz(func(t *testing.T, s string) {}) }`)
	if err != nil || !strings.Contains(out, "FuzzA 300ms, 2 seeds") || !strings.Contains(out, "FuzzB 300ms, 1 seeds") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestBadTargetsFail(t *testing.T) {
	for name, c := range map[string]struct{ body, says string }{
		"no seeds":  {`f.Fuzz(func(t *testing.T, n int) {})`, "no seed corpus"},
		"bad seed":  {`f.Add(7); f.Fuzz(func(t *testing.T, n int) { if n == 7 { t.Error("seven") } })`, "seven"},
		"bad input": {`f.Add([]byte("a")); f.Fuzz(func(t *testing.T, b []byte) { if len(b) != 1 { t.Error("found it") } })`, "Failing input written"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := fuzz(t, head+"func FuzzA(f *testing.F) { "+c.body+" }")
			if err == nil || !strings.Contains(out, c.says) || !strings.Contains(out, "1 failed") {
				t.Errorf("%v, output lacks %q:\n%s", err, c.says, out)
			}
		})
	}
}

func TestBuildFailureIsReported(t *testing.T) {
	_, err := fuzz(t, head+"func FuzzA(f *testing.F) { undefined() }")
	if err == nil || !strings.Contains(err.Error(), "undefined: undefined") {
		t.Errorf("got %v", err)
	}
}

func TestRanOutOfTime(t *testing.T) {
	if !ranOutOfTime([]byte("--- FAIL: FuzzA\n    context deadline exceeded\n")) {
		t.Error("the fuzzer's own race is not recognized")
	}
	if ranOutOfTime([]byte("context deadline exceeded\nFailing input written to x")) {
		t.Error("a real failure would be repeated away")
	}
}
