package fs

import "matterfs/audit"

// seen tells who watches the drive of a record that is in the log, or is counted in one.
func (f *fileSystem) seen(rec *audit.Record) {
	if f.opts.Seen != nil {
		f.opts.Seen(rec)
	}
}

// Damaged is how many requests met damage on the backing disk.
func (s *Server) Damaged() uint64 { return s.fs.damaged.Load() }
