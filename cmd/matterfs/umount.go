package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"matterfs/fs"
)

func newUmount(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "umount MOUNTPOINT",
		Short: "end a mount",
		Long: "umount asks the daemon to unmount and returns when it has ended. A mount whose daemon is\n" +
			"gone is cleared. When programs use the drive it is detached lazily, and said so.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runUmount(a, args[0]) },
	}
}

func runUmount(a *app, path string) error {
	mnt, err := mountPath(path)
	if err != nil {
		return err
	}
	m, err := findMount(mnt)
	if err != nil {
		return err
	}
	by := holders(m.target) // before it is detached: then nothing shows any more
	err = a.askUmount(m, by)
	if gone := (*noDaemonError)(nil); errors.As(err, &gone) || cannotUnmount(err) {
		err = a.forceUmount(m.target, by)
	}
	if err == nil {
		a.say(msgUnmounted, m.target)
	}
	return err
}

// cannotUnmount: the daemon would, but the process that could do it for it is
// gone. Root, who may have asked, can.
func cannotUnmount(err error) bool {
	var r *remoteError
	return errors.As(err, &r) && r.hint == hintKeeper
}

// findMount refuses what is not ours: umount as root must not take /home away.
func findMount(path string) (mountEntry, error) {
	m, ok, err := topMount(path)
	if err == nil && (!ok || m.fstype != fsType) {
		err = &notMountError{path}
	}
	return m, err
}

// askUmount lets the daemon do it, which also says who asked in the log.
func (a *app) askUmount(m mountEntry, by []string) error {
	id, ok := strings.CutPrefix(m.source, sourceName(""))
	if !ok {
		return &noDaemonError{m.target}
	}
	c, err := a.dialStore(id)
	if err != nil {
		return err
	}
	defer c.close()
	r, err := c.ask("umount")
	if err != nil {
		return err
	}
	if r.Lazy {
		a.sayLazy(m.target, by)
	}
	err = c.awaitEnd()
	if last := (*remoteError)(nil); errors.As(err, &last) {
		a.say(msgUnmounted, m.target) // it is, for all that
	}
	return err
}

// forceUmount is for a mount that no daemon answers for.
func (a *app) forceUmount(target string, by []string) error {
	err := fs.Unmount(target, false)
	if errors.Is(err, unix.EBUSY) {
		a.sayLazy(target, by)
		err = fs.Unmount(target, true)
	}
	return err
}
