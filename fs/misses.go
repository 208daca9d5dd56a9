package fs

import (
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"matterfs/policy"
)

// How many names at the root a uid may miss in a minute, and how often it may be refused
// names that it knows of, before each further one is answered ENOMEM.
const (
	missesAMinute   = 8
	refusalsAMinute = 60
	missWindow      = time.Minute
)

// misses answers lookups that are refused at the root. The kernel has one entry of a name for
// all users, and drops it when one of them is refused with anything but ENOMEM or EINTR
// (TestKernelDropsRefusedNames): members whose working directory it is lose getcwd. And when
// it has dropped an entry it asks a second time, which must not count twice: that would tell
// which names are in use.
//
// So a few walks a minute, to names that exist or not, are answered with the plain errno, those
// that the kernel asks for once as late as if it asked twice, and what they drop the mender
// puts back. Then the uid gets ENOMEM for all names at the root that
// it may not see, which drops nothing.
type misses struct {
	mu     sync.Mutex // guards the rest
	of     map[uint32]*missing
	epoch  uint64            // rises when all entries of the kernel become void
	cached map[string]uint64 // by name: the epoch of the entry that the kernel has
	drop   uint64            // counts entries dropped
	lost   map[string]uint64 // by name: the last drop
	gap    time.Duration     // that lies between the two lookups of a walk, lately
}

// missing is what one uid missed lately.
type missing struct {
	since         time.Time
	walks, knocks int
	second        map[uint32]asked // by thread: what the kernel will ask for again
}

// asked is the first of two lookups.
type asked struct {
	name string
	at   time.Time // of the machine, not of the drive's decisions
}

// The gap as it is taken to be before it is known, and at most.
const firstGap, maxGap = 20 * time.Microsecond, 200 * time.Microsecond

func newMisses() *misses {
	return &misses{of: map[uint32]*missing{}, cached: map[string]uint64{}, lost: map[string]uint64{}, gap: firstGap}
}

// moment is when a lookup came.
type moment struct{ epoch, drop uint64 }

func (m *misses) begin() moment {
	m.mu.Lock()
	defer m.mu.Unlock()
	return moment{m.epoch, m.drop}
}

// entered notes that a lookup gave the kernel an entry, if none was dropped since it came.
func (m *misses) entered(name string, at moment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lost[name] <= at.drop {
		m.cached[name] = at.epoch
	}
}

// voided notes that the kernel has no entry any more.
func (m *misses) voided() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.epoch++
	clear(m.cached)
	clear(m.lost)
}

// drops notes that the kernel drops a name, and reports whether it had it.
func (m *misses) drops(name string) bool {
	epoch, had := m.cached[name]
	if had {
		delete(m.cached, name)
		m.drop++
		m.lost[name] = m.drop
	}
	return had && epoch == m.epoch
}

// window is the uid's current minute.
func (m *misses) window(uid uint32, now time.Time) *missing {
	w := m.of[uid]
	if w == nil {
		m.sweep(now)
		w = &missing{since: now, second: map[uint32]asked{}}
		m.of[uid] = w
	}
	if now.Sub(w.since) >= missWindow {
		w.since, w.walks, w.knocks = now, 0, 0
	}
	return w
}

// sweep forgets uids that missed nothing for a while, when there are many.
func (m *misses) sweep(now time.Time) {
	if len(m.of) < 1024 {
		return
	}
	for uid, w := range m.of {
		if now.Sub(w.since) >= 2*missWindow {
			delete(m.of, uid)
		}
	}
}

// turn is which lookup of a walk one is.
type turn int

const (
	onlyLookup   turn = iota // the kernel asks once
	firstLookup              // it had an entry, and asks again
	secondLookup             // it asks again
)

// missed answers a lookup of a name that the caller may not know of, or that nobody has: plain
// or, when there were too many, ENOMEM. live tells whether the kernel knows the object, hold
// how long the answer is to wait.
func (m *misses) missed(hdr *fuse.InHeader, name string, live bool, plain syscall.Errno, now time.Time) (errno syscall.Errno, t turn, hold time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.window(hdr.Uid, now)
	if before := w.second[hdr.Pid]; before.name == name {
		delete(w.second, hdr.Pid)
		m.drops(name) // what was entered meanwhile went with it
		m.gap = (7*m.gap + min(time.Since(before.at), maxGap)) / 8
		return plain, secondLookup, 0
	}
	if w.walks >= missesAMinute {
		return syscall.ENOMEM, onlyLookup, 0
	}
	w.walks++
	if !m.drops(name) || !live {
		return plain, onlyLookup, m.gap
	}
	if len(w.second) > 16*missesAMinute { // of threads that ended in between
		clear(w.second)
	}
	w.second[hdr.Pid] = asked{name, time.Now()}
	return plain, firstLookup, 0
}

// secondTakes is how long the second lookup of a walk may take to come until it counts as not
// coming: the caller ended in between.
const secondTakes = time.Second

// overdue forgets first lookups that no second one followed, and returns their names.
func (m *misses) overdue() (names []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.of {
		for thread, a := range w.second {
			if time.Since(a.at) >= secondTakes {
				delete(w.second, thread)
				names = append(names, a.name)
			}
		}
	}
	return names
}

// knocked answers a lookup of a name that the caller sees in the listing and may not enter.
func (m *misses) knocked(uid uint32, name string, plain syscall.Errno, now time.Time) syscall.Errno {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.window(uid, now)
	if w.knocks >= refusalsAMinute {
		return syscall.ENOMEM
	}
	w.knocks++
	m.drops(name)
	return plain
}

// ruleGuess is the rule of refusals at the root after too many misses.
const ruleGuess = "root.guess"

// refuseName answers the lookup of a name at the root that r.dec refused. known tells whether
// the policy has a folder of that name; nothing that the caller can see or time hangs on it.
func (r *request) refuseName(name string, known bool) fuse.Status {
	var t turn
	var hold time.Duration
	plain, now := shownAs[r.dec.Shown], r.fs.now()
	switch {
	case plain == syscall.ENOENT && !known && programsAsk(name):
		return fuse.ENOENT
	case plain == syscall.EIO || !r.fs.off.on(checkMisses):
		return fuse.Status(r.denied())
	case known && plain == syscall.EACCES && r.on.matter != "":
		plain = r.fs.misses.knocked(r.hdr.Uid, name, plain, now)
	default:
		plain, t, hold = r.fs.misses.missed(r.hdr, name, known && r.fs.inUse(name) || strings.HasPrefix(name, policy.PersonalPrefix), plain, now)
		if plain == syscall.ENOMEM {
			r.dec.Rule = ruleGuess
		}
	}
	if t != secondLookup && r.denied() == syscall.EIO {
		return fuse.EIO
	}
	for start := time.Now(); time.Since(start) < hold; {
		// A timer would be coarser than what is to be hidden; it is a few microseconds a few times a minute.
		runtime.Gosched()
	}
	if known && plain != syscall.ENOMEM && t != firstLookup { // what is entered between the two, nobody could tell from what is dropped
		r.fs.mender.add(r.node, name)
	}
	return fuse.Status(plain)
}

// absent is the decision about a name that no matter has.
func absent(user string) policy.Decision {
	return policy.Decision{Gate: policy.GateObject, Rule: "matter.unknown", Shown: policy.Hidden, User: user}
}

// programsAsk tells whether programs look for a name by themselves, wherever they are: such
// misses are nobody's guesses. No matter's folder begins with a dot.
func programsAsk(name string) bool {
	return strings.HasPrefix(name, ".") || askedFor[strings.ToLower(name)]
}

// askedFor are names that desktops, version control and build tools look for in every folder
// above the one they work in; in lower case.
var askedFor = map[string]bool{
	"desktop.ini": true, "thumbs.db": true, "autorun.inf": true, "folder.jpg": true, "folder.gif": true,
	"system volume information": true, "$recycle.bin": true, "recycler": true, "lost+found": true, "icon\r": true,
	"network trash folder": true, "temporary items": true, "thevolumesettingsfolder": true, "mach_kernel": true,
	"head": true, "cvs": true, "rcs": true, "sccs": true, "_darcs": true, "tags": true, "gtags": true,
	"node_modules": true, "package.json": true, "tsconfig.json": true, "go.mod": true, "go.work": true, "cargo.toml": true,
	"pyproject.toml": true, "setup.cfg": true, "tox.ini": true, "makefile": true, "cmakelists.txt": true,
}
