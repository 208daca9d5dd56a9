package crashdisk

// What a failed fsync leaves. Linux marks the pages that it could not write
// clean (fs/buffer.c, end_buffer_async_write; Rebello et al., "Can Applications
// Recover from fsync Failures?", ATC 2020): they are still seen, the next fsync
// has nothing to do and says ok, and what is on the disk shows when the page
// leaves the cache.

// loseDirty marks all pages that are not durable as lost. Their length goes on
// to be written: it is in the journal of the file system.
func (n *inode) loseDirty() {
	for i, p := range n.pages {
		if p.isDirty() {
			q := *p
			q.lost = true
			n.pages[i] = &q
		}
	}
}

func (p *page) isDirty() bool {
	return p != nil && (p.prev != nil || p.cut != 0 || p.grow != 0)
}

// synced returns what a sync makes of the page: one durable version, or of a
// lost one the same choice as before.
func (p *page) synced() *page {
	if !p.lost {
		return &page{data: p.data}
	}
	return &page{data: p.data, prev: &page{data: p.onDisk()}, lost: true}
}

// onDisk is what is durable of a page at least.
func (p *page) onDisk() *[pageSize]byte {
	if p.cut != 0 {
		return nil
	}
	for p.prev != nil {
		p = p.prev
	}
	return p.data
}

// dropCache forgets the pages that need not be written. Of the lost ones that
// shows what is on the disk.
func (n *inode) dropCache() {
	for i, p := range n.pages {
		if p != nil && p.lost {
			n.pages[i] = &page{data: p.onDisk()}
		}
	}
}

func (f *file) DropCache() error {
	_, fault := f.begin(Step{Op: DropCache})
	defer f.d.mu.Unlock()
	if fault.Err == nil {
		f.d.own(f.ino).dropCache()
	}
	return fault.Err
}

// DropCaches forgets all pages that need not be written, as a kernel that is
// short of memory does.
func (d *Disk) DropCaches() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, n := range d.nodes {
		if n != nil {
			d.own(uint64(i)).dropCache()
		}
	}
}
