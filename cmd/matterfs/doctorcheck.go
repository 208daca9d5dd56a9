package main

import (
	"io/fs"
	"math"
	"slices"
	"strings"
	"time"
)

// The checks of doctor: each judges facts that it is given and looks at nothing
// itself. What gathers the facts is in doctorfacts.go.

// Disks: free space and inodes, parts of the whole; and how long a 4 KiB write
// and its fdatasync take. An open at a level with `audit.sync: group` waits that
// long.
const (
	spaceLow, spaceOut = 0.10, 0.01
	slowDisk           = 20 * time.Millisecond
	stuckDisk          = 500 * time.Millisecond
)

// enoughMemlock holds every key that a store can have, bytes.
const enoughMemlock = 8 << 20

// epochMajor and epochMinor are the kernel that voids all cached names at once.
const epochMajor, epochMinor = 6, 16

func checkKernel(release string) finding {
	major, minor, ok := kernelVersion(release)
	switch {
	case !ok:
		return found(levelWarn, "kernel", "unknown", release)
	case major < 6 || major == 6 && minor < 6:
		return found(levelWarn, "kernel", "old", release)
	case major < epochMajor || major == epochMajor && minor < epochMinor:
		return found(levelOK, "kernel", "noepoch", release)
	}
	return found(levelOK, "kernel", "ok", release)
}

// checkFUSE: err is of opening /dev/fuse.
func checkFUSE(err error, root bool) finding {
	if err == nil {
		return found(levelOK, "fuse", "ok")
	}
	if !root {
		return unseen("fuse", err)
	}
	return found(levelFail, "fuse", "none", err)
}

// checkFusermount: who is not root unmounts with it; allow is user_allow_other
// of /etc/fuse.conf, which only a mount by such a user needs.
func checkFusermount(path string, allow bool) finding {
	switch {
	case path == "":
		return found(levelWarn, "fusermount", "none")
	case !allow:
		return found(levelOK, "fusermount", "noallow", path)
	}
	return found(levelOK, "fusermount", "ok", path)
}

func checkClock(synced bool, err error) finding {
	switch {
	case err != nil:
		return unseen("clock", err)
	case !synced:
		return found(levelWarn, "clock", "unsynced")
	}
	return found(levelOK, "clock", "ok")
}

// checkLogTime compares the clock with the log's last record; zero: there is
// none.
func checkLogTime(now, last time.Time, err error) finding {
	switch {
	case err != nil:
		return unseen("log.time", err)
	case last.IsZero():
		return found(levelOK, "log.time", "empty")
	case now.Before(last):
		return found(levelFail, "log.time", "behind", last.Sub(now).Round(time.Millisecond), last.Format(time.RFC3339))
	}
	return found(levelOK, "log.time", "ok", last.Format(time.RFC3339))
}

// diskFacts are of the file system that a directory lies on.
type diskFacts struct {
	free, total   uint64 // bytes that are not kept for root
	inodes, whole uint64 // free and all; 0 and 0 where a file system does not count them
	sync          time.Duration
	syncErr, err  error
}

func checkSpace(what string, d diskFacts) finding {
	check := what + ".space"
	if d.err != nil {
		return unseen(check, d.err)
	}
	left := share(d.free, d.total)
	if d.whole > 0 {
		left = min(left, share(d.inodes, d.whole))
	}
	args := []any{d.free >> 20, int(100 * share(d.free, d.total)), d.inodes}
	switch {
	case left < spaceOut:
		return found(levelFail, check, "out", args...)
	case left < spaceLow:
		return found(levelWarn, check, "low", args...)
	}
	return found(levelOK, check, "ok", args...)
}

func share(part, whole uint64) float64 {
	return float64(part) / math.Max(1, float64(whole))
}

func checkLatency(what string, d diskFacts) finding {
	check := what + ".sync"
	if d.syncErr != nil {
		return unseen(check, d.syncErr)
	}
	took := d.sync.Round(10 * time.Microsecond)
	switch {
	case d.sync >= stuckDisk:
		return found(levelFail, check, "stuck", took)
	case d.sync >= slowDisk:
		return found(levelWarn, check, "slow", took)
	}
	return found(levelOK, check, "ok", took)
}

// pathFacts are of one part of a store.
type pathFacts struct {
	what, path string
	mode       fs.FileMode
	uid        uint32
	err        error
}

// pathRule is who may own a part, and which bits it must not have.
type pathRule struct {
	owners []uint32
	never  fs.FileMode
}

func checkPath(p pathFacts, r pathRule) finding {
	check := p.what + ".mode"
	switch bad := p.mode.Perm() & r.never; {
	case p.err != nil:
		return unseen(check, p.err)
	case !slices.Contains(r.owners, p.uid):
		return found(levelFail, check, "owner", p.path, p.uid, r.owners[0])
	case bad&0o022 != 0:
		return found(levelFail, check, "written", p.path, p.mode.Perm())
	case bad != 0:
		return found(levelFail, check, "read", p.path, p.mode.Perm())
	}
	return found(levelOK, check, "ok", p.path, p.mode.Perm())
}

// checkApart: keys beside the data go with a snapshot of it, the log beside the
// data fills up with it.
func checkApart(what string, same bool) finding {
	if same {
		return found(levelWarn, what, "same")
	}
	return found(levelOK, what, "ok")
}

// checkReplicas: known copies of the keys, the one in use among them.
func checkReplicas(n int) finding {
	if n < 2 {
		return found(levelWarn, "replicas", "few", n)
	}
	return found(levelOK, "replicas", "ok", n)
}

// swapFacts are of one swap area; a compressed one in memory is no disk.
type swapFacts struct {
	name      string
	encrypted bool
}

func checkSwap(areas []swapFacts, err error) finding {
	if err != nil {
		return unseen("swap", err)
	}
	var open []string
	for _, s := range areas {
		if !s.encrypted {
			open = append(open, s.name)
		}
	}
	switch {
	case len(areas) == 0:
		return found(levelOK, "swap", "none")
	case len(open) > 0:
		return found(levelWarn, "swap", "open", strings.Join(open, " "))
	}
	return found(levelOK, "swap", "ok")
}

// checkCore: a daemon keeps itself out of core files; dumpable is of a running
// one, nil without.
func checkCore(pattern string, dumpable *bool, err error) finding {
	switch {
	case err != nil:
		return unseen("core", err)
	case dumpable != nil && *dumpable:
		return found(levelFail, "core", "dumpable", pattern)
	}
	return found(levelOK, "core", "ok", pattern)
}

// checkMemlock: limit is of locked memory, bytes.
func checkMemlock(limit uint64) finding {
	if limit < enoughMemlock {
		return found(levelWarn, "memlock", "low", limit>>10)
	}
	return found(levelOK, "memlock", "ok", limit>>10)
}

// checkUser: which uid the daemon has or will have.
func checkUser(uid uint32) finding {
	if uid == 0 {
		return found(levelWarn, "user", "root")
	}
	return found(levelOK, "user", "ok", uid)
}

func checkPolicy(err error, exposed bool) finding {
	switch {
	case err != nil:
		return found(levelFail, "policy", "bad", strings.SplitN(err.Error(), "\n", 2)[0])
	case exposed:
		return found(levelWarn, "policy", "exposed")
	}
	return found(levelOK, "policy", "ok")
}

// checkGroups: unknown are unix groups of the policy that the system does not
// know; took is how long its slowest answer was.
func checkGroups(unknown []string, took time.Duration, err error) finding {
	switch {
	case err != nil:
		return found(levelFail, "groups", "silent", err)
	case len(unknown) > 0:
		return found(levelWarn, "groups", "unknown", strings.Join(unknown, " "))
	case took > time.Second:
		return found(levelWarn, "groups", "slow", took.Round(time.Millisecond))
	}
	return found(levelOK, "groups", "ok")
}

// checkZone compares what a day is to the policy and to this machine, whose
// time `audit tail` shows: offsets in seconds east of UTC.
func checkZone(policy string, there, here int) finding {
	if there != here {
		return found(levelWarn, "timezone", "differs", policy, time.Duration(here-there)*time.Second)
	}
	return found(levelOK, "timezone", "ok", policy)
}

// checkSamba: what `samba check` found; nil error and no share: nothing shares
// the drive.
func checkSamba(smbd string, r sambaReport, err error) finding {
	switch {
	case smbd == "":
		return found(levelOK, "samba", "none")
	case err != nil:
		return unseen("samba", err)
	case len(r.Findings) > 0:
		return found(levelFail, "samba", "bad", len(r.Findings), r.File)
	}
	return found(levelOK, "samba", "ok", strings.Join(r.Shares, " "))
}

// checkDaemon: st is nil when none answers; dead are mounts of the store that
// nobody serves.
func checkDaemon(st *status, dead []string) finding {
	switch {
	case st == nil && len(dead) > 0:
		return found(levelFail, "daemon", "dead", strings.Join(dead, " "))
	case st == nil:
		return found(levelOK, "daemon", "none")
	case st.Health != healthOK:
		return found(levelFail, "daemon", "degraded", st.PID)
	}
	return found(levelOK, "daemon", "ok", st.PID, st.Mount)
}
