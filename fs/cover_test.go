package fs

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"matterfs/audit/cover"
	"matterfs/internal/as"
)

// A record covers the reads that follow, and the close says exactly which bytes were read:
// for each person and file the same as that person got.
func TestCloseTellsWhatClientsRead(t *testing.T) {
	d := mountFirm(t)
	const size = 300_000
	lead := as.Start(t, zhang)
	lead.Does(lead.WriteFile(d.in("卷宗"), bytes.Repeat([]byte("保密资料。"), size/15)))
	var wg sync.WaitGroup
	got := map[int]*[]cover.Range{}
	for i, uid := range []int{zhang, lina} {
		u, rnd := as.Start(t, uint32(uid)), rand.New(rand.NewPCG(7, uint64(i)))
		got[uid] = new([]cover.Range)
		wg.Go(func() { *got[uid] = readWays(t, d, u, rnd, size) })
	}
	wg.Wait()
	d.unmount()
	reads := 0
	for uid, want := range got {
		var whole cover.Handle
		for _, r := range *want {
			whole.Took(1, r.From, r.To-r.From)
		}
		var told cover.Handle
		for _, l := range d.records() {
			if l.has([]any{"ev", "close", "uid", uid, "path", "卷宗"}) {
				addRanges(t, &told, l.str("read_ranges"))
			}
		}
		if a, b := cover.FormatRanges(told.Totals(1)[0].Took), cover.FormatRanges(whole.Totals(1)[0].Took); a != b {
			t.Errorf("uid %d: the closes tell %s, the client got %s", uid, a, b)
		}
		reads += len(*want)
	}
	if n := d.count("ev", "read"); n*8 > reads {
		t.Errorf("%d records for %d reads", n, reads)
	}
}

// readWays reads a file in rows and here and there, and returns what it got.
func readWays(t *testing.T, d *drive, u *as.User, rnd *rand.Rand, size int) (got []cover.Range) {
	f := u.Opens(d.in("卷宗"), syscall.O_RDONLY, 0)
	defer f.Close()
	at := rnd.IntN(size / 2)
	for i := range 600 {
		off, want := at, 1+rnd.IntN(500)
		if i%3 == 0 {
			off, want = rnd.IntN(20)*10_000, 100
		}
		b, err := f.ReadAt(int64(off), want)
		if err != nil {
			t.Errorf("read: %v", err)
			return got
		}
		if i%3 != 0 {
			at += len(b)
		}
		got = append(got, cover.Range{From: int64(off), To: int64(off + len(b))})
	}
	return got
}

func addRanges(t *testing.T, h *cover.Handle, text string) {
	t.Helper()
	list, err := cover.ParseRanges(text)
	if err != nil {
		t.Error(err)
	}
	for _, r := range list {
		if r.Loose {
			t.Errorf("%s is not exact", text)
		}
		h.Took(1, r.From, r.To-r.From)
	}
}

// While the log takes no records nothing leaves, what is covered no more than the rest.
func TestCoveredReadsNeedTheLog(t *testing.T) {
	dir := t.TempDir()
	mountTmpfs(t, dir+"/log", "4m")
	d := setup{dir: dir, reserve: 512 << 10}.mount(t)
	lead := as.Start(t, zhang)
	lead.Writes(d.in("合同.txt"), "甲方:某某公司")
	f := lead.Opens(d.in("合同.txt"), syscall.O_RDONLY, 0)
	for range 100 {
		if _, err := f.ReadAt(0, 4); err != nil {
			t.Fatal(err)
		}
	}
	if n := d.count("ev", "read", "path", "合同.txt"); n != 1 {
		t.Fatalf("%d records for reads of the same bytes", n)
	}
	empty := fillDisk(t, d.path("log"))
	var err error
	for i := 0; err == nil && i < 10_000; i++ {
		_, err = lead.ReadDir(d.in(""))
	}
	lead.Refused(err, syscall.EIO)
	_, err = f.ReadAt(0, 4)
	lead.Refused(err, syscall.EIO)
	empty()
	eventually(t, func() ([]byte, error) { return f.ReadAt(0, 4) })
	lead.Does(f.Close())
}

// The level says how reads are recorded; where it does not, the daemon's setting holds.
func TestLevelsSayHowReadsAreRecorded(t *testing.T) {
	files := firm()
	files["firm.yaml"] = []byte(strings.NewReplacer("机密: {}", "机密: { log_reads: each }", "绝密: { two_person: { ttl: 4h } }",
		"绝密: { log_reads: cover }").Replace(firmYAML))
	for _, each := range []bool{false, true} {
		d := setup{files: files, each: each}.mount(t)
		lead := as.Start(t, zhang)
		lead.Does(lead.Mkdir(d.in("鉴定")))
		for place, want := range map[string]int{
			d.in("默认"): map[bool]int{false: 1, true: 20}[each], d.in("鉴定/笔录"): 20, d.mnt + "/2026-0200/附件": 1,
		} {
			lead.Writes(place, "甲方:某某公司")
			f := lead.Opens(place, syscall.O_RDONLY, 0)
			for range 20 {
				if _, err := f.ReadAt(0, 6); err != nil {
					t.Fatal(err)
				}
			}
			lead.Does(f.Close())
			name := place[strings.LastIndexByte(place, '/')+1:]
			n, covering := 0, 0
			for _, l := range d.records() {
				if l.str("ev") == "read" && strings.HasSuffix(l.str("path"), name) {
					n++
					covering += int(l.num("cover_to")) / 6
				}
			}
			if n != want || (covering == 1) != (want == 1) {
				t.Errorf("each %v, %s: %d records, %d of them cover more; want %d", each, name, n, covering, want)
			}
		}
	}
}

// A new policy, even the same one again, and a new place need a record of their own; so does
// another uid, and a second handle.
func TestWhatEndsACover(t *testing.T) {
	d := mountFirm(t)
	lead := as.Start(t, zhang)
	lead.Writes(d.in("合同.txt"), "甲方:某某公司")
	f := lead.Opens(d.in("合同.txt"), syscall.O_RDONLY, 0)
	read := func(f *as.File) {
		t.Helper()
		for range 3 {
			if _, err := f.ReadAt(0, 6); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := func(n int, why string) {
		t.Helper()
		if got := d.count("ev", "read", "res", "ok"); got != n {
			t.Errorf("%s: %d records of reads, want %d", why, got, n)
		}
	}
	read(f)
	want(1, "the first reads")
	d.srv.Refresh()
	read(f)
	want(2, "decided anew")
	lead.Does(lead.Rename(d.in("合同.txt"), d.in("终稿.txt")))
	read(f)
	want(3, "renamed")
	d.logged("ev", "read", "path", "终稿.txt")
	second := lead.Opens(d.in("终稿.txt"), syscall.O_RDONLY, 0)
	read(second)
	want(4, "a second handle")
	member := as.Start(t, lina)
	theirs, err := f.SendTo(member)
	if err != nil {
		t.Fatal(err)
	}
	read(theirs)
	want(5, "another uid")
	read(f)
	want(5, "back to the first")
	for _, f := range []*as.File{f, second, theirs} {
		lead.Does(f.Close())
	}
}

// direct asks the drive without a kernel in between.
type handlers struct {
	t testing.TB
	f *fileSystem
}

func header(n *node, uid uint32) fuse.InHeader {
	return fuse.InHeader{NodeId: n.id, Caller: fuse.Caller{Owner: fuse.Owner{Uid: uid}}}
}

func (x handlers) open(n *node, uid uint32) uint64 {
	x.t.Helper()
	in := fuse.OpenIn{InHeader: header(n, uid), Flags: syscall.O_RDWR}
	var out fuse.OpenOut
	if s := x.f.Open(nil, &in, &out); s != fuse.OK {
		x.t.Fatalf("open: %v", s)
	}
	return out.Fh
}

func (x handlers) close(n *node, fh uint64) {
	x.f.Release(nil, &fuse.ReleaseIn{InHeader: fuse.InHeader{NodeId: n.id}, Fh: fh})
}

func (x handlers) read(n *node, uid uint32, fh uint64, off int64, buf []byte) (int, fuse.Status) {
	in := fuse.ReadIn{InHeader: header(n, uid), Fh: fh, Offset: uint64(off), Size: uint32(len(buf)), ReadFlags: fuse.READ_LOCKOWNER}
	res, s := x.f.Read(nil, &in, buf)
	if s != fuse.OK {
		return 0, s
	}
	return res.Size(), s
}

// onDrive makes files on a mounted drive and keeps them open, so that the kernel does not
// forget their nodes.
func onDrive(t testing.TB, s setup, size int, names ...string) (*drive, []*node) {
	t.Helper()
	d := s.mount(t)
	lead := as.Start(t, zhang)
	var nodes []*node
	for _, name := range names {
		lead.Does(lead.WriteFile(d.in(name), make([]byte, size)))
		f := lead.Opens(d.in(name), syscall.O_RDWR, 0)
		t.Cleanup(func() { f.Close() })
		for _, n := range d.srv.fs.nodes.snapshot() {
			if n.obj.Path() == name {
				nodes = append(nodes, n)
			}
		}
	}
	if len(nodes) != len(names) {
		t.Fatalf("%d nodes of %d files", len(nodes), len(names))
	}
	return d, nodes
}
