package report

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"
)

//go:embed html/page.tmpl
var pageTemplate string

//go:embed html/page.css
var pageStyle string

// HTML writes a report as one HTML file that needs nothing else: no script, no font, no picture, and a content security policy that
// forbids every browser to fetch any. It is made to be read on a screen, light or dark, wide or narrow, and to be printed on A4.
//
// Whatever stands in a report is text: names cannot become markup, style or an address. Characters that a browser would not show, or
// that turn the direction of writing, are shown as \u{HEX}, bytes that are not UTF-8 as \xHH, both set off from the name itself.
//
// It writes while it goes: a table of 100,000 rows needs no more memory than a short one.
func HTML(w io.Writer, r *Report) error {
	p := &page{Report: r, T: htmlTexts(r.Lang), loc: r.Made.Location(), css: style(r)}
	t, err := template.New("page").Funcs(p.funcs()).Parse(pageTemplate)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(w, 64<<10)
	return errors.Join(t.Execute(b, p), b.Flush())
}

// page is a report on its way to HTML.
type page struct {
	*Report
	T   htmlText
	loc *time.Location // the report's zone, which Made is in
	css string
}

func (p *page) funcs() template.FuncMap {
	return template.FuncMap{
		"text": parts, "value": p.value, "table": p.table, "chart": p.chart, "moment": p.moment, "seq": showSeq,
		"count": func(n uint64) string { return thousands(int64(n)) }, "filters": filters, "shell": shellQuote,
	}
}

// Style is the style sheet.
func (p *page) Style() template.CSS { return template.CSS(p.css) }

// Policy allows this page its own style sheet, and nothing else at all.
func (p *page) Policy() string {
	sum := sha256.Sum256([]byte(p.css))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

// Period is what time the report is about.
func (p *page) Period() string {
	from, until := p.T.First, p.T.Last
	if !p.From.IsZero() {
		from = p.moment(p.From)
	}
	if !p.Until.IsZero() {
		until = p.moment(p.Until)
	}
	return from + " – " + until
}

// Contents says whether the report is long enough for a table of contents.
func (p *page) Contents() bool {
	rows := 0
	for _, s := range p.Sections {
		if s.Table != nil {
			rows += len(s.Table.Rows)
		}
	}
	return len(p.Sections) > 3 && rows > longReport
}

// FewParams says that the parameters stand in the header; many stand at the end.
func (p *page) FewParams() bool { return len(p.Params) <= headParams }

const (
	longReport = 40 // rows of tables
	headParams = 5
)

// block is what stands together on the page: one section, or two short charts of bars beside each other.
type block struct {
	Class    string
	Sections []Section
}

// Across says that a table has many columns, so that the report is printed on sheets turned across: all of it, for a change between
// two ways leaves sheets half empty.
func (p *page) Across() bool {
	return slices.ContainsFunc(p.Sections, func(s Section) bool { return s.Table != nil && len(s.Table.Columns) > manyColumns })
}

// Blocks are the sections as they stand on the page.
func (p *page) Blocks() (list []block) {
	for _, s := range p.Sections {
		last := len(list) - 1
		switch {
		case !half(&s):
			list = append(list, block{"", []Section{s}})
		case last >= 0 && list[last].Class == "half":
			list[last] = block{"pair", append(list[last].Sections, s)}
		default:
			list = append(list, block{"half", []Section{s}})
		}
	}
	return list
}

// half says that a section is a short chart of bars and nothing else.
func half(s *Section) bool {
	return s.Table == nil && s.Sign == nil && s.Figures == nil && s.Chart != nil && s.Chart.Kind == ChartBars && len(s.Chart.Labels) <= halfBars
}

// halfBars is how many bars are few.
const halfBars = 6

// filters are those of the figures of a section, each with its label.
func filters(s Section) (list []Param) {
	for _, f := range s.Figures {
		if f.Filter != "" {
			list = append(list, Param{Label: f.Label, Value: f.Filter})
		}
	}
	return list
}

// shellQuote makes a text one argument of a shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// moment is a time to the second; a day where it is the first moment of one.
func (p *page) moment(t time.Time) string {
	if t = t.In(p.loc); t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0 {
		return t.Format(time.DateOnly)
	}
	return t.Format(time.DateTime)
}

// style is the style sheet of a report: the same for all but for the line at the foot of each printed page, which names the report
// and the record it ends with, so that a sheet of paper tells what it belongs to.
func style(r *Report) string {
	foot := visible(r.Title)
	if r.Basis.LastHash != "" {
		foot += " · #" + fmt.Sprint(r.Basis.Last) + " " + visible(shortHash(r.Basis.LastHash))
	}
	return pageStyle + "@page{@bottom-left{content:" + cssString(foot) + "}}\n"
}

func shortHash(h string) string { return h[:min(12, len(h))] }

// cssString makes any text a string of CSS: all but ASCII letters and digits becomes \ and six hexadecimal digits (CSS Syntax,
// section 4.3.7), so nothing in it can end the string, the rule or the element.
func cssString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, c := range []rune(s) {
		switch {
		case i == footRunes:
			b.WriteString(`\002026`)
			return b.String() + `"`
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			b.WriteRune(c)
		default:
			fmt.Fprintf(&b, `\%06x`, c)
		}
	}
	return b.String() + `"`
}

// footRunes is how much fits at the foot of a page beside its number.
const footRunes = 60
