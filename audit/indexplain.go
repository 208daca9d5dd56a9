package audit

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// learnBytes is how much an index of the live file must not know yet for a query to go on with it.
const learnBytes = 1 << 20

// plain looks through a segment that is not compressed: at the blocks of its index that may have something, then at all lines that the
// index does not know yet, which it learns. So the live file has an index too, of its first so many bytes.
func (q *search) plain(f *os.File) error {
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	size := fi.Size()
	x := q.known(f, size)
	if err := q.blocks(f, x, x.candidates(q.f)); err != nil {
		return err
	}
	var learn *indexer
	if left := size - x.size; q.o.IndexDir != "" && (left >= learnBytes || left > 0 && !q.s.live()) {
		learn = newIndexer(x)
		learn.cur.off = x.size
	}
	first := 0
	if x.size == 0 {
		first = 1
	}
	if err := q.stream(io.NewSectionReader(f, x.size, size-x.size), first, learn); err != nil || learn == nil {
		return err
	}
	if q.s.live() {
		learn.drop()
	} else {
		learn.end()
	}
	x.size = learn.cur.off
	if len(x.blocks) > 0 {
		q.built = true
		q.unkept = keepIndex(q.o.indexName(q.s), x.appendTo(nil))
	}
	return nil
}

// known is the index of the beginning of a plain segment; an empty one when there is none, or it is of another file.
func (q *search) known(f *os.File, size int64) *index {
	if q.o.IndexDir != "" {
		if x, ok := readIndex(q.o.indexName(q.s)); ok && x.begins(f, size) {
			return x
		}
	}
	return &index{direct: true}
}

// begins says that x is of the first bytes of a plain file of that size: its blocks lie one after the other, and the line that ends
// the last of them is the line which x ended with. The chain binds all lines before it: in a file that was cut and written anew
// another line stands there, or the chain is broken, which is for Verify to find.
func (x *index) begins(f *os.File, size int64) bool {
	off := int64(0)
	for _, k := range x.blocks {
		if k.off != off || k.size <= 0 || k.size > size-off {
			return false
		}
		off += k.size
	}
	return x.direct && off > 0 && off == x.size && x.ends(f)
}

func (o *QueryOptions) indexName(s segment) string {
	return filepath.Join(o.IndexDir, strings.TrimSuffix(s.name, ".gz")+".index")
}

// adopt gives the index of the live file to the segment that the file has become since.
func (o *QueryOptions) adopt(list []segment) {
	if o.IndexDir == "" {
		return
	}
	name := o.indexName(segment{name: LiveName})
	x, ok := readIndex(name)
	for i := len(list) - 1; ok && i >= 0 && i >= len(list)-3; i-- {
		s := list[i]
		if s.gz || !x.opens(o.Dir, s) {
			continue
		}
		to := o.indexName(s)
		if _, err := os.Stat(to); errors.Is(err, fs.ErrNotExist) {
			os.Rename(name, to) // else the index is made again, as when it was lost
		}
		return
	}
}

// opens is begins for a segment.
func (x *index) opens(dir string, s segment) bool {
	f, err := s.file(dir)
	if err != nil {
		return false
	}
	if s.held == nil {
		defer f.Close()
	}
	fi, err := f.Stat()
	return err == nil && !isGzip(f) && x.begins(f, fi.Size())
}
