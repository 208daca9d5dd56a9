package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// nssModule is a source of users and groups that answers nothing, and while the
// file HANG exists does not answer at all: as an LDAP server does that takes the
// connection and is silent.
const nssModule = `#include <nss.h>
#include <unistd.h>
static enum nss_status ask(int *err) { while (access(HANG, F_OK) == 0) usleep(20000); *err = 2; return NSS_STATUS_NOTFOUND; }
enum nss_status _nss_hang_getgrnam_r(const char *n, void *g, char *b, size_t l, int *e) { return ask(e); }
enum nss_status _nss_hang_getgrgid_r(unsigned i, void *g, char *b, size_t l, int *e) { return ask(e); }
enum nss_status _nss_hang_initgroups_dyn(const char *u, unsigned g, long *s, long *z, unsigned **p, long m, int *e) { return ask(e); }
`

// nssFirm is a firm on a machine of its own as far as users and groups go: a
// real passwd, group and nsswitch.conf, read by the real C library.
type nssFirm struct {
	*firm
	daemon *exec.Cmd
	group  string // the group database
	hang   string // exists: no answer
	errs   bytes.Buffer
}

// walled is a policy in which li.na is a member by a unix group and wang.qiang
// is screened by one.
const walled = `users:
  zhang.wei: { uid: 30021, role: lawyer, name: 张伟 }
  li.na: { uid: 30022, role: lawyer, name: 李娜 }
  wang.qiang: { uid: 30023, role: lawyer, name: 王强 }
groups:
  lit: { unix: lit-team }
  old: { unix: old-team }
matters:
  - matter: "2026-0142"
    client: C0091
    title: 甲
    level: 秘密
    lead: zhang.wei
    status: active
    members: [ { group: lit, rights: [read] } ]
  - matter: "2026-0177"
    client: C0092
    title: 乙
    level: 秘密
    lead: zhang.wei
    status: active
    members: [ { user: wang.qiang, rights: [read] }, { user: li.na, rights: [read] } ]
walls:
  - { id: W-01, screen: [ { group: old } ], from: [ { matter: "2026-0177" } ], until: 2099-12-31, reason: 曾代理对方 }
`

const walledGroups = "root:x:0:\nlit-team:x:30501:somebody,li.na\nold-team:x:30502:wang.qiang\n"

func newNSSFirm(t *testing.T) *nssFirm {
	t.Helper()
	f := &nssFirm{firm: newFirm(t)}
	f.write(filepath.Join(f.s.Policy, "matters", "0142.yaml"), walled)
	top := filepath.Dir(f.mnt)
	f.group, f.hang = filepath.Join(top, "group"), filepath.Join(top, "hang")
	f.write(f.group, walledGroups)
	f.write(filepath.Join(top, "passwd"), "root:x:0:0::/root:/bin/sh\nzhang.wei:x:30021:30021::/:/bin/sh\n"+
		"li.na:x:30022:30022::/:/bin/sh\nwang.qiang:x:30023:30023::/:/bin/sh\n")
	f.write(filepath.Join(top, "nsswitch.conf"), "passwd: files\ngroup: hang files\n")
	source := filepath.Join(top, "hang.c")
	f.write(source, nssModule)
	build := exec.Command("gcc", "-shared", "-fPIC", "-o", filepath.Join(top, "libnss_hang.so.2"), `-DHANG="`+f.hang+`"`, source)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v: %s", err, out)
	}
	return f
}

// start serves in the foreground, seen in a mount namespace of its own.
func (f *nssFirm) start() {
	f.t.Helper()
	top := filepath.Dir(f.mnt)
	f.daemon = namespaced(map[string]string{
		"/etc/passwd": filepath.Join(top, "passwd"), "/etc/group": f.group, "/etc/nsswitch.conf": filepath.Join(top, "nsswitch.conf"),
	}, `exec matterfs mount "$1" "$2"`, f.s.Dir, f.mnt)
	f.daemon.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "LD_LIBRARY_PATH="+top, "MATTERFS_RUN_DIR="+f.run)
	f.daemon.Stderr = &f.errs
	if err := f.daemon.Start(); err != nil {
		f.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- f.daemon.Wait() }()
	f.t.Cleanup(func() {
		f.daemon.Process.Kill()
		<-ended
	})
	if err := retry(func() error {
		if code, _, errs := f.exec("status", f.s.Dir); code == exitNoDaemon {
			return errors.New(errs)
		}
		return nil
	}); err != nil {
		f.t.Fatalf("the daemon is not ready: %v: %s", err, f.errs.String())
	}
}

// can tells whether somebody may list a matter, as they do who are on that
// machine.
func (f *nssFirm) can(uid int, matter string) bool {
	f.t.Helper()
	id := strconv.Itoa(uid)
	cmd := exec.Command("nsenter", "-m", "-t", strconv.Itoa(f.daemon.Process.Pid),
		"setpriv", "--reuid", id, "--regid", id, "--clear-groups", "ls", filepath.Join(f.mnt, matter))
	return cmd.Run() == nil
}

// becomes waits until somebody may, or may not any more.
func (f *nssFirm) becomes(uid int, matter string, want bool) {
	f.t.Helper()
	if err := retry(func() error {
		if f.can(uid, matter) != want {
			return fmt.Errorf("uid %d on %s: still %t", uid, matter, !want)
		}
		return nil
	}); err != nil {
		f.t.Error(err)
	}
}

func (f *nssFirm) hangup() {
	f.t.Helper()
	if err := f.daemon.Process.Signal(syscall.SIGHUP); err != nil {
		f.t.Fatal(err)
	}
}

// end asks the daemon to end, and waits until it has.
func (f *nssFirm) end() {
	f.t.Helper()
	if err := f.daemon.Process.Signal(syscall.SIGTERM); err != nil {
		f.t.Fatal(err)
	}
	f.mustEnd()
	f.verified()
}

func (f *nssFirm) warned(code string) bool {
	for _, w := range f.status().Warnings {
		if w.Code == code {
			return true
		}
	}
	return false
}

// screenedUID is wang.qiang.
const screenedUID = 30023

// TestGroupDatabase: supplementary members in a real group file decide, and
// SIGHUP acts on a change of it.
func TestGroupDatabase(t *testing.T) {
	f := newNSSFirm(t)
	f.start()
	for _, c := range []struct {
		uid    int
		matter string
		want   bool
	}{
		{leadUID, "2026-0142", true}, {memberUID, "2026-0142", true}, {screenedUID, "2026-0142", false},
		{memberUID, "2026-0177", true}, {screenedUID, "2026-0177", false},
	} {
		if got := f.can(c.uid, c.matter); got != c.want {
			t.Errorf("uid %d on %s: %t", c.uid, c.matter, got)
		}
	}
	f.write(f.group, strings.ReplaceAll(walledGroups, "li.na", "wang.qiang"))
	f.hangup()
	f.becomes(memberUID, "2026-0142", false)
	f.becomes(screenedUID, "2026-0142", true)
	f.write(f.group, strings.ReplaceAll(walledGroups, "old-team:x:30502:wang.qiang", "old-team:x:30502:"))
	f.hangup()
	f.becomes(screenedUID, "2026-0177", true)
	if f.warned("groups.silent") {
		t.Error("status says that the system does not answer")
	}
	f.end()
}

// TestHangingNSS: a directory service that does not answer hangs nobody: grants
// by group end, walls against groups stand for everybody, status names it, and
// the service ends when it is told to.
func TestHangingNSS(t *testing.T) {
	f := newNSSFirm(t)
	f.start()
	if !f.can(memberUID, "2026-0142") || !f.can(memberUID, "2026-0177") {
		t.Fatal("with answers a member by group is none")
	}
	f.write(f.hang, "")
	f.hangup() // asks anew: what was known counts for a moment more
	f.becomes(memberUID, "2026-0142", false)
	f.becomes(memberUID, "2026-0177", false) // nobody knows whom the wall is against
	f.becomes(screenedUID, "2026-0177", false)
	if !f.can(leadUID, "2026-0142") {
		t.Error("the lead, who needs no group there, is refused")
	}
	if !f.warned("groups.silent") {
		t.Errorf("status does not name it: %+v", f.status().Warnings)
	}
	before := f.threads()
	f.must("user", "disable", "zhang.wei", "--reason", "t", f.s.Dir)
	if f.can(leadUID, "2026-0142") {
		t.Error("who is disabled waits for an answer about groups")
	}
	f.must("user", "enable", "zhang.wei", "--reason", "t", f.s.Dir)
	f.asks(200)
	if after := f.threads(); after > before+60 {
		t.Errorf("%d threads before 200 questions, %d after", before, after)
	}
	if !f.can(leadUID, "2026-0142") {
		t.Error("the lead is refused")
	}
	if err := os.Remove(f.hang); err != nil { // the service comes back
		t.Fatal(err)
	}
	f.becomes(memberUID, "2026-0142", true)
	f.becomes(memberUID, "2026-0177", true)
	f.becomes(screenedUID, "2026-0177", false)
	f.write(f.hang, "")
	f.hangup()
	f.becomes(memberUID, "2026-0142", false)
	f.end()
}

// TestMountWithHangingNSS: a service that is silent from the start does not keep
// a store from being served, nor lets anybody in.
func TestMountWithHangingNSS(t *testing.T) {
	f := newNSSFirm(t)
	f.write(f.hang, "")
	f.start()
	for uid, want := range map[int]bool{leadUID: true, memberUID: false, screenedUID: false} {
		if got := f.can(uid, "2026-0142"); got != want {
			t.Errorf("uid %d: %t, want %t", uid, got, want)
		}
	}
	if f.can(memberUID, "2026-0177") || !f.warned("groups.silent") {
		t.Errorf("a wall against an unknown group is down, or nobody is told: %+v", f.status().Warnings)
	}
	f.end()
}

// asks has the policy loaded anew n times; each asks about groups anew.
func (f *nssFirm) asks(n int) {
	f.t.Helper()
	c, err := dial(filepath.Join(f.run, f.status().Store+".sock"), "the firm")
	if err != nil {
		f.t.Fatal(err)
	}
	defer c.close()
	for range n {
		if _, err := c.ask("reload"); err != nil {
			f.t.Fatal(err)
		}
	}
}

func (f *nssFirm) threads() int {
	f.t.Helper()
	n, err := strconv.Atoi(statusOf(f.t, f.daemon.Process.Pid)["Threads"])
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}
