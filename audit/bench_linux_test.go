package audit

import "testing"

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

// benchLine is a line of usual length.
func benchLine(b *testing.B) []byte {
	e := newEncoders().Get().(*encoder)
	body, err := e.encode(sample(1))
	if err != nil {
		b.Fatal(err)
	}
	return frame(nil, 48212, noon, body, &[32]byte{1})
}

func BenchmarkQuick(b *testing.B) {
	l := benchLine(b)
	b.SetBytes(int64(len(l)))
	for b.Loop() {
		if _, ok := quick(l); !ok {
			b.Fatal("not taken")
		}
	}
}

func BenchmarkParseHeader(b *testing.B) {
	l := benchLine(b)
	b.SetBytes(int64(len(l)))
	for b.Loop() {
		if _, why := parseHeader(l); why != "" {
			b.Fatal(why)
		}
	}
}

func BenchmarkLeaf(b *testing.B) {
	l, h := benchLine(b), newHasher()
	b.SetBytes(int64(len(l)))
	for b.Loop() {
		h.leaf(l)
	}
}
