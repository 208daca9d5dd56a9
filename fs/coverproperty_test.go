package fs

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
)

var coverRuns = flag.Int("cover.runs", 400, "random runs of readers against the log as a crash would leave it")

// answered is one read that was answered, and what the log had at that instant: the newest
// record, and the newest one when what was read was last given new terms.
type answered struct {
	h         uint64
	uid       uint32
	path      string
	off, n    int64
	terms, at uint64
}

// coverRun is one random run: handles of several people on files that grow, shrink and move,
// under policies that change.
type coverRun struct {
	handlers
	d     *drive
	r     *rand.Rand
	nodes []*node
	open  []openFile
	terms uint64 // the newest record when the policy last changed
	got   []answered
	bytes int64
	buf   []byte
}

type openFile struct {
	n  *node
	fh uint64
	at int64
}

// play makes a run of some steps and closes all handles.
func (x *coverRun) play() {
	for range 80 {
		switch k := x.r.IntN(60); {
		case len(x.open) == 0 || k == 0 && len(x.open) < 4:
			n := x.nodes[x.r.IntN(len(x.nodes))]
			x.open = append(x.open, openFile{n: n, fh: x.handlers.open(n, x.anybody())})
		case k == 1:
			x.resize(x.nodes[x.r.IntN(len(x.nodes))])
		case k == 2:
			x.d.srv.Refresh()
			x.terms, _ = x.d.log.Head()
		case k == 3:
			x.move(x.nodes[x.r.IntN(len(x.nodes))])
		default:
			x.readOne(&x.open[x.r.IntN(len(x.open))])
		}
	}
	for _, o := range x.open {
		x.handlers.close(o.n, o.fh)
	}
	x.open = nil
}

func (x *coverRun) anybody() uint32 { return []uint32{zhang, lina}[x.r.IntN(2)] }

// readOne reads in a row, here and there, or the same again, as whoever holds the descriptor
// now, and notes what the log has when the answer is there.
func (x *coverRun) readOne(o *openFile) {
	uid, n := x.anybody(), 1+x.r.Int64N(int64(len(x.buf)))
	off := o.at
	switch x.r.IntN(4) {
	case 0:
		off, n = x.r.Int64N(1<<20), 1+n%8192
	case 1:
		off, n = x.r.Int64N(4)*4096, 4096
	}
	got, s := x.read(o.n, uid, o.fh, off, x.buf[:n])
	if s != fuse.OK {
		x.t.Fatalf("read: %v", s)
	}
	o.at = off + int64(got)
	if got == 0 {
		o.at = 0
	}
	at, _ := x.d.log.Head()
	x.got = append(x.got, answered{o.fh, uid, o.n.obj.Path(), off, int64(got), x.terms, at})
	x.bytes += int64(got)
}

func (x *coverRun) resize(n *node) {
	in := fuse.SetAttrIn{SetAttrInCommon: fuse.SetAttrInCommon{InHeader: header(n, zhang), Valid: fuse.FATTR_SIZE, Size: uint64(x.r.Int64N(2 << 20))}}
	var out fuse.AttrOut
	if s := x.f.SetAttr(nil, &in, &out); s != fuse.OK {
		x.t.Fatalf("truncate: %v", s)
	}
}

// move gives a file another name, or its old one back.
func (x *coverRun) move(n *node) {
	from := n.obj.Path()
	to := from + "-"
	if len(from) > 3 {
		to = from[:len(from)-1]
	}
	parent, _ := n.obj.Location()
	defer parent.Release()
	dir := x.f.nodes.byObject(parent.ID())
	in := fuse.RenameIn{InHeader: header(dir, zhang), Newdir: dir.id}
	if s := x.f.Rename(nil, &in, from, to); s != fuse.OK {
		x.t.Fatalf("rename: %v", s)
	}
}

// coveringLine is what a record covers.
type coveringLine struct {
	seq   uint64
	spans [2][2]int64
}

// uncovered holds each answer against the log cut where it ended at that instant, as a crash
// would have left it.
func uncovered(lines []line, got []answered) error {
	type of struct {
		h    uint64
		uid  uint32
		path string
	}
	by := map[of][]coveringLine{}
	for _, l := range lines {
		if l.str("ev") == "read" && l.str("res") == "ok" {
			k := of{uint64(l.num("h")), uint32(l.num("uid")), l.str("path")}
			off := int64(l.num("off"))
			by[k] = append(by[k], coveringLine{uint64(l.num("seq")),
				[2][2]int64{{off, off + int64(l.num("len"))}, {int64(l.num("cover_from")), int64(l.num("cover_to"))}}})
		}
	}
	for _, a := range got {
		at := a.off
		for moved := true; moved && at < a.off+a.n; {
			moved = false
			for _, c := range by[of{a.h, a.uid, a.path}] {
				for _, s := range c.spans {
					if c.seq > a.terms && c.seq <= a.at && s[0] <= at && at < s[1] {
						at, moved = s[1], true
					}
				}
			}
		}
		if at < a.off+a.n {
			return fmt.Errorf("uid %d was given byte %d of %s through handle %d, and no record from %d to %d covers it", a.uid, at, a.path, a.h, a.terms+1, a.at)
		}
	}
	return nil
}

// coverRuns plays the runs on one drive and judges all of them by its log.
func playCover(t *testing.T, s setup, runs int) (x *coverRun, err error) {
	t.Helper()
	d, nodes := onDrive(t, s, 1<<20, "甲", "乙")
	x = &coverRun{handlers: handlers{t, d.srv.fs}, d: d, nodes: nodes, buf: make([]byte, 64<<10)}
	for seed := range uint64(runs) {
		x.r = rand.New(rand.NewPCG(seed, 5))
		x.play()
	}
	return x, uncovered(d.records(), x.got)
}

// No byte leaves the drive that the log, cut off at that instant, does not cover for the
// handle, the uid, the path and the policy.
func TestNoUncoveredByteIsServed(t *testing.T) {
	x, err := playCover(t, setup{}, *coverRuns)
	if err != nil {
		t.Error(err)
	}
	records := x.d.count("ev", "read", "res", "ok")
	t.Logf("%d runs, %d answers with %d MiB, %d records of reads", *coverRuns, len(x.got), x.bytes>>20, records)
	if len(x.got) < 20**coverRuns || records >= len(x.got) || x.bytes == 0 {
		t.Error("too little was read, or all of it with a record each: the test shows nothing")
	}
}

// Without the check the same runs find bytes that no record covers.
func TestUncoveredBytesAreFound(t *testing.T) {
	if _, err := playCover(t, setup{off: without{checks: checkCover}}, 10); err == nil {
		t.Error("nobody noticed")
	} else {
		t.Log(err)
	}
}
