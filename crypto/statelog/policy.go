package statelog

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// Kinds of records about which policy is in force; their payloads are [Force],
// [Approval] and, for the last two, [Void].
const (
	PolicyForce   = "policy.force"   // a policy came into force; ends what was said about others
	PolicyApprove = "policy.approve" // somebody speaks for a change
	PolicyVoid    = "policy.void"    // what was said is void: another policy waits now
	PolicyConfirm = "policy.confirm" // a security administrator has seen what root put in force alone
)

// Person is who did something, as the kernel told it.
type Person struct {
	By   string `json:"by,omitempty"` // policy user; empty when the uid is nobody's
	UID  uint32 `json:"uid"`
	AUID int64  `json:"auid"` // login uid (proc(5), loginuid); -1: unknown
}

// Same tells whether two may be one human: a uid or login uid of one is one of the
// other. What is unknown differs.
func (p Person) Same(o Person) bool {
	return p.UID == o.UID || p.AUID == int64(o.UID) || o.AUID == int64(p.UID) || p.AUID >= 0 && p.AUID == o.AUID
}

func (p Person) check() error {
	if len(p.By) > maxName || !utf8.ValidString(p.By) || p.AUID < -1 || p.AUID >= 1<<32 {
		return fmt.Errorf("bad person %+v", p)
	}
	return nil
}

// Approval is one word for the change from one policy to another. It counts for
// these two only.
type Approval struct {
	Old string `json:"old"` // hashes, 64 hex digits
	New string `json:"new"`
	Person
}

// Signed is an Approval with its place and time.
type Signed struct {
	Generation uint64    `json:"generation"`
	Since      time.Time `json:"since"`
	Approval
}

// Force says which policy is in force from here on.
type Force struct {
	Hash string `json:"hash"` // 64 hex digits
	// Two tells that under it some changes need two people.
	Two bool `json:"two"`
	Person
	// Emergency: root put it in force alone. Confirm lists the uids of those who
	// may say that they have seen it; empty: any security administrator.
	Emergency bool     `json:"emergency,omitempty"`
	Confirm   []uint32 `json:"confirm,omitempty"`
	Reason    string   `json:"reason,omitempty"` // at most 1000 bytes
}

// InForce is a Force with its place and time.
type InForce struct {
	Generation uint64    `json:"generation"`
	Since      time.Time `json:"since"`
	Force
}

// Void is the payload of records that say all with their kind.
type Void struct {
	Hash string `json:"hash"` // of the policy that is meant
	Person
}

// policyState is the part of State that these records make up.
type policyState struct {
	force     InForce // zero: no record
	approvals []Signed
}

// InForce is the last Force; false where there is none.
func (s *State) InForce() (InForce, bool) {
	if s == nil || s.policy.force.Hash == "" {
		return InForce{}, false
	}
	return s.policy.force, true
}

// Approvals lists what was said for one change of policy, oldest first.
func (s *State) Approvals(old, new string) (list []Signed) {
	if s == nil {
		return nil
	}
	for _, a := range s.policy.approvals {
		if a.Old == old && a.New == new {
			list = append(list, a)
		}
	}
	return list
}

// Approved lists everything that was said and is not void.
func (s *State) Approved() []Signed {
	if s == nil {
		return nil
	}
	return slices.Clone(s.policy.approvals)
}

func checkHash(h string) error {
	if b, err := hex.DecodeString(h); err != nil || len(b) != 32 || hex.EncodeToString(b) != h {
		return fmt.Errorf("bad hash %q", h)
	}
	return nil
}

func force(s *State, e *Entry) error {
	var f Force
	if err := decode(e.Payload, &f); err != nil {
		return err
	}
	if len(f.Reason) > maxReason || !utf8.ValidString(f.Reason) {
		return fmt.Errorf("a reason of %d bytes", len(f.Reason))
	}
	if err := errors.Join(checkHash(f.Hash), f.check()); err != nil {
		return err
	}
	if len(f.Confirm) == 0 {
		f.Confirm = nil
	}
	s.policy = policyState{force: InForce{e.Generation, e.Time, f}}
	return nil
}

func approve(s *State, e *Entry) error {
	var a Approval
	if err := decode(e.Payload, &a); err != nil {
		return err
	}
	if err := errors.Join(checkHash(a.Old), checkHash(a.New), a.check()); err != nil {
		return err
	}
	s.policy.approvals = append(slices.Clip(s.policy.approvals), Signed{e.Generation, e.Time, a})
	return nil
}

// about makes a row for a record whose payload is a Void.
func about(do func(*State)) func(*State, *Entry) error {
	return func(s *State, e *Entry) error {
		var v Void
		if err := decode(e.Payload, &v); err != nil {
			return err
		}
		if err := errors.Join(checkHash(v.Hash), v.check()); err != nil {
			return err
		}
		do(s)
		return nil
	}
}

func voidApprovals(s *State) { s.policy.approvals = nil }

func confirm(s *State) { s.policy.force.Emergency, s.policy.force.Confirm = false, nil }
