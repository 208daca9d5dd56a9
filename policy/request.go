package policy

import "time"

// Env is what the policy cannot know by itself. Nil functions, and a nil Env,
// mean that no group is known, nobody is disabled, nothing is frozen and there
// is no fault.
type Env struct {
	// Groups tells whether user is in the system's group now. known is false
	// when that cannot be said (not asked yet, no answer, an old answer): the
	// user is then outside for grants and every `only`, and inside for a wall
	// that keeps the group out. It must answer from memory: it is called while
	// a file operation waits.
	Groups func(unixGroup, user string) (member, known bool)
	// Disabled is the emergency list.
	Disabled func(user string) bool
	// Frozen tells whether a matter is stopped at once for everybody.
	Frozen func(matter string) bool
	// Fault names what keeps the whole system from deciding (sys.log, sys.keys,
	// sys.clock, sys.stale); "" when all is well.
	Fault func() string
}

func (e *Env) fault() string {
	if e == nil || e.Fault == nil {
		return ""
	}
	return e.Fault()
}

func (e *Env) disabled(user string) bool {
	return e != nil && e.Disabled != nil && e.Disabled(user)
}

func (e *Env) frozen(matter string) bool {
	return e != nil && e.Frozen != nil && e.Frozen(matter)
}

// inGroup answers unsure when nobody knows.
func (e *Env) inGroup(unixGroup, user string, unsure bool) bool {
	if e == nil || e.Groups == nil {
		return unsure
	}
	member, known := e.Groups(unixGroup, user)
	if !known {
		return unsure
	}
	return member
}

// Request is one question: may this caller do this to this object now?
type Request struct {
	UID    uint32   // the caller's, of this very request
	Matter string   // id
	Path   string   // inside the matter, "" for its root
	Sealed []string // levels sealed into the folders above and at Path
	Op     Op
	Own    bool // the object was created by UID
	At     time.Time
	Env    *Env
}

// Shown is how a refusal looks to the caller. Its zero value is the plain one.
type Shown uint8

// How refusals look.
const (
	Refused     Shown = iota // EACCES: it is there, but not for you
	Hidden                   // ENOENT: as if it did not exist; listings leave it out
	ReadOnly                 // EROFS: closed matter
	Unavailable              // EIO: nobody can be served now
)

// String is the name of the errno.
func (s Shown) String() string {
	return [...]string{"EACCES", "ENOENT", "EROFS", "EIO"}[s&3]
}

// Decision is the answer. Its zero value refuses.
type Decision struct {
	Allow   bool
	Gate    int    // 0-7: the first gate that refused, or 7
	Rule    string // the code of the deciding rule: wall.W-07, member.lead
	Reason  string // one English sentence; [RuleText] has it in Chinese too
	Shown   Shown  // meaningful when Allow is false
	User    string // "" when the uid is nobody's
	Client  string
	Level   string // of the path
	Purpose string // the standing purpose under which access is allowed
	// LogReads is how reads are recorded there: EachRead or CoverReads; "": as the daemon is set. Only where Allow is true.
	LogReads string
	// Expires is the moment before which time alone does not change the answer,
	// neither whether nor why nor how it is shown; zero: it never does.
	Expires time.Time
	// LogSync asks that an open is answered only when its record is on the
	// medium; false when Allow is.
	LogSync bool
}
