//go:build browser

package report

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// attackTexts are names that somebody might give to a file, a matter or themselves.
func attackTexts(url string) []string {
	return []string{
		`<script>window.pwned=1</script>`, `</script><script>window.pwned=1</script>`, `</style><script>window.pwned=1</script>`, `"><img src=x onerror="window.pwned=1">`,
		`'><svg onload=window.pwned=1>`, `<iframe src="` + url + `"></iframe>`, `<img src="` + url + `">`, `javascript:window.pwned=1`, `" onmouseover="window.pwned=1`,
		`x" style="background:url(` + url + `)`, `"}body{background:url(` + url + `)}`, `\"}*{background:red}/*`, `<link rel=stylesheet href="` + url + `">`,
		`<meta http-equiv=refresh content="0;url=` + url + `">`, `</title><script>window.pwned=1</script>`, `{{.Style}}`, `<!--`, `-->`, `]]>`, `<base href="` + url + `">`,
		`<form action="` + url + `"><input autofocus onfocus=window.pwned=1>`, `&lt;script&gt;`, `</text></svg><script>window.pwned=1</script>`, "\u2028\u2029</bdi>\u202e", `<a href="javascript:window.pwned=1">x`,
	}
}

// attacks: whatever stands in a report stays text.
func attacks(t *testing.T, b *chromium) {
	var hits atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer srv.Close()
	for i, evil := range attackTexts(srv.URL) {
		r := odd(evil)
		for k, kind := range []string{ChartColumns, ChartWeek} {
			r.Sections = append(r.Sections, Section{ID: fmt.Sprint("x", k), Title: evil, Chart: &Chart{Kind: kind, Title: evil, Unit: evil, Labels: []string{evil, "x"},
				Series: []Series{{evil, []float64{1, 2}}, {evil, []float64{3}}}}})
		}
		file := filepath.Join(t.TempDir(), fmt.Sprintf("%d.html", i))
		writeHTML(t, file, r)
		p := b.open(t, fileURL(file), 1280, false)
		quiet(t, p, fileURL(file))
		var got struct {
			Pwned, Scripts, Handlers, Links, Frames, Styles int
			Title                                           string
			Background                                      string
		}
		p.eval(`({Pwned: window.pwned ? 1 : 0, Scripts: document.scripts.length, Styles: document.querySelectorAll("style,link,[style]").length,
			Handlers: [...document.querySelectorAll("*")].filter(e => [...e.attributes].some(a => a.name.startsWith("on"))).length,
			Links: document.querySelectorAll("a:not([href^='#s-']),form,base,img,object,embed").length, Frames: frames.length,
			Title: document.querySelector("h1").textContent, Background: getComputedStyle(document.body).backgroundImage + getComputedStyle(document.body).backgroundColor})`, &got)
		want := got
		want.Pwned, want.Scripts, want.Handlers, want.Links, want.Frames, want.Styles = 0, 0, 0, 0, 0, 1
		want.Background = "nonergb(255, 255, 255)"
		if got != want {
			t.Errorf("%s: %+v", evil, got)
		}
		shown := ""
		for _, part := range parts(evil) {
			shown += part.Text
		}
		if got.Title != shown {
			t.Errorf("the title is %q, want %q", got.Title, shown)
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d requests left the browser", n)
	}
}

// controls: a page without our care is caught by the same eyes. A test that cannot fail shows nothing.
func controls(t *testing.T, b *chromium) {
	var hits atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer srv.Close()
	file := filepath.Join(t.TempDir(), "bad.html")
	open := func(head, body string) *tab {
		if err := os.WriteFile(file, []byte(`<!DOCTYPE html><meta charset=utf-8>`+head+body), 0o600); err != nil {
			t.Fatal(err)
		}
		return b.open(t, fileURL(file), 390, false)
	}
	evil := `<img src="` + srv.URL + `/x"><script>window.pwned=1;console.error("here")</script><div style="width:900px">wide</div>`
	p := open("", evil)
	var pwned, wide int
	p.eval("window.pwned|0", &pwned)
	p.eval("document.documentElement.scrollWidth", &wide)
	if pwned != 1 || wide <= 390 || hits.Load() == 0 || len(p.complaints()) == 0 || len(p.asked()) < 2 {
		t.Errorf("without protection: pwned %d, %d pixels wide, %d requests, complaints %q, asked %q", pwned, wide, hits.Load(), p.complaints(), p.asked())
	}
	hits.Store(0)
	rep := &page{Report: sample("en", 1), css: ""}
	p = open(`<meta http-equiv="Content-Security-Policy" content="`+rep.Policy()+`">`, evil)
	p.eval("window.pwned|0", &pwned)
	if pwned != 0 || hits.Load() != 0 {
		t.Errorf("the policy alone lets a script run (%d) or %d requests leave", pwned, hits.Load())
	}
}
