package fs

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"matterfs/policy"
)

// readModes are the two ways to record reads, and two ways to read.
func readModes(b *testing.B, bench func(b *testing.B, s setup, next func(i int64) int64)) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for _, mode := range []string{policy.EachRead, policy.CoverReads} {
		for _, way := range []struct {
			name string
			next func(i int64) int64
		}{
			{"row", func(i int64) int64 { return i % (benchFile / 4096) * 4096 }},
			{"scattered", func(int64) int64 { return rnd.Int64N(benchFile/4096) * 4096 }},
		} {
			b.Run(fmt.Sprintf("%s/%s", mode, way.name), func(b *testing.B) {
				bench(b, setup{each: mode == policy.EachRead}, way.next)
			})
		}
	}
}

const benchFile = 16 << 20

// BenchmarkRead4K: reads of 4 KiB through the drive's own code, without the kernel.
func BenchmarkRead4K(b *testing.B) {
	readModes(b, func(b *testing.B, s setup, next func(i int64) int64) {
		d, nodes := onDrive(b, s, benchFile, "卷宗")
		x := handlers{b, d.srv.fs}
		fh := x.open(nodes[0], zhang)
		defer x.close(nodes[0], fh)
		buf := make([]byte, 4096)
		measure(b, d, func(i int64) error {
			if n, s := x.read(nodes[0], zhang, fh, next(i), buf); n != 4096 || !s.Ok() {
				return fmt.Errorf("%d bytes, %v", n, s)
			}
			return nil
		})
	})
}

// BenchmarkMountedRead4K: the same through the kernel, one reader.
func BenchmarkMountedRead4K(b *testing.B) {
	readModes(b, func(b *testing.B, s setup, next func(i int64) int64) {
		d, _ := onDrive(b, s, benchFile, "卷宗")
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		as := func(uid int) {
			if err := unix.Setfsuid(uid); err != nil {
				b.Fatal(err)
			}
		}
		as(zhang)
		defer as(0)
		fd, err := syscall.Open(d.in("卷宗"), syscall.O_RDONLY, 0)
		if err != nil {
			b.Fatal(err)
		}
		defer syscall.Close(fd)
		buf := make([]byte, 4096)
		measure(b, d, func(i int64) error {
			if n, err := syscall.Pread(fd, buf, next(i)); n != 4096 {
				return fmt.Errorf("%d bytes, %v", n, err)
			}
			return nil
		})
	})
}

// measure reads until the benchmark has enough, and tells how many records that made.
func measure(b *testing.B, d *drive, read func(i int64) error) {
	count := func() int { // on another thread, which may read the log
		n := make(chan int)
		go func() { n <- d.count("ev", "read") }()
		return <-n
	}
	before, i := count(), int64(0)
	b.SetBytes(4096)
	b.ReportAllocs()
	for b.Loop() {
		if err := read(i); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reads/s")
	b.ReportMetric(float64(count()-before)/b.Elapsed().Seconds(), "records/s")
}
