package fs

import (
	"strings"
	"syscall"

	"matterfs/crypto"
	"matterfs/crypto/store"
	"matterfs/policy"
)

// SealLevels seals the levels that folder rules give into top and the folders below it, so
// that they keep them when they move or when a rule leaves the policy (DESIGN 6). It only
// raises: a level lower than one that the folder or one above it carries is left alone.
// sealed is told of each folder that was raised. Folders that a rule names and that do not
// exist are no error; what is not a folder is left to its rule.
func SealLevels(p *policy.Policy, top *store.Object, sealed func(*store.Object, string) error) error {
	m, ok := p.Matter(top.Matter())
	if !ok {
		return nil
	}
	for _, rule := range m.Folders {
		below, ok := within(rule.Path, top.Path())
		if !ok || rule.Level == "" {
			continue
		}
		o, err := top.Descend(below)
		if err == syscall.ENOENT || err == syscall.ENOTDIR {
			continue
		}
		if err != nil {
			return err
		}
		err = sealLevel(p, o, rule.Level, sealed)
		o.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

func sealLevel(p *policy.Policy, o *store.Object, level string, sealed func(*store.Object, string) error) error {
	if o.Kind() != crypto.Dir {
		return nil
	}
	m, _ := p.Matter(o.Matter())
	for _, have := range append(o.Levels(), m.Level) {
		if !p.HigherLevel(level, have) {
			return nil
		}
	}
	if err := o.SetLevel(level); err != nil {
		return err
	}
	return sealed(o, level)
}

// within returns the part of path below dir, "" for dir itself.
func within(path, dir string) (below string, ok bool) {
	if path == dir || dir == "" {
		return strings.TrimPrefix(path, dir), true
	}
	return strings.CutPrefix(path, dir+"/")
}
