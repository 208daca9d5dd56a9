package report

import (
	"iter"
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

// value shows a cell, in the report's zone.
func (p *page) value(k Kind, c Cell) []part {
	if t, ok := c.(time.Time); ok && !t.IsZero() {
		c = t.In(p.loc)
	}
	if s := p.show(k, c); s != "" {
		return parts(s)
	}
	return nil
}
