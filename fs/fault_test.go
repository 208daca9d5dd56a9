package fs

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"matterfs/internal/as"
)

// eioRow is one thing that people do; n makes its names new.
type eioRow struct {
	name    string
	prepare func(u *as.User, path string) error
	do      func(u *as.User, path string) error
}

func eioRows() []eioRow {
	content := []byte(strings.Repeat("乙", 3000))
	file := func(u *as.User, p string) error { return u.WriteFile(p, content) }
	dir := func(u *as.User, p string) error { return u.Mkdir(p) }
	none := func(*as.User, string) error { return nil }
	opened := func(how int, do func(f *as.File) error) func(*as.User, string) error {
		return func(u *as.User, p string) error {
			f, err := u.Open(p, how, 0o600)
			if err != nil {
				return err
			}
			return errors.Join(do(f), f.Close())
		}
	}
	return []eioRow{
		{"make", none, opened(os.O_CREATE|os.O_RDWR, func(f *as.File) error {
			_, err := f.WriteAt(content, 0)
			return errors.Join(err, f.Fsync())
		})},
		{"overwrite", file, opened(os.O_RDWR, func(f *as.File) error {
			_, err := f.WriteAt([]byte("丙"), 4090)
			return errors.Join(err, f.Fsync())
		})},
		{"read", file, func(u *as.User, p string) error { _, err := u.ReadFile(p); return err }},
		{"truncate", file, func(u *as.User, p string) error { return u.Truncate(p, 100) }},
		{"rename", file, func(u *as.User, p string) error { return u.Rename(p, p+"x") }},
		{"remove", file, func(u *as.User, p string) error { return u.Remove(p) }},
		{"mkdir", none, dir},
		{"rmdir", dir, func(u *as.User, p string) error { return u.Rmdir(p) }},
		{"list", dir, func(u *as.User, p string) error { _, err := u.ReadDir(p); return err }},
		{"symlink", none, func(u *as.User, p string) error { return u.Symlink("去处", p) }},
		{"xattr", file, func(u *as.User, p string) error { return u.Setxattr(p, "user.a", []byte("1"), 0) }},
		{"chmod", file, func(u *as.User, p string) error { return u.Chmod(p, 0o600) }},
	}
}

// EIO from the backing disk at every call that a request makes: the caller gets EIO
// or what it wanted, nothing else changes, and the drive goes on.
func TestBackingDiskFails(t *testing.T) {
	f := &faults{}
	d := setup{disk: f.wrap}.mount(t)
	u := as.Start(t, zhang)
	kept := strings.Repeat("存", 4000)
	u.Writes(d.in("存好的"), kept)
	told, hits := 0, 0
	for _, row := range eioRows() {
		for n := int64(1); ; n++ {
			path := d.in(fmt.Sprintf("%s-%d", row.name, n))
			if err := row.prepare(u, path); err != nil {
				t.Fatalf("%s %d: prepare: %v", row.name, n, err)
			}
			var calls atomic.Int64
			f.set(func(string) error {
				if inHandler() && calls.Add(1) == n {
					return syscall.EIO
				}
				return nil
			})
			err := row.do(u, path)
			f.set(nil)
			if err != nil {
				told++
				u.Refused(err, syscall.EIO)
			}
			if calls.Load() < n {
				break
			}
			hits++
		}
		u.Reads(d.in("存好的"), kept)
	}
	t.Logf("%d calls failed, %d people were told", hits, told)
	if hits < 60 || told < 40 {
		t.Errorf("%d calls failed, %d people were told", hits, told)
	}
	u.Writes(d.in("以后"), "好")
	u.Reads(d.in("以后"), "好")
}

// The folder with the data goes away under the drive. What is open goes on, for the
// rest there are errors, nothing hangs, and no new tree is begun.
func TestBackingFolderDisappears(t *testing.T) {
	d := mountFirm(t)
	u := as.Start(t, zhang)
	u.Writes(d.in("卷"), "甲方")
	if err := os.Rename(d.path("data"), d.path("away")); err != nil {
		t.Fatal(err)
	}
	u.Reads(d.in("卷"), "甲方")
	u.Writes(d.in("卷"), "乙方") // it is where it was, only under another name
	if _, err := os.Lstat(d.path("data")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was made where the data were: %v", err)
	}
	if err := os.RemoveAll(d.path("away")); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for what, err := range map[string]error{
			"write": u.WriteFile(d.in("新"), []byte("x")), "mkdir": u.Mkdir(d.in("目录")), "rename": u.Rename(d.in("卷"), d.in("卷2")),
		} {
			if err == nil {
				t.Errorf("%s works in a folder that is gone", what)
			}
		}
		_, _ = u.ReadFile(d.in("卷"))
		_, _ = u.ReadDir(d.in(""))
	}
	for _, name := range []string{"data", "away"} {
		if _, err := os.Lstat(d.path(name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s was made anew: %v", name, err)
		}
	}
	u.Lists(d.mnt, matter1, matter2, "2026-0200")
}
