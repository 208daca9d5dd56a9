package audit

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// benchSealed is the log of one day of the benchmark's firm as a daemon writes it, with seals: plain, and compressed. short: of shorter lines.
func benchSealed(b *testing.B, short bool) (plain, packed VerifyOptions) {
	b.Helper()
	o := testOptions(b)
	o.Seal = true
	if err := errors.Join(os.MkdirAll(o.Dir, 0o700), os.MkdirAll(o.StateDir, 0o700)); err != nil {
		b.Fatal(err)
	}
	if _, err := InitKeys(o); err != nil {
		b.Fatal(err)
	}
	l := mustOpen(b, o)
	for _, e := range newBenchFirm("").day(benchPerDay) {
		if short {
			e.r.Exe, e.r.Client, e.r.Purpose, e.r.Level, e.r.Comm, e.r.AUID = "", "", "", "", "", -1
		}
		if _, err := l.Append(&e.r); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	writeFile(b, filepath.Join(dir, VKeyName), readFile(b, filepath.Join(o.Dir, VKeyName)))
	writeFile(b, filepath.Join(dir, segmentName(1)), readFile(b, livePath(o)))
	pack(b, dir, true)
	return verifyOptions(o), VerifyOptions{Dir: dir, StoreID: o.StoreID}
}

// BenchmarkVerify reports how many records a second are verified, and how many for each second that processors worked: unlike the
// first, that does not depend on what else runs. bare is the hashing of the same lines and their tree alone, which nothing can be
// faster than.
func BenchmarkVerify(b *testing.B) {
	for _, short := range []bool{false, true} {
		plain, packed := benchSealed(b, short)
		lines := splitLines(readFile(b, filepath.Join(plain.Dir, LiveName)))
		size := 0
		for _, l := range lines {
			size += len(l)
		}
		for procs := 1; procs <= runtime.NumCPU(); procs *= 2 {
			name := fmt.Sprintf("%dbytes/%dprocs/", size/len(lines), procs)
			b.Run(name+"plain", func(b *testing.B) { benchVerify(b, procs, len(lines), func() error { return checkWhole(plain) }) })
			b.Run(name+"gzip", func(b *testing.B) { benchVerify(b, procs, len(lines), func() error { return checkWhole(packed) }) })
		}
		b.Run(fmt.Sprintf("%dbytes/1procs/bare", size/len(lines)), func(b *testing.B) {
			benchVerify(b, 1, len(lines), func() error {
				var t tree
				for _, l := range lines {
					t.add(sha256.Sum256(l)) // as many bytes as 0x00 and the line without its LF
				}
				return nil
			})
		})
	}
}

func checkWhole(o VerifyOptions) error {
	rep, err := Verify(o)
	if err == nil && (rep.Code() != 0 || rep.Seals == 0) {
		err = fmt.Errorf("code %d, %d seals: %v", rep.Code(), rep.Seals, rep.Problems)
	}
	return err
}

func benchVerify(b *testing.B, procs, records int, once func() error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
	cpu := cpuTime()
	for b.Loop() {
		if err := once(); err != nil {
			b.Fatal(err)
		}
	}
	n := float64(records * b.N)
	b.ReportMetric(n/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(n/(cpuTime()-cpu).Seconds(), "records/cpu-s")
}
