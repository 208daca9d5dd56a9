package as

import (
	"syscall"
)

// File is a descriptor in a user's process.
type File struct {
	u    *User
	h    int
	path string
}

// Open opens path with the flags of open(2).
func (u *User) Open(path string, flags int, mode uint32) (*File, error) {
	r, err := u.call(callLimit, &request{Op: "open", Path: path, Flags: flags, Mode: mode})
	if err != nil {
		return nil, err
	}
	return &File{u: u, h: r.Handle, path: path}, nil
}

func (f *File) request(op string) *request { return &request{Op: op, Handle: f.h, Path: f.path} }

// ReadAt reads up to n bytes at off with one pread(2): short at the end of the file, empty behind it.
func (f *File) ReadAt(off int64, n int) ([]byte, error) {
	q := f.request("readat")
	q.Off, q.Len = off, n
	return f.data(q)
}

// Read reads up to n bytes at the file position with one read(2).
func (f *File) Read(n int) ([]byte, error) {
	q := f.request("read")
	q.Len = n
	return f.data(q)
}

func (f *File) data(q *request) ([]byte, error) {
	r, err := f.u.call(callLimit, q)
	if err != nil {
		return nil, err
	}
	return r.Data, nil
}

// WriteAt writes with one pwrite(2) and returns the bytes written.
func (f *File) WriteAt(data []byte, off int64) (int, error) {
	q := f.request("writeat")
	q.Data, q.Off = data, off
	return f.count(q)
}

// Write writes at the file position, or at the end after O_APPEND, with one write(2).
func (f *File) Write(data []byte) (int, error) {
	q := f.request("write")
	q.Data = data
	return f.count(q)
}

func (f *File) count(q *request) (int, error) {
	r, err := f.u.call(callLimit, q)
	if err != nil {
		return 0, err
	}
	return int(r.N), nil
}

// Seek is lseek(2): whence is SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA or SEEK_HOLE.
func (f *File) Seek(off int64, whence int) (int64, error) {
	q := f.request("seek")
	q.Off, q.Flags = off, whence
	r, err := f.u.call(callLimit, q)
	if err != nil {
		return 0, err
	}
	return r.N, nil
}

// Stat is fstat(2).
func (f *File) Stat() (Stat, error) {
	r, err := f.u.call(callLimit, f.request("fstat"))
	if err != nil {
		return Stat{}, err
	}
	return r.Stat, nil
}

// Names reads one buffer of up to n bytes of directory entries and returns their names without . and .. ; it is
// empty at the end.
func (f *File) Names(n int) ([]string, error) {
	q := f.request("fgetdents")
	q.Len = n
	return f.u.names(q)
}

// Truncate sets the size in bytes.
func (f *File) Truncate(size int64) error {
	q := f.request("ftruncate")
	q.Off = size
	return f.u.do(q)
}

// Fsync is fsync(2), also on directories.
func (f *File) Fsync() error { return f.u.do(f.request("fsync")) }

// Flock is flock(2) with LOCK_SH, LOCK_EX, LOCK_UN and LOCK_NB.
func (f *File) Flock(how int) error {
	q := f.request("flock")
	q.Flags = how
	return f.u.do(q)
}

// Close closes the descriptor; what close(2) reports is returned.
func (f *File) Close() error { return f.u.do(f.request("close")) }

// Mapping is a mapping in a user's process.
type Mapping struct {
	u    *User
	h    int
	path string
}

// Map maps n bytes from off (a multiple of the page size) with MAP_SHARED, for reading and, if write is set, for
// writing. The mapping outlives the descriptor.
func (f *File) Map(off int64, n int, write bool) (*Mapping, error) {
	prot := uint32(syscall.PROT_READ)
	if write {
		prot |= syscall.PROT_WRITE
	}
	return f.mapped(off, n, prot, syscall.MAP_SHARED)
}

// MapPrivate is Map with MAP_PRIVATE, for reading and for writing to pages of the user's own.
func (f *File) MapPrivate(off int64, n int) (*Mapping, error) {
	return f.mapped(off, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE)
}

func (f *File) mapped(off int64, n int, prot uint32, flags int) (*Mapping, error) {
	q := f.request("map")
	q.Off, q.Len, q.Mode, q.Flags = off, n, prot, flags
	r, err := f.u.call(callLimit, q)
	if err != nil {
		return nil, err
	}
	return &Mapping{u: f.u, h: r.Handle, path: f.path}, nil
}

func (m *Mapping) request(op string) *request { return &request{Op: op, Handle: m.h, Path: m.path} }

// Read touches the pages and returns their bytes. EFAULT means SIGBUS: the file system refused to fill a page.
func (m *Mapping) Read(off int64, n int) ([]byte, error) {
	q := m.request("mapread")
	q.Off, q.Len = off, n
	r, err := m.u.call(callLimit, q)
	if err != nil {
		return nil, err
	}
	return r.Data, nil
}

// Write stores into the mapped pages; EFAULT as with Read.
func (m *Mapping) Write(data []byte, off int64) error {
	q := m.request("mapwrite")
	q.Off, q.Data = off, data
	return m.u.do(q)
}

// Sync is msync(2) with MS_SYNC.
func (m *Mapping) Sync() error { return m.u.do(m.request("msync")) }

// Unmap removes the mapping.
func (m *Mapping) Unmap() error { return m.u.do(m.request("unmap")) }
