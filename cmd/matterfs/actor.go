package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"matterfs/audit"
	"matterfs/policy"
)

// actor is who asked the daemon for something.
type actor struct {
	uid  uint32
	pid  int
	auid int64 // login uid, -1 unknown
	comm string
}

// self is the daemon, as it was started or as a signal reached it: the kernel
// does not tell who sent one.
func self() actor {
	return actorOf(uint32(os.Geteuid()), os.Getpid())
}

// actorOf looks at a process while it waits for our answer, and so still is
// the one that asked.
func actorOf(uid uint32, pid int) actor {
	return actor{uid: uid, pid: pid, auid: loginUID(pid), comm: comm(pid)}
}

// loginUID names the human behind sudo (proc(5), loginuid), -1 when unknown.
func loginUID(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/loginuid", pid))
	if err != nil {
		return -1
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32)
	if err != nil || n == 1<<32-1 {
		return -1
	}
	return int64(n)
}

// record writes what the daemon itself does, or did for somebody, to the audit
// log. What r says already is kept.
func (d *daemon) record(who actor, r audit.Record) error {
	_, err := d.recordSeq(who, r)
	return err
}

// recordSeq is record for who wants to know the number.
func (d *daemon) recordSeq(who actor, r audit.Record) (uint64, error) {
	p := d.currentPolicy()
	r.UID, r.HasUID, r.AUID, r.OUID = who.uid, true, who.auid, -1
	r.PID, r.Comm, r.Pol = uint32(who.pid), who.comm, short(p.Hash())
	if u, ok := p.UserByUID(who.uid); ok {
		r.User = u.Name
	}
	seq, err := d.log.Append(&r)
	if err != nil {
		return 0, &logError{err}
	}
	return seq, nil
}

func comm(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(b), "\n")
}

// summary counts what a policy holds, for records and people.
func summary(p *policy.Policy) string {
	return fmt.Sprintf("%s users %d matters %d", short(p.Hash()), len(p.Users()), len(p.Matters()))
}

// short is the part of a policy's hash that records show.
func short(hash string) string {
	return hash[:min(12, len(hash))]
}
