package fs

import (
	"strings"
	"syscall"
	"testing"

	"matterfs/internal/as"
)

// TestDOSAttributes: what smbd reads for every entry of a listing is decided like any attribute and recorded like a
// stat, that is, not; a value too long for it is somebody's data, and so is every other attribute.
func TestDOSAttributes(t *testing.T) {
	d := mountFirm(t)
	lead, member, screened := as.Start(t, zhang), as.Start(t, lina), as.Start(t, chen)
	lead.Writes(d.in("a"), "1")
	read := func(name, value string, records int) {
		t.Helper()
		lead.Does(lead.Setxattr(d.in("a"), name, []byte(value), 0))
		before := d.count("ev", "getxattr", "res", "ok")
		if v, err := member.Getxattr(d.in("a"), name); string(v) != value || err != nil {
			t.Errorf("%s is %q, %v", name, v, err)
		}
		if n := d.count("ev", "getxattr", "res", "ok") - before; (n > 0) != (records > 0) {
			t.Errorf("reading %d bytes of %s left %d records", len(value), name, n)
		}
	}
	read(dosXattr, strings.Repeat("x", dosXattrLimit), 0)
	read(dosXattr, strings.Repeat("x", dosXattrLimit+1), 1)
	read("user.other", "x", 1)
	d.logged("ev", "setxattr", "user", "zhang.wei", "path", "a")
	_, err := screened.Getxattr(d.in("a"), dosXattr)
	screened.Refused(err, syscall.ENOENT)
}
