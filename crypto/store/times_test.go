package store

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// TestTimesAreKept: tar and rsync write, set the time and close. Nothing that the store does to the file later may
// change it, whatever was written and however the session ends.
func TestTimesAreKept(t *testing.T) {
	then := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, write := range map[string]func(h *Handle) error{
		"small": func(h *Handle) error { _, err := h.WriteAt([]byte("一"), 0); return err },
		"two pieces": func(h *Handle) error {
			_, err := h.WriteAt(bytes.Repeat([]byte("1"), 10240), 0)
			if err == nil {
				_, err = h.WriteAt(bytes.Repeat([]byte("2"), 5000), 10240)
			}
			return err
		},
		"again": func(h *Handle) error {
			_, err := h.WriteAt(bytes.Repeat([]byte("1"), 9000), 0)
			if err == nil {
				err = h.Sync()
			}
			if err == nil {
				_, err = h.WriteAt(bytes.Repeat([]byte("2"), 9000), 100)
			}
			return err
		},
		"cut": func(h *Handle) error {
			_, err := h.WriteAt(bytes.Repeat([]byte("1"), 9000), 0)
			if err == nil {
				err = h.Truncate(5000)
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			o, h, _, err := b.root.Create("文件", NewAttr{Mode: 0o644}, true)
			must(t, err)
			must(t, write(h))
			_, err = o.SetAttr(SetAttr{Mtime: &then})
			must(t, err)
			check := func(when string) {
				t.Helper()
				a, err := o.Attr()
				must(t, err)
				if !a.Mtime.Equal(then) {
					t.Errorf("%s the time is %v", when, a.Mtime)
				}
			}
			check("at once")
			must(t, h.Sync())
			check("after a sync")
			must(t, h.Close())
			check("after the close")
			o.Release()
			b.reopen()
			if o, err = b.root.Lookup("文件"); err != nil {
				t.Fatal(err)
			}
			defer o.Release()
			check("after the store was opened again")
		})
	}
}

// TestCheckpointIsNoWrite: the time of a file is that of its last change, also while and after the journal is folded in.
func TestCheckpointIsNoWrite(t *testing.T) {
	b := newBench(t)
	b.write("文件", bytes.Repeat([]byte("1"), 20000))
	o := b.at("文件")
	defer o.Release()
	h, err := o.Open(true)
	must(t, err)
	_, err = h.WriteAt([]byte("2"), 5000)
	must(t, errors.Join(err, h.Sync()))
	before := mtime(t, o)
	o.file.freeze()
	err = o.file.checkpoint()
	o.file.thaw()
	must(t, err)
	if after := mtime(t, o); !after.Equal(before) {
		t.Errorf("a checkpoint moved the time by %v", after.Sub(before))
	}
	_, err = h.WriteAt([]byte("3"), 5000)
	must(t, err)
	written := mtime(t, o)
	if !written.After(before) {
		t.Error("a write into the journal did not move the time")
	}
	must(t, errors.Join(h.Truncate(19000), h.Close()))
	cut := mtime(t, o)
	if cut.Before(written) {
		t.Errorf("a cut moved the time back by %v", written.Sub(cut))
	}
	b.reopen()
	again := b.at("文件")
	defer again.Release()
	if last := mtime(t, again); !last.Equal(cut) {
		t.Errorf("the close moved the time by %v", last.Sub(cut))
	}
}

func mtime(t *testing.T, o *Object) time.Time {
	t.Helper()
	a, err := o.Attr()
	must(t, err)
	return a.Mtime
}
