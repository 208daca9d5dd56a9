package fs

import (
	"sync/atomic"

	"matterfs/policy"
)

// check is a defence that a test can switch off, to show that the attack it stands against is one.
type check uint32

// The defences that are not decisions about one operation (those are named by the operation).
const (
	checkRemembered check = 1 << iota // a remembered permission holds for one uid, policy and path
	checkEnded                        // no answer leaves under a policy that has ended
	checkMoved                        // no bytes leave for a place that the file has left meanwhile
	checkVoid                         // a new policy voids names, attributes and pages
	checkDrop                         // pages that were filled are dropped
	checkDirect                       // no read is answered from the page cache
	checkBoundary                     // names that differ by caller are looked up on each walk
	checkExport                       // no file handles: they would be opened without a walk
	checkMisses                       // refused lookups at the root are answered so that nobody can tell or break what is there
	checkWriters                      // any writer of a file answers for its mapped pages, not the opener of one handle
	checkCover                        // no byte leaves that no record in the log covers
	checkSteady                       // a clock that is set back brings no access back
	checkLog                          // what is served is recorded
)

// switches turns defences off. The zero value has them all on. Nothing but a test of this
// package can set one: the setters stand in a test file.
type switches struct {
	checks atomic.Uint32 // of check
	ops    atomic.Uint32 // bit 1<<op: a refusal of the operation is not heeded
}

// on reports whether a defence stands.
func (s *switches) on(c check) bool { return s.checks.Load()&uint32(c) == 0 }

// heeds reports whether a refusal of op counts.
func (s *switches) heeds(op policy.Op) bool { return s.ops.Load()&(1<<op) == 0 }
