package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// doctorCases gives each check good and bad facts.
func doctorCases() map[string][]finding {
	bad, now := errors.New("no"), time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	yes, no := true, false
	disk := func(free, inodes uint64) diskFacts {
		return diskFacts{free: free, total: 1000, inodes: inodes, whole: 1000}
	}
	own := pathRule{[]uint32{7}, 0o077}
	path := func(uid uint32, mode fs.FileMode) finding {
		return checkPath(pathFacts{what: "keys", path: "/k", uid: uid, mode: mode}, own)
	}
	return map[string][]finding{
		"ok kernel.ok": {checkKernel("6.16.0"), checkKernel("7.0-rc1")}, "ok kernel.noepoch": {checkKernel("6.6.1"), checkKernel("6.15.9")},
		"warn kernel.old": {checkKernel("6.5.0"), checkKernel("5.10.0")}, "warn kernel.unknown": {checkKernel("x")},
		"ok fuse.ok": {checkFUSE(nil, true), checkFUSE(nil, false)}, "fail fuse.none": {checkFUSE(bad, true)}, "skip fuse.unseen": {checkFUSE(bad, false)},
		"ok fusermount.ok": {checkFusermount("/f", true)}, "ok fusermount.noallow": {checkFusermount("/f", false)}, "warn fusermount.none": {checkFusermount("", true)},
		"ok clock.ok": {checkClock(true, nil)}, "warn clock.unsynced": {checkClock(false, nil)}, "skip clock.unseen": {checkClock(true, bad)},
		"ok log.time.ok": {checkLogTime(now, now, nil)}, "ok log.time.empty": {checkLogTime(now, time.Time{}, nil)},
		"fail log.time.behind": {checkLogTime(now, now.Add(time.Millisecond), nil)}, "skip log.time.unseen": {checkLogTime(now, now, bad)},
		"ok data.space.ok":       {checkSpace("data", disk(500, 500)), checkSpace("data", diskFacts{free: 5, total: 10})},
		"warn data.space.low":    {checkSpace("data", disk(99, 500)), checkSpace("data", disk(500, 99))},
		"fail data.space.out":    {checkSpace("data", disk(9, 500)), checkSpace("data", disk(500, 0)), checkSpace("data", diskFacts{})},
		"skip data.space.unseen": {checkSpace("data", diskFacts{err: bad})},
		"ok log.sync.ok":         {checkLatency("log", diskFacts{sync: time.Millisecond})}, "warn log.sync.slow": {checkLatency("log", diskFacts{sync: slowDisk})},
		"fail log.sync.stuck": {checkLatency("log", diskFacts{sync: stuckDisk})}, "skip log.sync.unseen": {checkLatency("log", diskFacts{syncErr: bad})},
		"ok keys.mode.ok": {path(7, 0o700)}, "fail keys.mode.owner": {path(8, 0o700)}, "fail keys.mode.written": {path(7, 0o720), path(7, 0o777)},
		"fail keys.mode.read": {path(7, 0o704), path(7, 0o750)}, "skip keys.mode.unseen": {checkPath(pathFacts{what: "keys", err: bad}, own)},
		"ok keys.disk.ok": {checkApart("keys.disk", false)}, "warn keys.disk.same": {checkApart("keys.disk", true)},
		"ok log.disk.ok": {checkApart("log.disk", false)}, "warn log.disk.same": {checkApart("log.disk", true)},
		"ok replicas.ok": {checkReplicas(2)}, "warn replicas.few": {checkReplicas(1), checkReplicas(0)},
		"ok swap.none": {checkSwap(nil, nil)}, "ok swap.ok": {checkSwap([]swapFacts{{"/dev/dm-1", true}}, nil)},
		"warn swap.open": {checkSwap([]swapFacts{{"/dev/dm-1", true}, {"/swapfile", false}}, nil)}, "skip swap.unseen": {checkSwap(nil, bad)},
		"ok core.ok": {checkCore("core", nil, nil), checkCore("|/x", &no, nil)}, "fail core.dumpable": {checkCore("core", &yes, nil)}, "skip core.unseen": {checkCore("", nil, bad)},
		"ok memlock.ok": {checkMemlock(enoughMemlock)}, "warn memlock.low": {checkMemlock(enoughMemlock - 1), checkMemlock(0)},
		"ok user.ok": {checkUser(7)}, "warn user.root": {checkUser(0)},
		"ok policy.ok": {checkPolicy(nil, false)}, "warn policy.exposed": {checkPolicy(nil, true)}, "fail policy.bad": {checkPolicy(bad, false), checkPolicy(bad, true)},
		"ok groups.ok": {checkGroups(nil, 0, nil)}, "warn groups.unknown": {checkGroups([]string{"a", "b"}, 0, nil)},
		"warn groups.slow": {checkGroups(nil, 2*time.Second, nil)}, "fail groups.silent": {checkGroups(nil, 0, bad)},
		"ok timezone.ok": {checkZone("UTC", 0, 0)}, "warn timezone.differs": {checkZone("Asia/Shanghai", 28800, 0)},
		"ok samba.none": {checkSamba("", sambaReport{}, nil)}, "ok samba.ok": {checkSamba("/s", sambaReport{Shares: []string{"d"}}, nil)},
		"fail samba.bad": {checkSamba("/s", sambaReport{Findings: []sambaFinding{{}}}, nil)}, "skip samba.unseen": {checkSamba("/s", sambaReport{}, bad)},
		"ok daemon.none": {checkDaemon(nil, nil)}, "ok daemon.ok": {checkDaemon(&status{Health: healthOK}, nil)},
		"fail daemon.dead": {checkDaemon(nil, []string{"/mnt"})}, "fail daemon.degraded": {checkDaemon(&status{Health: healthDegraded}, nil)},
	}
}

// TestDoctorChecks: each check tells good facts from bad ones, in both
// languages, and says what to do where something is to be done.
func TestDoctorChecks(t *testing.T) {
	used := map[string]bool{}
	for want, list := range doctorCases() {
		for _, f := range list {
			if got := string(f.Level) + " " + f.Check + "." + f.Code; got != want {
				t.Errorf("%s, want %s", got, want)
			}
			for _, key := range []string{f.Check + "." + f.Code, f.Check[strings.LastIndex(f.Check, ".")+1:] + "." + f.Code} {
				used[key] = true
			}
			for _, l := range []lang{en, zh} {
				text, fix := f.say(l)
				if text == "" || strings.Contains(text+fix, "%!") || (fix == "") != (f.Level == levelOK) {
					t.Errorf("%s: %q, %q", want, text, fix)
				}
			}
			if text, _ := f.say(zh); text == f.Text {
				t.Errorf("%s is not translated", want)
			}
		}
	}
	for key := range doctorTexts {
		if !used[key] {
			t.Errorf("no case makes %s", key)
		}
	}
}

func TestAllowsOther(t *testing.T) {
	for conf, want := range map[string]bool{"user_allow_other\n": true, "# user_allow_other\n": false, "mount_max = 9\n  user_allow_other": true, "": false} {
		if allowsOther(conf) != want {
			t.Errorf("%q: %t", conf, !want)
		}
	}
}

// doctor runs the verb and returns the code of each finding by its check.
func (f *firm) doctor(args ...string) (code int, found map[string]string) {
	f.t.Helper()
	code, out, errs := f.exec(append([]string{"doctor", f.s.Dir, "--json"}, args...)...)
	var r doctorReport
	if err := json.Unmarshal([]byte(out), &r); err != nil || strings.Count(out, "\n") != 1 {
		f.t.Fatalf("doctor: exit code %d: %v: %q %s", code, err, out, errs)
	}
	found = map[string]string{}
	failed := false
	for _, x := range r.Findings {
		found[x.Check] = x.Code
		failed = failed || x.Level == levelFail
	}
	if r.OK == failed || (code == exitNo) != failed || code > exitNo {
		f.t.Errorf("doctor: exit code %d, ok %t, something failed: %t", code, r.OK, failed)
	}
	return code, found
}

// says fails the test unless the findings are these.
func says(t *testing.T, when string, got map[string]string, want ...string) {
	t.Helper()
	for _, w := range want {
		check, code, _ := strings.Cut(w, "=")
		if got[check] != code {
			t.Errorf("%s: %s is %q, want %s", when, check, got[check], code)
		}
	}
}

// TestDoctorOnAStore: a real store, with and without its daemon, well and in
// trouble.
func TestDoctorOnAStore(t *testing.T) {
	f := newServiceFirm(t)
	_, found := f.doctor()
	well := []string{"user=ok", "dir.mode=ok", "config.mode=ok", "data.mode=ok", "keys.mode=ok", "state.mode=ok", "log.mode=ok",
		"identity.mode=ok", "keys.disk=same", "log.disk=same", "replicas=few", "policy=ok", "core=ok"}
	says(t, "before", found, append(well, "daemon=none", "log.time=empty")...)
	f.mount()
	_, found = f.doctor()
	says(t, "served", found, append(well, "daemon=ok", "log.time=ok", "fuse=ok")...)

	// As somebody who may not look everywhere.
	stranger := f.user(memberUID)
	_, err := stranger.ReadDir(f.s.Keys)
	stranger.Refused(err, syscall.EACCES)
	code, out, errs := f.execAs(memberUID, "doctor", f.s.Dir)
	if code > exitNo || !strings.Contains(out, "could not be looked at: ") || !strings.Contains(out, "\nok   daemon ") || !strings.Contains(out, "\nok   user ") {
		t.Errorf("as a stranger: exit code %d:\n%s%s", code, out, errs)
	}

	f.write(filepath.Join(f.s.Policy, "broken.yaml"), "mater: x\n")
	f.exec("policy", "reload", f.s.Dir)
	for _, c := range []struct {
		path string
		mode os.FileMode
	}{{f.s.Keys, 0o755}, {f.s.Identity, 0o644}, {f.s.Dir, 0o773}} {
		if err := os.Chmod(c.path, c.mode); err != nil {
			t.Fatal(err)
		}
	}
	_, found = f.doctor()
	says(t, "in trouble", found, "daemon=degraded", "policy=bad", "keys.mode=read", "identity.mode=read", "dir.mode=written")
	f.umount()
}

// execAs is exec by another user, from a copy that they can reach.
func (f *firm) execAs(uid uint32, args ...string) (code int, stdout, stderr string) {
	f.t.Helper()
	bin := filepath.Join(f.tmp, "matterfs")
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(bin, program, 0o755); err != nil {
		f.t.Fatal(err)
	}
	return f.command("setpriv", append([]string{"--reuid", fmt.Sprint(uid), "--regid", fmt.Sprint(uid), "--clear-groups", bin}, args...)...)
}

// TestDoctorDeadMountAndFullDisk: what a crash left, and a log with no room.
func TestDoctorDeadMountAndFullDisk(t *testing.T) {
	f := newFirm(t)
	mountTmpfs(t, f.s.Log, "size=256k,mode=750")
	f.mount()
	f.kill()
	if err := fill(filepath.Join(f.s.Log, "filler")); err != nil {
		t.Fatal(err)
	}
	_, found := f.doctor()
	says(t, "dead", found, "daemon=dead", "log.space=out", "log.disk=ok", "user=root")
	if err := unix.Unmount(f.mnt, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	_, found = f.doctor()
	says(t, "cleared", found, "daemon=none")
}

// TestDoctorWithoutStore looks at the machine alone.
func TestDoctorWithoutStore(t *testing.T) {
	code, out, errs := invoke("doctor")
	if code > exitNo || !strings.Contains(out, " kernel ") || strings.Contains(out, "keys") || errs != "" {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	if code, _, _ := invoke("doctor", filepath.Join(t.TempDir(), "none")); code != exitUsage {
		t.Errorf("no store: exit code %d", code)
	}
}
