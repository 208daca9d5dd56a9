package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"matterfs/crypto"
)

// checkRoot checks the root, and then the matters in it.
func (c *checker) checkRoot(storeID crypto.ID, storeKey *crypto.Key) error {
	top := &checkFolder{dir: c.root}
	c.enrol(top)
	b, err := readAll(c.root, storeFile, storeSize)
	if isGone(err) {
		return ErrNotStore
	}
	if isDiskError(err) {
		return err
	}
	if err == nil {
		err = c.checkStoreFile(b, storeID, storeKey)
	}
	if err != nil {
		c.report(top.finding(FoundStore, storeFile, "", err, "it is not this store's"))
	}
	if st, err := c.root.StatAt(liveFile); err == nil && st.Type == TypeFile {
		c.unclean = true
	}
	for _, name := range []string{tmpName, trashName, lostName} {
		if err := c.workDir(top, name); err != nil {
			return err
		}
	}
	return c.checkMatters(top)
}

func (c *checker) checkStoreFile(b []byte, storeID crypto.ID, storeKey *crypto.Key) error {
	if c.o.Structure {
		if len(b) != storeSize || !strings.HasPrefix(string(b), storeMagic) {
			return &crypto.FormatError{Part: "store file", What: "wrong magic or length"}
		}
		return nil
	}
	id, err := openStoreFile(storeKey, b)
	if err == nil && id != storeID {
		err = fmt.Errorf("it is of store %s, not %s", id, storeID)
	}
	return err
}

// workDir looks into one of the store's own directories.
func (c *checker) workDir(top *checkFolder, name string) error {
	d, err := c.root.OpenDir(name)
	if err != nil {
		c.report(top.finding(FoundStore, name, "", err, "the store needs this directory"))
		return nil
	}
	defer d.Close()
	list, err := d.List()
	if err != nil {
		return err
	}
	for _, e := range list {
		if name == lostName {
			if e.Name != lostList {
				c.mu.Lock()
				c.totals.Lost++
				c.mu.Unlock()
			}
			continue
		}
		c.report(top.finding(FoundLeftover, name+"/"+e.Name, "", nil, "left of work that did not end"))
	}
	return nil
}

// recoveredNames is what mkfs puts into the root of a volume.
const recoveredNames = "lost+found"

// checkMatters sorts what is in the root and walks the matters.
func (c *checker) checkMatters(top *checkFolder) error {
	list, err := c.root.List()
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b DirEntry) int { return strings.Compare(a.Name, b.Name) })
	var found []*checkFolder
	for _, e := range list {
		switch e.Name {
		case storeFile, tmpName, trashName, lostName, liveFile, recoveredNames:
			continue
		}
		if f := c.matterFolder(top, e); f != nil {
			found = append(found, f)
		}
	}
	for range c.o.Workers {
		c.workers.Add(1)
		go c.work()
	}
	for _, f := range found {
		c.walkMatter(top, f)
	}
	close(c.tasks)
	c.workers.Wait()
	return nil
}

// matterFolder opens an entry of the root as a matter's folder. It returns nil
// where that is none, or was not asked for.
func (c *checker) matterFolder(top *checkFolder, e DirEntry) *checkFolder {
	st, err := c.root.StatAt(e.Name)
	if err != nil {
		c.report(top.finding(FoundIO, e.Name, "", err, "cannot be read"))
		return nil
	}
	if st.Type != TypeDir {
		c.report(top.finding(FoundForeign, e.Name, "", nil, "not of this store"))
		return nil
	}
	d, err := c.root.OpenDir(e.Name)
	if err != nil {
		c.report(top.finding(FoundIO, e.Name, "", err, "cannot be opened"))
		return nil
	}
	b, err := readAll(d, dirFile, crypto.DirSize)
	p, perr := crypto.ParsePrefix(b)
	if err = errors.Join(err, perr); err != nil {
		d.Close()
		c.report(top.finding(FoundRoot, e.Name, "", err, "no folder of a matter that can be told"))
		return nil
	}
	f := &checkFolder{dir: d, keyID: p.KeyID, stored: e.Name}
	f.users.Store(1)
	if c.o.Structure {
		return f
	}
	if f.m, err = c.s.newMatter(p.KeyID, e.Name); err != nil {
		d.Close()
		c.report(top.finding(FoundKey, e.Name, "", err, "key %s", p.KeyID))
		return nil
	}
	c.matters[f.m.id] = append(c.matters[f.m.id], e.Name)
	if len(c.o.Matters) > 0 && !slices.Contains(c.o.Matters, f.m.id) {
		d.Close()
		c.totals.Passed++
		return nil
	}
	return f
}

// walkMatter authenticates the folder of a matter and checks what is below it.
func (c *checker) walkMatter(top, f *checkFolder) {
	defer f.release()
	if c.o.Structure {
		if c.enrol(f); c.folderShape(f, f.dir, top, f.stored) {
			c.enter(f)
		}
		return
	}
	bad := func(code CheckCode, err error, format string, args ...any) {
		c.report(Finding{Code: code, Stored: f.stored, Matter: f.m.id, Err: err, What: fmt.Sprintf(format, args...)})
	}
	if twins := c.matters[f.m.id]; len(twins) > 1 {
		bad(FoundMatterTwin, nil, "matter %s has %d folders: %s; nothing in them was checked", f.m.id, len(twins), strings.Join(twins, ", "))
		return
	}
	o, code, err := c.openCheckedFolder(f.m, f.dir, binding{root: true})
	if err != nil {
		if code != FoundIO {
			code = FoundMatter
		}
		bad(code, err, "the folder of matter %s; nothing in it was checked", f.m.id)
		return
	}
	f.id = o.id
	c.enrol(f)
	c.folderDone(f, top, o, code == FoundRecovery, func(n *CheckTotals) { n.Matters++ })
	c.enter(f)
}
