package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"matterfs/policy"
)

func newPolicyTest(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "test [DIR]",
		Short: "run the policy's own tests",
		Args:  cobra.MaximumNArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return runPolicyTest(a, optional(args, 0)) },
	}
}

func runPolicyTest(a *app, dir string) error {
	_, p, err := a.policyAt(dir)
	if err != nil {
		return err
	}
	results := p.RunTests(time.Now())
	failed := 0
	for _, r := range results {
		if !r.OK {
			failed++
		}
	}
	if err := a.printTests(results, failed); err != nil {
		return err
	}
	if failed > 0 {
		return &exitError{exitNo}
	}
	return nil
}

// testReport is one test in JSON.
type testReport struct {
	Pos  string `json:"pos"`
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Got  string `json:"got,omitempty"`
}

// printTests lists the failures and a count; in JSON all tests.
func (a *app) printTests(results []policy.TestResult, failed int) error {
	if a.json {
		list := []testReport{}
		for _, r := range results {
			list = append(list, testReport(r))
		}
		return a.printJSON(list)
	}
	for _, r := range results {
		if r.OK {
			continue
		}
		if err := a.printf("%s\n", testLine(r)); err != nil {
			return err
		}
	}
	if failed > 0 {
		return a.printf("%s\n", a.text(msgTestsFailed, failed, len(results)))
	}
	return a.printf("%s\n", a.text(msgTestsOK, len(results)))
}

// testLine says where a failed test stands, what it asks and what it got.
func testLine(r policy.TestResult) string {
	return fmt.Sprintf("%s: %s: %s", r.Pos, r.Name, r.Got)
}
