package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"matterfs/audit"
	"matterfs/crypto"
	"matterfs/crypto/store"
)

// logStory feeds a treeLog with records, a minute apart unless said otherwise.
type logStory struct {
	*treeLog
	seq uint64
	at  time.Time
}

func newStory() *logStory {
	return &logStory{treeLog: newTreeLog(), at: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
}

func (s *logStory) says(ev, fid, path string, more ...func(*audit.Parsed)) *logStory {
	s.seq++
	s.at = s.at.Add(time.Minute)
	p := &audit.Parsed{Seq: s.seq, Time: s.at}
	p.Ev, p.Res, p.Path, p.Matter = ev, "ok", path, "m"
	if fid != "" {
		p.FID = idOfName(fid).String()
	}
	for _, m := range more {
		m(p)
	}
	s.take(p)
	return s
}

func idOfName(name string) (id crypto.ID) {
	copy(id[:], name)
	return id
}

func to(path, replaced string) func(*audit.Parsed) {
	return func(p *audit.Parsed) {
		p.To = path
		if replaced != "" {
			p.FID2 = idOfName(replaced).String()
		}
	}
}

func ver(n uint64) func(*audit.Parsed) { return func(p *audit.Parsed) { p.Ver = n } }

// finds compares a tree of "NAME PATH" and versions with the story.
func (s *logStory) finds(t *testing.T, tree map[string]store.CheckedObject, want ...string) {
	t.Helper()
	for fid, o := range tree {
		o.ID, o.Matter = idOfName(fid), "m"
		s.seen(o)
	}
	var got []string
	s.compare(nil, func(f fsckFinding) { got = append(got, fmt.Sprintf("%s %s %s", f.Level, f.Code, f.Path)) })
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

type objects = map[string]store.CheckedObject

func file(path string, version uint64) store.CheckedObject {
	return store.CheckedObject{Kind: crypto.File, Path: path, Version: version}
}

func dir(path, level string) store.CheckedObject {
	return store.CheckedObject{Kind: crypto.Dir, Path: path, Level: level}
}

func begin() *logStory {
	return newStory().says("mount", "", "").says("mkdir", "d", "d").says("create", "a", "d/a", ver(2)).
		says("close", "a", "d/a", ver(4)).says("create", "b", "d/b", ver(2)).says("rename", "d", "d", to("e", ""))
}

func TestLogAgrees(t *testing.T) {
	good := objects{"d": dir("e", ""), "a": file("e/a", 4), "b": file("e/b", 9)}
	begin().says("umount", "", "").finds(t, good)
	begin().says("rename", "b", "e/b", to("e/a", "a")).says("create", "a", "e/a").finds(t, objects{"d": dir("e", ""), "b": file("e/a", 3)})
	begin().says("unlink", "a", "e/a").says("close", "a", "e/a", ver(9)).finds(t, objects{"d": dir("e", ""), "b": file("e/b", 9)})
}

func TestLogKnowsBetter(t *testing.T) {
	begin().finds(t, objects{"d": dir("e", ""), "a": file("e/b", 4), "b": file("e/a", 2)}, "damage exchanged e/a", "damage exchanged e/b")
	begin().finds(t, objects{"d": dir("e", ""), "a": file("e/a", 3), "b": file("e/b", 2)}, "damage rolled-back e/a")
	begin().finds(t, objects{"d": dir("e", ""), "b": file("e/b", 2)}, "damage missing e/a")
	begin().finds(t, objects{}, "damage missing e", "damage missing e/a", "damage missing e/b")
	begin().says("unlink", "a", "e/a").finds(t, objects{"d": dir("e", ""), "a": file("e/a", 4), "b": file("e/b", 2)}, "damage resurrected e/a")
	begin().says("relabel", "d", "e", func(p *audit.Parsed) { p.Level = "绝密" }).
		finds(t, objects{"d": dir("e", "机密"), "a": file("e/a", 4), "b": file("e/b", 2)}, "damage rolled-back e")
	stray := file("e/c", 2)
	stray.Birth = begin().at.UnixNano()
	begin().finds(t, objects{"d": dir("e", ""), "a": file("e/a", 4), "b": file("e/b", 2), "c": stray}, "damage not-in-log e/c")
	short := begin()
	short.span.First = 2
	short.finds(t, objects{"d": dir("e", ""), "a": file("e/a", 4), "b": file("e/b", 2), "c": stray})
	older := file("e/c", 2) // born before the log
	begin().finds(t, objects{"d": dir("e", ""), "a": file("e/a", 4), "b": file("e/b", 2), "c": older})
}

// A power cut explains what was done right before it, and nothing older.
func TestLogAfterCrash(t *testing.T) {
	lost := objects{"d": dir("e", ""), "a": file("e/a", 4)}
	crashed := func() *logStory {
		return begin().says("create", "c", "e/c", ver(3)).says("mount", "", "").says("umount", "", "")
	}
	crashed().finds(t, lost, "leftover missing e/c", "damage missing e/b")
	begin().says("create", "c", "e/c").says("umount", "", "").says("mount", "", "").finds(t, lost, "damage missing e/c", "damage missing e/b")
	lost["b"] = file("e/b", 2)
	old := crashed().says("close", "c", "e/c", ver(20)).says("close", "c", "e/c", ver(20))
	lost["c"] = file("e/c", 3)
	old.finds(t, lost, "damage rolled-back e/c")
	recovered := crashed().says("close", "a", "e/a", ver(20)).says("mount", "", "").says(evStoreRecover, "a", "e/a")
	lost["a"] = file("e/a", 8)
	recovered.finds(t, lost, "leftover rolled-back e/a")
	crashed().says(evStoreRecover, "", "e/c", func(p *audit.Parsed) { p.Note = "lost: never written" }).
		finds(t, objects{"d": dir("e", ""), "a": file("e/a", 4), "b": file("e/b", 2)})
	newborn := file("e/n", 2)
	c := crashed()
	newborn.Birth = c.crashes[0].last.Add(time.Second).UnixNano()
	c.finds(t, objects{"d": dir("e", ""), "a": file("e/a", 4), "b": file("e/b", 2), "c": file("e/c", 3), "n": newborn}, "leftover not-in-log e/n")
}

// What the check has told of itself, and what a repair put aside, is not missing.
func TestLogDoesNotRepeat(t *testing.T) {
	s := begin()
	s.damaged("m", "e")
	s.finds(t, objects{})
	begin().says(evFsckRepair, "d", "e", func(p *audit.Parsed) { p.Note = "folder: from x to y" }).finds(t, objects{})
	begin().says(evFsckRepair, "a", "e/a", func(p *audit.Parsed) { p.Flags = "xattr" }).
		finds(t, objects{"d": dir("e", ""), "b": file("e/b", 2)}, "damage missing e/a")
}

// stopper ends the run at the first line of output.
type stopper struct{ stop func() }

func (s stopper) Write(p []byte) (int, error) {
	s.stop()
	return len(p), nil
}

// fsck that is stopped ends with 130 and has changed nothing, also when it was to repair.
func TestFsckInterrupted(t *testing.T) {
	s := newStore(t)
	for i := range 3 {
		if err := os.WriteFile(filepath.Join(s.Data, fmt.Sprint("stray", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	a := &app{out: stopper{stop}, err: &strings.Builder{}, getenv: func(string) string { return "" }, started: true}
	err := runFsck(ctx, a, s.Dir, nil, fsckFlags{repair: true})
	if code := a.finish(err); code != exitInterrupted {
		t.Errorf("exit code %d: %v", code, err)
	}
	for i := range 3 {
		if _, err := os.Stat(filepath.Join(s.Data, fmt.Sprint("stray", i))); err != nil {
			t.Error(err)
		}
	}
	if code, out, _ := invoke("fsck", s.Dir); code != exitCorrupt || !strings.Contains(out, "store not ok: 3 damaged") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestProgressLine(t *testing.T) {
	n := store.CheckTotals{Bytes: 1 << 30, Files: 9, Symlinks: 1}
	want := "[##########          ] 50% 1.0 GiB/2.0 GiB, 10/20 files, 512.0 MiB/s, 0:02 left"
	if got := progressLine(n, 20, 2<<30, 2*time.Second); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := progressLine(store.CheckTotals{}, 0, 0, 0); got != "[####################] 100% 0 B/0 B, 0/0 files" {
		t.Errorf("%q", got)
	}
}

func TestShownName(t *testing.T) {
	for name, want := range map[string]string{"合同.txt": "合同.txt", "a b": "a b", "a\x1b[2Jb": `"a\x1b[2Jb"`, "a\u202eb": `"a\u202eb"`, "\xff": `"\xff"`} {
		if got := shownName(name); got != want {
			t.Errorf("%q is shown as %s, want %s", name, got, want)
		}
	}
}

// What root made in a directory of the daemon's account is given to that account, and
// nothing else: no link is followed.
func TestGiveBack(t *testing.T) {
	const uid, other = 10021, 10022
	d, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "passwd")
	for name, owner := range map[string]int{"audit.jsonl": 0, "audit-1.jsonl": other} {
		if err := os.WriteFile(filepath.Join(d, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(filepath.Join(d, name), owner, owner); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.WriteFile(elsewhere, nil, 0o600), os.Symlink(elsewhere, filepath.Join(d, "link"))); err != nil {
		t.Fatal(err)
	}
	owner := func(name string) (uid uint32) {
		var st unix.Stat_t
		if err := unix.Lstat(name, &st); err != nil {
			t.Fatal(err)
		}
		return st.Uid
	}
	giveBack(d)
	if got := owner(filepath.Join(d, "audit.jsonl")); got != 0 {
		t.Errorf("in a directory of root a file went to uid %d", got)
	}
	if err := os.Chown(d, uid, uid); err != nil {
		t.Fatal(err)
	}
	giveBack(d, filepath.Join(d, "none"))
	for name, want := range map[string]uint32{filepath.Join(d, "audit.jsonl"): uid, filepath.Join(d, "audit-1.jsonl"): other,
		filepath.Join(d, "link"): 0, elsewhere: 0} {
		if got := owner(name); got != want {
			t.Errorf("%s belongs to uid %d, want %d", name, got, want)
		}
	}
}
