package witness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"matterfs/audit"
)

// BenchmarkProof is what it takes to prove that a log of a million records grew: out of what the witness had a moment ago, and where that
// is not known any more, so that all of it is read.
func BenchmarkProof(b *testing.B) {
	const records = 1 << 20
	d := newDrive(b)
	path := ""
	for i := range records {
		if i%100 == 0 {
			path = fmt.Sprintf("证据/合同-%06d.docx", i)
		}
		if _, err := d.Append(&audit.Record{Ev: "read", Res: "ok", User: "zhang.wei", UID: 10021, HasUID: true, AUID: 10021, OUID: -1, PID: 48213,
			Exe: "/usr/lib/libreoffice/program/soffice.bin", Comm: "soffice.bin", Matter: "2026-0142", Client: "C0091", Level: "机密", Path: path,
			FID: "9c1e0000000000000000000000000000", H: 71233, Len: 131072, HasRange: true, Rule: "member.lead", Pol: "9f2c1a7be0d4"}); err != nil {
			b.Fatal(err)
		}
	}
	if err := d.Seal(); err != nil {
		b.Fatal(err)
	}
	first, old := d.Checkpoint()
	d.work(b, 1000)
	newest, _ := d.Checkpoint()
	take := func(b *testing.B, w *audit.Witnessing, size uint64) *audit.Submission {
		s, err := w.Next(context.Background(), d.vkey, size, newest)
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	b.Run("the whole log", func(b *testing.B) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for b.Loop() {
			if err := os.RemoveAll(filepath.Join(d.o.StateDir, "audit.witness")); err != nil {
				b.Fatal(err)
			}
			take(b, d.Witnessing(), old/2)
		}
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapSys)/(1<<20), "MiB-heap")
	})
	b.Run("1000 records", func(b *testing.B) {
		w := d.Witnessing()
		before, err := w.Next(context.Background(), d.vkey, old/2, first)
		if err == nil {
			err = w.Took(before) // so that what the witness has is known
		}
		if err != nil || w.Known() != old {
			b.Fatal(w.Known(), err)
		}
		for b.Loop() {
			take(b, w, old)
		}
	})
}
