package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"matterfs/crypto/keystore"
)

// daemonLogName is where the diagnostics of a background daemon go, in state/.
const daemonLogName = "daemon.log"

// spawn runs this mount again in a session of its own and returns when that
// one is ready or has ended. Until it is ready the child talks to our stderr,
// so the person sees its very words; its exit code becomes ours.
func (a *app) spawn(ctx context.Context, s settings) error {
	if err := keystore.HardenProcess(); err != nil { // a passphrase may be typed here
		return err
	}
	ready, readyChild, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ready.Close()
	secret, extra, err := a.childSecret(ctx, s)
	if err != nil {
		readyChild.Close()
		return err
	}
	cmd, err := a.childCommand(readyChild, secret, extra)
	if err == nil {
		err = cmd.Start()
	}
	readyChild.Close()
	if secret != nil {
		secret.Close()
	}
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Signal(syscall.SIGTERM) })
	defer stop()
	return a.awaitChild(ctx, ready, cmd, s)
}

// childCommand is this command line without --background.
func (a *app) childCommand(ready, secret *os.File, extra []string) (*exec.Cmd, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var args []string
	for _, arg := range os.Args[1:] {
		if arg != "--background" && !strings.HasPrefix(arg, "--background=") {
			args = append(args, arg)
		}
	}
	cmd := exec.Command(exe, append(append([]string{"--ready-fd=3"}, extra...), args...)...)
	cmd.Args[0] = os.Args[0]
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{ready}
	if secret != nil {
		cmd.ExtraFiles = append(cmd.ExtraFiles, secret)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, nil
}

// childSecret asks for the passphrase while there still is a terminal, and
// hands it on through a pipe: the child is started with --passphrase-file
// naming it, so no secret stands in arguments or environment.
func (a *app) childSecret(ctx context.Context, s settings) (*os.File, []string, error) {
	o, err := a.findOpener(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	defer o.wipe()
	if o.from != fromTerminal {
		return nil, nil, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	// A passphrase is far smaller than a pipe's buffer; this does not block.
	_, err = w.Write(append(o.unlock.Passphrase, '\n'))
	if err = errors.Join(err, w.Close()); err != nil {
		r.Close()
		return nil, nil, err
	}
	return r, []string{"--passphrase-file=/dev/fd/4"}, nil
}

// awaitChild prints the child's ready line, or ends as the child ended.
func (a *app) awaitChild(ctx context.Context, ready *os.File, cmd *exec.Cmd, s settings) error {
	line, err := bufio.NewReader(ready).ReadString('\n')
	if err == nil {
		a.say(msgBackground, cmd.Process.Pid, filepath.Join(s.State, daemonLogName))
		return a.printf("%s", line)
	}
	err = cmd.Wait()
	if ctx.Err() != nil {
		return errInterrupted
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.Exited():
		return &exitError{exit.ExitCode()}
	case err != nil:
		return fmt.Errorf("the daemon ended before it was ready: %w", err)
	}
	return errors.New("the daemon ended before it was ready")
}

// detach is the child's side: it is ready, so from here on its talk goes to a
// file, and it holds neither the caller's directory nor terminal.
func (a *app) detach(readyFD int, state, line string) error {
	f, err := os.OpenFile(filepath.Join(state, daemonLogName), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Dup3(int(f.Fd()), 2, 0); err != nil {
		return err
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	ready := os.NewFile(uintptr(readyFD), "ready")
	_, err = ready.WriteString(line + "\n")
	return errors.Join(err, ready.Close())
}
