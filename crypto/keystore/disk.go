package keystore

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

const (
	headerName   = "keystore.json"
	manifestName = "manifest"
	mattersName  = "matters"
	initName     = ".init" // exists while Init is under way
	tempName     = ".tmp"  // one per directory is enough: writers hold the lock
	maxFile      = 64 << 20
)

// disk is the keys directory. Every call that changes it goes through step first, so
// that tests can record the calls and stop the world before any of them.
type disk struct {
	path string
	root *os.Root
	step func(call, name string) error // nil outside tests
}

// openDisk opens an existing keys directory.
func openDisk(dir string) (*disk, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &disk{path: dir, root: root}, nil
}

// makeDisk opens dir and makes it, durably, where it does not exist. Its parent must
// exist.
func makeDisk(dir string, step func(call, name string) error) (*disk, error) {
	d := &disk{path: dir, step: step}
	if err := d.makeDir(); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	d.root = root
	return d, nil
}

func (d *disk) makeDir() error {
	if _, err := os.Stat(d.path); err == nil {
		return nil // what it is shows when it is opened
	}
	if err := d.begin("mkdir", "."); err != nil {
		return err
	}
	if err := os.Mkdir(d.path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := d.begin("fsync", ".."); err != nil {
		return err
	}
	return syncParent(d.path)
}

func (d *disk) close() { _ = d.root.Close() }

// file gives the path of a file for messages.
func (d *disk) file(name string) string { return filepath.Join(d.path, filepath.FromSlash(name)) }

func (d *disk) begin(call, name string) error {
	if d.step == nil {
		return nil
	}
	return d.step(call, name)
}

// exclusive runs f while no other process, and no other Keystore of this process,
// writes to the directory.
func (d *disk) exclusive(f func() error) error {
	dir, err := d.root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := flock(dir); err != nil {
		return &fs.PathError{Op: "lock", Path: d.path, Err: err}
	}
	return f()
}

// read returns a whole file, refusing one that no keystore could have written.
func (d *disk) read(name string) ([]byte, error) {
	f, err := d.root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = &fs.PathError{Op: "read", Path: d.file(name), Err: errors.New("file is too large")}
	}
	return b, err
}

// exists reports whether name is there, whatever it is.
func (d *disk) exists(name string) (bool, error) {
	_, err := d.root.Lstat(filepath.FromSlash(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// list returns the names in a directory, without the temporary file.
func (d *disk) list(dir string) ([]string, error) {
	f, err := d.root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := f.Readdirnames(-1)
	names := all[:0]
	for _, n := range all {
		if n != tempName {
			names = append(names, n)
		}
	}
	return names, err
}

// mkdir makes a directory, 0700; one that exists already is as good.
func (d *disk) mkdir(name string) error {
	if err := d.begin("mkdir", name); err != nil {
		return err
	}
	if err := d.root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// remove removes a file; one that does not exist is as good.
func (d *disk) remove(name string) error {
	if ok, err := d.exists(name); !ok {
		return err
	}
	if err := d.begin("unlink", name); err != nil {
		return err
	}
	return d.root.Remove(filepath.FromSlash(name))
}

// put writes a file, 0600, under its temporary name and renames it: name holds the
// old bytes or all of the new ones. The caller syncs the directory.
func (d *disk) put(name string, data []byte) error {
	temp := path.Join(path.Dir(name), tempName)
	if err := d.stage(temp, data); err != nil {
		return err
	}
	if err := d.begin("rename", temp+" "+name); err != nil {
		return err
	}
	return d.root.Rename(filepath.FromSlash(temp), filepath.FromSlash(name))
}

// stage writes the temporary file and makes its bytes durable. One left by a crash
// is removed first: O_EXCL keeps a planted link from being written through.
func (d *disk) stage(temp string, data []byte) (err error) {
	if err := d.remove(temp); err != nil {
		return err
	}
	if err := d.begin("create", temp); err != nil {
		return err
	}
	f, err := d.root.OpenFile(filepath.FromSlash(temp), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := d.begin("write", temp); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	return d.sync(f, temp)
}

// syncDir makes the names in a directory durable.
func (d *disk) syncDir(dir string) error {
	f, err := d.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.sync(f, dir), f.Close())
}

func (d *disk) sync(f *os.File, name string) error {
	if err := d.begin("fsync", name); err != nil {
		return err
	}
	return f.Sync()
}

// save is put and syncDir: when it returns, name holds data for good.
func (d *disk) save(name string, data []byte) error {
	if err := d.put(name, data); err != nil {
		return err
	}
	return d.syncDir(path.Dir(name))
}

// syncParent makes the name of dir itself durable.
func syncParent(dir string) error {
	f, err := os.Open(filepath.Dir(filepath.Clean(dir)))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
