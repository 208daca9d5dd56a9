package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// captured is the command with a daemon that somebody else has taken over: in
// the place of serving it does what an attacker would with the rights it has.
const captured = "matterfs-captured"

// target is what is attacked. It lies beside the mountpoint.
type target struct {
	Identity, Policy, Empty, SetUID, Victim string
	VictimPID                               int
}

func capturedMain() {
	switch {
	case len(os.Args) > 2 && os.Args[1] == "attack": // the check switched off: no privilege was given up
		attack(os.Args[2])
	case len(os.Args) > 4 && strings.HasPrefix(os.Args[2], "--prepared="):
		attack(filepath.Join(filepath.Dir(os.Args[4]), "target.json"))
	default:
		main()
	}
}

// attack prints what became of each attempt.
func attack(file string) {
	var at target
	b, err := os.ReadFile(file)
	if err = errors.Join(err, json.Unmarshal(b, &at)); err != nil {
		panic(err)
	}
	result := map[string]string{}
	for name, try := range attacks {
		result[name] = "done"
		if err := try(&at); err != nil {
			result[name] = err.Error()
		}
	}
	json.NewEncoder(os.Stdout).Encode(result)
}

var attacks = map[string]func(*target) error{
	"read the identity": func(at *target) error { _, err := os.ReadFile(at.Identity); return err },
	"write a policy":    func(at *target) error { return os.WriteFile(filepath.Join(at.Policy, "evil.yaml"), nil, 0o644) },
	"replace the policy": func(at *target) error {
		return errors.Join(os.Rename(at.Policy, at.Policy+"2"), os.Rename(at.Policy+"2", at.Policy))
	},
	"write a root file": func(at *target) error { return os.WriteFile(at.Victim, []byte("evil"), 0o600) },
	"chown":             func(at *target) error { return os.Chown(at.Victim, 1, 1) },
	"mount": func(at *target) error {
		return errors.Join(unix.Mount("tmpfs", at.Empty, "tmpfs", 0, ""), unix.Unmount(at.Empty, unix.MNT_DETACH))
	},
	"signal a process of root": func(at *target) error { return unix.Kill(at.VictimPID, 0) },
	"read its memory": func(at *target) error {
		f, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", at.VictimPID), os.O_RDWR, 0)
		if err == nil {
			f.Close()
		}
		return err
	},
	"trace it": func(at *target) error {
		runtime.LockOSThread()
		if err := unix.PtraceSeize(at.VictimPID); err != nil {
			return err
		}
		return unix.PtraceInterrupt(at.VictimPID)
	},
	"become root": func(*target) error { return raw3(unix.SYS_SETRESUID, 0) },
	"raise a capability": func(*target) error {
		all := [2]unix.CapUserData{{Effective: 1, Permitted: 1}}
		done := make(chan error)
		go func() { // on a thread of its own: as root this gives all others up
			runtime.LockOSThread()
			done <- unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &all[0])
		}()
		return <-done
	},
	"run a set-uid program": func(at *target) error {
		out, err := exec.Command(at.SetUID, "-u").Output()
		if err == nil && strings.TrimSpace(string(out)) != "0" {
			err = fmt.Errorf("it ran as %s", strings.TrimSpace(string(out)))
		}
		return err
	},
}

// TestCapturedDaemon: whoever takes the daemon over gets nothing of root's. The
// same attempts by a process that gave nothing up all succeed.
func TestCapturedDaemon(t *testing.T) {
	f := newServiceFirm(t)
	at := layTarget(t, f)
	bad := attempted(t, f, "attack", at)
	good := attempted(t, f, "mount", f.s.Dir, f.mnt)
	for _, name := range slices.Sorted(maps.Keys(attacks)) {
		if bad[name] != "done" {
			t.Errorf("%s: even root cannot: %s", name, bad[name])
		}
		if good[name] == "done" || good[name] == "" {
			t.Errorf("%s: the daemon can: %q", name, good[name])
		}
	}
}

// layTarget makes what is attacked and returns the file that describes it.
func layTarget(t *testing.T, f *firm) string {
	t.Helper()
	top := filepath.Dir(f.mnt)
	victim := exec.Command("sleep", "1000")
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		victim.Process.Kill()
		victim.Wait()
	})
	at := target{Identity: f.s.Identity, Policy: f.s.Policy, Empty: filepath.Join(top, "empty"),
		SetUID: filepath.Join(top, "id"), Victim: filepath.Join(top, "victim"), VictimPID: victim.Process.Pid}
	program, err := exec.LookPath("id")
	if err != nil {
		t.Fatal(err)
	}
	f.write(at.SetUID, readFile(t, program))
	f.write(at.Victim, "root's")
	b, err := json.Marshal(at)
	f.write(filepath.Join(top, "target.json"), string(b))
	if err = errors.Join(err, os.Chmod(at.SetUID, 0o755|os.ModeSetuid), os.Chmod(at.Victim, 0o600), os.Mkdir(at.Empty, 0o777)); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(top, "target.json")
}

// attempted runs the captured command and returns what it says of each attempt.
func attempted(t *testing.T, f *firm, args ...string) map[string]string {
	t.Helper()
	cmd := exec.Command(captured, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MATTERFS_RUN_DIR="+f.run)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v", captured, args, err)
	}
	var result map[string]string
	if err := json.NewDecoder(strings.NewReader(string(out))).Decode(&result); err != nil && err != io.EOF {
		t.Fatalf("%s: %v", out, err)
	}
	return result
}

// TestDaemonIsClosedToItsUser: another process of the same account cannot look
// into the daemon, as it can into any other process of that account.
func TestDaemonIsClosedToItsUser(t *testing.T) {
	f := newServiceFirm(t)
	f.mount()
	thief, other := f.user(serviceUID), exec.Command("setpriv", "--reuid", "30471", "--regid", "30471", "--clear-groups", "sleep", "1000")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		other.Process.Kill()
		other.Wait()
	}()
	thief.Does(retry(func() error { // until it has become that user
		_, err := thief.ReadFile(fmt.Sprintf("/proc/%d/environ", other.Process.Pid))
		return err
	}))
	_, err := thief.ReadFile(fmt.Sprintf("/proc/%d/environ", f.status().PID))
	thief.Refused(err, unix.EACCES)
	f.umount()
}
