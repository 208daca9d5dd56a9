package fs

import (
	"sync"
	"time"

	"matterfs/crypto/store"
)

// faultDisk asks hit before every call on the backing disk. The error is the
// call's; hit may also panic. Calls are named as in store.Disk, Dir and File.
type faultDisk struct {
	store.Disk
	*faults
}

type faultDir struct {
	store.Dir
	*faults
}

type faultFile struct {
	store.File
	*faults
}

// faults are what happens to a backing disk; the zero value is a good one.
type faults struct {
	mu  sync.Mutex
	hit func(call string) error
}

func (f *faults) set(hit func(call string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hit = hit
}

func (f *faults) wrap(d store.Disk) store.Disk { return &faultDisk{d, f} }

func (f *faults) ask(call string) error {
	f.mu.Lock()
	hit := f.hit
	f.mu.Unlock()
	if hit == nil {
		return nil
	}
	return hit(call)
}

func fault0(f *faults, call string, do func() error) error {
	if err := f.ask(call); err != nil {
		return err
	}
	return do()
}

func fault1[T any](f *faults, call string, do func() (T, error)) (v T, err error) {
	if err := f.ask(call); err != nil {
		return v, err
	}
	return do()
}

func (f *faults) dir(d store.Dir, err error) (store.Dir, error) {
	if err != nil {
		return nil, err
	}
	return &faultDir{d, f}, nil
}

func (f *faults) file(d store.File, err error) (store.File, error) {
	if err != nil {
		return nil, err
	}
	return &faultFile{d, f}, nil
}

func (d *faultDisk) OpenRoot() (store.Dir, error) {
	return d.dir(fault1(d.faults, "OpenRoot", d.Disk.OpenRoot))
}
func (d *faultDisk) SyncAll() error { return fault0(d.faults, "SyncAll", d.Disk.SyncAll) }
func (d *faultDisk) StatFS() (store.StatFS, error) {
	return fault1(d.faults, "StatFS", d.Disk.StatFS)
}

func (d *faultDir) OpenDir(name string) (store.Dir, error) {
	return d.dir(fault1(d.faults, "OpenDir", func() (store.Dir, error) { return d.Dir.OpenDir(name) }))
}

func (d *faultDir) OpenFile(name string) (store.File, error) {
	return d.file(fault1(d.faults, "OpenFile", func() (store.File, error) { return d.Dir.OpenFile(name) }))
}

func (d *faultDir) CreateFile(name string) (store.File, error) {
	return d.file(fault1(d.faults, "CreateFile", func() (store.File, error) { return d.Dir.CreateFile(name) }))
}

func (d *faultDir) StatAt(name string) (store.Stat, error) {
	return fault1(d.faults, "StatAt", func() (store.Stat, error) { return d.Dir.StatAt(name) })
}

func (d *faultDir) List() ([]store.DirEntry, error) { return fault1(d.faults, "List", d.Dir.List) }

func (d *faultDir) Mkdir(name string) error {
	return fault0(d.faults, "Mkdir", func() error { return d.Dir.Mkdir(name) })
}

func (d *faultDir) Unlink(name string) error {
	return fault0(d.faults, "Unlink", func() error { return d.Dir.Unlink(name) })
}

func (d *faultDir) Rmdir(name string) error {
	return fault0(d.faults, "Rmdir", func() error { return d.Dir.Rmdir(name) })
}

func (d *faultDir) Rename(name string, to store.Dir, newName string, noReplace bool) error {
	return fault0(d.faults, "Rename", func() error {
		return d.Dir.Rename(name, to.(*faultDir).Dir, newName, noReplace)
	})
}

func (d *faultDir) Sync(full bool) error {
	return fault0(d.faults, "SyncDir", func() error { return d.Dir.Sync(full) })
}

func (f *faultFile) ReadAt(p []byte, off int64) (int, error) {
	return fault1(f.faults, "ReadAt", func() (int, error) { return f.File.ReadAt(p, off) })
}

func (f *faultFile) WriteAt(p []byte, off int64) (int, error) {
	return fault1(f.faults, "WriteAt", func() (int, error) { return f.File.WriteAt(p, off) })
}

func (f *faultFile) Truncate(size int64) error {
	return fault0(f.faults, "Truncate", func() error { return f.File.Truncate(size) })
}

func (f *faultFile) Sync(full bool) error {
	return fault0(f.faults, "Sync", func() error { return f.File.Sync(full) })
}

func (f *faultFile) Stat() (store.Stat, error) { return fault1(f.faults, "Stat", f.File.Stat) }

func (f *faultFile) SetTimes(a, m *time.Time) error {
	return fault0(f.faults, "SetTimes", func() error { return f.File.SetTimes(a, m) })
}

func (f *faultFile) SetXattr(name string, v []byte, flags int) error {
	return fault0(f.faults, "SetXattr", func() error { return f.File.SetXattr(name, v, flags) })
}

func (f *faultFile) GetXattr(name string) ([]byte, error) {
	return fault1(f.faults, "GetXattr", func() ([]byte, error) { return f.File.GetXattr(name) })
}
