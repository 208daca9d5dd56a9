package fs

import (
	"errors"
	"os"
	"testing"

	"matterfs/internal/as"
)

// What the probe says of the kernel is what the drive meets: when repeats are seen, two calls
// leave two records; when they are not, one, and the drop of the page is what brings the next.
func TestSendfileProbe(t *testing.T) {
	does, err := probeSendfile()
	if err != nil || does == SendfileUnknown {
		t.Fatalf("the probe says %s: %v", does, err)
	}
	d := mountFirm(t)
	lead := as.Start(t, zhang)
	lead.Writes(d.in("合同"), secret)
	f := lead.Opens(d.in("合同"), os.O_RDONLY, 0)
	d.srv.fs.off.set(without{checks: checkDrop})
	for range 2 {
		if got := tries(t, lead, []*as.File{f}, "sendfile"); got != secret {
			t.Errorf("sendfile gives %q", got)
		}
	}
	seen := d.count("ev", "fill", "path", "合同")
	if want := map[string]int{SendfileGap: 1, SendfileSeen: 2}[does]; seen != want {
		t.Errorf("two calls left %d records, the probe says %s", seen, does)
	}
	d.srv.Refresh()
	d.srv.fs.off.set(without{})
	eventually(t, func() (struct{}, error) {
		if tries(t, lead, []*as.File{f}, "sendfile"); d.count("ev", "fill", "path", "合同") < seen+2 {
			return struct{}{}, errors.New("no later call was seen")
		}
		return struct{}{}, nil
	})
	lead.Does(f.Close())
	eventually(t, func() (struct{}, error) {
		if got := d.srv.Stats().Sendfile; got != does {
			return struct{}{}, errors.New("the drive's gauges say " + got)
		}
		return struct{}{}, nil
	})
}
