package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"matterfs/crypto/statelog"
)

const (
	defaultRunDir = "/run/matterfs"
	// controlLine bounds a request in bytes.
	controlLine = 4096
	// controlIdle is how long a connection may be silent.
	controlIdle = 30 * time.Second
	// controlTake is how long the asking side has for taking an answer: the end of
	// the daemon waits for answers that are being given.
	controlTake = 5 * time.Second
)

// controlRequest is one line to the daemon.
type controlRequest struct {
	Op     string `json:"op"`               // see daemon.answer
	Name   string `json:"name,omitempty"`   // user, matter, MATTER/PATH or hash of a policy; path in the drive
	Reason string `json:"reason,omitempty"` // in words
	Level  string `json:"level,omitempty"`  // of a relabelling

	Emergency bool `json:"emergency,omitempty"` // policy.approve: root alone
}

// controlReply is the line that answers it. A refusal carries the exit code
// that the asking command ends with.
type controlReply struct {
	OK     bool          `json:"ok"`
	Code   int           `json:"code,omitempty"`
	Error  string        `json:"error,omitempty"`
	Hint   string        `json:"hint,omitempty"` // what would help, see hintNames
	Status *status       `json:"status,omitempty"`
	Reload *reloadReport `json:"reload,omitempty"`
	Lazy   bool          `json:"lazy,omitempty"`

	Relabels []statelog.Relabelling `json:"relabels,omitempty"` // that wait

	Decree    *decreeReport  `json:"decree,omitempty"`
	Emergency *emergencyList `json:"emergency,omitempty"`
	Pending   *pendingDetail `json:"pending,omitempty"`
	Approve   *approveReport `json:"approve,omitempty"`
	Relabel   *relabelReport `json:"relabel,omitempty"`
	Why       *whyReport     `json:"why,omitempty"`
}

// runDir is where control sockets lie.
func (a *app) runDir() string {
	if a.flags.runDir != "" {
		return a.flags.runDir
	}
	if dir := a.getenv("MATTERFS_RUN_DIR"); dir != "" {
		return dir
	}
	return defaultRunDir
}

func (a *app) socketPath(storeID string) string {
	return filepath.Join(a.runDir(), storeID+".sock")
}

// listen opens the control socket. Everybody may connect; who is told and
// allowed what is decided for each request by the peer's uid.
func (d *daemon) listen(context.Context) error {
	var l *net.UnixListener
	var err error
	if d.prepared != nil {
		l, err = d.prepared.listener()
	} else {
		l, err = openSocket(d.a.socketPath(d.storeID))
	}
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	// Answers that are being given are finished; connections stay open until
	// the process ends: their end tells `umount` that the store is closed and
	// its lock free.
	d.onClose(func() {
		d.warn("close control socket", l.Close())
		d.answering.Lock()
	})
	go d.accept(l)
	return nil
}

// openSocket is called with the store's lock held, so a socket that is there is
// a dead daemon's.
func openSocket(path string) (*net.UnixListener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o666); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (d *daemon) accept(l *net.UnixListener) {
	for {
		c, err := l.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			d.warn("control socket", err)
			time.Sleep(100 * time.Millisecond) // out of descriptors: do not spin
			continue
		}
		go d.converse(c)
	}
}

// converse answers the requests of one connection.
func (d *daemon) converse(c *net.UnixConn) {
	who, err := peer(c)
	if err != nil {
		d.warn("control socket", err)
		c.Close()
		return
	}
	leave, ok := d.admit(who.uid)
	if !ok {
		d.turnAway(c)
		return
	}
	defer leave()
	lines := bufio.NewScanner(c)
	lines.Buffer(make([]byte, 0, controlLine), controlLine)
	for c.SetDeadline(time.Now().Add(controlIdle)) == nil && lines.Scan() {
		last, err := d.reply(c, who, lines.Bytes())
		if last {
			return // left open, see listen
		}
		if err != nil {
			break
		}
	}
	c.Close()
}

// reply answers one request before the daemon may end. last is set when it is
// ending.
func (d *daemon) reply(c *net.UnixConn, who actor, line []byte) (last bool, err error) {
	d.answering.RLock()
	defer d.answering.RUnlock()
	r, last := d.answer(who, line)
	b, err := json.Marshal(r)
	if err != nil {
		d.warn("control socket", err)
		return last, err
	}
	if last {
		d.waiting.Store(c, nil)
	}
	if err := c.SetWriteDeadline(time.Now().Add(controlTake)); err != nil {
		return last, err
	}
	_, err = c.Write(append(b, '\n'))
	return last, err
}

// lastWord tells those who wait for the end what went wrong at it.
func (d *daemon) lastWord(err error) {
	b, bad := json.Marshal(refusal(err))
	if bad != nil {
		return
	}
	d.waiting.Range(func(c, _ any) bool {
		d.warn("control socket", writeAll(c.(net.Conn), append(b, '\n')))
		return true
	})
}

func writeAll(c net.Conn, b []byte) error {
	if err := c.SetDeadline(time.Now().Add(controlIdle)); err != nil {
		return err
	}
	_, err := c.Write(b)
	return err
}

// answer carries out one request.
func (d *daemon) answer(who actor, line []byte) (r controlReply, last bool) {
	var q controlRequest
	if err := json.Unmarshal(line, &q); err != nil {
		return refusal(usagef("control request: %v", err)), false
	}
	if q.Op == opWhy {
		return d.why(who, q), false
	}
	if q.Op != "status" && !d.may(who.uid, q.Op) {
		return refusal(d.refuseAsk(who, q)), false
	}
	if do, ok := policyOps[q.Op]; ok {
		return do(d, who, q), false
	}
	if do, ok := relabelOps[q.Op]; ok {
		rep, err := do(d, who, q)
		return replyOr(err, controlReply{Relabel: &rep}), false
	}
	switch q.Op {
	case "status":
		return controlReply{OK: true, Status: d.status(d.onDuty(who.uid, "sysadmin", "secadmin"))}, false
	case "emergency":
		return controlReply{OK: true, Emergency: d.emergencyList()}, false
	case statelog.UserDisable, statelog.UserEnable, statelog.MatterFreeze, statelog.MatterUnfreeze:
		rep, err := d.decree(who, q)
		if err != nil {
			return refusal(err), false
		}
		return controlReply{OK: true, Decree: &rep}, false
	case evHold:
		rep, err := d.setHold(who, q)
		return replyOr(err, controlReply{Decree: rep}), false
	case evQuery:
		return replyOr(d.record(who, queryRecord(q.Name)), controlReply{}), false
	case "reload":
		rep, err := d.reload(who)
		if err != nil {
			return refusal(err), false
		}
		return controlReply{OK: true, Reload: &rep}, false
	case "umount":
		lazy, err := d.unmountFor(who)
		if err != nil {
			return refusal(err), false
		}
		return controlReply{OK: true, Lazy: lazy}, true
	}
	return refusal(usagef("control request: unknown op %q", q.Op)), false
}

// policyOps are the requests about what waits.
var policyOps = map[string]func(*daemon, actor, controlRequest) controlReply{
	evPolicyPending: func(d *daemon, _ actor, _ controlRequest) controlReply {
		detail, err := d.pendingPolicy()
		return replyOr(err, controlReply{Pending: detail})
	},
	evRelabelList: func(d *daemon, _ actor, _ controlRequest) controlReply {
		return controlReply{OK: true, Relabels: d.waitingRelabels()}
	},
	evPolicyApprove: func(d *daemon, who actor, q controlRequest) controlReply {
		rep, err := d.approve(who, q)
		return replyOr(err, controlReply{Approve: &rep})
	},
}

// replyOr is a reply, or the refusal that an error is.
func replyOr(err error, r controlReply) controlReply {
	if err != nil {
		return refusal(err)
	}
	r.OK = true
	return r
}

func refusal(err error) controlReply {
	code, hint := explain(err)
	return controlReply{Code: code, Error: err.Error(), Hint: hintNames[hint]}
}

// unmountFor remembers who ended the service for the record of it.
func (d *daemon) unmountFor(who actor) (lazy bool, err error) {
	d.stopper.Store(&who)
	return d.unmount()
}

// peer reads who is at the other end (SO_PEERCRED, unix(7)).
func peer(c *net.UnixConn) (actor, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return actor{}, err
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return actor{}, err
	}
	if credErr != nil {
		return actor{}, credErr
	}
	return actorOf(cred.Uid, int(cred.Pid)), nil
}
