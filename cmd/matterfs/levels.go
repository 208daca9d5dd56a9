package main

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"matterfs/audit"
	"matterfs/crypto"
	"matterfs/crypto/store"
	"matterfs/policy"
)

// sealLevels writes the levels of folder rules into the folders that are there,
// so that they stay when somebody moves the folder in the data directory, or a
// rule is dropped from the policy (DESIGN 6). Folders made later are sealed when they are made.
// One that cannot be sealed keeps its level by its path, as the rule says.
func (d *daemon) sealLevels(p *policy.Policy) {
	for _, root := range d.store.Matters() {
		m, ok := p.Matter(root.Matter)
		if !ok || root.Err != nil {
			continue
		}
		for _, rule := range m.Folders {
			if err := d.sealLevel(p, root.Root, m, rule); err != nil {
				d.warn("seal level", fmt.Errorf("matter %s: %w", m.ID, err))
			}
		}
	}
}

func (d *daemon) sealLevel(p *policy.Policy, root *store.Object, m policy.Matter, rule policy.FolderRule) error {
	o, err := walk(root, rule.Path)
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil {
		return err
	}
	defer o.Release()
	if o.Kind() != crypto.Dir || rule.Level == "" {
		return nil
	}
	for _, have := range o.Levels() {
		if !p.HigherLevel(rule.Level, have) {
			return nil
		}
	}
	if err := o.RaiseLevel(rule.Level); err != nil {
		return err
	}
	return d.record(self(), audit.Record{Ev: "relabel", Res: "ok", Matter: m.ID, Client: m.Client,
		Path: rule.Path, FID: o.ID().String(), Level: rule.Level})
}

// walk follows a path of folders; what it returns is to be released.
func walk(root *store.Object, path string) (*store.Object, error) {
	root.Retain()
	o := root
	for name := range strings.SplitSeq(path, "/") {
		next, err := o.Lookup(name)
		o.Release()
		if err != nil {
			return nil, err
		}
		o = next
	}
	return o, nil
}
