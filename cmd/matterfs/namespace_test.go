package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// namespaced is a command line that runs a shell script where other files lie
// under the names of the system's own: the mounts are seen by the script and
// what it starts, and are gone with the last of them. binds maps a name to what
// is to lie there.
func namespaced(binds map[string]string, script string, args ...string) *exec.Cmd {
	var sh strings.Builder
	sh.WriteString("set -eu\n")
	for name, file := range binds {
		fmt.Fprintf(&sh, "mount --bind %s %s\n", file, name)
	}
	sh.WriteString(script)
	return exec.Command("unshare", append([]string{"--mount", "--propagation", "private", "sh", "-c", sh.String(), "sh"}, args...)...)
}

// system lays the command and the mount helpers where mount(8) looks for them.
func system(t *testing.T, dir string) map[string]string {
	t.Helper()
	sbin, bin := filepath.Join(dir, "sbin"), filepath.Join(dir, "bin")
	program, err := exec.LookPath("matterfs")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{sbin, bin} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(program, filepath.Join(bin, "matterfs")); err != nil {
		t.Fatal(err)
	}
	helper := readFile(t, "../../contrib/mount.matterfs")
	if err := os.WriteFile(filepath.Join(sbin, "mount.matterfs"), []byte(helper), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("mount.matterfs", filepath.Join(sbin, "mount.fuse.matterfs")); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"/sbin": sbin, "/usr/local/bin": bin}
}

// TestFstab mounts as an administrator does who knows nothing of matterfs but a
// line of fstab, with the real mount(8) and umount(8).
func TestFstab(t *testing.T) {
	f := newServiceFirm(t)
	top := filepath.Dir(f.mnt)
	fstab := filepath.Join(top, "fstab")
	for _, fstype := range []string{"fuse.matterfs", "matterfs"} {
		f.write(fstab, fmt.Sprintf("%s %s %s user=%s,identity=%s,noauto,nofail,_netdev,x-systemd.automount,x-systemd.requires=/srv 0 0\n",
			f.s.Dir, f.mnt, fstype, serviceIDs, f.s.Identity))
		binds := system(t, top)
		cmd := namespaced(binds, `
mount -T "$1" "$2"
setpriv --reuid 30021 --regid 30021 --clear-groups sh -c 'echo 甲方 >"$1/2026-0142/$2.txt" && cat "$1/2026-0142/$2.txt"' sh "$2" "$3"
findmnt -n -o FSTYPE,OPTIONS "$2"
grep ^Uid: "/proc/$(cat "$4/lock")/status"
umount "$2"
! findmnt "$2"`, fstab, f.mnt, fstype, f.s.State)
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MATTERFS_RUN_DIR="+f.run)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", fstype, err, out)
		}
		for _, want := range []string{"matterfs: ready, ", "\n甲方\n", "nosuid,nodev", "allow_other", "Uid:\t30471\t30471\t30471\t30471\n"} {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s: no %q in\n%s", fstype, want, out)
			}
		}
		f.mustEnd()
		for _, d := range binds {
			if err := os.RemoveAll(d); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.verified()
}

// TestMountHelperOptions: what the helper knows is handed on, what mount(8) keeps
// to itself is dropped, and all else is refused.
func TestMountHelperOptions(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "matterfs"), []byte("#!/bin/sh\nfor a; do echo \"[$a]\"; done\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ options, want string }{
		{"rw,user=matterfs,identity=/a b/c,_netdev,nofail,exec,suid,dev,x-systemd.automount,comment=x", "[--user=matterfs]\n[--identity=/a b/c]\n"},
		{"passphrase-file=/p,config=/c,keys=/k,data=/d,policy=/o,log=/l,state=/s",
			"[--passphrase-file=/p]\n[--config=/c]\n[--keys=/k]\n[--data=/d]\n[--policy=/o]\n[--log=/l]\n[--state=/s]\n"},
		{"", ""},
		{"identity=/*", "[--identity=/*]\n"},
		{"rw,ro", `unknown option "ro"`}, {"quux", `unknown option "quux"`}, {"user", `unknown option "user"`},
		{"json=1", `unknown option "json=1"`}, {"identity=", `unknown option "identity="`},
	} {
		cmd := exec.Command("sh", "../../contrib/mount.matterfs", "/srv/firm", "/mnt/firm", "-n", "-o", c.options)
		cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin"}
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		if strings.HasPrefix(c.want, "unknown") {
			if err == nil || !strings.Contains(errs.String(), c.want) {
				t.Errorf("%s: %v, %q", c.options, err, errs.String())
			}
			continue
		}
		if want := "[mount]\n[--background]\n[/srv/firm]\n[/mnt/firm]\n" + c.want; err != nil || out.String() != want {
			t.Errorf("%s: %v\n%s%swant\n%s", c.options, err, &out, &errs, want)
		}
	}
}

// unitLines are the settings of the unit file, by name.
func unitLines(t *testing.T) map[string][]string {
	t.Helper()
	lines := make(map[string][]string)
	for line := range strings.Lines(readFile(t, "../../contrib/matterfs@.service")) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(line, "#") {
			lines[name] = append(lines[name], value)
		}
	}
	return lines
}

// TestUnit: the unit restarts what was killed, clears what it left, and has no
// setting that would hide the drive or keep the daemon from mounting.
func TestUnit(t *testing.T) {
	unit := unitLines(t)
	for name, want := range map[string]string{
		"Type": "notify", "Restart": "on-failure", "LimitCORE": "0", "NoNewPrivileges": "yes",
		"ExecStart":    "/usr/local/bin/matterfs mount /srv/matterfs/%i /srv/drive/%i",
		"ExecStopPost": "-/bin/umount -l /srv/drive/%i", "ExecReload": "/bin/kill -HUP $MAINPID",
	} {
		if got := strings.Join(unit[name], "; "); got != want {
			t.Errorf("%s=%s, want %s", name, got, want)
		}
	}
	for name := range unit {
		for _, hides := range []string{"Protect", "Private", "ReadOnlyPaths", "ReadWritePaths", "InaccessiblePaths", "Bind", "Root", "MountFlags",
			"TemporaryFileSystem", "DynamicUser", "User", "Group", "MountAPIVFS", "StateDirectory"} {
			if strings.HasPrefix(name, hides) {
				t.Errorf("%s hides the mount, or keeps it from being made", name)
			}
		}
	}
	caps := " " + strings.Join(unit["CapabilityBoundingSet"], " ") + " "
	for _, c := range []string{"SYS_ADMIN", "SETUID", "SETGID", "SETPCAP"} {
		if !strings.Contains(caps, " CAP_"+c+" ") {
			t.Errorf("the root step lacks CAP_%s", c)
		}
	}
}
