package export

import "fmt"

// wayOut ends the messages of errors that only a person can decide about.
const wayOut = "; audit verify tells what became of the log, audit export --once --from SEQ begins anew with record SEQ"

// CursorError is a log that is not the one which was sent: rolled back, replaced, or cut by a power failure (exit code 12).
type CursorError struct {
	Cursor string // file
	Seq    uint64 // the last record that was sent
	Short  bool   // the log ends before it; else the record is another one
	Last   uint64 // the last record there is, where the log is short
}

func (e *CursorError) Error() string {
	what := "is not the record that was sent"
	if e.Short {
		what = fmt.Sprintf("was sent, and the log ends with record %d", e.Last)
	}
	return fmt.Sprintf("%s: the log is not the one that was exported: record %d %s%s", e.Cursor, e.Seq, what, wayOut)
}

// GapError is records that are gone and were never sent (exit code 11).
type GapError struct {
	From, To uint64
	Cursor   string
}

func (e *GapError) Error() string {
	return fmt.Sprintf("%s: records %d to %d were never exported and are not in the log any more: retention took them, or somebody%s", e.Cursor, e.From, e.To, wayOut)
}

// FileError is a target file that is not what was written to it (exit code 10).
type FileError struct{ Path, What string }

func (e *FileError) Error() string {
	return fmt.Sprintf("%s %s; move it away to begin a new file, which loses nothing", e.Path, e.What)
}

// BusyError is a cursor that another exporter works with.
type BusyError struct{ Cursor string }

func (e *BusyError) Error() string { return e.Cursor + " is in use by another exporter" }

// DamagedError is a cursor that cannot be read, or that others may write.
type DamagedError struct{ Cursor, What string }

func (e *DamagedError) Error() string { return fmt.Sprintf("cursor %s %s%s", e.Cursor, e.What, wayOut) }

// BrokenError is a target that does not take records now. With Follow it is tried again; else it ends the export.
type BrokenError struct {
	Target string
	Err    error
}

func (e *BrokenError) Error() string { return fmt.Sprintf("%s: %v", e.Target, e.Err) }
func (e *BrokenError) Unwrap() error { return e.Err }

// FromError is a record to begin with that the log does not have.
type FromError struct{ Seq uint64 }

func (e *FromError) Error() string {
	return fmt.Sprintf("--from %d: the log has no such record", e.Seq)
}
