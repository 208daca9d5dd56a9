package as

import (
	"errors"
	"fmt"
	"syscall"
)

// request is one operation for the agent. Op names a row of the agent's table; the other fields are its arguments,
// used as that row says.
type request struct {
	Op          string
	Path, Path2 string
	Name        string
	Data        []byte
	Handle      int
	Handles     []int
	Off         int64
	Len         int
	Flags       int
	Mode        uint32
	Argv, Env   []string
}

// response is the outcome. Errno is nonzero when the kernel refused; Msg is set for every other failure.
type response struct {
	Data, Data2 []byte
	Text        string
	Names       []string
	Handle      int
	N           int64
	Stat        Stat
	Errno       syscall.Errno
	Msg         string
}

// Stat is what an agent saw of a file: the fields of stat(2) that tests compare.
type Stat struct {
	Size  int64
	Mode  uint32 // type and permission bits as in st_mode
	Ino   uint64
	Nlink uint64
	UID   uint32
	GID   uint32
	Mtime int64 // unix nanoseconds
}

// IsDir reports whether the file is a directory.
func (s Stat) IsDir() bool { return s.Mode&syscall.S_IFMT == syscall.S_IFDIR }

// Perm is the permission bits.
func (s Stat) Perm() uint32 { return s.Mode & 0o7777 }

// Error is a failed operation of a user. Unwrap gives the [syscall.Errno], if the kernel gave one.
type Error struct {
	UID  uint32
	Op   string
	Path string
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("uid %d: %s %q: %v", e.UID, e.Op, e.Path, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// fail records err in the response, keeping an errno as one so that errors.Is works on the other side.
func (r *response) fail(err error) {
	if errors.As(err, &r.Errno) {
		return
	}
	r.Msg = err.Error()
}

// err is the failure that the response carries, or nil.
func (r *response) err() error {
	if r.Errno != 0 {
		return r.Errno
	}
	if r.Msg != "" {
		return errors.New(r.Msg)
	}
	return nil
}

// statOf keeps what tests compare.
func statOf(st *syscall.Stat_t) Stat {
	return Stat{Size: st.Size, Mode: st.Mode, Ino: st.Ino, Nlink: uint64(st.Nlink), UID: st.Uid, GID: st.Gid, Mtime: st.Mtim.Nano()}
}
