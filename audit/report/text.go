package report

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"time"

	"matterfs/audit"
)

// textWords are what the text form says by itself, English and Chinese.
var textWords = texts{
	"period": {"Period", "期间"}, "first": {"the first record", "首条记录"}, "until": {"to before", "至(不含)"}, "made": {"Made", "制作"},
	"basis": {"Basis", "依据"}, "records": {"%s records", "%s 条记录"}, "span": {", #%d to #%d, hash of the last %s", ",#%d 至 #%d,末条哈希 %s"},
	"bad":   {"%d lines are no records, the first: %s", "%d 行不是记录,首处:%s"},
	"empty": {"(none)", "(无)"}, "left": {"%d more lines are left off", "另有 %d 行未列出"}, "query": {"audit query", "audit query"},
	"limits": {"What this report cannot show", "本报告不能说明"}, "sign": {"Name", "姓名"}, "date": {"Date", "日期"}, "row": {"line %d", "第 %d 行"},
	"facts": {"Facts", "事实"},
}

// WriteText writes a report for a terminal or a plain file. A table wider than width columns is written line by line with the columns one
// below the other; width 0: never. What users chose is escaped as audit.Escape does, so that it can neither move a cursor nor pass for
// something else.
func WriteText(w io.Writer, r *Report, width int) error {
	t := &textWriter{w: bufio.NewWriter(w), r: r, in: Input{Lang: r.Lang}, width: width}
	t.head()
	for i := range r.Sections {
		t.section(&r.Sections[i])
	}
	if len(r.Limits) > 0 {
		t.title(t.word("limits"), '-')
		for _, s := range r.Limits {
			t.line("- ", audit.Escape(s))
		}
	}
	return t.w.Flush()
}

type textWriter struct {
	w     *bufio.Writer // remembers the first error
	r     *Report
	in    Input
	width int
}

func (t *textWriter) word(key string, args ...any) string { return t.in.text(textWords, key, args...) }

func (t *textWriter) line(parts ...string) {
	for _, s := range parts {
		t.w.WriteString(s)
	}
	t.w.WriteByte('\n')
}

func (t *textWriter) title(s string, under byte) {
	s = audit.Escape(s)
	t.line()
	t.line(s)
	t.line(strings.Repeat(string(under), audit.Columns(s)))
}

// pair is a label and a value.
func (t *textWriter) pair(label, value string) {
	t.line(audit.Escape(label), ": ", audit.Escape(value))
}

func (t *textWriter) head() {
	r := t.r
	s := audit.Escape(r.Title)
	t.line(s)
	t.line(strings.Repeat("=", audit.Columns(s)))
	for _, p := range r.Params {
		t.pair(p.Label, p.Value)
	}
	from := t.word("first")
	if !r.From.IsZero() {
		from = r.From.Format(time.DateTime)
	}
	t.pair(t.word("period"), from+" "+t.word("until")+" "+r.Until.Format(time.DateTime)+" ("+r.Zone+")")
	t.pair(t.word("made"), r.Made.Format(time.DateTime))
	b := r.Basis
	text := t.word("records", thousands(int64(b.Records)))
	if b.Records > 0 {
		text += t.word("span", b.First, b.Last, b.LastHash)
	}
	t.pair(t.word("basis"), text)
	if b.Bad > 0 {
		t.line("! ", audit.Escape(t.word("bad", b.Bad, b.FirstBad)))
	}
	if b.Policies != "" {
		t.pair(t.word("facts"), b.Policies)
	}
}

func (t *textWriter) section(s *Section) {
	t.title(s.Title, '-')
	if s.Intro != "" {
		t.line(audit.Escape(s.Intro))
	}
	if s.Filter != "" {
		t.line(t.word("query"), " ", audit.Escape(quoteFilter(s.Filter)))
	}
	t.figures(s.Figures)
	if s.Chart != nil {
		t.chart(s.Chart)
	}
	if s.Table != nil {
		t.table(s.Table)
	}
	for _, who := range s.Sign {
		t.line()
		t.line(audit.Escape(who), "  ", t.word("sign"), " ", strings.Repeat("_", 24), "  ", t.word("date"), " ", strings.Repeat("_", 12))
	}
}

// quoteFilter is a filter as one argument of a shell.
func quoteFilter(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func (t *textWriter) figures(list []Figure) {
	wide, right := 0, 0
	for _, f := range list {
		wide = max(wide, audit.Columns(audit.Escape(f.Label)))
		right = max(right, audit.Columns(audit.Escape(t.r.show(f.Kind, f.Value))))
	}
	for _, f := range list {
		value := audit.Escape(t.r.show(f.Kind, f.Value))
		s := "  " + fit(audit.Escape(f.Label), wide, false) + "  " + fit(value, right, true)
		if f.Alarm {
			s += "  !"
		}
		if f.Note != "" {
			s += "  " + audit.Escape(f.Note)
		}
		t.line(strings.TrimRight(s, " "))
	}
}

// fit fills a text up to a number of columns.
func fit(s string, width int, right bool) string {
	pad := strings.Repeat(" ", max(0, width-audit.Columns(s)))
	if right {
		return pad + s
	}
	return s + pad
}

// rightAligned says how a column is set.
func rightAligned(k Kind) bool {
	return k == Number || k == Bytes || k == Percent || k == Ratio || k == Seq
}

// cells are what a row shows, escaped.
func (t *textWriter) cells(tab *Table, row []Cell) []string {
	out := make([]string, len(tab.Columns))
	for i, c := range tab.Columns {
		switch {
		case c.Kind == Blank:
			out[i] = strings.Repeat("_", 12)
		case i < len(row):
			out[i] = audit.Escape(t.r.show(c.Kind, row[i]))
		}
	}
	return out
}

func (t *textWriter) table(tab *Table) {
	if len(tab.Rows) == 0 {
		t.line("  ", t.word("empty"))
		return
	}
	widths, total := make([]int, len(tab.Columns)), 0
	for i, c := range tab.Columns {
		widths[i] = audit.Columns(audit.Escape(c.Title))
	}
	for _, row := range tab.Rows {
		for i, s := range t.cells(tab, row) {
			widths[i] = max(widths[i], audit.Columns(s))
		}
	}
	for _, n := range widths {
		total += n + 2
	}
	if t.width > 0 && total > t.width {
		t.blocks(tab)
	} else {
		t.grid(tab, widths)
	}
	if tab.Left > 0 {
		t.line("  ", t.word("left", tab.Left))
	}
}

func (t *textWriter) grid(tab *Table, widths []int) {
	head := make([]string, len(tab.Columns))
	for i, c := range tab.Columns {
		head[i] = audit.Escape(c.Title)
	}
	t.row(tab, widths, head)
	for i, n := range widths {
		head[i] = strings.Repeat("-", n)
	}
	t.row(tab, widths, head)
	for _, row := range tab.Rows {
		t.row(tab, widths, t.cells(tab, row))
	}
}

func (t *textWriter) row(tab *Table, widths []int, cells []string) {
	var b strings.Builder
	for i, s := range cells {
		b.WriteString("  " + fit(s, widths[i], rightAligned(tab.Columns[i].Kind)))
	}
	t.line(strings.TrimRight(b.String(), " "))
}

// blocks writes a table with the columns of a row one below the other.
func (t *textWriter) blocks(tab *Table) {
	wide := 0
	for _, c := range tab.Columns {
		wide = max(wide, audit.Columns(audit.Escape(c.Title)))
	}
	for n, row := range tab.Rows {
		t.line("  ", t.word("row", n+1))
		for i, s := range t.cells(tab, row) {
			if s != "" {
				t.line("    ", fit(audit.Escape(tab.Columns[i].Title), wide, false), "  ", s)
			}
		}
	}
}

// barColumns is how long a bar is at most.
const barColumns = 40

// chart draws bars, and columns as bars one below the other; the hours of a week are numbers in a grid.
func (t *textWriter) chart(c *Chart) {
	t.line("  ", audit.Escape(c.Title))
	if c.Kind == ChartWeek {
		t.weekGrid(c)
		return
	}
	most, wide := 0.0, 0
	for i, label := range c.Labels {
		wide, most = max(wide, audit.Columns(audit.Escape(label))), max(most, c.sum(i))
	}
	if len(c.Series) > 1 {
		for i, s := range c.Series {
			t.line("    ", string(barMarks[i%len(barMarks)]), " ", audit.Escape(s.Name))
		}
	}
	for i, label := range c.Labels {
		t.line(strings.TrimRight("    "+fit(audit.Escape(label), wide, false)+"  "+c.bar(i, most)+" "+digits(c.sum(i)), " "))
	}
}

// barMarks are the letters that bars are made of, one for each series.
const barMarks = "#+!o"

// sum is the height of all series at a label.
func (c *Chart) sum(i int) (sum float64) {
	for _, s := range c.Series {
		if i < len(s.Values) {
			sum += s.Values[i]
		}
	}
	return sum
}

// bar is a label's bar; the highest one has barColumns columns.
func (c *Chart) bar(i int, most float64) string {
	var b strings.Builder
	sum := 0.0
	for n, s := range c.Series {
		if i >= len(s.Values) || most == 0 {
			continue
		}
		sum += s.Values[i]
		length := int(sum/most*barColumns + 0.5)
		b.WriteString(strings.Repeat(string(barMarks[n%len(barMarks)]), max(0, length-b.Len())))
	}
	return b.String()
}

func digits(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func (t *textWriter) weekGrid(c *Chart) {
	wide, name := 2, 0
	for _, s := range c.Series {
		name = max(name, audit.Columns(s.Name))
		for _, v := range s.Values {
			wide = max(wide, len(digits(v)))
		}
	}
	row := func(label string, cell func(i int) string) {
		s := "    " + fit(label, name, false)
		for i := range c.Labels {
			s += " " + fit(cell(i), wide, true)
		}
		t.line(strings.TrimRight(s, " "))
	}
	row("", func(i int) string { return c.Labels[i] })
	for _, s := range c.Series {
		row(s.Name, func(i int) string {
			if i >= len(s.Values) || s.Values[i] == 0 {
				return "."
			}
			return digits(s.Values[i])
		})
	}
}
