package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"matterfs/internal/as"
)

// alertFirm is a firm whose daemon tells of what happens, and the file that its hook writes.
type alertFirm struct {
	*firm
	dir, out string
}

// newAlertFirm makes one that is not mounted yet; more is added to its configuration.
func newAlertFirm(t *testing.T, more string, flags ...string) *alertFirm {
	t.Helper()
	f := &alertFirm{firm: newFirm(t, flags...), dir: as.Dir(t)}
	f.out = filepath.Join(f.dir, "out")
	if err := errors.Join(os.WriteFile(f.out, nil, 0o666), os.Chmod(f.out, 0o666)); err != nil {
		t.Fatal(err)
	}
	hook := script(t, f.dir, "exec cat >>"+f.out)
	config := strings.TrimSuffix(readFile(t, f.s.Config), "\n")
	f.write(f.s.Config, config+"\nhooks:\n  alert: "+hook+"\n"+more)
	return f
}

// lines are the alerts so far.
func (f *alertFirm) lines() (list []alert) {
	f.t.Helper()
	for line := range strings.Lines(readFile(f.t, f.out)) {
		var al alert
		if err := json.Unmarshal([]byte(line), &al); err != nil {
			f.t.Fatalf("%q: %v", line, err)
		}
		list = append(list, al)
	}
	return list
}

// hears waits for an alert.
func (f *alertFirm) hears(what, state string) (found alert) {
	f.t.Helper()
	if err := retry(func() error {
		for _, al := range f.lines() {
			if al.What == what && al.State == state {
				found = al
				return nil
			}
		}
		return fmt.Errorf("no %s %s in %s", what, state, readFile(f.t, f.out))
	}); err != nil {
		f.t.Error(err)
	}
	if found.Time.IsZero() || found.Since.IsZero() || found.Store == "" || found.Text == "" {
		f.t.Errorf("%+v lacks something", found)
	}
	return found
}

// TestAlerts: each kind of alert on a real mount, by a daemon that is root and by one that is not.
func TestAlerts(t *testing.T) {
	for name, flags := range map[string][]string{"root": nil, "service": {"--user", serviceIDs}} {
		t.Run(name, func(t *testing.T) {
			f := newAlertFirm(t, "  bulk-files: 5\n", flags...)
			f.mount()
			lead, member, nobody := f.user(leadUID), f.user(memberUID), f.user(30999)
			for i := range 6 {
				lead.Writes(filepath.Join(f.matter(), fmt.Sprintf("合同-%d.txt", i)), "甲方")
			}
			for i := range 6 {
				member.Reads(filepath.Join(f.matter(), fmt.Sprintf("合同-%d.txt", i)), "甲方")
			}
			if al := f.hears(alertBulk, stateEvent); al.User != "li.na" || *al.UID != memberUID || al.Text != "opened more than 5 documents within an hour" {
				t.Errorf("%+v", al)
			}
			if got := f.must("audit", "query", "ev=bulk.read user=li.na", f.s.Dir); !strings.Contains(got, "more than 5 documents") {
				t.Errorf("the log says %q", got)
			}
			nobody.IsDenied(f.matter(), syscall.EACCES)
			if al := f.hears(alertUnknown, stateEvent); *al.UID != 30999 || al.User != "" || al.Matter != "" {
				t.Errorf("%+v", al)
			}
			f.must("user", "disable", "li.na", "--reason", "t", f.s.Dir)
			member.IsDenied(filepath.Join(f.matter(), "合同-0.txt"), syscall.EACCES)
			if al := f.hears(alertDisabled, stateEvent); al.User != "li.na" {
				t.Errorf("%+v", al)
			}
			f.must("audit", "hold", "set", f.s.Dir, "--reason", "保全")
			f.hears("log.held", stateOn)
			matter := filepath.Join(f.s.Policy, "matters", "0142.yaml")
			f.write(matter, "matters: [")
			f.hears("policy.reload", stateOn)
			f.hears(alertDegraded, stateOn)
			f.write(matter, firmYAML)
			f.hears("policy.reload", stateOff)
			f.hears(alertDegraded, stateOff)
			for _, secret := range []string{"合同", "甲", "保全", "0142"} {
				if all := readFile(t, f.out); strings.Contains(all, secret) {
					t.Errorf("%q was told outside: %s", secret, all)
				}
			}
			if st := f.status(); st.Health != healthOK {
				t.Errorf("%+v", st.Warnings)
			}
			f.umount()
			f.verified()
		})
	}
}

// TestAlertsOfTheLog: a log that cannot be written is told of while nothing can be recorded, and so is its recovery.
func TestAlertsOfTheLog(t *testing.T) {
	f := newAlertFirm(t, "")
	mountTmpfs(t, f.s.Log, "size=256k,mode=750")
	f.mount()
	f.hears("log.low", stateOn)
	lead := f.user(leadUID)
	kept := filepath.Join(f.matter(), "已存.txt")
	lead.Writes(kept, "保存好的")
	filler := filepath.Join(f.s.Log, "filler")
	if err := fill(filler); err != nil {
		t.Fatal(err)
	}
	if err := untilRefused(lead, kept); !errors.Is(err, syscall.EIO) {
		t.Errorf("reading without a log: %v, want EIO", err)
	}
	if al := f.hears("log.unavailable", stateOn); !strings.Contains(al.Text, "no space left") {
		t.Errorf("%+v", al)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	f.hears("log.unavailable", stateOff)
	f.umount()
	f.verified()
}

// TestAlertOfDamage: a request that met damage is told of.
func TestAlertOfDamage(t *testing.T) {
	f := newAlertFirm(t, "")
	f.mount()
	lead := f.user(leadUID)
	before := dataFiles(t, f.s.Data)
	lead.Writes(filepath.Join(f.matter(), "坏.txt"), "坏的")
	f.umount()
	for path := range dataFiles(t, f.s.Data) {
		if b := []byte(readFile(t, path)); !before[path] {
			b[0x300] ^= 1
			b[0x900] ^= 1
			f.write(path, string(b))
		}
	}
	f.mount()
	lead.IsDenied(filepath.Join(f.matter(), "坏.txt"), syscall.EIO)
	f.hears("data.damaged", stateOn)
	f.umount()
	f.verified()
}

// TestAlertOfARefusedStart: a log that was tampered with is told of before the mount ends.
func TestAlertOfARefusedStart(t *testing.T) {
	for name, flags := range map[string][]string{"root": nil, "service": {"--user", serviceIDs}} {
		t.Run(name, func(t *testing.T) {
			f := newAlertFirm(t, "", flags...)
			f.mount()
			f.umount()
			live := filepath.Join(f.s.Log, "audit.jsonl")
			f.write(live, strings.Replace(readFile(t, live), `"ev":"mount"`, `"ev":"mound"`, 1))
			if code, _, errs := f.exec("mount", f.s.Dir, f.mnt); code != exitTampered {
				t.Errorf("exit code %d: %s", code, errs)
			}
			if al := f.hears(alertRefused, stateEvent); !strings.Contains(al.Text, "tampered with (exit code 10)") {
				t.Errorf("%+v", al)
			}
		})
	}
}

// TestHookOfOthersIsRefused: a mount with a hook that others can change is refused, with the way out; one that became so while
// the daemon runs is not run, which status says and which harms nobody.
func TestHookOfOthersIsRefused(t *testing.T) {
	f := newAlertFirm(t, "", "--user", serviceIDs)
	hook := filepath.Join(f.dir, "hook")
	if err := os.Chmod(hook, 0o775); err != nil {
		t.Fatal(err)
	}
	code, _, errs := f.exec("mount", f.s.Dir, f.mnt)
	if code != exitNotPermitted || !strings.Contains(errs, "can be written by others") || !strings.Contains(errs, "hint: a hook must be root's") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if err := os.Chmod(hook, 0o755); err != nil {
		t.Fatal(err)
	}
	f.mount()
	lead, nobody := f.user(leadUID), f.user(30999)
	if err := os.Chmod(hook, 0o775); err != nil {
		t.Fatal(err)
	}
	nobody.IsDenied(f.matter(), syscall.EACCES)
	if err := retry(func() error {
		for _, w := range f.status().Warnings {
			if w.Code == "hooks.alert" && strings.Contains(w.Text, "can be written by others") {
				return nil
			}
		}
		return errors.New("status does not say so")
	}); err != nil {
		t.Error(err)
	}
	if st := f.status(); st.Health != healthOK || readFile(t, f.out) != "" {
		t.Errorf("health %s; the hook wrote %q", st.Health, readFile(t, f.out))
	}
	lead.Writes(filepath.Join(f.matter(), "甲.txt"), "照常")
	f.umount()
	f.verified()
}

// TestHangingHook: nobody waits for it, neither at work nor at the end.
func TestHangingHook(t *testing.T) {
	f := newAlertFirm(t, "")
	script(t, f.dir, "sleep 1000")
	f.mount()
	lead, nobody := f.user(leadUID), f.user(30999)
	nobody.IsDenied(f.matter(), syscall.EACCES)
	for i := range 20 {
		lead.Writes(filepath.Join(f.matter(), fmt.Sprint(i)), "照常")
	}
	f.umount()
	f.verified()
}
