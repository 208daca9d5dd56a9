package report

import (
	"cmp"
	"slices"

	"matterfs/audit"
)

// Widths of a printed table in points: what an A4 page has between its margins, a letter's, and a column's at the least, where its
// texts wrap.
const (
	paperWidth  = 510
	letterWidth = 4.7
	cellPadding = 11
	wrapWidth   = 110
	manyColumns = 8 // more are set in smaller letters
)

// columnClasses says for each column how it is set. Columns of short texts keep them on one line, the shortest first, while the
// others have room enough on paper; the rest wrap, wherever they must.
func (p *page) columnClasses(t *Table) []string {
	classes := make([]string, len(t.Columns))
	need := make([]float64, len(t.Columns))
	order := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		classes[i], order[i] = columnClass(c.Kind), i
		need[i] = float64(p.longest(t, i))*letterWidth + cellPadding
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(need[a], need[b]) })
	used := 0.0
	for k, i := range order {
		if used += need[i]; used+float64(len(order)-k-1)*wrapWidth > paperWidth {
			break
		}
		classes[i] += " s"
	}
	return classes
}

// longest is how many letters the longest cell of a column has, its head included.
func (p *page) longest(t *Table, column int) int {
	c := t.Columns[column]
	most := audit.Columns(c.Title)
	switch c.Kind {
	case Moment:
		return max(most, len("2006-01-02 15:04:05"))
	case Date:
		return max(most, len("2006-01-02"))
	case Blank:
		return max(most, 10)
	}
	for _, row := range t.Rows {
		if column >= len(row) {
			continue
		}
		if s, ok := row[column].(string); ok && len(s) > paperWidth {
			return paperWidth
		}
		n := 0
		for _, part := range p.value(c.Kind, row[column]) {
			n += audit.Columns(part.Text)
		}
		most = max(most, n)
	}
	return most
}
