package store

import (
	"fmt"
	"syscall"
	"testing"
)

// Files are opened as long as enough descriptors are left for everything else; one
// more is refused, leaves nothing behind, and takes nothing from those that are open.
func TestTooManyOpenFiles(t *testing.T) {
	allowed := 400
	b := newBench(t, func(b *bench) { b.opts.Descriptors = func() int { return allowed } })
	b.write("old", []byte("old"))
	link, err := b.root.Symlink("link", "old", staff)
	must(t, err)
	defer link.Release()
	var open []*Handle
	for i := range 1000 {
		o, h, _, err := b.root.Create(fmt.Sprint(i), staff, true)
		if err != nil {
			wantErr(t, err, syscall.EMFILE)
			break
		}
		o.Release()
		open = append(open, h)
	}
	if len(open) != b.fds.openLimit() || len(open) < 16 || len(open) > allowed/4 {
		t.Fatalf("%d files are open, the limit is %d", len(open), b.fds.openLimit())
	}
	old := b.at("old")
	_, err = old.Open(false)
	wantErr(t, err, syscall.EMFILE)
	_, err = b.find(fmt.Sprint(len(open)))
	wantErr(t, err, syscall.ENOENT)
	b.mkdir("d")
	if s, err := link.Readlink(); err != nil || s != "old" {
		t.Errorf("the link leads to %q, %v", s, err)
	}
	for _, h := range open {
		_, err := h.WriteAt([]byte("new"), 0)
		must(t, err)
	}
	same, err := open[0].Object().Open(false) // needs no descriptor of its own
	must(t, err)
	must(t, same.Close())
	for _, h := range open {
		must(t, h.Close())
	}
	b.wantContent("old", []byte("old"))
	b.wantContent("3", []byte("new"))
	allowed = 4000
	if n := b.fds.openLimit(); n < 1000 {
		t.Errorf("with more descriptors %d files may be open", n)
	}
}
