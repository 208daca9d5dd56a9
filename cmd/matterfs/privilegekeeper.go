package main

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"matterfs/fs"
)

// Words to the keeper. It answers each with four bytes: 0 or an errno.
const (
	wordMount   = 'm'
	wordUnmount = 'u'
	wordLazily  = 'l'
)

// Descriptors that a keeper is started with; the store's lock follows. It does
// nothing with the lock but hold it until the mountpoint is clear.
const (
	keeperSocket = 3 + iota
	keeperDevice
	keeperLife
	keeperLocks
)

const keeperVerb = "keep-mount"

// errKeeperGone: somebody ended the process that could unmount.
var errKeeperGone = errors.New("the process that can unmount is gone; umount as root takes the drive away")

// mountKeeper is the privileged half of a mount, see privilege.go.
type mountKeeper struct {
	mnt, source string
	control     string // control socket, taken away at the end
	locks       int    // how many descriptors of the lock it holds
	mounted     bool
	breaker     breaker
}

// args is the command line that newKeeper reads.
func (k *mountKeeper) args() []string {
	return []string{keeperVerb, k.mnt, k.source, k.control, strconv.Itoa(k.locks)}
}

// newKeeper is the keeper's own verb. It is not for people.
func newKeeper(*app) *cobra.Command {
	return &cobra.Command{
		Use: keeperVerb + " MOUNTPOINT SOURCE SOCKET LOCKS", Short: "the privileged half of mount --user",
		Hidden: true, Args: cobra.ExactArgs(4),
		RunE: func(_ *cobra.Command, args []string) error {
			locks, err := strconv.Atoi(args[3])
			if err != nil {
				return usagef("%v", err)
			}
			k := mountKeeper{mnt: args[0], source: args[1], control: args[2], locks: locks}
			return k.run()
		},
	}
}

// start runs the keeper with CAP_SYS_ADMIN alone. What a thread is bounded to,
// its child is; the thread ends with this goroutine.
func (k *mountKeeper) start(socket, device *os.File, locks []*os.File) error {
	life, err := ownLife()
	if err != nil {
		return err
	}
	defer life.Close()
	k.locks = len(locks)
	cmd := exec.Command("/proc/self/exe", k.args()...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = []string{}
	cmd.Dir = filepath.Dir(k.mnt) // its way to the mountpoint: it may not pass directories that are closed to root's uid
	cmd.ExtraFiles = append([]*os.File{socket, device, life}, locks...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	failed := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := inOrder([]dropStep{
			{"bound the keeper", func() error { return dropBounding(unix.CAP_SYS_ADMIN) }},
			{"set no_new_privs", noNewPrivs},
			{"start the keeper", cmd.Start},
		})
		failed <- err
	}()
	return <-failed
}

// run obeys until the daemon is gone, then leaves nothing behind. The socket tells only of the end of its last thread: of
// one that cannot end it tells nothing, so the keeper looks too.
func (k *mountKeeper) run() error {
	signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP) // meant for the daemon; its end ends this too
	life := os.NewFile(keeperLife, "life")
	word := make([]byte, 1)
	for {
		if !asked(keeperSocket) {
			if stateOf(life) == dying {
				k.breaker.trip()
			}
			continue
		}
		n, err := unix.Read(keeperSocket, word)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return k.leave(life)
		}
		answer := binary.LittleEndian.AppendUint32(nil, uint32(errnoOf(k.obey(word[0]))))
		if _, err := unix.Write(keeperSocket, answer); err != nil {
			return k.leave(life)
		}
	}
}

func (k *mountKeeper) obey(word byte) error {
	switch {
	case word == wordMount && !k.mounted:
		err := fs.Attach(keeperDevice, k.place(), k.source)
		if k.mounted = err == nil; k.mounted {
			k.breaker.set(k.mnt, k.place(), k.source)
		}
		// The daemon's must be the only one: with it the connection ends.
		return errors.Join(err, unix.Close(keeperDevice))
	case word == wordUnmount, word == wordLazily:
		return k.unmount(word == wordLazily)
	}
	return unix.EINVAL
}

// place is the mountpoint as seen from the keeper's directory.
func (k *mountKeeper) place() string { return "./" + filepath.Base(k.mnt) }

// unmount takes away what it mounted itself, and nothing else.
func (k *mountKeeper) unmount(lazy bool) error {
	m, ok, err := topMount(k.mnt)
	if err == nil && (!k.mounted || !ok || m.fstype != fsType || m.source != k.source) {
		err = unix.EINVAL // as the kernel says of what is not mounted
	}
	if err != nil {
		return err
	}
	return fs.Unmount(k.place(), lazy)
}

// end clears up after the daemon. The store's lock, held by inheritance, keeps
// another daemon off until then. There is nobody to tell of a failure: the next
// mount clears what is left.
func (k *mountKeeper) end() error {
	err := errors.Join(k.unmount(true), os.Remove(k.control))
	for fd := keeperLocks; fd < keeperLocks+k.locks; fd++ {
		unix.Close(fd)
	}
	return err
}

// leave ends. The daemon, which may wait for that, is told when the lock is free; it can still be held up by its own drive.
func (k *mountKeeper) leave(life *os.File) error {
	err := errors.Join(k.end(), unix.Close(keeperSocket))
	k.breaker.watch(life)
	return err
}

func errnoOf(err error) syscall.Errno {
	var e syscall.Errno
	if err != nil && !errors.As(err, &e) {
		e = unix.EIO
	}
	return e
}

// keeperClient is the daemon's side: the Mounter of a drive whose daemon has no
// privileges.
type keeperClient struct {
	mu     sync.Mutex // one question at a time
	socket int
	device int
}

var _ fs.Mounter = (*keeperClient)(nil)

func (c *keeperClient) Mount(mountpoint, _ string) (int, error) {
	if err := c.ask(wordMount); err != nil {
		return -1, &fs.MountError{Mountpoint: mountpoint, Step: "mount", Err: err}
	}
	return c.device, nil
}

func (c *keeperClient) Unmount(mountpoint string, lazy bool) error {
	word := byte(wordUnmount)
	if lazy {
		word = wordLazily
	}
	if err := c.ask(word); err != nil {
		return &fs.MountError{Mountpoint: mountpoint, Step: "umount", Err: err}
	}
	return nil
}

func (c *keeperClient) ask(word byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := unix.Write(c.socket, []byte{word}); err != nil {
		return errKeeperGone
	}
	answer := make([]byte, 4)
	n, err := c.read(answer)
	if err != nil || n != len(answer) {
		return errKeeperGone
	}
	if e := syscall.Errno(binary.LittleEndian.Uint32(answer)); e != 0 {
		return e
	}
	return nil
}

func (c *keeperClient) read(b []byte) (n int, err error) {
	for {
		if n, err = unix.Read(c.socket, b); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// close lets the keeper end and waits for it: when the daemon is gone the lock
// is free.
func (c *keeperClient) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if unix.Shutdown(c.socket, unix.SHUT_WR) == nil {
		c.read(make([]byte, 1))
	}
}
