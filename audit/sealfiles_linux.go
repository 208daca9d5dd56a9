package audit

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// writeAtomic replaces a file by one with these bytes: whoever opens path sees the old ones or the new ones.
func writeAtomic(path string, mode os.FileMode, group int, b []byte) error {
	name, err := writeBeside(path, mode, group, b, false)
	if err != nil {
		return err
	}
	return orRemove(os.Rename(name, path), name)
}

// writeDurable is writeAtomic that returns when the new file is on the medium.
func writeDurable(path string, mode os.FileMode, group int, b []byte) error {
	name, err := writeBeside(path, mode, group, b, true)
	if err != nil {
		return err
	}
	if err := orRemove(os.Rename(name, path), name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// writeBeside makes a file with these bytes in the directory of path and returns its name.
func writeBeside(path string, mode os.FileMode, group int, b []byte, durable bool) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return "", err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(mode)) // whatever the umask is
	if group > 0 {
		err = errors.Join(err, f.Chown(-1, group))
	}
	if durable {
		err = errors.Join(err, f.Sync())
	}
	return f.Name(), orRemove(errors.Join(err, f.Close()), f.Name())
}

func orRemove(err error, name string) error {
	if err == nil {
		return nil
	}
	return errors.Join(err, os.Remove(name))
}

// replaceKeys is writeDurable that then overwrites the bytes of the old file, as far as the medium lets anybody do so: a file
// system that copies on write, or a flash disk, may keep them.
func replaceKeys(path string, b []byte) error {
	old, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return writeDurable(path, 0o600, 0, b)
	}
	if err != nil {
		return err
	}
	if err := writeDurable(path, 0o600, 0, b); err != nil {
		return closeWith(old, err)
	}
	_, err = old.Write(make([]byte, keysSize))
	return errors.Join(err, old.Sync(), old.Close())
}

// removeHalfWritten removes what a crash left of files that were being written beside path. They may hold a private key that was
// to be erased, so their bytes are overwritten first.
func removeHalfWritten(path string) error {
	names, err := filepath.Glob(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"-*"))
	for _, name := range names {
		f, ferr := os.OpenFile(name, os.O_WRONLY|unix.O_NOFOLLOW, 0)
		if ferr == nil {
			_, ferr = f.Write(make([]byte, keysSize))
			ferr = errors.Join(ferr, f.Sync(), f.Close())
		}
		err = errors.Join(err, ferr, os.Remove(name))
	}
	return err
}

// loadKeys reads the private keys. There are none when the file is missing or damaged.
func loadKeys(state string) (k epochKeys, err error) {
	f, err := openRegular(filepath.Join(state, KeysName))
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return k, err
	}
	defer f.Close()
	b := make([]byte, keysSize+1)
	defer clear(b)
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return k, err
	}
	k, _ = parseKeys(b[:n])
	return k, nil
}

func saveKeys(state string, k *epochKeys) error {
	b := k.appendTo(make([]byte, 0, keysSize))
	defer clear(b)
	return replaceKeys(filepath.Join(state, KeysName), b)
}

// newEpochKey makes a key with a number.
func newEpochKey(n uint64, now time.Time) epochKey {
	k := epochKey{n: n, created: now.Unix()}
	rand.Read(k.seed[:]) // never fails: it ends the process instead
	return k
}

// InitKeys makes the first key that seals the log of a new store, unless there is one, and returns its verification key: text
// that whoever is to verify the log keeps elsewhere. Dir and StateDir of o must exist.
func InitKeys(o Options) (vkey string, err error) {
	k, err := loadKeys(o.StateDir)
	if err != nil {
		return "", err
	}
	if k.cur.n == 0 && k.next.n == 0 {
		k.next = newEpochKey(1, time.Now())
		if err := saveKeys(o.StateDir, &k); err != nil {
			return "", err
		}
	}
	vkey = k.signer().public(Origin(o.StoreID))
	return vkey, publishKey(&o, vkey)
}

// publishKey adds a verification key to the file of the log directory, unless it stands there.
func publishKey(o *Options, vkey string) error {
	path := filepath.Join(o.Dir, VKeyName)
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for line := range strings.Lines(string(b)) {
		if strings.TrimSpace(line) == vkey {
			return nil
		}
	}
	return writeDurable(path, 0o640, o.Group, append(b, vkey+"\n"...))
}
