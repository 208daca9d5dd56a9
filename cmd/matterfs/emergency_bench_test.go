package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"matterfs/crypto/statelog"
	"matterfs/internal/as"
)

// BenchmarkUserDisable measures how long a person who reads all the time from an
// open file is served after `user disable`: from the moment it was asked for, and
// from its acknowledgement (below zero: they were stopped before it). The last
// byte counts when the test has heard of it, which on a busy machine is later
// than it was served; a read that began after the acknowledgement is an error.
func BenchmarkUserDisable(b *testing.B) {
	for _, others := range []int{0, 7} {
		b.Run(fmt.Sprintf("readers=%d", others+1), func(b *testing.B) { benchDisable(b, others) })
	}
}

func benchDisable(b *testing.B, others int) {
	f := startFirm(b)
	doc := filepath.Join(f.matter(), "甲.txt")
	f.user(leadUID).Writes(doc, strings.Repeat("甲方承诺保密", 1000))
	stop := f.crowd(others, doc)
	defer stop()
	member := f.user(memberUID)
	var asked, acked []time.Duration
	for range revocations {
		h := member.Opens(doc, os.O_RDONLY, 0)
		last := make(chan served, 1)
		go func() { last <- readToTheEnd(h) }()
		time.Sleep(10 * time.Millisecond)
		from := time.Now()
		f.decree(statelog.UserDisable)
		done := time.Now()
		end := <-last
		if end.began.After(done) {
			b.Errorf("a read that began %v after the acknowledgement was served", end.began.Sub(done))
		}
		asked, acked = append(asked, end.heard.Sub(from)), append(acked, end.heard.Sub(done))
		member.Does(h.Close())
		f.decree(statelog.UserEnable)
	}
	b.ReportMetric(0, "ns/op")
	for _, m := range []struct {
		name string
		took []time.Duration
	}{{"asked", asked}, {"acked", acked}} {
		slices.Sort(m.took)
		median, most := m.took[len(m.took)/2], m.took[len(m.took)-1]
		b.ReportMetric(median.Seconds()*1000, "ms-median-"+m.name)
		b.ReportMetric(most.Seconds()*1000, "ms-max-"+m.name)
		b.Logf("from %s to the last byte served, %d trials: median %v, maximum %v", m.name, len(m.took), median, most)
	}
}

// served is the last read that was answered with bytes.
type served struct{ began, heard time.Time }

func readToTheEnd(h *as.File) (last served) {
	for {
		began := time.Now()
		if _, err := h.ReadAt(0, 4096); err != nil {
			return last
		}
		last = served{began, time.Now()}
	}
}

// crowd keeps processes of the lead reading until it is stopped.
func (f *firm) crowd(n int, doc string) (stop func()) {
	f.t.Helper()
	var end atomic.Bool
	var work sync.WaitGroup
	for range n {
		h := f.user(leadUID).Opens(doc, os.O_RDONLY, 0)
		work.Go(func() {
			for !end.Load() {
				if _, err := h.ReadAt(0, 4096); err != nil {
					f.t.Errorf("somebody else was stopped: %v", err)
					return
				}
			}
		})
	}
	return func() { end.Store(true); work.Wait() }
}

// decree asks the daemon as the command does, without the start of a process.
func (f *firm) decree(op string) {
	f.t.Helper()
	id, err := f.s.storeID()
	if err != nil {
		f.t.Fatal(err)
	}
	c, err := dial(filepath.Join(f.run, id+".sock"), id)
	if err != nil {
		f.t.Fatal(err)
	}
	defer c.close()
	if _, err := c.request(controlRequest{Op: op, Name: "li.na"}); err != nil {
		f.t.Fatal(err)
	}
}
