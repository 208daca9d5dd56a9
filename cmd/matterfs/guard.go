package main

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"matterfs/crypto/keystore"
	"matterfs/fs"
)

// A daemon that is killed, or ends while a drive that was detached is still in use, may not get away: a thread that has the
// kernel drop pages of a mapped file waits, deaf to SIGKILL, for a page whose reader waits for an answer of the daemon. While
// it is there, /dev/fuse stays open, everybody who uses the drive hangs, and the lock of the store is held. So a process of
// its own looks after the daemon: the guard, or the keeper where there is one. When the daemon is dying, it ends the
// connection, by which the readers get an error and the thread is let go.

const guardVerb = "guard-mount"

// guardLife is what a guard is started with, see ownLife.
const guardLife = 3

// newGuard is the guard's own verb. It is not for people.
func newGuard(*app) *cobra.Command {
	return &cobra.Command{
		Use: guardVerb + " MOUNTPOINT SOURCE", Short: "ends the connection of a daemon that cannot end",
		Hidden: true, Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP) // meant for the daemon; its end ends this too
			var b breaker
			b.set(args[0], args[0], args[1])
			b.watch(os.NewFile(guardLife, "life"))
			return nil
		},
	}
}

// guard starts a guard where no keeper does its work.
func (d *daemon) guard() error {
	if d.prepared != nil {
		return nil
	}
	life, err := ownLife()
	if err != nil {
		return err
	}
	defer life.Close()
	cmd := exec.Command("/proc/self/exe", guardVerb, d.mnt, sourceName(d.storeID))
	cmd.Args[0] = os.Args[0]
	cmd.Env, cmd.Dir = []string{}, "/"
	cmd.ExtraFiles = []*os.File{life}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	go cmd.Wait() // it outlives the daemon; if not, nothing is to be left of it
	return nil
}

// breaker ends the connection of one mount.
type breaker struct {
	place string     // a way to the mountpoint
	m     mountEntry // zero: there is none
	abort *os.File   // nil where the system forbids it
}

// set finds the mount of source on mnt.
func (b *breaker) set(mnt, place, source string) {
	m, ok, err := topMount(mnt)
	if err != nil || !ok || m.fstype != fsType || m.source != source {
		return
	}
	b.place, b.m = place, m
	abort, err := fs.OpenAbort(m.device)
	if again, ok, err2 := topMount(mnt); err != nil || err2 != nil || !ok || again != m {
		abort.Close() // perhaps another's
		return
	}
	b.abort = abort
}

// trip ends all requests. Without a file to do that, umount -f does; the mountpoint must not be that of another mount now.
func (b *breaker) trip() {
	if b.abort != nil {
		_, _ = b.abort.WriteString("1") // fails for no connection, be it there or not
		return
	}
	if m, ok, err := topMount(b.m.target); err == nil && ok && m == b.m {
		_ = unix.Unmount(b.place, unix.MNT_FORCE|unix.UMOUNT_NOFOLLOW) // EBUSY, and all requests are ended
	}
}

// lifePause is how often a guard looks. Somebody who hangs hangs so long.
const lifePause = 500 * time.Millisecond

// watch looks after a daemon until it is gone.
func (b *breaker) watch(life *os.File) {
	for s := stateOf(life); s != gone; s = stateOf(life) {
		if s == dying {
			b.trip()
		}
		time.Sleep(lifePause)
	}
}

// asked waits a moment for something to be read from fd.
func asked(fd int32) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: fd, Events: unix.POLLIN}}, int(lifePause.Milliseconds()))
	return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
}

// endDying ends the connections of a daemon of this store that is dying and cannot end: its guard may have been killed with
// it. Whatever fails here is told by the steps that follow.
func (s *settings) endDying() {
	f, err := os.Open(filepath.Join(s.State, "lock"))
	if err != nil {
		return
	}
	defer f.Close()
	id, err := keystore.ReadStoreID(s.Keys)
	if pid := holderOf(f); err != nil || pid == 0 || lifeOf(pid) != dying {
		return
	}
	list, _ := mounts()
	for _, m := range list {
		if m.source == sourceName(id.String()) {
			var b breaker
			b.set(m.target, m.target, m.source)
			b.trip()
		}
	}
}
