//go:build kills

package killtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// session is one worker from a start of the daemon to its kill, as the test sees it.
type session struct {
	uid     int
	cmd     *exec.Cmd
	m       model
	pending *op // begun, not answered
	got     []span
	fsyncs  int
	done    int
	trouble error       // a false answer, or no words at all
	long    atomic.Bool // a long write is not answered yet
}

// answersPerKill bounds how many operations are answered before a kill: at least the first, less than both.
const answersPerKill = 300

// longTakes is about the time in which a long write is carried out, once it was announced.
const longTakes = 3 * time.Millisecond

// work lets everybody work until enough was answered, then kills the daemon at a moment of the wanted kind.
func (x *run) work(when moment) {
	x.t.Helper()
	var answered atomic.Int64
	enough, want := make(chan struct{}), int64(answersPerKill+x.r.IntN(answersPerKill))
	var signal sync.Once
	count := func() {
		if answered.Add(1) >= want {
			signal.Do(func() { close(enough) })
		}
	}
	var all sync.WaitGroup
	sessions := make([]*session, 0, len(people))
	for _, uid := range people {
		s := x.begin(uid)
		sessions = append(sessions, s)
		said, err := s.cmd.StdoutPipe()
		must(x.t, err, s.cmd.Start())
		all.Go(func() { s.follow(said, count) })
	}
	ended := make(chan struct{})
	go func() { all.Wait(); close(ended) }()
	select {
	case <-enough:
	case <-ended: // on its own: the sessions say why
	}
	x.strike(when, sessions)
	<-ended
	x.collect(sessions)
}

func (x *run) begin(uid int) *session {
	x.t.Helper()
	cmd := exec.Command(x.self, fmt.Sprint(x.r.Uint64()))
	cmd.Env, cmd.Dir, cmd.Stderr, cmd.SysProcAttr = []string{workerEnv + "=" + x.d.folder(uid)}, "/", os.Stderr, credential(uid)
	return &session{uid: uid, cmd: cmd, m: x.models[uid].clone()}
}

// strike kills the daemon.
func (x *run) strike(when moment, sessions []*session) {
	x.t.Helper()
	switch when {
	case underLoad:
		x.aim(sessions)
	case inReload:
		x.touchPolicy()
		x.lag()
	case inUnmount:
		cmd := exec.Command(x.d.argv[0], "umount", x.d.mnt)
		cmd.Env = x.d.env()
		must(x.t, cmd.Start())
		defer func() { _ = cmd.Wait() }() // its daemon is killed: it may fail
		x.lag()
	case afterWork:
		for _, s := range sessions {
			must(x.t, s.cmd.Process.Kill())
		}
		x.lag()
	}
	x.kill()
}

// aim waits for a long write that has begun, and then a part of the time that it takes.
func (x *run) aim(sessions []*session) {
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); {
		for _, s := range sessions {
			if s.long.Load() {
				for end := time.Now().Add(time.Duration(x.r.Int64N(int64(longTakes)))); time.Now().Before(end); {
				}
				return
			}
		}
	}
}

// touchPolicy saves the policy as editors do, with another comment at its end.
func (x *run) touchPolicy() {
	x.t.Helper()
	path := filepath.Join(filepath.Dir(x.d.log), "policy", "firm.yaml")
	next := fmt.Sprintf("%s# %d\n", firmYAML, x.r.Uint64())
	must(x.t, os.WriteFile(path+"~", []byte(next), 0o640), os.Rename(path+"~", path))
}

// follow reads what the worker says until it ends.
func (s *session) follow(r io.Reader, count func()) {
	for in := json.NewDecoder(r); ; {
		var l line
		err := in.Decode(&l)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, os.ErrClosed):
			return
		case err != nil:
			s.trouble = err
			return
		case l.Wrong != "":
			s.trouble = errors.New(l.Wrong)
		case l.Begin != nil:
			s.pending = l.Begin
			s.long.Store(l.Begin.Kind == write && l.Begin.Len > maxShort)
		case l.Done:
			s.answered(l.Got)
			count()
		}
	}
}

// answered: the drive said that the operation is done.
func (s *session) answered(got int64) {
	o := *s.pending
	s.pending = nil
	s.done++
	s.m.apply(o)
	switch {
	case o.Kind == fsync:
		s.fsyncs++
	case o.Kind == read && got > 0:
		s.got = append(s.got, span{s.uid, insideMatter(s.uid, o.Name), o.Off, o.Off + got})
	}
}

// collect adds what the sessions saw to the run.
func (x *run) collect(sessions []*session) {
	x.t.Helper()
	inside := false
	for _, s := range sessions {
		_ = s.cmd.Wait() // it ends with the drive, or was killed
		if s.trouble != nil {
			x.failed("uid %d: %v", s.uid, s.trouble)
		}
		inside = inside || s.pending != nil && (s.pending.Kind == write || s.pending.Kind == rename)
		x.models[s.uid], x.pending[s.uid] = s.m, s.pending
		x.got = append(x.got, s.got...)
		x.fsyncs, x.answered = x.fsyncs+s.fsyncs, x.answered+s.done
	}
	if inside {
		x.inside++
	}
}
