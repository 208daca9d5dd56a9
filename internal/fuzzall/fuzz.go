package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// target is one fuzz function in the package at dir.
type target struct{ dir, name string }

// result is what became of a target.
type result struct {
	target
	seeds int
	err   error
	said  []byte
}

// run fuzzes all targets below root and reports on w, one line each.
func run(root string, span time.Duration, jobs int, w io.Writer) error {
	targets, err := discover(root)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "fuzzall-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	bins, err := buildAll(tmp, targets)
	if err != nil {
		return err
	}
	failed := 0
	for r := range fuzzAll(targets, bins, tmp, span, jobs) {
		report(w, r, span)
		if r.err != nil {
			failed++
		}
	}
	fmt.Fprintf(w, "fuzz: %d targets, %s each, %d failed\n", len(targets), span, failed)
	if failed > 0 {
		return fmt.Errorf("%d of %d fuzz targets failed", failed, len(targets))
	}
	return nil
}

func report(w io.Writer, r result, span time.Duration) {
	if r.err == nil {
		fmt.Fprintf(w, "ok   fuzz %s %s %s, %d seeds\n", r.dir, r.name, span, r.seeds)
		return
	}
	fmt.Fprintf(w, "FAIL fuzz %s %s: %v\n", r.dir, r.name, r.err)
	for line := range strings.Lines(string(r.said)) {
		fmt.Fprint(w, "    ", line)
	}
}

// discover lists the functions FuzzXxx(*testing.F) in test files below root, sorted.
func discover(root string) ([]target, error) {
	var found []target
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "build") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		names, err := targetsIn(path)
		for _, name := range names {
			found = append(found, target{filepath.Dir(path), name})
		}
		return err
	})
	slices.SortFunc(found, func(a, b target) int { return strings.Compare(a.dir+"\x00"+a.name, b.dir+"\x00"+b.name) })
	return found, err
}

func targetsIn(path string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Fuzz") && takesF(f.Type) {
			names = append(names, f.Name.Name)
		}
	}
	return names, nil
}

// takesF reports whether the only parameter is a *testing.F.
func takesF(ft *ast.FuncType) bool {
	if ft.Params.NumFields() != 1 {
		return false
	}
	star, ok := ft.Params.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	sel, ok := star.X.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "F"
}

// buildAll builds one instrumented test binary for each package that has targets.
func buildAll(tmp string, targets []target) (map[string]string, error) {
	bins := map[string]string{}
	for _, t := range targets {
		if bins[t.dir] != "" {
			continue
		}
		bin := filepath.Join(tmp, fmt.Sprintf("%d.test", len(bins)))
		cmd := exec.Command("go", "test", "-c", "-fuzz=.", "-o", bin, ".")
		cmd.Dir = t.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build of %s: %w\n%s", t.dir, err, out)
		}
		bins[t.dir] = bin
	}
	return bins, nil
}

// fuzzAll works on several targets at a time and delivers each result as it comes.
func fuzzAll(targets []target, bins map[string]string, tmp string, span time.Duration, jobs int) <-chan result {
	todo, done := make(chan target), make(chan result)
	var workers sync.WaitGroup
	for range max(jobs, 1) {
		workers.Go(func() {
			for t := range todo {
				done <- fuzzOne(t, bins[t.dir], tmp, span)
			}
		})
	}
	go func() {
		for _, t := range targets {
			todo <- t
		}
		close(todo)
		workers.Wait()
		close(done)
	}()
	return done
}

var errNoSeeds = errors.New("no seed corpus: give it inputs with f.Add or in testdata/fuzz")

// fuzzOne runs the seeds, then fuzzes.
func fuzzOne(t target, bin, tmp string, span time.Duration) result {
	r := result{target: t}
	only := "^" + t.name + "$"
	r.said, r.err = call(t.dir, bin, "-test.run="+only, "-test.v")
	r.seeds = bytes.Count(r.said, []byte("--- PASS: "+t.name+"/"))
	if r.err != nil {
		return r
	}
	if r.seeds == 0 {
		r.err = errNoSeeds
		return r
	}
	cache := filepath.Join(tmp, "cache")
	for range 2 {
		r.said, r.err = call(t.dir, bin, "-test.run=^$", "-test.fuzz="+only, "-test.fuzztime="+span.String(),
			"-test.fuzzcachedir="+filepath.Join(cache, filepath.Base(bin)), "-test.parallel=1")
		if r.err == nil || !ranOutOfTime(r.said) {
			return r
		}
	}
	return r
}

// ranOutOfTime recognizes the fuzzer's own race at the end of its time, which fails a target without any input
// (Go issue 75804): such a run is repeated once.
func ranOutOfTime(said []byte) bool {
	return bytes.Contains(said, []byte("context deadline exceeded")) && !bytes.Contains(said, []byte("Failing input written"))
}

// call runs the binary in the package's directory, where its testdata is.
func call(dir, bin string, args ...string) ([]byte, error) {
	cmd := exec.Command(bin, args...)
	cmd.Dir = dir
	return cmd.CombinedOutput()
}
