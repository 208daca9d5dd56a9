package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// logFull is a mounted firm whose log has just refused a record, and the file
// that takes the room.
func logFull(t *testing.T) (f *firm, filler string) {
	t.Helper()
	f = newFirm(t)
	mountTmpfs(t, f.s.Log, "size=256k,mode=750")
	f.mount()
	lead := f.user(leadUID)
	kept := filepath.Join(f.matter(), "已存.txt")
	lead.Writes(kept, "保存好的")
	filler = filepath.Join(f.s.Log, "filler")
	if err := fill(filler); err != nil {
		t.Fatal(err)
	}
	if err := untilRefused(lead, kept); err == nil {
		t.Fatal("the log took every record")
	}
	return f, filler
}

// TestEndWithoutLog: who ends a service whose log cannot be written is told
// what is not in it, and so are the diagnostics.
func TestEndWithoutLog(t *testing.T) {
	f, filler := logFull(t)
	code, _, errs := f.exec("umount", f.mnt)
	for _, want := range []string{f.mnt + " unmounted", "audit log: it ends with record ",
		"not recorded: the unmount of " + f.mnt + " by uid 0; what was refused since the log failed: ", "hint: write down"} {
		if code != exitLog || !strings.Contains(errs, want) {
			t.Errorf("umount ends with %d and does not say %q:\n%s", code, want, errs)
		}
	}
	diagnostics, err := os.ReadFile(filepath.Join(f.s.State, daemonLogName))
	if err != nil || !strings.Contains(string(diagnostics), "not recorded: the unmount") {
		t.Errorf("diagnostics: %v:\n%s", err, diagnostics)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	f.mount()
	f.umount()
	f.verified()
}

// TestEndAfterOutage: a log that can be written again just before the end gets
// its last record, however short the time.
func TestEndAfterOutage(t *testing.T) {
	f, filler := logFull(t)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	f.umount()
	if last := f.must("audit", "tail", "-n", "2", "--json", f.s.Dir); !strings.Contains(last, `"ev":"umount"`) {
		t.Errorf("the last records are %s", last)
	}
	if all := f.must("audit", "tail", "-n", "1000", "--json", f.s.Dir); !strings.Contains(all, `"ev":"audit.recover"`) {
		t.Error("the outage is not recorded")
	}
	f.verified()
}
