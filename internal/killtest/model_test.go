//go:build kills

package killtest

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// model is the content of one worker's folder: what a reader must find. Folders are known by the files in them, and
// the one folder that is renamed by its name.
type model struct {
	files map[string][]byte
	dir   string // the name that the subfolder has now
}

func (m model) clone() model {
	files := make(map[string][]byte, len(m.files))
	for name, b := range m.files {
		files[name] = bytes.Clone(b)
	}
	return model{files, m.dir}
}

// apply does to the model what was done to the drive.
func (m *model) apply(o op) {
	switch o.Kind {
	case write:
		m.files[o.Name] = patch(m.files[o.Name], o.Off, content(o.Seed, o.Len))
	case truncate:
		m.files[o.Name] = resized(m.files[o.Name], o.Len)
	case create:
		m.files[o.Name] = []byte{}
	case unlink:
		delete(m.files, o.Name)
	case rename:
		m.files[o.To] = m.files[o.Name]
		delete(m.files, o.Name)
	case renameDir:
		m.moveDir(o.To)
	}
}

func (m *model) moveDir(to string) {
	for _, name := range slices.Collect(maps.Keys(m.files)) {
		if rest, ok := strings.CutPrefix(name, m.dir+"/"); ok {
			m.files[path.Join(to, rest)] = m.files[name]
			delete(m.files, name)
		}
	}
	m.dir = to
}

func patch(b []byte, off int64, p []byte) []byte {
	if end := off + int64(len(p)); end > int64(len(b)) {
		b = resized(b, end)
	}
	copy(b[off:], p)
	return b
}

func resized(b []byte, n int64) []byte {
	if n <= int64(len(b)) {
		return b[:n:n]
	}
	return append(b[:len(b):len(b)], make([]byte, n-int64(len(b)))...)
}

// explains tells whether a folder with this content is what a kill during the pending operation may leave of m. An
// empty answer means yes.
func (m model) explains(found model, pending *op) string {
	why := m.differs(found)
	if why == "" || pending == nil {
		return why
	}
	after := m.clone()
	after.apply(*pending)
	if after.differs(found) == "" {
		return ""
	}
	if pending.Kind != write {
		return fmt.Sprintf("%s; the operation not answered was %s", why, pending)
	}
	return m.halfWritten(after, found, pending)
}

// halfWritten: all files but the one being written are as before, and in that one each block is old or new. The file
// may have grown by a part of what was to be added.
func (m model) halfWritten(after, found model, pending *op) string {
	old, next, now := m.files[pending.Name], after.files[pending.Name], found.files[pending.Name]
	rest, others := m.clone(), found.clone()
	rest.files[pending.Name], others.files[pending.Name] = nil, nil
	if why := rest.differs(others); why != "" {
		return why
	}
	if len(now) < len(old) || len(now) > len(next) {
		return fmt.Sprintf("%s has %d bytes, had %d before and %d after %s", pending.Name, len(now), len(old), len(next), pending)
	}
	old = resized(old, int64(len(next)))
	for at := 0; at < len(now); at += blockSize {
		end := min(at+blockSize, len(now))
		if !bytes.Equal(now[at:end], old[at:end]) && !bytes.Equal(now[at:end], next[at:end]) {
			return fmt.Sprintf("block %d of %s is neither old nor new after %s", at/blockSize, pending.Name, pending)
		}
	}
	return ""
}

// differs says how another folder is not this one.
func (m model) differs(o model) string {
	if a, b := m.names(), o.names(); !slices.Equal(a, b) {
		return fmt.Sprintf("the folder holds %q, want %q", b, a)
	}
	if m.dir != o.dir {
		return fmt.Sprintf("the subfolder is %q, want %q", o.dir, m.dir)
	}
	for _, name := range m.names() {
		if a, b := m.files[name], o.files[name]; !bytes.Equal(a, b) {
			return fmt.Sprintf("%s has %d bytes, want %d; the first difference is at %d", name, len(b), len(a), firstDifference(a, b))
		}
	}
	return ""
}

func (m model) names() []string { return slices.Sorted(maps.Keys(m.files)) }

func firstDifference(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
