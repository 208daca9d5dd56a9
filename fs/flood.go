package fs

import (
	"fmt"
	"slices"
	"time"

	"matterfs/audit"
)

// evFlood is the alarm: a uid has used up its budget of records, or the end of that.
const evFlood = "audit.flood"

// Flood is a uid that is over its budget of records, or was within the last minute.
type Flood struct {
	UID    uint32    `json:"uid"`
	User   string    `json:"user,omitempty"`
	Since  time.Time `json:"since"`
	Waited int       `json:"waited"` // requests that waited until now
}

// floods lists the floods that go on, by uid.
func (b *budgets) floods() (list []Flood) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for uid, one := range b.of {
		if f := one.flood; f != nil {
			list = append(list, Flood{UID: uid, User: f.user(), Since: f.began.UTC().Truncate(time.Second), Waited: f.waited})
		}
	}
	slices.SortFunc(list, func(x, y Flood) int { return int(int64(x.UID) - int64(y.UID)) })
	return list
}

func (f *flood) user() string {
	if f.first == nil {
		return ""
	}
	return f.first.User
}

// alarm is a record that is due, and what it says.
type alarm struct {
	uid   uint32
	flood *flood
	ends  bool
	rec   *audit.Record
}

// alarms lists the beginnings and ends of floods that no record tells of yet; all: the drive goes. It forgets uids that have
// their whole budget.
func (b *budgets) alarms(all bool) (list []alarm) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock()
	for uid, one := range b.of {
		f := one.flood
		switch {
		case f == nil && one.paid <= now && one.waiting == 0:
			delete(b.of, uid)
		case f == nil:
		case !f.told:
			list = append(list, alarm{uid, f, false, f.record(uid, false, b.each)})
		case all || one.waiting == 0 && now-f.last >= floodEnds:
			list = append(list, alarm{uid, f, true, f.record(uid, true, b.each)})
		}
	}
	return list
}

// record says that a flood began, or what there was of it.
func (f *flood) record(uid uint32, ends bool, each time.Duration) *audit.Record {
	rec := &audit.Record{Ev: evFlood, Res: "ok", UID: uid, HasUID: uid != kernelPays, AUID: -1, OUID: -1}
	if f.first != nil && rec.HasUID {
		rec.User, rec.AUID, rec.PID, rec.Exe, rec.Comm, rec.Pol = f.first.User, f.first.AUID, f.first.PID, f.first.Exe, f.first.Comm, f.first.Pol
	}
	if !ends {
		rec.Note = fmt.Sprintf("begins: the budget of records is used up; opens and reads of this uid wait, %d records a second", time.Second/each)
		return rec
	}
	rec.Count = f.waited
	rec.Note = fmt.Sprintf("ends: began %s; count is how many opens and reads waited; answered EAGAIN because too many waited: %d",
		f.began.UTC().Format(time.RFC3339), f.refused)
	return rec
}

// settled notes that an alarm is in the log.
func (b *budgets) settled(a alarm) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a.flood.told = true
	if one := b.of[a.uid]; a.ends && one != nil && one.flood == a.flood {
		one.flood = nil
	}
}

// tellFloods writes the alarms that are due. What cannot be written is tried again.
func (s *Server) tellFloods(all bool) {
	for _, a := range s.fs.budgets.alarms(all) {
		if _, err := s.fs.opts.Audit.AppendAs(audit.Closing, a.rec); err != nil {
			s.fs.log.Warn().Err(err).Uint32("uid", a.uid).Msg("the alarm of a flood waits for the audit log")
			continue
		}
		if !a.ends {
			s.fs.log.Warn().Uint32("uid", a.uid).Msg("this uid has used up its budget of audit records; its opens and reads wait")
		}
		s.fs.budgets.settled(a)
	}
}

// append writes a record and takes it from the budget of who caused it. The kernel's own (writeback) are paid by wrote.
func (f *fileSystem) append(c audit.Class, rec *audit.Record) (audit.Receipt, error) {
	if !f.off.on(checkLog) {
		return audit.Receipt{}, nil
	}
	got, err := f.opts.Audit.Write(c, rec)
	if err == nil && rec.HasUID && rec.Ev != evWriteback {
		f.budgets.charge(rec.UID, rec, got.Bytes)
	}
	return got, err
}
