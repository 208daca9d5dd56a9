package main

import (
	"context"
	"path"
	"strings"
	"time"

	"matterfs/audit"
	"matterfs/crypto"
)

// What the audit log says about the tree. The log is written after each change:
// a kill loses the record of at most what was under way, and after it the tree is
// as the log says or further. A power cut takes from the tree what was not synced:
// changes of the last moments before it may be in the log and not in the tree.
// Nothing else makes the two differ.

// unsyncedFor is how long before a power cut a change may have been made that
// did not reach the disk: a minute for a young file that nobody synced (package
// store), and half a minute for the kernel to write it.
const unsyncedFor = 90 * time.Second

// logSpan is the part of the log that was read.
type logSpan struct {
	First   uint64 `json:"first"` // 1: nothing was deleted by retention
	Last    uint64 `json:"last"`
	Crashes int    `json:"crashes"` // mounts that found no unmount before them
	since   time.Time
}

// crash is one end of the daemon that is not in the log.
type crash struct{ last, mount time.Time } // the last record before it, the mount after it

// logFact is what one record said: which one, and when.
type logFact struct {
	seq uint64
	at  time.Time
}

// logged is an object as the log has it.
type logged struct {
	matter string
	path   string // where the log put it last; folders above may have another name since
	level  string // last sealed by a relabel record
	ver    uint64 // lowest version that its metadata may have

	placed, versioned, levelled, removed, recovered logFact

	found  bool // it is in the tree
	unsure bool // an operation on it failed half done, or it was put aside
}

// move is a rename of a folder, or of what may be one.
type move struct {
	seq              uint64
	matter, from, to string
}

// treeLog is the tree as the log has it.
type treeLog struct {
	span    logSpan
	objects map[crypto.ID]*logged
	moves   []move
	crashes []crash
	asides  []move              // what recovery or a repair put aside; to is empty
	bad     map[string]struct{} // places that the check told of: matter and path
	told    []fsckFinding       // made while the tree was read
	mounted bool
	last    time.Time
}

func newTreeLog() *treeLog {
	return &treeLog{objects: map[crypto.ID]*logged{}, bad: map[string]struct{}{}}
}

// readTreeLog reads the whole log that there is.
func readTreeLog(ctx context.Context, dir string) (*treeLog, error) {
	l := newTreeLog()
	err := audit.ReadRecords(dir, func(_ []byte, r *audit.Parsed) error {
		l.take(r)
		return ctx.Err()
	})
	if ctx.Err() != nil {
		err = errInterrupted
	}
	return l, err
}

// take learns from one record.
func (l *treeLog) take(r *audit.Parsed) {
	if l.span.First == 0 {
		l.span.First, l.span.since = r.Seq, r.Time
	}
	l.span.Last = r.Seq
	switch r.Ev {
	case "mount":
		if l.mounted {
			l.crashes = append(l.crashes, crash{l.last, r.Time})
			l.span.Crashes++
		}
		l.mounted = true
	case "umount":
		l.mounted = false
	case evStoreRecover, evFsckRepair:
		l.mended(r)
	default:
		l.change(r)
	}
	l.last = r.Time
}

// mended learns what a recovery or a repair did.
func (l *treeLog) mended(r *audit.Parsed) {
	fact := logFact{r.Seq, r.Time}
	lost := strings.HasPrefix(r.Note, "lost:") || r.Ev == evFsckRepair && r.Flags != "xattr"
	if lost {
		l.asides = append(l.asides, move{seq: r.Seq, matter: r.Matter, from: r.Path})
	}
	if o := l.of(r); o != nil {
		o.unsure = o.unsure || lost
		if r.Ev == evStoreRecover && len(l.crashes) > 0 {
			o.recovered = fact
		}
	}
}

// of finds the object of a record, making it if the log has not mentioned it yet.
func (l *treeLog) of(r *audit.Parsed) *logged {
	id, err := crypto.ParseID(r.FID)
	if err != nil {
		return nil
	}
	o := l.objects[id]
	if o == nil {
		o = &logged{matter: r.Matter, path: r.Path}
		l.objects[id] = o
	}
	return o
}

// change learns from a record of the drive.
func (l *treeLog) change(r *audit.Parsed) {
	o := l.of(r)
	if o == nil || r.Res == "deny" {
		return
	}
	fact := logFact{r.Seq, r.Time}
	if r.Res != "ok" {
		switch r.Ev {
		case "create", "mkdir", "symlink", "unlink", "rmdir", "rename", "close", "setattr":
			o.unsure = true // it may be done all the same
		}
		return
	}
	switch r.Ev {
	case "create", "mkdir", "symlink":
		o.place(r.Path, fact)
	case "rename":
		o.place(r.To, fact)
		l.moves = append(l.moves, move{r.Seq, r.Matter, r.Path, r.To})
		if id, err := crypto.ParseID(r.FID2); err == nil {
			l.replaced(id, r, fact)
		}
	case "unlink", "rmdir":
		o.removed = fact
	case evRelabel:
		o.level, o.levelled = r.Level, fact
	}
	if o.placed.seq == 0 && r.Path != "" {
		o.place(r.Path, fact) // it was made before the log begins
	}
	if r.Ver > o.ver {
		o.ver, o.versioned = r.Ver, fact
	}
}

func (l *treeLog) replaced(id crypto.ID, r *audit.Parsed, fact logFact) {
	o := l.objects[id]
	if o == nil {
		o = &logged{matter: r.Matter}
		l.objects[id] = o
	}
	o.path, o.removed = r.To, fact
}

func (o *logged) place(path string, fact logFact) { o.path, o.placed = path, fact }

// now is the path that the log gives an object: folders above it may have moved
// since it was placed.
func (l *treeLog) now(o *logged) string {
	p := o.path
	for _, m := range l.moves {
		if m.seq > o.placed.seq && m.matter == o.matter && strings.HasPrefix(p, m.from+"/") {
			p = m.to + p[len(m.from):]
		}
	}
	return p
}

// explained reports whether a power cut can have undone what a record says.
func (l *treeLog) explained(f logFact) bool {
	for _, c := range l.crashes {
		if !f.at.Before(c.last.Add(-unsyncedFor)) && f.at.Before(c.mount) {
			return true
		}
	}
	return false
}

// crashesSince counts the crashes after a record. A removal or a new name that was
// under way then is done and not recorded. That is rare, and whoever can take
// files away can end the daemon too: so it is told, and still damage.
func (l *treeLog) crashesSince(f logFact) (n int) {
	for _, c := range l.crashes {
		if f.at.Before(c.mount) {
			n++
		}
	}
	return n
}

// unrecorded reports whether something made at an instant was under way when the
// daemon died.
func (l *treeLog) unrecorded(at time.Time) bool {
	for _, c := range l.crashes {
		if !at.Before(c.last.Add(-unsyncedFor)) && at.Before(c.mount) {
			return true
		}
	}
	return false
}

// putAside reports whether the object, or a folder that it was in, was moved to
// .mfs.lost.
func (l *treeLog) putAside(o *logged, p string) bool {
	for _, m := range l.asides {
		if m.seq > o.placed.seq && m.matter == o.matter && m.from != "" && (p == m.from || strings.HasPrefix(p, m.from+"/")) {
			return true
		}
	}
	return false
}

// damaged notes a place that the check has told of.
func (l *treeLog) damaged(matter, p string) { l.bad[matter+"/"+p] = struct{}{} }

// isBad reports whether the check told of a place, or of a folder above it.
func (l *treeLog) isBad(matter, p string) bool {
	for ; ; p = path.Dir(p) {
		if p == "." {
			p = ""
		}
		if _, ok := l.bad[matter+"/"+p]; ok || p == "" {
			return ok
		}
	}
}
