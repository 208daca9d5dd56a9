package fs

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"matterfs/audit"
)

// madeBudgets are budgets whose clock stands where the test puts it.
func madeBudgets(rate int) (*budgets, *time.Duration) {
	b, now := newBudgets(rate), new(time.Duration)
	*now = time.Hour
	b.clock = func() time.Duration { return *now }
	return b, now
}

func some(uid uint32) *audit.Record {
	return &audit.Record{Ev: "read", User: "u", UID: uid, HasUID: true, Exe: "/bin/flood"}
}

// pays charges n records and returns how many of them it took to be over.
func (b *budgets) pays(uid uint32, n, bytes int) int {
	for i := range n {
		b.charge(uid, some(uid), bytes)
		if b.over(uid) {
			return i + 1
		}
	}
	return 0
}

// What a person at rest has saved is there at once, and then the rate is all there is.
func TestBudgetHoldsTheRate(t *testing.T) {
	b, now := madeBudgets(100)
	const saved = 100 * int(budgetSaved/time.Second)
	if n := b.pays(1, 2*saved, 600); n != saved+1 {
		t.Errorf("used up after %d records, want %d", n, saved+1)
	}
	if b.over(2) {
		t.Error("another uid pays for it")
	}
	served := 0
	for end := *now + 10*time.Second; *now < end; served++ {
		pause, errno := b.queue(1)
		if errno != 0 || pause == 0 {
			t.Fatal(pause, errno)
		}
		*now += pause
		b.leave(1)
		b.charge(1, some(1), 600)
	}
	if served < 995 || served > 1005 {
		t.Errorf("%d records in 10 s at 100 a second", served)
	}
	*now += budgetSaved
	if n := b.pays(1, 2*saved, 600); n < saved-10 {
		t.Errorf("after a rest it lasts for %d records", n)
	}
}

// A long record counts as several: the limit is on what the disk takes.
func TestBudgetCountsBytes(t *testing.T) {
	b, _ := madeBudgets(100)
	const saved = 100 * int(budgetSaved/time.Second)
	if n := b.pays(1, saved, 50*budgetUnit); n != saved/50+1 {
		t.Errorf("used up after %d records of 50 KiB", n)
	}
}

// Without budgets nobody waits.
func TestNoBudget(t *testing.T) {
	b, _ := madeBudgets(0)
	if b.pays(1, 100_000, 1<<20) != 0 || b.wait(1, time.Hour, nil) != 0 || len(b.of) != 0 {
		t.Error("a budget was kept")
	}
}

// What cannot wait leaves a debt, and no more than a few seconds of it.
func TestBudgetDebtIsBounded(t *testing.T) {
	b, _ := madeBudgets(100)
	for range 1_000_000 {
		b.charge(1, some(1), 600)
	}
	pause, errno := b.queue(1)
	if errno != 0 || pause != budgetDebt {
		t.Errorf("waits %v, %v", pause, errno)
	}
	b.leave(1)
}

// Those who wait take turns, and no more than a bound of them wait.
func TestBudgetTurns(t *testing.T) {
	b, now := madeBudgets(100)
	for uid := range uint32(5) {
		b.pays(uid, 120_000, 600)
	}
	first, _ := b.queue(0)
	for i := 1; i < waitingOfOne; i++ {
		if pause, errno := b.queue(0); errno != 0 || pause != first+time.Duration(i)*10*time.Millisecond {
			t.Fatalf("place %d: %v, %v", i, pause, errno)
		}
	}
	if _, errno := b.queue(0); errno != syscall.EAGAIN {
		t.Errorf("one more of the same uid: %v", errno)
	}
	for uid := uint32(1); b.waiting < waitingOfAll; {
		if _, errno := b.queue(uid); errno != 0 {
			uid++
		}
	}
	if _, errno := b.queue(4); errno != syscall.EAGAIN {
		t.Errorf("one more of another uid: %v", errno)
	}
	if waitingOfAll >= maxBackground || waitingOfOne*2 > waitingOfAll {
		t.Error("there is no place left for others")
	}
	for uid, one := range b.of {
		for one.waiting > 0 {
			b.leave(uid)
		}
	}
	*now += 2 * budgetSaved
	if pause, errno := b.queue(0); pause != 0 || errno != 0 || b.waiting != 0 {
		t.Errorf("who waited still owes for it: %v, %v", pause, errno)
	}
}

// A flood is told of once when it begins and once when it has been over for a while; what is not written is told again.
func TestFloodAlarms(t *testing.T) {
	b, now := madeBudgets(100)
	b.pays(7, 120_000, 600)
	for range 2 {
		list := b.alarms(false)
		if len(list) != 1 || list[0].ends || list[0].rec.Ev != evFlood || list[0].rec.UID != 7 || list[0].rec.Exe != "/bin/flood" || !strings.Contains(list[0].rec.Note, "100 records a second") {
			t.Fatalf("%+v", list)
		}
	}
	b.settled(b.alarms(false)[0])
	for range 50 {
		pause, _ := b.queue(7)
		*now += pause + 10*time.Millisecond
		b.leave(7)
		b.charge(7, some(7), 1200)
	}
	if list := b.alarms(false); len(list) != 0 {
		t.Fatalf("told while it goes on: %+v", list)
	}
	if f := b.floods(); len(f) != 1 || f[0].UID != 7 || f[0].User != "u" || f[0].Waited == 0 {
		t.Errorf("%+v", f)
	}
	waited := b.floods()[0].Waited
	*now += floodEnds + time.Second
	list := b.alarms(false)
	if len(list) != 1 || !list[0].ends || list[0].rec.Count != waited || !strings.HasPrefix(list[0].rec.Note, "ends: ") {
		t.Fatalf("%+v", list)
	}
	b.settled(list[0])
	*now += 2 * budgetSaved
	if list := b.alarms(false); len(list) != 0 || len(b.floods()) != 0 || len(b.of) != 0 {
		t.Errorf("after the end: %+v, %d uids are kept", list, len(b.of))
	}
}

// Nobody pays for what others may have changed.
func TestWhoPaysForMappedPages(t *testing.T) {
	for _, c := range []struct {
		uid     uint32
		writers []uint32
		want    uint32
	}{{5, nil, 5}, {0, []uint32{7}, 7}, {0, []uint32{7, 7}, 7}, {0, []uint32{7, 8}, kernelPays}} {
		if got := payerOf(c.uid, c.writers); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}
