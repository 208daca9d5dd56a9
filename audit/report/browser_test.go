//go:build browser

package report

import (
	"bytes"
	"fmt"
	"image"
	_ "image/png"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestBrowser looks at reports with a real browser, as people will: on a screen of a desk and of a telephone, and on paper. Run it with
// `make test-browser`; MATTERFS_SHOTS=DIR keeps the pictures.
func TestBrowser(t *testing.T) {
	b := startChromium(t)
	t.Run("reports", func(t *testing.T) { everyReport(t, b) })
	t.Run("paper", func(t *testing.T) { onPaper(t, b) })
	t.Run("attacks", func(t *testing.T) { attacks(t, b) })
	t.Run("colours", func(t *testing.T) { colours(t, b) })
	t.Run("controls", func(t *testing.T) { controls(t, b) })
}

// everyReport renders each kind of report in both languages.
func everyReport(t *testing.T, b *chromium) {
	dir := story().write(t, 100)
	for _, spec := range Specs() {
		for _, lang := range []string{"zh", "en"} {
			t.Run(spec.Name+"-"+lang, func(t *testing.T) {
				in := input(dir, lang, someParams(t, spec))
				in.From, in.Facts = day("2026-11-01"), someFacts()
				looks(t, b, mustMake(t, spec.Name, in))
			})
		}
	}
	for _, lang := range []string{"zh", "en"} {
		t.Run("all-"+lang, func(t *testing.T) { looks(t, b, sample(lang, 60)) })
		for name, log := range map[string]func(*testing.T) (string, Input){"anomalies": planted, "summary": twoMonths} {
			t.Run("long-"+name+"-"+lang, func(t *testing.T) {
				dir, in := log(t)
				in.Lang = lang
				looks(t, b, made(t, name, dir, in))
			})
		}
	}
}

// someParams asks about somebody and something of the story.
func someParams(t *testing.T, spec Spec) map[string]string {
	known := map[string]string{"matter": "2026-0100", "user": "chen.jie", "client": "C0090", "seed": "half-year-2", "at": "2026-11-15", "date": "2026-11-15", "org": "翻译公司"}
	params := map[string]string{}
	for _, p := range spec.Params {
		if p.Required || spec.Name == "access-at" && p.Key == "matter" {
			v, ok := known[p.Key]
			if !ok {
				t.Errorf("report %s: say in someParams what %s is", spec.Name, p.Key)
			}
			params[p.Key] = v
		}
	}
	return params
}

// looks checks what must hold of every report.
func looks(t *testing.T, b *chromium, r *Report) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.html")
	writeHTML(t, file, r)
	for _, width := range []int{1280, 390} {
		p := b.open(t, fileURL(file), width, false)
		quiet(t, p, fileURL(file))
		fits(t, p, width)
		seen(t, p.screenshot(width), width)
		if width > 1000 {
			counts(t, p, r)
			printed(t, p, r)
		}
	}
}

func writeHTML(t *testing.T, file string, r *Report) {
	t.Helper()
	var buf bytes.Buffer
	if err := HTML(&buf, r); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// quiet: nothing in the console, and nothing asked for but the file itself.
func quiet(t *testing.T, p *tab, url string) {
	t.Helper()
	for _, c := range p.complaints() {
		t.Errorf("the browser says: %s", c)
	}
	for _, u := range p.asked() {
		if u != url {
			t.Errorf("the page asks for %s", u)
		}
	}
}

// fits: nothing stands out at the right, but for what can be scrolled by itself.
func fits(t *testing.T, p *tab, width int) {
	t.Helper()
	var out []string
	p.eval(`[...document.body.querySelectorAll("*")].filter(e => !e.closest(".scroll,svg,details") && e.getBoundingClientRect().right > innerWidth + 0.5)
		.map(e => e.tagName + "." + e.className + " " + e.textContent.slice(0, 60))`, &out)
	for _, s := range out {
		t.Errorf("at %d pixels this stands out at the right: %s", width, s)
	}
	var wide int
	if p.eval("document.documentElement.scrollWidth", &wide); wide > width {
		t.Errorf("at %d pixels the page is %d wide", width, wide)
	}
	p.eval(`[...document.querySelectorAll(".field text")].filter(e => getComputedStyle(e).display != "none" && e.getBoundingClientRect().right > innerWidth).map(e => e.textContent)`, &out)
	if len(out) > 0 {
		t.Errorf("at %d pixels words of charts are cut: %q", width, out)
	}
}

// seen: the picture has something on it, in more than a few colours.
func seen(t *testing.T, png []byte, width int) {
	t.Helper()
	img, _, err := image.Decode(bytes.NewReader(png))
	if err != nil {
		t.Fatal(err)
	}
	box := img.Bounds()
	colours := map[[3]uint32]bool{}
	for y := 0; y < box.Dy(); y += 3 {
		for x := 0; x < box.Dx(); x += 3 {
			r, g, b, _ := img.At(x, y).RGBA()
			colours[[3]uint32{r, g, b}] = true
		}
	}
	if box.Dx() != width || box.Dy() < 300 || len(colours) < 20 {
		t.Errorf("the picture is %dx%d with %d colours", box.Dx(), box.Dy(), len(colours))
	}
}

// counts: what the model has stands in the page.
func counts(t *testing.T, p *tab, r *Report) {
	t.Helper()
	for _, s := range r.Sections {
		var got struct{ Rows, Figures, Bars, Boxes, Signs int }
		p.eval(fmt.Sprintf(`(s => ({Rows: s.querySelectorAll(".scroll:not(details .scroll) tbody tr").length, Figures: s.querySelectorAll(".figures li").length,
			Bars: s.querySelectorAll(".barlist tr").length, Boxes: s.querySelectorAll(".field rect").length, Signs: s.querySelectorAll(".sign .line").length}))(document.getElementById(%q))`,
			"s-"+s.ID), &got)
		want := got
		want.Rows, want.Figures, want.Signs, want.Bars = len(tableRows(s.Table)), len(s.Figures), len(s.Sign), 0
		if s.Chart != nil && s.Chart.Kind == ChartBars {
			want.Bars = len(s.Chart.Labels)
		}
		if s.Chart != nil && s.Chart.Kind == ChartWeek {
			want.Boxes = 7 * 24
		}
		if got != want {
			t.Errorf("section %s has %+v, want %+v", s.ID, got, want)
		}
	}
}

// printed: A4, with the text as text, and nothing beyond the margin at the right.
func printed(t *testing.T, p *tab, r *Report) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.pdf")
	p.pdf(file)
	for i, page := range pages(t, file) {
		across := page.w > page.h
		if w, h := page.w, page.h; across && (near(w, 842) != near(h, 595) || !near(w, 842)) || !across && (!near(w, 595) || !near(h, 842)) {
			t.Errorf("page %d is %.0fx%.0f, not A4", i+1, w, h)
		}
		for _, word := range page.words {
			if word.right > page.w-margin+2 || word.left < margin-2 {
				t.Errorf("page %d: %q stands from %.0f to %.0f, on a page of %.0f", i+1, word.text, word.left, word.right, page.w)
			}
		}
		if foot := fmt.Sprintf("%d/%d", i+1, len(pages(t, file))); !strings.Contains(page.flat(), foot) {
			t.Errorf("page %d has no %q at its foot", i+1, foot)
		}
	}
	text := squeeze(poppler(t, "pdftotext", file, "-"))
	for _, s := range []string{r.Title, r.Sections[0].Title, r.Sections[len(r.Sections)-1].Title} {
		if !strings.Contains(text, squeeze(visible(s))) {
			t.Errorf("the text of the PDF lacks %q", s)
		}
	}
}

// margin is 15 mm in points.
const margin = 42.5

func near(a, b float64) bool { return a > b-2 && a < b+2 }

func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }

type pdfPage struct {
	w, h  float64
	words []pdfWord
}

type pdfWord struct {
	left, right, top float64
	text             string
}

func (p *pdfPage) flat() string {
	var b strings.Builder
	for _, w := range p.words {
		b.WriteString(w.text)
	}
	return b.String()
}

var (
	pageTag = regexp.MustCompile(`<page width="([0-9.]+)" height="([0-9.]+)">`)
	wordTag = regexp.MustCompile(`<word xMin="([0-9.-]+)" yMin="([0-9.-]+)" xMax="([0-9.-]+)" yMax="[0-9.-]+">(.*)</word>`)
)

// pages reads where each word of a PDF stands.
func pages(t *testing.T, file string) (list []pdfPage) {
	t.Helper()
	num := func(s string) float64 {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for line := range strings.SplitSeq(poppler(t, "pdftotext", "-bbox", file, "-"), "\n") {
		if m := pageTag.FindStringSubmatch(line); m != nil {
			list = append(list, pdfPage{w: num(m[1]), h: num(m[2])})
		}
		if m := wordTag.FindStringSubmatch(line); m != nil && len(list) > 0 {
			p := &list[len(list)-1]
			p.words = append(p.words, pdfWord{num(m[1]), num(m[3]), num(m[2]), m[4]})
		}
	}
	if len(list) == 0 {
		t.Fatalf("%s has no pages", file)
	}
	return list
}

// onPaper: the head of a long table stands on each of its pages, and no row is broken: the words of a row are on one page.
func onPaper(t *testing.T, b *chromium) {
	r := sample("zh", 300)
	file := filepath.Join(t.TempDir(), "long.html")
	writeHTML(t, file, r)
	p := b.open(t, fileURL(file), 1280, false)
	pdf := filepath.Join(t.TempDir(), "long.pdf")
	p.pdf(pdf)
	list, heads, last := pages(t, pdf), 0, 0
	for i, page := range list {
		if strings.Contains(page.flat(), "#48212") || heads > 0 && strings.Contains(page.flat(), "#4") {
			if last = i; strings.Contains(page.flat(), "登录人不同") {
				heads++
			}
		}
	}
	first := last - heads + 1
	if heads < 5 || first < 1 {
		t.Errorf("the head of the table stands on %d of %d pages", heads, len(list))
	}
	for i := range 300 {
		seq := fmt.Sprintf("#%d", 48212+i*3)
		n := 0
		for _, page := range list {
			n += strings.Count(page.flat(), seq)
		}
		if n != 1 && i > 0 {
			t.Errorf("row %s stands %d times on paper", seq, n)
		}
	}
	sum, in := twoMonths(t)
	in.Lang = "zh"
	writeHTML(t, file, made(t, "summary", sum, in))
	b.open(t, fileURL(file), 1280, false).pdf(pdf)
	if n := len(pages(t, pdf)); n > 2 {
		t.Errorf("the summary takes %d pages, want at most two", n)
	}
}

// colours: text can be read in light and in dark, by the contrast of WCAG 2.1 (1.4.3): 4.5 to 1.
func colours(t *testing.T, b *chromium) {
	file := filepath.Join(t.TempDir(), "colours.html")
	writeHTML(t, file, sample("en", 60))
	for _, dark := range []bool{false, true} {
		p := b.open(t, fileURL(file), 1280, dark)
		var list []struct {
			What, Text, Back string
		}
		p.eval(`["body","h1",".kind",".kind .id","dt",".soft",".intro",".rows th",".rows td",".rows .q",".figures .label",".figures .alarm strong",".esc",".filter code","nav a",".barlist th","summary"].map(q => {
			const e = document.querySelector(q); let b = e;
			while (b && getComputedStyle(b).backgroundColor == "rgba(0, 0, 0, 0)") b = b.parentElement;
			return {What: q, Text: getComputedStyle(e).color, Back: getComputedStyle(b).backgroundColor}})`, &list)
		for _, c := range list {
			if ratio := contrast(t, c.Text, c.Back); ratio < 4.5 {
				t.Errorf("dark %v: %s has a contrast of %.1f (%s on %s)", dark, c.What, ratio, c.Text, c.Back)
			}
		}
		if lum := luminance(t, list[0].Back); dark != (lum < 0.1) {
			t.Errorf("dark %v: the page's luminance is %.2f", dark, lum)
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(t *testing.T, css string) float64 {
	t.Helper()
	var c [3]float64
	if _, err := fmt.Sscanf(css, "rgb(%g, %g, %g)", &c[0], &c[1], &c[2]); err != nil {
		t.Fatalf("%q: %v", css, err)
	}
	return relative(c)
}

// relative is the relative luminance of WCAG 2.1.
func relative(c [3]float64) float64 {
	l := linear(c)
	return 0.2126*l[0] + 0.7152*l[1] + 0.0722*l[2]
}
