package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matterfs/audit"
	"matterfs/internal/as"
)

// The people of these tests who have duties.
const (
	secUID, sec2UID, auditorUID, sysUID = 30041, 30042, 30043, 30044
	dutiesYAML                          = `users:
  qian.li: { uid: 30041, role: lawyer }
  sun.qi: { uid: 30042, role: lawyer }
  zhou.hua: { uid: 30043, role: lawyer }
  chen.it: { uid: 30044, role: lawyer }
duties: { secadmin: [qian.li, sun.qi], auditor: [zhou.hua], sysadmin: [chen.it] }
`
)

// holdFirm is a firm whose people may call the command.
type holdFirm struct {
	*firm
	program string
}

// newHoldFirm makes one that is not mounted yet.
func newHoldFirm(t *testing.T, duties string) *holdFirm {
	t.Helper()
	f := &holdFirm{newFirm(t), reachable(t)}
	if duties != "" {
		f.write(filepath.Join(f.s.Policy, "duties.yaml"), duties)
	}
	if err := errors.Join(os.Chmod(f.s.Dir, 0o755), os.Chmod(f.s.Config, 0o644)); err != nil {
		t.Fatal(err)
	}
	return f
}

// hold runs the command as somebody; code is its exit code.
func (f *holdFirm) hold(u *as.User, verb string) (code int, said string) {
	f.t.Helper()
	args := []string{"audit", "hold", verb, f.s.Dir, "--reason", "2026-0142 保全"}
	if u == nil {
		code, out, errs := f.exec(args...)
		return code, out + errs
	}
	argv := append([]string{f.program}, args...)
	r, err := u.Run(argv, "/", "LC_ALL=C.UTF-8", "MATTERFS_RUN_DIR="+f.run)
	if err != nil {
		f.t.Fatal(err)
	}
	return r.Code, r.Stdout + r.Stderr
}

// TestHoldTakesADuty: who may set a hold and who may end it, each recorded with who asked.
func TestHoldTakesADuty(t *testing.T) {
	f := newHoldFirm(t, dutiesYAML)
	f.mount()
	sec, sec2, auditor, sys, lead := f.user(secUID), f.user(sec2UID), f.user(auditorUID), f.user(sysUID), f.user(leadUID)
	for i, step := range []struct {
		who  *as.User
		verb string
		code int
		says string
	}{
		{sys, holdSet, exitNotPermitted, "may not ask for"},
		{lead, holdSet, exitNotPermitted, "may not ask for"},
		{auditor, holdSet, exitOK, "legal hold set"},
		{sec, holdSet, exitOK, "so already"},
		{auditor, holdRelease, exitNotPermitted, "zhou.hua (uid 30043) has spoken already"},
		{sys, holdRelease, exitNotPermitted, "may not ask for"},
		{nil, holdRelease, exitNotPermitted, "other than zhou.hua (uid 30043) ends the hold, not root"},
		{sec, holdRelease, exitOK, "legal hold released"},
		{sec, holdRelease, exitOK, "so already"},
		{nil, holdSet, exitOK, "legal hold set"},
		{nil, holdRelease, exitNotPermitted, "not root"},
		{sec2, holdRelease, exitOK, "legal hold released"},
		{sec, holdSet, exitOK, "legal hold set"},
		{sec2, holdRelease, exitOK, "legal hold released"},
	} {
		if code, said := f.hold(step.who, step.verb); code != step.code || !strings.Contains(said, step.says) {
			t.Errorf("step %d: exit code %d: %s", i, code, said)
		}
		if i == 2 {
			w := f.status().Warnings
			if b, _ := json.Marshal(w); !strings.Contains(string(b), `"log.held","args":["zhou.hua (uid 30043)"`) || !strings.Contains(string(b), "保全") {
				t.Errorf("status: %s", b)
			}
		}
	}
	if code, _, errs := f.exec("audit", "hold", "set", f.s.Dir, "--reason", strings.Repeat("长", 400)); code != exitUsage {
		t.Errorf("a reason of 1200 bytes: exit code %d: %s", code, errs)
	}
	f.umount()
	records := f.must("audit", "query", "ev=audit.hold", f.s.Dir, "--json")
	for _, want := range []string{
		`"res":"deny","user":"chen.it","uid":30044,`, `"rule":"duty.none"`, `"flags":"set","note":"2026-0142 保全"`, `"res":"ok","user":"zhou.hua","uid":30043`,
		`"note":"legal hold set by zhou.hua (uid 30043) on `, `"rule":"duty.self"`, `"note":"legal hold ended by sun.qi (uid 30042) on `,
	} {
		if !strings.Contains(records, want) {
			t.Errorf("no %s in\n%s", want, records)
		}
	}
	if n := strings.Count(records, `"res":"ok"`); n != 6 {
		t.Errorf("%d holds and ends are recorded, want 6:\n%s", n, records)
	}
	f.verified()
}

// TestHoldOfRootAlone: where the policy names nobody who could end it, root does.
func TestHoldOfRootAlone(t *testing.T) {
	f := newHoldFirm(t, "")
	f.mount()
	for _, verb := range []string{holdSet, holdRelease} {
		if code, said := f.hold(nil, verb); code != exitOK {
			t.Errorf("%s: exit code %d: %s", verb, code, said)
		}
	}
	f.umount()
	f.verified()
}

// TestHoldWithoutADaemon: who may write the state may set a hold, which stands and is recorded when the store is served.
func TestHoldWithoutADaemon(t *testing.T) {
	f := newHoldFirm(t, dutiesYAML)
	sec := f.user(secUID)
	if code, said := f.hold(sec, holdSet); code != exitNotPermitted {
		t.Errorf("a security administrator without a daemon: exit code %d: %s", code, said)
	}
	for _, says := range []string{"legal hold set", "so already"} {
		if code, said := f.hold(nil, holdSet); code != exitOK || !strings.Contains(said, says) {
			t.Errorf("exit code %d: %s", code, said)
		}
	}
	f.mount()
	if err := retry(func() error {
		if strings.Contains(readFile(t, filepath.Join(f.s.Log, audit.LiveName)), "legal hold set by uid 0 on ") {
			return nil
		}
		return errors.New("not recorded")
	}); err != nil {
		t.Error(err)
	}
	if code, said := f.hold(sec, holdRelease); code != exitOK {
		t.Errorf("exit code %d: %s", code, said)
	}
	if h, err := audit.ReadHold(f.s.State); err != nil || h.Set || h.UID != secUID {
		t.Errorf("%+v, %v", h, err)
	}
	f.umount()
	f.verified()
}
