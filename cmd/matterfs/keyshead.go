package main

import (
	"fmt"

	"matterfs/audit"
	"matterfs/crypto/keystore"
	"matterfs/crypto/statelog"
)

// An older copy of the keystore brings destroyed keys back and loses new ones.
// So its head is recorded in the state log, whose own head stands in the audit
// log: to roll the keys back unnoticed is to roll back all three.

const evKeysAccept = "key.accept"

// checkKeys refuses a keystore that is older than the one used last.
func (d *daemon) checkKeys() error {
	text := d.emergency.inForce.Load().Keys()
	if text == "" {
		return nil
	}
	seen, err := keystore.ParseHead(text)
	if err != nil {
		return &stateError{fmt.Errorf("record of the keystore's head: %w", err)}
	}
	return keysError(d.s.Keys, d.keys.CheckHead(seen))
}

// recordKeys notes how far the keystore has come.
func (d *daemon) recordKeys(who actor) error {
	head := d.keys.Head().String()
	if d.emergency.inForce.Load().Keys() == head {
		return nil
	}
	return d.sealState(who, statelog.KeysHead, statelog.Keys{Head: head})
}

// acceptKeys takes a keystore that mount refuses for the newest there is.
func (d *daemon) acceptKeys(reason string) error {
	refused := d.checkKeys()
	if refused == nil {
		return errNothingToAccept
	}
	note := fmt.Sprintf("%v; accepted because: %s", refused, reason)
	if err := d.record(self(), audit.Record{Ev: evKeysAccept, Res: "ok", Note: note}); err != nil {
		return err
	}
	return d.recordKeys(self())
}
