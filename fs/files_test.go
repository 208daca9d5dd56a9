package fs

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"matterfs/internal/as"
)

// Several writers that append to one file never overwrite each other.
func TestAppendBySeveralWriters(t *testing.T) {
	d := mountFirm(t)
	const each = 200
	lead := as.Start(t, zhang)
	lead.Writes(d.in("日志.txt"), "")
	var wg sync.WaitGroup
	for _, uid := range []uint32{zhang, zhang, lina} {
		u := as.Start(t, uid)
		f := u.Opens(d.in("日志.txt"), os.O_WRONLY|os.O_APPEND, 0)
		wg.Go(func() {
			for i := range each {
				if _, err := f.Write([]byte(fmt.Sprintf("%05d-%05d\n", uid, i))); err != nil {
					t.Errorf("append: %v", err)
				}
			}
		})
	}
	wg.Wait()
	b, err := lead.ReadFile(d.in("日志.txt"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if len(lines) != 3*each {
		t.Fatalf("%d lines, want %d", len(lines), 3*each)
	}
	for _, l := range lines {
		if len(l) != 11 {
			t.Fatalf("torn line %q", l)
		}
	}
}

// Two handles on one file see each other's writes, and a file that was unlinked or replaced
// while open lives on for its handles.
func TestOpenFilesOutliveTheirNames(t *testing.T) {
	d := mountFirm(t)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	lead.Writes(d.in("文件"), "旧内容")
	a := lead.Opens(d.in("文件"), os.O_RDWR, 0)
	b := member.Opens(d.in("文件"), os.O_RDONLY, 0)
	if _, err := a.WriteAt([]byte("新"), 0); err != nil {
		t.Fatal(err)
	}
	if got, err := b.ReadAt(0, 64); err != nil || string(got) != "新内容" {
		t.Errorf("the other handle reads %q, %v", got, err)
	}
	lead.Writes(d.in("临时"), "替换后的内容")
	lead.Does(lead.Rename(d.in("临时"), d.in("文件")))
	if got, err := b.ReadAt(0, 64); err != nil || string(got) != "新内容" {
		t.Errorf("after the rename over it the old handle reads %q, %v", got, err)
	}
	member.Reads(d.in("文件"), "替换后的内容")
	c := member.Opens(d.in("文件"), os.O_RDONLY, 0)
	lead.Does(lead.Remove(d.in("文件")))
	if got, err := c.ReadAt(0, 64); err != nil || string(got) != "替换后的内容" {
		t.Errorf("after unlink the handle reads %q, %v", got, err)
	}
	if st, err := c.Stat(); err != nil || st.Nlink != 0 {
		t.Errorf("unlinked file: %+v, %v", st, err)
	}
	if _, err := a.WriteAt([]byte("仍可写"), 0); err != nil {
		t.Errorf("write to an unlinked file: %v", err)
	}
	member.IsDenied(d.in("文件"), syscall.ENOENT)
	for _, f := range []*as.File{a, b, c} {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Shared mappings work over direct I/O: what is written through one is read by read(2) and
// through another, and the log has the fills and the write-back with the writer's name.
func TestSharedMapping(t *testing.T) {
	d := mountFirm(t)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	lead.Writes(d.in("库"), strings.Repeat("a", 3*4096))
	f := lead.Opens(d.in("库"), os.O_RDWR, 0)
	m, err := f.Map(0, 3*4096, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Write([]byte("甲乙"), 4096); err != nil {
		t.Fatal(err)
	}
	if err := m.Sync(); err != nil {
		t.Fatal(err)
	}
	g := member.Opens(d.in("库"), os.O_RDONLY, 0)
	if b, err := g.ReadAt(4096, 6); err != nil || string(b) != "甲乙" {
		t.Errorf("read(2) after msync: %q, %v", b, err)
	}
	n, err := g.Map(0, 3*4096, false)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := n.Read(4096, 6); err != nil || string(b) != "甲乙" {
		t.Errorf("the member's mapping: %q, %v", b, err)
	}
	d.logged("ev", "fill", "res", "ok", "user", "li.na", "path", "库")
	if d.count("ev", "writeback", "res", "ok", "user", "zhang.wei", "path", "库") == 0 {
		t.Errorf("no write-back in zhang.wei's name:\n%s", d.tail(10))
	}
	// Filled pages are dropped a moment later, so that the next use is seen again.
	before := d.count("ev", "fill", "user", "li.na")
	eventually(t, func() (int, error) {
		time.Sleep(fillDelay)
		if _, err := n.Read(4096, 6); err != nil {
			t.Fatal(err)
		}
		if after := d.count("ev", "fill", "user", "li.na"); after == before {
			return 0, fmt.Errorf("no touch of the page after its drop was recorded: still %d fills", before)
		}
		return 0, nil
	})
	for _, x := range []interface{ Unmap() error }{m, n} {
		if err := x.Unmap(); err != nil {
			t.Error(err)
		}
	}
}

// copy_file_range is a read and a write, both decided and both recorded.
func TestCopyFileRange(t *testing.T) {
	d := mountFirm(t)
	lead := as.Start(t, zhang)
	content := bytes.Repeat([]byte("0123456789abcdef"), 200_000) // 3.2 MB: more than one piece
	lead.Does(lead.WriteFile(d.in("源"), content))
	if r, err := lead.Run([]string{"cp", d.in("源"), d.in("副本")}, "/"); err != nil || r.Code != 0 {
		t.Fatalf("cp: %+v, %v", r, err)
	}
	got, err := lead.ReadFile(d.in("副本"))
	if err != nil || !bytes.Equal(got, content) {
		t.Fatalf("the copy differs (%d bytes, %v)", len(got), err)
	}
	copied := 0
	for _, l := range d.records() {
		if l.str("ev") == "read" && l.str("path") == "源" && l.str("flags") == "copy" {
			copied += int(l.num("len"))
		}
	}
	if copied != len(content) {
		t.Errorf("%d bytes recorded as copied, want %d", copied, len(content))
	}
}

// A copy through a descriptor that was passed on is recorded in the name of who copies, with
// the opener beside it, on both sides.
func TestCopyNamesTheOpener(t *testing.T) {
	d := mountFirm(t)
	lead := as.Start(t, zhang)
	lead.Writes(d.in("源"), "0123456789")
	f := lead.Opens(d.in("源"), os.O_RDWR, 0)
	for _, h := range d.srv.fs.handles.files() {
		in := &fuse.CopyFileRangeIn{FhIn: h.id, FhOut: h.id, NodeIdOut: h.node.id, OffOut: 100, Len: 5}
		in.InHeader = fuse.InHeader{NodeId: h.node.id, Caller: fuse.Caller{Owner: fuse.Owner{Uid: lina}}}
		if n, s := d.srv.fs.CopyFileRange(nil, in); n != 5 || s != fuse.OK {
			t.Errorf("copied %d bytes: %v", n, s)
		}
	}
	d.logged("ev", "read", "flags", "copy", "uid", lina, "ouid", zhang, "off", 0, "len", 5)
	d.logged("ev", "write", "uid", lina, "ouid", zhang, "off", 100, "len", 5)
	lead.Does(f.Close())
}

// A policy that takes someone out acts on descriptors that are open, on names that are
// cached, and on mapped pages; with FUSE_NOTIFY_INC_EPOCH, and name by name on kernels that
// do not know it.
func TestPolicySwap(t *testing.T) {
	t.Run("epoch", func(t *testing.T) {
		d := mountFirm(t)
		if err := d.srv.kernel.incEpoch(); err != nil {
			t.Fatalf("this kernel does not take FUSE_NOTIFY_INC_EPOCH (6.16 or newer does): %v", err)
		}
		swapPolicy(t, d)
	})
	t.Run("entries", func(t *testing.T) {
		d := mountFirm(t)
		d.srv.withoutEpoch = true
		swapPolicy(t, d)
	})
}

func swapPolicy(t *testing.T, d *drive) {
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	lead.Writes(d.in("合同.txt"), "甲方:某某公司")
	lead.Does(lead.Mkdir(d.in("证据")))
	lead.Writes(d.in("证据/附件"), "一")
	lead.Does(lead.Chdir(d.in("证据")))
	defer lead.Chdir("/")
	f := member.Opens(d.in("合同.txt"), os.O_RDWR, 0)
	if _, err := f.ReadAt(0, 4); err != nil {
		t.Fatal(err)
	}
	m, err := f.Map(0, 12, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Read(0, 6); err != nil {
		t.Fatal(err)
	}
	files := firm()
	files["matters/2026-0142.yaml"] = bytes.Replace([]byte(matter1YAML), []byte("  - { user: li.na, rights: [read, write, create] }\n"), nil, 1)
	d.srv.SetPolicy(parse(t, files))

	_, err = f.ReadAt(0, 4)
	member.Refused(err, syscall.ENOENT)
	_, err = f.WriteAt([]byte("x"), 0)
	member.Refused(err, syscall.ENOENT)
	if _, err = m.Read(0, 6); err == nil {
		t.Error("a mapped page still reads after the member left")
	}
	member.Lists(d.mnt)
	member.IsDenied(d.in("合同.txt"), syscall.ENOENT)
	if w, err := lead.Getcwd(); err != nil || w != d.in("证据") {
		t.Errorf("another member's working directory is %q, %v after the swap", w, err)
	}
	lead.Reads("附件", "一")
	lead.Reads(d.in("合同.txt"), "甲方:某某公司")

	d.srv.SetPolicy(parse(t, firm()))
	member.Reads(d.in("合同.txt"), "甲方:某某公司")
}
