package report

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"
)

// cellView is a cell as it is shown.
type cellView struct {
	Class string
	Parts []part
}

// tableView is a table with what is the same for all its rows.
type tableView struct {
	*Table
	Heads []headView
	Many  bool
	page  *page
}

// headView heads a column.
type headView struct{ Class, Title string }

func (p *page) table(t *Table) tableView {
	v := tableView{Table: t, Many: len(t.Columns) > manyColumns, page: p}
	for i, class := range p.columnClasses(t) {
		v.Heads = append(v.Heads, headView{class, t.Columns[i].Title})
	}
	return v
}

// Body gives the rows one by one, so that they are never all in memory as HTML.
func (v tableView) Body() iter.Seq[[]cellView] {
	return func(yield func([]cellView) bool) {
		row := make([]cellView, len(v.Columns))
		for _, cells := range v.Rows {
			for i, c := range v.Columns {
				row[i] = cellView{Class: v.Heads[i].Class}
				if i < len(cells) {
					row[i].Parts = v.page.value(c.Kind, cells[i])
				}
			}
			if !yield(row) {
				return
			}
		}
	}
}

// columnClass says how a column is set.
func columnClass(k Kind) string {
	switch k {
	case Number, Bytes, Percent, Ratio:
		return "n"
	case Moment, Date:
		return "t"
	case Seq:
		return "n q"
	case Hash:
		return "h"
	case Check:
		return "c"
	case Blank:
		return "b"
	}
	return "x"
}

// value shows a cell. Nothing is hidden: a value of another type than its kind says is shown as Go prints it.
func (p *page) value(k Kind, c Cell) []part {
	if c == nil || k == Blank {
		return nil
	}
	switch v := c.(type) {
	case int64:
		return parts(showInt(k, v))
	case float64:
		return parts(showFloat(k, v))
	case uint64:
		return parts(showSeq(v))
	case time.Time:
		return parts(p.showTime(k, v))
	case bool:
		return parts(p.T.YesNo[boolIndex(v)])
	case string:
		return parts(v)
	}
	return parts(fmt.Sprint(c))
}

func boolIndex(b bool) int {
	if b {
		return 1
	}
	return 0
}

func showInt(k Kind, n int64) string {
	if k == Bytes {
		return byteCount(n)
	}
	return thousands(n)
}

func showFloat(k Kind, f float64) string {
	switch k {
	case Percent:
		return strconv.FormatFloat(f, 'f', 1, 64) + " %"
	case Ratio:
		return strconv.FormatFloat(f, 'f', 1, 64) + " ×"
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

func showSeq(n uint64) string { return "#" + strconv.FormatUint(n, 10) }

func (p *page) showTime(k Kind, t time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case k == Date:
		return t.In(p.loc).Format(time.DateOnly)
	}
	return t.In(p.loc).Format(time.DateTime)
}

// thousands puts a comma between each three digits.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "−", s[1:]
	}
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return sign + b.String()
}

// byteCount shows a number of bytes with a unit of 1000s, three figures of it.
func byteCount(n int64) string {
	if n > -1000 && n < 1000 {
		return thousands(n) + " B"
	}
	f, unit := float64(n), -1
	for unit < len(byteUnits)-1 && (f >= 999.5 || f <= -999.5) {
		f /= 1000
		unit++
	}
	digits := 0
	switch {
	case f < 9.995 && f > -9.995:
		digits = 2
	case f < 99.95 && f > -99.95:
		digits = 1
	}
	return strings.Replace(strconv.FormatFloat(f, 'f', digits, 64), "-", "−", 1) + " " + byteUnits[unit:unit+1] + "B"
}

const byteUnits = "kMGTPE"
