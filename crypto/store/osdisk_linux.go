package store

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// O_NONBLOCK keeps a planted FIFO from blocking the daemon; O_NOATIME keeps
// reads of headers from showing up as access times.
const openFlags = unix.O_NOFOLLOW | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOATIME

type osDisk struct{ root *osDir }

type osNode struct{ fd int }

type osDir struct{ osNode }

type osFile struct{ osNode }

var (
	_ Disk = (*osDisk)(nil)
	_ Dir  = (*osDir)(nil)
	_ File = (*osFile)(nil)
)

// OpenOSDisk returns the disk whose root is the directory path. The path itself
// is the caller's and is resolved as usual; below it no link is followed. The
// error is a syscall.Errno, wrapped with the path.
func OpenOSDisk(path string) (Disk, error) {
	fd, err := openat(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("store: open %q: %w", path, err)
	}
	return &osDisk{root: &osDir{osNode{fd}}}, nil
}

func (d *osDisk) OpenRoot() (Dir, error) {
	fd, err := openat(d.root.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &osDir{osNode{fd}}, nil
}

func (d *osDisk) StatFS() (StatFS, error) {
	var b unix.Statfs_t
	if err := again(func() error { return unix.Fstatfs(d.root.fd, &b) }); err != nil {
		return StatFS{}, err
	}
	return StatFS{BlockSize: uint64(b.Bsize), Blocks: b.Blocks, Free: b.Bfree,
		Avail: b.Bavail, Files: b.Files, FilesFree: b.Ffree}, nil
}

func (d *osDisk) SyncAll() error { return unix.Syncfs(d.root.fd) }

func (d *osDisk) Close() error { return d.root.Close() }

func (n *osNode) Close() error { return unix.Close(n.fd) }

func (n *osNode) Stat() (Stat, error) {
	var b unix.Stat_t
	if err := again(func() error { return unix.Fstat(n.fd, &b) }); err != nil {
		return Stat{}, err
	}
	return fromStat(&b), nil
}

func (n *osNode) SetTimes(atime, mtime *time.Time) error {
	ts := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Nsec: unix.UTIME_OMIT}}
	for i, t := range []*time.Time{atime, mtime} {
		if t != nil {
			ts[i] = unix.Timespec{Sec: t.Unix(), Nsec: int64(t.Nanosecond())}
		}
	}
	return unix.UtimesNanoAt(n.fd, "", ts, unix.AT_EMPTY_PATH)
}

func (n *osNode) GetXattr(name string) ([]byte, error) {
	buf := make([]byte, 512)
	for {
		k, err := unix.Fgetxattr(n.fd, name, buf)
		switch {
		case err == nil:
			return buf[:k], nil
		case err != unix.ERANGE:
			return nil, err
		}
		if k, err = unix.Fgetxattr(n.fd, name, nil); err != nil {
			return nil, err
		}
		buf = make([]byte, k+64)
	}
}

func (n *osNode) SetXattr(name string, value []byte, flags int) error {
	return unix.Fsetxattr(n.fd, name, value, flags)
}

func (n *osNode) ListXattr() ([]string, error) {
	size, err := unix.Flistxattr(n.fd, nil)
	for err == nil && size > 0 {
		buf := make([]byte, size)
		var k int
		if k, err = unix.Flistxattr(n.fd, buf); err == nil {
			return strings.FieldsFunc(string(buf[:k]), func(r rune) bool { return r == 0 }), nil
		}
		if err == unix.ERANGE { // grew in between
			size, err = unix.Flistxattr(n.fd, nil)
		}
	}
	return nil, err
}

func (n *osNode) RemoveXattr(name string) error { return unix.Fremovexattr(n.fd, name) }

func (f *osFile) Sync(full bool) error {
	if full {
		return again(func() error { return unix.Fsync(f.fd) })
	}
	return again(func() error { return unix.Fdatasync(f.fd) })
}

// DropCache leaves pages that are being written or mapped.
func (f *osFile) DropCache() error {
	return again(func() error { return unix.Fadvise(f.fd, 0, 0, unix.FADV_DONTNEED) })
}

func (f *osFile) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		k, err := unix.Pread(f.fd, p[n:], off+int64(n))
		if err == unix.EINTR {
			continue
		}
		if err != nil || k == 0 {
			return n, err
		}
		n += k
	}
	return n, nil
}

func (f *osFile) WriteAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		k, err := unix.Pwrite(f.fd, p[n:], off+int64(n))
		if err == unix.EINTR {
			continue
		}
		if err == nil && k == 0 {
			err = unix.EIO
		}
		if err != nil {
			return n, err
		}
		n += k
	}
	return n, nil
}

func (f *osFile) Truncate(size int64) error {
	return again(func() error { return unix.Ftruncate(f.fd, size) })
}

func (f *osFile) Allocate(off, n int64) error {
	return again(func() error { return unix.Fallocate(f.fd, unix.FALLOC_FL_KEEP_SIZE, off, n) })
}

func fromStat(b *unix.Stat_t) Stat {
	s := Stat{Dev: b.Dev, Ino: b.Ino, Size: b.Size, Blocks: b.Blocks,
		Atime: time.Unix(b.Atim.Unix()), Mtime: time.Unix(b.Mtim.Unix()), Ctime: time.Unix(b.Ctim.Unix())}
	switch b.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		s.Type = TypeFile
	case unix.S_IFDIR:
		s.Type = TypeDir
	}
	return s
}

func openat(dir int, name string, flags int) (fd int, err error) {
	err = again(func() error {
		fd, err = unix.Openat(dir, name, flags, 0o600)
		return err
	})
	return fd, err
}

// again repeats a call that a signal interrupted, as some file systems allow.
func again(call func() error) error {
	for {
		if err := call(); err != syscall.EINTR {
			return err
		}
	}
}
