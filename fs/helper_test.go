package fs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"matterfs/internal/as"
)

// TestNobodyWaitsForItself: a process that waited for the drive that it serves could not be killed. So none of the
// daemon's own threads asks the drive; the walker is another process, and does what it is there for.
func TestNobodyWaitsForItself(t *testing.T) {
	d := mountFirm(t)
	lead, outside := as.Start(t, zhang), as.Start(t, other)
	lead.Does(lead.Chdir(d.in("")))
	walker := d.srv.fs.mender.thread.Load
	waitFor(t, func() bool { return walker() != 0 })
	if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", walker())); err == nil {
		t.Error("a thread of the daemon walks in its own drive")
	}
	outside.IsDenied(filepath.Join(d.mnt, matter1), syscall.ENOENT)
	waitFor(t, d.mended)
	if wd, err := lead.Getcwd(); err != nil || wd != d.in("") {
		t.Errorf("the member is in %q, %v", wd, err)
	}
}

// TestWalker says who it is, answers each path, whether it is there or not, and ends with its input.
func TestWalker(t *testing.T) {
	var out bytes.Buffer
	walkPaths(strings.NewReader("/\x00/不存在\x00"), &out)
	if out.Len() != 4+2 {
		t.Errorf("the walker says %q", out.Bytes())
	}
	w, err := startWalker()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.walk("/"); err != nil || w.thread == 0 {
		t.Errorf("walker %d: %v", w.thread, err)
	}
	w.stop()
	if err := w.walk("/"); err == nil {
		t.Error("a walker that ended walks")
	}
}

// TestHelperIsChosenByName: no other program becomes a helper.
func TestHelperIsChosenByName(t *testing.T) {
	for _, args := range [][]string{nil, {""}, {"matterfs"}, {"matterfs", walkerName}} {
		if Helper(args) {
			t.Errorf("%q is taken for a helper", args)
		}
	}
}
