package fs

import (
	"fmt"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"matterfs/audit"
	"matterfs/audit/cover"
	"matterfs/policy"
)

// viewOf is what records cover for the caller on h, once a permission to read was given; nil
// where the level wants a record for each read.
func (r *request) viewOf(h *handle, g *grant) *cover.View {
	if r.dec.LogReads == policy.EachRead || r.dec.LogReads == "" && r.fs.opts.EachRead {
		return nil
	}
	return h.cover.View(r.hdr.Uid, cover.Terms{
		Gen: g.gen, Until: g.until, User: r.dec.User, Matter: r.on.matter, Client: r.dec.Client, Level: r.dec.Level,
		Path: g.path, Rule: r.dec.Rule, Purpose: r.dec.Purpose,
	})
}

// tell sees to it that a record covers the n bytes that a read of h is about to answer, or
// records that it failed. While the log takes no records nothing leaves, covered or not.
func (r *request) tell(h *handle, in *fuse.ReadIn, n int64, err error) syscall.Errno {
	off := int64(in.Offset)
	if r.view != nil && err == nil && r.covered(off, n) {
		return 0
	}
	rec := r.record("ok")
	rec.H, rec.Off, rec.Len, rec.HasRange = h.id, off, n, err == nil
	if int64(in.Size) != n {
		rec.Req = int64(in.Size)
	}
	if h.uid != in.Uid {
		rec.OUID = int64(h.uid)
	}
	if r.op == policy.OpFill {
		rec.Ev = "fill"
	}
	if r.view == nil || err != nil {
		errno := r.commit(rec, err)
		if errno == 0 {
			h.cover.Took(in.Uid, off, n)
		}
		return errno
	}
	w := r.view.Announce(off, n, h.file.Size())
	if w.To > w.From {
		rec.CoverFrom, rec.CoverTo = w.From, w.To
	}
	errno := r.commit(rec, nil)
	if errno == 0 {
		r.view.Recorded(off, n, w)
	}
	return errno
}

// covered asks whether a record covers a read, and counts it when one does.
func (r *request) covered(off, n int64) bool {
	if !r.fs.off.on(checkCover) {
		return true
	}
	return r.fs.opts.Audit.Serving() && r.view.Take(off, n)
}

// recordTotals records what each uid but the opener did with a handle, in its own name, and
// puts what the opener did into rec, the record of the close.
func (r *request) recordTotals(h *handle, rec *audit.Record) (errno syscall.Errno) {
	totals := h.cover.Totals(h.uid)
	for _, t := range totals[:len(totals)-1] {
		own := *rec
		own.User, own.UID, own.OUID, own.Ver = "", t.UID, int64(h.uid), 0
		if u, ok := r.st.policy.UserByUID(t.UID); ok {
			own.User = u.Name
		}
		fillTotals(&own, t)
		if e := r.commit(&own, nil); e != 0 {
			errno = e
		}
	}
	fillTotals(rec, totals[len(totals)-1])
	return errno
}

// fillTotals says in a close record how many bytes one uid read and wrote, and which.
func fillTotals(rec *audit.Record, t cover.Total) {
	rec.Flags = fmt.Sprintf("read=%d,written=%d", t.Read, t.Written)
	rec.ReadRanges, rec.WrittenRanges = cover.FormatRanges(t.Took), cover.FormatRanges(t.Gave)
}
