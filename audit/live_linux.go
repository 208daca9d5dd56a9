package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// liveFile is the file that grows. Each method is one system call, so that a test can let each of them fail.
type liveFile interface {
	Write(p []byte) (int, error) // one write(2): a record is never torn by another
	Truncate(size int64) error
	Allocate(off, n int64) error // fallocate, the size stays
	Sync() error                 // fdatasync
	Check(size int64) error      // *ReplacedError when the name no longer leads to this file with this size
	Close() error
}

// File is the live file to Options.Wrap; one system call a method.
type File = liveFile

type osLive struct {
	fd   int
	path string
}

// openLive opens audit.jsonl for appending and makes it (0640) when it is missing.
func openLive(dir string, group int) (liveFile, error) {
	path := filepath.Join(dir, LiveName)
	const flags = unix.O_WRONLY | unix.O_APPEND | unix.O_NOFOLLOW | unix.O_CLOEXEC | unix.O_NONBLOCK
	fd, err := unix.Open(path, flags, 0)
	if errors.Is(err, unix.ENOENT) {
		fd, err = unix.Open(path, flags|unix.O_CREAT|unix.O_EXCL, 0o640)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	f := &osLive{fd: fd, path: path}
	if err := f.own(group); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// own sets mode and group whatever the umask was, and makes the name durable.
func (f *osLive) own(group int) error {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return f.err("stat", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return f.err("open", errors.New("not a regular file"))
	}
	if st.Mode&0o7777 != 0o640 {
		if err := unix.Fchmod(f.fd, 0o640); err != nil {
			return f.err("chmod", err)
		}
	}
	if group > 0 && st.Gid != uint32(group) {
		if err := unix.Fchown(f.fd, -1, group); err != nil {
			return f.err("chown", err)
		}
	}
	return syncDir(filepath.Dir(f.path))
}

func (f *osLive) err(op string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: f.path, Err: err}
}

func (f *osLive) Write(p []byte) (int, error) {
	for {
		n, err := unix.Write(f.fd, p)
		if err == unix.EINTR && n <= 0 {
			continue // nothing was written
		}
		return n, f.err("write", err)
	}
}

func (f *osLive) Truncate(size int64) error { return f.err("truncate", unix.Ftruncate(f.fd, size)) }
func (f *osLive) Sync() error               { return f.err("fdatasync", unix.Fdatasync(f.fd)) }
func (f *osLive) Allocate(off, n int64) error {
	return f.err("fallocate", unix.Fallocate(f.fd, unix.FALLOC_FL_KEEP_SIZE, off, n))
}
func (f *osLive) Close() error { return f.err("close", unix.Close(f.fd)) }

func (f *osLive) Check(size int64) error {
	var held, named unix.Stat_t
	if err := unix.Fstat(f.fd, &held); err != nil {
		return f.err("stat", err)
	}
	err := unix.Lstat(f.path, &named)
	switch {
	case errors.Is(err, unix.ENOENT):
		return &ReplacedError{f.path, "deleted"}
	case err != nil:
		return f.err("stat", err)
	case held.Dev != named.Dev || held.Ino != named.Ino:
		return &ReplacedError{f.path, "replaced"}
	case held.Size != size:
		return &ReplacedError{f.path, fmt.Sprintf("its size is %d, %d bytes were written", held.Size, size)}
	}
	return nil
}

// syncDir makes names made in a directory durable.
func syncDir(dir string) error {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	defer unix.Close(fd)
	if err := unix.Fsync(fd); err != nil {
		return &fs.PathError{Op: "fsync", Path: dir, Err: err}
	}
	return nil
}
