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

// clientPatience is how long a daemon has for an answer.
const clientPatience = 30 * time.Second

// client is a conversation with a daemon.
type client struct {
	c    net.Conn
	in   *bufio.Reader
	what string
}

// dial connects to the daemon behind a socket; *noDaemonError when there is none.
func dial(path, what string) (*client, error) {
	c, err := net.DialTimeout("unix", path, clientPatience)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, &noDaemonError{what}
	}
	if err != nil {
		return nil, err
	}
	return &client{c, bufio.NewReader(c), what}, nil
}

func (c *client) close() { c.c.Close() }

// ask sends one request and returns the answer, *remoteError for a refusal.
func (c *client) ask(op string) (controlReply, error) {
	var r controlReply
	b, err := json.Marshal(controlRequest{Op: op})
	if err != nil {
		return r, err
	}
	if err := c.c.SetDeadline(time.Now().Add(clientPatience)); err != nil {
		return r, err
	}
	if _, err := c.c.Write(append(b, '\n')); err != nil {
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
		return r, &remoteError{r.Code, r.Error}
	}
	return r, nil
}

// awaitEnd returns when the daemon has ended, or after a while without.
func (c *client) awaitEnd() error {
	if err := c.c.SetDeadline(time.Now().Add(unmountGrace + clientPatience)); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, c.in)
	if errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	return err
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
