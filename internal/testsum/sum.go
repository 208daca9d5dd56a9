package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// event is one line of `go test -json` (see `go doc test2json`). Lines that are no JSON are talk of the go command.
type event struct {
	Action, Package, ImportPath, Test, Output, FailedBuild string
	Elapsed                                                float64
}

// counts of tests and subtests; a package that failed without a failing test counts as one failed.
type counts struct{ passed, failed, skipped int }

func (c counts) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", c.passed, c.failed, c.skipped)
}

func (c counts) good() bool { return c.failed == 0 && c.skipped == 0 && c.passed > 0 }

func (c *counts) add(action string) {
	switch action {
	case "pass":
		c.passed++
	case "fail":
		c.failed++
	case "skip":
		c.skipped++
	}
}

// summary holds what may still be needed: the output of tests that have not ended, by package and test.
type summary struct {
	counts
	w      io.Writer
	output map[string]*strings.Builder
	failed map[string]int // failing tests of a package
}

// summarize reads events until the end.
func summarize(r io.Reader, w io.Writer) (counts, error) {
	s := &summary{w: w, output: map[string]*strings.Builder{}, failed: map[string]int{}}
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		if line != "" {
			s.line(line)
		}
		if err == io.EOF {
			return s.counts, nil
		}
		if err != nil {
			return s.counts, err
		}
	}
}

func (s *summary) line(line string) {
	var e event
	if json.Unmarshal([]byte(line), &e) != nil {
		fmt.Fprint(s.w, line)
		return
	}
	key := e.Package + e.ImportPath + "\x00" + e.Test
	switch e.Action {
	case "output", "build-output":
		s.keep(key, e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			s.endPackage(&e, key)
		} else {
			s.endTest(&e, key)
		}
	}
}

// keep collects output, without the progress lines that say nothing of a failure.
func (s *summary) keep(key, text string) {
	for _, noise := range []string{"=== RUN", "=== PAUSE", "=== CONT", "=== NAME"} {
		if strings.HasPrefix(text, noise) {
			return
		}
	}
	b := s.output[key]
	if b == nil {
		b = &strings.Builder{}
		s.output[key] = b
	}
	b.WriteString(text)
}

// endTest counts a test and shows what it said unless it passed.
func (s *summary) endTest(e *event, key string) {
	s.add(e.Action)
	if e.Action != "pass" {
		fmt.Fprintf(s.w, "%s %s %s (%.2fs)\n", strings.ToUpper(e.Action), e.Package, e.Test, e.Elapsed)
		s.show(key)
	}
	if e.Action == "fail" {
		s.failed[e.Package]++
	}
	delete(s.output, key)
}

// endPackage prints the package's line. A package without test files ends as skipped, which is no skip of a test.
func (s *summary) endPackage(e *event, key string) {
	if e.Action == "skip" {
		return
	}
	word := map[string]string{"pass": "ok  ", "fail": "FAIL"}[e.Action]
	fmt.Fprintf(s.w, "%s %-40s %7.2fs\n", word, e.Package, e.Elapsed)
	if e.Action == "fail" && s.failed[e.Package] == 0 {
		s.add("fail")
		s.showUnfinished(e.Package)
		if e.FailedBuild != "" {
			s.show(e.FailedBuild + "\x00")
		}
	}
	delete(s.output, key)
}

// showUnfinished prints what a package said that ended in a panic or ran out of time: its own output and that of the
// tests that were still running.
func (s *summary) showUnfinished(pkg string) {
	for key := range s.output {
		if strings.HasPrefix(key, pkg+"\x00") {
			s.show(key)
		}
	}
}

func (s *summary) show(key string) {
	b := s.output[key]
	if b == nil {
		return
	}
	for line := range strings.Lines(b.String()) {
		fmt.Fprint(s.w, "    ", line)
	}
}
