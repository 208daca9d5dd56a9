package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"matterfs/policy"
)

// draftMode is what policy files are written with: they name clients and walls.
const draftMode = 0o640

// policyDraft is a change of a policy's files by one of our verbs. While it is
// open no other verb changes them: the directory is locked (flock(2)), which
// leaves nothing behind after a crash. People with editors of their own are not
// held off; what they changed meanwhile is found before anything is written.
type policyDraft struct {
	dir    string // without symbolic links
	lock   *os.File
	before map[string][]byte
}

// editedError is a policy that somebody else changes at the same time.
type editedError struct {
	dir  string
	busy bool // by another verb, now
}

func (e *editedError) Error() string {
	if e.busy {
		return fmt.Sprintf("%s is being edited by another matterfs", e.dir)
	}
	return fmt.Sprintf("%s was changed by somebody else meanwhile; nothing is written", e.dir)
}

// openDraft locks and reads the policy that dir stands for.
func (a *app) openDraft(dir string) (*policyDraft, error) {
	dir, err := a.policyDir(dir)
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	d := &policyDraft{dir: dir}
	if d.lock, err = os.Open(dir); err != nil {
		return nil, err
	}
	if err := flockSoon(d.lock); err != nil {
		d.close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &editedError{dir, true}
		}
		return nil, err
	}
	if d.before, err = policy.ReadFiles(dir); err != nil {
		d.close()
		return nil, &policyError{err}
	}
	return d, nil
}

func (d *policyDraft) close() { d.lock.Close() }

// checkFiles loads a policy that is not in place yet and runs its tests.
func checkFiles(files map[string][]byte) (*policy.Policy, error) {
	p, err := policy.Parse(files)
	if err != nil {
		return nil, &policyError{err}
	}
	return p, failedTests(p)
}

// with is the files with one more or another.
func (d *policyDraft) with(name string, text []byte) map[string][]byte {
	next := maps.Clone(d.before)
	next[name] = text
	return next
}

// difference says whose access changes. What is in place may not load: then
// there is nothing to compare with.
func (d *policyDraft) difference(a *app, next *policy.Policy) string {
	old, err := policy.Parse(d.before)
	if err != nil {
		return a.text(msgNoDifference) + "\n"
	}
	return a.diffText(policy.Diff(old, next, time.Now(), systemGroups(old, next)))
}

// changed lists the files that differ, by name.
func (d *policyDraft) changed(next map[string][]byte) []string {
	var list []string
	for name, text := range next {
		if old, there := d.before[name]; !there || !bytes.Equal(old, text) {
			list = append(list, name)
		}
	}
	for name := range d.before {
		if _, there := next[name]; !there {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// install puts the files in place, each by one rename, those that are gone last:
// a name that moves from one file to another is then there twice for a moment,
// which is an error that changes nothing, and never lost.
func (d *policyDraft) install(next map[string][]byte) error {
	now, err := policy.ReadFiles(d.dir)
	if err != nil {
		return err
	}
	if !maps.EqualFunc(now, d.before, bytes.Equal) {
		return &editedError{dir: d.dir}
	}
	root, err := os.OpenRoot(d.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	changed := d.changed(next)
	for _, name := range changed {
		if text, there := next[name]; there {
			if err := replaceFile(root, name, text); err != nil {
				return err
			}
		}
	}
	for _, name := range changed {
		if _, there := next[name]; !there {
			if err := root.Remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// replaceFile writes a hidden file, which no policy loads, syncs it, renames it
// over the old one and syncs the directory.
func replaceFile(root *os.Root, name string, text []byte) error {
	dir := path.Dir(name)
	if err := root.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	tmp := path.Join(dir, "."+path.Base(name)+"."+rand.Text()[:8])
	f, err := root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, draftMode)
	if err != nil {
		return err
	}
	err = writeDraft(f, text)
	if err == nil {
		err = root.Rename(tmp, name)
	}
	if err != nil {
		return errors.Join(err, root.Remove(tmp))
	}
	return syncDir(root, dir)
}

func writeDraft(f *os.File, text []byte) error {
	_, err := f.Write(text)
	err = errors.Join(err, f.Chmod(draftMode)) // whatever the umask
	if os.Geteuid() == 0 {
		err = errors.Join(err, f.Chown(0, 0))
	}
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(root *os.Root, dir string) error {
	f, err := root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
