package fs

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"matterfs/internal/as"
)

// Whoever may create, and not write, fills what they made themselves, by every way of
// writing there is, saves it again, and changes nothing of anybody else's.
func TestCreatorsFillTheirOwn(t *testing.T) {
	files := firm()
	files["matters/2026-0142.yaml"] = []byte(strings.Replace(matter1YAML, "rights: [read, write, create]", "rights: [read, create]", 1))
	d := mountAt(t, t.TempDir(), files)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	theirs, hers := d.in("合同.txt"), d.in("意见.txt")
	lead.Writes(theirs, "甲方:某某公司")

	member.Writes(hers, "一")
	member.Does(member.Append(hers, []byte("二")))
	member.Reads(hers, "一二")
	d.logged("ev", "write", "res", "ok", "user", "li.na", "path", "意见.txt", "rule", "member.user")
	member.Does(member.Truncate(hers, 3))
	member.Does(member.Chmod(hers, 0o600))
	member.Does(member.Setxattr(hers, "user.标签", []byte("新"), 0))
	member.Does(member.Removexattr(hers, "user.标签"))
	if res, err := member.Run([]string{"fallocate", "--length", "9000", hers}, "/"); err != nil || res.Code != 0 {
		t.Errorf("fallocate: %+v, %v", res, err)
	}
	mapsAndSaves(t, d, member, hers)

	member.CannotWrite(theirs, syscall.EACCES)
	member.Refused(member.Truncate(theirs, 0), syscall.EACCES)
	member.Refused(member.Chmod(theirs, 0o777), syscall.EACCES)
	member.Refused(member.Setxattr(theirs, "user.标签", []byte("新"), 0), syscall.EACCES)
	member.Refused(member.Rename(hers, theirs), syscall.EACCES)
	d.logged("ev", "open", "res", "deny", "user", "li.na", "path", "合同.txt", "rule", "member.right")
	lead.Reads(theirs, "甲方:某某公司")

	f, err := lead.Opens(theirs, os.O_RDWR, 0).SendTo(member)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte("x"), 0)
	member.Refused(err, syscall.EACCES)
}

// mapsAndSaves writes her document through a mapping, and as an editor does.
func mapsAndSaves(t *testing.T, d *drive, member *as.User, hers string) {
	t.Helper()
	f := member.Opens(hers, os.O_RDWR, 0)
	m, err := f.Map(0, 4096, true)
	if err != nil {
		t.Fatal(err)
	}
	member.Does(m.Write([]byte("三"), 0))
	member.Does(m.Sync())
	member.Does(m.Unmap())
	member.Does(f.Close())
	d.logged("ev", "writeback", "res", "ok", "user", "li.na", "path", "意见.txt")

	member.Writes(hers+".tmp", "定稿")
	member.Does(member.Rename(hers+".tmp", hers))
	member.Reads(hers, "定稿")
}
