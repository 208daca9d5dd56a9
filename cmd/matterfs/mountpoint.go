package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"matterfs/fs"
)

// prepareMountpoint returns the absolute path of an empty directory to mount
// on, after clearing a mount whose daemon died.
func (a *app) prepareMountpoint(path string) (string, error) {
	abs, err := mountPath(path)
	if err != nil {
		return "", err
	}
	if err := a.clearDead(abs); err != nil {
		return "", err
	}
	m, ok, err := topMount(abs)
	if err != nil {
		return "", err
	}
	if ok && m.fstype == fsType {
		return "", &mountpointError{path: abs, why: "carries a matterfs mount already", notEmpty: true}
	}
	return abs, emptyDir(abs)
}

// clearDead takes away a mount that a crashed daemon of ours left.
func (a *app) clearDead(path string) error {
	m, ok, err := topMount(path)
	if err != nil || !ok || m.fstype != fsType || !fs.IsDead(path) {
		return err
	}
	if err := fs.Unmount(path, true); err != nil {
		return fmt.Errorf("clear dead mount: %w", err)
	}
	a.say(msgStaleMount, path)
	return nil
}

func emptyDir(path string) error {
	entries, err := os.ReadDir(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return &mountpointError{path: path, why: "does not exist"}
	case errors.Is(err, unix.ENOTDIR):
		return &mountpointError{path: path, why: "is not a directory"}
	case errors.Is(err, unix.ENOTCONN):
		return &mountpointError{path: path, why: "carries a dead mount that is not of matterfs: umount it, or mount elsewhere", notEmpty: true}
	case err != nil:
		return err
	case len(entries) > 0:
		return &mountpointError{path: path, why: "is not empty", notEmpty: true}
	}
	return nil
}

// warnKernel tells about a kernel that lacks shared mappings over direct I/O.
func (a *app) warnKernel() {
	if release, old := oldKernel(); old {
		a.say(msgOldKernel, release)
	}
}

// oldKernel reports a kernel before 6.6. One that does not tell is not called old.
func oldKernel() (release string, old bool) {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "", false
	}
	release = unix.ByteSliceToString(u.Release[:])
	major, minor, ok := kernelVersion(release)
	return release, ok && (major < 6 || major == 6 && minor < 6)
}

// kernelVersion reads "6.18.44-fc" as 6, 18.
func kernelVersion(release string) (major, minor int, ok bool) {
	a, rest, ok := strings.Cut(release, ".")
	if !ok {
		return 0, 0, false
	}
	b := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	major, err1 := strconv.Atoi(a)
	minor, err2 := strconv.Atoi(b)
	return major, minor, err1 == nil && err2 == nil
}
