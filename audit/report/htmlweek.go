package report

import (
	"math"
	"strconv"
)

const (
	squareHeight = 26
	weekTop      = 4
	shades       = 5
)

// weekPlot makes a field of squares, the darker the more, with the number in each. The shades are told beside it.
func weekPlot(c *Chart, unit string) (*plotView, []swatch) {
	most, whole := 0.0, true
	for i := range c.Series {
		for j := range c.Labels {
			n := c.Series[i].at(j)
			most, whole = max(most, n), whole && n == math.Trunc(n)
		}
	}
	foot := float64(weekTop + squareHeight*len(c.Series))
	v := &plotView{Height: weekTop + squareHeight*len(c.Series) + plotFoot}
	each := 100 / float64(len(c.Labels))
	for i := range c.Series {
		name := shorten(visible(c.Series[i].Name), 90)
		y := float64(weekTop + squareHeight*i)
		v.AxisWidth = max(v.AxisWidth, width(name)+6)
		v.Axis = append(v.Axis, mark{"e", "100%", pixels(y + squareHeight*0.66), name})
		for j, label := range c.Labels {
			n := c.Series[i].at(j)
			s := shade(n, most)
			v.Boxes = append(v.Boxes, box{Class: "s" + strconv.Itoa(s), X: percent(each*float64(j) + 0.1), W: percent(each - 0.2), Y: pixels(y + 1), H: pixels(squareHeight - 2),
				Tip: visible(c.Series[i].Name) + " " + visible(label) + ": " + amount(n)})
			if n > 0 && width(amount(n)) < plotWide/len(c.Labels)+4 {
				v.Marks = append(v.Marks, mark{"d w d" + strconv.Itoa(s), percent(each * (float64(j) + 0.5)), pixels(y + squareHeight*0.66), amount(n)})
			}
		}
	}
	for j, label := range c.Labels {
		class := "m"
		if j%3 != 0 {
			class = "m w"
		}
		v.Marks = append(v.Marks, mark{class, percent(each * (float64(j) + 0.5)), pixels(foot + 16), shorten(visible(label), 24)})
	}
	return v, weekLegend(most, whole, unit)
}

// shade is 0 for nothing and 1 to 5 for a fifth each of the most.
func shade(n, most float64) int {
	if n <= 0 || most <= 0 {
		return 0
	}
	return min(shades, int(math.Ceil(n/most*shades)))
}

// weekLegend tells the least and the most of each shade; of fractions, the most.
func weekLegend(most float64, whole bool, unit string) []swatch {
	list := []swatch{{"s0", unit + " 0"}}
	from := 1.0
	for s := 1; s <= shades && most > 0; s++ {
		to := most * float64(s) / shades
		name := "≤ " + amount(to)
		if whole {
			if to = math.Floor(to); to < from {
				continue
			}
			name = amount(from)
			if to > from {
				name += "–" + amount(to)
			}
		}
		list = append(list, swatch{"s" + strconv.Itoa(s), name})
		from = to + 1
	}
	return list
}
