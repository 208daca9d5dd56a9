package store

// Version counts the writes of the metadata of a file or symlink: what is on the
// disk has this version or a higher one, once the last handle is closed and what
// was written is in its place. It never falls while the disk keeps what it
// acknowledged, so a lower one found later is an older state of the file. 0 for a
// directory, whose metadata are not counted.
func (o *Object) Version() uint64 {
	if o.file == nil {
		return 0
	}
	return o.file.version()
}

// version is that of the slot on the disk, or of the one that the last close or
// recovery is still to write.
func (c *content) version() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.j == nil && !c.loose && c.disk.Flags&flagTail == 0 && c.slot() == c.disk {
		return c.disk.Version
	}
	return c.disk.Version + 1
}
