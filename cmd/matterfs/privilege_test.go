package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"matterfs/policy"
)

// The account that these daemons run as. It need not exist.
const (
	serviceUID = 30471
	serviceGID = 30472
	serviceIDs = "30471:30472"
)

func newServiceFirm(t testing.TB) *firm { return newFirm(t, "--user", serviceIDs) }

// statusOf reads the lines of /proc/PID/status.
func statusOf(t testing.TB, pid int) map[string]string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	lines := make(map[string]string)
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		lines[name] = strings.Join(strings.Fields(value), " ")
	}
	return lines
}

// keeperOf is the only child of a daemon.
func keeperOf(t testing.TB, daemon int) int {
	t.Helper()
	for _, dir := range globbed("/proc/[0-9]*") {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		b, err := os.ReadFile(dir + "/status")
		if err == nil && strings.Contains(string(b), fmt.Sprintf("\nPPid:\t%d\n", daemon)) {
			return pid
		}
	}
	t.Fatalf("daemon %d has no keeper", daemon)
	return 0
}

// TestDaemonWithoutPrivileges: what serves has nothing left of root, and what
// stays root can mount and unmount, no more.
func TestDaemonWithoutPrivileges(t *testing.T) {
	f := newServiceFirm(t)
	f.mount()
	pid := f.status().PID
	const none = "0000000000000000"
	got := statusOf(t, pid)
	for name, want := range map[string]string{
		"Uid": "30471 30471 30471 30471", "Gid": "30472 30472 30472 30472", "NoNewPrivs": "1",
		"CapInh": none, "CapPrm": none, "CapEff": none, "CapBnd": none, "CapAmb": none,
	} {
		if got[name] != want {
			t.Errorf("daemon: %s %q, want %q", name, got[name], want)
		}
	}
	if slices.Contains(strings.Fields(got["Groups"]), "0") {
		t.Errorf("daemon: groups %s", got["Groups"])
	}
	if limits := readFile(t, fmt.Sprintf("/proc/%d/limits", pid)); !strings.Contains(strings.Join(strings.Fields(limits), " "), "Max core file size 0 0 ") {
		t.Errorf("core files are not forbidden:\n%s", limits)
	}
	if st, err := os.Stat(fmt.Sprintf("/proc/%d/fd", pid)); err != nil || st.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("the daemon is dumpable: %v", err)
	}
	keeper := statusOf(t, keeperOf(t, pid))
	admin := fmt.Sprintf("%016x", 1<<unix.CAP_SYS_ADMIN)
	for name, want := range map[string]string{"Uid": "0 0 0 0", "NoNewPrivs": "1", "CapInh": none, "CapPrm": admin, "CapEff": admin, "CapBnd": admin, "CapAmb": none} {
		if keeper[name] != want {
			t.Errorf("keeper: %s %q, want %q", name, keeper[name], want)
		}
	}
	st := f.status()
	if st.UID == nil || *st.UID != serviceUID || st.Health != healthOK {
		t.Errorf("status: uid %v, health %s, %+v", st.UID, st.Health, st.Warnings)
	}
	if slices.ContainsFunc(st.Warnings, func(w warning) bool { return w.Code == "daemon.root" }) {
		t.Error("status says that the daemon is root")
	}
	f.umount()
	f.verified()
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestServiceUserServes: everything that a drive does works without privileges.
func TestServiceUserServes(t *testing.T) {
	f := newServiceFirm(t)
	f.mount()
	lead, member := f.user(leadUID), f.user(memberUID)
	doc, tmp := filepath.Join(f.matter(), "甲.txt"), filepath.Join(f.matter(), ".甲.tmp")
	lead.Writes(tmp, "第一稿")
	lead.Does(lead.Rename(tmp, doc))
	lead.Writes(doc, "第二稿")
	member.Reads(doc, "第二稿")
	lead.Does(lead.Mkdir(filepath.Join(f.matter(), "证据")))
	lead.Lists(f.matter(), "甲.txt", "证据")
	member.Refused(member.WriteFile(doc, []byte("x")), syscall.EACCES)

	f.must("user", "disable", "li.na", "--reason", "t", f.s.Dir)
	member.IsDenied(doc, syscall.EACCES)
	f.must("user", "enable", "li.na", "--reason", "t", f.s.Dir)
	member.Reads(doc, "第二稿")

	// The policy stays root's, and a change of it is noticed all the same.
	matter := filepath.Join(f.s.Policy, "matters", "0142.yaml")
	f.write(matter, strings.Replace(firmYAML, "members: [ { user: li.na, rights: [read] } ]", "members: []", 1))
	member.Does(retry(func() error {
		if _, err := member.ReadFile(doc); err == nil {
			return errors.New("still read")
		}
		return nil
	}))
	f.write(matter, firmYAML)
	f.must("policy", "reload", f.s.Dir)
	member.Reads(doc, "第二稿")
	if err := syscall.Kill(f.status().PID, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	member.Reads(doc, "第二稿")
	if out, err := exec.Command("umount", f.mnt).CombinedOutput(); err == nil {
		f.mustEnd() // by root without us: the daemon ends, the keeper with it
	} else if !strings.Contains(string(out), "busy") {
		t.Fatalf("umount: %v: %s", err, out)
	} else {
		f.umount()
	}
	f.verified()
	f.mount()
	lead.Reads(doc, "第二稿")
	records := f.must("audit", "tail", "-n", "1000", "--json", f.s.Dir)
	if !strings.Contains(records, `"comm":`) {
		t.Error("records name no program")
	}
	f.umount()
	f.verified()
}

// mustEnd waits until the store is free.
func (f *firm) mustEnd() {
	f.t.Helper()
	if err := retry(func() error {
		l, err := lockStore(f.s)
		if err == nil {
			l.release()
		}
		return err
	}); err != nil {
		f.t.Fatalf("the daemon does not end: %v", err)
	}
}

// TestKeeperClearsUp: a daemon without privileges that is killed leaves no dead
// mount behind, and the next mount needs nobody's help.
func TestKeeperClearsUp(t *testing.T) {
	f := newServiceFirm(t)
	f.mount()
	lead := f.user(leadUID)
	doc := filepath.Join(f.matter(), "甲.txt")
	lead.Writes(doc, "甲方")
	f.kill()
	if m, mounted, err := topMount(f.mnt); mounted || err != nil {
		t.Errorf("the store is free and %+v is still there: %v", m, err)
	}
	f.mount()
	lead.Reads(doc, "甲方")
	f.umount()
	f.verified()
}

// TestDaemonWithoutKeeper: with nobody to unmount for it the daemon says so,
// and root takes the drive away.
func TestDaemonWithoutKeeper(t *testing.T) {
	f := newServiceFirm(t)
	f.mount()
	if err := syscall.Kill(keeperOf(t, f.status().PID), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	lead := f.user(leadUID)
	lead.Writes(filepath.Join(f.matter(), "甲.txt"), "甲方")
	if code, _, errs := f.exec("umount", f.mnt); code != exitOK || !strings.Contains(errs, "unmounted") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	f.mustEnd()
	f.verified()
}

// TestServiceUserOwns: a store that the user cannot work with is refused before
// anything is served, with the place and the way out.
func TestServiceUserOwns(t *testing.T) {
	f := newServiceFirm(t)
	policyFile := filepath.Join(f.s.Policy, "firm.yaml")
	for _, c := range []struct {
		path     string
		uid, gid int
		mode     os.FileMode
		says     string
	}{
		{f.s.Data, 0, serviceGID, 0o700, "belongs to uid 0, not to " + serviceIDs},
		{filepath.Join(f.s.State), 30999, serviceGID, 0o700, "belongs to uid 30999"},
		{policyFile, 0, 0, 0o600, "cannot be read by"},
		{f.s.Policy, 0, serviceGID, 0o700, "cannot be read by"},
		{f.s.Dir, 0, serviceGID, 0o711, "cannot be listed by"},
		{filepath.Dir(f.s.Dir), 0, 0, 0o700, "cannot be passed by"},
	} {
		var before syscall.Stat_t
		if err := syscall.Stat(c.path, &before); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Chown(c.path, c.uid, c.gid), os.Chmod(c.path, c.mode)); err != nil {
			t.Fatal(err)
		}
		code, _, errs := f.exec("mount", f.s.Dir, f.mnt)
		if code != exitNotPermitted || !strings.Contains(errs, c.path+" "+c.says) || !strings.Contains(errs, "hint: run: chown -R USER") {
			t.Errorf("%s: exit code %d: %s", c.path, code, errs)
		}
		if err := errors.Join(os.Chown(c.path, int(before.Uid), int(before.Gid)), os.Chmod(c.path, os.FileMode(before.Mode&0o777))); err != nil {
			t.Fatal(err)
		}
	}
	f.mount()
	f.umount()
}

// TestServiceLockIsNoLink: root writes its number to no file that the service
// user puts in the lock's place.
func TestServiceLockIsNoLink(t *testing.T) {
	f := newServiceFirm(t)
	victim := filepath.Join(f.tmp, "victim")
	f.write(victim, "root's")
	lock := filepath.Join(f.s.State, "lock")
	for _, link := range []func(string, string) error{os.Symlink, os.Link} {
		if err := link(victim, lock); err != nil {
			t.Fatal(err)
		}
		if err := os.Lchown(lock, serviceUID, serviceGID); err != nil {
			t.Fatal(err)
		}
		if code, _, errs := f.exec("mount", f.s.Dir, f.mnt); code == exitOK {
			t.Errorf("mounted: %s", errs)
		}
		if got := readFile(t, victim); got != "root's" {
			t.Errorf("the file behind the link now holds %q", got)
		}
		if err := os.Remove(lock); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFindServiceUser(t *testing.T) {
	u, err := findServiceUser("4711:4712")
	if err != nil || u.UID != 4711 || u.GID != 4712 || u.Name != "4711:4712" {
		t.Errorf("%+v, %v", u, err)
	}
	if u, err = findServiceUser("nobody"); err != nil || u.UID == 0 || u.Name != "nobody" {
		t.Errorf("%+v, %v", u, err)
	}
	for _, bad := range []string{"0:0", "root", "4711", "4711:", "4711:0", "0:4712", "-1:5", "4294967296:1", "no such account", "4711:x"} {
		if u, err := findServiceUser(bad); err == nil {
			t.Errorf("%s: %+v", bad, u)
		}
	}
}

func FuzzNumericUser(f *testing.F) {
	for _, s := range []string{"4711:4712", "0:0", "4711", ":", "x:1", "4294967295:4294967295", "1:2:3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := numericUser(s)
		if err != nil {
			return
		}
		again, err := numericUser(fmt.Sprintf("%d:%d", u.UID, u.GID))
		if err != nil || again.UID != u.UID || again.GID != u.GID {
			t.Errorf("%q: %+v, then %+v, %v", s, u, again, err)
		}
	})
}

// TestDropped: one thing that is left is enough to refuse.
func TestDropped(t *testing.T) {
	u := serviceUser{UID: 7, GID: 8}
	good := "Name:\tx\nUid:\t7\t7\t7\t7\nGid:\t8\t8\t8\t8\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n" +
		"CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\n"
	if err := u.dropped(good); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{
		{"Uid:\t7\t7\t7\t7", "Uid:\t7\t7\t0\t7"}, {"Gid:\t8\t8\t8\t8", "Gid:\t0\t8\t8\t8"}, {"NoNewPrivs:\t1", "NoNewPrivs:\t0"},
		{"CapInh:\t0000000000000000", "CapInh:\t0000000000200000"}, {"CapPrm:\t0", "CapPrm:\t1"}, {"CapEff:\t0", "CapEff:\t1"},
		{"CapBnd:\t0", "CapBnd:\t1"}, {"CapAmb:\t0", "CapAmb:\t1"}, {"CapAmb:\t0000000000000000\n", ""},
	} {
		bad := strings.Replace(good, c[0], c[1], 1)
		var left *privilegeError
		if err := u.dropped(bad); bad == good || !errors.As(err, &left) {
			t.Errorf("%q: %v", c[1], err)
		}
	}
}

func TestServiceEnv(t *testing.T) {
	got := serviceEnv([]string{"PATH=/bin", "LC_ALL=C", "AGE_KEY=secret", "LD_PRELOAD=x", "NOTIFY_SOCKET=@n", "HOME=/root", "TZ=UTC"})
	if want := []string{"PATH=/bin", "LC_ALL=C", "NOTIFY_SOCKET=@n", "TZ=UTC"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestServicePolicyIsRoots: what the daemon reads it cannot have written.
func TestServicePolicyIsRoots(t *testing.T) {
	f := newServiceFirm(t)
	if err := policy.CheckOwnership(f.s.Policy); err != nil {
		t.Error(err)
	}
	f.user(serviceUID).Refused(f.user(serviceUID).WriteFile(filepath.Join(f.s.Policy, "x.yaml"), nil), syscall.EACCES)
}
