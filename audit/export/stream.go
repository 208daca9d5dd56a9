package export

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// stream sends messages to a syslog collector: RFC 5425 over TLS, RFC 6587 with octet counting in clear. It connects when there
// is something to send, and each confirmation ends the connection.
type stream struct {
	target Target
	format formatter
	p      pace

	raw   *net.TCPConn
	conn  net.Conn // the same, or TLS over it
	w     *bufio.Writer
	ended chan error // how the other side ended: nil for in order
	ctx   context.Context
	hurry sync.Mutex // held while a deadline is chosen and set, so that the end of ctx is not forgotten
	buf   []byte
}

// errNoEnd is a collector that takes the end of a connection for nothing.
var errNoEnd = errors.New("the collector does not close its side of a connection that was ended, so that nothing shows that it has read it all")

// errEarly is a connection that ends while there is more to say.
var errEarly = errors.New("the collector closed the connection")

func (s *stream) fail(err error) error { return &BrokenError{s.target.String(), err} }

func (s *stream) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.p.stall)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.target.addr)
	if err != nil {
		return s.fail(err)
	}
	s.raw, s.conn = conn.(*net.TCPConn), conn
	if s.target.tls != nil {
		t := tls.Client(conn, s.target.tls)
		if err := t.HandshakeContext(ctx); err != nil {
			s.close()
			return s.fail(err)
		}
		s.conn = t
	}
	s.w = bufio.NewWriterSize(timedWriter{s}, 1<<16)
	s.ended = make(chan error, 1)
	go func(raw *net.TCPConn, conn net.Conn, ended chan<- error) { ended <- readAll(raw, conn) }(s.raw, s.conn, s.ended)
	return nil
}

// readAll waits for the other side's end and says how it ended: nil in order, also below TLS, whose own last word some leave out.
func readAll(raw *net.TCPConn, conn net.Conn) error {
	if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	_, err := io.Copy(io.Discard, raw)
	return err
}

// timedWriter gives each write its own time, so that a slow collector is waited for and one that hangs is not.
type timedWriter struct{ s *stream }

func (t timedWriter) Write(b []byte) (int, error) {
	t.s.hurry.Lock()
	err := t.s.conn.SetWriteDeadline(time.Now().Add(t.s.patience()))
	t.s.hurry.Unlock()
	if err != nil {
		return 0, err
	}
	return t.s.conn.Write(b)
}

func (s *stream) patience() time.Duration {
	if s.ctx.Err() != nil {
		return s.p.parting
	}
	return s.p.stall
}

// heed makes what waits wait no longer than a parting takes once ctx has ended.
func (s *stream) heed(ctx context.Context) (done func() bool) {
	conn := s.conn
	s.ctx = ctx
	return context.AfterFunc(ctx, func() {
		s.hurry.Lock()
		defer s.hurry.Unlock()
		_ = conn.SetWriteDeadline(time.Now().Add(s.p.parting)) // a connection that is closed keeps nobody waiting
	})
}

func (s *stream) put(ctx context.Context, l *line) error {
	if s.conn == nil {
		if err := s.connect(ctx); err != nil {
			return err
		}
	}
	body, err := s.format.syslog(s.buf[:0], l)
	if err != nil {
		return err
	}
	s.buf = body
	defer s.heed(ctx)()
	s.w.WriteString(strconv.Itoa(len(body))) // an error of a buffered writer stays
	s.w.WriteByte(' ')
	if _, err := s.w.Write(body); err != nil {
		return s.fail(s.because(err))
	}
	return nil
}

func (s *stream) flush(ctx context.Context) error {
	if s.conn == nil {
		return nil
	}
	defer s.heed(ctx)()
	if err := s.w.Flush(); err != nil {
		return s.fail(s.because(err))
	}
	return nil
}

// because is the reason why a write failed, where the other side gave one: what TLS has against a certificate arrives later.
func (s *stream) because(err error) error {
	select {
	case why := <-s.ended:
		s.ended <- why
		if why != nil {
			return why
		}
	case <-time.After(min(s.p.stall, 100*time.Millisecond)):
	}
	return err
}

// confirm ends the connection and waits for the other side to end it too: in order, only if it has read everything.
func (s *stream) confirm(ctx context.Context) (fileMark, error) {
	if s.conn == nil {
		return fileMark{}, nil
	}
	if err := s.flush(ctx); err != nil {
		return fileMark{}, err
	}
	defer s.heed(ctx)()
	defer s.close()
	if t, ok := s.conn.(*tls.Conn); ok {
		if err := t.CloseWrite(); err != nil {
			return fileMark{}, s.fail(s.because(err))
		}
	}
	if err := s.raw.CloseWrite(); err != nil {
		return fileMark{}, s.fail(s.because(err))
	}
	if err := s.awaitEnd(ctx); err != nil {
		return fileMark{}, s.fail(err)
	}
	return fileMark{}, nil
}

// awaitEnd waits until the other side has ended, but no longer than it may take.
func (s *stream) awaitEnd(ctx context.Context) error {
	late, told := time.After(s.p.stall), ctx.Done()
	for {
		select {
		case err := <-s.ended:
			if err != nil {
				return fmt.Errorf("the connection was not ended in order: %w", err)
			}
			return nil
		case <-told:
			late, told = time.After(s.p.parting), nil
		case <-late:
			return errNoEnd
		}
	}
}

func (s *stream) broken() <-chan error { return s.ended }

func (s *stream) close() {
	if s.raw != nil {
		s.raw.Close()
	}
	s.raw, s.conn, s.w, s.ended = nil, nil, nil, nil
}
