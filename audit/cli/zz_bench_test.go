package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"matterfs/audit"
)

func cpuT() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

type nw struct{ n int }

func (w *nw) Write(p []byte) (int, error) { w.n += len(p); return len(p), nil }

func BenchmarkZQ(b *testing.B) {
	dir := os.Getenv("ZZ_YEAR")
	raw, err := os.ReadFile(dir + ".hits")
	if err != nil {
		b.Fatal(err)
	}
	var hits []int
	json.Unmarshal(raw, &hits)
	var busy []int
	for m, n := range hits {
		if n > 0 {
			busy = append(busy, m)
		}
	}
	slices.SortFunc(busy, func(x, y int) int { return hits[x] - hits[y] })
	index := dir + ".index"
	if os.Getenv("ZZ_INDEX") != "" {
		index = os.Getenv("ZZ_INDEX")
	}
	c, s := cpuT(), time.Now()
	f, _ := audit.ParseFilter("matter=none", time.UTC, time.Now())
	rep, err := audit.Query(audit.QueryOptions{Dir: dir, IndexDir: index}, f, func([]byte, *audit.Parsed) error { return nil })
	fmt.Fprintln(os.Stderr, "cold", time.Since(s), cpuT()-c, rep.Built, err, rep.Unkept)
	for _, w := range []struct {
		name string
		m    int
	}{{"rarest", busy[0]}, {"median", busy[len(busy)/2]}, {"busiest", busy[len(busy)-1]}} {
		for _, mode := range []string{"count", "human", "json", "csv"} {
			b.Run(w.name+"/"+mode, func(b *testing.B) {
				c := cpuT()
				var talk bytes.Buffer
				for b.Loop() {
					yes := mode == "json"
					out := &nw{}
					t := &Tool{Out: out, Err: &talk, JSON: &yes, Lang: "zh", Find: func(d string) (Place, error) { return Place{Log: d}, nil }}
					args := []string{fmt.Sprintf("matter=2026-%04d", w.m), dir, "--index", index, "--zone", "Asia/Shanghai"}
					if mode == "count" || mode == "csv" {
						args = append(args, "--"+mode)
					}
					cm := NewQuery(t)
					cm.SetArgs(args)
					if err := cm.Execute(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric((cpuT()-c).Seconds()/float64(b.N), "cpu-s")
				b.ReportMetric(float64(hits[w.m]), "records")
			})
		}
	}
}
