package audit

import "time"

// Record is one event as the caller states it. Seq, time and chain are added when it is appended.
//
// The zero value of a field means "not stated" and leaves its key out of the line, except where another rule is given.
// Strings that are not UTF-8 (names and paths may be any bytes) are kept exactly, under KEY_b64.
type Record struct {
	Ev  string // event: "read", "rename", "policy.reload" ...; must be set
	Res string // "ok", "deny", or an errno's name where the operation failed after it was allowed

	User   string // policy user; empty when the uid belongs to nobody
	UID    uint32 // acting fsuid, written when HasUID
	HasUID bool
	AUID   int64  // login uid; negative: unknown, left out
	OUID   int64  // uid of the opener where it is not the caller; negative: the same, left out
	PID    uint32 // thread id as the kernel gives it
	Exe    string // executable, where it could be read
	Comm   string // command name of the thread

	Matter, Client, Level string // matter id, client id, effective level
	Path                  string // inside the matter, without a leading slash; empty at its root
	To                    string // the new path of a rename, the target of a link
	FID                   string // object id, 32 hex digits
	FID2                  string // the second object of a rename (the one replaced)
	Ver                   uint64 // version that the object's metadata have at least, once it is closed; 0: not stated
	H                     uint64 // handle number

	Off, Len int64 // bytes answered, written when HasRange
	Req      int64 // bytes asked for; written when HasRange and it is positive and not Len
	HasRange bool

	// Bytes from CoverFrom on, up to CoverTo, which is not included, may be read from now on by this uid through this handle and
	// under this decision without a record of their own; CoverTo 0: none. See package cover.
	CoverFrom, CoverTo int64

	ReadRanges, WrittenRanges string // close: which bytes, as cover.FormatRanges writes them

	Rule    string // deciding rule
	Pol     string // first 12 hex digits of the policy's hash
	Purpose string // stated purpose
	Flags   string // open flags, rename flags, the attributes set ...
	Count   int    // how often, where repeats are counted
	Note    string // words for a person
	Signed  string // audit.seal: a signed checkpoint; audit.epoch: a signed change of keys; audit.witness: a co-signed checkpoint
	Retired uint64 // audit.retire: records 1 to this one were deleted by retention

	Recovery *Recovery // only in audit.recover records
}

// Recovery tells in an audit.recover record what was found and what was done.
type Recovery struct {
	TornLen  int64  // bytes cut off the end of the live file; 0: none
	TornHash string // SHA-256 of these bytes, 64 hex digits
	Torn     []byte // the bytes themselves, when there are no more than MaxTorn

	TornFile string // the file in the log directory that keeps the bytes, whatever their number

	LostFrom, LostTo uint64 // numbers of records that a power cut may have taken; both 0: none. The numbers are used again.

	// Numbers of records that the head did not know of: only the chain vouches for them; both 0: none.
	UnanchoredFrom, UnanchoredTo uint64

	Since   time.Time // since when records were refused because the log could not be written; zero: does not apply
	Refused int       // how many were refused
}

// Parsed is a record read back from the log.
type Parsed struct {
	Record
	Seq  uint64
	Time time.Time // UTC, microseconds
	Prev [32]byte  // SHA-256(0x00 || the line before); of the store id in record 1
}

const (
	// LiveName is the name of the file that is appended to.
	LiveName = "audit.jsonl"
	// MaxLine is the greatest length of a line in bytes, without its LF. Two paths of 4096 control characters need 50 KB.
	MaxLine = 1 << 20
	// MaxTorn is the greatest number of torn bytes that an audit.recover record embeds.
	MaxTorn = 4096
)
