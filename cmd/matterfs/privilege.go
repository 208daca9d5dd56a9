package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Least privilege. `mount --user NAME`, or `user:` in matterfs.yaml, makes two
// processes of one:
//
//   - The daemon is the process that was started. In a root step it opens and
//     checks what only root may: places, lock, identity, control socket, /dev/fuse.
//     Then it executes itself anew as the service user, with no capability in any
//     set, no_new_privs, locked securebits, an empty session keyring and no
//     terminal. Capabilities belong to threads, and a new program has only one:
//     nothing of the root step is left. Its number stays the same.
//   - The keeper is a child of it that stays root, with CAP_SYS_ADMIN alone. It
//     knows three words (mount this, unmount this, lazily) for one mountpoint that
//     was given to it at its start. When the daemon is gone, however it ended, the
//     keeper takes the drive away and ends; it holds the store's lock until then. Of a
//     daemon that was killed and cannot end it ends the connection, see guard.go.
//
// The service user owns data, keys, state and log. The policy stays root's and is
// readable by the user's group: who takes the daemon over does not write rules.

// serviceUser is whom the daemon becomes.
type serviceUser struct {
	Name   string   `json:"name"`
	UID    uint32   `json:"uid"`
	GID    uint32   `json:"gid"`
	Groups []uint32 `json:"groups"` // supplementary; the group that reads the log, or none
}

// findServiceUser knows a login name, or UID:GID where there is no account.
func findServiceUser(name string) (serviceUser, error) {
	u, err := numericUser(name)
	if errors.Is(err, strconv.ErrSyntax) {
		u, err = accountUser(name)
	}
	if errors.Is(err, errNoAnswer) {
		return u, err
	}
	if err != nil {
		return u, usagef("--user %s: %v", name, err)
	}
	if u.UID == 0 || u.GID == 0 {
		return u, usagef("--user %s: the daemon is to be neither user nor group root", name)
	}
	if gid := auditGID(); gid > 0 {
		u.Groups = []uint32{uint32(gid)}
	}
	return u, nil
}

// numericUser reads UID:GID; strconv.ErrSyntax when it is none.
func numericUser(s string) (serviceUser, error) {
	u, g, _ := strings.Cut(s, ":")
	uid, err := strconv.ParseUint(u, 10, 32)
	if err != nil {
		return serviceUser{}, err
	}
	gid, err := strconv.ParseUint(g, 10, 32)
	if err != nil {
		return serviceUser{}, errors.New("write a number as UID:GID")
	}
	return serviceUser{Name: s, UID: uint32(uid), GID: uint32(gid)}, nil
}

func accountUser(name string) (serviceUser, error) {
	u, err := answered(func() (*user.User, error) { return user.Lookup(name) })
	if err != nil {
		return serviceUser{}, err
	}
	n, err := numericUser(u.Uid + ":" + u.Gid)
	n.Name = name
	return n, err
}

// ownerError is a part of a store that the service user cannot work with.
type ownerError struct{ path, why string }

func (e *ownerError) Error() string { return e.path + " " + e.why }

// checkOwners finds what would fail, or fail late, under the service user.
func (s *settings) checkOwners(u serviceUser) error {
	for _, p := range s.ownPlaces() {
		if err := u.reaches(p.path); err != nil {
			return err
		}
		if err := u.owns(p.path, p.what == "data"); err != nil {
			return err
		}
	}
	if err := u.reaches(s.Policy); err != nil {
		return err
	}
	// What replaces the policy is noticed in the directory that holds it.
	above := filepath.Dir(resolve(s.Policy))
	st, err := os.Stat(above)
	if err != nil {
		return err
	}
	if !u.may(st, 5) {
		return &ownerError{above, fmt.Sprintf("cannot be listed by %s, so that changes of the policy would go unnoticed", u.Name)}
	}
	return u.readsAll(s.Policy)
}

// ownPlaces are the directories that the daemon writes to.
func (s *settings) ownPlaces() []place {
	return []place{{"data", s.Data}, {"keys", s.Keys}, {"log", s.Log}, {"state", s.State}}
}

// reaches tells whether the user may go through all directories above path.
func (u *serviceUser) reaches(path string) error {
	for up := filepath.Dir(resolve(path)); ; up = filepath.Dir(up) {
		st, err := os.Stat(up)
		if err != nil {
			return err
		}
		if !u.may(st, 1) {
			return &ownerError{up, fmt.Sprintf("cannot be passed by %s", u.Name)}
		}
		if up == filepath.Dir(up) {
			return nil
		}
	}
}

// owns looks at dir and all below it; of a large tree only at what is on top.
func (u *serviceUser) owns(dir string, large bool) error {
	dir = resolve(dir)
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == "lost+found" {
			return filepath.SkipDir // the file system's own
		}
		st, err := d.Info()
		if err != nil {
			return ignoreMissing(err)
		}
		if uid := st.Sys().(*syscall.Stat_t).Uid; uid != u.UID {
			return &ownerError{path, fmt.Sprintf("belongs to uid %d, not to %s", uid, u.Name)}
		}
		if large && path != dir && d.IsDir() {
			return filepath.SkipDir
		}
		return nil
	})
}

// readsAll tells whether the user may read the policy.
func (u *serviceUser) readsAll(dir string) error {
	dir = resolve(dir)
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".") && path != dir
		if hidden && d.IsDir() {
			return filepath.SkipDir
		}
		if ext := filepath.Ext(path); hidden || !d.IsDir() && ext != ".yaml" && ext != ".yml" {
			return nil
		}
		st, err := d.Info()
		if err != nil {
			return ignoreMissing(err)
		}
		if want := map[bool]os.FileMode{true: 5, false: 4}[d.IsDir()]; !u.may(st, want) {
			return &ownerError{path, fmt.Sprintf("cannot be read by %s", u.Name)}
		}
		return nil
	})
}

// may is what the kernel asks for somebody without capabilities: the bits of
// the first class that fits decide. Access control lists are not looked at.
func (u *serviceUser) may(st os.FileInfo, want os.FileMode) bool {
	sys, perm := st.Sys().(*syscall.Stat_t), st.Mode().Perm()
	switch {
	case sys.Uid == u.UID:
		perm >>= 6
	case u.in(sys.Gid):
		perm >>= 3
	}
	return perm&want == want
}

func (u *serviceUser) in(gid uint32) bool {
	for _, g := range u.Groups {
		if g == gid {
			return true
		}
	}
	return gid == u.GID
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
