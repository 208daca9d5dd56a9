package fs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"matterfs/internal/as"
	"matterfs/policy"
)

// untilToday is the firm in which the member's access ends with this day.
func untilToday() map[string][]byte {
	today := time.Now().In(time.FixedZone("CST", 8*3600)).Format("2006-01-02")
	files := firm()
	line := "  - { user: li.na, rights: [read, write, create], until: " + today + " }\n"
	files["matters/"+matter1+".yaml"] = []byte(strings.Replace(matter1YAML, memberLine, line, 1))
	return files
}

// The clock jumps ahead past the end of an access, and back, again and again: the
// access does not come back. Without that check it does. Others are served all the
// time.
func TestClockJumps(t *testing.T) {
	for _, off := range []check{checkSteady, 0} {
		t.Run(fmt.Sprintf("without %b", off), func(t *testing.T) {
			var c clock
			d := setup{files: untilToday(), now: c.now, off: without{checks: off}}.mount(t)
			lead, member := as.Start(t, zhang), as.Start(t, lina)
			lead.Writes(d.in("卷"), "甲方")
			c.forward(-time.Hour) // what is set back before anybody's access ended changes nothing
			member.Reads(d.in("卷"), "甲方")
			c.forward(time.Hour)
			dec := d.srv.Policy().Decide(policy.Request{UID: lina, Matter: matter1, Op: policy.OpRead, At: c.now()})
			ahead := dec.Expires.Sub(c.now()) + time.Minute
			for range 3 {
				c.forward(ahead)
				if _, err := member.ReadFile(d.in("卷")); err == nil {
					t.Error("the access does not end")
				}
				lead.Reads(d.in("卷"), "甲方")
				c.forward(-ahead - 2*time.Hour)
				_, err := member.ReadFile(d.in("卷"))
				if back := err == nil; back != (off == checkSteady) {
					t.Errorf("with the clock set back the access is there: %v", back)
				}
				lead.Reads(d.in("卷"), "甲方")
				c.forward(2 * time.Hour)
			}
			last := ""
			for _, l := range d.records() {
				if at := l.str("t"); at < last || at == "" {
					t.Errorf("a record of %q behind one of %q", at, last)
				} else {
					last = at
				}
			}
		})
	}
}
