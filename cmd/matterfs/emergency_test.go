package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"matterfs/audit"
	"matterfs/crypto/statelog"
	"matterfs/policy"
)

// TestDisableActsOnWhatIsOpen: files, mapped pages and listings that the person
// holds end with the command; nobody else notices; enable gives them back.
func TestDisableActsOnWhatIsOpen(t *testing.T) {
	f := startFirm(t)
	lead, member := f.user(leadUID), f.user(memberUID)
	doc := filepath.Join(f.matter(), "甲.txt")
	lead.Writes(doc, strings.Repeat("甲方", 5000))
	h := member.Opens(doc, os.O_RDONLY, 0)
	dir := member.Opens(f.matter(), os.O_RDONLY|syscall.O_DIRECTORY, 0)
	pages, err := h.Map(0, 8192, false)
	member.Does(err)
	_, err = pages.Read(0, 8192)
	member.Does(err)
	_, err = h.ReadAt(0, 100)
	member.Does(err)

	f.must("user", "disable", "li.na", f.s.Dir, "--reason", "失窃")
	_, err = h.ReadAt(0, 100)
	member.Refused(err, syscall.EACCES)
	_, err = pages.Read(0, 1)
	member.Refused(err, syscall.EFAULT)
	_, err = dir.Names(4096)
	member.Refused(err, syscall.EACCES)
	_, err = member.ReadDir(f.mnt)
	member.Refused(err, syscall.EACCES)
	_, err = member.Stat(doc)
	member.Refused(err, syscall.EACCES)
	member.IsDenied(doc, syscall.EACCES)
	if got, err := lead.ReadFile(doc); err != nil || len(got) != 30000 {
		t.Errorf("the lead reads %d bytes, %v", len(got), err)
	}

	f.kill()
	f.mount()
	member.IsDenied(doc, syscall.EACCES)
	f.must("user", "enable", "li.na", f.s.Dir)
	again := member.Opens(doc, os.O_RDONLY, 0)
	f.must("user", "disable", "li.na", f.s.Dir)
	_, err = again.ReadAt(0, 100)
	member.Refused(err, syscall.EACCES)
	f.must("user", "enable", "li.na", f.s.Dir)
	_, err = again.ReadAt(0, 100)
	member.Does(err)
	member.Does(again.Close())
	f.umount()
	f.verified()
}

// TestFreezeStopsEverybody: also the lead, also on open files; what was saved
// is there afterwards.
func TestFreezeStopsEverybody(t *testing.T) {
	f := startFirm(t)
	lead := f.user(leadUID)
	doc := filepath.Join(f.matter(), "甲.txt")
	lead.Writes(doc, "甲方")
	h := lead.Opens(doc, os.O_RDWR, 0)
	f.must("matter", "freeze", "2026-0142", f.s.Dir)
	_, err := h.ReadAt(0, 6)
	lead.Refused(err, syscall.EACCES)
	_, err = h.WriteAt([]byte("乙"), 0)
	lead.Refused(err, syscall.EACCES)
	lead.CannotWrite(filepath.Join(f.matter(), "新.txt"), syscall.EACCES)
	lead.Lists(f.mnt, "2026-0142", policy.PersonalPrefix+"zhang.wei")
	f.must("matter", "unfreeze", "2026-0142", f.s.Dir)
	_, err = h.WriteAt([]byte("乙"), 0)
	lead.Does(err)
	lead.Does(h.Close())
	lead.Reads(doc, "乙方")
	f.umount()
	f.verified()
}

// TestTornStateLog: what a crash left of an unfinished record goes, is told, and
// takes nothing with it.
func TestTornStateLog(t *testing.T) {
	f := startFirm(t)
	f.must("user", "disable", "li.na", f.s.Dir)
	f.kill()
	path := filepath.Join(f.s.State, stateLogName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f.write(path, string(whole)+string(whole[40:90]))
	f.mount()
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, whole) {
		t.Errorf("%d bytes, %v; want %d", len(got), err, len(whole))
	}
	if out := f.must("user", "list", f.s.Dir); !strings.HasPrefix(out, "li.na ") {
		t.Errorf("the list is %q", out)
	}
	if n := f.count(evStateMended, "dropped 50 bytes of an unfinished record"); n != 1 {
		t.Errorf("%d records of it", n)
	}
	f.umount()
	f.verified()
}

// count counts records of an event whose note contains a text.
func (f *firm) count(ev, note string) (n int) {
	f.t.Helper()
	return countRecords(f.t, f.s.Log, ev, note)
}

func countRecords(t testing.TB, dir, ev, note string) (n int) {
	t.Helper()
	err := audit.ReadRecords(dir, func(_ []byte, r *audit.Parsed) error {
		if r.Ev == ev && strings.Contains(r.Note, note) {
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// office is a daemon of the firm without a drive.
func office(t *testing.T, s settings) *daemon {
	t.Helper()
	d := newDaemon(&app{err: &bytes.Buffer{}, getenv: os.Getenv}, s, "")
	t.Cleanup(func() { d.close() })
	for _, step := range []func(context.Context) error{d.lock, d.loadPolicy, d.unlock, d.openLog, d.openStore, d.openState} {
		if err := step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	d.groups = newGroups(d.groupQuestions, d.refreshDrive)
	d.env = &policy.Env{Disabled: d.emergency.disabled, Frozen: d.emergency.frozen}
	return d
}

func firmStore(t *testing.T) settings {
	t.Helper()
	s := newStore(t)
	text := firmYAML + "duties: { secadmin: [zhang.wei] }\n"
	if err := os.WriteFile(filepath.Join(s.Policy, "matters", "0142.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return s
}

func (d *daemon) ask(op, name string) error {
	_, err := d.decree(self(), controlRequest{Op: op, Name: name})
	return err
}

// TestAheadOfTheAuditLog: a change whose record a crash prevented stands, and is
// recorded at the next mount.
func TestAheadOfTheAuditLog(t *testing.T) {
	s := firmStore(t)
	d := office(t, s)
	if _, err := d.emergency.log.Append(statelog.UserDisable, statelog.Change{Name: "li.na", By: "zhang.wei"}); err != nil {
		t.Fatal(err)
	}
	d.close()
	d = office(t, s)
	if !d.emergency.disabled("li.na") {
		t.Error("the change is gone")
	}
	if n := countRecords(t, s.Log, evStateMended, `record 2 stands, though a crash came before it was recorded here: user.disable {"name":"li.na","by":"zhang.wei"`); n != 1 {
		t.Errorf("%d records of it", n)
	}
	d.close()
	office(t, s)
	if n := countRecords(t, s.Log, evStateMended, ""); n != 1 {
		t.Errorf("it is recorded %d times", n)
	}
}

// TestUnwrittenActs: a disk that takes nothing does not stop an emergency; when
// it takes something again, nothing is lost.
func TestUnwrittenActs(t *testing.T) {
	s := firmStore(t)
	d := office(t, s)
	path, away := filepath.Join(s.State, stateLogName), filepath.Join(s.State, "away")
	rename(t, path, away)
	err := d.ask(statelog.UserDisable, "li.na")
	if code, hint := explain(err); !asErr[*unwrittenError](err) || code != exitLog || hint != hintUnwritten {
		t.Errorf("%v: code %d", err, code)
	}
	if !d.emergency.disabled("li.na") || len(d.emergency.rest()) != 1 {
		t.Error("the change does not act")
	}
	if err := d.ask(statelog.UserEnable, "li.na"); !asErr[*unwrittenError](err) || !d.emergency.disabled("li.na") {
		t.Errorf("enable over what is not written: %v", err)
	}
	if err := d.ask(statelog.UserDisable, "li.na"); !asErr[*unwrittenError](err) {
		t.Errorf("again: %v", err)
	}
	rename(t, away, path)
	if err := d.ask(statelog.UserDisable, "li.na"); err != nil || len(d.emergency.rest()) != 0 {
		t.Errorf("with the disk back: %v", err)
	}
	d.close()
	if d = office(t, s); !d.emergency.disabled("li.na") {
		t.Error("the change was not kept")
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// TestWithoutTheAuditLog: taking away acts and is told; giving back does not,
// also when the log fails only after the change was written.
func TestWithoutTheAuditLog(t *testing.T) {
	s := firmStore(t)
	mountTmpfs(t, s.Log, "size=64k,mode=750")
	d := office(t, s)
	if _, err := d.decree(self(), controlRequest{Op: statelog.MatterFreeze, Name: "2026-0142", Reason: "保全"}); err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(s.Log, "filler")
	if err := errors.Join(fill(filler), d.brim()); err != nil {
		t.Fatal(err)
	}
	for _, healthy := range []bool{true, false} { // the first attempt finds out, the second knows
		if (d.log.Healthy() == nil) != healthy {
			t.Fatalf("the log's health is %v, want %v", d.log.Healthy(), healthy)
		}
		if err := d.ask(statelog.MatterUnfreeze, "2026-0142"); !asErr[*logError](err) || !d.emergency.frozen("2026-0142") {
			t.Errorf("unfreeze: %v", err)
		}
		if m, ok := d.emergency.log.State().Frozen("2026-0142"); !ok || m.Reason != "保全" {
			t.Errorf("written is %v %+v", ok, m)
		}
	}
	err := d.ask(statelog.UserDisable, "li.na")
	if code, _ := explain(err); code != exitLog || !strings.Contains(err.Error(), "in force, but not recorded") || !d.emergency.disabled("li.na") {
		t.Errorf("disable: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := retry(d.log.Healthy); err != nil {
		t.Fatal(err)
	}
	if err := d.ask(statelog.MatterUnfreeze, "2026-0142"); err != nil || d.emergency.frozen("2026-0142") {
		t.Errorf("with the log back: %v", err)
	}
	d.close()
	if d = office(t, s); !d.emergency.disabled("li.na") || d.emergency.frozen("2026-0142") {
		t.Error("the next mount has another state")
	}
}

// brim fills the last page of the log so far that no record fits in any more.
func (d *daemon) brim() error {
	const page, least = 4096, 250
	room := func() (int, error) {
		st, err := os.Stat(filepath.Join(d.s.Log, audit.LiveName))
		return page - int(st.Size())%page, err
	}
	before, err := room()
	if err != nil {
		return err
	}
	if err := d.record(self(), audit.Record{Ev: "test", Res: "ok", Note: "."}); err != nil {
		return err
	}
	left, err := room()
	if record := before - left; err == nil && left > least {
		err = d.record(self(), audit.Record{Ev: "test", Res: "ok", Note: strings.Repeat(".", max(1, left-record-least/4))})
	}
	return err
}

// TestDuties: who may ask for what, and that it ends with what lets a person in.
func TestDuties(t *testing.T) {
	d := office(t, firmStore(t))
	for _, c := range []struct {
		uid  uint32
		op   string
		want bool
	}{
		{0, "umount", true}, {0, "user.disable", true}, {0, "no-such", true},
		{leadUID, "user.disable", true}, {leadUID, "matter.unfreeze", true}, {leadUID, "emergency", true},
		{leadUID, "umount", false}, {leadUID, "reload", true}, {memberUID, "reload", false}, {leadUID, "no-such", false}, {leadUID, "", false},
		{memberUID, "user.disable", false}, {memberUID, "emergency", false}, {4711, "user.disable", false},
	} {
		if got := d.may(c.uid, c.op); got != c.want {
			t.Errorf("uid %d %q: %v", c.uid, c.op, got)
		}
	}
	d.staleAt.Store(1)
	if !d.may(leadUID, "user.disable") {
		t.Error("a stale policy keeps out who could help")
	}
	if err := d.ask(statelog.UserDisable, "zhang.wei"); err != nil {
		t.Fatal(err)
	}
	if d.may(leadUID, "user.enable") {
		t.Error("who is disabled may enable")
	}
}

// TestRefusalsAreCounted: one record for many, and none of somebody else's.
func TestRefusalsAreCounted(t *testing.T) {
	var r refusedAsks
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for i, c := range []struct {
		uid   uint32
		after time.Duration
		count int
		ok    bool
	}{
		{1, 0, 1, true}, {1, time.Second, 0, false}, {2, time.Second, 1, true}, {1, 9 * time.Second, 0, false},
		{1, 10 * time.Second, 3, true}, {1, 11 * time.Second, 0, false}, {1, time.Minute, 2, true}, {2, time.Hour, 1, true},
	} {
		if count, ok := r.due(c.uid, at.Add(c.after)); count != c.count || ok != c.ok {
			t.Errorf("%d: %d %v, want %d %v", i, count, ok, c.count, c.ok)
		}
	}
}

// TestMarkLine: a reason cannot pass for another line.
func TestMarkLine(t *testing.T) {
	m := statelog.Mark{Since: time.Date(2026, 11, 22, 9, 0, 0, 0, time.Local), Change: statelog.Change{Name: "li.na", UID: 7, Reason: "a\nwang.qiang"}}
	if got := markLine(&m); got != `li.na  2026-11-22 09:00:00  uid 7  "a\nwang.qiang"` {
		t.Errorf("%s", got)
	}
}

// TestStateErrors: each refusal of the state log has its code and its way out.
func TestStateErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		hint msg
	}{
		{&statelog.RolledBackError{}, hintState}, {&statelog.DamagedError{}, hintState}, {&statelog.ForeignError{}, hintState},
		{&statelog.NewerError{}, hintStateNewer},
	} {
		if code, hint := explain(&stateError{c.err}); code != exitCorrupt || hint != c.hint {
			t.Errorf("%T: code %d hint %d", c.err, code, hint)
		}
	}
	if code, hint := explain(&stateError{syscall.ENOSPC}); code != exitNo || hint != hintFull {
		t.Errorf("a full disk: %d %d", code, hint)
	}
	if !errors.Is(&unwrittenError{syscall.EIO}, syscall.EIO) {
		t.Error("the cause is hidden")
	}
}
