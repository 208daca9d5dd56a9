package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// level is how a check ended.
type level string

const (
	levelOK   level = "ok"
	levelWarn level = "warn" // works, and will hurt
	levelFail level = "fail" // does not work, or protects nothing
	levelSkip level = "skip" // could not be looked at
)

// finding is what one check says. Check and Code are stable; text and fix are
// made by who shows them, in the reader's language.
type finding struct {
	Check string   `json:"check"`
	Level level    `json:"level"`
	Code  string   `json:"code"`
	Args  []string `json:"args,omitempty"`
	Text  string   `json:"text"`          // English
	Fix   string   `json:"fix,omitempty"` // English; "" where nothing is to be done
}

// found makes a finding; its texts stand in doctorTexts.
func found(l level, check, code string, args ...any) finding {
	f := finding{Check: check, Level: l, Code: code}
	for _, a := range args {
		f.Args = append(f.Args, fmt.Sprint(a))
	}
	f.Text, f.Fix = f.say(en)
	return f
}

// unseen is a check that could not be made.
func unseen(check string, err error) finding {
	return found(levelSkip, check, "unseen", err)
}

// say is the finding in words, and the way out.
func (f *finding) say(l lang) (text, fix string) {
	t := f.texts()
	args := make([]any, len(f.Args))
	for i, a := range f.Args {
		args[i] = a
	}
	return fillText(t.text[l], args), fillText(t.fix[l], args)
}

// texts finds the row: of the check itself, or of its last word, which several
// parts of a store share (data.space, log.space).
func (f *finding) texts() doctorText {
	if f.Code == "unseen" {
		return unseenText
	}
	if t, ok := doctorTexts[f.Check+"."+f.Code]; ok {
		return t
	}
	return doctorTexts[f.Check[strings.LastIndex(f.Check, ".")+1:]+"."+f.Code]
}

// fillText puts values into a text, which need not use all of them.
func fillText(text string, args []any) string {
	if !strings.Contains(text, "%") {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// doctorReport is what doctor prints with --json.
type doctorReport struct {
	OK       bool      `json:"ok"` // nothing failed
	Findings []finding `json:"findings"`
}

func newDoctor(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor [DIR]",
		Short: "look for what will go wrong",
		Long: "doctor looks at the machine and, when DIR or --config names one, at a store: kernel, FUSE, clock, disks, modes\n" +
			"and owners, keys, log, swap, directory service, Samba. It changes nothing, needs no keys, and works with and\n" +
			"without a running daemon. Each line says ok, WARN or FAIL and how to mend it; what only root may see is said to\n" +
			"be unseen to others. It ends with 1 when something failed.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return runDoctor(c.Context(), a, optional(args, 0))
		},
	}
}

func runDoctor(ctx context.Context, a *app, dir string) error {
	findings := machineFindings()
	if dir != "" || a.flags.config != "" || isStore(".") {
		s, err := a.settings(dir)
		if err != nil {
			return err
		}
		findings = append(findings, a.storeFindings(ctx, &s)...)
	}
	r := doctorReport{OK: true, Findings: findings}
	for _, f := range findings {
		r.OK = r.OK && f.Level != levelFail
	}
	if err := a.printDoctor(r); err != nil {
		return err
	}
	if !r.OK {
		return &exitError{exitNo}
	}
	return nil
}

func (a *app) printDoctor(r doctorReport) error {
	if a.json {
		return a.printJSON(r)
	}
	marks := map[level]string{levelOK: "ok", levelWarn: "WARN", levelFail: "FAIL", levelSkip: "-"}
	for i := range r.Findings {
		f := &r.Findings[i]
		text, fix := f.say(a.lang)
		if err := a.printf("%-4s %-10s %s\n", marks[f.Level], f.Check, text); err != nil {
			return err
		}
		if fix != "" && f.Level != levelOK {
			if err := a.printf("%16s%s\n", "", a.text(msgHint)+fix); err != nil {
				return err
			}
		}
	}
	return nil
}
