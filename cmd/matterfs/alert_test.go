package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"matterfs/audit"
)

// told empties the queue to the hook.
func (a *alerts) told() (list []alert) {
	for {
		select {
		case al := <-a.out:
			list = append(list, al)
		default:
			return list
		}
	}
}

func testAlerts(r bulkRule) *alerts { return newAlerts(&hook{}, newBulk(r), func(alert) {}) }

func states(list []alert) string {
	var words []string
	for _, al := range list {
		words = append(words, al.What+" "+al.State)
	}
	return strings.Join(words, ", ")
}

// At a start only what is bad is told; later each warning that comes or goes, and the drive's health with it.
func TestStatesAreToldWhenTheyChange(t *testing.T) {
	a := testAlerts(bulkRule{})
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	quiet, low := warn(false, "daemon.root"), warn(true, "log.low", "12")
	look := func(first bool, list ...warning) string {
		now = now.Add(time.Minute)
		a.forward(a.limit.due(now))
		a.look(list, now, first)
		return states(a.told())
	}
	for i, c := range []struct {
		list []warning
		want string
	}{
		{[]warning{quiet, low}, "degraded on, log.low on"},
		{[]warning{quiet, low}, ""},
		{[]warning{quiet}, "degraded off, log.low off"},
		{[]warning{quiet, warn(false, "policy.pending", "a", "b", "c")}, "policy.pending on"},
		{nil, "policy.pending off"}, // what was never told to have begun does not end
		{[]warning{low, low, warn(true, "data.matter", "2026-1", "x")}, "data.matter on, degraded on, log.low on"},
	} {
		if got := look(i == 0, c.list...); got != c.want {
			t.Errorf("look %d: %q, want %q", i, got, c.want)
		}
	}
}

// Words of the firm's do not leave: titles, reasons, names of folders and files.
func TestAlertsNameNoDocuments(t *testing.T) {
	a := testAlerts(bulkRule{files: 1})
	secret := "甲公司诉乙公司"
	var list []warning
	for code := range warningTexts {
		args := []string{secret, secret, secret}
		if slices.Contains(plainWarnings, code) {
			args = []string{"1", "2", "3"}
		}
		list = append(list, warn(true, code, args...))
	}
	a.look(list, time.Now(), true)
	for i := range 3 {
		a.seen(&audit.Record{Ev: "open", Res: "ok", FID: fmt.Sprint(i), Flags: "r", User: "li.na", UID: 7, Path: secret, Purpose: secret, Matter: secret})
		a.seen(&audit.Record{Ev: "open", Res: "deny", Rule: "user.unknown", UID: 8, Path: secret, Matter: secret, Comm: secret})
	}
	for len(a.in) > 0 {
		a.forward(a.limit.take(<-a.in, time.Now()))
	}
	all := a.told()
	if len(all) < 25 {
		t.Errorf("only %d alerts", len(all))
	}
	for _, al := range all {
		if strings.Contains(fmt.Sprintf("%+v", al), secret) {
			t.Errorf("%+v", al)
		}
	}
}

// The first is told at once, more of the same is counted, and each person counts for themselves.
func TestRepeatsAreCounted(t *testing.T) {
	l := limiter{open: map[string]*window{}}
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	event := func(uid uint32) alert {
		return alert{Time: now, Since: now, What: alertUnknown, State: stateEvent, UID: &uid}
	}
	if n := len(l.take(event(1), now)) + len(l.take(event(2), now)); n != 2 {
		t.Fatalf("%d of two people were told", n)
	}
	start := now
	for range 9 {
		now = now.Add(time.Second)
		if l.take(event(1), now) != nil {
			t.Fatal("a repeat was told at once")
		}
	}
	if got := l.due(start.Add(eventWindow - 1)); got != nil {
		t.Errorf("before its time: %+v", got)
	}
	got := l.due(start.Add(eventWindow))
	if len(got) != 1 || got[0].Repeats != 8 || !got[0].Since.Equal(start.Add(time.Second)) || !got[0].Time.Equal(start.Add(9*time.Second)) {
		t.Errorf("%+v", got)
	}
	if got := l.due(start.Add(3 * eventWindow)); got != nil || len(l.open) != 0 {
		t.Errorf("%+v, %d windows are open", got, len(l.open))
	}
	// A state that comes and goes: what is told last is how it is.
	on, off := alert{What: "log.low", State: stateOn, Since: now}, alert{What: "log.low", State: stateOff, Since: now}
	if l.take(on, now) == nil || l.take(off, now) != nil || l.take(on, now) != nil || l.take(off, now) != nil {
		t.Error("a state that flaps is told each time")
	}
	if got := l.due(now.Add(stateWindow)); len(got) != 1 || got[0].State != stateOff || got[0].Repeats != 2 {
		t.Errorf("%+v", got)
	}
	// Thousands of uids are told apart up to a bound.
	told := 0
	for uid := range uint32(5000) {
		told += len(l.take(event(uid+10), now))
	}
	if told > limitMost+1 || len(l.open) > limitMost+1 {
		t.Errorf("%d told, %d windows", told, len(l.open))
	}
}

// What finds no place is counted and does not wait.
func TestFullQueuesAreCounted(t *testing.T) {
	a := testAlerts(bulkRule{})
	for range alertsIn + 5 {
		a.seen(&audit.Record{Res: "deny", Rule: "user.unknown"})
	}
	a.forward(make([]alert, alertsOut+7))
	if n := a.lost.Load(); n != 12 {
		t.Errorf("%d lost, want 12", n)
	}
	a.hook = nil
	if a.told(); a.lost.Swap(0) != 12 {
		t.Error("reading changed the count")
	}
	if a.forward(make([]alert, 3)); len(a.out) != 0 {
		t.Error("lines for no hook")
	}
}

func TestBulkDocuments(t *testing.T) {
	b := newBulk(bulkRule{files: 5})
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	var told []string
	open := func(uid uint32, fid, flags string) {
		r := &audit.Record{Ev: "open", Res: "ok", UID: uid, FID: fid, Flags: flags, User: "li.na"}
		if bulkReads(r) {
			b.seen(r, now, func(al alert) { told = append(told, fmt.Sprintf("%s %d %s", al.What, *al.UID, al.Text)) })
		}
	}
	for range 100 {
		open(1, "same", "r")
		open(1, "w", "w") // writing discloses nothing
	}
	for i := range 4 {
		open(1, fmt.Sprint(i), "rw")
		open(2, fmt.Sprint(i), "r")
	}
	if told != nil {
		t.Errorf("too early: %q", told)
	}
	now = now.Add(bulkHour) // the first are forgotten
	open(1, "later", "r")
	if told != nil {
		t.Errorf("what was opened an hour ago counts: %q", told)
	}
	for i := range 5 {
		open(1, fmt.Sprint("new", i), "r")
	}
	if len(told) != 1 || told[0] != "bulk.read 1 opened more than 5 documents within an hour" {
		t.Errorf("%q", told)
	}
	for i := range 6 {
		open(1, fmt.Sprint("again", i), "r")
	}
	if len(told) != 2 {
		t.Errorf("as many more: %q", told)
	}
	for _, r := range []*audit.Record{{Ev: "open", Res: "EIO", FID: "x", Flags: "r"}, {Ev: "write", Res: "ok", Len: 1 << 40}, {Ev: "read", Res: "EIO"}, {Ev: "list", Res: "ok"}} {
		if bulkReads(r) {
			t.Errorf("%+v counts", r)
		}
	}
}

func TestBulkBytes(t *testing.T) {
	b := newBulk(bulkRule{bytes: 1000})
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	n := 0
	read := func(ev string, size, from, to int64) {
		b.seen(&audit.Record{Ev: ev, Res: "ok", UID: 1, Len: size, CoverFrom: from, CoverTo: to}, now, func(alert) { n++ })
	}
	read("read", 400, 0, 0)
	now = now.Add(30 * time.Minute)
	read("fill", 300, 0, 0)
	read("read", 100, 500, 700)
	if n != 0 {
		t.Error("1000 bytes are not more than 1000")
	}
	now = now.Add(31 * time.Minute) // the first 400 are forgotten
	read("read", 399, 0, 0)
	if n != 0 {
		t.Error("what was read an hour ago counts")
	}
	read("read", 2, 0, 0)
	if n != 1 {
		t.Errorf("told %d times", n)
	}
	read("read", 1000, 0, 0)
	read("read", 1, 0, 0)
	if n != 2 {
		t.Errorf("as many more: told %d times", n)
	}
	now = now.Add(1000 * time.Hour)
	read("read", 1000, 0, 0)
	if n != 2 {
		t.Error("days later the old counts")
	}
}

func TestBulkSettings(t *testing.T) {
	for text, want := range map[string]int64{"never": 0, "1": 1, "300": 300, "4G": 4 << 30, "2K": 2048, "3M": 3 << 20, "1T": 1 << 40,
		"": -1, "0": -1, "-5": -1, "G": -1, "1.5G": -1, "1024T": 1 << 50, "1025T": -1, "99999999999999999999": -1, "1P": -1, "Never": -1, "1k": -1} {
		s := settings{Config: "matterfs.yaml", BulkFiles: "1", BulkBytes: text}
		r, err := s.bulkRule()
		if want < 0 && !(asErr[*usageError](err) && strings.Contains(err.Error(), bulkBytesKey)) || want >= 0 && (err != nil || r.bytes != want || r.files != 1) {
			t.Errorf("%q: %+v, %v", text, r, err)
		}
	}
	s := settings{BulkFiles: "2M", BulkBytes: "1"}
	if _, err := s.bulkRule(); !asErr[*usageError](err) || !strings.Contains(err.Error(), bulkFilesKey) {
		t.Errorf("more documents than memory should hold: %v", err)
	}
}

// BenchmarkSeen is what watching adds to a record; reads that a record covers make none.
func BenchmarkSeen(b *testing.B) {
	for _, r := range []*audit.Record{
		{Ev: "read", Res: "ok", UID: 1, Len: 4096}, {Ev: "open", Res: "ok", UID: 1, FID: "9c1e5a77d2b04f3e8a61c0ffee123456", Flags: "r"}, {Ev: "write", Res: "ok", UID: 1, Len: 4096},
	} {
		b.Run(r.Ev, func(b *testing.B) {
			a := testAlerts(bulkRule{300, 1 << 50})
			for b.Loop() {
				a.seen(r)
			}
		})
	}
}
