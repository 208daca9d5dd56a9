package witness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// serveReal lets a witness answer at a port of its own, with all limits.
func serveReal(t *testing.T, w *Witness) (addr string, end func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Serve(ctx, l, nil) }()
	end = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { end() })
	return l.Addr().String(), end
}

// A client that sends a byte now and then loses its connection, and others are served meanwhile.
func TestSlowClientsAreCutOff(t *testing.T) {
	l := newForeignLog(t, "example.com/log")
	l.add(t, numbered(0, 5)...)
	s := startService(t, "", l.vkey())
	addr, _ := serveReal(t, s.Witness)
	s.url = "http://" + addr
	slow, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	fmt.Fprint(slow, "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\n")
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Millisecond):
				fmt.Fprint(slow, "X: y\r\n")
			}
		}
	}()
	defer close(stop)
	s.wantSigned(t, l, 0, 5)
	slow.SetReadDeadline(time.Now().Add(20 * headTime))
	_, err = io.ReadAll(slow)
	if late := net.Error(nil); errors.As(err, &late) && late.Timeout() {
		t.Error("the slow client is still connected")
	}
}

// Large heads and bodies are refused without being kept.
func TestLargeRequestsAreRefused(t *testing.T) {
	s := startService(t, "")
	addr, _ := serveReal(t, s.Witness)
	for name, send := range map[string]string{
		"head": "GET / HTTP/1.1\r\nHost: w\r\nX: " + strings.Repeat("y", 64<<10) + "\r\n\r\n",
		"body": "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 1000000000000\r\n\r\n" + strings.Repeat("y", maxBody+1),
	} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		go io.WriteString(c, send) // the other end may be closed before all is sent
		a, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || a.StatusCode != map[string]int{"head": 431, "body": 413}[name] {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
		c.Close()
	}
}

// More connections than there are places wait, and get theirs when another ends.
func TestConnectionsAreBounded(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &limited{Listener: inner, places: make(chan struct{}, 2)}
	defer l.Close()
	accepted := make(chan net.Conn)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	for range 3 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first := <-accepted
	defer (<-accepted).Close()
	select {
	case <-accepted:
		t.Fatal("a third connection was let in")
	case <-time.After(50 * time.Millisecond):
	}
	first.Close()
	first.Close() // gives one place back, not two
	(<-accepted).Close()
	if n := len(l.places); n > 2 {
		t.Errorf("%d places", n)
	}
}

// So many requests at once are worked on, and the next is told to come later.
func TestRequestsAreBounded(t *testing.T) {
	hold, inside := make(chan struct{}), make(chan struct{}, atOnce)
	h := few(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside <- struct{}{}; <-hold }))
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() { h.ServeHTTP(newRecorder(), &http.Request{}) })
	}
	for range atOnce {
		<-inside
	}
	r := newRecorder()
	h.ServeHTTP(r, &http.Request{})
	close(hold)
	all.Wait()
	if r.status != 503 || r.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v", r.status, r.Header())
	}
}

type recorder struct {
	status int
	head   http.Header
}

func newRecorder() *recorder                          { return &recorder{head: http.Header{}} }
func (r *recorder) Header() http.Header               { return r.head }
func (r *recorder) WriteHeader(s int)                 { r.status = s }
func (r *recorder) Write(b []byte) (n int, err error) { return len(b), nil }

// Many clients bring the same and other checkpoints at once: one history is signed, and never goes back.
func TestClientsAtOnce(t *testing.T) {
	a, b := branches(t)
	s := startService(t, "", a.vkey())
	s.wantSigned(t, a, 0, parted)
	var all sync.WaitGroup
	var mu sync.Mutex
	signed := map[*foreignLog]int{}
	for i := range 16 {
		all.Go(func() {
			l := []*foreignLog{a, b}[i%2]
			for size := int64(parted + 1); size < 20; size++ {
				for old := int64(parted); old < size; old++ {
					if s.add(t, l.body(t, old, size)).status == 200 {
						mu.Lock()
						signed[l]++
						mu.Unlock()
					}
				}
			}
		})
	}
	all.Wait()
	if len(signed) != 1 {
		t.Errorf("signed: %v", signed)
	}
}

// The end of the service waits for what it has begun, and for nothing else.
func TestServiceEnds(t *testing.T) {
	s := startService(t, "")
	addr, end := serveReal(t, s.Witness)
	idle, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if err := end(); err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("it still answers")
	}
}

func TestLoopback(t *testing.T) {
	for addr, want := range map[string]bool{"127.0.0.1:80": true, "[::1]:80": true, "::1": true, "localhost:1": true, "127.3.3.3": true,
		":80": false, "0.0.0.0:80": false, "192.0.2.1:80": false, "localhost.example:80": false, "[::]:80": false, "": false} {
		if Loopback(addr) != want {
			t.Errorf("%q: %t", addr, !want)
		}
	}
}
