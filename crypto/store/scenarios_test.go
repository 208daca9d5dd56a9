package store

import (
	"errors"
	"strings"
)

// scenario is one operation that is killed at each of its steps. before and
// after are the trees that may be found then; a tree is path -> content, a
// directory's content is "/".
type scenario struct {
	name   string
	before map[string]string
	run    func(b *bench) error
	after  []map[string]string // any of them, besides before
}

var (
	bigOld  = strings.Repeat("old content 0123", 1000) // 16000 bytes, 4 blocks, the last one partial
	bigNew  = strings.Repeat("NEW CONTENT abcd", 1000)
	longOne = strings.Repeat("长", 85)
)

func inDir(dir string, f func(d *Object) error) func(b *bench) error {
	return func(b *bench) error {
		d, err := b.find(dir)
		if err != nil {
			return err
		}
		defer d.Release()
		return f(d)
	}
}

func renaming(from, to string) func(b *bench) error {
	return func(b *bench) error {
		fd, fn := split(from)
		td, tn := split(to)
		return inDir(fd, func(d *Object) error {
			return inDir(td, func(e *Object) error { return d.Rename(fn, e, tn, false) })(b)
		})(b)
	}
}

func editing(f func(h *Handle) error) func(b *bench) error {
	return inDir("", func(d *Object) error {
		o, h, _, err := d.Create("f", staff, false)
		if err != nil {
			return err
		}
		defer o.Release()
		return errors.Join(f(h), h.Close())
	})
}

func cutting(n uint64) func(h *Handle) error {
	return func(h *Handle) error { return h.Truncate(n) }
}

func treeOf(kv ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = kv[i+1]
	}
	return m
}

func oneOf(m ...map[string]string) []map[string]string { return m }

func scenarios() []scenario { return append(contentScenarios(), treeScenarios()...) }

func contentScenarios() []scenario {
	return []scenario{
		{"create", treeOf(), editing(func(h *Handle) error { return nil }), oneOf(treeOf("f", ""))},
		{"create long", treeOf(), inDir("", func(d *Object) error {
			_, h, _, err := d.Create(longOne, staff, true)
			if err != nil {
				return err
			}
			return h.Close()
		}), oneOf(treeOf(longOne, ""))},
		{"first write", treeOf("f", ""), editing(func(h *Handle) error {
			_, err := h.WriteAt([]byte(bigNew), 0)
			return err
		}), oneOf(treeOf("f", bigNew))},
		{"append", treeOf("f", bigOld), editing(func(h *Handle) error {
			_, _, err := h.Append([]byte(bigNew))
			return err
		}), oneOf(treeOf("f", bigOld+bigNew), treeOf("f", bigOld+bigNew[:384]))},
		{"synced append", treeOf("f", bigOld), editing(func(h *Handle) error {
			_, _, err := h.Append([]byte(bigNew))
			return errors.Join(err, h.Sync())
		}), oneOf(treeOf("f", bigOld+bigNew), treeOf("f", bigOld+bigNew[:384]))},
		{"overwrite", treeOf("f", bigOld), editing(func(h *Handle) error {
			_, err := h.WriteAt([]byte(bigNew[:8192]), 4096)
			return err
		}), oneOf(treeOf("f", bigOld[:4096]+bigNew[:8192]+bigOld[12288:]), treeOf("f", bigOld[:4096]+bigNew[:4096]+bigOld[8192:]))},
		{"synced overwrite and cut", treeOf("f", bigOld), editing(func(h *Handle) error {
			_, err := h.WriteAt([]byte(bigNew[:100]), 0)
			return errors.Join(err, h.Sync(), h.Truncate(5000))
		}), oneOf(treeOf("f", bigNew[:100]+bigOld[100:5000]), treeOf("f", bigNew[:100]+bigOld[100:]), treeOf("f", bigOld[:5000]))},
		{"grow", treeOf("f", bigOld), editing(cutting(20000)), oneOf(treeOf("f", bigOld+strings.Repeat("\x00", 4000)))},
		{"shrink inside a block", treeOf("f", bigOld), editing(cutting(5000)), oneOf(treeOf("f", bigOld[:5000]))},
		{"shrink to a block", treeOf("f", bigOld), editing(cutting(8192)), oneOf(treeOf("f", bigOld[:8192]))},
		{"empty", treeOf("f", bigOld), editing(cutting(0)), oneOf(treeOf("f", ""))},
	}
}

func treeScenarios() []scenario {
	return []scenario{
		{"mkdir", treeOf(), inDir("", func(d *Object) error { _, err := d.Mkdir("d", staff); return err }), oneOf(treeOf("d", "/"))},
		{"mkdir long", treeOf(), inDir("", func(d *Object) error { _, err := d.Mkdir(longOne, staff); return err }),
			oneOf(treeOf(longOne, "/"))},
		{"symlink", treeOf(), inDir("", func(d *Object) error { _, err := d.Symlink("l", "target", staff); return err }),
			oneOf(treeOf("l", "->target"))},
		{"unlink", treeOf("f", bigOld), inDir("", func(d *Object) error { return d.Unlink("f") }), oneOf(treeOf())},
		{"unlink long", treeOf(longOne, "x"), inDir("", func(d *Object) error { return d.Unlink(longOne) }), oneOf(treeOf())},
		{"rmdir", treeOf("d", "/"), inDir("", func(d *Object) error { return d.Rmdir("d") }), oneOf(treeOf())},
		{"rename", treeOf("f", bigOld), renaming("f", "g"), oneOf(treeOf("g", bigOld))},
		{"rename while it is overwritten", treeOf("f", bigOld), editing(func(h *Handle) error {
			_, err := h.WriteAt([]byte(bigNew), 0)
			d := h.Object().parent
			return errors.Join(err, d.Rename("f", d, "g", false))
		}), oneOf(treeOf("g", bigNew), treeOf("f", bigNew), treeOf("g", bigOld))},
		{"replace while it is overwritten", treeOf("f", bigOld, "g", "NEW"), editing(func(h *Handle) error {
			_, err := h.WriteAt([]byte(bigNew), 0)
			d := h.Object().parent
			return errors.Join(err, d.Rename("g", d, "f", false))
		}), oneOf(treeOf("f", "NEW"), treeOf("f", bigNew, "g", "NEW"))},
		{"rename to long", treeOf("f", "x"), renaming("f", longOne), oneOf(treeOf(longOne, "x"))},
		{"rename over", treeOf("f", "new", "g", bigOld), renaming("f", "g"), oneOf(treeOf("g", "new"))},
		{"move file", treeOf("f", bigOld, "d", "/"), renaming("f", "d/g"), oneOf(treeOf("d", "/", "d/g", bigOld))},
		{"move file over", treeOf("f", "new", "d", "/", "d/g", "old"), renaming("f", "d/g"), oneOf(treeOf("d", "/", "d/g", "new"))},
		{"rename folder", treeOf("d", "/", "d/f", "x"), renaming("d", "e"), oneOf(treeOf("e", "/", "e/f", "x"))},
		{"move folder", treeOf("d", "/", "d/f", "x", "e", "/"), renaming("d", "e/d"), oneOf(treeOf("e", "/", "e/d", "/", "e/d/f", "x"))},
		{"folder over folder", treeOf("d", "/", "d/f", "x", "e", "/"), renaming("d", "e"),
			oneOf(treeOf("e", "/", "e/f", "x"), treeOf("d", "/", "d/f", "x"))},
		{"chmod", treeOf("f", bigOld, "d", "/"), inDir("", func(d *Object) error {
			m := uint32(0o600)
			f, err := d.Lookup("f")
			if err != nil {
				return err
			}
			_, err = f.SetAttr(SetAttr{Mode: &m})
			_, err2 := d.SetAttr(SetAttr{Mode: &m})
			return errors.Join(err, err2)
		}), nil},
	}
}
