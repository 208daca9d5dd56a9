package as

import (
	"errors"
	"slices"
	"syscall"
)

// Reads fails the test unless the user reads exactly want from path.
func (u *User) Reads(path, want string) {
	u.t.Helper()
	got, err := u.ReadFile(path)
	if err != nil {
		u.t.Errorf("should read: %v", err)
		return
	}
	if string(got) != want {
		u.t.Errorf("uid %d reads %q from %q, want %q", u.uid, clip(got), path, clip([]byte(want)))
	}
}

// Writes fails the test unless the user can create or replace path with content.
func (u *User) Writes(path, content string) {
	u.t.Helper()
	u.Does(u.WriteFile(path, []byte(content)))
}

// Lists fails the test unless the directory holds exactly these names; their order does not matter.
func (u *User) Lists(path string, want ...string) {
	u.t.Helper()
	got, err := u.ReadDir(path)
	if err != nil {
		u.t.Errorf("should list: %v", err)
		return
	}
	want = slices.Sorted(slices.Values(want))
	if !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		u.t.Errorf("uid %d lists %q in %q, want %q", u.uid, got, path, want)
	}
}

// Opens returns the open file, or ends the test.
func (u *User) Opens(path string, flags int, mode uint32) *File {
	u.t.Helper()
	f, err := u.Open(path, flags, mode)
	if err != nil {
		u.t.Fatalf("should open: %v", err)
	}
	return f
}

// IsDenied fails the test unless opening path for reading is refused with this errno.
func (u *User) IsDenied(path string, want syscall.Errno) {
	u.t.Helper()
	f, err := u.Open(path, syscall.O_RDONLY, 0)
	if err == nil {
		f.Close()
	}
	u.Refused(err, want)
}

// CannotWrite fails the test unless opening path for writing is refused with this errno.
func (u *User) CannotWrite(path string, want syscall.Errno) {
	u.t.Helper()
	f, err := u.Open(path, syscall.O_WRONLY|syscall.O_CREAT, 0o644)
	if err == nil {
		f.Close()
	}
	u.Refused(err, want)
}

// Refused fails the test unless err is this errno.
func (u *User) Refused(err error, want syscall.Errno) {
	u.t.Helper()
	switch {
	case err == nil:
		u.t.Errorf("uid %d was allowed, want %v", u.uid, want)
	case !errors.Is(err, want):
		u.t.Errorf("refused with %v, want %v", err, want)
	}
}

// Does fails the test when an operation of the user failed.
func (u *User) Does(err error) {
	u.t.Helper()
	if err != nil {
		u.t.Errorf("should be allowed: %v", err)
	}
}

// clip keeps failure messages readable.
func clip(b []byte) string {
	const most = 200
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}
