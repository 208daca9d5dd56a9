package store

import (
	"sync"
	"testing"
)

// Moves grows with each path that changes, that of what lies below too, and with nothing else.
func TestMoves(t *testing.T) {
	b := newBench(t)
	dir, err := b.root.Mkdir("卷", NewAttr{Mode: 0o770})
	must(t, err)
	o, h, _, err := dir.Create("文件", NewAttr{Mode: 0o640}, true)
	must(t, err)
	_, other, _, err := b.root.Create("旧", NewAttr{Mode: 0o640}, true)
	must(t, err)
	for _, c := range []struct {
		what  string
		do    func() error
		moves uint64
		path  string
	}{
		{"write", func() error { _, err := h.WriteAt([]byte("一"), 0); return err }, 0, "卷/文件"},
		{"rename", func() error { return dir.Rename("文件", b.root, "旧", false) }, 1, "旧"},
		{"rename back", func() error { return b.root.Rename("旧", dir, "文件", false) }, 1, "卷/文件"},
		{"rename of the folder", func() error { return b.root.Rename("卷", b.root, "卷二", false) }, 1, "卷二/文件"},
		{"a rename that fails", func() error { _ = b.root.Rename("无", b.root, "卷三", false); return nil }, 0, "卷二/文件"},
		{"unlink", func() error { return dir.Unlink("文件") }, 0, "卷二/文件"},
	} {
		before := b.Moves()
		must(t, c.do())
		if got := b.Moves() - before; got != c.moves || o.Path() != c.path {
			t.Errorf("%s: %d moves, the path is %s", c.what, got, o.Path())
		}
	}
	must(t, h.Close())
	must(t, other.Close())
	if h.Size() != 0 {
		t.Error("a closed handle has a size")
	}
}

// Whoever sees the new path sees that something moved.
func TestMovesAreSeenBeforeThePath(t *testing.T) {
	b := newBench(t)
	o, h, _, err := b.root.Create("a", NewAttr{Mode: 0o640}, true)
	must(t, err)
	defer h.Close()
	var all sync.WaitGroup
	stop := make(chan struct{})
	all.Go(func() {
		defer close(stop)
		for range 200 {
			if b.root.Rename("a", b.root, "b", false) != nil || b.root.Rename("b", b.root, "a", false) != nil {
				t.Error("rename failed")
			}
		}
	})
	for {
		select {
		case <-stop:
			all.Wait()
			return
		default:
		}
		before := b.Moves()
		first := o.Path()
		second := o.Path()
		if b.Moves() == before && first != second {
			t.Fatalf("the path went from %s to %s without a move", first, second)
		}
	}
}
