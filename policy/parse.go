package policy

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"gopkg.in/yaml.v3"
)

// Parse reads a policy from its files, keyed by name relative to the policy
// directory; the order and the split over files do not matter. All mistakes
// are reported at once as *Errors. It touches neither disk nor clock (time
// zones come from the system's or the built-in table).
func Parse(files map[string][]byte) (*Policy, error) {
	r := &raw{notes: &collector{}, seenAt: map[string]pos{}}
	names := slices.Sorted(maps.Keys(files))
	for _, f := range loadAll(names, files) {
		r.notes.errs = append(r.notes.errs, f.src.notes.errs...)
		f.src.notes = r.notes
		r.read(f.src, f.root)
	}
	r.wholes()
	p := build(r)
	if len(r.notes.errs) > 0 {
		return nil, &Errors{List: sortErrors(r.notes.errs)}
	}
	p.hash = hashFiles(names, files)
	p.warnings = sortErrors(r.notes.warns)
	return p, nil
}

// loaded is one file as the YAML parser sees it.
type loaded struct {
	src  *source
	root *yaml.Node // nil: empty or unreadable
}

// loadAll scans and parses the files on all processors; each keeps its own
// notes until it is done.
func loadAll(names []string, files map[string][]byte) []loaded {
	list := make([]loaded, len(names))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(names)); i = next.Add(1) - 1 {
				src := newSource(names[i], files[names[i]], &collector{})
				list[i] = loaded{src, src.load()}
			}
		})
	}
	workers.Wait()
	return list
}

// wholes checks what the policy as a whole must say once, in any file. When a
// file could not be read the missing part may stand there.
func (r *raw) wholes() {
	if r.broken {
		return
	}
	for _, need := range []struct{ key, hint string }{
		{"version", "write version: 1 into firm.yaml"},
		{"timezone", "write timezone: Asia/Shanghai into firm.yaml"},
		{"levels", "list the levels, low to high, in firm.yaml"},
	} {
		if _, ok := r.seenAt[need.key]; !ok {
			r.notes.errs = append(r.notes.errs, &Error{File: "firm.yaml", Msg: "the policy has no " + need.key, Hint: need.hint})
		}
	}
	if at, ok := r.seenAt["levels"]; ok && len(r.levels) == 0 && len(r.notes.errs) == 0 {
		at.errorf("", "no level is defined")
	}
}

// hashFiles is SHA-256 over name and content of every file, each with its
// length before it, so that no two policies share the bytes hashed.
func hashFiles(names []string, files map[string][]byte) string {
	h := sha256.New()
	var length [8]byte
	write := func(b []byte) {
		binary.BigEndian.PutUint64(length[:], uint64(len(b)))
		h.Write(length[:])
		h.Write(b)
	}
	for _, name := range names {
		write([]byte(name))
		write(files[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}
