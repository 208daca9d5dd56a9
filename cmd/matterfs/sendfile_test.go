package main

import (
	"errors"
	"strings"
	"testing"

	"matterfs/fs"
)

// TestStatusTellsOfSendfile: the status of a mounted store says whether this
// kernel hides repeated reads, in a line that can be searched for.
func TestStatusTellsOfSendfile(t *testing.T) {
	f := startFirm(t)
	err := retry(func() error { // the kernel is asked in the background
		_, out, errs := f.exec("status", f.s.Dir)
		if strings.Contains(out, "\nsendfile  seen: ") != strings.Contains(out, "\nsendfile  gap: ") {
			return nil
		}
		return errors.New(out + errs)
	})
	if err != nil {
		t.Error(err)
	}
	for does, word := range map[string]string{fs.SendfileSeen: "seen: ", fs.SendfileGap: "gap: ", fs.SendfileUnknown: "unknown: ", "": "unknown: "} {
		if got := sendfileText(does); !strings.HasPrefix(got, word) {
			t.Errorf("%q is told as %q", does, got)
		}
	}
}
