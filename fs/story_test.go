package fs

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"matterfs/internal/as"
)

// The story of a matter: who reads, who does not even see the name, and what the log says.
func TestStory(t *testing.T) {
	d := mountFirm(t)
	contract := d.in("证据/合同-0031.txt")
	lead, member, read := as.Start(t, zhang), as.Start(t, lina), as.Start(t, reader)
	screened, departed, outside := as.Start(t, chen), as.Start(t, wang), as.Start(t, other)
	stranger, root := as.Start(t, nobody), as.Start(t, 0)

	lead.Lists(d.mnt, matter1, matter2, "2026-0200")
	lead.Does(lead.Mkdir(d.in("证据")))
	lead.Writes(contract, "甲方:某某公司")
	lead.Reads(contract, "甲方:某某公司")
	d.logged("ev", "create", "res", "ok", "user", "zhang.wei", "path", "证据/合同-0031.txt", "rule", "member.lead")

	member.Lists(d.mnt, matter1)
	member.Reads(contract, "甲方:某某公司")
	member.Writes(d.in("证据/清单.txt"), "一")
	d.logged("ev", "read", "res", "ok", "user", "li.na", "uid", lina, "rule", "member.user", "off", 0, "len", len("甲方:某某公司"))
	member.Refused(member.Remove(contract), syscall.EACCES)
	member.Refused(member.Rename(contract, d.in("x")), syscall.EACCES)
	d.logged("ev", "unlink", "res", "deny", "user", "li.na", "rule", "member.right")
	d.logged("ev", "rename", "res", "deny", "user", "li.na", "rule", "member.right")
	member.Does(member.Remove(d.in("证据/清单.txt")))

	read.Reads(contract, "甲方:某某公司")
	read.CannotWrite(contract, syscall.EACCES)
	d.logged("ev", "open", "res", "deny", "user", "zhao.lei", "rule", "member.right")
	read.CannotWrite(d.in("新.txt"), syscall.EACCES)
	read.Refused(read.Mkdir(d.in("新")), syscall.EACCES)
	read.Refused(read.Truncate(contract, 0), syscall.EACCES)
	read.Refused(read.Chmod(contract, 0o777), syscall.EACCES)

	screened.Lists(d.mnt)
	screened.IsDenied(contract, syscall.ENOENT)
	_, err := screened.Stat(filepath.Join(d.mnt, matter1))
	screened.Refused(err, syscall.ENOENT)
	d.logged("ev", "lookup", "res", "deny", "user", "chen.jie", "matter", matter1, "rule", "wall.W-07")

	outside.Lists(d.mnt)
	outside.IsDenied(contract, syscall.ENOENT)
	d.logged("ev", "lookup", "res", "deny", "user", "sun.li", "matter", matter1, "rule", "member.none")

	for _, who := range []struct {
		u    *as.User
		uid  int
		rule string
	}{{departed, wang, "user.departed"}, {stranger, nobody, "user.unknown"}, {root, 0, "user.unknown"}} {
		_, err := who.u.ReadDir(d.mnt)
		who.u.Refused(err, syscall.EACCES)
		who.u.IsDenied(contract, syscall.EACCES)
		_, err = who.u.Stat(filepath.Join(d.mnt, "no-such-matter"))
		who.u.Refused(err, syscall.EACCES)
		d.logged("ev", "lookup", "res", "deny", "uid", who.uid, "rule", who.rule)
	}

	lead.IsDenied(filepath.Join(d.mnt, "2026-0200"), syscall.EACCES)
	d.logged("ev", "lookup", "res", "deny", "user", "zhang.wei", "matter", "2026-0200", "rule", "need.second")
}

// A descriptor is not a permission: whoever reads from it is asked for, by name.
func TestPassedDescriptor(t *testing.T) {
	d := mountFirm(t)
	lead, member, outside := as.Start(t, zhang), as.Start(t, lina), as.Start(t, other)
	lead.Writes(d.in("合同.txt"), "甲方:某某公司")

	f := lead.Opens(d.in("合同.txt"), os.O_RDWR, 0)
	theirs, err := f.SendTo(outside)
	if err != nil {
		t.Fatal(err)
	}
	_, err = theirs.ReadAt(0, 4)
	outside.Refused(err, syscall.ENOENT)
	_, err = theirs.WriteAt([]byte("x"), 0)
	outside.Refused(err, syscall.ENOENT)
	_, err = theirs.Stat()
	if err == nil {
		t.Log("attributes of a passed descriptor came from the kernel's cache")
	}
	d.logged("ev", "read", "res", "deny", "uid", other, "user", "sun.li", "path", "合同.txt")
	d.logged("ev", "write", "res", "deny", "uid", other, "user", "sun.li", "path", "合同.txt")

	hers, err := f.SendTo(member)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := hers.ReadAt(0, 6); err != nil || string(b) != "甲方" {
		t.Errorf("a member reads %q, %v through a passed descriptor", b, err)
	}
	d.logged("ev", "read", "res", "ok", "uid", lina, "ouid", zhang, "len", 6)
	if _, err := f.ReadAt(3, 4); err != nil {
		t.Error(err)
	}
	lead.Does(hers.Close())
	lead.Does(theirs.Close())
	lead.Does(f.Close())
	d.unmount()
	d.logged("ev", "close", "res", "ok", "user", "li.na", "uid", lina, "ouid", zhang, "flags", "read=6,written=0", "read_ranges", "0-6")
	d.logged("ev", "close", "res", "ok", "user", "zhang.wei", "uid", zhang, "ouid", nil, "flags", "read=4,written=0", "read_ranges", "3-7")
}

// A stream of the root that is passed on shows its reader's matters, not its opener's.
func TestPassedRootStream(t *testing.T) {
	d := mountFirm(t)
	lead, member, stranger := as.Start(t, zhang), as.Start(t, lina), as.Start(t, nobody)
	f := lead.Opens(d.mnt, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	hers, err := f.SendTo(member)
	if err != nil {
		t.Fatal(err)
	}
	names, err := hers.Names(8192)
	if err != nil || len(names) != 1 || names[0] != matter1 {
		t.Errorf("a member lists %q, %v from the lead's stream, want only %q", names, err, matter1)
	}
	d.logged("ev", "list", "res", "ok", "uid", lina, "ouid", zhang)
	theirs, err := f.SendTo(stranger)
	if err != nil {
		t.Fatal(err)
	}
	_, err = theirs.Names(8192)
	stranger.Refused(err, syscall.EACCES)
	d.logged("ev", "list", "res", "deny", "uid", nobody, "rule", "user.unknown")
}

// A folder above someone's clearance is not there for them, and its documents cannot leave it.
func TestFolderLevel(t *testing.T) {
	d := mountFirm(t)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	lead.Does(lead.Mkdir(d.in("鉴定")))
	lead.Writes(d.in("鉴定/意见.txt"), "鉴定意见")
	lead.Writes(d.in("普通.txt"), "一")
	lead.Lists(d.in(""), "鉴定", "普通.txt")

	member.Lists(d.in(""), "普通.txt")
	member.IsDenied(d.in("鉴定"), syscall.ENOENT)
	member.IsDenied(d.in("鉴定/意见.txt"), syscall.ENOENT)
	d.logged("ev", "lookup", "res", "deny", "user", "li.na", "path", "鉴定", "rule", "level.clearance")
	member.Refused(member.Rename(d.in("普通.txt"), d.in("鉴定/x")), syscall.ENOENT)

	lead.Refused(lead.Rename(d.in("鉴定/意见.txt"), d.in("意见.txt")), syscall.EACCES)
	d.logged("ev", "rename", "res", "deny", "user", "zhang.wei", "rule", "level.lower")
	lead.Refused(lead.Rename(d.in("鉴定"), d.in("别名")), syscall.EACCES)
	lead.Refused(lead.Rmdir(d.in("鉴定")), syscall.EACCES)
	d.logged("ev", "rmdir", "res", "deny", "user", "zhang.wei", "rule", "level.pinned")
	if v, err := lead.Getxattr(d.in("鉴定/意见.txt"), "user.matterfs.level"); err != nil || string(v) != "机密" {
		t.Errorf("level of the document reads %q, %v", v, err)
	}
}

// The root is the same for everybody and cannot be changed by anybody.
func TestRoot(t *testing.T) {
	d := mountFirm(t)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	a, err := lead.Stat(d.mnt)
	if err != nil {
		t.Fatal(err)
	}
	b, err := member.Stat(d.mnt)
	if err != nil || a != b {
		t.Errorf("the root differs by caller: %+v, %+v, %v", a, b, err)
	}
	for _, name := range []string{"新案件", matter1, "2026-0200", matter2} {
		p := filepath.Join(d.mnt, name)
		for _, u := range []*as.User{lead, member} {
			err := u.Mkdir(p)
			if err == nil || name == "新案件" {
				u.Refused(err, syscall.EACCES)
			}
			u.Refused(u.Rename(d.in(""), p+"x"), syscall.EACCES)
		}
	}
	lead.Refused(lead.Symlink("/etc", filepath.Join(d.mnt, "链接")), syscall.EACCES)
	lead.CannotWrite(filepath.Join(d.mnt, "文件"), syscall.EACCES)
	d.logged("ev", "mkdir", "res", "deny", "user", "zhang.wei", "rule", "root.fixed")
}

// What the drive refuses to everybody, each with its errno and its record.
func TestRefusedOperations(t *testing.T) {
	d := mountFirm(t)
	lead := as.Start(t, zhang)
	lead.Writes(d.in("a"), "1")
	lead.Writes(d.in("b"), "2")

	lead.Refused(lead.Link(d.in("a"), d.in("c")), syscall.EPERM)
	d.logged("ev", "link", "res", "deny", "rule", "op.link")
	lead.Refused(lead.Chown(d.in("a"), 0, 0), syscall.EPERM)
	lead.Does(lead.Chown(d.in("a"), zhang, zhang))
	d.logged("ev", "setattr", "res", "deny", "rule", "op.chown")
	_, err := lead.Open(d.in(""), 0o20000000|syscall.O_DIRECTORY|syscall.O_RDWR, 0o600)
	lead.Refused(err, syscall.EOPNOTSUPP)
	d.logged("res", "deny", "rule", "op.tmpfile")
	const exchange = 2
	lead.Refused(lead.RenameFlags(d.in("a"), d.in("b"), exchange), syscall.EINVAL)
	const noReplace = 1
	lead.Refused(lead.RenameFlags(d.in("a"), d.in("b"), noReplace), syscall.EEXIST)
	lead.Refused(lead.Rename(d.in("a"), filepath.Join(d.mnt, matter2, "a")), syscall.EXDEV)
	_, err = lead.Getxattr(d.in("a"), "security.capability")
	lead.Refused(err, syscall.EOPNOTSUPP)
	lead.Refused(lead.Setxattr(d.in("a"), "user.matterfs.level", []byte("秘密"), 0), syscall.EPERM)
	d.logged("ev", "setxattr", "res", "deny", "rule", "op.xattr")
	lead.Reads(d.in("a"), "1")
	lead.Reads(d.in("b"), "2")
}
