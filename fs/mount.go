package fs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// maxIO is the largest READ and WRITE that the kernel sends, bytes.
const maxIO = 1 << 20

// MountError says which step of mounting failed and what can be done.
type MountError struct {
	Mountpoint, Step string
	Err              error
}

func (e *MountError) Error() string {
	return fmt.Sprintf("%s: %s: %v", e.Mountpoint, e.Step, e.Err)
}

func (e *MountError) Unwrap() error { return e.Err }

// Mounter puts a drive on its mountpoint and takes it away: the two steps that need a
// privilege. A daemon that has none lets another process do them.
type Mounter interface {
	// Mount returns a descriptor of /dev/fuse that is mounted; it is the caller's to close.
	Mount(mountpoint, fsname string) (fd int, err error)
	// Unmount fails with EBUSY while files are open, unless lazy.
	Unmount(mountpoint string, lazy bool) error
}

// direct is the Mounter of a process that may do it by itself.
type direct struct{}

var _ Mounter = direct{}

func (direct) Mount(mountpoint, fsname string) (int, error) {
	fd, err := OpenDevice()
	if err != nil {
		return -1, &MountError{mountpoint, "open /dev/fuse (is the fuse module loaded, and are you root?)", err}
	}
	if err := Attach(fd, mountpoint, fsname); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (direct) Unmount(mountpoint string, lazy bool) error { return Unmount(mountpoint, lazy) }

// OpenDevice opens /dev/fuse. go-fuse is then given "/dev/fd/N": it need not know how to
// mount, and a duplicate of the descriptor can send notifications that it does not know.
func OpenDevice() (fd int, err error) {
	return unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
}

// Attach mounts an open /dev/fuse for all users, without set-uid programs and devices. The mount is
// the caller's, see OpenAbort. The error is a *MountError. Requests wait until somebody answers them.
func Attach(fd int, mountpoint, fsname string) error {
	data := fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d,allow_other,max_read=%d", fd, os.Geteuid(), os.Getegid(), maxIO)
	if err := unix.Mount(fsname, mountpoint, "fuse.matterfs", unix.MS_NOSUID|unix.MS_NODEV, data); err != nil {
		return &MountError{mountpoint, "mount", err}
	}
	return nil
}

// Unmount takes a mount away. With lazy it disappears from the tree at once and goes when
// the last open file is closed. Without the right to unmount it asks fusermount3.
func Unmount(mountpoint string, lazy bool) error {
	flags := 0
	args := []string{"-u"}
	if lazy {
		flags = unix.MNT_DETACH
		args = []string{"-u", "-z"}
	}
	err := unix.Unmount(mountpoint, flags|unix.UMOUNT_NOFOLLOW)
	if err == nil || !errors.Is(err, unix.EPERM) {
		return wrapUnmount(mountpoint, err)
	}
	out, ferr := exec.Command("fusermount3", append(args, mountpoint)...).CombinedOutput()
	if ferr != nil {
		return &MountError{mountpoint, "fusermount3: " + string(out), err}
	}
	return nil
}

func wrapUnmount(mountpoint string, err error) error {
	if err == nil {
		return nil
	}
	return &MountError{mountpoint, "umount", err}
}

// IsDead reports whether a mount point is left over from a daemon that is gone.
func IsDead(mountpoint string) bool {
	var st unix.Stat_t
	return errors.Is(unix.Stat(mountpoint, &st), unix.ENOTCONN)
}
