package keystore

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matterfs/crypto"
)

// cheap is a work factor that costs nothing, also after a flipped bit in its digit.
const cheap = 2

// firm is a keystore on disk and everybody who can open it.
type firm struct {
	dir                      string
	admin, recovery          []byte // identity files
	adminKey, recoveryKey    string // recipients
	passphrase               []byte
	first, second            crypto.ID // keys of matters "2026-0001" and "2026-0002"
	firstSecret, storeSecret crypto.Key
	running                  *Keystore // where a test keeps one open
}

const (
	firstMatter  = "2026-0001"
	secondMatter = "2026-0002"
)

func (f *firm) options() InitOptions {
	return InitOptions{
		Recipients: []string{f.adminKey}, Recovery: []string{f.recoveryKey},
		Passphrase: f.passphrase, WorkFactor: cheap,
	}
}

func (f *firm) asAdmin() Unlock { return Unlock{Identity: f.admin} }

// people makes the secrets of a firm whose directory does not exist yet.
func people(t testing.TB) *firm {
	t.Helper()
	f := &firm{dir: filepath.Join(t.TempDir(), "keys"), passphrase: []byte("correct horse")}
	var err1, err2 error
	f.admin, f.adminKey, err1 = GenerateIdentity()
	f.recovery, f.recoveryKey, err2 = GenerateIdentity()
	must(t, errors.Join(err1, err2))
	return f
}

// newFirm makes a keystore with all three envelopes and two matters.
func newFirm(t testing.TB) *firm {
	t.Helper()
	f := people(t)
	k, err := Init(f.dir, f.options())
	must(t, err)
	defer k.Lock()
	ids, err := k.CreateAll([]string{firstMatter, secondMatter})
	must(t, err)
	f.first, f.second = ids[firstMatter], ids[secondMatter]
	f.firstSecret = *secretOf(t, k, f.first)
	f.storeSecret = *k.StoreKey("store")
	return f
}

// open opens the firm's keystore and checks that it is the right one.
func (f *firm) open(t testing.TB, u Unlock) *Keystore {
	t.Helper()
	k, err := Open(f.dir, u)
	must(t, err)
	t.Cleanup(k.Lock)
	if *secretOf(t, k, f.first) != f.firstSecret || *k.StoreKey("store") != f.storeSecret {
		t.Fatal("the keystore opened with other keys")
	}
	return k
}

// copied returns the same firm with a copy of its directory.
func (f *firm) copied(t testing.TB) *firm {
	t.Helper()
	c := *f
	c.dir = filepath.Join(t.TempDir(), "keys")
	must(t, os.CopyFS(c.dir, os.DirFS(f.dir)))
	return &c
}

// files returns the names of all files of the directory.
func (f *firm) files(t testing.TB) []string {
	t.Helper()
	var names []string
	must(t, fs.WalkDir(os.DirFS(f.dir), ".", func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, p)
		}
		return err
	}))
	return names
}

func (f *firm) path(name string) string { return filepath.Join(f.dir, filepath.FromSlash(name)) }

func (f *firm) read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(f.path(name))
	must(t, err)
	return b
}

// write replaces a file. Removing it first spares the flush that ext4 does when a file
// is overwritten, thousands of times here.
func (f *firm) write(t testing.TB, name string, b []byte) {
	t.Helper()
	if err := os.Remove(f.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	must(t, os.WriteFile(f.path(name), b, 0o600))
}

// state describes every file of a tree with mode, time and content.
func state(t testing.TB, dir string) string {
	t.Helper()
	var out strings.Builder
	must(t, filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		var b []byte
		if !e.IsDir() {
			b, err = os.ReadFile(p)
		}
		fmt.Fprintf(&out, "%s %v %d %x\n", p, info.Mode(), info.ModTime().UnixNano(), b)
		return err
	}))
	return out.String()
}

func secretOf(t testing.TB, k *Keystore, id crypto.ID) *crypto.Key {
	t.Helper()
	key, _, _, err := k.Key(id)
	must(t, err)
	if bytes.Equal(key[:], make([]byte, keySize)) {
		t.Fatal("a key of zeros was handed out")
	}
	return key
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

// wantDamage checks that err is a *DamagedError that names a file and a way out.
func wantDamage(t testing.TB, err error, file string) {
	t.Helper()
	var d *DamagedError
	if !errors.As(err, &d) {
		t.Fatalf("got error %v, want a *DamagedError for %s", err, file)
	}
	if !strings.HasSuffix(filepath.ToSlash(d.Path), "/"+file) {
		t.Errorf("the error names %s, want %s", d.Path, file)
	}
	if d.What == "" || d.Way == "" || !strings.Contains(err.Error(), d.Way) {
		t.Errorf("the error names no way out: %v", err)
	}
}
