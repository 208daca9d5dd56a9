// Package cover says which bytes of an open file a person may be given without a further record in the audit log, because a
// record that is in the log already covers them. It is pure: no file system, no log, no clock.
//
// The rule is "cover before serve": a byte leaves only if a record that is in the log covers it for this handle, this uid and
// these terms (a policy generation and the decision made under it). A [Handle] belongs to one open file, a [View] to one uid
// and its terms. Whoever is about to answer a read asks the view, and writes a record first when the answer is no:
//
//	v := h.View(uid, cover.Terms{Gen: 7, Path: "证据/合同.docx", Rule: "member.lead"})
//	if !v.Take(off, n) {
//		w := v.Announce(off, n, size)
//		if err := write(record{off, n, w.From, w.To}); err != nil {
//			return err // nothing leaves
//		}
//		v.Recorded(off, n, w)
//	}
//	answer()
//
// # What is announced
//
// A record states the bytes that its own read answers and a window [From, To): what may follow without a record. A read that
// stands alone announces itself; so a program that looks at the first bytes of each file in a folder is on record with these
// and no more. A read that goes on from bytes that are covered announces ahead, as much as they are: 128 KiB at least, and so
// doubling, 16 MiB at most. Reads here and there are a record each; after 64 of them the record announces the whole file. No window ends beyond
// the end that the file has at that moment.
//
// After a crash the log overstates what was read by what was announced last and not read. It never understates.
//
// # Totals
//
// A handle counts what each uid read and wrote through it, as numbers of bytes and as merged ranges. These are exact up to
// [MostRanges] ranges; beyond, those with the smallest gap between them become one, marked [Range.Loose].
//
// # Concurrency
//
// All methods may be called at the same time. No lock is held while the caller writes its record: two reads that meet may
// both write one. The lock of a read is that of one uid on one handle.
package cover
