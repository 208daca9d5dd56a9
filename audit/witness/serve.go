package witness

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Limits of a connection. A client that is slower loses it.
const (
	headTime    = 5 * time.Second
	bodyTime    = 15 * time.Second
	idleTime    = 2 * time.Minute
	endTime     = 5 * time.Second // for requests that are being answered when the service ends
	maxHeader   = 8 << 10
	connections = 256
)

// Serve answers at a listener until ctx ends, then finishes what it has begun. config is nil for plain HTTP.
func (w *Witness) Serve(ctx context.Context, l net.Listener, config *tls.Config) error {
	s := &http.Server{
		Handler: w.Handler(), ReadHeaderTimeout: headTime, ReadTimeout: bodyTime, WriteTimeout: bodyTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader, ErrorLog: log.New(teller(w.o.Talk), "", 0),
	}
	l = &limited{Listener: l, places: make(chan struct{}, connections)}
	if config != nil {
		l = tls.NewListener(l, config)
	}
	ended := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		late, cancel := context.WithTimeout(context.Background(), endTime)
		defer cancel()
		err := s.Shutdown(late)
		if err != nil {
			err = s.Close()
		}
		ended <- err
	})
	err := s.Serve(l)
	if stop() || !errors.Is(err, http.ErrServerClosed) {
		return errors.Join(err, s.Close())
	}
	return <-ended
}

// teller hands on what the server says of connections, a line at a time.
type teller func(string)

func (t teller) Write(b []byte) (int, error) {
	t(strings.TrimSpace(string(b)))
	return len(b), nil
}

// Loopback says that an address host:port, or a host, is of this machine only.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// limited keeps the number of open connections, and so of what they take, within a bound: others wait to be accepted.
type limited struct {
	net.Listener
	places chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	l.places <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &place{Conn: c, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

// place is a connection that gives its place back.
type place struct {
	net.Conn
	leave func()
}

func (p *place) Close() error {
	err := p.Conn.Close()
	p.leave()
	return err
}
