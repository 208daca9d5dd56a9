package report

// plotView is a field with an axis at its left: of columns, or of the squares of a week.
type plotView struct {
	AxisWidth, Height int
	Axis, Marks       []mark
	Lines             []string // heights of the lines across
	Boxes             []box
}

const (
	plotHeight = 190 // of the columns
	plotTop    = 18  // above them, for a value
	plotFoot   = 26  // below them, for the labels
	plotWide   = 560 // the field on paper; on a screen it is wider
	plotNarrow = 280 // the field on a telephone
	plotWidest = 9.0 // a column, in percent of the field
)

// columns makes a column for each label, the series on top of each other.
func columns(c *Chart) *plotView {
	_, most := c.highest()
	step, lines := scale(most)
	top := step * float64(lines)
	base := float64(plotTop + plotHeight)
	v := &plotView{Height: plotTop + plotHeight + plotFoot}
	for i := range lines + 1 {
		y := base - float64(i)/float64(lines)*plotHeight
		text := amount(step * float64(i))
		v.Lines = append(v.Lines, pixels(y))
		v.Axis = append(v.Axis, mark{Class: "e", X: "100%", Y: pixels(y + 4), Text: text})
		v.AxisWidth = max(v.AxisWidth, width(text)+6)
	}
	each := 100 / float64(len(c.Labels))
	wide, words := min(each*0.72, plotWidest), wordsOf(c, most)
	for i, label := range c.Labels {
		y := base
		for k := range c.Series {
			n := c.Series[k].at(i)
			if n == 0 {
				continue
			}
			h := max(n/top*plotHeight, 0.5)
			y -= h
			v.Boxes = append(v.Boxes, box{Class: fill(k), X: percent(each*(float64(i)+0.5) - wide/2), W: percent(wide), Y: pixels(y), H: pixels(h),
				Tip: tip(c, k, label, n)})
		}
		v.Marks = append(v.Marks, words.marks(c, i, each, y)...)
	}
	return v
}

// columnWords choose what is written in a field of columns.
type columnWords struct {
	every, narrow int // the labels that have room, and that have room on a telephone
	values        bool
}

func wordsOf(c *Chart, most float64) columnWords {
	widest := 0
	for _, label := range c.Labels {
		widest = max(widest, width(shorten(visible(label), plotWide/4)))
	}
	stride := func(field int) int {
		room := max(1, field/(widest+10))
		return (len(c.Labels) + room - 1) / room
	}
	every := stride(plotWide)
	return columnWords{every, (stride(plotNarrow) + every - 1) / every * every, width(amount(most))+4 < plotWide/len(c.Labels)}
}

// marks are the words of one column, whose top is at y: its label where there is room for it, and its value where all have room.
func (w *columnWords) marks(c *Chart, i int, each, y float64) (list []mark) {
	x := percent(each * (float64(i) + 0.5))
	if i%w.every == 0 {
		class := "m"
		if i%w.narrow != 0 {
			class = "m w"
		}
		list = append(list, mark{class, x, pixels(plotTop + plotHeight + 17), shorten(visible(c.Labels[i]), plotWide/4)})
	}
	if n := c.stack(i); n > 0 && w.values {
		list = append(list, mark{"v w", x, pixels(y - 5), amount(n)})
	}
	return list
}
