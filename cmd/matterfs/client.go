package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// clientPatience is how long a daemon has for an answer.
	clientPatience = 30 * time.Second
	// dialPause is between tries when too many others connect at the same time.
	dialPause = 10 * time.Millisecond
)

// client is a conversation with a daemon.
type client struct {
	c    net.Conn
	in   *bufio.Reader
	what string
}

// dial connects to the daemon behind a socket; *noDaemonError when there is none.
func dial(path, what string) (*client, error) {
	c, err := net.DialTimeout("unix", path, clientPatience)
	// The kernel does not let a socket that may not block wait for a place in the queue.
	for end := time.Now().Add(clientPatience); errors.Is(err, syscall.EAGAIN) && time.Now().Before(end); {
		time.Sleep(dialPause)
		c, err = net.DialTimeout("unix", path, clientPatience)
	}
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, &noDaemonError{what}
	}
	if err != nil {
		return nil, err
	}
	return &client{c, bufio.NewReader(c), what}, nil
}

func (c *client) close() { c.c.Close() }

// ask is request for what needs no more than its name.
func (c *client) ask(op string) (controlReply, error) { return c.request(controlRequest{Op: op}) }

// request sends one request and returns the answer, *remoteError for a refusal.
func (c *client) request(q controlRequest) (controlReply, error) {
	var r controlReply
	b, err := json.Marshal(q)
	if err != nil {
		return r, err
	}
	if len(b) >= controlLine {
		return r, usagef("a request of %d bytes is too long: shorten the reason", len(b))
	}
	if err := c.c.SetDeadline(time.Now().Add(clientPatience)); err != nil {
		return r, err
	}
	// A daemon that hears nobody out has said why before it closed.
	if _, err := c.c.Write(append(b, '\n')); err != nil && !errors.Is(err, syscall.EPIPE) {
		return r, err
	}
	line, err := c.in.ReadBytes('\n')
	if err != nil {
		return r, &noDaemonError{c.what}
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, err
	}
	if !r.OK {
		return r, r.refused()
	}
	return r, nil
}

// refused is a refusal as an error. The hint is the daemon's; an older one
// sends none.
func (r *controlReply) refused() error {
	hint, known := hintNamed(r.Hint)
	if !known && r.Code == exitPolicy {
		hint = hintPolicy
	}
	return &remoteError{code: r.Code, msg: r.Error, hint: hint}
}

// awaitEnd returns when the daemon has ended, or after a while without. What
// went wrong at its end is a *remoteError.
func (c *client) awaitEnd() error {
	if err := c.c.SetDeadline(time.Now().Add(unmountGrace + clientPatience)); err != nil {
		return err
	}
	said, err := io.ReadAll(c.in)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		return err
	}
	var last controlReply
	if len(said) == 0 || json.Unmarshal(said, &last) != nil || last.OK {
		return nil
	}
	return last.refused()
}

// sockets lists the stores that have a control socket.
func (a *app) sockets() []string {
	entries, err := os.ReadDir(a.runDir())
	if err != nil {
		return nil
	}
	var ids []string
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), ".sock"); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// dialStore connects to the daemon of one store.
func (a *app) dialStore(id string) (*client, error) {
	return dial(filepath.Join(a.runDir(), id+".sock"), "store "+id)
}
