package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"
)

// defaultSMBConf is where Samba looks for its configuration.
const defaultSMBConf = "/etc/samba/smb.conf"

// sambaReport is what the check prints with --json.
type sambaReport struct {
	File     string         `json:"file"`
	Shares   []string       `json:"shares"` // those that were checked
	Findings []sambaFinding `json:"findings"`
}

func newSamba(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "samba", Short: "check a Samba server that shares the drive",
		Args: cobra.NoArgs, RunE: needVerb,
	}
	c.AddCommand(newSambaCheck(a))
	return c
}

func newSambaCheck(a *app) *cobra.Command {
	var shares []string
	c := &cobra.Command{
		Use:   "check [FILE]",
		Short: "tell what a smb.conf leaves out, and what that costs",
		Long: `check reads a smb.conf (default ` + defaultSMBConf + `; - reads standard input, such as the output of testparm -sv) and
names each setting that a share on the drive needs and does not have, with the harm. It asks Samba's testparm, if it is
installed, for what the file amounts to; without it the file must not use include. It checks the shares that --share
names, else those whose path leads to a matterfs mount of this machine.
It ends with 1 when something is missing or wrong.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			file := optional(args, 0)
			if file == "" {
				file = defaultSMBConf
			}
			return runSambaCheck(c.Context(), a, file, shares)
		},
	}
	c.Flags().StringSliceVar(&shares, "share", nil, "`name` of a share to check")
	return c
}

func runSambaCheck(ctx context.Context, a *app, file string, shares []string) error {
	r, err := a.judgeSamba(ctx, file, shares)
	if errors.Is(err, errNoShare) {
		return usagef("%v; name one with --share", err)
	}
	if err != nil {
		return err
	}
	return a.reportSamba(r)
}

// errNoShare: nothing in a smb.conf leads to a drive.
var errNoShare = errors.New("no share of this file lies on a matterfs mount of this machine")

// judgeSamba checks the shares, or those that lie on a drive.
func (a *app) judgeSamba(ctx context.Context, file string, shares []string) (sambaReport, error) {
	r := sambaReport{File: file, Shares: shares, Findings: []sambaFinding{}}
	conf, err := readSMBConf(ctx, a, file)
	if err == nil && len(shares) == 0 {
		r.Shares, err = sharesOnMounts(conf)
	}
	if err != nil {
		return r, err
	}
	for _, name := range r.Shares {
		if !conf.has(name) {
			return r, usagef("%s has no share %q", file, name)
		}
		r.Findings = append(r.Findings, conf.check(name, a.lang)...)
	}
	return r, nil
}

// readSMBConf reads the configuration as testparm understands it, or by itself where there is no testparm.
func readSMBConf(ctx context.Context, a *app, file string) (*smbConf, error) {
	if file == "-" {
		return parseSMBConf("standard input", a.stdin)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, usagef("%v", err)
	}
	testparm, err := exec.LookPath("testparm")
	if err != nil {
		return parseSMBConf(file, bytes.NewReader(text))
	}
	var out, talk bytes.Buffer
	cmd := exec.CommandContext(ctx, testparm, "-sv", file)
	cmd.Stdout, cmd.Stderr = &out, &talk
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s refuses %s: %w\n%s", testparm, file, err, strings.TrimSpace(talk.String()))
	}
	return parseSMBConf(file, &out)
}

// sharesOnMounts names the shares whose path meets a matterfs mount.
func sharesOnMounts(conf *smbConf) ([]string, error) {
	list, err := mounts()
	if err != nil {
		return nil, err
	}
	var targets []string
	for _, m := range list {
		if m.fstype == fsType {
			targets = append(targets, m.target)
		}
	}
	if shares := conf.sharing(targets); len(shares) > 0 {
		return shares, nil
	}
	return nil, errNoShare
}

func (a *app) reportSamba(r sambaReport) error {
	err := a.printSamba(r)
	if err == nil && len(r.Findings) > 0 {
		err = &exitError{exitNo}
	}
	return err
}

func (a *app) printSamba(r sambaReport) error {
	if a.json {
		return a.printJSON(r)
	}
	if len(r.Findings) == 0 {
		return a.printf("%s: %s: ok\n", r.File, strings.Join(r.Shares, ", "))
	}
	var errs []error
	for _, f := range r.Findings {
		errs = append(errs, a.printf("%s\n", f))
	}
	return errors.Join(errs...)
}

// String is the finding in one line: where, what is, what should be, why.
func (f sambaFinding) String() string {
	now := "not set"
	if f.Value != "" {
		now = "is " + f.Value
	}
	return fmt.Sprintf("[%s] %s %s, want %s: %s", f.Section, f.Setting, now, f.Want, f.Harm)
}
