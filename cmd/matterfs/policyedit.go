package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"matterfs/policy"
)

type editOptions struct {
	dir   string
	files []string
}

func newPolicyEdit(a *app) *cobra.Command {
	var o editOptions
	c := &cobra.Command{
		Use:   "edit [DIR]",
		Short: "edit the policy, and install it only when it is sound",
		Long: "edit opens a private copy of the policy in $VISUAL, $EDITOR or vi, checks it and runs its tests. With mistakes it\n" +
			"asks whether to edit again or to quit; nothing makes it install what is not sound. Then it shows whose access\n" +
			"changes, asks, puts the files in place and has the daemon that serves them load them. One edit runs at a time.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.dir = optional(args, 0)
			return runPolicyEdit(a, o)
		},
	}
	c.Flags().StringArrayVar(&o.files, "file", nil, "`file` to edit, in the policy directory, also a new one; may be repeated (default firm.yaml)")
	return c
}

func runPolicyEdit(a *app, o editOptions) error {
	d, err := a.openDraft(o.dir)
	if err != nil {
		return err
	}
	defer d.close()
	copied, err := d.copyOut()
	if err != nil {
		return err
	}
	defer os.RemoveAll(copied)
	s := &editSession{app: a, draft: d, dir: copied, in: bufio.NewReader(a.stdin)}
	next, p, err := s.edit(o.files)
	if err != nil || next == nil {
		return err
	}
	if err := d.install(next); err != nil {
		return err
	}
	a.say(msgInstalled, short(p.Hash()))
	return a.reloadEdited(o.dir)
}

// copyOut copies the policy to a directory that only we can enter, beside its
// own: there it is on the same file system, and not where a daemon looks.
func (d *policyDraft) copyOut() (string, error) {
	dir, err := os.MkdirTemp(filepath.Dir(d.dir), ".policy-edit-")
	if err != nil {
		return "", err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	defer root.Close()
	for name, text := range d.before {
		if err := replaceFile(root, name, text); err != nil {
			return "", errors.Join(err, os.RemoveAll(dir))
		}
	}
	return dir, nil
}

// editSession is one conversation with a person about their copy.
type editSession struct {
	*app
	draft *policyDraft
	dir   string
	in    *bufio.Reader
}

// edit returns what is to be installed, nil for nothing.
func (s *editSession) edit(files []string) (map[string][]byte, *policy.Policy, error) {
	paths, err := s.paths(files)
	if err != nil {
		return nil, nil, err
	}
	for {
		if err := s.openEditor(paths); err != nil {
			return nil, nil, err
		}
		next, err := policy.ReadFiles(s.dir)
		if err == nil && len(s.draft.changed(next)) == 0 {
			s.say(msgNothingChanged)
			return nil, nil, nil
		}
		var p *policy.Policy
		if err == nil {
			p, err = checkFiles(next)
		}
		if err == nil {
			return s.confirm(next, p)
		}
		fmt.Fprintln(s.err, err)
		again, asked := s.ask(msgEditAgain)
		if errors.Is(asked, errInterrupted) {
			return nil, nil, asked
		}
		if asked != nil || again != "e" {
			s.say(msgNotInstalled)
			return nil, nil, &exitError{exitPolicy} // the mistakes were told
		}
	}
}

// confirm shows what a sound policy changes and asks.
func (s *editSession) confirm(next map[string][]byte, p *policy.Policy) (map[string][]byte, *policy.Policy, error) {
	if _, err := fmt.Fprint(s.err, s.draft.difference(s.app, p)); err != nil {
		return nil, nil, err
	}
	yes, err := s.ask(msgInstallAsk)
	if errors.Is(err, errInterrupted) {
		return nil, nil, err
	}
	if err != nil || yes != "y" {
		s.say(msgNotInstalled)
		return nil, nil, &exitError{exitNo}
	}
	return next, p, nil
}

// ask reads one line; the end of the input is an error, and so is ^C here, which
// in an editor is none.
func (s *editSession) ask(question msg) (string, error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Fprint(s.err, s.text(question))
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := s.in.ReadString('\n')
		read <- line{text, err}
	}()
	select {
	case l := <-read:
		return strings.ToLower(strings.TrimSpace(l.text)), l.err
	case <-ctx.Done():
		return "", errInterrupted
	}
}

// paths are the files to open, by default the one with the firm.
func (s *editSession) paths(files []string) ([]string, error) {
	if len(files) == 0 {
		files = []string{"firm.yaml"}
	}
	var list []string
	for _, name := range files {
		if !filepath.IsLocal(name) || filepath.Ext(name) != ".yaml" && filepath.Ext(name) != ".yml" {
			return nil, usagef("--file %q: name a *.yaml file in the policy directory", name)
		}
		path := filepath.Join(s.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		list = append(list, path)
	}
	return list, nil
}

// openEditor runs the editor as git does: by the shell, so that it may have
// options of its own. One that fails ends it all. Signals are the editor's: ^C is
// a key to it.
func (s *editSession) openEditor(paths []string) error {
	editor := "vi"
	for _, name := range []string{"VISUAL", "EDITOR"} {
		if v := s.getenv(name); v != "" {
			editor = v
			break
		}
	}
	args := slices.Concat([]string{"-c", editor + ` "$@"`, editor}, paths)
	c := exec.Command("/bin/sh", args...)
	c.Stdin, c.Stdout, c.Stderr, c.Dir = s.stdin, s.err, s.err, s.dir
	keys := make(chan os.Signal, 1)
	signal.Notify(keys, os.Interrupt)
	defer signal.Stop(keys)
	if err := c.Run(); err != nil {
		return fmt.Errorf("editor %q: %w; nothing is installed", editor, err)
	}
	return nil
}

// reloadEdited has the daemon load what was installed. Where none serves the
// policy the next mount does.
func (a *app) reloadEdited(dir string) error {
	if !isStore(dir) && a.flags.config == "" {
		return nil
	}
	err := runPolicyReload(a, dir)
	if gone := (*noDaemonError)(nil); errors.As(err, &gone) {
		a.say(msgNextMount)
		return nil
	}
	return err
}
