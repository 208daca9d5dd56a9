package store

import (
	"errors"
	"syscall"

	"matterfs/crypto"
)

// liveFile stands in the root while a store is open. Who finds it at Open knows
// that the one before was not closed.
const liveFile = ".mfs.live"

// errNeverWritten: the name of a file or folder reached the disk before a power
// cut, its first bytes did not.
var errNeverWritten = errors.New("its header was never written")

// setLive leaves the mark that goes with Close. A disk that is full or read-only
// does not keep the store from opening: then a crash in this session leaves
// headers that were never written as unreadable as damaged ones.
func (s *Store) setLive() {
	if _, err := s.root.StatAt(liveFile); err == nil {
		s.unclean.Store(true)
		// Nobody remembers what of it was durable: all of it, from here on.
		if err := s.disk.SyncAll(); err != nil {
			s.log("cannot sync the disk", "err", err)
		}
		return
	}
	f, err := s.root.CreateFile(liveFile)
	if err == nil {
		f.Close()
		err = s.root.Sync(true)
	}
	if err != nil {
		s.log("cannot leave the mark of an open store", "err", err)
	}
}

// dropLive takes the mark away, unless the next to open the store is to know
// that not everything reached the disk.
func (s *Store) dropLive() {
	if s.leaveLive() {
		return
	}
	if err := s.root.Unlink(liveFile); err != nil && !isGone(err) {
		s.log("cannot remove the mark of an open store", "err", err)
	}
}

// neverWritten reports whether b, the first bytes of something or all of it, can
// be what a power cut leaves of a header that was never synced.
func (s *Store) neverWritten(b []byte) bool {
	return s.unclean.Load() && !s.opts.breaks.noLost && allZero(b)
}

// lose moves what stands under a name and was never written to .mfs.lost. It
// returns ENOENT, which is what the name leads to afterwards.
func (d *Object) lose(dir Dir, stored, name string) error {
	_, long, err := d.m.names.Seal(d.id, name)
	if err != nil {
		return err
	}
	r := Recovery{Kind: RecoveredLost, Matter: d.m.id, Path: d.pathOf(name), Lost: crypto.NewID().String()}
	if err := dir.Rename(stored, d.s.lost, r.Lost, true); err != nil {
		return err
	}
	d.s.dropLong(dir, stored, long, false)
	if err := dir.Unlink(journalName(stored)); err != nil && !isGone(err) {
		d.s.log("cannot remove a journal", "stored", stored, "err", err)
	}
	d.s.recovered(r)
	return syscall.ENOENT
}

// folderNeverWritten looks into a directory that does not open.
func (s *Store) folderNeverWritten(d Dir) bool {
	b, err := readAll(d, dirFile, crypto.DirSize)
	return s.neverWritten(b) && (err == nil || isGone(err))
}
