package fs

import (
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"matterfs/audit/cover"
	"matterfs/crypto/store"
	"matterfs/policy"
)

// handle is one open file or one open directory stream.
type handle struct {
	id    uint64
	node  *node
	file  *store.Handle // nil for a directory
	uid   uint32        // of the opener
	write bool

	reads, fills, writes pass // the last decision of each kind

	cover cover.Handle // what records cover for whom, and what was read and written

	unsynced atomic.Uint64 // a record that is to be on the medium before anything is read; 0: none
	tally    tally

	standing standing // of the opener, as a writer

	dirMu    sync.Mutex // guards listings; held while one is taken and emitted
	listings map[uint32]*listing
}

// grant is a remembered permission: it holds for one policy generation, one uid, one path
// and until an instant.
type grant struct {
	gen   uint64
	uid   uint32
	until int64 // unix ns; 0 never ends
	dec   policy.Decision

	matter, path string
	moves        uint64 // no file has moved since this many moves of the store, or this one has not

	view *cover.View // of a permission to read; nil where each read has a record of its own
}

// pass is a slot for one grant.
type pass struct{ p atomic.Pointer[grant] }

// valid returns the remembered decision when it still answers this question, unless the file
// has moved.
func (s *pass) valid(gen uint64, uid uint32, now int64) *grant {
	g := s.p.Load()
	if g == nil || g.gen != gen || g.uid != uid {
		return nil
	}
	if g.until != 0 && now >= g.until {
		return nil
	}
	return g
}

// stayed returns the grant when its file is still at its place although some have moved.
func (s *pass) stayed(g *grant, path string, moves uint64) *grant {
	if path != g.path {
		return nil
	}
	again := *g
	again.moves = moves
	s.p.Store(&again)
	return &again
}

// handleTable numbers the open handles. Numbers are never used twice in one mount.
type handleTable struct {
	limit int // open files of one uid; see fileLimit

	mu   sync.RWMutex
	last uint64
	all  map[uint64]*handle
	held map[uint32]int // open files by uid of the opener
}

func newHandleTable() *handleTable {
	return &handleTable{limit: fileLimit(), all: map[uint64]*handle{}, held: map[uint32]int{}}
}

const (
	// fileShare is the part of the process's descriptors that the open files of one uid may
	// take: each file takes one, and without them nobody is served and nothing is sealed.
	fileShare = 8
	// fewestFiles is what programs need.
	fewestFiles = 64
)

// fileLimit is how many files a uid may hold open.
func fileLimit() int {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return fewestFiles
	}
	return int(max(min(l.Cur, 1<<30)/fileShare, fewestFiles))
}

// room tells whether uid may open one more file. Opens that run at the same time may pass
// together; the few that are then too many do no harm.
func (t *handleTable) room(uid uint32) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.held[uid] < t.limit
}

// tally counts a file that was opened, 1, or closed, -1; t.mu is held.
func (t *handleTable) tally(h *handle, n int) {
	if h == nil || h.file == nil {
		return
	}
	if t.held[h.uid] += n; t.held[h.uid] == 0 {
		delete(t.held, h.uid)
	}
}

// reserve gives a number before the file is opened, so that the record of the open names it.
func (t *handleTable) reserve() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	return t.last
}

// add enters a handle under its reserved number.
func (t *handleTable) add(h *handle) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all[h.id] = h
	t.tally(h, 1)
}

func (t *handleTable) get(id uint64) *handle {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.all[id]
}

func (t *handleTable) remove(id uint64) *handle {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.all[id]
	delete(t.all, id)
	t.tally(h, -1)
	return h
}

// files lists the open files.
func (t *handleTable) files() []*handle {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var hs []*handle
	for _, h := range t.all {
		if h.file != nil {
			hs = append(hs, h)
		}
	}
	return hs
}

func (t *handleTable) count() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.all)
}

// drain empties the table and returns what was open.
func (t *handleTable) drain() []*handle {
	t.mu.Lock()
	defer t.mu.Unlock()
	hs := make([]*handle, 0, len(t.all))
	for _, h := range t.all {
		hs = append(hs, h)
	}
	t.all, t.held = map[uint64]*handle{}, map[uint32]int{}
	return hs
}
