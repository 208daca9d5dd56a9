package store

import "time"

// Disk is the backing file system as the store uses it, and the only way the
// store reaches it. Every name is one component, relative to a held directory:
// nothing can lead outside. An implementation never follows a symbolic link.
// Errors are syscall.Errno values. Implementations are safe for concurrent use.
type Disk interface {
	// OpenRoot opens the directory that is the store.
	OpenRoot() (Dir, error)
	// StatFS tells sizes of the file system that holds the store.
	StatFS() (StatFS, error)
	// SyncAll makes everything written so far durable (syncfs(2)).
	SyncAll() error
	// Close frees the disk; open nodes are closed by their users.
	Close() error
}

// Node is what open directories and files have in common.
type Node interface {
	Stat() (Stat, error)
	// SetTimes sets the times that are not nil.
	SetTimes(atime, mtime *time.Time) error
	GetXattr(name string) ([]byte, error)
	SetXattr(name string, value []byte, flags int) error
	ListXattr() ([]string, error)
	RemoveXattr(name string) error
	// Sync makes a directory's entries or a file's content and length durable;
	// with full also times and extended attributes.
	Sync(full bool) error
	Close() error
}

// Dir is an open directory.
type Dir interface {
	Node
	StatAt(name string) (Stat, error)
	OpenDir(name string) (Dir, error)
	// OpenFile opens a regular file for reading and writing.
	OpenFile(name string) (File, error)
	// CreateFile makes a new empty file, mode 0600; EEXIST when the name is taken.
	CreateFile(name string) (File, error)
	Mkdir(name string) error
	Unlink(name string) error
	Rmdir(name string) error
	// Rename replaces an existing newName atomically, or with noReplace fails
	// with EEXIST.
	Rename(name string, to Dir, newName string, noReplace bool) error
	// List returns all entries but . and .. in no order.
	List() ([]DirEntry, error)
}

// File is an open regular file.
type File interface {
	Node
	// ReadAt reads up to len(p) bytes; fewer only at the end of the file, with
	// a nil error.
	ReadAt(p []byte, off int64) (int, error)
	// WriteAt writes p; n < len(p) only with an error.
	WriteAt(p []byte, off int64) (n int, err error)
	Truncate(size int64) error
	// Allocate reserves space without changing the length.
	Allocate(off, n int64) error
	// DropCache forgets what need not be written, so that it is next read from
	// the disk.
	DropCache() error
}

// FileType is what kind of thing the backing file system holds.
type FileType uint8

// The types that the store tells apart; everything else is garbage to it.
const (
	TypeOther FileType = iota
	TypeFile
	TypeDir
)

// Stat is what the store wants to know of a backing inode.
type Stat struct {
	Dev, Ino            uint64
	Type                FileType
	Size                int64 // bytes
	Blocks              int64 // of 512 bytes
	Atime, Mtime, Ctime time.Time
}

// DirEntry is one entry of a backing directory. Type may be TypeOther where the
// file system does not tell.
type DirEntry struct {
	Name string
	Type FileType
}

// StatFS describes the room on the backing file system.
type StatFS struct {
	BlockSize           uint64 // bytes
	Blocks, Free, Avail uint64 // in blocks; Avail is what is left for users
	Files, FilesFree    uint64 // inodes
}
