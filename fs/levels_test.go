package fs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"matterfs/crypto"
	"matterfs/internal/as"
)

// levelOf fails the test unless u reads this level at path.
func levelOf(t *testing.T, u *as.User, path, want string) {
	t.Helper()
	if v, err := u.Getxattr(path, levelXattr); err != nil || string(v) != want {
		t.Errorf("the level of %s reads %q, %v, want %q", filepath.Base(path), v, err, want)
	}
}

// withFolders is the firm with other folder rules in matter1.
func withFolders(rules string) map[string][]byte {
	files := firm()
	files["matters/"+matter1+".yaml"] = []byte(strings.Replace(matter1YAML, "  - { path: 鉴定, level: 机密 }\n", rules, 1))
	return files
}

// withoutFolders is the firm without folder rules.
func withoutFolders() map[string][]byte {
	files := withFolders("")
	name := "matters/" + matter1 + ".yaml"
	files[name] = bytes.Replace(files[name], []byte("folders:\n"), nil, 1)
	return files
}

// openTop takes the second person away from the top level, so that the lead alone may see it.
func openTop(files map[string][]byte) map[string][]byte {
	files["firm.yaml"] = bytes.Replace(files["firm.yaml"], []byte("绝密: { two_person: { ttl: 4h } }"), []byte("绝密: {}"), 1)
	return files
}

// known makes the kernel remember a name and its attributes (a read makes it ask again).
func known(u *as.User, path string) {
	_, err := u.Stat(path)
	u.Does(err)
}

// A folder that gets a level by being renamed is gone at once for those below it, though the
// kernel knew its names and theirs.
func TestRenameOntoARulesPathHides(t *testing.T) {
	d := mountFirm(t)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	lead.Does(lead.Mkdir(d.in("草稿")))
	lead.Writes(d.in("草稿/意见-张三.txt"), "鉴定意见")
	member.Reads(d.in("草稿/意见-张三.txt"), "鉴定意见")
	known(member, d.in("草稿/意见-张三.txt"))

	lead.Does(lead.Rename(d.in("草稿"), d.in("鉴定")))
	for _, p := range []string{"鉴定/意见-张三.txt", "鉴定", "草稿", "草稿/意见-张三.txt"} {
		_, err := member.Stat(d.in(p))
		member.Refused(err, syscall.ENOENT)
	}
	member.Lists(d.in(""))
	levelOf(t, lead, d.in("鉴定/意见-张三.txt"), "机密")
}

// A file or a link where a rule expects a folder has the rule's level: its name is not for
// all, though the kernel has its attributes.
func TestFileAtARulesPathIsHidden(t *testing.T) {
	for what, make := range map[string]func(*as.User, string) error{
		"file": func(u *as.User, p string) error { return u.WriteFile(p, []byte("鉴定意见")) },
		"link": func(u *as.User, p string) error { return u.Symlink("对方的鉴定", p) },
	} {
		t.Run(what, func(t *testing.T) {
			d := mountFirm(t)
			lead, member := as.Start(t, zhang), as.Start(t, lina)
			lead.Does(make(lead, d.in("鉴定")))
			lead.Lists(d.in(""), "鉴定")
			_, err := member.Lstat(d.in("鉴定"))
			member.Refused(err, syscall.ENOENT)
			_, err = member.Readlink(d.in("鉴定"))
			member.Refused(err, syscall.ENOENT)
			member.IsDenied(d.in("鉴定"), syscall.ENOENT)
			member.Lists(d.in(""))
		})
	}
}

// A seal outlives its rule and a move onto a rule of a lower level.
func TestRenameNeverLowersASeal(t *testing.T) {
	top := func(rules string) map[string][]byte { return openTop(withFolders(rules)) }
	const lower = "  - { path: 鉴定, level: 机密 }\n"
	d := mountAt(t, t.TempDir(), top("  - { path: 顶, level: 绝密 }\n"+lower))
	lead := as.Start(t, zhang)
	lead.Does(lead.Mkdir(d.in("顶")))
	lead.Writes(d.in("顶/底稿"), "x")
	d.srv.SetPolicy(parse(t, top(lower)))
	levelOf(t, lead, d.in("顶/底稿"), "绝密")
	lead.Does(lead.Rename(d.in("顶"), d.in("鉴定")))
	levelOf(t, lead, d.in("鉴定/底稿"), "绝密")
}

// A folder gets the level of its rule also when it is a parent that was renamed, and keeps
// it when the rule goes.
func TestParentRenameSealsFoldersBelow(t *testing.T) {
	d := mountAt(t, t.TempDir(), withFolders("  - { path: 卷/鉴定, level: 机密 }\n"))
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	lead.Does(lead.Mkdir(d.in("旧")))
	lead.Does(lead.Mkdir(d.in("旧/鉴定")))
	lead.Writes(d.in("旧/鉴定/名单"), "一")
	member.Reads(d.in("旧/鉴定/名单"), "一")
	known(member, d.in("旧/鉴定/名单"))

	lead.Does(lead.Rename(d.in("旧"), d.in("卷")))
	_, err := member.Stat(d.in("卷/鉴定/名单"))
	member.Refused(err, syscall.ENOENT)
	member.Lists(d.in("卷"))
	levelOf(t, lead, d.in("卷/鉴定/名单"), "机密")
	d.logged("ev", "relabel", "res", "ok", "user", "zhang.wei", "path", "卷/鉴定", "level", "机密")

	d.srv.SetPolicy(parse(t, withoutFolders()))
	levelOf(t, lead, d.in("卷/鉴定/名单"), "机密")
	member.Lists(d.in("卷"))
}

// Whoever works inside a folder while it is moved above their clearance sees nothing there
// any more, neither by name nor by a mapped page; what they had written is kept.
func TestMovedAboveTheirClearance(t *testing.T) {
	d := mountFirm(t)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	lead.Does(lead.Mkdir(d.in("鉴定")))
	lead.Does(lead.Mkdir(d.in("卷")))
	lead.Writes(d.in("卷/笔录"), "旧笔录")
	member.Does(member.Chdir(d.in("卷")))
	f := member.Opens("笔录", os.O_RDWR, 0)
	m, err := f.Map(0, 4096, true)
	if err != nil {
		t.Fatal(err)
	}
	member.Does(m.Write([]byte("新"), 0))
	known(member, "笔录")

	lead.Does(lead.Rename(d.in("卷"), d.in("鉴定/卷")))
	_, err = member.Stat("笔录")
	member.Refused(err, syscall.ENOENT)
	_, err = f.ReadAt(0, 3)
	member.Refused(err, syscall.ENOENT)
	eventually(t, func() (struct{}, error) {
		if b, err := m.Read(0, 3); err == nil {
			return struct{}{}, errors.New("a mapped page still reads " + string(b))
		}
		return struct{}{}, nil
	})
	lead.Reads(d.in("鉴定/卷/笔录"), "新笔录")
	member.Does(member.Chdir("/"))
	member.Does(m.Unmap())
	member.Does(f.Close())
}

// damageFolder breaks the metadata of the folder that lies deepest in the backing directory.
func damageFolder(t *testing.T, dir string) {
	t.Helper()
	deepest := ""
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.Name() == ".mfs.dir" && strings.Count(p, "/") > strings.Count(deepest, "/") {
			deepest = p
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(deepest)
	if err != nil {
		t.Fatal(err)
	}
	b[crypto.PrefixSize+crypto.PackageOverhead] ^= 1
	if err := os.WriteFile(deepest, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// forgetAll makes the kernel forget all that nobody uses, and waits until the drive knows.
func forgetAll(t *testing.T, d *drive, left int) {
	t.Helper()
	eventually(t, func() (struct{}, error) {
		if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("2"), 0); err != nil {
			t.Fatal(err)
		}
		if n := d.srv.Stats().Nodes; n > left {
			return struct{}{}, errors.New("the kernel keeps nodes")
		}
		return struct{}{}, nil
	})
}

// When a folder's level cannot be read any more, it counts as the highest: damage shows no
// name to those who were not to see it.
func TestDamagedFolderStaysHidden(t *testing.T) {
	d := mountFirm(t)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	lead.Does(lead.Mkdir(d.in("鉴定")))
	d.srv.SetPolicy(parse(t, openTop(withoutFolders()))) // from here on only the seal hides it
	member.Lists(d.in(""))
	forgetAll(t, d, 1)
	damageFolder(t, d.path("data"))
	_, err := lead.Stat(d.in("鉴定"))
	lead.Refused(err, syscall.EIO)
	lead.Lists(d.in(""), "鉴定")
	member.Lists(d.in(""))
}
