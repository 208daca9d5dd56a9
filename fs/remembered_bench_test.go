package fs

import (
	"testing"
	"time"

	"matterfs/policy"
)

// BenchmarkRememberedDecision: what a read on an open handle pays for its decision while nothing has changed.
func BenchmarkRememberedDecision(b *testing.B) {
	const path, uid = "证据/合同.docx", 10021
	var slot pass
	slot.p.Store(&grant{gen: 7, uid: uid, path: path, moves: 3, dec: policy.Decision{Allow: true}})
	now := time.Now().UnixNano()
	b.ReportAllocs()
	for b.Loop() {
		if g := slot.valid(7, uid, now); g == nil || g.moves != 3 {
			b.Fatal("the decision is not remembered")
		}
	}
}
