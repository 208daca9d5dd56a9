package fs

import "matterfs/crypto/store"

// hook is called before a call on a backing file; its error is the call's. The call is
// "sync", "stat", "getxattr", "listxattr" or "read".
type hook func(call string) error

// hookedDisk is a backing disk whose files are hooked.
type hookedDisk struct {
	store.Disk
	before hook
}

type hookedDir struct {
	store.Dir
	before hook
}

type hookedFile struct {
	store.File
	before hook
}

func (d hookedDisk) OpenRoot() (store.Dir, error) { return d.before.dir(d.Disk.OpenRoot()) }

func (d hookedDir) OpenDir(name string) (store.Dir, error) { return d.before.dir(d.Dir.OpenDir(name)) }

func (d hookedDir) OpenFile(name string) (store.File, error) {
	return d.before.file(d.Dir.OpenFile(name))
}

func (d hookedDir) CreateFile(name string) (store.File, error) {
	return d.before.file(d.Dir.CreateFile(name))
}

func (d hookedDir) Rename(name string, to store.Dir, newName string, noReplace bool) error {
	return d.Dir.Rename(name, to.(hookedDir).Dir, newName, noReplace)
}

func (f hookedFile) Sync(full bool) error {
	if err := f.before("sync"); err != nil {
		return err
	}
	return f.File.Sync(full)
}

func (f hookedFile) Stat() (store.Stat, error) {
	if err := f.before("stat"); err != nil {
		return store.Stat{}, err
	}
	return f.File.Stat()
}

func (f hookedFile) GetXattr(name string) ([]byte, error) {
	if err := f.before("getxattr"); err != nil {
		return nil, err
	}
	return f.File.GetXattr(name)
}

func (f hookedFile) ListXattr() ([]string, error) {
	if err := f.before("listxattr"); err != nil {
		return nil, err
	}
	return f.File.ListXattr()
}

func (f hookedFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.before("read"); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (h hook) dir(d store.Dir, err error) (store.Dir, error) {
	if err != nil {
		return nil, err
	}
	return hookedDir{d, h}, nil
}

func (h hook) file(f store.File, err error) (store.File, error) {
	if err != nil {
		return nil, err
	}
	return hookedFile{f, h}, nil
}
