package statelog

import (
	"errors"
	"fmt"

	"matterfs/crypto"
)

// ErrInUse says that another process has the log open.
var ErrInUse = errors.New("statelog: in use by another process")

// ErrBroken says that an earlier failure left the file in an unknown state:
// nothing is appended until it is opened anew. It is wrapped together with the
// cause.
var ErrBroken = errors.New("statelog: not writable since an earlier failure")

// RolledBackError says that the file is not the newest one: records that were
// acknowledged are not in it. Have is zero when there is no file at all.
type RolledBackError struct {
	Path       string
	Have, Want Head
	Missing    bool // no file
}

// Error says what was found and what should be there.
func (e *RolledBackError) Error() string {
	if e.Missing {
		return fmt.Sprintf("state log %s is missing, %d records were acknowledged", e.Path, e.Want.Generation)
	}
	if e.Have.Generation >= e.Want.Generation {
		return fmt.Sprintf("state log %s is not the one that was written: its record %d is another", e.Path, e.Want.Generation)
	}
	return fmt.Sprintf("state log %s is an older copy: it ends with record %d, record %d was acknowledged", e.Path, e.Have.Generation, e.Want.Generation)
}

// DamagedError says that the file holds bytes that no crash explains.
type DamagedError struct {
	Path   string
	Offset int64 // where the trouble begins
	What   string
}

// Error names place and trouble.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("state log %s is damaged at byte %d: %s", e.Path, e.Offset, e.What)
}

// ForeignError says that the file belongs to another store.
type ForeignError struct {
	Path       string
	Have, Want crypto.ID
}

// Error names both stores.
func (e *ForeignError) Error() string {
	return fmt.Sprintf("state log %s belongs to store %s, not to %s", e.Path, e.Have, e.Want)
}

// NewerError says that an authentic record means something this version does
// not know.
type NewerError struct {
	Generation uint64
	Kind       string
	Err        error // what is wrong with its payload; nil when the kind is unknown
}

// Error names the record.
func (e *NewerError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("state log: record %d has the unknown kind %q: it was written by a newer version", e.Generation, e.Kind)
	}
	return fmt.Sprintf("state log: record %d (%s): %v", e.Generation, e.Kind, e.Err)
}

// Unwrap is the trouble with the payload.
func (e *NewerError) Unwrap() error { return e.Err }

// ReplacedError says that the name does not lead to the file that is open any
// more, or that somebody else wrote to it: what is appended would be lost.
type ReplacedError struct {
	Path string
	What string
}

// Error names what happened.
func (e *ReplacedError) Error() string { return fmt.Sprintf("state log %s was %s", e.Path, e.What) }
