package store_test

import (
	"fmt"
	"slices"

	"matterfs/crypto/store"
)

// useHandle does one operation on the content of an open file.
func (s *sim) useHandle() error {
	if len(s.open) == 0 {
		return s.openOld()
	}
	f := s.open[s.rng.IntN(len(s.open))]
	switch n := s.rng.IntN(100); {
	case n < 30:
		return s.write(f, s.offset(len(f.o.content)))
	case n < 45:
		return s.append(f)
	case n < 48:
		return s.write(f, len(f.o.content)+s.rng.IntN(5*block))
	case n < 60:
		return s.truncate(f)
	case n < 67:
		return s.zero(f)
	case n < 95:
		return s.sync(f)
	default:
		return s.check(f)
	}
}

// offset draws one near the edges of blocks, mostly inside the file.
func (s *sim) offset(size int) int {
	n := s.rng.IntN(blocks(size)+1) * block
	if s.rng.IntN(2) == 0 {
		n += s.rng.IntN(200) - 100
	}
	return min(max(n, 0), size)
}

func (s *sim) bytes() []byte {
	n := 1 + s.rng.IntN(300)
	if s.rng.IntN(3) == 0 {
		n = 1 + s.rng.IntN(4*block)
	}
	if s.rng.IntN(4) == 0 {
		n = (1 + s.rng.IntN(3)) * block
	}
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(1 + s.rng.IntN(255))
	}
	return p
}

// resized returns a copy of c with n bytes, zeros behind its end.
func resized(c []byte, n int) []byte {
	p := make([]byte, n)
	copy(p, c)
	return p
}

func overwritten(c, p []byte, off int) []byte {
	out := resized(c, max(len(c), off+len(p)))
	copy(out[off:], p)
	return out
}

// edit does what changes the content of a file.
func (s *sim) edit(f *opened, desc string, e effect, call func() error) error {
	e.desc = fmt.Sprintf("%s %.12q of %d", desc, f.o.at().name, len(f.o.content))
	e.file = f.o
	return s.do(e, call, nil)
}

// write may stop after the zeros before it. A power cut may leave its blocks,
// and not the greater size that was set before it.
func (s *sim) write(f *opened, off int) error {
	p := s.bytes()
	e := effect{content: overwritten(f.o.content, p, off),
		partial: []int{max(off, len(f.o.content))}, loose: []int{off, off + len(p)}}
	return s.edit(f, fmt.Sprintf("write %d+%d", off, len(p)), e, func() error {
		_, err := f.h.WriteAt(p, int64(off))
		return err
	})
}

func (s *sim) append(f *opened) error {
	p := s.bytes()
	e := effect{content: slices.Concat(f.o.content, p)}
	return s.edit(f, fmt.Sprintf("append %d", len(p)), e, func() error {
		_, _, err := f.h.Append(p)
		return err
	})
}

func (s *sim) truncate(f *opened) error {
	n := s.offset(len(f.o.content))
	if s.rng.IntN(3) == 0 {
		n = s.offset(len(f.o.content) + 3*block)
	}
	return s.edit(f, fmt.Sprintf("truncate to %d", n), effect{content: resized(f.o.content, n)}, func() error { return f.h.Truncate(uint64(n)) })
}

func (s *sim) zero(f *opened) error {
	off, n, keep := s.offset(len(f.o.content)), 1+s.rng.IntN(2*block), s.rng.IntN(2) == 0
	want := slices.Clone(f.o.content)
	if !keep {
		want = resized(want, max(len(want), off+n))
	}
	clear(want[off:min(off+n, len(want))])
	return s.edit(f, fmt.Sprintf("zero %d+%d keep %v", off, n, keep), effect{content: want}, func() error {
		return f.h.Zero(int64(off), int64(n), keep)
	})
}

func (s *sim) sync(f *opened) error {
	return s.do(effect{desc: fmt.Sprintf("sync %.12q", f.o.at().name)}, f.h.Sync, func() {
		f.o.syncData()
		s.model.syncPath(f.o)
	})
}

// check reads the file as the running store shows it.
func (s *sim) check(f *opened) error {
	got, err := contentOfHandle(f.h)
	if err == nil && string(got) != string(f.o.content) {
		err = fmt.Errorf("%d bytes read back are not the %d that were written", len(got), len(f.o.content))
	}
	return err
}

func contentOfHandle(h *store.Handle) ([]byte, error) {
	a, err := h.Object().Attr()
	if err != nil {
		return nil, err
	}
	p := make([]byte, a.Size)
	n, err := h.ReadAt(p, 0)
	return p[:n], err
}
