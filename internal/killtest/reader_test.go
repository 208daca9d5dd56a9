//go:build kills

package killtest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

const readerEnv = "KILLTEST_READER"

// given is what a reader says when its drive has gone: what it was given through each of its handles.
type given struct {
	Ready   bool     `json:",omitempty"` // a line of its own: all is open, and reading begins
	Handles []holder `json:",omitempty"`
	Reads   int      `json:",omitempty"`
	Ended   string   `json:",omitempty"`
}

// holder is one open file. Nth counts the handles of the same file in the order in which they were opened.
type holder struct {
	Name string
	Nth  int
	Got  [][2]int64 // ascending, apart

	f    *os.File
	page []byte // a mapping of the whole file
	size int64
	at   int64 // where the next read in a row begins
}

// got adds bytes to what the handle gave.
func (h *holder) got(from, to int64) {
	i, _ := slices.BinarySearchFunc(h.Got, from, func(have [2]int64, from int64) int {
		if have[1] < from {
			return -1
		}
		return 1
	})
	end := i
	for ; end < len(h.Got) && h.Got[end][0] <= to; end++ {
		from, to = min(from, h.Got[end][0]), max(to, h.Got[end][1])
	}
	h.Got = slices.Replace(h.Got, i, end, [2]int64{from, to})
}

// reader is one person's process.
type reader struct {
	r       *rand.Rand
	handles []*holder
	reads   int
	buf     []byte
}

// runReader reads until the drive fails, and tells what it was given.
func runReader(dir string, seed uint64) {
	debug.SetPanicOnFault(true) // a page that does not come any more is an error like others
	x := &reader{r: rand.New(rand.NewPCG(seed, 3)), buf: make([]byte, 256<<10)}
	err := x.open(dir)
	out := json.NewEncoder(os.Stdout)
	if err == nil {
		_ = out.Encode(given{Ready: true})
	}
	for err == nil {
		h := x.handles[x.r.IntN(len(x.handles))]
		if h.page != nil {
			err = x.touch(h)
		} else {
			err = x.read(h)
		}
	}
	last := given{Reads: x.reads, Ended: err.Error()}
	for _, h := range x.handles {
		last.Handles = append(last.Handles, *h)
	}
	_ = out.Encode(last)
}

// open opens each shared file, some twice, and maps the file that nobody else maps.
func (x *reader) open(dir string) error {
	for _, s := range sharedFiles {
		for nth := range 1 + x.r.IntN(2) {
			if err := x.add(filepath.Join(dir, s.name), nth, false); err != nil {
				return err
			}
		}
	}
	return x.add(filepath.Join(dir, mappedName(os.Getuid())), 0, true)
}

func (x *reader) add(path string, nth int, mapped bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h := &holder{Name: filepath.Base(path), Nth: nth, f: f, size: info.Size(), at: x.r.Int64N(info.Size())}
	x.handles = append(x.handles, h)
	if mapped {
		h.page, err = unix.Mmap(int(f.Fd()), 0, int(h.size), syscall.PROT_READ, syscall.MAP_SHARED)
	}
	return err
}

// read reads some bytes: in a row, here and there, or the beginning again.
func (x *reader) read(h *holder) error {
	off, n := h.at, 1+x.r.Int64N(int64(len(x.buf)))
	way := x.r.IntN(10)
	switch {
	case way < 3:
		off, n = x.r.Int64N(h.size), 1+x.r.Int64N(8<<10)
	case way < 4:
		off, n = 0, 512
	}
	k, err := unix.Pread(int(h.f.Fd()), x.buf[:n], off)
	if err != nil {
		return err
	}
	x.reads++
	if k > 0 {
		h.got(off, off+int64(k))
	}
	if way >= 4 {
		if h.at += int64(k); k == 0 {
			h.at = 0
		}
	}
	return nil
}

// touch copies bytes out of a mapping, page by page: what came before a page that does not come was given.
func (x *reader) touch(h *holder) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("mapped page: %v", p)
		}
	}()
	const page = 4096
	first := x.r.Int64N(h.size / page)
	for i := first; i < min(first+1+x.r.Int64N(8), h.size/page); i++ {
		n := copy(x.buf, h.page[i*page:(i+1)*page])
		h.got(i*page, i*page+int64(n))
		x.reads++
	}
	return nil
}
