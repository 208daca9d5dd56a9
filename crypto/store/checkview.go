package store

import (
	"syscall"
	"time"
)

// viewDir is a directory in which recovery can work without changing anything:
// what it writes stays in memory, as long as the view.
type viewDir struct {
	Dir
	made map[string]*viewFile
}

// viewFile is a file with what was written to it in memory.
type viewFile struct {
	File        // beneath; nil for one that was made here
	size  int64 // as it would be
	kept  int64 // so many bytes of the file beneath still show
	pages map[int64]*[viewPage]byte
}

const viewPage = 4096

var (
	_ Dir  = (*viewDir)(nil)
	_ File = (*viewFile)(nil)
)

func newViewFile(f File, size int64) *viewFile {
	return &viewFile{File: f, size: size, kept: size, pages: map[int64]*[viewPage]byte{}}
}

// OpenFile implements Dir.
func (d *viewDir) OpenFile(name string) (File, error) {
	if f := d.made[name]; f != nil {
		return f, nil
	}
	f, err := d.Dir.OpenFile(name)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	return newViewFile(f, st.Size), nil
}

// CreateFile implements Dir.
func (d *viewDir) CreateFile(name string) (File, error) {
	if _, err := d.Dir.StatAt(name); err == nil {
		return nil, syscall.EEXIST
	}
	f := newViewFile(nil, 0)
	if d.made == nil {
		d.made = map[string]*viewFile{}
	}
	d.made[name] = f
	return f, nil
}

// The rest of Dir changes nothing.

func (d *viewDir) Mkdir(string) error                     { return syscall.EROFS }
func (d *viewDir) Unlink(string) error                    { return nil }
func (d *viewDir) Rmdir(string) error                     { return syscall.EROFS }
func (d *viewDir) Rename(string, Dir, string, bool) error { return syscall.EROFS }
func (d *viewDir) Sync(bool) error                        { return nil }
func (d *viewDir) SetTimes(_, _ *time.Time) error         { return nil }
func (d *viewDir) SetXattr(string, []byte, int) error     { return syscall.EROFS }
func (d *viewDir) RemoveXattr(string) error               { return syscall.EROFS }
func (v *viewFile) Sync(bool) error                       { return nil }
func (v *viewFile) SetTimes(_, _ *time.Time) error        { return nil }
func (v *viewFile) SetXattr(string, []byte, int) error    { return syscall.EROFS }
func (v *viewFile) RemoveXattr(string) error              { return syscall.EROFS }
func (v *viewFile) Allocate(_, _ int64) error             { return nil }

// DropCache has nothing to forget: what is in memory is not the disk's.
func (v *viewFile) DropCache() error { return nil }

// Stat implements Node.
func (v *viewFile) Stat() (Stat, error) {
	if v.File == nil {
		return Stat{Type: TypeFile, Size: v.size}, nil
	}
	st, err := v.File.Stat()
	st.Size = v.size
	return st, err
}

// Close implements Node.
func (v *viewFile) Close() error {
	if v.File == nil {
		return nil
	}
	return v.File.Close()
}

// ReadAt implements File.
func (v *viewFile) ReadAt(p []byte, off int64) (int, error) {
	p = p[:max(0, min(int64(len(p)), v.size-off))]
	beneath := p[:max(0, min(int64(len(p)), v.kept-off))]
	n := 0
	if len(beneath) > 0 {
		var err error
		if n, err = v.File.ReadAt(beneath, off); err != nil {
			return n, err
		}
	}
	clear(p[n:])
	if len(v.pages) == 0 {
		return len(p), nil
	}
	for at := off / viewPage; at*viewPage < off+int64(len(p)); at++ {
		if page := v.pages[at]; page != nil {
			copyPage(p, off, page[:], at*viewPage)
		}
	}
	return len(p), nil
}

// copyPage copies what src, which begins at from, has of dst, which begins at to.
func copyPage(dst []byte, to int64, src []byte, from int64) {
	if from < to {
		src = src[to-from:]
	} else {
		dst = dst[from-to:]
	}
	copy(dst, src)
}

// WriteAt implements File.
func (v *viewFile) WriteAt(p []byte, off int64) (int, error) {
	end := off + int64(len(p))
	for at := off / viewPage; at*viewPage < end; at++ {
		page := v.pages[at]
		if page == nil {
			page = new([viewPage]byte)
			if _, err := v.ReadAt(page[:], at*viewPage); err != nil {
				return 0, err
			}
			v.pages[at] = page
		}
		copyPage(page[:], at*viewPage, p, off)
	}
	v.size = max(v.size, end)
	return len(p), nil
}

// Truncate implements File.
func (v *viewFile) Truncate(size int64) error {
	v.size, v.kept = size, min(v.kept, size)
	for at, page := range v.pages {
		if at*viewPage >= size {
			delete(v.pages, at)
		} else if rest := size - at*viewPage; rest < viewPage {
			clear(page[rest:])
		}
	}
	return nil
}
