package fs

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"matterfs/internal/as"
)

// odd makes requests of the lead with values that no kernel sends, or nearly none.
type odd struct {
	f     *fileSystem
	r     *rand.Rand
	nodes []uint64
	files []oddFile
	buf   []byte
}

// oddFile is an open file or stream, or none.
type oddFile struct{ node, fh uint64 }

var oddOffsets = []uint64{0, 1, 4095, 4096, 9999, 10_000, 1 << 31, 1<<60 - 1, 1 << 60, 1<<63 - 1, 1 << 63, 1<<64 - 1, 1<<64 - 4096}

var oddNames = []string{"", ".", "..", "a/b", "文件", "链接", "夹", "鉴定", matter1, strings.Repeat("n", 256), "a\x00b", "\xff\xfe", "新"}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func (o *odd) hdr() fuse.InHeader { return oddHeader(pick(o.r, o.nodes)) }

func oddHeader(id uint64) fuse.InHeader {
	return fuse.InHeader{NodeId: id, Caller: fuse.Caller{Owner: fuse.Owner{Uid: zhang, Gid: zhang}}}
}

func (o *odd) node() uint64         { return pick(o.r, o.nodes) }
func (o *odd) fh() uint64           { return pick(o.r, o.files).fh }
func (o *odd) off() uint64          { return pick(o.r, oddOffsets) }
func (o *odd) name() string         { return pick(o.r, oddNames) }
func (o *odd) bits(n int) uint32    { return uint32(o.r.IntN(1 << n)) }
func (o *odd) some(most int) []byte { return o.buf[:o.r.IntN(most)] }

// file is the header of a request on an open file with its number, mostly of the right node.
func (o *odd) file() (fuse.InHeader, uint64) {
	f := pick(o.r, o.files)
	if o.r.IntN(4) == 0 {
		f.node = o.node()
	}
	return oddHeader(f.node), f.fh
}

// copied is a length that makes no file grow for ever.
func (o *odd) copied() uint64 { return pick(o.r, []uint64{0, 1, 4096, 5000, 1 << 16, 1<<64 - 1}) }

// near is an offset at which a write costs no room on the disk, or that is refused.
func (o *odd) near() uint64 {
	if off := o.off(); off < 1<<20 || off > 1<<40 {
		return off
	}
	return 5
}

// ofNames are the requests about names and attributes.
func (o *odd) ofNames() []func() {
	f := o.f
	return []func(){
		func() { h := o.hdr(); f.Lookup(nil, &h, o.name(), &fuse.EntryOut{}) },
		func() { f.GetAttr(nil, &fuse.GetAttrIn{InHeader: o.hdr(), Fh_: o.fh()}, &fuse.AttrOut{}) },
		func() { f.Statx(nil, &fuse.StatxIn{InHeader: o.hdr()}, &fuse.StatxOut{}) },
		func() {
			in := fuse.SetAttrInCommon{InHeader: o.hdr(), Valid: o.bits(11), Size: o.off() % (1 << 20), Fh: o.fh(), Mtime: o.off(), Atime: o.off()}
			f.SetAttr(nil, &fuse.SetAttrIn{SetAttrInCommon: in}, &fuse.AttrOut{})
		},
		func() {
			f.Mknod(nil, &fuse.MknodIn{InHeader: o.hdr(), Mode: uint32(o.off())}, o.name(), &fuse.EntryOut{})
		},
		func() { f.Mkdir(nil, &fuse.MkdirIn{InHeader: o.hdr()}, o.name(), &fuse.EntryOut{}) },
		func() { h := o.hdr(); f.Unlink(nil, &h, o.name()) },
		func() { h := o.hdr(); f.Rmdir(nil, &h, o.name()) },
		func() {
			f.Rename(nil, &fuse.RenameIn{InHeader: o.hdr(), Newdir: o.node(), Flags: o.bits(3)}, o.name(), o.name())
		},
		func() { h := o.hdr(); f.Symlink(nil, &h, o.name(), o.name(), &fuse.EntryOut{}) },
		func() { h := o.hdr(); f.Readlink(nil, &h) },
		func() { f.Access(nil, &fuse.AccessIn{InHeader: o.hdr(), Mask: o.bits(4)}) },
		func() { h := o.hdr(); f.GetXAttr(nil, &h, userPrefix+o.name(), o.some(20)) },
		func() { h := o.hdr(); f.ListXAttr(nil, &h, o.some(20)) },
		func() {
			f.SetXAttr(nil, &fuse.SetXAttrIn{InHeader: o.hdr(), Flags: o.bits(3)}, userPrefix+o.name(), o.some(20))
		},
		func() { h := o.hdr(); f.RemoveXAttr(nil, &h, userPrefix+o.name()) },
		func() { h := o.hdr(); f.StatFs(nil, &h, &fuse.StatfsOut{}) },
		func() { f.Forget(o.node()+1<<40, o.off()) },
	}
}

// ofFiles are the requests about open files and streams.
func (o *odd) ofFiles() []func() {
	f := o.f
	return []func(){
		func() {
			var out fuse.CreateOut
			if f.Create(nil, &fuse.CreateIn{InHeader: o.hdr(), Flags: o.bits(12)}, o.name(), &out) == fuse.OK {
				f.Release(nil, &fuse.ReleaseIn{InHeader: oddHeader(out.NodeId), Fh: out.Fh})
			}
		},
		func() {
			h, fh := o.file()
			f.Read(nil, &fuse.ReadIn{InHeader: h, Fh: fh, Offset: o.off(), Size: uint32(o.off()), ReadFlags: o.bits(3)}, o.buf)
		},
		func() {
			h, fh := o.file()
			f.Lseek(nil, &fuse.LseekIn{InHeader: h, Fh: fh, Offset: o.off(), Whence: o.bits(3)}, &fuse.LseekOut{})
		},
		func() {
			h, fh := o.file()
			f.Write(nil, &fuse.WriteIn{InHeader: h, Fh: fh, Offset: o.near(), WriteFlags: o.bits(1), Flags: o.bits(12)}, o.some(100))
		},
		func() {
			h, from := o.file()
			to := pick(o.r, o.files)
			f.CopyFileRange(nil, &fuse.CopyFileRangeIn{InHeader: h, FhIn: from, FhOut: to.fh, NodeIdOut: to.node, OffIn: o.off(), OffOut: o.off() % (1 << 21), Len: o.copied()})
		},
		func() { h, fh := o.file(); f.Fsync(nil, &fuse.FsyncIn{InHeader: h, Fh: fh}) },
		func() { h, fh := o.file(); f.FsyncDir(nil, &fuse.FsyncIn{InHeader: h, Fh: fh}) },
		func() {
			h, fh := o.file()
			f.Fallocate(nil, &fuse.FallocateIn{InHeader: h, Fh: fh, Offset: o.near(), Length: o.near(), Mode: o.bits(6)})
		},
		func() {
			h, fh := o.file()
			f.ReadDir(nil, &fuse.ReadIn{InHeader: h, Fh: fh, Offset: o.off()}, fuse.NewDirEntryList(o.some(300), o.off()))
		},
		func() {
			h, fh := o.file()
			f.ReadDirPlus(nil, &fuse.ReadIn{InHeader: h, Fh: fh, Offset: o.off()}, fuse.NewDirEntryList(o.some(600), o.off()))
		},
		func() { f.Release(nil, &fuse.ReleaseIn{InHeader: o.hdr(), Fh: 1 << 40}) },
		func() { f.ReleaseDir(&fuse.ReleaseIn{InHeader: o.hdr(), Fh: 1 << 40}) },
	}
}

// newOdd opens everything that can be opened, each as a file and as a folder.
func newOdd(d *drive) *odd {
	f := d.srv.fs
	root := f.matterRoot(matter1)
	o := &odd{f: f, r: rand.New(rand.NewPCG(1, 2)), buf: make([]byte, 8192)}
	for _, name := range []string{"文件", "另一", "链接", "夹"} {
		o.nodes = append(o.nodes, f.nodes.learn(must(root.Lookup(name)), zhang).id)
	}
	root.Retain()
	o.nodes = append(o.nodes, f.nodes.learn(root, zhang).id, fuse.FUSE_ROOT_ID, 0, 1<<63, 1<<64-1)
	for _, id := range o.nodes {
		var file, dir fuse.OpenOut
		if f.Open(nil, &fuse.OpenIn{InHeader: oddHeader(id), Flags: uint32(os.O_RDWR)}, &file) == fuse.OK {
			o.files = append(o.files, oddFile{id, file.Fh})
		}
		if f.OpenDir(nil, &fuse.OpenIn{InHeader: oddHeader(id)}, &dir) == fuse.OK {
			o.files = append(o.files, oddFile{id, dir.Fh})
		}
	}
	o.files = append(o.files, oddFile{o.nodes[0], 0}, oddFile{o.nodes[0], 1<<64 - 1})
	return o
}

// No request brings the drive down, whatever it carries: a panic would leave what it held
// locked, and each is EIO for someone.
func TestOddRequests(t *testing.T) {
	d := mountFirm(t)
	lead := as.Start(t, zhang)
	lead.Writes(d.in("文件"), strings.Repeat("x", 10_000))
	lead.Writes(d.in("另一"), strings.Repeat("y", 10_000))
	lead.Does(lead.Symlink("文件", d.in("链接")))
	lead.Does(lead.Mkdir(d.in("夹")))
	o := newOdd(d)
	calls := append(o.ofNames(), o.ofFiles()...)
	for range 60_000 {
		pick(o.r, calls)()
	}
	for _, h := range d.srv.fs.handles.drain() {
		if h.file != nil {
			lead.Does(h.file.Close())
		}
	}
	lead.Writes(d.in("好.txt"), "完好")
	lead.Reads(d.in("好.txt"), "完好")
	if s := d.srv.Stats(); s.Damaged != 0 {
		t.Errorf("odd requests damaged the store: %+v", s)
	}
}
