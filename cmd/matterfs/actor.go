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
}

// self is the daemon, as it was started or as a signal reached it: the kernel
// does not tell who sent one.
func self() actor {
	return actor{uid: uint32(os.Geteuid()), pid: os.Getpid(), auid: loginUID(os.Getpid())}
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

// record writes what the daemon itself does to the audit log.
func (d *daemon) record(who actor, ev, res, note string) error {
	p := d.currentPolicy()
	r := &audit.Record{
		Ev: ev, Res: res, UID: who.uid, HasUID: true, AUID: who.auid, OUID: -1,
		PID: uint32(who.pid), Comm: comm(who.pid), Pol: short(p.Hash()), Note: note,
	}
	if u, ok := p.UserByUID(who.uid); ok {
		r.User = u.Name
	}
	_, err := d.log.Append(r)
	return err
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
	return fmt.Sprintf("policy %s users %d matters %d", short(p.Hash()), len(p.Users()), len(p.Matters()))
}

// short is the part of a policy's hash that records show.
func short(hash string) string {
	return hash[:min(12, len(hash))]
}
