package fs

import (
	"reflect"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// notRequests are the methods of the interface that carry no request of a user.
var notRequests = map[string]bool{"String": true, "SetDebug": true, "Init": true, "OnUnmount": true}

func TestEveryRequestHasARow(t *testing.T) {
	rows := map[string]int{}
	for m := mNone + 1; m < methods; m++ {
		row := table[m]
		rows[row.name]++
		if row.class == classNone {
			t.Errorf("method %d %q has no class: it would be refused", m, row.name)
		}
		if row.class == classRefused && (row.errno == 0 || row.rule == "" || row.ev == "") {
			t.Errorf("%s is refused without an errno, a rule or an event", row.name)
		}
	}
	raw := reflect.TypeFor[fuse.RawFileSystem]()
	for i := range raw.NumMethod() {
		name := raw.Method(i).Name
		if notRequests[name] {
			continue
		}
		if rows[name] != 1 {
			t.Errorf("fuse.RawFileSystem.%s has %d rows, want 1: decide what it needs", name, rows[name])
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("row %q names no method of fuse.RawFileSystem", name)
	}
}

// TestStrangerGetsNothing calls every method as a uid that the policy does not know, on a
// file that exists and is open, and expects a refusal. Methods that always pass give
// nothing away.
func TestStrangerGetsNothing(t *testing.T) {
	d := mountFirm(t)
	f := d.srv.fs
	root := f.matterRoot(matter1)
	o, sh, _, err := root.Create("合同.txt", newAttr(&fuse.InHeader{}, 0o644), true)
	if err != nil {
		t.Fatal(err)
	}
	n := f.nodes.learn(o, 0)
	h := &handle{id: f.handles.reserve(), node: n, file: sh, uid: zhang, write: true}
	f.handles.add(h)
	root.Retain()
	dir := f.nodes.learn(root, 0)
	dh := &handle{id: f.handles.reserve(), node: dir, uid: zhang}
	f.handles.add(dh)

	file := fuse.InHeader{NodeId: n.id, Caller: fuse.Caller{Owner: fuse.Owner{Uid: nobody, Gid: nobody}}}
	folder := file
	folder.NodeId = dir.id
	buf := make([]byte, 4096)
	list := func() *fuse.DirEntryList { return fuse.NewDirEntryList(make([]byte, 4096), 0) }
	calls := map[string]func() fuse.Status{
		"Lookup":  func() fuse.Status { return f.Lookup(nil, &folder, "合同.txt", &fuse.EntryOut{}) },
		"GetAttr": func() fuse.Status { return f.GetAttr(nil, &fuse.GetAttrIn{InHeader: file}, &fuse.AttrOut{}) },
		"Statx":   func() fuse.Status { return f.Statx(nil, &fuse.StatxIn{InHeader: file}, &fuse.StatxOut{}) },
		"SetAttr": func() fuse.Status {
			return f.SetAttr(nil, &fuse.SetAttrIn{SetAttrInCommon: fuse.SetAttrInCommon{InHeader: file, Valid: fuse.FATTR_MODE}}, &fuse.AttrOut{})
		},
		"Mknod": func() fuse.Status {
			return f.Mknod(nil, &fuse.MknodIn{InHeader: folder, Mode: syscall.S_IFREG}, "x", &fuse.EntryOut{})
		},
		"Mkdir":  func() fuse.Status { return f.Mkdir(nil, &fuse.MkdirIn{InHeader: folder}, "x", &fuse.EntryOut{}) },
		"Unlink": func() fuse.Status { return f.Unlink(nil, &folder, "合同.txt") },
		"Rmdir":  func() fuse.Status { return f.Rmdir(nil, &folder, "合同.txt") },
		"Rename": func() fuse.Status {
			return f.Rename(nil, &fuse.RenameIn{InHeader: folder, Newdir: dir.id}, "合同.txt", "x")
		},
		"Link":        func() fuse.Status { return f.Link(nil, &fuse.LinkIn{InHeader: folder}, "x", &fuse.EntryOut{}) },
		"Symlink":     func() fuse.Status { return f.Symlink(nil, &folder, "a", "x", &fuse.EntryOut{}) },
		"Readlink":    func() fuse.Status { _, s := f.Readlink(nil, &file); return s },
		"Access":      func() fuse.Status { return f.Access(nil, &fuse.AccessIn{InHeader: file, Mask: 4}) },
		"GetXAttr":    func() fuse.Status { _, s := f.GetXAttr(nil, &file, "user.matterfs.level", buf); return s },
		"ListXAttr":   func() fuse.Status { _, s := f.ListXAttr(nil, &file, buf); return s },
		"SetXAttr":    func() fuse.Status { return f.SetXAttr(nil, &fuse.SetXAttrIn{InHeader: file}, "user.a", buf[:1]) },
		"RemoveXAttr": func() fuse.Status { return f.RemoveXAttr(nil, &file, "user.a") },
		"Create":      func() fuse.Status { return f.Create(nil, &fuse.CreateIn{InHeader: folder}, "x", &fuse.CreateOut{}) },
		"Tmpfile":     func() fuse.Status { return f.Tmpfile(nil, &fuse.CreateIn{InHeader: folder}, &fuse.CreateOut{}) },
		"Open":        func() fuse.Status { return f.Open(nil, &fuse.OpenIn{InHeader: file}, &fuse.OpenOut{}) },
		"Read": func() fuse.Status {
			_, s := f.Read(nil, &fuse.ReadIn{InHeader: file, Fh: h.id, Size: 1}, buf)
			return s
		},
		"Lseek": func() fuse.Status {
			return f.Lseek(nil, &fuse.LseekIn{InHeader: file, Fh: h.id, Whence: 3}, &fuse.LseekOut{})
		},
		"GetLk":  func() fuse.Status { return f.GetLk(nil, &fuse.LkIn{InHeader: file}, &fuse.LkOut{}) },
		"SetLk":  func() fuse.Status { return f.SetLk(nil, &fuse.LkIn{InHeader: file}) },
		"SetLkw": func() fuse.Status { return f.SetLkw(nil, &fuse.LkIn{InHeader: file}) },
		"Write":  func() fuse.Status { _, s := f.Write(nil, &fuse.WriteIn{InHeader: file, Fh: h.id}, buf); return s },
		"Writev": func() fuse.Status {
			_, s := f.Writev(nil, &fuse.WriteIn{InHeader: file, Fh: h.id}, [][]byte{buf})
			return s
		},
		"Ioctl":       func() fuse.Status { return f.Ioctl(nil, &fuse.IoctlIn{InHeader: file}, nil, &fuse.IoctlOut{}, nil) },
		"Fsync":       func() fuse.Status { return f.Fsync(nil, &fuse.FsyncIn{InHeader: file, Fh: h.id}) },
		"Fallocate":   func() fuse.Status { return f.Fallocate(nil, &fuse.FallocateIn{InHeader: file, Fh: h.id, Length: 1}) },
		"OpenDir":     func() fuse.Status { return f.OpenDir(nil, &fuse.OpenIn{InHeader: folder}, &fuse.OpenOut{}) },
		"ReadDir":     func() fuse.Status { return f.ReadDir(nil, &fuse.ReadIn{InHeader: folder, Fh: dh.id}, list()) },
		"ReadDirPlus": func() fuse.Status { return f.ReadDirPlus(nil, &fuse.ReadIn{InHeader: folder, Fh: dh.id}, list()) },
		"FsyncDir":    func() fuse.Status { return f.FsyncDir(nil, &fuse.FsyncIn{InHeader: folder}) },
		"StatFs":      func() fuse.Status { return f.StatFs(nil, &folder, &fuse.StatfsOut{}) },
		"CopyFileRange": func() fuse.Status {
			_, s := f.CopyFileRange(nil, &fuse.CopyFileRangeIn{InHeader: file, FhIn: h.id, FhOut: h.id, NodeIdOut: n.id, OffOut: 10, Len: 1})
			return s
		},
	}
	for m := mNone + 1; m < methods; m++ {
		row := table[m]
		call, ok := calls[row.name]
		if row.class == classAlways {
			continue
		}
		if !ok {
			t.Errorf("no stranger calls %s", row.name)
			continue
		}
		if s := call(); s == fuse.OK {
			t.Errorf("%s as a stranger: allowed", row.name)
		}
	}
	d.logged("uid", nobody, "ev", "read", "res", "deny", "rule", "user.unknown")
	f.Release(nil, &fuse.ReleaseIn{InHeader: file, Fh: h.id})
	f.ReleaseDir(&fuse.ReleaseIn{InHeader: folder, Fh: dh.id})
}

func TestMethodWithoutRowIsRefused(t *testing.T) {
	d := mountFirm(t)
	saved := table[mStatFs]
	table[mStatFs] = row{name: "StatFs"}
	defer func() { table[mStatFs] = saved }()
	hdr := &fuse.InHeader{NodeId: fuse.FUSE_ROOT_ID, Caller: fuse.Caller{Owner: fuse.Owner{Uid: zhang}}}
	if s := d.srv.fs.StatFs(nil, hdr, &fuse.StatfsOut{}); s != fuse.EPERM {
		t.Errorf("a method without a row answered %v, want EPERM", s)
	}
	d.logged("uid", zhang, "rule", "op.unknown", "res", "deny")
}
