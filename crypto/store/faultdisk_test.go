package store

import (
	"sync"
	"syscall"
	"time"
)

// faults makes a disk fail on purpose and counts what it is asked. It never
// really syncs: killing a process needs no sync, and tests are quicker. The hook
// runs before every call that changes the disk; it may allow only the first n
// bytes of a write, and fail the call.
type faults struct {
	mu   sync.Mutex
	hook func(op string, off int64, size int) (n int, err error)
	ops  []string

	quiet bool // do not even look; only leave the disk's own syncs out
}

func (f *faults) set(hook func(op string, off int64, size int) (int, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook, f.ops = hook, nil
}

func (f *faults) count(op string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range f.ops {
		if o == op {
			n++
		}
	}
	return n
}

func (f *faults) ask(op string, off int64, size int) (int, error) {
	if f.quiet {
		return size, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ops = append(f.ops, op)
	if f.hook == nil {
		return size, nil
	}
	return f.hook(op, off, size)
}

func (f *faults) err(op string) error {
	_, err := f.ask(op, 0, 0)
	return err
}

// killAt lets k changes through and then none, like a process killed after k
// system calls. A write that comes next is done up to a page boundary if torn.
func (f *faults) killAt(k int, torn bool) {
	n := 0
	f.set(func(op string, off int64, size int) (int, error) {
		n++
		switch {
		case n <= k:
			return size, nil
		case n == k+1 && torn && op == "write":
			end := (off + int64(size)) &^ 4095
			return int(max(end-off, 0)), syscall.EIO
		}
		return 0, syscall.EIO
	})
}

type faultDisk struct {
	Disk
	f *faults
}

type faultDir struct {
	Dir
	f *faults
}

type faultFile struct {
	File
	f *faults
}

func (d *faultDisk) OpenRoot() (Dir, error) { return wrapDir(d.f)(d.Disk.OpenRoot()) }

func (d *faultDisk) SyncAll() error {
	return d.f.err("syncall")
}

func wrapDir(f *faults) func(Dir, error) (Dir, error) {
	return func(d Dir, err error) (Dir, error) {
		if err != nil {
			return nil, err
		}
		return &faultDir{d, f}, nil
	}
}

func wrapFile(f *faults) func(File, error) (File, error) {
	return func(d File, err error) (File, error) {
		if err != nil {
			return nil, err
		}
		return &faultFile{d, f}, nil
	}
}

func (d *faultDir) OpenDir(name string) (Dir, error) { return wrapDir(d.f)(d.Dir.OpenDir(name)) }

func (d *faultDir) OpenFile(name string) (File, error) { return wrapFile(d.f)(d.Dir.OpenFile(name)) }

func (d *faultDir) CreateFile(name string) (File, error) {
	if err := d.f.err("create"); err != nil {
		return nil, err
	}
	return wrapFile(d.f)(d.Dir.CreateFile(name))
}

func (d *faultDir) Mkdir(name string) error {
	if err := d.f.err("mkdir"); err != nil {
		return err
	}
	return d.Dir.Mkdir(name)
}

func (d *faultDir) Unlink(name string) error {
	if err := d.f.err("unlink"); err != nil {
		return err
	}
	return d.Dir.Unlink(name)
}

func (d *faultDir) Rmdir(name string) error {
	if err := d.f.err("rmdir"); err != nil {
		return err
	}
	return d.Dir.Rmdir(name)
}

func (d *faultDir) Rename(name string, to Dir, newName string, noReplace bool) error {
	if err := d.f.err("rename"); err != nil {
		return err
	}
	return d.Dir.Rename(name, to.(*faultDir).Dir, newName, noReplace)
}

func (d *faultDir) Sync(bool) error {
	return d.f.err("syncdir")
}

func (d *faultDir) SetTimes(a, m *time.Time) error {
	if err := d.f.err("times"); err != nil {
		return err
	}
	return d.Dir.SetTimes(a, m)
}

func (d *faultDir) SetXattr(name string, v []byte, flags int) error {
	if err := d.f.err("setxattr"); err != nil {
		return err
	}
	return d.Dir.SetXattr(name, v, flags)
}

func (d *faultFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := d.f.ask("write", off, len(p))
	k, werr := d.File.WriteAt(p[:n], off)
	if err == nil {
		err = werr
	}
	return k, err
}

func (d *faultFile) Truncate(size int64) error {
	if err := d.f.err("truncate"); err != nil {
		return err
	}
	return d.File.Truncate(size)
}

func (d *faultFile) Allocate(off, n int64) error {
	if err := d.f.err("allocate"); err != nil {
		return err
	}
	return d.File.Allocate(off, n)
}

func (d *faultFile) Sync(bool) error {
	return d.f.err("sync")
}

func (d *faultFile) SetTimes(a, m *time.Time) error {
	if err := d.f.err("times"); err != nil {
		return err
	}
	return d.File.SetTimes(a, m)
}

func (d *faultFile) SetXattr(name string, v []byte, flags int) error {
	if err := d.f.err("setxattr"); err != nil {
		return err
	}
	return d.File.SetXattr(name, v, flags)
}

func (d *faultFile) RemoveXattr(name string) error {
	if err := d.f.err("removexattr"); err != nil {
		return err
	}
	return d.File.RemoveXattr(name)
}

// withFaults makes the disk of a bench fail when f is told to.
func withFaults(f *faults) func(*bench) {
	return func(b *bench) { b.wrap = func(d Disk) Disk { return &faultDisk{d, f} } }
}

// rawDisk makes a bench use the disk as it is.
func rawDisk(b *bench) { b.wrap = nil }
