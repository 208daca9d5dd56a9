package report

// barView is one row of a bar chart: what it is of, its pieces and its value in figures.
type barView struct {
	Label []part
	Boxes []box
	Value string
}

// bars makes a row for each label: a table, whose labels wrap and whose rows go over pages, with a picture in each row.
func bars(c *Chart) (list []barView) {
	_, most := c.highest()
	if most == 0 {
		most = 1
	}
	for i, label := range c.Labels {
		b := barView{Label: parts(label), Value: amount(c.stack(i))}
		x := 0.0
		for k := range c.Series {
			v := c.Series[k].at(i)
			if v == 0 {
				continue
			}
			w := v / most * 100
			b.Boxes = append(b.Boxes, box{Class: fill(k), X: percent(x), W: percent(w), Y: "0", H: "100%", Tip: tip(c, k, label, v)})
			x += w
		}
		list = append(list, b)
	}
	return list
}

// tip is what a piece of a chart says of itself.
func tip(c *Chart, series int, label string, v float64) string {
	s := visible(label)
	if len(c.Series) > 1 {
		s += " · " + visible(c.Series[series].Name)
	}
	s += ": " + amount(v)
	if c.Unit != "" {
		s += " " + visible(c.Unit)
	}
	return s
}
