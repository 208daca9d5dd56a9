package audit

import (
	"errors"
	"fmt"
)

// ErrUnavailable says that a record could not be put into the log. Nothing may be disclosed then: the caller answers EIO.
// The error returned wraps the cause too, so that errors.Is(err, syscall.ENOSPC) and errors.As with *ReplacedError work.
var ErrUnavailable = errors.New("audit log not writable")

// ErrInterrupted ends a wait that the caller gave up.
var ErrInterrupted = errors.New("interrupted")

// ErrClosed is the cause of an ErrUnavailable after Close.
var ErrClosed = errors.New("log is closed")

// ErrInUse says that another process (or another Log) holds the head of this log: two writers would break the chain.
var ErrInUse = errors.New("audit log is in use by another process")

// unavailableError is what a refused Append returns.
type unavailableError struct {
	op    string // what failed: "write", "sync", "head"
	cause error
}

func (e *unavailableError) Error() string {
	return fmt.Sprintf("%v: %s: %v", ErrUnavailable, e.op, e.cause)
}

func (e *unavailableError) Unwrap() []error { return []error{ErrUnavailable, e.cause} }

// RecordError says that a record cannot be encoded: it has no event, or its line would be longer than MaxLine.
// It means a fault in the caller; the operation it stands for must be refused all the same.
type RecordError struct {
	Ev   string // event of the record, may be empty
	What string // what is wrong
}

func (e *RecordError) Error() string {
	return fmt.Sprintf("audit record %q: %s", e.Ev, e.What)
}

// ReplacedError says that the live file was exchanged, cut, extended or deleted while the log had it open.
type ReplacedError struct {
	Path string
	What string // "deleted", "replaced", "size is 10, 4120 written"
}

func (e *ReplacedError) Error() string {
	return fmt.Sprintf("%s was changed by somebody else: %s", e.Path, e.What)
}

// TamperedError refuses to continue a log whose lines or head contradict each other (exit code 10).
type TamperedError struct {
	Path string
	Line int // 1-based; 0 when the whole file is meant
	What string
}

func (e *TamperedError) Error() string {
	return fmt.Sprintf("%s: audit log tampered with: %s", at(e.Path, e.Line), e.What)
}

// IncompleteError refuses to continue a log that ends before the last record its head knows (exit code 11).
type IncompleteError struct {
	Path string
	Have uint64 // seq of the last record found; 0 when there is none
	Want uint64 // seq of the last record that must be there
}

func (e *IncompleteError) Error() string {
	return fmt.Sprintf("%s: audit log incomplete: records %d to %d are missing from the end", e.Path, e.Have+1, e.Want)
}

// LineError is a line that readers cannot make sense of.
type LineError struct {
	Path string // empty from ParseLine, which knows no file
	Line int    // 1-based; 0 when unknown because the reader did not start at the beginning
	What string
}

func (e *LineError) Error() string {
	if e.Path == "" {
		return "the line " + e.What
	}
	return at(e.Path, e.Line) + ": the line " + e.What
}

func at(path string, line int) string {
	if line == 0 {
		return path
	}
	return fmt.Sprintf("%s:%d", path, line)
}
