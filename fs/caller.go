package fs

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"time"
)

// process is what /proc tells of the thread that made a request. Nothing is guessed: what
// cannot be read stays empty, and auid is -1.
type process struct {
	exe, comm string
	auid      int64 // login uid: the human behind sudo
}

// procTTL is how long comm and login uid of a thread that still runs the same program are
// taken as unchanged. The program itself is read for each record; a daemon without the right
// to see it (not root, or a kernel thread) reads the others each time too.
const procTTL = time.Second

// procCache remembers threads, so that a run of reads does not open two files of /proc each.
type procCache struct {
	mu   sync.Mutex // guards seen; /proc is read without it
	seen map[uint32]procEntry
}

type procEntry struct {
	process
	at time.Time
}

func newProcCache() *procCache { return &procCache{seen: map[uint32]procEntry{}} }

// of describes thread tid. The kernel's own requests (tid 0) are no process.
func (c *procCache) of(tid uint32) process {
	if tid == 0 {
		return process{auid: -1}
	}
	dir := "/proc/" + strconv.FormatUint(uint64(tid), 10)
	exe, _ := os.Readlink(dir + "/exe")
	now := time.Now()
	c.mu.Lock()
	e, ok := c.seen[tid]
	c.mu.Unlock()
	if ok && exe != "" && e.exe == exe && now.Sub(e.at) < procTTL {
		return e.process
	}
	p := process{exe: exe, comm: readLine(dir + "/comm"), auid: loginUID(dir)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.seen) > 4096 {
		clear(c.seen)
	}
	c.seen[tid] = procEntry{p, now}
	return p
}

// loginUID reads /proc/TID/loginuid; 2^32-1 means that nobody logged in.
func loginUID(dir string) int64 {
	n, err := strconv.ParseUint(readLine(dir+"/loginuid"), 10, 32)
	if err != nil || n == 1<<32-1 {
		return -1
	}
	return int64(n)
}

// readLine is the first line of a small file, empty when it cannot be read.
func readLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return string(line)
}
