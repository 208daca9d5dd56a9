package crashdisk

import (
	"maps"
	"slices"
	"time"

	"matterfs/crypto/store"
)

const (
	pageSize   = 4096
	sectorSize = 512
)

// inode is a file or a directory. Images share inodes: one is changed only
// while its gen is that of the disk, else it is copied first.
type inode struct {
	ino uint64
	gen uint64

	// Of directories: what is seen, and what is durable.
	entries, kept map[string]uint64
	removed       bool

	// Of files.
	pages    []*page
	size     int64
	keptSize int64
	sizes    []resize // since the last sync, in order; number i+1 is sizes[i]

	xattrs              []attrs // versions; the first is durable, the last is seen
	atime, mtime, ctime time.Time
	keptTimes           [2]time.Time // atime and mtime that are durable
}

type attrs map[string][]byte // never changed once made

// resize is a change of a file's length that is not durable.
type resize struct{ size int64 }

// page is one version of 4096 bytes of a file, never changed once made.
type page struct {
	data *[pageSize]byte // nil: zeros
	prev *page           // the version before; nil for the durable one
	cut  int             // number of the last truncation that took the page away
	grow int             // number of the growth that the write of this version was
	lost bool            // a failed sync took it for clean; see lostsync.go
}

func (n *inode) isDir() bool { return n.entries != nil }

func (n *inode) clone() *inode {
	c := *n
	c.entries, c.kept = maps.Clone(n.entries), maps.Clone(n.kept)
	c.pages = slices.Clone(n.pages)
	c.sizes = slices.Clone(n.sizes)
	c.xattrs = slices.Clone(n.xattrs)
	return &c
}

// sync makes data and length durable, with full also times and attributes.
func (n *inode) sync(full bool) {
	n.keptSize, n.sizes = n.size, nil
	n.pages = n.pages[:min(len(n.pages), int((n.size+pageSize-1)/pageSize))]
	for i, p := range n.pages {
		if p.isDirty() {
			n.pages[i] = p.synced()
		}
	}
	if full {
		n.xattrs = []attrs{n.attrs()}
		n.keptTimes = [2]time.Time{n.atime, n.mtime}
	}
}

func (n *inode) attrs() attrs { return n.xattrs[len(n.xattrs)-1] }

func (n *inode) touch(t time.Time) { n.mtime, n.ctime = t, t }

// put adds a version of page i.
func (n *inode) put(i int, data *[pageSize]byte, grow int) {
	for len(n.pages) <= i {
		n.pages = append(n.pages, nil)
	}
	prev := n.pages[i]
	if prev == nil {
		prev = &page{}
	}
	n.pages[i] = &page{data: data, prev: prev, cut: prev.cut, grow: grow}
}

func (n *inode) bytes(i int) *[pageSize]byte {
	if i >= len(n.pages) || n.pages[i] == nil {
		return nil
	}
	return n.pages[i].data
}

func (n *inode) resize(size int64) int {
	n.size = size
	n.sizes = append(n.sizes, resize{size})
	return len(n.sizes)
}

func (n *inode) write(p []byte, off int64) {
	end := off + int64(len(p))
	grow := 0
	if end > n.size {
		grow = n.resize(end)
	}
	for len(p) > 0 {
		i, at := int(off/pageSize), int(off%pageSize)
		data := new([pageSize]byte)
		if old := n.bytes(i); old != nil {
			*data = *old
		}
		k := copy(data[at:], p)
		n.put(i, data, grow)
		p, off = p[k:], off+int64(k)
	}
}

func (n *inode) read(p []byte, off int64) int {
	if off >= n.size {
		return 0
	}
	p = p[:min(int64(len(p)), n.size-off)]
	for at := 0; at < len(p); {
		i, in := int(off/pageSize), int(off%pageSize)
		k := min(len(p)-at, pageSize-in)
		if data := n.bytes(i); data != nil {
			copy(p[at:at+k], data[in:])
		} else {
			clear(p[at : at+k])
		}
		at, off = at+k, off+int64(k)
	}
	return len(p)
}

// truncate sets the length. The tail of the last page is zeroed like any data,
// at any time; whole pages go with the change of the length.
func (n *inode) truncate(size int64) {
	old := n.size
	number := n.resize(size)
	if size >= old {
		return
	}
	first := int(size / pageSize)
	if in := int(size % pageSize); in > 0 {
		if p := n.bytes(first); p != nil {
			data := new([pageSize]byte)
			copy(data[:in], p[:in])
			n.put(first, data, 0)
		}
		first++
	}
	for i := first; i < len(n.pages); i++ {
		if n.pages[i] != nil {
			n.pages[i] = &page{prev: n.pages[i], cut: number}
		}
	}
}

func (n *inode) stat() store.Stat {
	s := store.Stat{Dev: 1, Ino: n.ino, Type: store.TypeFile, Size: n.size,
		Atime: n.atime, Mtime: n.mtime, Ctime: n.ctime}
	if n.isDir() {
		s.Type, s.Size = store.TypeDir, pageSize
	}
	for _, p := range n.pages {
		if p != nil && p.data != nil {
			s.Blocks += pageSize / sectorSize
		}
	}
	return s
}
