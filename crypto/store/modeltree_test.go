package store

import (
	"strings"
	"syscall"
)

func (w *world) mkdir() {
	path := w.place()
	if strings.Count(path, "/") > 3 {
		return
	}
	dir, name := split(path)
	w.step("mkdir %q", path)
	d := w.b.at(dir)
	defer d.Release()
	o, err := d.Mkdir(name, staff)
	_, isFile := w.files[path]
	if taken := isFile || w.dirs[path]; taken != (err == syscall.EEXIST) || !taken && err != nil {
		w.fatalf("mkdir %q, taken %v: %v", path, taken, err)
	}
	if err == nil {
		o.Release()
		w.dirs[path] = true
	}
}

// detach makes handles of path keep their content without a name.
func (w *world) detach(path string) {
	for _, f := range w.open {
		if f.path == path {
			f.path, f.content = "", w.files[path]
		}
	}
	delete(w.files, path)
}

func (w *world) unlink() {
	path := w.place()
	dir, name := split(path)
	w.step("unlink %q", path)
	d := w.b.at(dir)
	defer d.Release()
	err := d.Unlink(name)
	_, isFile := w.files[path]
	switch {
	case w.dirs[path] && err == syscall.EISDIR, !isFile && err == syscall.ENOENT:
	case isFile && err == nil:
		w.detach(path)
	default:
		w.fatalf("unlink %q: %v", path, err)
	}
}

func (w *world) isEmpty(dir string) bool {
	for _, p := range append(sorted(w.files), sorted(w.dirs)...) {
		if strings.HasPrefix(p, dir+"/") {
			return false
		}
	}
	return true
}

func (w *world) rmdir() {
	path := w.place()
	dir, name := split(path)
	w.step("rmdir %q", path)
	d := w.b.at(dir)
	defer d.Release()
	err := d.Rmdir(name)
	_, isFile := w.files[path]
	switch {
	case isFile && err == syscall.ENOTDIR, !isFile && !w.dirs[path] && err == syscall.ENOENT:
	case w.dirs[path] && !w.isEmpty(path) && err == syscall.ENOTEMPTY:
	case w.dirs[path] && w.isEmpty(path) && err == nil:
		delete(w.dirs, path)
	default:
		w.fatalf("rmdir %q: %v", path, err)
	}
}

func (w *world) rename() {
	from, to, noReplace := w.place(), w.place(), w.r.IntN(4) == 0
	w.step("rename %q %q %v", from, to, noReplace)
	fd, fn := split(from)
	td, tn := split(to)
	d, e := w.b.at(fd), w.b.at(td)
	defer d.Release()
	defer e.Release()
	err := d.Rename(fn, e, tn, noReplace)
	if want := w.renameErr(from, to, noReplace); err != want {
		w.fatalf("rename: %v, want %v", err, want)
	}
	if err == nil && from != to {
		w.moved(from, to)
	}
}

func (w *world) renameErr(from, to string, noReplace bool) error {
	_, fromFile := w.files[from]
	_, toFile := w.files[to]
	fromDir, toDir := w.dirs[from], w.dirs[to]
	switch {
	case !fromFile && !fromDir:
		return syscall.ENOENT
	case noReplace && (toFile || toDir):
		return syscall.EEXIST
	case from == to:
		return nil
	case fromDir && strings.HasPrefix(to, from+"/"):
		return syscall.EINVAL
	case fromDir && toFile:
		return syscall.ENOTDIR
	case fromFile && toDir:
		return syscall.EISDIR
	case toDir && !w.isEmpty(to):
		return syscall.ENOTEMPTY
	}
	return nil
}

func (w *world) moved(from, to string) {
	if c, ok := w.files[from]; ok {
		w.detach(to)
		w.files[to] = c
		delete(w.files, from)
		w.follow(from, to)
		return
	}
	for _, p := range sorted(w.dirs) {
		if p == from || strings.HasPrefix(p, from+"/") {
			delete(w.dirs, p)
			w.dirs[to+p[len(from):]] = true
		}
	}
	for _, p := range sorted(w.files) {
		if strings.HasPrefix(p, from+"/") {
			w.files[to+p[len(from):]] = w.files[p]
			delete(w.files, p)
			w.follow(p, to+p[len(from):])
		}
	}
}

func (w *world) follow(from, to string) {
	for _, f := range w.open {
		if f.path == from {
			f.path = to
		}
	}
}
