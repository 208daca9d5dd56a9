package main

import (
	"fmt"

	"matterfs/audit"
	"matterfs/crypto/store"
)

// evStoreRecover is the event of what the store had to mend after a crash, or
// after somebody made it look like one.
const evStoreRecover = "store.recover"

// recordRecovery is called by the store from within lookups: it takes no lock
// of the daemon.
func (d *daemon) recordRecovery(r store.Recovery) {
	who := self()
	_, err := d.log.Append(&audit.Record{Ev: evStoreRecover, Res: "ok", UID: who.uid, HasUID: true, AUID: who.auid, OUID: -1,
		PID: uint32(who.pid), Comm: who.comm, Matter: r.Matter, Path: r.Path, FID: fidOf(r), Note: recoveryNote(r)})
	d.warn("record a recovery", err)
}

func fidOf(r store.Recovery) string {
	if r.Object.IsZero() {
		return ""
	}
	return r.Object.String()
}

// recoveryNote begins with the word for the kind.
func recoveryNote(r store.Recovery) string {
	switch r.Kind {
	case store.RecoveredFile:
		return fmt.Sprintf("%s: %d blocks brought into place", r.Kind, r.Blocks)
	case store.RecoveredSlot:
		return fmt.Sprintf("%s: one of two headers was unreadable", r.Kind)
	case store.RecoveredJournal:
		return fmt.Sprintf("%s: dropped a journal that had nothing new", r.Kind)
	case store.RecoveredMove:
		return fmt.Sprintf("%s: finished an interrupted move", r.Kind)
	case store.RecoveredLost:
		return fmt.Sprintf("%s: never written, moved to .mfs.lost/%s", r.Kind, r.Lost)
	}
	return r.Kind.String()
}
