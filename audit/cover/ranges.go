package cover

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MostRanges is how many ranges a total tells apart.
const MostRanges = 64

// Range is the bytes from From on, up to To, which is not included.
type Range struct {
	From, To int64
	Loose    bool // not all of them: several ranges that lie near each other
}

// ranges is a set of bytes: ascending, none touching another.
type ranges struct {
	list []Range
	last int // what was found or added last: reads and writes go on there
}

// find returns the first range that ends at or after off.
func (r *ranges) find(off int64) int {
	if r.last < len(r.list) && r.list[r.last].From <= off && off <= r.list[r.last].To {
		return r.last
	}
	i, _ := slices.BinarySearchFunc(r.list, off, func(have Range, off int64) int {
		if have.To < off {
			return -1
		}
		return 1
	})
	return i
}

// has tells whether all bytes from from to to are in the set.
func (r *ranges) has(from, to int64) bool {
	i := r.find(from)
	if i == len(r.list) || from < r.list[i].From || to > r.list[i].To {
		return false
	}
	r.last = i
	return true
}

// before is how long the range is that off lies in or follows, -1 when there is none.
func (r *ranges) before(off int64) int64 {
	i := r.find(off)
	if i == len(r.list) || off < r.list[i].From {
		return -1
	}
	return r.list[i].To - r.list[i].From
}

// add puts bytes in. What it touches becomes one range with it.
func (r *ranges) add(from, to int64) {
	if from >= to {
		return
	}
	i := r.find(from)
	made, end := Range{From: from, To: to}, i
	for ; end < len(r.list) && r.list[end].From <= to; end++ {
		have := r.list[end]
		made.Loose = made.Loose || have.Loose && (have.From < from || have.To > to)
		made.From, made.To = min(made.From, have.From), max(made.To, have.To)
	}
	r.last = i
	if end == i+1 {
		r.list[i] = made
		return
	}
	r.list = slices.Replace(r.list, i, end, made)
}

// limit makes one of the two ranges with the smallest gap between them, until there are at most most.
func (r *ranges) limit(most int) {
	for len(r.list) > most {
		near := 1
		for i := 2; i < len(r.list); i++ {
			if r.gap(i) < r.gap(near) {
				near = i
			}
		}
		r.list[near-1] = Range{r.list[near-1].From, r.list[near].To, true}
		r.list = slices.Delete(r.list, near, near+1)
		r.last = near - 1
	}
}

// gap is how many bytes are missing before range i.
func (r *ranges) gap(i int) int64 { return r.list[i].From - r.list[i-1].To }

// FormatRanges writes ranges as records have them: FROM-TO with TO not included, parted by commas, ~ before one that is loose.
func FormatRanges(list []Range) string {
	var b strings.Builder
	for i, r := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		if r.Loose {
			b.WriteByte('~')
		}
		b.WriteString(strconv.FormatInt(r.From, 10) + "-" + strconv.FormatInt(r.To, 10))
	}
	return b.String()
}

// ParseRanges reads what FormatRanges writes: ascending ranges, none empty, none touching the next.
func ParseRanges(s string) ([]Range, error) {
	var list []Range
	end := int64(-1)
	for part := range strings.SplitSeq(s, ",") {
		if s == "" {
			break
		}
		text, loose := strings.CutPrefix(part, "~")
		from, to, _ := strings.Cut(text, "-")
		r := Range{number(from), number(to), loose}
		if r.From <= end || r.To <= r.From {
			return nil, fmt.Errorf("%q: %q is no range that may follow what is before it", s, part)
		}
		end = r.To
		list = append(list, r)
	}
	return list, nil
}

// number reads a decimal number without sign or leading zero, -1 for anything else.
func number(s string) int64 {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || s[0] == '+' || s[0] == '0' && len(s) > 1 {
		return -1
	}
	return int64(n)
}
