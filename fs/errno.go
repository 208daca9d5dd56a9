package fs

import (
	"errors"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"matterfs/audit"
	"matterfs/crypto/store"
	"matterfs/policy"
)

// shownAs is what a caller sees of a refusal.
var shownAs = map[policy.Shown]syscall.Errno{
	policy.Refused:     syscall.EACCES,
	policy.Hidden:      syscall.ENOENT,
	policy.ReadOnly:    syscall.EROFS,
	policy.Unavailable: syscall.EIO,
}

// passed are the errors of the store that mean to the caller what they say. Anything else,
// an unexpected errno of the backing disk included, is EIO.
var passed = map[syscall.Errno]bool{
	syscall.ENOENT: true, syscall.EEXIST: true, syscall.ENOTEMPTY: true, syscall.ENOTDIR: true,
	syscall.EISDIR: true, syscall.EXDEV: true, syscall.ENOSPC: true, syscall.EDQUOT: true,
	syscall.EFBIG: true, syscall.ENAMETOOLONG: true, syscall.EINVAL: true, syscall.ENODATA: true,
	syscall.ERANGE: true, syscall.E2BIG: true, syscall.ENXIO: true, syscall.EMFILE: true,
	syscall.ENFILE: true, syscall.ENOMEM: true, syscall.EOPNOTSUPP: true, syscall.EBUSY: true,
	syscall.EROFS: true, syscall.ELOOP: true,
}

// errnoOf is the one table from errors to errno.
func errnoOf(err error) syscall.Errno {
	var corrupt *store.CorruptError
	var errno syscall.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &corrupt), errors.Is(err, audit.ErrUnavailable):
		return syscall.EIO
	case errors.As(err, &errno) && passed[errno]:
		return errno
	}
	return syscall.EIO
}

// status turns an error into the answer of a request.
func status(err error) fuse.Status { return fuse.Status(errnoOf(err)) }
