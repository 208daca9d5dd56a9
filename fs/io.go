package fs

import (
	"fmt"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"matterfs/policy"
)

// allowHandle decides about an open handle for the caller of this request, who may not be
// its opener. A decision that still holds is not made again.
func (r *request) allowHandle(h *handle, op policy.Op, slot *pass) syscall.Errno {
	r.moves = r.fs.opts.Store.Moves() // before the place is looked at
	g := slot.valid(r.st.gen, r.hdr.Uid, r.fs.now().UnixNano())
	if !r.fs.off.on(checkRemembered) {
		g = slot.p.Load()
	} else if g != nil && g.moves != r.moves {
		g = slot.stayed(g, h.node.obj.Path(), r.moves)
	}
	if g != nil {
		r.op, r.dec, r.view = op, g.dec, g.view
		r.on = target{matter: g.matter, path: g.path, fid: h.node.fid}
		return 0
	}
	if errno := r.allow(op, r.asked(h.node)); errno != 0 {
		return errno
	}
	g = &grant{gen: r.st.gen, uid: r.hdr.Uid, matter: r.on.matter, path: r.on.path, moves: r.moves, dec: r.dec}
	if !r.dec.Expires.IsZero() {
		g.until = r.dec.Expires.UnixNano()
	}
	if op == policy.OpRead {
		g.view = r.viewOf(h, g)
	}
	r.view = g.view
	slot.p.Store(g)
	return 0
}

// onHandle enters a request on an open file.
func (f *fileSystem) onHandle(m method, hdr *fuse.InHeader, fh uint64) (*request, *handle, syscall.Errno) {
	r, errno := f.enter(m, hdr)
	if errno != 0 {
		return r, nil, errno
	}
	h := f.handles.get(fh)
	if h == nil || h.file == nil || h.node != r.node {
		return r, nil, syscall.EBADF
	}
	return r, h, 0
}

// Read implements fuse.RawFileSystem. The bytes are decrypted, then recorded unless they
// are covered, then answered: none leaves before a record that covers it is in the log.
func (f *fileSystem) Read(cancel <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	r, h, errno := f.onHandle(mRead, &in.InHeader, in.Fh)
	if errno == 0 {
		errno = f.lastingHandle(h, cancel)
	}
	fill := in.ReadFlags&fuse.READ_LOCKOWNER == 0
	switch {
	case errno != 0:
	case fill:
		errno = r.allowHandle(h, policy.OpFill, &h.fills)
	default:
		errno = r.allowHandle(h, policy.OpRead, &h.reads)
	}
	if errno != 0 {
		return nil, fuse.Status(errno)
	}
	want := min(int(in.Size), len(buf))
	n, err := h.file.ReadAt(buf[:want], int64(in.Offset))
	if !r.current() || r.moved() {
		clear(buf[:want])
		return f.Read(cancel, in, buf)
	}
	if fill && f.off.on(checkDrop) {
		f.dropper.add(h.node.id, f.sharedWithRefused(h.node))
	}
	if errno = r.tell(h, in, int64(n), err); errno != 0 {
		clear(buf[:want])
		return nil, fuse.Status(errno)
	}
	return fuse.ReadResultData(buf[:n]), fuse.OK
}

// Writev implements fuse.RawFileSystem; go-fuse then calls Write with the parts joined.
func (f *fileSystem) Writev(_ <-chan struct{}, _ *fuse.WriteIn, _ [][]byte) (uint32, fuse.Status) {
	return 0, fuse.ENOSYS
}

// Write implements fuse.RawFileSystem.
func (f *fileSystem) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	r, h, errno := f.onHandle(mWrite, &in.InHeader, in.Fh)
	if errno != 0 {
		return 0, fuse.Status(errno)
	}
	if in.WriteFlags&fuse.WRITE_CACHE != 0 {
		return r.writeBack(h, in, data)
	}
	if errno = r.allowHandle(h, policy.OpWrite, &h.writes); errno != 0 {
		return 0, fuse.Status(errno)
	}
	if f.opts.Audit.Ready() != nil {
		return 0, fuse.EIO
	}
	off := int64(in.Offset)
	var n int
	var err error
	if in.Flags&syscall.O_APPEND != 0 { // as the descriptor is now, not as it was opened
		off, n, err = h.file.Append(data)
	} else {
		n, err = h.file.WriteAt(data, off)
	}
	if n < len(data) || err != nil || in.Flags&(syscall.O_SYNC|syscall.O_DSYNC) == 0 {
		return r.wrote(h, off, n, len(data), err, nil)
	}
	written, answer := r.wrote(h, off, n, len(data), nil, nil)
	if err = h.file.Sync(); err != nil && answer == fuse.OK {
		return 0, status(err) // the bytes are there, but not as durable as was asked
	}
	return written, answer
}

// wrote records a write and answers it.
func (r *request) wrote(h *handle, off int64, n, want int, err error, writers []uint32) (uint32, fuse.Status) {
	rec := r.record("ok")
	rec.H, rec.Off, rec.Len, rec.HasRange = h.id, off, int64(n), true
	if n != want {
		rec.Req = int64(want)
	}
	if h.uid != r.hdr.Uid {
		rec.OUID = int64(h.uid)
	}
	if writers != nil {
		rec.Ev, rec.Note = evWriteback, fmt.Sprintf("writers=%v", writers)
	}
	if n > 0 && err != nil && writers == nil && n < want {
		rec.Note, err = err.Error(), nil // a short write is told by its length
	}
	if n < want && writers != nil && err == nil {
		err = syscall.EIO // the kernel does not look at the length of a write-back
	}
	errno := r.commitWrite(h, rec, err, payerOf(r.hdr.Uid, writers))
	by := rec.UID
	if writers != nil {
		by = h.uid // the kernel's; see Cover before serve in audit/FORMAT.md
	}
	h.cover.Gave(by, off, int64(n))
	if errno != 0 {
		return 0, fuse.Status(errno)
	}
	return uint32(n), fuse.OK
}

// writeBack takes dirty mapped pages, which the kernel sends as uid 0 with any writable
// handle of the file. Someone who may write must answer for them: a writer of the file who
// still may, or could until less than ten seconds ago.
func (r *request) writeBack(h *handle, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	r.op, r.on = policy.OpWrite, targetOf(h.node)
	var uids []uint32
	allowed := false
	for _, w := range h.node.openHandles() {
		if !w.write || w != h && !r.fs.off.on(checkWriters) {
			continue
		}
		uids = append(uids, w.uid)
		if d := r.mayWriteBack(w); d.Allow {
			r.dec, allowed = d, true
		} else if !allowed {
			r.dec = d
		}
	}
	if !allowed {
		return 0, fuse.Status(r.denied())
	}
	if r.fs.opts.Audit.Ready() != nil {
		return 0, fuse.EIO
	}
	n, err := h.file.WriteAt(data, int64(in.Offset))
	return r.wrote(h, int64(in.Offset), n, len(data), err, uids)
}

// mayWriteBack decides for the opener of one writable handle.
func (r *request) mayWriteBack(w *handle) policy.Decision {
	now := r.fs.now()
	d := r.fs.judge(w, r.st, now)
	if !d.Allow {
		if before, ok := w.standing.mayFinish(now); ok {
			return before
		}
	}
	return d
}

// Flush implements fuse.RawFileSystem: close(2) has nothing to wait for.
func (f *fileSystem) Flush(_ <-chan struct{}, _ *fuse.FlushIn) fuse.Status { return fuse.OK }

// Fsync implements fuse.RawFileSystem.
func (f *fileSystem) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	r, h, errno := f.onHandle(mFsync, &in.InHeader, in.Fh)
	if errno == 0 {
		errno = r.allow(policy.OpFsync, r.asked(h.node))
	}
	if errno != 0 {
		return fuse.Status(errno)
	}
	return status(h.file.Sync())
}

// Fallocate implements fuse.RawFileSystem: reserve or grow (holes cost nothing), and zero.
func (f *fileSystem) Fallocate(_ <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	r, h, errno := f.onHandle(mFallocate, &in.InHeader, in.Fh)
	if errno == 0 {
		errno = r.allow(policy.OpAllocate, r.asked(h.node))
	}
	if errno != 0 {
		return fuse.Status(errno)
	}
	off, n := int64(in.Offset), int64(in.Length)
	keep := in.Mode&unix.FALLOC_FL_KEEP_SIZE != 0
	var err error
	switch in.Mode &^ unix.FALLOC_FL_KEEP_SIZE {
	case 0:
		err = h.file.Allocate(off, n, keep)
	case unix.FALLOC_FL_PUNCH_HOLE, unix.FALLOC_FL_ZERO_RANGE:
		err = h.file.Zero(off, n, keep)
	default:
		return fuse.Status(syscall.EOPNOTSUPP)
	}
	rec := r.record("ok")
	rec.H, rec.Off, rec.Len, rec.HasRange = h.id, off, n, true
	rec.Flags = fmt.Sprintf("fallocate=%#x", in.Mode)
	return fuse.Status(r.commitWrite(h, rec, err, in.Uid))
}

// Lseek implements fuse.RawFileSystem for SEEK_DATA and SEEK_HOLE.
func (f *fileSystem) Lseek(_ <-chan struct{}, in *fuse.LseekIn, out *fuse.LseekOut) fuse.Status {
	r, h, errno := f.onHandle(mLseek, &in.InHeader, in.Fh)
	if errno == 0 {
		errno = r.allowHandle(h, policy.OpRead, &h.reads)
	}
	if errno != 0 {
		return fuse.Status(errno)
	}
	seek := h.file.SeekData
	if in.Whence == unix.SEEK_HOLE {
		seek = h.file.SeekHole
	} else if in.Whence != unix.SEEK_DATA {
		return fuse.EINVAL
	}
	off, err := seek(int64(in.Offset))
	out.Offset = uint64(off)
	return status(err)
}
