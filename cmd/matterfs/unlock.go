package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/term"

	"matterfs/crypto/keystore"
)

// maxSecretFile bounds what is read as an identity or passphrase, in bytes.
const maxSecretFile = 1 << 20

// fromTerminal is where a typed passphrase comes from.
const fromTerminal = "terminal"

// opener is one way to open the keys, and where it was found.
type opener struct {
	from   string
	unlock keystore.Unlock
}

func (o *opener) wipe() {
	clear(o.unlock.Identity)
	clear(o.unlock.Passphrase)
}

// findOpener looks for something that opens the keys, in this order: what was
// asked for by flags, what the service manager handed over, what is
// configured, and a person at the terminal. The first that is there is used;
// it is never passed over because it is wrong, else a wrong --identity would
// open the store by the one on disk.
func (a *app) findOpener(ctx context.Context, s settings) (*opener, error) {
	creds := a.getenv("CREDENTIALS_DIRECTORY")
	for _, c := range []struct {
		path     string
		asked    bool // must be there
		identity bool
	}{
		{a.flags.identity, true, true},
		{a.flags.passphraseFile, true, false},
		{credential(creds, "identity"), false, true},
		{credential(creds, "passphrase"), false, false},
		{s.Identity, false, true},
		{s.PassphraseFile, false, false},
	} {
		if c.path == "" {
			continue
		}
		o, err := readOpener(c.path, c.identity)
		if errors.Is(err, os.ErrNotExist) && !c.asked {
			continue
		}
		return o, err
	}
	return a.askPassphrase(ctx, s)
}

func credential(dir, name string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, name)
}

func readOpener(path string, identity bool) (*opener, error) {
	if identity {
		b, err := readSecret(path)
		return &opener{path, keystore.Unlock{Identity: b}}, lockedBy(err)
	}
	b, err := readPassphrase(path)
	return &opener{path, keystore.Unlock{Passphrase: b}}, lockedBy(err)
}

// lockedBy marks a failure to read a secret as what it means: still locked.
func lockedBy(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errLocked, err)
}

// readPassphrase returns the first line of a file: editors end it with a LF
// that nobody means, Windows' with CR LF.
func readPassphrase(path string) ([]byte, error) {
	b, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 {
		return nil, fmt.Errorf("%s holds no passphrase", path)
	}
	return line, nil
}

// readSecret refuses a file that others could read: what is in it is not a
// secret. Pipes (/dev/fd/N) have no such mode.
func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Mode().IsRegular() && st.Mode().Perm()&0o077 != 0 {
		return nil, &looseError{path, uint32(st.Mode().Perm())}
	}
	return io.ReadAll(io.LimitReader(f, maxSecretFile))
}

// askPassphrase prompts, if a person is there.
func (a *app) askPassphrase(ctx context.Context, s settings) (*opener, error) {
	if a.stdin == nil || !term.IsTerminal(int(a.stdin.Fd())) {
		return nil, a.nothingOpens(s)
	}
	fmt.Fprint(a.err, a.text(msgPassphrase))
	b, err := readNoEcho(ctx, int(a.stdin.Fd()))
	fmt.Fprintln(a.err)
	if err != nil {
		return nil, err
	}
	if len(b) == 0 {
		return nil, fmt.Errorf("%w: empty passphrase", errLocked)
	}
	return &opener{fromTerminal, keystore.Unlock{Passphrase: b}}, nil
}

func (a *app) nothingOpens(s settings) error {
	if s.Identity == "" {
		return fmt.Errorf("%w: no identity, passphrase file or terminal", errLocked)
	}
	return fmt.Errorf("%w: identity %s is not there, and there is no passphrase file or terminal", errLocked, s.Identity)
}

// readNoEcho gives the terminal its echo back when it is interrupted, which
// term.ReadPassword by itself does not.
func readNoEcho(ctx context.Context, fd int) ([]byte, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return nil, lockedBy(err)
	}
	type answer struct {
		b   []byte
		err error
	}
	c := make(chan answer, 1)
	go func() {
		b, err := term.ReadPassword(fd)
		c <- answer{b, lockedBy(err)}
	}()
	select {
	case got := <-c:
		return got.b, got.err
	case <-ctx.Done():
		return nil, errors.Join(errInterrupted, term.Restore(fd, before))
	}
}
