package main

import (
	"errors"
	"os"
	"syscall"
	"time"

	"matterfs/audit"
	"matterfs/audit/cli"
	"matterfs/policy"
)

// evQuery is the record of a search in the log.
const evQuery = "audit.query"

// maxQueryNote is how much of a search's text is recorded, in bytes.
const maxQueryNote = 3000

// firmZone is the time zone of the store's policy; nil where that cannot be
// read, as on a copy of the log.
func (a *app) firmZone(dir string) *time.Location {
	if dir != "" && a.flags.config == "" && isLog(dir) {
		return nil
	}
	s, err := a.settings(dir)
	if err != nil {
		return nil
	}
	p, err := policy.Load(s.Policy)
	if err != nil {
		return nil
	}
	return p.Zone()
}

// noteQuery records who searches the log for what: through the daemon that
// serves the store, else in the log itself. Whoever may read the files but not
// write them goes on unrecorded, and is told so: they could read them with
// any other program.
func (a *app) noteQuery(dir, what string) error {
	if len(what) > maxQueryNote {
		return usagef("a filter of %d bytes is too long to be recorded", len(what))
	}
	if dir != "" && a.flags.config == "" && isLog(dir) {
		return cli.ErrCopy
	}
	s, err := a.settings(dir)
	if bad := (*usageError)(nil); errors.As(err, &bad) {
		return cli.ErrCopy // --log alone
	}
	if err != nil {
		return err
	}
	id, err := s.storeID()
	if err != nil {
		return &cli.UnrecordedError{Cause: err}
	}
	c, err := a.dialStore(id)
	if gone := (*noDaemonError)(nil); errors.As(err, &gone) {
		return noteOffline(s, id, what)
	}
	if err != nil {
		return &cli.UnrecordedError{Cause: err}
	}
	defer c.close()
	if _, err = c.request(controlRequest{Op: evQuery, Name: what}); err != nil {
		return &cli.UnrecordedError{Cause: err}
	}
	return nil
}

// errNotOwner: files that somebody else makes in the state directory would be
// lost to the daemon's user.
var errNotOwner = errors.New("no daemon serves the store, and its state belongs to another user")

// noteOffline opens the log of a store that nobody serves, as mount would.
func noteOffline(s settings, id, what string) error {
	if fi, err := os.Stat(s.State); err != nil || fi.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) {
		return &cli.UnrecordedError{Cause: errNotOwner}
	}
	l, err := audit.Open(audit.Options{Dir: s.Log, StateDir: s.State, StoreID: id, Group: auditGID(), Seal: true})
	if err != nil {
		return &cli.UnrecordedError{Cause: err}
	}
	r := queryRecord(what)
	who := self()
	r.UID, r.HasUID, r.AUID, r.OUID, r.PID, r.Comm = who.uid, true, who.auid, -1, uint32(who.pid), who.comm
	_, err = l.Append(&r)
	return errors.Join(err, l.Close())
}

func queryRecord(what string) audit.Record { return audit.Record{Ev: evQuery, Res: "ok", Note: what} }
