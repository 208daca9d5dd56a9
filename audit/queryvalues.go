package audit

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
)

// Values are all the values that records of the log have in a field that indexes know (matter, client, user, ev or res), sorted; the
// empty one stands for records that do not state it. Older segments are asked by their indexes, which are made where they are missing.
func Values(o QueryOptions, field string) ([]string, error) {
	names := indexed()
	at := slices.Index(names[:], field)
	if at < 0 {
		return nil, fmt.Errorf("no index knows the values of %q", field)
	}
	list, err := openLog(o.Dir)
	if err != nil {
		return nil, err
	}
	defer closeHeld(list)
	seen := map[string]bool{}
	for _, s := range list {
		q := &search{o: o, f: new(Filter), s: s}
		if err := q.fieldValues(at, seen); err != nil {
			return nil, err
		}
	}
	return slices.Sorted(maps.Keys(seen)), nil
}

// fieldValues asks the index of a segment, and reads what the index does not know.
func (q *search) fieldValues(field int, seen map[string]bool) error {
	f, err := q.s.file(q.o.Dir)
	if err != nil {
		return err
	}
	if q.s.held == nil {
		defer f.Close()
	}
	fi, err := f.Stat()
	switch {
	case err != nil:
		return err
	case !isGzip(f):
		x := q.known(f, fi.Size())
		if err := q.indexValues(x, field, seen); err != nil {
			return err
		}
		return q.readValues(io.NewSectionReader(f, x.size, fi.Size()-x.size), field, seen)
	case q.o.IndexDir == "":
		r, err := q.s.open(q.o.Dir)
		if err != nil {
			return err
		}
		defer r.Close()
		return q.readValues(r, field, seen)
	}
	x, err := q.index(f, false)
	if err != nil {
		return err
	}
	return q.indexValues(x, field, seen)
}

func (q *search) indexValues(x *index, field int, seen map[string]bool) error {
	if x.raw == nil {
		return nil // an index of nothing
	}
	d := &decoder{b: x.raw}
	for i := range indexedFields {
		for range d.int() {
			v, _ := d.bytes(), d.bytes()
			if i == field && !d.bad {
				seen[string(v)] = true
			}
		}
	}
	if d.bad {
		return fmt.Errorf("the index of %s cannot be read", q.s.name)
	}
	return nil
}

// readValues reads all lines of r. Those that are no records have no values.
func (q *search) readValues(r io.Reader, field int, seen map[string]bool) error {
	for split := newLines(r); ; {
		ln, err := split.next()
		if err == io.EOF || err == nil && ln.torn {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(q.o.Dir, q.s.name), err)
		}
		if values, _, ok := peekLine(ln.b); ok && !ln.long && !seen[string(values[field])] {
			seen[string(values[field])] = true
		}
	}
}
