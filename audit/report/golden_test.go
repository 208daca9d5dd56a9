package report

import (
	"bytes"
	"encoding/csv"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"matterfs/audit"
)

var update = flag.Bool("update", false, "write the golden files anew")

// What each report says of a small log, in the forms that are compared: text in both languages, a table and JSON in one each.
func TestGolden(t *testing.T) {
	dir := story().write(t, 100)
	for name, params := range map[string]map[string]string{
		"matter": {"matter": "2026-0100"}, "user": {"user": "chen.jie"}, "client": {"client": "C0090"}, "denied": nil, "wall": nil,
		"sample": {"n": "2", "by": "level", "seed": "half-year-2"},
	} {
		for _, lang := range []string{"zh", "en"} {
			in := input(dir, lang, params)
			in.From, in.Facts = time.Date(2026, 11, 1, 0, 0, 0, 0, firmZone), someFacts()
			rep := mustMake(t, name, in)
			forms := map[string]func(io.Writer) error{
				"txt": func(w io.Writer) error { return WriteText(w, rep, 0) }, "csv": func(w io.Writer) error { return WriteCSV(w, rep, "") },
				"json": func(w io.Writer) error { return WriteJSON(w, rep) },
			}
			for ending, write := range forms {
				var b bytes.Buffer
				if err := write(&b); err != nil {
					t.Fatal(err)
				}
				golden(t, name+"."+lang+"."+ending, b.Bytes())
			}
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) {
		return
	}
	a, b := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	for i := range min(len(a), len(b)) {
		if !bytes.Equal(a[i], b[i]) {
			t.Errorf("%s:%d:\n got %s\nwant %s", name, i+1, a[i], b[i])
			return
		}
	}
	t.Errorf("%s: %d lines, want %d", name, len(a), len(b))
}

// odd is a report in which people chose every text.
func odd(evil string) *Report {
	return &Report{Name: "odd", Lang: "en", Title: evil, Params: []Param{{"k", evil, evil}}, Basis: Basis{Bad: 1, FirstBad: evil, Policies: evil}, Zone: evil, Limits: []string{evil},
		Sections: []Section{{ID: "a", Title: evil, Intro: evil, Filter: evil, Sign: []string{evil},
			Figures: []Figure{{ID: "f", Label: evil, Value: evil, Kind: Text, Note: evil}},
			Chart:   &Chart{Kind: ChartBars, Title: evil, Labels: []string{evil, "x"}, Series: []Series{{evil, []float64{1, 2}}, {evil, []float64{3}}}},
			Table:   &Table{Columns: []Column{{"c", evil, Text}, {"b", "b", Blank}}, Rows: [][]Cell{{evil, nil}, {evil}}, Left: 3}}}}
}

// Nothing that somebody chose may act on the terminal of whoever reads the report.
func TestTextIsSafeOnATerminal(t *testing.T) {
	for _, width := range []int{0, 20} {
		var b bytes.Buffer
		if err := WriteText(&b, odd("a\x1b[2J\r\u202e\u0085\xff\tz"), width); err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(b.String(), "\n") {
			if line != audit.Escape(line) && strings.ReplaceAll(line, `\`, "") != audit.Escape(strings.ReplaceAll(line, `\`, "")) {
				t.Errorf("width %d: %q", width, line)
			}
		}
		if n := strings.Count(b.String(), `\u{1b}[2J`); n < 15 {
			t.Errorf("width %d: only %d of the texts are there", width, n)
		}
	}
}

// Columns stand under one another whatever the width of their letters.
func TestTextAlignsWideLetters(t *testing.T) {
	tab := &Table{Columns: []Column{{"a", "文件", Text}, {"n", "次数", Number}, {"z", "z", Text}}, Rows: [][]Cell{
		{"证据/合同.docx", int64(7), "|"}, {"a", int64(1234567), "|"}, {"é合", nil, "|"}, {"ｆｕｌｌ", int64(-12), "|"}}}
	rep := &Report{Lang: "zh", Sections: []Section{{ID: "t", Table: tab}}}
	var b bytes.Buffer
	if err := WriteText(&b, rep, 0); err != nil {
		t.Fatal(err)
	}
	at := map[int]bool{}
	rows := 0
	for line := range strings.SplitSeq(b.String(), "\n") {
		if before, ok := strings.CutSuffix(line, "|"); ok {
			at[audit.Columns(before)] = true
			rows++
		}
	}
	if rows != 4 || len(at) != 1 {
		t.Errorf("%d rows, the last column begins at %v:\n%s", rows, at, &b)
	}
	for line := range strings.SplitSeq(textOf(t, rep, 20), "\n") {
		if audit.Columns(line) > 50 {
			t.Errorf("a narrow terminal: %q", line)
		}
	}
}

func textOf(t *testing.T, rep *Report, width int) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteText(&b, rep, width); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A cell of a table is never a formula, and one section alone is one table.
func TestCSV(t *testing.T) {
	for _, evil := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\r=1", "a,\"b\"\nc"} {
		var b bytes.Buffer
		if err := WriteCSV(&b, odd(evil), "a"); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&b).ReadAll()
		if err != nil || len(rows) != 3 || !slices.Equal(rows[0], []string{"c", "b"}) {
			t.Fatalf("%q: %q, %v", evil, rows, err)
		}
		want := "'" + strings.ReplaceAll(evil, "\r", "")
		if evil[0] == 'a' {
			want = evil
		}
		if got := rows[1][0]; strings.ReplaceAll(got, "\r", "") != want {
			t.Errorf("%q: the cell is %q", evil, got)
		}
	}
	var b bytes.Buffer
	if err := WriteCSV(&b, odd("x"), ""); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != "section,id,label,value\r\na,f,x,x\r\nsection,c,b\r\na,x,\r\na,x,\r\n" {
		t.Errorf("all sections: %q", got)
	}
	err := WriteCSV(io.Discard, odd("x"), "aa")
	if err == nil || !strings.Contains(err.Error(), `did you mean "a"?`) && !strings.Contains(err.Error(), "there are a") {
		t.Errorf("no such section: %v", err)
	}
}

func TestChartBuckets(t *testing.T) {
	in := input("", "en", nil)
	for _, c := range []struct {
		days  int
		want  int
		first string
	}{{1, 1, "2026-01-01"}, {62, 62, "2026-01-01"}, {63, 10, "2025-12-29"}, {800, 27, "2026-01"}} {
		line := newTimeline(&in, "opens")
		start := time.Date(2026, 1, 1, 3, 0, 0, 0, firmZone)
		for i := range c.days {
			line.add(start.AddDate(0, 0, i), 0, 2)
		}
		chart := line.chart(nameTexts, "opens")
		sum := 0.0
		for _, v := range chart.Series[0].Values {
			sum += v
		}
		if len(chart.Labels) != c.want || chart.Labels[0] != c.first || int(sum) != 2*c.days {
			t.Errorf("%d days: %d columns from %s, sum %v", c.days, len(chart.Labels), chart.Labels[0], sum)
		}
	}
	if newTimeline(&in, "opens").chart(nameTexts, "opens") != nil {
		t.Error("a chart of nothing")
	}
}
