package store

import (
	"encoding/binary"
	"syscall"

	"golang.org/x/sys/unix"
)

func (d *osDir) Sync(bool) error { return again(func() error { return unix.Fsync(d.fd) }) }

func (d *osDir) StatAt(name string) (Stat, error) {
	var b unix.Stat_t
	err := again(func() error { return unix.Fstatat(d.fd, name, &b, unix.AT_SYMLINK_NOFOLLOW) })
	if err != nil {
		return Stat{}, err
	}
	return fromStat(&b), nil
}

func (d *osDir) OpenDir(name string) (Dir, error) {
	fd, err := openat(d.fd, name, unix.O_RDONLY|unix.O_DIRECTORY|openFlags)
	if err != nil {
		return nil, err
	}
	return &osDir{osNode{fd}}, nil
}

// OpenFile falls back to read-only where the backing file system is mounted so;
// a write then fails with EBADF.
func (d *osDir) OpenFile(name string) (File, error) {
	fd, err := openat(d.fd, name, unix.O_RDWR|openFlags)
	if err == syscall.EROFS {
		fd, err = openat(d.fd, name, unix.O_RDONLY|openFlags)
	}
	if err != nil {
		return nil, err
	}
	return &osFile{osNode{fd}}, nil
}

func (d *osDir) CreateFile(name string) (File, error) {
	fd, err := openat(d.fd, name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|openFlags)
	if err != nil {
		return nil, err
	}
	return &osFile{osNode{fd}}, nil
}

func (d *osDir) Mkdir(name string) error { return unix.Mkdirat(d.fd, name, 0o700) }

func (d *osDir) Unlink(name string) error { return unix.Unlinkat(d.fd, name, 0) }

func (d *osDir) Rmdir(name string) error { return unix.Unlinkat(d.fd, name, unix.AT_REMOVEDIR) }

func (d *osDir) Rename(name string, to Dir, newName string, noReplace bool) error {
	t, ok := to.(*osDir)
	if !ok {
		return syscall.EXDEV
	}
	if noReplace {
		return unix.Renameat2(d.fd, name, t.fd, newName, unix.RENAME_NOREPLACE)
	}
	return unix.Renameat(d.fd, name, t.fd, newName)
}

// List opens the directory anew, so that concurrent listings do not share one
// position.
func (d *osDir) List() ([]DirEntry, error) {
	fd, err := openat(d.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var list []DirEntry
	buf := make([]byte, 32<<10)
	for {
		n, err := unix.Getdents(fd, buf)
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			return list, nil
		}
		list = appendDirents(list, buf[:n])
	}
}

// appendDirents reads the records of getdents64(2): u64 inode, u64 offset, u16
// record length, u8 type, name, NUL. A malformed record ends the buffer.
func appendDirents(list []DirEntry, b []byte) []DirEntry {
	const fixed = 19
	for len(b) > fixed {
		size := int(binary.NativeEndian.Uint16(b[16:]))
		if size <= fixed || size > len(b) {
			return list
		}
		name := unix.ByteSliceToString(b[fixed:size])
		if name != "." && name != ".." && name != "" {
			list = append(list, DirEntry{Name: name, Type: fromDirent(b[18])})
		}
		b = b[size:]
	}
	return list
}

func fromDirent(t byte) FileType {
	switch t {
	case unix.DT_REG:
		return TypeFile
	case unix.DT_DIR:
		return TypeDir
	}
	return TypeOther
}
