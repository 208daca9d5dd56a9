package report

import (
	"cmp"
	"slices"

	"matterfs/audit"
)

// sheet is what a table has on paper, in points: between the margins, for a letter, around a text, and for a column whose texts wrap
// at the least. A table of many columns is set in smaller letters, and the report
// printed across.
type sheet struct{ wide, letter, padding, wrap float64 }

const manyColumns = 8

func sheetOf(t *Table) sheet {
	if len(t.Columns) > manyColumns {
		return sheet{wide: 757, letter: 4.3, padding: 8, wrap: 84}
	}
	return sheet{wide: 510, letter: 4.7, padding: 11, wrap: 110}
}

// columnClasses says for each column how it is set. Columns of short texts keep them on one line, the shortest first, while the
// others have room enough on paper; the rest wrap, wherever they must.
func (p *page) columnClasses(t *Table) []string {
	classes := make([]string, len(t.Columns))
	need := make([]float64, len(t.Columns))
	order := make([]int, len(t.Columns))
	on := sheetOf(t)
	wrap := min(on.wrap, 0.7*on.wide/float64(len(order)))
	for i, c := range t.Columns {
		classes[i], order[i] = columnClass(c.Kind), i
		need[i] = float64(p.longest(t, i))*on.letter + on.padding
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(need[a], need[b]) })
	used := 0.0
	for k, i := range order {
		if used += need[i]; need[i] > on.wide/5 || used+float64(len(order)-k-1)*wrap > on.wide {
			break
		}
		classes[i] += " s"
	}
	return classes
}

// longText is a text that is never set on one line.
const longText = 400

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
		if s, ok := row[column].(string); ok && len(s) > longText {
			return longText
		}
		n := 0
		for _, part := range p.value(c.Kind, row[column]) {
			n += audit.Columns(part.Text)
		}
		most = max(most, n)
	}
	return most
}
