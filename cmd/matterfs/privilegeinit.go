package main

import (
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// giveTo makes a new store one that a daemon of this user can serve: data, keys,
// log and state are the user's; the policy stays root's and is read by the
// group, as is the directory that holds it, where a new policy is noticed.
// The identity stays root's: the root step reads it.
func (m *maker) giveTo(u serviceUser) error {
	for _, p := range m.s.ownPlaces() {
		if err := giveTree(p.path, int(u.UID), int(u.GID)); err != nil {
			return err
		}
	}
	if err := giveTree(m.s.Policy, 0, int(u.GID)); err != nil {
		return err
	}
	if err := os.Lchown(m.s.Dir, 0, int(u.GID)); err != nil {
		return err
	}
	return os.Chmod(m.s.Dir, 0o751)
}

// giveTree changes owner and group of a tree; a group that is not root's was
// chosen and stays.
func giveTree(dir string, uid, gid int) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		if st.Gid != 0 {
			return os.Lchown(path, uid, -1)
		}
		return os.Lchown(path, uid, gid)
	})
}
