package export

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"matterfs/audit"
	"matterfs/internal/testca"
)

func TestTLSToTheEndOfTheLog(t *testing.T) {
	a := testca.New(t)
	c := newCollector(t, serverOf(a, true)).start()
	a.Issue("client")
	l := newLog(t)
	l.add(700)
	o := l.options(c.target(TLS{CA: a.File(), Cert: filepath.Join(a.Dir, "client.pem"), Key: filepath.Join(a.Dir, "client.key")}))
	rep, err := run(t.Context(), o, hasty())
	if err != nil || rep.Sent != 700 || rep.Cursor != 700 {
		t.Fatalf("%+v, %v", rep, err)
	}
	if err := whole(l.lines(), bodies(t, c.all())); err != nil {
		t.Fatal(err)
	}
	if n := c.connections(); n < 2 {
		t.Errorf("%d connections: nothing was confirmed on the way", n)
	}
	// Once more sends what is new, and nothing else.
	l.add(3)
	if rep, err = run(t.Context(), o, hasty()); err != nil || rep.Sent != 3 || rep.Cursor != 703 || len(c.all()) != 703 {
		t.Errorf("%+v, %v, %d messages", rep, err, len(c.all()))
	}
}

// Nothing is sent to who cannot show that they are the collector, nor to a collector that refuses this client.
func TestTLSRefusals(t *testing.T) {
	a, other := testca.New(t), testca.New(t)
	open := newCollector(t, serverOf(a, false)).start()
	strict := newCollector(t, serverOf(a, true)).start()
	l := newLog(t)
	l.add(1)
	p := hasty()
	p.tries = 2
	other.Issue("client")
	for name, c := range map[string]struct {
		target Target
		says   string
	}{
		"unknown authority":  {open.target(TLS{CA: other.File()}), "certificate signed by unknown authority"},
		"system authorities": {open.target(TLS{}), "certificate signed by unknown authority"},
		"another name":       {open.target(TLS{CA: a.File(), ServerName: "other.example"}), "log.example, not other.example"},
		"no client cert":     {strict.target(TLS{CA: a.File()}), "certificate required"},
		"foreign client":     {strict.target(TLS{CA: a.File(), Cert: other.Dir + "/client.pem", Key: other.Dir + "/client.key"}), "remote error: tls"},
	} {
		o := l.options(c.target)
		o.Cursor += name
		rep, err := run(t.Context(), o, p)
		if !is[*BrokenError](err) || !strings.Contains(err.Error(), c.says) || rep.Cursor != 0 {
			t.Errorf("%s: %+v, %v", name, rep, err)
		}
	}
	if n := len(open.all()) + len(strict.all()); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
	o := l.options(open.target(TLS{CA: a.File(), ServerName: "log.example"}))
	if rep, err := run(t.Context(), o, p); err != nil || rep.Cursor != 1 {
		t.Errorf("by its name: %+v, %v", rep, err)
	}
}

// A collector that cuts connections off, at any place and in any manner, loses nothing in the end.
func TestBrokenConnections(t *testing.T) {
	for name, tlsToo := range map[string]bool{"tcp": false, "tls": true} {
		t.Run(name, func(t *testing.T) {
			a := testca.New(t)
			c, o := newCollector(t, nil), TLS{}
			if tlsToo {
				c, o = newCollector(t, serverOf(a, false)), TLS{CA: a.File()}
			}
			c.handle = func(n int, conn net.Conn) {
				switch n % 4 {
				case 0:
					c.take(conn, -1)
				case 1: // reads some, and dies: what the kernel has is lost
					c.take(conn, 20)
				case 2: // reads nothing
				case 3:
					c.take(conn, 3)
					time.Sleep(5 * time.Millisecond) // more is on the way
				}
				if t, ok := conn.(*tls.Conn); ok && n%4 != 0 {
					// TLS reads ahead, so that the kernel has nothing left and would end in order: a collector that ends like this loses what it has.
					t.NetConn().(*net.TCPConn).SetLinger(0)
				}
			}
			c.start()
			l := newLog(t)
			l.add(1000)
			p := hasty()
			p.tries = 1000
			rep, err := run(t.Context(), l.options(c.target(o)), p)
			if err != nil || rep.Cursor != 1000 || rep.Sent <= 1000 {
				t.Fatalf("%+v, %v", rep, err)
			}
			if err := whole(l.lines(), bodies(t, c.all())); err != nil {
				t.Error(err)
			}
		})
	}
}

// What was never read is never confirmed: neither by a collector that hangs nor by one that takes the end for nothing.
func TestNothingIsConfirmedUnread(t *testing.T) {
	for name, handle := range map[string]func(*collector, net.Conn, chan struct{}){
		"hangs":             func(_ *collector, _ net.Conn, held chan struct{}) { <-held },
		"reads, stays open": func(c *collector, x net.Conn, held chan struct{}) { c.take(x, -1); <-held },
		"reads, then reset": func(c *collector, x net.Conn, _ chan struct{}) { c.take(x, 3); x.(*net.TCPConn).SetLinger(0) },
	} {
		t.Run(name, func(t *testing.T) {
			c, held := newCollector(t, nil), make(chan struct{})
			t.Cleanup(func() { close(held) })
			c.handle = func(_ int, x net.Conn) { handle(c, x, held) }
			c.start()
			l := newLog(t)
			l.add(5)
			p := hasty()
			p.stall, p.tries = 300*time.Millisecond, 2
			rep, err := run(t.Context(), l.options(c.target(TLS{})), p)
			if !is[*BrokenError](err) || rep.Cursor != 0 {
				t.Errorf("%+v, %v", rep, err)
			}
		})
	}
}

// A collector that hangs keeps the exporter waiting in bounded memory, and the log is written all the same.
func TestBackPressure(t *testing.T) {
	release := make(chan struct{})
	c := newCollector(t, nil)
	c.handle = func(n int, x net.Conn) {
		if n == 1 {
			<-release
		}
		c.take(x, -1)
	}
	c.start()
	l := newLog(t)
	p := hasty()
	p.confirmBytes, p.confirmAfter = 1<<30, time.Hour
	stop := following(t, l.options(c.target(TLS{})), p)
	for range 30 {
		l.add(1000)
	}
	if n := len(c.all()); n != 0 {
		t.Errorf("%d messages were read", n)
	}
	close(release)
	until(t, "all have arrived", func() bool { return len(c.all()) == 30000 })
	if rep, err := stop(); !errors.Is(err, context.Canceled) || rep.Cursor != 30000 {
		t.Errorf("%+v, %v", rep, err)
	}
	if err := whole(l.lines(), bodies(t, c.all())); err != nil {
		t.Error(err)
	}
}

// Told to end while a collector hangs, the exporter ends soon and believes nothing.
func TestSignalWhileTheCollectorHangs(t *testing.T) {
	c, held := newCollector(t, nil), make(chan struct{})
	t.Cleanup(func() { close(held) })
	var conns atomic.Int32
	c.handle = func(int, net.Conn) { conns.Add(1); <-held }
	c.start()
	l := newLog(t)
	l.add(50000) // more than kernels hold
	p := hasty()
	p.stall, p.parting, p.confirmBytes = time.Hour, 50*time.Millisecond, 1<<30
	stop := following(t, l.options(c.target(TLS{})), p)
	until(t, "it sends", func() bool { return conns.Load() == 1 })
	if rep, err := stop(); err == nil || rep.Cursor != 0 {
		t.Errorf("%+v, %v", rep, err)
	}
}

// The cursor does not move before a confirmation has settled, and an exporter that is killed sends again what came after it.
func TestKilledExporterSendsAgain(t *testing.T) {
	c := newCollector(t, nil).start()
	l := newLog(t)
	l.add(100)
	p := hasty()
	p.settle = time.Hour
	o := l.options(c.target(TLS{}))
	stop := following(t, o, p)
	until(t, "all have arrived", func() bool { return len(c.all()) == 100 })
	before, err := os.ReadFile(o.Cursor)
	if err != nil || !strings.Contains(string(before), `"seq":0`) {
		t.Errorf("the cursor moved at once: %s, %v", before, err)
	}
	stop()
	if err := os.WriteFile(o.Cursor, before, 0o600); err != nil { // as a kill would have left it
		t.Fatal(err)
	}
	l.add(20)
	if rep, err := run(t.Context(), o, p); err != nil || rep.Sent != 120 || rep.Cursor != 120 {
		t.Errorf("%+v, %v", rep, err)
	}
	if err := whole(l.lines(), bodies(t, c.all())); err != nil {
		t.Error(err)
	}
}

// The log lives on while it is followed: it rotates, compresses, and is opened anew.
func TestFollowThroughRotation(t *testing.T) {
	c := newCollector(t, nil).start()
	l := newLog(t)
	stop := following(t, l.options(c.target(TLS{})), hasty())
	for range 5 {
		l.add(600)
		until(t, "the log rotates", func() bool {
			st, err := os.Stat(filepath.Join(l.dir, audit.LiveName))
			return err == nil && st.Size() < 64<<10
		})
		if err := l.log.Close(); err != nil {
			t.Fatal(err)
		}
		l.open()
	}
	until(t, "all have arrived", func() bool { return len(c.all()) >= 3000 })
	if rep, err := stop(); !errors.Is(err, context.Canceled) || rep.Cursor != uint64(len(l.lines())) {
		t.Errorf("%+v, %v", rep, err)
	}
	if err := whole(l.lines(), bodies(t, c.all())); err != nil {
		t.Error(err)
	}
}

func TestBeginsAtNothing(t *testing.T) {
	c := newCollector(t, nil).start()
	l := newLog(t)
	var began []uint64
	o := l.options(c.target(TLS{}))
	o.Told = func(n Notice) { began = append(began, n.Begin) }
	if rep, err := run(t.Context(), o, hasty()); err != nil || rep.Sent != 0 {
		t.Errorf("%+v, %v", rep, err)
	}
	l.add(2)
	if rep, err := run(t.Context(), o, hasty()); err != nil || rep.Sent != 2 || len(began) != 1 || began[0] != 1 {
		t.Errorf("%+v, %v, %v", rep, err, began)
	}
}
