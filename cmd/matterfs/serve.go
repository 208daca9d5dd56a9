package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unmountGrace is how long programs have to close their files after the drive
// left its mountpoint, before the daemon ends anyway.
const unmountGrace = 10 * time.Second

// serve answers until the mount is gone.
func (d *daemon) serve(ctx context.Context, readyFD int) error {
	served := make(chan struct{})
	go func() {
		d.srv.Serve()
		close(served)
	}()
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	if err := d.ready(readyFD); err != nil {
		_, err2 := d.unmount()
		return errors.Join(err, err2, d.drain(served))
	}
	return d.loop(ctx, served, hup)
}

func (d *daemon) loop(ctx context.Context, served <-chan struct{}, hup <-chan os.Signal) error {
	signalled := ctx.Done()
	for {
		select {
		case <-served:
			d.warn("notify", d.a.notify("STOPPING=1"))
			return nil
		case <-d.detached:
			return d.drain(served)
		case <-hup:
			d.hangup()
		case <-signalled:
			signalled = nil // once is enough
			if _, err := d.unmount(); err != nil {
				return err
			}
		}
	}
}

// ready tells whoever waits: a person, a script, --background or systemd.
func (d *daemon) ready(readyFD int) error {
	line := d.a.text(msgReady, d.storeID, d.mnt)
	if readyFD != 0 {
		return d.a.detach(readyFD, d.s.State, line)
	}
	if err := d.a.printf("%s\n", line); err != nil {
		return err
	}
	d.warn("notify", d.a.notify("READY=1\nSTATUS=serving "+d.mnt))
	return nil
}

// hangup is what SIGHUP does.
func (d *daemon) hangup() {
	d.warn("notify", d.a.notify(reloadingState()))
	d.tell(d.reload(self()))
	d.warn("notify", d.a.notify("READY=1"))
}

// unmount takes the drive off its mountpoint, lazily when programs use it.
func (d *daemon) unmount() (lazy bool, err error) {
	err = d.srv.Unmount(false)
	if errors.Is(err, unix.EBUSY) {
		d.a.sayLazy(d.mnt, holders(d.mnt))
		lazy, err = true, d.srv.Unmount(true)
	}
	if err == nil {
		d.detachOnce.Do(func() { close(d.detached) })
	}
	return lazy, err
}

// drain waits for open files to be closed, but only as long as a service
// manager would.
func (d *daemon) drain(served <-chan struct{}) error {
	d.warn("notify", d.a.notify("STOPPING=1"))
	select {
	case <-served:
	case <-time.After(unmountGrace):
		d.a.say(msgStillOpen, d.mnt)
	}
	return nil
}
