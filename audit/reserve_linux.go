package audit

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Class says what a record stands for, and so whether it is written while the disk is full. Options.Reserve bytes are held on the
// disk after the end of the live file. While that cannot be held whole, nothing is disclosed any more, but work on open
// documents can be saved: records of changes are written into the reserve.
type Class uint8

// The classes of records.
const (
	Disclosure Class = iota // something is given away once it is written; refused while the reserve is not whole
	Change                  // something was changed between Begin and End, after Ready had promised room for the record
	Closing                 // a document is closed, recorded or not; written while there is room that nobody was promised
)

// DefaultReserve is room for about ten thousand records of changes, bytes.
const DefaultReserve = 8 << 20

// ReserveFor is the reserve for a log in dir: DefaultReserve, on a small file system an eighth of it, and none where that does not
// hold a single change.
func ReserveFor(dir string) int64 {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil || st.Blocks == 0 {
		return DefaultReserve
	}
	n := min(DefaultReserve, int64(st.Blocks)*st.Bsize/8)
	if n < MostOfChange {
		return 0
	}
	return n
}

// MostOfChange is how many bytes of the reserve one change is promised. The longest record of a rename, with two paths and a
// program's path of 4096 control characters each, needs 75 KB.
const MostOfChange = 128 << 10

// Begin says that a change may be made, and recorded as one Change, before End. It never fails; Ready decides.
func (l *Log) Begin() { l.changes.Add(1) }

// End takes Begin back.
func (l *Log) End() { l.changes.Add(-1) }

// Ready returns nil when the record of a change can be written: the log is sound, and there is room for the records of all
// changes between Begin and End. A change that is made after it is recorded, also when the disk is full by then.
func (l *Log) Ready() error { return l.ask(roomForChange) }

// promise is Ready; mu is held.
func (l *Log) promise() error {
	if err := l.health(); err != nil && !l.drains() {
		return err
	}
	if l.reserves() {
		need := max(1, l.changes.Load()) * MostOfChange
		if l.down == nil {
			l.secured(max(0, need-l.o.Reserve)) // what fails is kept in l.down
		}
		if l.down != nil && l.room() < need {
			return l.down.err
		}
	}
	return nil
}

// reserves says that blocks are held for later.
func (l *Log) reserves() bool { return l.o.Reserve > 0 && !l.bare }

// room is how many bytes are held after the last record.
func (l *Log) room() int64 { return max(0, l.held-int64(l.st.size)) }

// fits says whether a record of n bytes may be written from the reserve.
func (l *Log) fits(c Class, n int64) bool {
	switch c {
	case Change:
		return l.room() >= n
	case Closing:
		return l.room()-l.changes.Load()*MostOfChange >= n
	}
	return false
}

// secured sees to it that n bytes can be written and the whole reserve is left. Otherwise an outage begins that drains.
func (l *Log) secured(n int64) error {
	size := int64(l.st.size)
	if !l.reserves() || l.held >= size+n+l.o.Reserve {
		return nil
	}
	from, to := max(l.held, size), size+n+l.o.Reserve+l.o.Reserve/8 // more than needed: few records ask the file system
	err := l.live.Allocate(from, to-from)
	switch {
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
		l.bare = true
	case err != nil:
		err = l.fail("reserve", err)
		l.down.drains = true
		return err
	default:
		l.held = to
	}
	return nil
}

// giveBack frees what is held after the last record.
func (l *Log) giveBack() error {
	if l.room() == 0 {
		return nil
	}
	l.held = 0
	return l.live.Truncate(int64(l.st.size))
}

// roomForAnother says whether a second live file can be held beside this one: a rotation can wait, records cannot.
func (l *Log) roomForAnother() bool {
	free := l.free.Load()
	return !l.reserves() || free < 0 || free >= 2*l.o.Reserve
}

// Free returns how many bytes the file system of the log has left for it beside the reserve, as of the last second; negative when
// that is not known.
func (l *Log) Free() int64 { return l.free.Load() }

// measure asks for Free.
func (l *Log) measure() {
	var st unix.Statfs_t
	free := int64(-1)
	if unix.Statfs(l.o.Dir, &st) == nil {
		free = int64(st.Bavail) * st.Bsize
	}
	l.free.Store(free)
}
