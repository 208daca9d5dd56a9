package fs

import (
	"sync"
	"syscall"
	"time"

	"matterfs/audit"
)

// Each uid has a budget of records, so that one member's flood neither fills the log's disk for the firm nor slows others. It
// fills up at a steady rate and holds what a person at rest saves in a quarter of an hour: copying, unpacking and searching whole
// trees stays below that. Every record that a uid causes is paid from it; beyond it only their own requests wait, and of these
// only those for which the kernel holds no lock that others need.
const (
	// budgetSaved is how long a budget fills up: whoever used little may cause as many records at once as this time allows.
	budgetSaved = 1000 * time.Second
	// budgetDebt is the most that records which could not wait leave to be waited for.
	budgetDebt = 5 * time.Second
	// budgetUnit is what one record may take of the disk, bytes; a longer one counts as several.
	budgetUnit = 1024
	// fillWaits is the longest that a page waits: its lock is needed by everybody who maps it, and by a revocation.
	fillWaits = 20 * time.Millisecond
	// floodEnds is how long a flood must have been over to count as over.
	floodEnds = time.Minute
	// Each request that waits holds memory, and perhaps one of the kernel's places for requests in the background, which others
	// need for mapped pages: so many of a uid, and of all, wait at a time, and further ones are answered EAGAIN.
	waitingOfOne, waitingOfAll = 128, maxBackground * 3 / 4
	// maxBackground is how many requests in the background the kernel sends at a time.
	maxBackground = 512
)

// budgets are those of all uids.
type budgets struct {
	each  time.Duration // in which one record is earned; 0: there are no budgets
	clock func() time.Duration

	mu      sync.Mutex // guards the rest; nothing is called with it held
	of      map[uint32]*budget
	waiting int
}

// budget is what one uid has used. paid is when all that it caused would have been earned, had it begun with nothing (the generic
// cell rate algorithm, ITU-T I.371): the budget is used up while that is further ahead than budgetSaved.
type budget struct {
	paid    time.Duration
	waiting int
	flood   *flood
}

// flood is a time during which a uid was over its budget.
type flood struct {
	began           time.Time
	last            time.Duration // when it last was over it
	first           *audit.Record // the first record beyond it, which says by what program if one does
	waited, refused int           // requests
	told            bool          // that it began
}

// newBudgets gives each uid so many records a second; 0: as many as they like.
func newBudgets(rate int) *budgets {
	start := time.Now()
	b := &budgets{of: map[uint32]*budget{}, clock: func() time.Duration { return time.Since(start) }}
	if rate > 0 {
		b.each = time.Second / time.Duration(rate)
	}
	return b
}

// get is called with mu held.
func (b *budgets) get(uid uint32) *budget {
	one := b.of[uid]
	if one == nil {
		one = &budget{}
		b.of[uid] = one
	}
	return one
}

// charge takes a record from the budget of a uid.
func (b *budgets) charge(uid uint32, rec *audit.Record, bytes int) {
	if b.each == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now, one := b.clock(), b.get(uid)
	cost := b.each * time.Duration(max(bytes, budgetUnit)) / budgetUnit
	one.paid = min(max(one.paid, now)+cost, now+budgetSaved+budgetDebt)
	if one.over(now) {
		one.flooded(now, rec)
	}
}

func (o *budget) over(now time.Duration) bool { return o.paid > now+budgetSaved }

func (o *budget) flooded(now time.Duration, rec *audit.Record) *flood {
	if o.flood == nil {
		o.flood = &flood{began: time.Now(), first: rec}
	}
	if f := o.flood; rec != nil && rec.Exe != "" && (f.first == nil || f.first.Exe == "") { // a close has none
		f.first = rec
	}
	o.flood.last = now
	return o.flood
}

// over tells whether a uid has used up its budget.
func (b *budgets) over(uid uint32) bool {
	if b.each == 0 {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.of[uid]
	return one != nil && one.over(b.clock())
}

// wait returns when a uid may cause one more record, after most at the latest. Those who wait take turns. It ends with EINTR when
// cancel is closed, and with EAGAIN when too many wait.
func (b *budgets) wait(uid uint32, most time.Duration, cancel <-chan struct{}) syscall.Errno {
	pause, errno := b.queue(uid)
	if pause == 0 {
		return errno
	}
	defer b.leave(uid)
	timer := time.NewTimer(min(pause, most))
	defer timer.Stop()
	select {
	case <-timer.C:
		return 0
	case <-cancel:
		return syscall.EINTR
	}
}

// queue returns how long to wait, and takes a place among those who do.
func (b *budgets) queue(uid uint32) (time.Duration, syscall.Errno) {
	if b.each == 0 {
		return 0, 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now, one := b.clock(), b.of[uid]
	if one == nil || !one.over(now) {
		return 0, 0
	}
	f := one.flooded(now, nil)
	if one.waiting >= waitingOfOne || b.waiting >= waitingOfAll {
		f.refused++
		return 0, syscall.EAGAIN
	}
	pause := one.paid - now - budgetSaved
	one.paid += b.each // the next one's turn is after this one's
	one.waiting++
	b.waiting++
	f.waited++
	return pause, 0
}

// leave gives the place back; what was caused meanwhile is paid by itself.
func (b *budgets) leave(uid uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.of[uid]
	one.paid -= b.each
	one.waiting--
	b.waiting--
}
