package main

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"matterfs/crypto"
	"matterfs/crypto/store"
)

// Codes of what only the log knows.
const (
	fsckRolledBack  = "rolled-back" // an older state than the log has
	fsckExchanged   = "exchanged"   // a name with another object than the log has
	fsckResurrected = "resurrected" // removed in the log, and there
	fsckMissing     = "missing"     // in the log, and not there
	fsckNotInLog    = "not-in-log"  // there, and never in the log
)

// seen compares one object of the tree with the log. What a power cut explains
// is told as a leftover.
func (l *treeLog) seen(c store.CheckedObject) {
	if c.Path == "" {
		return // a matter's own folder has no records
	}
	o := l.objects[c.ID]
	if o == nil {
		l.unknown(c)
		return
	}
	o.found = true
	switch {
	case o.removed.seq != 0:
		l.tell(fsckResurrected, &c, o.removed, false, "the log has its removal")
		return
	case !o.unsure && path.Base(o.path) != path.Base(c.Path):
		l.tell(fsckExchanged, &c, o.placed, false, fmt.Sprintf("the log has this object as %s", shownName(placeName(o.matter, l.now(o)))))
	}
	if c.Version < o.ver && c.Kind != crypto.Dir {
		l.tell(fsckRolledBack, &c, o.versioned, o.recovered.seq > o.versioned.seq, fmt.Sprintf("its metadata have version %d, the log has %d", c.Version, o.ver))
	}
	if c.Kind == crypto.Dir && o.levelled.seq != 0 && c.Level != o.level {
		l.tell(fsckRolledBack, &c, o.levelled, false, fmt.Sprintf("its level is %s, the log has %s", dash(c.Level), dash(o.level)))
	}
}

// unknown is an object that the log never mentions. That says something only if
// it was made while the log was kept, and nothing of the log is gone.
func (l *treeLog) unknown(c store.CheckedObject) {
	born := time.Unix(0, c.Birth)
	if l.span.First != 1 || born.Before(l.span.since) {
		return
	}
	f := l.finding(fsckNotInLog, &c, logFact{}, "the log never mentions it")
	if l.unrecorded(born) {
		f.Level, f.What = fsckLeftover, f.What+"; it was made when the daemon died"
	}
	l.told = append(l.told, f)
}

func (l *treeLog) finding(code string, c *store.CheckedObject, by logFact, what string) fsckFinding {
	return fsckFinding{Level: fsckDamage, Code: code, Matter: c.Matter, Path: c.Path, Stored: c.Stored, Object: c.ID.String(), What: what, Seq: by.seq}
}

// tell keeps a finding, by the record that says otherwise. excused: recovery
// has an explanation.
func (l *treeLog) tell(code string, c *store.CheckedObject, by logFact, excused bool, what string) {
	f := l.finding(code, c, by, fmt.Sprintf("%s (record %d)", what, by.seq))
	switch {
	case excused:
		f.Level, f.What = fsckLeftover, f.What+"; recovery after a crash found it so"
	case l.explained(by):
		f.Level, f.What = fsckLeftover, f.What+"; a power cut right after it explains that"
	case code == fsckMissing || code == fsckExchanged:
		if n := l.crashesSince(by); n > 0 {
			f.What += fmt.Sprintf("; the daemon died %d times since, and what was under way then is in no record", n)
		}
	}
	l.told = append(l.told, f)
}

// compare gives all findings in the order of the paths, of these matters; nil
// means all.
func (l *treeLog) compare(matters []string, found func(fsckFinding)) {
	for id, o := range l.objects {
		if o.found || o.removed.seq != 0 || o.placed.seq == 0 || o.unsure {
			continue
		}
		p := l.now(o)
		if p == "" || l.isBad(o.matter, p) || l.putAside(o, p) || len(matters) > 0 && !slices.Contains(matters, o.matter) {
			continue
		}
		c := store.CheckedObject{ID: id, Matter: o.matter, Path: p}
		l.tell(fsckMissing, &c, o.placed, false, "the log has it and no removal")
	}
	slices.SortFunc(l.told, func(a, b fsckFinding) int {
		if n := strings.Compare(a.Matter+"/"+a.Path, b.Matter+"/"+b.Path); n != 0 {
			return n
		}
		return strings.Compare(a.Code+a.Object, b.Code+b.Object)
	})
	for _, f := range l.told {
		found(f)
	}
}
