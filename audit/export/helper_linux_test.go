package export

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"matterfs/audit"
	"matterfs/internal/testca"
)

const storeID = "00112233445566778899aabbccddeeff"

// hasty is an exporter that waits for nothing longer than a test wants to.
func hasty() pace {
	return pace{confirmAfter: 50 * time.Millisecond, syncAfter: 20 * time.Millisecond, beat: 5 * time.Millisecond, confirmBytes: 16 << 10,
		settle: 20 * time.Millisecond, firstWait: time.Millisecond, longestWait: 20 * time.Millisecond, tries: 20, stall: 10 * time.Second, parting: 2 * time.Second}
}

// logDir is a log that tests write to.
type logDir struct {
	t   testing.TB
	dir string
	log *audit.Log
	n   int
}

func newLog(t testing.TB) *logDir {
	t.Helper()
	l := &logDir{t: t, dir: filepath.Join(t.TempDir(), "log")}
	l.open()
	t.Cleanup(func() { l.log.Close() })
	return l
}

func (l *logDir) open() {
	l.t.Helper()
	var err error
	l.log, err = audit.Open(audit.Options{Dir: l.dir, StateDir: filepath.Join(filepath.Dir(l.dir), "state"), StoreID: storeID, Rotate: true, SegmentSize: 64 << 10})
	if err != nil {
		l.t.Fatal(err)
	}
}

// add writes records with Chinese paths, refusals among them.
func (l *logDir) add(n int) {
	l.t.Helper()
	for range n {
		l.n++
		r := audit.Record{Ev: "open", Res: "ok", User: "li.na", UID: 10022, HasUID: true, AUID: 10022, OUID: -1, PID: 77, Comm: "soffice.bin", Matter: "2026-0142",
			Client: "C0091", Level: "机密", Path: fmt.Sprintf("证据/合同-%04d.docx", l.n), FID: "9c1e5a77d2b04f3e8a61c0ffee123456", H: uint64(l.n), Flags: "r",
			Rule: "member.lead", Pol: "9f2c1a7be0d4", Purpose: "庭审质证"}
		if l.n%5 == 0 {
			r.Res, r.Rule = "deny", "wall.W-07"
		}
		if _, err := l.log.Append(&r); err != nil {
			l.t.Fatal(err)
		}
	}
}

// lines are all lines of the log.
func (l *logDir) lines() (all []string) {
	l.t.Helper()
	if err := audit.ReadRecords(l.dir, func(b []byte, _ *audit.Parsed) error {
		all = append(all, string(b))
		return nil
	}); err != nil {
		l.t.Fatal(err)
	}
	return all
}

func (l *logDir) options(target Target) Options {
	return Options{Log: l.dir, Target: target, Format: Raw, Host: "server", Cursor: filepath.Join(filepath.Dir(l.dir), "cursor", "x.cursor")}
}

// collector is a syslog server; handle may be exchanged for one that misbehaves.
type collector struct {
	t        testing.TB
	l        net.Listener
	mu       sync.Mutex
	messages []string
	conns    int
	handle   func(n int, c net.Conn) // nil: reads to the end
	tls      *tls.Config
	work     sync.WaitGroup
}

func newCollector(t testing.TB, c *tls.Config) *collector {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &collector{t: t, l: l, tls: c}
	t.Cleanup(func() { l.Close(); s.work.Wait() })
	return s
}

func (s *collector) start() *collector {
	s.work.Go(func() {
		for {
			c, err := s.l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns++
			n := s.conns
			s.mu.Unlock()
			s.work.Go(func() { s.serve(n, c) })
		}
	})
	return s
}

func (s *collector) serve(n int, raw net.Conn) {
	defer raw.Close()
	c := raw
	if s.tls != nil {
		t := tls.Server(raw, s.tls)
		if t.Handshake() != nil {
			return
		}
		c = t
	}
	if s.handle != nil {
		s.handle(n, c)
		return
	}
	s.take(c, -1)
}

// byByte reads no byte before it is asked for it.
type byByte struct{ io.Reader }

func (r byByte) Read(b []byte) (int, error) { return r.Reader.Read(b[:min(1, len(b))]) }

// take reads messages, at most n of them unless n is negative.
func (s *collector) take(c net.Conn, n int) {
	r := bufio.NewReader(c)
	if n > 0 {
		r = bufio.NewReaderSize(byByte{c}, 16)
	}
	for ; n != 0; n-- {
		size, err := r.ReadString(' ')
		if err != nil {
			return
		}
		k, err := strconv.Atoi(strings.TrimSpace(size))
		if err != nil {
			s.t.Errorf("a frame begins with %q", size)
			return
		}
		b := make([]byte, k)
		if _, err := io.ReadFull(r, b); err != nil {
			return
		}
		s.mu.Lock()
		s.messages = append(s.messages, string(b))
		s.mu.Unlock()
	}
}

func (s *collector) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.messages...)
}

func (s *collector) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns
}

func (s *collector) target(o TLS) Target {
	s.t.Helper()
	kind := "syslog+tcp://"
	if s.tls != nil {
		kind = "syslog+tls://"
	}
	target, err := ParseTarget(kind+s.l.Addr().String(), o)
	if err != nil {
		s.t.Fatal(err)
	}
	return target
}

// bodies are the records in messages, header and all checked.
func bodies(t testing.TB, messages []string) (list []string) {
	t.Helper()
	for _, m := range messages {
		_, body, ok := strings.Cut(m, `"] `)
		if !ok || !strings.HasPrefix(m, "<1") || !strings.Contains(m, ">1 2") || !strings.Contains(m, " server matterfs - ") {
			t.Fatalf("not a message: %q", m)
		}
		list = append(list, body)
	}
	return list
}

// whole says what is wrong with what arrived: each line unchanged, none missing, none out of order but for what was sent again.
func whole(want, got []string) error {
	at := map[string]int{}
	for i, l := range want {
		at[l] = i
	}
	next, seen := 0, 0
	for _, l := range got {
		i, ok := at[l]
		if !ok {
			return fmt.Errorf("this is no record of the log: %q", l)
		}
		if i > next {
			return fmt.Errorf("record %d came after record %d", i+1, next)
		}
		next = i + 1
		seen = max(seen, next)
	}
	if seen != len(want) {
		return fmt.Errorf("%d of %d records arrived", seen, len(want))
	}
	return nil
}

// until waits for something for half a minute.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 3000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited in vain until %s", what)
}

// following runs an exporter in the background; stop ends it in order.
func following(t testing.TB, o Options, p pace) (stop func() (Report, error)) {
	t.Helper()
	o.Follow = true
	ctx, cancel := context.WithCancel(context.Background())
	type end struct {
		rep Report
		err error
	}
	done := make(chan end, 1)
	go func() {
		rep, err := run(ctx, o, p)
		done <- end{rep, err}
	}()
	var once sync.Once
	var e end
	stop = func() (Report, error) {
		once.Do(func() { cancel(); e = <-done })
		return e.rep, e.err
	}
	t.Cleanup(func() { stop() })
	return stop
}

// serverOf is the configuration of a collector at 127.0.0.1; clients: it asks for their certificates.
func serverOf(a *testca.CA, clients bool) *tls.Config {
	c := &tls.Config{Certificates: []tls.Certificate{a.Issue("server", "127.0.0.1", "log.example")}}
	if clients {
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, a.Pool()
	}
	return c
}
