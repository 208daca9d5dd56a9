package audit

import (
	"testing"
	"time"
)

func BenchmarkAppend(b *testing.B) {
	l := mustOpen(b, testOptions(b))
	r := sample(1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Append(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendParallel(b *testing.B) {
	l := mustOpen(b, testOptions(b))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		r := sample(1)
		for pb.Next() {
			if _, err := l.Append(r); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	o := testOptions(b)
	fill(b, o, 20000)
	b.ResetTimer()
	start, n := time.Now(), uint64(0)
	for range b.N {
		rep, err := Verify(verifyOptions(o))
		if err != nil || rep.Code() != 0 {
			b.Fatal(err, rep)
		}
		n += rep.Records
	}
	b.ReportMetric(float64(n)/time.Since(start).Seconds(), "records/s")
}
