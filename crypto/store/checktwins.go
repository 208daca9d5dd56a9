package store

import (
	"cmp"
	"maps"
	"slices"

	"matterfs/crypto"
)

// folderPlace is what is kept of each folder: enough to look into it again.
type folderPlace struct {
	stored, path string
	m            *matter
	id           crypto.ID
}

// enrol gives a folder its number. Number 0 is the root.
func (c *checker) enrol(f *checkFolder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.number = uint32(len(c.folders))
	c.folders = append(c.folders, folderPlace{f.stored, f.path, f.m, f.id})
}

// note remembers an id, and of one that is there twice the folders; mu is held.
func (c *checker) note(id crypto.ID, folder uint32) {
	first, again := c.seen[id]
	if !again {
		c.seen[id] = folder
		return
	}
	for _, n := range []uint32{first, folder} {
		if !slices.Contains(c.twins[id], n) {
			c.twins[id] = append(c.twins[id], n)
		}
	}
}

// nameTwins tells of each place of the objects that are at more than one:
// nothing says which is the right one.
func (c *checker) nameTwins() error {
	again := map[uint32]bool{}
	for _, folders := range c.twins {
		for _, n := range folders {
			again[n] = true
		}
	}
	for _, n := range slices.Sorted(maps.Keys(again)) {
		if err := cmp.Or(c.ctx.Err(), c.twinsIn(&c.folders[n])); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) twinsIn(p *folderPlace) error {
	d, err := c.openStored(p.stored)
	if err != nil {
		return err
	}
	defer d.Close()
	list, err := d.List()
	if err != nil {
		return err
	}
	in := &checkFolder{dir: d, m: p.m, id: p.id, stored: p.stored, path: p.path}
	for _, e := range list {
		id, ok := c.idOf(in, e.Name)
		if isOwn(e.Name) || !ok || c.twins[id] == nil {
			continue
		}
		name := ""
		if p.m != nil {
			name, _ = c.nameOf(in, e.Name)
		}
		f := in.finding(FoundTwin, e.Name, name, nil, "the same object is at more than one place")
		if !c.o.Structure {
			f.Object = id
		} else {
			f.What = "the same content id is at more than one place"
		}
		c.report(f)
	}
	return nil
}

// idOf reads the id of an object that was found authentic before.
func (c *checker) idOf(in *checkFolder, stored string) (id crypto.ID, ok bool) {
	st, err := in.dir.StatAt(stored)
	if err != nil {
		return id, false
	}
	b := []byte(nil)
	if st.Type == TypeDir {
		d, err := in.dir.OpenDir(stored)
		if err != nil {
			return id, false
		}
		defer d.Close()
		b, _ = readAll(d, dirFile, crypto.DirSize)
	} else if st.Type == TypeFile {
		b, _ = readAll(in.dir, stored, crypto.HeaderSize-1)
	}
	p, err := crypto.ParsePrefix(b)
	switch {
	case err != nil:
		return id, false
	case c.o.Structure:
		return p.ContentID, true
	case in.m == nil:
		return id, false
	case st.Type == TypeDir:
		f, err := parseFolder(in.m, b)
		if err != nil {
			return id, false
		}
		return f.meta.Load().Object, true
	}
	h, err := openHeader(in.m, b)
	if err != nil {
		return id, false
	}
	return h.slot().Object, true
}
