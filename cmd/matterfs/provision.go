package main

import (
	"context"
	"errors"
	"fmt"
	"sort"

	"matterfs/audit"
	"matterfs/crypto"
	"matterfs/crypto/store"
	"matterfs/policy"
)

// matterMode is what the folder of a new matter shows; it never decides.
const matterMode = 0o770

func (d *daemon) checkAndProvision(context.Context) error {
	for _, name := range d.store.Foreign() {
		d.a.say(msgForeign, name)
	}
	for _, m := range d.store.Matters() {
		if m.Err != nil {
			d.a.say(msgBadMatter, m.Matter, m.Err)
		}
	}
	if err := d.checkVanished(d.policy); err != nil {
		return err
	}
	if err := d.record(self(), audit.Record{Ev: "policy.load", Res: "ok", Note: summary(d.policy)}); err != nil {
		return err
	}
	d.keepPolicy()
	if err := d.remember(self(), d.policy); err != nil {
		return err
	}
	if err := d.provision(d.policy); err != nil {
		return err
	}
	d.sealLevels(d.policy)
	d.resumeRelabels()
	return nil
}

// checkVanished refuses a policy that forgot a matter with data: without a
// rule for it nobody could tell a mistake from a wish to hide it.
func (d *daemon) checkVanished(p *policy.Policy) error {
	var gone []string
	for _, m := range d.store.Matters() {
		if _, ok := p.Matter(m.Matter); !ok && m.Matter != "" {
			gone = append(gone, m.Matter)
		}
	}
	if gone == nil {
		return nil
	}
	sort.Strings(gone)
	return &vanishedError{gone}
}

// provision gives each matter that can be worked in a key and a folder. A key
// that a crash left without its folder is used for it.
func (d *daemon) provision(p *policy.Policy) (err error) {
	have := make(map[string]bool)
	for _, m := range d.store.Matters() {
		have[m.Matter] = true
	}
	keys := d.keys.Matters()
	defer func() { err = errors.Join(err, d.recordKeys(self())) }()
	for _, m := range p.Matters() {
		if have[m.ID] || m.Status != "active" && m.Status != "closed" {
			continue
		}
		if err := d.makeMatter(m, keys); err != nil {
			return fmt.Errorf("matter %s: %w", m.ID, err)
		}
		d.a.say(msgNewMatter, m.ID)
	}
	return nil
}

func (d *daemon) makeMatter(m policy.Matter, keys map[string]crypto.ID) (err error) {
	id, ok := keys[m.ID]
	if !ok {
		if id, err = d.keys.Create(m.ID); err != nil {
			return err
		}
		if err := d.record(self(), audit.Record{Ev: "key.create", Res: "ok", Matter: m.ID, Client: m.Client}); err != nil {
			return err
		}
	}
	owner := store.NewAttr{UID: m.LeadUID, GID: m.LeadUID, Mode: matterMode}
	_, err = d.store.CreateMatter(m.ID, id, m.Folder, owner)
	return err
}
