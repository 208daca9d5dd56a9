package crypto

import "testing"

func BenchmarkSealBlock(b *testing.B) {
	s := newSealer(b, NewKey())
	data, dst := make([]byte, BlockSize), make([]byte, 0, BlockStride)
	b.SetBytes(BlockSize)
	b.ReportAllocs()
	for b.Loop() {
		s.SealBlock(dst, 1, 2, data)
	}
}

// Includes a copy of the package: OpenBlock works in place.
func BenchmarkOpenBlock(b *testing.B) {
	s := newSealer(b, NewKey())
	pkg := s.SealBlock(nil, 1, 2, make([]byte, BlockSize))
	scratch := make([]byte, len(pkg))
	b.SetBytes(BlockSize)
	b.ReportAllocs()
	for b.Loop() {
		copy(scratch, pkg)
		if _, _, err := s.OpenBlock(scratch, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPrefixKeys(b *testing.B) {
	content, p, _ := newFile(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Keys(content); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenSlot(b *testing.B) {
	_, _, keys := newFile(b)
	s := Slot{Kind: File}
	pkg := s.Seal(keys.Meta)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := OpenSlot(keys.Meta, pkg); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNameSeal(b *testing.B) {
	n := newNames(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := n.Seal(ID{1}, "合同-0031.docx"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNameOpen(b *testing.B) {
	n := newNames(b)
	stored, _, _ := n.Seal(ID{1}, "合同-0031.docx")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := n.Open(ID{1}, stored, nil); err != nil {
			b.Fatal(err)
		}
	}
}
