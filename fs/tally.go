package fs

import (
	"strings"
	"sync"
	"syscall"
	"time"

	"matterfs/audit"
)

// A WRITE cannot wait: the kernel holds the lock of the file for it, and whoever removes or replaces that file then waits with the
// lock of the folder. Nor can it be refused, because somebody's work would be lost. So once a uid is over its budget, its writes
// through one handle are counted: the first is recorded and says so (flags `more`), and one record, ten seconds later or with the
// close, has how many followed and between which bytes (flags `counted`). A record stands before the writes it covers, and the
// total is in the record of the close.

// tally counts the writes of one open file that are not recorded one by one.
type tally struct {
	mu   sync.Mutex // guards open; held while a record is appended, so that counts are exact
	open map[counting]*counted
}

// counting is what goes into one count. Nothing that a flooder could change from write to write makes them different.
type counting struct {
	uid       uint32
	ev, flags string
}

// counted is a run of writes.
type counted struct {
	last     *audit.Record
	ends     time.Time
	count    int
	from, to int64
}

const (
	evWriteback = "writeback"

	flagMore    = "more"
	flagCounted = "counted"
)

// alike tells whether what is counted may stand in one record.
func (c *counted) alike(rec *audit.Record) bool {
	l := c.last
	return l.Path == rec.Path && l.Matter == rec.Matter && l.Level == rec.Level && l.Rule == rec.Rule && l.Pol == rec.Pol &&
		l.Purpose == rec.Purpose && l.OUID == rec.OUID && l.Note == rec.Note
}

// kernelPays is whose budget the pages are taken from that several people may have changed: nobody's, or one of them could use up
// another's.
const kernelPays = 1<<32 - 1

// payerOf is whose budget a write is taken from.
func payerOf(uid uint32, writers []uint32) uint32 {
	if len(writers) == 0 {
		return uid
	}
	for _, w := range writers[1:] {
		if w != writers[0] {
			return kernelPays
		}
	}
	return writers[0]
}

// commitWrite records a write, or counts it.
func (r *request) commitWrite(h *handle, rec *audit.Record, err error, payer uint32) syscall.Errno {
	over, key := r.fs.budgets.over(payer), counting{rec.UID, rec.Ev, rec.Flags}
	if over && err == nil && rec.Req == 0 && r.fs.takes(h, key, rec) {
		return 0
	}
	if over {
		rec.Flags = addFlag(rec.Flags, flagMore)
	}
	errno := r.commit(rec, err)
	if errno == 0 && over {
		h.tally.begins(key, rec)
	}
	if errno == 0 && rec.Ev == evWriteback {
		r.fs.budgets.charge(payer, rec, r.got.Bytes)
	}
	return errno
}

// takes reports whether a write is counted instead of recorded.
func (f *fileSystem) takes(h *handle, key counting, rec *audit.Record) bool {
	t := &h.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.open[key]
	if c != nil && (time.Now().After(c.ends) || !c.alike(rec)) {
		if f.settle(c) != nil {
			return false // nor will this one be written
		}
		delete(t.open, key)
		c = nil
	}
	if c == nil {
		return false
	}
	if c.count == 0 {
		c.from, c.to = rec.Off, rec.Off+rec.Len
	}
	c.last, c.count = rec, c.count+1
	c.from, c.to = min(c.from, rec.Off), max(c.to, rec.Off+rec.Len)
	return true
}

// begins notes that the record of a write announces more.
func (t *tally) begins(key counting, rec *audit.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open == nil {
		t.open = map[counting]*counted{}
	}
	if t.open[key] == nil {
		t.open[key] = &counted{last: rec, ends: time.Now().Add(repeatWindow)}
	}
}

// settle writes what was counted; the tally's lock is held.
func (f *fileSystem) settle(c *counted) error {
	if c.count == 0 {
		return nil
	}
	rec := *c.last
	rec.Off, rec.Len, rec.Req, rec.Count = c.from, c.to-c.from, 0, c.count
	rec.Flags = addFlag(strings.TrimSuffix(strings.TrimSuffix(rec.Flags, flagMore), ","), flagCounted)
	if _, err := f.append(audit.Closing, &rec); err != nil {
		return err
	}
	c.count = 0
	return nil
}

func addFlag(flags, more string) string {
	if flags == "" {
		return more
	}
	return flags + "," + more
}

// settleAll writes what was counted in runs that have ended by now; the zero time ends all.
func (f *fileSystem) settleAll(h *handle, now time.Time) error {
	t := &h.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, c := range t.open {
		if !now.IsZero() && now.Before(c.ends) {
			continue
		}
		if err := f.settle(c); err != nil {
			return err
		}
		delete(t.open, key)
	}
	return nil
}

// settleFiles does so for all open files; what cannot be written stays counted.
func (f *fileSystem) settleFiles(now time.Time) {
	for _, h := range f.handles.files() {
		if err := f.settleAll(h, now); err != nil {
			f.log.Warn().Err(err).Uint64("h", h.id).Msg("counted writes wait for the audit log")
			return
		}
	}
}
