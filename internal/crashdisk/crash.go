package crashdisk

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Image is the state of a disk at one moment, never changed: what is seen, what
// is durable, and the write that was about to be done. It costs a few
// microseconds.
type Image struct {
	nodes   []*inode
	pending []change
	ticks   int64

	file uint64 // the write that was under way: 0 for none
	off  int64
	data []byte
}

func (d *Disk) image() *Image {
	d.gen++
	return &Image{nodes: slices.Clone(d.nodes), pending: d.pending[:len(d.pending):len(d.pending)], ticks: d.ticks}
}

// disk returns a disk that goes on from the image, nothing open.
func (im *Image) disk() *Disk {
	d := &Disk{nodes: slices.Clone(im.nodes), pending: im.pending, ticks: im.ticks}
	for _, n := range d.nodes {
		if n != nil {
			d.gen = max(d.gen, n.gen)
		}
	}
	d.gen++
	return d
}

// Kind is a way to crash.
type Kind int

const (
	// Kill ends the process: what it wrote is seen, but no more durable than
	// before.
	Kill Kind = iota
	// PowerCut leaves what is durable, and of the rest what may have reached the
	// disk by chance.
	PowerCut
	// TornPowerCut is PowerCut on a disk that does not write 4096 bytes at once:
	// pages may be torn at sectors of 512 bytes.
	TornPowerCut
)

func (k Kind) String() string {
	return [...]string{"kill", "power cut", "torn power cut"}[k]
}

// Crash returns what is found after a crash at the moment of the image. Which of
// the allowed states that is, rng decides.
func (im *Image) Crash(kind Kind, rng *rand.Rand) *Disk {
	d := im.disk()
	im.interrupt(d, rng)
	if kind == Kill {
		d.prune()
		return d
	}
	c := cutter{d: d, rng: rng, torn: kind == TornPowerCut, ordered: rng.IntN(2) == 0}
	c.cut()
	return d
}

// interrupt does the first pages of the write that was under way: the kernel
// looks for signals between pages.
func (im *Image) interrupt(d *Disk, rng *rand.Rand) {
	if im.file == 0 {
		return
	}
	pages := int((im.off+int64(len(im.data))-1)/pageSize - im.off/pageSize + 1)
	k := rng.IntN(pages + 1)
	if rng.IntN(2) == 0 {
		k = rng.IntN(min(pages, 2) + 1) // a block more often than its neighbours
	}
	if k == 0 {
		return
	}
	end := min((im.off/pageSize+int64(k))*pageSize, im.off+int64(len(im.data)))
	d.own(im.file).write(im.data[:end-im.off], im.off)
}

// prune forgets inodes that no name leads to any more, nor may after a power
// cut.
func (d *Disk) prune() {
	keep := make([]bool, len(d.nodes))
	var mark func(ino uint64)
	mark = func(ino uint64) {
		if ino == 0 || keep[ino] || d.nodes[ino] == nil {
			return
		}
		keep[ino] = true
		for _, m := range []map[string]uint64{d.nodes[ino].entries, d.nodes[ino].kept} {
			for _, e := range m {
				mark(e)
			}
		}
	}
	mark(rootIno)
	for _, c := range d.pending {
		for _, e := range c.edits {
			mark(e.dir)
			mark(e.ino)
		}
	}
	for i := range d.nodes {
		if !keep[i] {
			d.nodes[i] = nil
		}
	}
}

// cutter decides what a power cut leaves.
type cutter struct {
	d       *Disk
	rng     *rand.Rand
	torn    bool
	ordered bool // a file's new length is durable only after what was written up to it
}

func (c *cutter) cut() {
	c.entries()
	for i, n := range c.d.nodes {
		if n != nil {
			c.inode(c.d.own(uint64(i)))
		}
	}
	c.d.pending = nil
	c.d.prune()
}

// luck draws how likely the newest version is durable. The extremes come often:
// most breaks show when one thing is missing, or one thing alone is there.
func (c *cutter) luck() float64 {
	return []float64{0, 0.1, 0.5, 0.9, 0.9, 1}[c.rng.IntN(6)]
}

// entries chooses which changes of directories are durable: as a journal of the
// whole file system leaves them, or each directory for itself.
func (c *cutter) entries() {
	var stop int
	if n := len(c.d.pending); n > 0 {
		stop = c.rng.IntN(n + 1)
	}
	whole, luck := c.rng.IntN(2) == 0, c.luck()
	lost := map[uint64]bool{}
	for i, p := range c.d.pending {
		gone := whole && i >= stop || !whole && c.rng.Float64() >= luck
		if gone || slices.ContainsFunc(p.touch, func(t uint64) bool { return lost[t] }) {
			for _, t := range p.touch {
				lost[t] = true
			}
			continue
		}
		c.d.settle(p)
	}
	for i, n := range c.d.nodes {
		if n != nil && n.isDir() {
			n = c.d.own(uint64(i))
			clear(n.entries)
			for name, ino := range n.kept {
				n.entries[name] = ino
			}
		}
	}
}

// inode chooses length, pages, attributes and times.
func (c *cutter) inode(n *inode) {
	luck := c.luck()
	number := len(n.sizes)
	if c.rng.Float64() >= luck {
		number = c.rng.IntN(number + 1)
	}
	size := n.keptSize
	if number > 0 {
		size = n.sizes[number-1].size
	}
	for i, p := range n.pages {
		if p != nil && (p.prev != nil || p.cut != 0) {
			n.pages[i] = &page{data: c.page(p, number, luck)}
		}
	}
	n.size = size
	trimPages(n)
	n.keptSize, n.sizes = size, nil
	n.removed = false
	v := len(n.xattrs) - 1
	if c.rng.Float64() >= luck {
		v = c.rng.IntN(len(n.xattrs))
	}
	n.xattrs = []attrs{n.xattrs[v]}
	if c.rng.Float64() >= luck {
		n.atime, n.mtime = n.keptTimes[0], n.keptTimes[1]
	}
	n.keptTimes = [2]time.Time{n.atime, n.mtime}
}

// trimPages makes bytes beyond the length zeros.
func trimPages(n *inode) {
	n.pages = n.pages[:min(len(n.pages), int((n.size+pageSize-1)/pageSize))]
	if in := n.size % pageSize; in > 0 && int(n.size/pageSize) < len(n.pages) {
		if p := n.bytes(int(n.size / pageSize)); p != nil {
			data := new([pageSize]byte)
			copy(data[:in], p[:in])
			n.pages[n.size/pageSize] = &page{data: data}
		}
	}
}

// page chooses a version of a page, given which change of the length is the
// last durable one.
func (c *cutter) page(p *page, number int, luck float64) *[pageSize]byte {
	allowed := c.versions(p, number)
	i := 0
	if c.rng.Float64() >= luck {
		i = c.rng.IntN(len(allowed))
	}
	if !c.torn || i == 0 && len(allowed) == 1 || c.rng.IntN(2) == 0 {
		return allowed[i].data
	}
	return c.tear(allowed, max(i, 1))
}

// versions lists the versions that may be durable, newest first: those written
// since the last durable truncation of the page, or before the first one that is
// not durable; ordered, none older than a growth that is durable.
func (c *cutter) versions(p *page, number int) (allowed []*page) {
	cut := 0
	for q := p; q != nil; q = q.prev {
		if q.cut <= number {
			cut = q.cut
			break
		}
	}
	for q := p; q != nil; q = q.prev {
		if q.cut != cut {
			continue
		}
		allowed = append(allowed, q)
		if c.ordered && q.grow > 0 && q.grow <= number {
			break
		}
	}
	return allowed
}

// tear mixes version i and the next newer one by sectors.
func (c *cutter) tear(allowed []*page, i int) *[pageSize]byte {
	data := new([pageSize]byte)
	if old := allowed[i].data; old != nil {
		*data = *old
	}
	for s := 0; s < pageSize; s += sectorSize {
		if c.rng.IntN(2) == 0 {
			continue
		}
		if p := allowed[i-1].data; p != nil {
			copy(data[s:s+sectorSize], p[s:])
		} else {
			clear(data[s : s+sectorSize])
		}
	}
	return data
}
