package cover

import (
	"cmp"
	"slices"
	"sync"
)

const (
	// FirstWindow is what the first reads in a row announce, bytes.
	FirstWindow = 128 << 10
	// LastWindow is the most that reads in a row announce, bytes.
	LastWindow = 16 << 20
	// Scattered is how many reads here and there of one view have a record each.
	Scattered = 64
)

// Terms are under what bytes are given. Others need records of their own.
type Terms struct {
	Gen   uint64 // of the policy
	Until int64  // when the decision ends, Unix nanoseconds; 0: never

	User, Matter, Client, Level, Path, Rule, Purpose string
}

// Handle is what is known of one open file. Its zero value is ready.
type Handle struct {
	mu     sync.Mutex // guards the map, not what is in it; taken before the lock of a share
	shares map[uint32]*share
}

// share is what one uid does with the handle.
type share struct {
	mu            sync.Mutex // guards the rest, and all of its views; nothing is called with it held
	view          *View      // of the terms asked for last
	took, gave    ranges
	read, written int64
}

// View is what records cover for one uid under the same terms.
type View struct {
	of    *share
	terms Terms

	// The rest is guarded by of.mu.
	covered   ranges
	records   int
	scattered int
}

// Window is what a record announces: bytes that may be given from then on.
type Window struct {
	From, To int64
	alone    bool // the read goes on from nothing
}

func (h *Handle) share(uid uint32) *share {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.shares[uid]
	if s == nil {
		if h.shares == nil {
			h.shares = map[uint32]*share{}
		}
		s = new(share)
		h.shares[uid] = s
	}
	return s
}

// View returns the view of a uid under these terms. After others, the same terms begin anew: their records are of another
// time.
func (h *Handle) View(uid uint32, t Terms) *View {
	s := h.share(uid)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.view == nil || s.view.terms != t {
		s.view = &View{of: s, terms: t}
	}
	return s.view
}

// Take tells whether n bytes at off may leave without a record, and counts them when they may. Of nothing, as at the end of
// the file, no byte leaves: that needs only some record before it.
func (v *View) Take(off, n int64) bool {
	v.of.mu.Lock()
	defer v.of.mu.Unlock()
	if v.records == 0 || n > 0 && !v.covered.has(off, off+n) {
		return false
	}
	v.of.tookSome(off, n)
	return true
}

// Announce says what the record of a read of n bytes at off shall announce, in a file that has size bytes. The window holds at
// least the read itself.
func (v *View) Announce(off, n, size int64) Window {
	v.of.mu.Lock()
	defer v.of.mu.Unlock()
	w := Window{From: off, To: off + n}
	if n == 0 {
		return w
	}
	if v.scattered >= Scattered {
		w.From, w.To = 0, max(w.To, size)
		return w
	}
	before := v.covered.before(off)
	if w.alone = before < 0; !w.alone {
		ahead := min(max(FirstWindow, before, 2*n), LastWindow)
		w.To = max(w.To, min(off+ahead, size))
	}
	return w
}

// Recorded says that the record of a read of n bytes at off is in the log, with this window, and that the read is answered.
func (v *View) Recorded(off, n int64, w Window) {
	v.of.mu.Lock()
	defer v.of.mu.Unlock()
	v.records++
	v.covered.add(w.From, w.To)
	if w.alone {
		v.scattered++
	}
	v.of.tookSome(off, n)
}

func (s *share) tookSome(off, n int64) {
	s.read += n
	s.took.add(off, off+n)
	s.took.limit(MostRanges)
}

// Took counts n bytes at off that a uid was given with a record of their own.
func (h *Handle) Took(uid uint32, off, n int64) {
	s := h.share(uid)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tookSome(off, n)
}

// Gave counts n bytes at off that a uid wrote.
func (h *Handle) Gave(uid uint32, off, n int64) {
	s := h.share(uid)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written += n
	s.gave.add(off, off+n)
	s.gave.limit(MostRanges)
}

// Total is what one uid read and wrote through a handle.
type Total struct {
	UID           uint32
	Read, Written int64   // bytes, those too that were read or written again
	Took, Gave    []Range // which
}

// Totals are those of each uid that did something, by uid; those of the opener come last, and in any case.
func (h *Handle) Totals(opener uint32) []Total {
	own := h.share(opener)
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []Total
	for uid, s := range h.shares {
		if t := s.total(uid); uid != opener && (t.Took != nil || t.Gave != nil) {
			list = append(list, t)
		}
	}
	slices.SortFunc(list, func(a, b Total) int { return cmp.Compare(a.UID, b.UID) })
	return append(list, own.total(opener))
}

func (s *share) total(uid uint32) Total {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Total{UID: uid, Read: s.read, Written: s.written, Took: slices.Clone(s.took.list), Gave: slices.Clone(s.gave.list)}
}
