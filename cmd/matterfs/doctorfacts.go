package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"matterfs/audit"
	"matterfs/audit/cli"
	mfs "matterfs/fs"
	"matterfs/policy"
)

// machineFindings are about the machine, whatever store it serves.
func machineFindings() []finding {
	var u unix.Utsname
	release := ""
	if unix.Uname(&u) == nil {
		release = unix.ByteSliceToString(u.Release[:])
	}
	fd, fuseErr := mfs.OpenDevice()
	if fuseErr == nil {
		unix.Close(fd)
	}
	fusermount, _ := exec.LookPath("fusermount3") // "": it is not there
	conf, _ := os.ReadFile("/etc/fuse.conf")      // none allows nothing
	synced, clockErr := clockSynced()
	areas, swapErr := swapAreas()
	return []finding{
		checkKernel(release), checkFUSE(fuseErr, os.Geteuid() == 0), checkFusermount(fusermount, allowsOther(string(conf))),
		checkClock(synced, clockErr), checkSwap(areas, swapErr),
	}
}

// allowsOther reads fuse.conf(5).
func allowsOther(conf string) bool {
	return slices.ContainsFunc(strings.Split(conf, "\n"), func(line string) bool { return strings.TrimSpace(line) == "user_allow_other" })
}

// clockSynced asks the kernel, whom ntpd, chrony or timesyncd told (adjtimex(2)).
func clockSynced() (bool, error) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, err
}

// swapAreas reads /proc/swaps (proc(5)) behind its heading.
func swapAreas() ([]swapFacts, error) {
	b, err := os.ReadFile("/proc/swaps")
	if err != nil {
		return nil, err
	}
	var list []swapFacts
	for i, line := range strings.Split(string(b), "\n") {
		if f := strings.Fields(line); i > 0 && len(f) > 0 {
			list = append(list, swapFacts{f[0], encryptedDevice(f[0])})
		}
	}
	return list, nil
}

// encryptedDevice tells of a block device that dm-crypt made, and of memory.
func encryptedDevice(path string) bool {
	name := filepath.Base(resolve(unescape(path)))
	uuid := readLineOf("/sys/block/" + name + "/dm/uuid")
	return strings.HasPrefix(name, "zram") || strings.HasPrefix(uuid, "CRYPT-")
}

// readLineOf is the first line of a small file, "" when it cannot be read.
func readLineOf(path string) string {
	b, _ := os.ReadFile(path)
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}

// storeFindings are about one store.
func (a *app) storeFindings(ctx context.Context, s *settings) []finding {
	st, dead := a.daemonOf(s)
	who, err := s.runsAs(st)
	if err != nil {
		return append([]finding{checkDaemon(st, dead)}, unseen("user", err))
	}
	list := []finding{checkDaemon(st, dead), checkUser(who)}
	list = append(list, s.pathFindings(who)...)
	list = append(list, s.diskFindings()...)
	list = append(list, checkApart("keys.disk", sameDevice(s.Keys, s.Data)), checkApart("log.disk", sameDevice(s.Log, s.Data)), checkReplicas(1))
	last, err := lastRecord(s.Log)
	list = append(list, checkLogTime(time.Now(), last, err), coreFinding(st), checkMemlock(memlockOf(st)))
	list = append(list, policyFindings(s.Policy)...)
	return append(list, a.sambaFinding(ctx))
}

// daemonOf is the status of the store's daemon, nil without; and mounts of the
// store whose daemon is gone.
func (a *app) daemonOf(s *settings) (st *status, dead []string) {
	id, err := s.storeID()
	if err != nil {
		return nil, nil
	}
	if got, err := a.askStatus(id); err == nil {
		st = got
	}
	all, _ := mounts() // without a list there is nothing to name
	for _, m := range all {
		if m.fstype == fsType && m.source == sourceName(id) && mfs.IsDead(m.target) {
			dead = append(dead, m.target)
		}
	}
	return st, dead
}

// runsAs is the uid that the daemon has, or will have.
func (s *settings) runsAs(st *status) (uint32, error) {
	if st != nil {
		return uidOf(st.PID)
	}
	if s.User == "" {
		return 0, nil
	}
	u, err := findServiceUser(s.User)
	return u.UID, err
}

// uidOf asks the kernel, who tells everybody.
func uidOf(pid int) (uint32, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(b), "\nUid:")
	var uid uint32
	_, err = fmt.Sscan(rest, &uid)
	return uid, err
}

// pathFindings judge each part as the daemon and everybody else meet it.
func (s *settings) pathFindings(who uint32) []finding {
	own, root := []uint32{who}, []uint32{0}
	parts := []struct {
		place
		pathRule
	}{
		{place{"dir", s.Dir}, pathRule{root, 0o022}}, {place{"config", s.Config}, pathRule{root, 0o022}},
		{place{"data", s.Data}, pathRule{own, 0o022}}, {place{"keys", s.Keys}, pathRule{own, 0o077}},
		{place{"state", s.State}, pathRule{own, 0o077}}, {place{"log", s.Log}, pathRule{own, 0o027}},
	}
	for _, secret := range []place{{"identity", s.Identity}, {"passphrase", s.PassphraseFile}} {
		if _, err := os.Stat(secret.path); secret.path != "" && !errors.Is(err, fs.ErrNotExist) {
			parts = append(parts, struct {
				place
				pathRule
			}{secret, pathRule{root, 0o077}}) // one that is not there is where it should be
		}
	}
	var list []finding
	for _, p := range parts {
		list = append(list, checkPath(lookAt(p.place), p.pathRule))
	}
	return list
}

func lookAt(p place) pathFacts {
	st, err := os.Stat(p.path)
	f := pathFacts{what: p.what, path: p.path, err: err}
	if err == nil {
		f.mode, f.uid = st.Mode(), st.Sys().(*syscall.Stat_t).Uid
	}
	return f
}

// diskFindings measure where the daemon writes.
func (s *settings) diskFindings() []finding {
	var list []finding
	for _, p := range []place{{"data", s.Data}, {"state", s.State}, {"log", s.Log}} {
		d := measure(p.path)
		list = append(list, checkSpace(p.what, d), checkLatency(p.what, d))
	}
	return list
}

func measure(dir string) (d diskFacts) {
	var st unix.Statfs_t
	if d.err = unix.Statfs(dir, &st); d.err == nil {
		size := uint64(st.Bsize)
		d.free, d.total, d.inodes, d.whole = st.Bavail*size, (st.Blocks-st.Bfree+st.Bavail)*size, st.Ffree, st.Files
	}
	d.sync, d.syncErr = syncTime(dir)
	return d
}

// syncTime is the median of some 4 KiB writes, each with its fdatasync. The file
// has no name, so a running daemon sees nothing of it.
func syncTime(dir string) (time.Duration, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	var took []time.Duration
	for range 9 {
		start := time.Now()
		if _, err := unix.Write(fd, make([]byte, 4096)); err != nil {
			return 0, err
		}
		if err := unix.Fdatasync(fd); err != nil {
			return 0, err
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

// lastRecord is when the log was last written to; zero when it is empty.
func lastRecord(dir string) (last time.Time, err error) {
	if _, err := os.ReadDir(dir); err != nil {
		return last, err
	}
	from, err := cli.TailFrom(dir, 1)
	if errors.Is(err, fs.ErrNotExist) {
		return last, nil
	}
	if err != nil {
		return last, err
	}
	err = audit.ReadFrom(dir, from, func(_ []byte, r *audit.Parsed) error {
		last = r.Time
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, io.EOF) {
		err = nil
	}
	return last, err
}

// coreFinding looks at the daemon: the files of an undumpable process in /proc
// are root's.
func coreFinding(st *status) finding {
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err != nil || st == nil {
		return checkCore(strings.TrimSpace(string(pattern)), nil, err)
	}
	if uid, err := uidOf(st.PID); err != nil || uid == 0 {
		return checkCore(strings.TrimSpace(string(pattern)), nil, err)
	}
	p := lookAt(place{"fd", fmt.Sprintf("/proc/%d/fd", st.PID)})
	dumpable := p.uid != 0
	return checkCore(strings.TrimSpace(string(pattern)), &dumpable, p.err)
}

// memlockOf is the daemon's limit of locked memory, or ours where none runs: a
// root step raises it, and root has none.
func memlockOf(st *status) uint64 {
	var l unix.Rlimit
	pid := 0
	if st != nil {
		pid = st.PID
	}
	if unix.Prlimit(pid, unix.RLIMIT_MEMLOCK, nil, &l) != nil && unix.Prlimit(0, unix.RLIMIT_MEMLOCK, nil, &l) != nil {
		return 0
	}
	return l.Cur
}

// policyFindings load the policy as a mount does, and ask about its groups.
func policyFindings(dir string) []finding {
	p, err := readPolicy(dir)
	if errors.Is(err, fs.ErrPermission) {
		return []finding{unseen("policy", err)}
	}
	list := []finding{checkPolicy(err, exposed(dir))}
	if err != nil {
		return list
	}
	return append(list, groupFinding(p), zoneFinding(p))
}

func groupFinding(p *policy.Policy) finding {
	var unknown []string
	start := time.Now()
	for _, name := range append(p.UnixGroups(), "root") {
		_, err := answered(func() (*user.Group, error) { return user.LookupGroup(name) })
		if errors.Is(err, errNoAnswer) {
			return checkGroups(nil, time.Since(start), err)
		}
		if err != nil {
			unknown = append(unknown, name)
		}
	}
	return checkGroups(unknown, time.Since(start), nil)
}

func zoneFinding(p *policy.Policy) finding {
	now := time.Now()
	_, there := now.In(p.Zone()).Zone()
	_, here := now.Zone()
	return checkZone(p.Zone().String(), there, here)
}

// sambaFinding is samba check, where there is a smbd and it shares a drive.
func (a *app) sambaFinding(ctx context.Context) finding {
	smbd, err := exec.LookPath("smbd")
	if err != nil {
		smbd = readableFile("/usr/sbin/smbd")
	}
	if smbd == "" || readableFile(defaultSMBConf) == "" {
		return checkSamba("", sambaReport{}, nil)
	}
	r, err := a.judgeSamba(ctx, defaultSMBConf, nil)
	if errors.Is(err, errNoShare) {
		return checkSamba("", r, nil)
	}
	return checkSamba(smbd, r, err)
}

func readableFile(path string) string {
	if unix.Access(path, unix.R_OK) != nil {
		return ""
	}
	return path
}
