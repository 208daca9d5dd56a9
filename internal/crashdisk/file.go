package crashdisk

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"matterfs/crypto/store"
)

type file struct{ node }

var _ store.File = (*file)(nil)

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	n, fault := f.begin(Step{Op: Read, Off: off, Len: len(p)})
	defer f.d.mu.Unlock()
	if fault.Err != nil {
		return 0, fault.Err
	}
	if off < 0 {
		return 0, syscall.EINVAL
	}
	return n.read(p, off), nil
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	_, fault := f.begin(Step{Op: Write, Off: off, Len: len(p), data: p})
	defer f.d.mu.Unlock()
	done := len(p)
	if fault.Err != nil {
		done = min(max(fault.Done, 0), done)
	}
	if off < 0 && fault.Err == nil {
		return 0, syscall.EINVAL
	}
	if done > 0 {
		n := f.d.own(f.ino)
		n.write(p[:done], off)
		n.touch(f.d.now())
	}
	return done, fault.Err
}

func (f *file) Truncate(size int64) error {
	_, fault := f.begin(Step{Op: Truncate, Off: size})
	defer f.d.mu.Unlock()
	if fault.Err != nil {
		return fault.Err
	}
	if size < 0 {
		return syscall.EINVAL
	}
	n := f.d.own(f.ino)
	n.truncate(size)
	n.touch(f.d.now())
	return nil
}

// Allocate only checks its arguments: there is always room.
func (f *file) Allocate(off, n int64) error {
	_, fault := f.begin(Step{Op: Allocate, Off: off, Len: int(n)})
	defer f.d.mu.Unlock()
	if fault.Err == nil && (off < 0 || n <= 0) {
		return syscall.EINVAL
	}
	return fault.Err
}

func (f *file) Sync(full bool) error {
	_, fault := f.begin(Step{Op: Sync})
	defer f.d.mu.Unlock()
	switch {
	case fault.Err == nil:
		f.d.own(f.ino).sync(full)
	case fault.Lost:
		f.d.own(f.ino).loseDirty()
	}
	return fault.Err
}

func (n *node) Stat() (store.Stat, error) {
	i, fault := n.begin(Step{Op: Look})
	defer n.d.mu.Unlock()
	if fault.Err != nil {
		return store.Stat{}, fault.Err
	}
	return i.stat(), nil
}

func (n *node) SetTimes(atime, mtime *time.Time) error {
	_, fault := n.begin(Step{Op: SetTimes})
	defer n.d.mu.Unlock()
	if fault.Err != nil {
		return fault.Err
	}
	i := n.d.own(n.ino)
	if atime != nil {
		i.atime = *atime
	}
	if mtime != nil {
		i.mtime = *mtime
	}
	i.ctime = n.d.now()
	return nil
}

func (n *node) GetXattr(name string) ([]byte, error) {
	i, fault := n.begin(Step{Op: ReadXattr, Name: name})
	defer n.d.mu.Unlock()
	if fault.Err != nil {
		return nil, fault.Err
	}
	v, ok := i.attrs()[name]
	if !ok {
		return nil, syscall.ENODATA
	}
	return bytes.Clone(v), nil
}

func (n *node) ListXattr() ([]string, error) {
	i, fault := n.begin(Step{Op: ReadXattr})
	defer n.d.mu.Unlock()
	if fault.Err != nil {
		return nil, fault.Err
	}
	return slices.Sorted(maps.Keys(i.attrs())), nil
}

// SetXattr knows the namespace user alone.
func (n *node) SetXattr(name string, value []byte, flags int) error {
	const create, replace = 1, 2
	i, fault := n.begin(Step{Op: SetXattr, Name: name})
	defer n.d.mu.Unlock()
	if fault.Err != nil {
		return fault.Err
	}
	_, had := i.attrs()[name]
	switch {
	case !strings.HasPrefix(name, "user."):
		return syscall.EOPNOTSUPP
	case had && flags&create != 0:
		return syscall.EEXIST
	case !had && flags&replace != 0:
		return syscall.ENODATA
	}
	a := maps.Clone(i.attrs())
	if a == nil {
		a = attrs{}
	}
	a[name] = bytes.Clone(value)
	n.putAttrs(a)
	return nil
}

func (n *node) RemoveXattr(name string) error {
	i, fault := n.begin(Step{Op: RemoveXattr, Name: name})
	defer n.d.mu.Unlock()
	if fault.Err != nil {
		return fault.Err
	}
	if _, had := i.attrs()[name]; !had {
		return syscall.ENODATA
	}
	a := maps.Clone(i.attrs())
	delete(a, name)
	n.putAttrs(a)
	return nil
}

func (n *node) putAttrs(a attrs) {
	i := n.d.own(n.ino)
	i.xattrs = append(i.xattrs, a)
	i.ctime = n.d.now()
}
