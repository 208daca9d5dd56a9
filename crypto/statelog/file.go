package statelog

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// maxFile bounds what is read into memory, in bytes.
const maxFile = 1 << 30

func sum(b []byte) [32]byte { return sha256.Sum256(b) }

func readAll(f *os.File) ([]byte, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > maxFile {
		return nil, &DamagedError{f.Name(), 0, fmt.Sprintf("this is no state log: %s, %d bytes", st.Mode(), st.Size())}
	}
	return io.ReadAll(io.NewSectionReader(f, 0, st.Size()))
}

// replace makes path hold b: under another name, synced, renamed, directory
// synced. One that a crash left is removed first: O_EXCL keeps a planted link
// from being written through.
func replace(path string, b []byte, begin func(call string) error) error {
	tmp := path + ".tmp"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeNew(tmp, b, begin); err != nil {
		return err
	}
	if err := begin("rename"); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func writeNew(path string, b []byte, begin func(call string) error) (err error) {
	if err := begin("create"); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(b); err != nil {
		return err
	}
	return f.Sync()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func noStep(string) error { return nil }

// Accept makes a refused log openable without an anchor: the file is kept beside
// itself under a name that ends with the time, and the records from its
// beginning on that are authentic stay; where there are none it goes. It returns
// the name of what it kept, "" when there was no file. A log that Open takes is
// left alone and is no error; the caller must record a new anchor afterwards.
func Accept(path string, o Options) (kept string, err error) {
	k, err := newKeys(o.StoreID, o.Key)
	if err != nil {
		return "", err
	}
	f, err := openLocked(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := readAll(f)
	if err != nil {
		return "", err
	}
	found, bad := scan(path, b, k)
	if bad == nil {
		bad = found.judge(path, o.Anchors)
	}
	if bad == nil || !refused(bad) {
		return "", bad
	}
	now := time.Now
	if o.Now != nil {
		now = o.Now
	}
	kept = path + ".refused-" + now().UTC().Format("20060102T150405.000000")
	if err := writeNew(kept, b, noStep); err != nil {
		return "", err
	}
	if found == nil || len(found.entries) == 0 {
		return kept, errors.Join(os.Remove(path), syncDir(filepath.Dir(path)))
	}
	return kept, errors.Join(f.Truncate(found.good), f.Sync(), syncDir(filepath.Dir(path)))
}
