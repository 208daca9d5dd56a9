//go:build apps

package apptest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"matterfs/internal/as"
)

func TestMain(m *testing.M) {
	as.Main()
	os.Exit(m.Run())
}

// The people of the test firm.
const (
	lead   = 10021
	member = 10022
)

const firmYAML = `version: 1
timezone: Asia/Shanghai
levels: { 秘密: {}, 机密: { purpose: required } }
roles:
  lawyer: { clearance: 机密, rights: [read, write, create, delete, rename] }
users:
  zhang.wei: { uid: 10021, role: lawyer, name: 张伟 }
  li.na: { uid: 10022, role: lawyer, name: 李娜 }
`

const matterYAML = `matter: "2026-0142"
client: C0091
title: 甲公司诉乙公司买卖合同纠纷
level: 机密
lead: zhang.wei
status: active
members:
  - { user: li.na, rights: [read, write, create, delete, rename], until: 2099-12-31, purpose: 证据整理 }
`

// site is a place to work in, and its two people.
type site struct {
	t     *testing.T
	dir   string // the matter's folder
	tmp   string // plain, shared, outside the mount
	zhang *as.User
	li    *as.User
}

// open makes a firm and mounts it; the test's end unmounts it.
func open(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, tmp: as.Dir(t)}
	must(t, os.Mkdir(s.shared(), 0o777), os.Chmod(s.shared(), 0o777))
	for _, uid := range []int{lead, member} {
		must(t, os.Mkdir(s.home(uid), 0o700), os.Chown(s.home(uid), uid, uid))
	}
	switch kind := os.Getenv("MATTERFS_APPTEST"); kind {
	case "plain":
		s.openPlain()
	case "":
		s.openFirm()
	default:
		t.Fatalf("MATTERFS_APPTEST is %q, want plain or nothing", kind)
	}
	s.zhang, s.li = as.Start(t, lead), as.Start(t, member)
	return s
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (s *site) openPlain() {
	s.dir = filepath.Join(s.tmp, "plain")
	must(s.t, os.Mkdir(s.dir, 0o777), os.Chmod(s.dir, 0o777))
}

func (s *site) openFirm() {
	bin := os.Getenv("MATTERFS_BIN")
	if bin == "" {
		s.t.Fatal("MATTERFS_BIN does not name the program to test; run make test-apps")
	}
	firm, mnt := filepath.Join(s.tmp, "firm"), filepath.Join(s.tmp, "mnt")
	must(s.t, os.Mkdir(mnt, 0o755))
	s.command(bin, "init", firm)
	s.write(filepath.Join(firm, "policy", "firm.yaml"), firmYAML)
	s.write(filepath.Join(firm, "policy", "matters", "2026-0142.yaml"), matterYAML)
	s.command(bin, "mount", "--background", firm, mnt)
	s.t.Cleanup(func() {
		s.command(bin, "umount", mnt)
		s.command(bin, "audit", "verify", firm)
	})
	s.dir = filepath.Join(mnt, "2026-0142")
}

func (s *site) write(path, content string) {
	s.t.Helper()
	must(s.t, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644))
}

// command runs a program as root and fails the test when it fails.
func (s *site) command(argv ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		s.t.Errorf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return string(out)
}

// shared is a plain directory that everybody may write: for what the programs should leave outside the mount.
func (s *site) shared() string { return filepath.Join(s.tmp, "shared") }

// home is a user's own plain directory.
func (s *site) home(uid int) string { return filepath.Join(s.tmp, fmt.Sprint("home-", uid)) }

// path names something in the matter.
func (s *site) path(name ...string) string {
	return filepath.Join(append([]string{s.dir}, name...)...)
}

// runs runs a program as the user in dir and fails the test unless it exits with 0. It returns standard output.
func (s *site) runs(u *as.User, dir string, argv ...string) string {
	s.t.Helper()
	r := s.tries(u, dir, argv...)
	if r.Code != 0 {
		s.t.Fatalf("uid %d: %q in %s exits with %d\n%s%s", u.UID(), argv, dir, r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// tries runs a program whose exit status the test judges itself.
func (s *site) tries(u *as.User, dir string, argv ...string) as.Result {
	s.t.Helper()
	home := s.home(int(u.UID()))
	r, err := u.Run(argv, dir, "HOME="+home, "TMPDIR="+home, "TERM=xterm", "USER=user")
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// eventually waits for something that another process does, for at most half a minute.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 300 {
		if ok() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("waited in vain until %s", what)
}
