//go:build kills

package killtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The two names between which a worker's subfolder goes, and the names of its files.
const dirA, dirB = "卷", "卷二"

var plainNames = []string{"合同.docx", "证据.pdf", "笔记.txt", "~tmp"}

// Sizes in bytes. One write in four is long, so that many kills land inside one.
const maxFile, maxShort, maxLong = 1 << 20, 3 * blockSize, 512 << 10

// worker is one person's process: it works in its folder until the drive goes away.
type worker struct {
	root string
	out  *json.Encoder
	r    *rand.Rand
	m    model
	open map[string]*os.File
}

// runWorker works until the drive fails.
func runWorker(root string, seed uint64) error {
	w := &worker{root: root, out: json.NewEncoder(os.Stdout), r: rand.New(rand.NewPCG(seed, 1)), open: map[string]*os.File{}}
	var err error
	if w.m, err = scan(root); err != nil {
		return w.out.Encode(line{Ended: err.Error()})
	}
	for {
		o := w.choose()
		if err := w.out.Encode(line{Begin: &o}); err != nil {
			return err // nobody listens
		}
		got, wrong, err := w.do(o)
		switch {
		case err != nil:
			return w.out.Encode(line{Ended: fmt.Sprintf("%s: %v", o, err)})
		case wrong != "":
			return w.out.Encode(line{Wrong: wrong})
		}
		w.m.apply(o)
		if err := w.out.Encode(line{Done: true, Got: got}); err != nil {
			return err
		}
	}
}

// choose makes up the next step. What changes content is followed by fsync often, as editors do.
func (w *worker) choose() op {
	names := w.m.names()
	if len(names) == 0 || len(names) < 5 && w.r.IntN(4) == 0 {
		return op{Kind: create, Name: w.freeName()}
	}
	o := op{Name: names[w.r.IntN(len(names))], Seed: w.r.Uint64()}
	size := int64(len(w.m.files[o.Name]))
	switch n := w.r.IntN(100); {
	case n < 30:
		o.Kind, o.Off, o.Len = write, w.r.Int64N(size+1), 1+w.r.Int64N(maxShort)
		if w.r.IntN(4) == 0 {
			o.Len = 1 + w.r.Int64N(maxLong)
		}
		if w.r.IntN(2) == 0 {
			o.Off = o.Off / blockSize * blockSize
		}
		if o.Off+o.Len > maxFile {
			o.Off = 0
		}
	case n < 68:
		o.Kind = fsync
	case n < 76:
		o.Kind, o.Off, o.Len = read, w.r.Int64N(size+1), 1+w.r.Int64N(4*blockSize)
	case n < 80:
		o.Kind, o.Len = truncate, w.r.Int64N(min(2*size+1, maxFile))
	case n < 90:
		o.Kind, o.To = rename, w.anyName(o.Name)
	case n < 93:
		o.Kind = unlink
	case n < 95:
		o.Kind, o.Name, o.To = renameDir, w.m.dir, otherDir(w.m.dir)
	default:
		o.Kind = closing
	}
	return o
}

func otherDir(name string) string {
	if name == dirA {
		return dirB
	}
	return dirA
}

// allNames are the places where a file may be.
func (w *worker) allNames() []string {
	list := slices.Clone(plainNames)
	return append(list, w.m.dir+"/鉴定.txt", w.m.dir+"/附件.bin")
}

func (w *worker) freeName() string {
	free := slices.DeleteFunc(w.allNames(), func(n string) bool { _, taken := w.m.files[n]; return taken })
	return free[w.r.IntN(len(free))]
}

func (w *worker) anyName(but string) string {
	list := slices.DeleteFunc(w.allNames(), func(n string) bool { return n == but })
	return list[w.r.IntN(len(list))]
}

// do carries out one step. wrong is a false answer of the drive.
func (w *worker) do(o op) (got int64, wrong string, err error) {
	switch o.Kind {
	case create:
		f, err := os.OpenFile(w.path(o.Name), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o660)
		w.open[o.Name] = f
		return 0, "", err
	case unlink:
		w.forget(o.Name)
		return 0, "", os.Remove(w.path(o.Name))
	case rename:
		replaced := w.open[o.To] // stays open until it has no name any more
		err := os.Rename(w.path(o.Name), w.path(o.To))
		delete(w.open, o.To)
		w.follow(o.Name, o.To)
		if replaced != nil && err == nil {
			err = replaced.Close()
		}
		return 0, "", err
	case renameDir:
		err := os.Rename(w.path(o.Name), w.path(o.To))
		for name := range w.open {
			if rest, ok := strings.CutPrefix(name, o.Name+"/"); ok {
				w.follow(name, o.To+"/"+rest)
			}
		}
		return 0, "", err
	case closing:
		return 0, "", w.forget(o.Name)
	}
	return w.onFile(o)
}

// onFile is a step that needs an open file.
func (w *worker) onFile(o op) (got int64, wrong string, err error) {
	f, err := w.file(o.Name)
	if err != nil {
		return 0, "", err
	}
	switch o.Kind {
	case write:
		_, err = f.WriteAt(content(o.Seed, o.Len), o.Off)
	case fsync:
		err = f.Sync()
	case truncate:
		err = f.Truncate(o.Len)
	case read:
		return w.read(f, o)
	}
	return 0, "", err
}

func (w *worker) read(f *os.File, o op) (int64, string, error) {
	b := make([]byte, o.Len)
	n, err := f.ReadAt(b, o.Off)
	if err != nil && err != io.EOF {
		return 0, "", err
	}
	all := w.m.files[o.Name]
	if want := all[min(o.Off, int64(len(all))):min(o.Off+o.Len, int64(len(all)))]; !bytes.Equal(b[:n], want) {
		return 0, fmt.Sprintf("%s: %d bytes that are not those that were written (%d)", o, n, len(want)), nil
	}
	return int64(n), "", nil
}

func (w *worker) path(name string) string { return filepath.Join(w.root, name) }

func (w *worker) file(name string) (*os.File, error) {
	if f := w.open[name]; f != nil {
		return f, nil
	}
	f, err := os.OpenFile(w.path(name), os.O_RDWR, 0)
	if err == nil {
		w.open[name] = f
	}
	return f, err
}

func (w *worker) forget(name string) error {
	f := w.open[name]
	delete(w.open, name)
	if f == nil {
		return nil
	}
	return f.Close()
}

func (w *worker) follow(name, to string) {
	if f := w.open[name]; f != nil {
		w.open[to] = f
		delete(w.open, name)
	}
}

// scan reads a whole folder.
func scan(root string) (model, error) {
	m := model{files: map[string][]byte{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if d.IsDir() {
			if m.dir != "" {
				return fmt.Errorf("two folders, %s and %s", m.dir, name)
			}
			m.dir = name
			return nil
		}
		m.files[name], err = os.ReadFile(path)
		return err
	})
	if err == nil && m.dir == "" {
		err = fmt.Errorf("%s has no subfolder", root)
	}
	return m, err
}
