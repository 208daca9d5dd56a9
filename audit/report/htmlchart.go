package report

import (
	"fmt"
	"math"
	"strconv"

	"matterfs/audit"
)

// chartView is a chart worked out: where everything stands, as SVG takes it. Lengths across are percentages, so that letters keep
// their size whatever the width of the screen; lengths down are pixels.
type chartView struct {
	Kind, ID, Title, Unit, Desc string
	Legend                      []swatch
	Bars                        []barView
	Plot                        *plotView
	Data                        *Table // the numbers as a table; nil: they stand in the chart
}

// Short says that a bar chart fits on a page and is not to be broken over two.
func (v *chartView) Short() bool { return len(v.Bars) > 0 && len(v.Bars) <= 20 }

// swatch explains a colour.
type swatch struct{ Class, Name string }

// box is a coloured rectangle. Tip is what it says of itself.
type box struct{ Class, X, Y, W, H, Tip string }

// mark is a word somewhere in a chart.
type mark struct{ Class, X, Y, Text string }

// maxSeries is how many colours there are that can be told apart, in grey and by those who see fewer colours. Further series are
// drawn as one; the table beside the chart has them all.
const maxSeries = 6

// chart works out the chart of a section. One without numbers is none.
func (p *page) chart(s Section) *chartView {
	c := s.Chart
	if c == nil || len(c.Labels) == 0 || len(c.Series) == 0 {
		return nil
	}
	v := &chartView{Kind: c.Kind, ID: "c-" + s.ID, Title: visible(c.Title), Unit: visible(c.Unit), Data: p.chartData(c)}
	v.Desc = p.describe(c)
	drawn := p.fold(c)
	switch c.Kind {
	case ChartBars:
		v.Bars = bars(drawn)
		if len(c.Series) == 1 {
			v.Data = nil
		}
	case ChartWeek:
		v.Plot, v.Legend = weekPlot(drawn, p.T.Scale)
		return v
	default:
		v.Kind = ChartColumns
		v.Plot = columns(drawn)
	}
	if len(drawn.Series) > 1 {
		for i, s := range drawn.Series {
			v.Legend = append(v.Legend, swatch{fill(i), visible(s.Name)})
		}
	}
	return v
}

// fold makes one of the series that there are no colours for.
func (p *page) fold(c *Chart) *Chart {
	if len(c.Series) <= maxSeries || c.Kind == ChartWeek {
		return c
	}
	rest := Series{Name: p.T.Other, Values: make([]float64, len(c.Labels))}
	for _, s := range c.Series[maxSeries-1:] {
		for i := range c.Labels {
			rest.Values[i] += s.at(i)
		}
	}
	folded := *c
	folded.Series = append(append([]Series(nil), c.Series[:maxSeries-1]...), rest)
	return &folded
}

// at is a value that can be drawn: what is missing, negative or no number counts as nothing.
func (s *Series) at(i int) float64 {
	if i >= len(s.Values) || !(s.Values[i] > 0) || math.IsInf(s.Values[i], 0) {
		return 0
	}
	return s.Values[i]
}

// stack is the height of all series at a label.
func (c *Chart) stack(i int) (sum float64) {
	for _, s := range c.Series {
		sum += s.at(i)
	}
	return sum
}

func (c *Chart) highest() (at int, most float64) {
	for i := range c.Labels {
		if sum := c.stack(i); sum > most {
			at, most = i, sum
		}
	}
	return at, most
}

// describe says in words what the picture shows, for those who do not see it.
func (p *page) describe(c *Chart) string {
	total := 0.0
	for i := range c.Labels {
		total += c.stack(i)
	}
	at, most := c.highest()
	format := "%d items, together %s. Highest: %s, %s."
	if p.T.Lang != "en" {
		format = "共 %d 项,合计 %s。最高:%s,%s。"
	}
	return fmt.Sprintf(format, len(c.Labels), amount(total), visible(c.Labels[at]), amount(most))
}

// chartData is the chart as a table, a row for each label; of a week, for each day.
func (p *page) chartData(c *Chart) *Table {
	t := &Table{Columns: []Column{{ID: "label", Title: p.T.Label, Kind: Text}}}
	names, side := seriesNames(c), c.Labels
	value := func(row, col int) float64 { return c.Series[col].at(row) }
	if c.Kind == ChartWeek {
		names, side = c.Labels, seriesNames(c)
		value = func(row, col int) float64 { return c.Series[row].at(col) }
	}
	for i, name := range names {
		t.Columns = append(t.Columns, Column{ID: strconv.Itoa(i), Title: name, Kind: Number})
	}
	for row, label := range side {
		cells := []Cell{label}
		for col := range names {
			cells = append(cells, amount(value(row, col)))
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}

func seriesNames(c *Chart) (names []string) {
	for _, s := range c.Series {
		names = append(names, s.Name)
	}
	return names
}

// amount shows a value of a chart: whole, or with two decimals.
func amount(f float64) string {
	if f == math.Trunc(f) && f < 1<<53 {
		return thousands(int64(f))
	}
	return strconv.FormatFloat(f, 'f', 2, 64)
}

// scale chooses the step of an axis, 1, 2 or 5 times a power of ten, so that at most five lines reach the highest value.
func scale(most float64) (step float64, lines int) {
	if most <= 0 {
		return 1, 1
	}
	power := math.Pow(10, math.Floor(math.Log10(most/5)))
	for _, f := range []float64{1, 2, 5, 10} {
		step = f * power
		if lines = int(math.Ceil(most/step - 1e-9)); lines <= 5 {
			break
		}
	}
	if step < 1 && most == math.Trunc(most) {
		return 1, int(most)
	}
	return step, lines
}

func fill(series int) string { return "f" + strconv.Itoa(series+1) }

func percent(f float64) string { return strconv.FormatFloat(f, 'f', 3, 64) + "%" }
func pixels(f float64) string  { return strconv.FormatFloat(f, 'f', 1, 64) }

// width is about how many pixels a text takes in a chart.
func width(s string) int { return audit.Columns(s) * 13 / 2 }

// shorten cuts a text to a width in pixels.
func shorten(s string, most int) string {
	if width(s) <= most {
		return s
	}
	px := 0
	for i, r := range s {
		if px += width(string(r)); px > most-12 {
			return s[:i] + "…"
		}
	}
	return s
}
