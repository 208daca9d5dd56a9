package fs

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"matterfs/policy"
)

// maxCopy is the most that one COPY_FILE_RANGE copies; the kernel asks again for the rest.
const maxCopy = 8 << 20

// CopyFileRange implements fuse.RawFileSystem: a read here and a write there, both decided
// and both recorded. (Any answer that says "not offered" makes the kernel splice through
// the page cache instead.)
func (f *fileSystem) CopyFileRange(_ <-chan struct{}, in *fuse.CopyFileRangeIn) (uint32, fuse.Status) {
	src, from, errno := f.onHandle(mRead, &in.InHeader, in.FhIn)
	if errno != 0 {
		return 0, fuse.Status(errno)
	}
	hdr := in.InHeader
	hdr.NodeId = in.NodeIdOut
	dst, to, errno := f.onHandle(mCopyFileRange, &hdr, in.FhOut)
	switch {
	case errno != 0:
		return 0, fuse.Status(errno)
	case in.Flags != 0 || from.node == to.node && overlap(in):
		return 0, fuse.EINVAL
	case from.node.obj.Matter() != to.node.obj.Matter():
		return 0, fuse.EINVAL
	case from.unsynced.Load() > f.opts.Audit.Synced():
		return 0, fuse.EINVAL // a read would wait, and may; here the kernel holds the lock of the other file
	}
	if errno = src.allowHandle(from, policy.OpRead, &from.reads); errno == 0 {
		errno = dst.allowHandle(to, policy.OpWrite, &to.writes)
	}
	if errno != 0 {
		return 0, fuse.Status(errno)
	}
	return copyRange(src, dst, from, to, in)
}

func overlap(in *fuse.CopyFileRangeIn) bool {
	return in.OffIn < in.OffOut+in.Len && in.OffOut < in.OffIn+in.Len
}

// copyRange copies in pieces of one request's size, each recorded on both sides.
func copyRange(src, dst *request, from, to *handle, in *fuse.CopyFileRangeIn) (uint32, fuse.Status) {
	buf := make([]byte, min(in.Len, maxIO))
	var done uint64
	for total := min(in.Len, maxCopy); done < total; {
		n, errno := src.copyRead(from, buf[:min(uint64(len(buf)), total-done)], int64(in.OffIn+done))
		if errno != 0 || n == 0 {
			return uint32(done), answerCopy(done, errno)
		}
		w, err := to.file.WriteAt(buf[:n], int64(in.OffOut+done))
		if _, s := dst.wrote(to, int64(in.OffOut+done), w, n, err, nil); s != fuse.OK {
			return uint32(done), answerCopy(done, syscall.Errno(s))
		}
		done += uint64(w)
		if w < n || !src.current() {
			break
		}
	}
	return uint32(done), fuse.OK
}

// copyRead decides, reads and records one piece. A copy takes long: what the file got after
// it moved above the caller, or after they left, is not copied.
func (r *request) copyRead(h *handle, buf []byte, off int64) (int, syscall.Errno) {
	if r.fs.opts.Audit.Ready() != nil {
		return 0, syscall.EIO
	}
	r.st = r.fs.state.Load()
	if errno := r.allowHandle(h, policy.OpRead, &h.reads); errno != 0 {
		return 0, errno
	}
	n, err := h.file.ReadAt(buf, off)
	if !r.current() || r.moved() {
		clear(buf)
		return r.copyRead(h, buf, off)
	}
	rec := r.record("ok")
	rec.H, rec.Off, rec.Len, rec.HasRange, rec.Flags = h.id, off, int64(n), err == nil, "copy"
	if h.uid != r.hdr.Uid {
		rec.OUID = int64(h.uid)
	}
	if errno := r.commit(rec, err); errno != 0 {
		return 0, errno
	}
	h.cover.Took(r.hdr.Uid, off, int64(n))
	return n, 0
}

// answerCopy tells an error only when nothing was copied.
func answerCopy(done uint64, errno syscall.Errno) fuse.Status {
	if done > 0 {
		return fuse.OK
	}
	return fuse.Status(errno)
}
