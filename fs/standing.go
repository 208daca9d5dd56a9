package fs

import (
	"sync"
	"time"

	"matterfs/policy"
)

// writeBackGrace is how long after someone lost the right to write the dirty pages that they
// had mapped before are still taken: nobody else's work is lost to a revocation.
const writeBackGrace = 10 * time.Second

// standing remembers whether the opener of a writable handle may write, and since when no
// longer. The kernel writes mapped pages back when it likes, in nobody's name; then this
// tells whether they can be from the time when it was allowed.
type standing struct {
	mu     sync.Mutex // guards the rest; nothing is called with it held
	may    bool
	lostAt time.Time       // when may became false; zero if it never was true
	dec    policy.Decision // the last that allowed
}

// judge notes a decision about the opener made at an instant.
func (s *standing) judge(d policy.Decision, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case d.Allow:
		s.may, s.dec = true, d
	case s.may:
		s.may, s.lostAt = false, now
		if end := s.dec.Expires; !end.IsZero() && end.Before(now) {
			s.lostAt = end // it ended by itself, and nobody asked since
		}
	}
}

// mayFinish returns the decision under which pages that were dirty before may still be
// written: the last one that allowed, for a while after it ended.
func (s *standing) mayFinish(now time.Time) (policy.Decision, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ok := !s.may && !s.lostAt.IsZero() && now.Sub(s.lostAt) < writeBackGrace
	return s.dec, ok
}

// due reports whether the last decision has run out.
func (s *standing) due(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.may && !s.dec.Expires.IsZero() && !now.Before(s.dec.Expires)
}

// judgeHandles decides anew for the opener of each open file.
func (f *fileSystem) judgeHandles() {
	st, now := f.state.Load(), f.now()
	for _, h := range f.handles.files() {
		f.judge(h, st, now)
	}
}

// judge decides whether the opener of h may still use it as it was opened.
func (f *fileSystem) judge(h *handle, st *state, now time.Time) policy.Decision {
	t := targetOf(h.node)
	t.own = h.node.createdBy(h.uid)
	op := policy.OpRead
	if h.write {
		op = policy.OpWrite
	}
	d := st.decide(h.uid, op, t, now)
	h.standing.judge(d, now)
	return d
}

// anyExpired reports whether the right to use some open file has run out by itself.
func (f *fileSystem) anyExpired() bool {
	now := f.now()
	for _, h := range f.handles.files() {
		if h.standing.due(now) {
			return true
		}
	}
	return false
}

// sharedWithRefused reports whether someone who may no longer use the node still has it
// open, and so perhaps mapped: pages that others fill must not stay for them to find.
func (f *fileSystem) sharedWithRefused(n *node) bool {
	st, now := f.state.Load(), f.now()
	for _, h := range n.openHandles() {
		if !f.judge(h, st, now).Allow {
			return true
		}
	}
	return false
}
