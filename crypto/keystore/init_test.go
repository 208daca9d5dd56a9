package keystore

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

func TestSecondInitChangesNothing(t *testing.T) {
	f := newFirm(t)
	before := state(t, f.dir)
	k, err := Init(f.dir, f.options())
	var exists *ExistsError
	if !errors.As(err, &exists) || k != nil || exists.Dir != f.dir {
		t.Fatalf("second Init: %v, %v", k, err)
	}
	if state(t, f.dir) != before {
		t.Error("the second Init changed something")
	}
}

// A keystore that lost its header must not be taken for an empty directory.
func TestInitRefusesParts(t *testing.T) {
	f := newFirm(t)
	for _, gone := range [][]string{{headerName}, {headerName, manifestName}, {headerName, manifestName, "admins.age", "recovery.age", "passphrase.age"}} {
		c := f.copied(t)
		for _, name := range gone {
			must(t, os.Remove(c.path(name)))
		}
		c.write(t, initName, nil) // also with the mark of an interrupted Init
		before := state(t, c.dir)
		_, err := Init(c.dir, c.options())
		var exists *ExistsError
		if !errors.As(err, &exists) || !strings.Contains(err.Error(), "restore") {
			t.Errorf("without %v: %v", gone, err)
		}
		if state(t, c.dir) != before {
			t.Errorf("without %v: Init changed something", gone)
		}
		_, err = Open(c.dir, c.asAdmin())
		wantDamage(t, err, headerName)
	}
}

func TestInitUsesAnExistingDirectory(t *testing.T) {
	f := people(t)
	must(t, os.Mkdir(f.dir, 0o755))
	f.write(t, "README", []byte("the firm's keys"))
	k, err := Init(f.dir, f.options())
	must(t, err)
	k.Lock()
	if info, _ := os.Stat(f.dir); info.Mode().Perm() != 0o700 {
		t.Errorf("directory has mode %v", info.Mode())
	}
	if got := f.read(t, "README"); string(got) != "the firm's keys" {
		t.Errorf("README now says %q", got)
	}
}

func TestInitRefusesBadOptions(t *testing.T) {
	f := people(t)
	secret := strings.TrimSpace(string(f.admin[bytes.Index(f.admin, []byte("AGE-")):]))
	for _, c := range []struct {
		o    InitOptions
		want string
	}{
		{InitOptions{}, "no recipient"},
		{InitOptions{Recipients: []string{"age1nonsense"}}, `admins: recipient "age1nonsense"`},
		{InitOptions{Recovery: []string{"zhang.wei"}}, `recovery: recipient "zhang.wei"`},
		{InitOptions{Recipients: []string{secret}}, "admins: this is a secret identity"},
		{InitOptions{Recipients: []string{strings.ToLower(secret)}}, "admins: this is a secret identity"},
		{InitOptions{Passphrase: []byte("\n")}, "passphrase: "},
		{InitOptions{Passphrase: []byte("x"), WorkFactor: 21}, "work factor 21"},
		{InitOptions{Recipients: []string{f.adminKey, hybrid(t)}}, "admins: cannot be encrypted to"},
	} {
		_, err := Init(f.dir, c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
		if err != nil && strings.Contains(strings.ToUpper(err.Error()), secret) {
			t.Error("the error shows a secret")
		}
	}
	_, err := Init(f.dir, InitOptions{})
	wantErr(t, err, ErrNoRecipients)
	if _, err := os.Stat(f.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a refused Init left a directory: %v", err)
	}
}

func TestInitNeedsItsParent(t *testing.T) {
	f := people(t)
	_, err := Init(filepath.Join(f.dir, "deeper"), f.options())
	wantErr(t, err, fs.ErrNotExist)
}

func TestConcurrentInit(t *testing.T) {
	f := people(t)
	var won atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			k, err := Init(f.dir, f.options())
			var exists *ExistsError
			if err != nil && !errors.As(err, &exists) {
				t.Error(err)
			}
			if err == nil {
				won.Add(1)
				k.Lock()
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d of 8 Inits succeeded", won.Load())
	}
	k, err := Open(f.dir, f.asAdmin())
	must(t, err)
	k.Lock()
}

func TestModes(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	f := newFirm(t)
	must(t, filepath.WalkDir(f.dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		}
		if err == nil && info.Mode().Perm() != want {
			t.Errorf("%s has mode %v", p, info.Mode())
		}
		return err
	}))
}
