package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func rendered(t testing.TB, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestHTMLNeedsNothingElse: no script, no address, no style but the one whose hash the policy names.
func TestHTMLNeedsNothingElse(t *testing.T) {
	for _, lang := range []string{"zh", "en"} {
		page := rendered(t, sample(lang, 50))
		for _, s := range []string{"<script", "http:", "https:", "//", "@import", "<link", "<img", " style=", " src=", "javascript", "ZgotmplZ", "%!"} {
			if strings.Contains(strings.ReplaceAll(page, "<!DOCTYPE", ""), s) {
				t.Errorf("%s: the page has %q", lang, s)
			}
		}
		if !strings.Contains(page, `content="default-src &#39;none&#39;; style-src &#39;sha256-`) {
			t.Error("the page has no policy")
		}
		if !utf8.ValidString(page) {
			t.Error("the page is not UTF-8")
		}
	}
}

// TestHTMLStyleIsThatOfThePolicy: html/template leaves the style sheet as it is, or the browser would refuse it.
func TestHTMLStyleIsThatOfThePolicy(t *testing.T) {
	for _, title := range []string{"plain", `</style><script>`, "\"}*{color:red}", "标题\n\\", strings.Repeat("长", 200)} {
		r := sample("en", 1)
		r.Title = title
		_, rest, _ := strings.Cut(rendered(t, r), "<style>")
		css, _, _ := strings.Cut(rest, "</style>")
		if css != style(r) {
			t.Errorf("title %q: the style sheet is not that of the policy", title)
		}
	}
}

// TestCSSString: whatever the text, what comes out is one string of CSS that says it.
func TestCSSString(t *testing.T) {
	ok := regexp.MustCompile(`^"([A-Za-z0-9]|\\[0-9a-f]{6})*"$`)
	for _, s := range []string{"", "a b", `"\` + "\n\r\f\x00", "</style>", "中文𠀀", "\xff"} {
		if got := cssString(s); !ok.MatchString(got) {
			t.Errorf("%q becomes %s", s, got)
		}
	}
	if got := cssString("é1"); got != `"\0000e91"` {
		t.Errorf(`é1 becomes %s`, got)
	}
}

// TestHTMLTextStaysText: each text of a report, wherever it stands, is found again unchanged by a parser, and makes no element.
func TestHTMLTextStaysText(t *testing.T) {
	plainPage := rendered(t, odd("harmless"))
	for _, evil := range []string{`<b>x</b>`, `</bdi></td><td>`, `"><svg/onload=alert(1)>`, `</style>`, `'"&<>`, `{{.}}`, `javascript:alert(1)`, `</title>`, `<!-- `} {
		page := rendered(t, odd(evil))
		if a, b := strings.Count(page, "<"), strings.Count(plainPage, "<"); a != b {
			t.Errorf("%q makes %d tags of %d", evil, a, b)
		}
		if n := strings.Count(texts1(t, page), evil); n < 12 {
			t.Errorf("%q is found %d times in the text", evil, n)
		}
	}
}

// texts1 is the text of a page, as a lenient XML parser sees it.
func texts1(t *testing.T, page string) string {
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var b strings.Builder
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return b.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := tok.(xml.CharData); ok {
			b.Write(c)
		}
	}
}

// TestParts: what cannot be seen is spelled out, all the rest stays.
func TestParts(t *testing.T) {
	for in, want := range map[string]string{
		"证据/合同.docx": "证据/合同.docx", "a\u202eb": "a[\\u{202e}]b", "\xff\x00": "[\\xff][\\u{0}]", "é": "é", "e\u0301": "e\u0301", "全\u3000角": "全\u3000角",
		"a\nb\t": "a[\\u{a}]b[\\u{9}]", "\ufeffx\u200b": "[\\u{feff}]x[\\u{200b}]", `\u{202e}`: `\u{202e}`, "x" + strings.Repeat("\u0301", 6): "x\u0301\u0301\u0301\u0301[\\u{301}][\\u{301}]",
	} {
		got := ""
		for _, p := range parts(in) {
			if p.Hidden {
				got += "[" + p.Text + "]"
			} else {
				got += p.Text
			}
		}
		if got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}

func FuzzParts(f *testing.F) {
	for _, s := range []string{"", "a\u202eb", "\xff\xfe", longName, "e\u0301\u0301\u0301\u0301\u0301\u0301"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		kept := ""
		for _, p := range parts(s) {
			if !p.Hidden {
				kept += p.Text
			}
			if !plain(p.Text) && strings.Count(p.Text, "") > 5*maxMarks && !strings.ContainsAny(p.Text, "\u0300\u0301") && p.Hidden {
				t.Errorf("%q is not shown whole", p.Text)
			}
		}
		for _, r := range kept {
			if r != utf8.RuneError && spell(r, "", 0) != "" {
				t.Errorf("%q shows %q", s, r)
			}
		}
		if plain(s) && visible(s) != strings.ReplaceAll(s, `\`, `\\`) {
			t.Errorf("%q is shown as %q", s, visible(s))
		}
	})
}

// TestHTMLStreams: 100,000 rows go out while they are made; memory does not grow with them.
func TestHTMLStreams(t *testing.T) {
	r := sample("zh", 100_000)
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	w := &meter{}
	if err := HTML(w, r); err != nil {
		t.Fatal(err)
	}
	if grown := int64(w.most) - int64(before.HeapAlloc); grown > 64<<20 || w.n < 20<<20 {
		t.Errorf("%d bytes written, the heap grew by %d", w.n, grown)
	}
}

// meter looks at the heap now and then while it is written to.
type meter struct {
	n    int
	most uint64
	next int
}

func (m *meter) Write(b []byte) (int, error) {
	if m.n += len(b); m.n > m.next {
		m.next = m.n + 4<<20
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		m.most = max(m.most, s.HeapAlloc)
	}
	return len(b), nil
}

func TestHTMLTellsWhenItCannotWrite(t *testing.T) {
	if err := HTML(failing{}, sample("en", 10)); err == nil {
		t.Error("an error of the writer is lost")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestScale: lines of an axis reach the highest value, are few, and are round.
func TestScale(t *testing.T) {
	for _, most := range []float64{0, 0.3, 1, 2, 3, 4, 7, 9.5, 10, 11, 99, 101, 12345, 1e9} {
		step, lines := scale(most)
		if step*float64(lines) < most || lines < 1 || lines > 5 {
			t.Errorf("%v: %d lines of %v", most, lines, step)
		}
		if lead := strconv.FormatFloat(step, 'e', 6, 64)[0]; lead != '1' && lead != '2' && lead != '5' {
			t.Errorf("%v: a step of %v", most, step)
		}
		if most >= 1 && most == math.Trunc(most) && step != math.Trunc(step) {
			t.Errorf("%v: counts have steps of %v", most, step)
		}
	}
}

// TestChartsBearAnything: missing, negative, endless and no numbers are drawn as nothing; no label, no chart.
func TestChartsBearAnything(t *testing.T) {
	for _, kind := range []string{ChartBars, ChartColumns, ChartWeek, "pie"} {
		r := &Report{Lang: "en", Sections: []Section{{ID: "a", Chart: &Chart{Kind: kind, Labels: []string{"a", "b", "c", longName},
			Series: []Series{{"x", []float64{math.NaN(), math.Inf(1), -3}}, {"y", []float64{5}}, {"z", nil}}}}, {ID: "b", Chart: &Chart{Kind: kind}}}}
		page := rendered(t, r)
		if regexp.MustCompile(`(width|height|x|y)="[^"]*(NaN|Inf|e[+-])`).MatchString(page) || strings.Count(page, "<figure") != 1 {
			t.Errorf("%s: a bad number or a chart without labels is drawn", kind)
		}
	}
}

// TestManySeries: what there is no colour for is drawn as one, and stands in the table.
func TestManySeries(t *testing.T) {
	c := &Chart{Kind: ChartColumns, Labels: []string{"a"}}
	for i := range 9 {
		c.Series = append(c.Series, Series{fmt.Sprint("series", i), []float64{1}})
	}
	page := rendered(t, &Report{Lang: "en", Sections: []Section{{ID: "a", Chart: c}}})
	if !strings.Contains(page, "others: 4") || !strings.Contains(page, "<bdi>series8</bdi>") || strings.Contains(page, `class="f7"`) {
		t.Error("nine series are not drawn as six with a table of nine")
	}
}

// TestColours: neighbours in a stack differ in grey, and any two solid colours to those who see no red, no green or no blue.
func TestColours(t *testing.T) {
	hex := regexp.MustCompile(`--c([1-6]):#([0-9a-f]{6})`)
	all := hex.FindAllStringSubmatch(pageStyle, -1)
	if len(all) != 2*maxSeries {
		t.Fatalf("%d colours, want six for light and six for dark", len(all))
	}
	for i := range 2 {
		var list [][3]float64
		for _, m := range all[i*maxSeries : (i+1)*maxSeries] {
			n, err := strconv.ParseUint(m[2], 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, [3]float64{float64(n >> 16), float64(n >> 8 & 255), float64(n & 255)})
		}
		for k := range list {
			for j := range k {
				if grey := math.Abs(lightness(list[k]) - lightness(list[j])); k == j+1 && grey < 12 {
					t.Errorf("theme %d: colours %d and %d differ by %.0f in grey", i, j+1, k+1, grey)
				}
				for name, m := range blindness() {
					if d := apart(seenBy(m, list[k]), seenBy(m, list[j])); d < 20 {
						t.Errorf("theme %d: to %s colours %d and %d differ by %.0f", i, name, j+1, k+1, d)
					}
				}
			}
		}
	}
}

func linear(c [3]float64) (l [3]float64) {
	for i, v := range c {
		if v /= 255; v <= 0.04045 {
			l[i] = v / 12.92
		} else {
			l[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return l
}

// lightness is L* of CIELAB, 0 to 100.
func lightness(c [3]float64) float64 { return lab(c)[0] }

func lab(c [3]float64) [3]float64 {
	l := linear(c)
	f := func(x, y, z, white float64) float64 {
		v := (x*l[0] + y*l[1] + z*l[2]) / white
		if v > 216.0/24389 {
			return math.Cbrt(v)
		}
		return (24389.0/27*v + 16) / 116
	}
	x, y, z := f(0.4124, 0.3576, 0.1805, 0.9505), f(0.2126, 0.7152, 0.0722, 1), f(0.0193, 0.1192, 0.9505, 1.089)
	return [3]float64{116*y - 16, 500 * (x - y), 200 * (y - z)}
}

func apart(a, b [3]float64) float64 {
	x, y := lab(a), lab(b)
	return math.Sqrt((x[0]-y[0])*(x[0]-y[0]) + (x[1]-y[1])*(x[1]-y[1]) + (x[2]-y[2])*(x[2]-y[2]))
}

// blindness are the matrices of Machado, Oliveira and Fernandes (2009) for full dichromacy, over linear RGB.
func blindness() map[string][9]float64 {
	return map[string][9]float64{
		"protanopes":   {0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998},
		"deuteranopes": {0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881},
		"tritanopes":   {1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900},
	}
}

func seenBy(m [9]float64, c [3]float64) (out [3]float64) {
	l := linear(c)
	for i := range out {
		v := min(1, max(0, m[3*i]*l[0]+m[3*i+1]*l[1]+m[3*i+2]*l[2]))
		if v <= 0.0031308 {
			out[i] = 255 * 12.92 * v
		} else {
			out[i] = 255 * (1.055*math.Pow(v, 1/2.4) - 0.055)
		}
	}
	return out
}

// TestLabelsOfColumns: with any number of columns some labels stay on a telephone, at even distances, and none stands on another.
func TestLabelsOfColumns(t *testing.T) {
	for n := 1; n <= 400; n++ {
		c := &Chart{Kind: ChartColumns, Series: []Series{{"x", make([]float64, n)}}}
		for range n {
			c.Labels = append(c.Labels, "2026-11-02")
		}
		wide, narrow := 0, 0
		for _, m := range columns(c).Marks {
			if wide++; m.Class == "m" {
				narrow++
			}
		}
		if each := width("2026-11-02"); wide*each > plotWide || narrow*each > plotNarrow || narrow == 0 || n > 60 && narrow < 2 {
			t.Errorf("%d columns: %d labels, %d on a telephone", n, wide, narrow)
		}
	}
}
