// Command testsum reads the output of `go test -json` on standard input and writes what a person needs: one line for
// each package, the whole output of what failed or was skipped, and a closing line of counts.
//
//	go test -json ./... | testsum [-o FILE]
//	3412 passed, 0 failed, 0 skipped
//
// It exits 1 when anything failed, when a package did not build or ended in a panic, when nothing ran, or when a test
// was skipped: a mount test that is skipped has proved nothing, and should say so loudly. -o also writes the closing
// line to FILE, for a script that has more to do before it ends with it.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	out := flag.String("o", "", "also write the closing line to this `file`")
	flag.Parse()
	sum, err := summarize(os.Stdin, os.Stdout)
	if err == nil && *out != "" {
		err = os.WriteFile(*out, []byte(sum.String()+"\n"), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
	fmt.Println(sum)
	if !sum.good() {
		os.Exit(1)
	}
}
