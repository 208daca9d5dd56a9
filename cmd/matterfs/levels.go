package main

import (
	"fmt"

	"matterfs/audit"
	"matterfs/crypto/store"
	"matterfs/fs"
	"matterfs/policy"
)

// evRelabel is the event of a folder that got another level.
const evRelabel = "relabel"

// sealLevels writes the levels of folder rules into the folders that are there,
// so that they stay when somebody moves the folder in the data directory, or a
// rule is dropped from the policy (DESIGN 6). Folders made or moved later are
// sealed by the drive. One that cannot be sealed keeps its level by its path,
// as the rule says.
func (d *daemon) sealLevels(p *policy.Policy) {
	for _, root := range d.store.Matters() {
		m, ok := p.Matter(root.Matter)
		if !ok || root.Err != nil {
			continue
		}
		err := fs.SealLevels(p, root.Root, func(o *store.Object, level string) error {
			return d.record(self(), audit.Record{Ev: evRelabel, Res: "ok", Matter: m.ID, Client: m.Client,
				Path: o.Path(), FID: o.ID().String(), Level: level})
		})
		if err != nil {
			d.warn("seal level", fmt.Errorf("matter %s: %w", m.ID, err))
		}
	}
}
