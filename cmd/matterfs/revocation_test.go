package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// revocations is how many times a reader is thrown out.
const revocations = 100

// BenchmarkRevocation measures from the change of the policy on disk to the
// last byte that the revoked reader, who holds the file open and reads all the
// time, is served, alone and beside seven others who go on reading.
func BenchmarkRevocation(b *testing.B) {
	for _, others := range []int{0, 7} {
		b.Run(fmt.Sprintf("readers=%d", others+1), func(b *testing.B) { benchEdit(b, others) })
	}
}

func benchEdit(b *testing.B, others int) {
	f := startFirm(b)
	doc := filepath.Join(f.matter(), "甲.txt")
	lead, member := f.user(leadUID), f.user(memberUID)
	lead.Writes(doc, strings.Repeat("甲方承诺保密", 1000))
	stop := f.crowd(others, doc)
	defer stop()
	without := strings.Replace(firmYAML, "{ user: li.na, rights: [read] }", "", 1)
	path := filepath.Join(f.s.Policy, "matters", "0142.yaml")
	var took []time.Duration
	for range revocations {
		if err := retry(func() error { _, err := member.ReadFile(doc); return err }); err != nil {
			b.Fatal(err)
		}
		h := member.Opens(doc, os.O_RDONLY, 0)
		changed := make(chan time.Time, 1)
		go func() {
			time.Sleep(20 * time.Millisecond)
			err := os.WriteFile(path+".new", []byte(without), 0o644)
			changed <- time.Now()
			if err == nil {
				err = os.Rename(path+".new", path)
			}
			if err != nil {
				b.Error(err)
			}
		}()
		var last time.Time
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); last = time.Now() {
			if _, err := h.ReadAt(0, 4096); err != nil {
				break
			}
		}
		took = append(took, max(0, last.Sub(<-changed)))
		if err := h.Close(); err != nil {
			b.Fatal(err)
		}
		f.write(path, firmYAML)
	}
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "ms-median")
	b.ReportMetric(took[len(took)-1].Seconds()*1000, "ms-max")
	b.Logf("from the change on disk to the last byte served, %d trials: median %v, maximum %v", len(took), took[len(took)/2], took[len(took)-1])
}
