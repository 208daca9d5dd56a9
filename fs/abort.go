package fs

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// OpenAbort opens what ends the connection behind a mount: written to, all requests fail, those that wait too. device is
// the mount's as mountinfo has it, "0:38". The file stands for this connection alone, also when the number is given to
// another one later, and it works where a path does not lead any more: on a drive that was detached lazily. It needs
// CAP_SYS_ADMIN, and to be who mounted. Nothing has to be mounted on /sys/fs/fuse/connections.
func OpenAbort(device string) (*os.File, error) {
	ctl, err := unix.Fsopen("fusectl", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, &os.PathError{Op: "fsopen", Path: "fusectl", Err: err}
	}
	defer unix.Close(ctl)
	if err := unix.FsconfigCreate(ctl); err != nil {
		return nil, &os.PathError{Op: "fsconfig", Path: "fusectl", Err: err}
	}
	root, err := unix.Fsmount(ctl, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "fsmount", Path: "fusectl", Err: err}
	}
	defer unix.Close(root)
	path := connectionName(device) + "/abort"
	fd, err := unix.Openat(root, path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "openat", Path: "fusectl/" + path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// connectionName is the minor number: devices without a disk have the major number 0.
func connectionName(device string) string {
	_, minor, _ := strings.Cut(device, ":")
	return minor
}
