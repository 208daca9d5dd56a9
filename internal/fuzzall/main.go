// Command fuzzall finds every fuzz target of the module, asserts that each has a seed corpus, and fuzzes each for a
// while.
//
//	fuzzall [-time 10s] [-jobs 2] [-dir .]
//
// For every package with a FuzzXxx function it builds one instrumented test binary, runs the seeds alone and counts
// them (no seeds, from f.Add or testdata/fuzz, is a failure: the fuzzer would start from nothing and the plain test
// would test nothing), then fuzzes with one worker, several targets at a time. An input that fails is written by the
// fuzzer to the package's testdata/fuzz, as with go test, so that it fails from then on. A module without targets is fine.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	span := flag.Duration("time", 10*time.Second, "how long to fuzz each target")
	jobs := flag.Int("jobs", 2, "how many targets at a time")
	dir := flag.String("dir", ".", "root of the module")
	flag.Parse()
	if err := run(*dir, *span, *jobs, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fuzzall:", err)
		os.Exit(1)
	}
}
