package audit

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// candidates are the blocks that may hold records which the filter chooses, in order.
func (x *index) candidates(f *Filter) (list []int) {
	votes := make([]int, len(x.blocks))
	need := 0
	for i, field := range indexed() {
		for j := range f.terms {
			if t := &f.terms[j]; t.field == field && t.op == "=" {
				x.vote(i, t.values, votes, need)
				need++
			}
		}
	}
	for _, n := range x.broken {
		votes[n] = need
	}
	for n, v := range votes {
		if v == need && x.within(n, f) {
			list = append(list, n)
		}
	}
	return list
}

// within says that a block may hold records of the time asked for: it ends where the next one begins.
func (x *index) within(n int, f *Filter) bool {
	if !f.until.IsZero() && x.blocks[n].t >= f.until.UnixMicro() {
		return false
	}
	return f.since.IsZero() || n+1 == len(x.blocks) || x.blocks[n+1].t == 0 || x.blocks[n+1].t >= f.since.UnixMicro()
}

// vote raises the votes of the blocks that have one of the values, where all conditions before have given theirs.
func (x *index) vote(field int, values []string, votes []int, before int) {
	d := &decoder{b: x.raw}
	for i := range indexedFields {
		for range d.int() {
			v, list := d.bytes(), d.bytes()
			if i != field || d.bad || !slices.Contains(values, string(v)) {
				continue
			}
			run{b: list}.each(len(votes), func(n int) {
				if votes[n] == before {
					votes[n]++
				}
			})
		}
	}
}

// mark finds out what a line must contain to meet the condition.
func (t *term) mark() {
	if t.op != "=" {
		return
	}
	var list [][]byte
	for _, v := range t.values {
		switch {
		case v == "" || !utf8.ValidString(v) || strings.ContainsFunc(v, func(r rune) bool { return r < 0x20 || r == '"' || r == '\\' }):
			return
		case numeric(t.field):
			list = append(list, []byte(`"`+t.field+`":`+v))
		default:
			list = append(list, []byte(`"`+t.field+`":"`+v+`"`))
		}
	}
	t.marks = list
}

func numeric(field string) bool {
	return slices.Contains([]string{"seq", "uid", "auid", "ouid", "pid", "h"}, field)
}

// maybe is false for lines that the filter cannot choose, and spares most of them from being parsed. A line with escapes may write
// a value in another way.
func (f *Filter) maybe(line []byte) bool {
	for i := range f.terms {
		marks := f.terms[i].marks
		if marks == nil {
			continue
		}
		if !slices.ContainsFunc(marks, func(m []byte) bool { return bytes.Contains(line, m) }) {
			return escaped(line)
		}
	}
	return true
}

// escaped says that a value may be written in another way than as it stands.
func escaped(lines []byte) bool {
	return bytes.IndexByte(lines, '\\') >= 0 || bytes.Contains(lines, []byte(`_b64":`))
}

// rarest is a condition with marks, one that few lines meet if there is such; nil: none has marks.
func (f *Filter) rarest() (best *term) {
	for i := range f.terms {
		if t := &f.terms[i]; t.marks != nil && (best == nil || best.field == "res" || best.field == "ev") {
			best = t
		}
	}
	return best
}
